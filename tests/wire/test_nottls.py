"""What a peer speaks that is no TLS, and how early that is known."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pumpproxy.wire.nottls import NotTls, what_else
from tests.wire.proxyheaders import BLOCK4, LINE4

HTTP = [
    b"GET /",
    b"HEAD /",
    b"POST /inbox HTTP/1.1\r\n",
    b"OPTIONS *",
    b"PROPFIND /calendars/",
    b"GET http://pump2.example.org/",
    b"GET HTTP://pump2.example.org/",
    b"CONNECT pump2.example.org:443 HTTP/1.1",
    b"CONNECT [::1]:443",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]
NOISE = [
    b"get / HTTP/1.1\r\n",
    b"GETX /",
    b"GET \r\n",
    b"GET  /",
    b"GET\t/",
    b"GET\r\n",
    b"\r\nGET / HTTP/1.1",
    b"OPTIONS sip:pump2.example.org SIP/2.0",
    b"OPTIONS rtsp://pump2.example.org/ RTSP/1.0",
    b"EHLO x\r\n",
    b"PROXY\tTCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    b"proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    b"\r\n\r\n\x00\r\nQUIT\r\n",
    b"\r\n\r\n\r\n",
    b"SSH/2.0",
    b"\x04\x01\x00\x50",
    b"\x05\x01\x00",
    b"\x03\x00\x00\x13",
    b"\x00\x0e8",
    b"\x13BitTorrent protocol",
    b"\x15\x03\x01\x00\x02\x02\x28",
    b"\x17\x03\x03\x00\x10",
    b"\xff" * 5,
    b"\x80\x2e\x02\x00\x02",
    b"\x80\x2e\x01\x00\x03",
    b"\x80\x2e\x01\x02\x00",
]


@pytest.mark.parametrize("data", HTTP)
def test_a_request_line_is_http(data: bytes) -> None:
    """A method of HTTP, a space, and the first byte of a target it takes."""
    assert what_else(data) is NotTls.HTTP


@pytest.mark.parametrize("data", HTTP)
def test_http_is_known_at_the_first_byte_of_the_target(data: bytes) -> None:
    """Not before, because other protocols begin alike; and no later, because more may not come."""
    known_at = data.index(b" ") + 2
    assert [what_else(data[:end]) for end in range(known_at + 1)] == [*[None] * known_at, NotTls.HTTP]


@pytest.mark.parametrize("data", NOISE)
def test_all_else_is_noise(data: bytes) -> None:
    """Also what resembles HTTP: no readable answer goes to a peer that would not read it."""
    assert what_else(data) is NotTls.NOISE


@pytest.mark.parametrize(("data", "known_at"), [(b"EHLO x", 1), (b"GETX", 4), (b"\x05\x01", 1), (b"SST", 3)])
def test_noise_is_known_at_its_first_impossible_byte(data: bytes, known_at: int) -> None:
    """Nothing is waited for that could not change the answer."""
    assert what_else(data[:known_at]) is NotTls.NOISE
    assert what_else(data[: known_at - 1]) is None


def test_ssh_is_known_by_four_bytes() -> None:
    """SSH- and not before; SEARCH begins with the same letter."""
    assert [what_else(b"SSH-2.0-OpenSSH_9.2"[:end]) for end in (1, 2, 3, 4, 19)] == [None] * 3 + [NotTls.SSH] * 2
    assert what_else(b"SEARCH /") is NotTls.HTTP


@pytest.mark.parametrize(("data", "known_at"), [(LINE4, 6), (b"PROXY UNKNOWN\r\n", 6), (BLOCK4, 12)])
def test_a_proxy_header_is_known_by_its_signature(data: bytes, known_at: int) -> None:
    """However it is cut: nobody is to take the rest of one for something else."""
    assert {what_else(data[:end]) for end in range(known_at)} == {None}
    assert {what_else(data[:end]) for end in range(known_at, len(data))} == {NotTls.PROXY}


@pytest.mark.parametrize("version", [b"\x00\x02", b"\x03\x00", b"\x03\x03"])
def test_an_sslv2_hello_is_known_by_its_version(version: bytes) -> None:
    """SSL 2.0's own, and the one that offers TLS."""
    data = b"\x80\x2e\x01" + version + b"\x00\x15"
    assert [what_else(data[:end]) for end in range(7)] == [None] * 5 + [NotTls.SSLV2] * 2


@given(st.one_of(st.binary(max_size=24), st.sampled_from([*HTTP, *NOISE, LINE4, BLOCK4])), st.binary(max_size=24))
@example(b"M", b"KCALENDAR /")
def test_an_answer_is_final(first: bytes, then: bytes) -> None:
    """What more bytes say is what fewer bytes said, where those said anything."""
    early = what_else(first)
    assert early is None or what_else(first + then) is early
    assert what_else(bytearray(first)) is early

"""Heads of the usual kind: what is read in one pass means the same to the general readers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.wire.errors import HttpError
from pumpproxy.wire.framing import BodyKind
from pumpproxy.wire.http1 import RequestReader, ResponseReader, response_framing
from pumpproxy.wire.plainhead import MOST, PlainGet, plain_get, plain_response

GET = b"GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\n\r\nhello"


def test_a_whole_get() -> None:
    """Its path, and what stands behind the request line."""
    assert plain_get(GET) == PlainGet(b"/a?b", b"Host: a\r\n\r\n")


@pytest.mark.parametrize("cut", range(len(GET)))
def test_a_get_that_is_not_whole(cut: int) -> None:
    """At no byte."""
    assert plain_get(GET[:cut]) is None


@pytest.mark.parametrize(
    "data",
    [
        GET + b"x",
        GET + GET,
        b"\r\n" + GET,
        GET.replace(b"GET", b"HEAD"),
        GET.replace(b"GET", b"get"),
        GET.replace(b"1.1", b"1.0"),
        GET.replace(b"1.1", b"1.2"),
        GET.replace(b"/a?b", b"*"),
        GET.replace(b"/a?b", b"http://a/"),
        GET.replace(b"/a?b", b"/a#b"),
        GET.replace(b"/a?b", b"/a b"),
        GET.replace(b"/a?b", b"/\x80"),
        GET.replace(b"/a?b", b"/\t"),
        GET.replace(b"\r\nHost", b"\nHost"),
        GET.replace(b"Host: a", b"Host: " + b"a" * MOST),
    ],
)
def test_what_is_no_plain_get(data: bytes) -> None:
    """The general reader sees to it."""
    assert plain_get(data) is None


@given(
    st.lists(st.sampled_from([b"GET ", b"/", b"x", b"%", b" ", b"HTTP/1.1", b"\r\n", b"\r", b":", b"Host: a", b"\x80"]))
)
def test_a_plain_get_is_one_to_the_general_reader(parts: list[bytes]) -> None:
    """The same path, and nothing behind it; or its fields are refused."""
    data = b"".join(parts)
    get = plain_get(data)
    if get is None:
        return
    assert data.endswith(get.section)
    reader = RequestReader()
    try:
        head = reader.feed(data)
    except HttpError:
        return
    assert head is not None
    assert (head.method, head.path, head.version, head.length) == (b"GET", get.path, (1, 1), len(data))


@pytest.mark.parametrize(
    ("data", "status", "length", "hops"),
    [
        (OK, 200, 5, False),
        (OK.replace(b"Server: x", b"Connection: Keep-Alive\r\nkeep-alive: timeout=5"), 200, 5, True),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, 0, False),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, 0, False),
        (b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", 304, 0, False),
        (b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", 204, 0, False),
        (b"HTTP/1.1 500 \r\nContent-Length: 0\r\n\r\n"[:13] + b"X\r\nContent-Length: 0\r\n\r\n", 500, 0, False),
    ],
)
def test_plain_responses(data: bytes, status: int, length: int, *, hops: bool) -> None:
    """The status, where the body begins, and how long it is."""
    head = plain_response(data)
    assert head is not None
    assert (head.status, head.length, head.hops) == (status, length, hops)
    assert head.size == data.index(b"\r\n\r\n") + 4


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"HTTP/1.1", b"HTTP/1.2"),
        (b"200", b"100"),
        (b"200", b"101"),
        (b"200", b"401"),
        (b"200", b"408"),
        (b"200", b"600"),
        (b"200 OK", b"200"),
        (b"200 OK", b"200 OK "),
        (b"200 OK", b"204 No Content"),
        (b": 5", b":5"),
        (b": 5", b":  5"),
        (b": 5", b": 5 "),
        (b": 5", b": 05"),
        (b": 5", b": +5"),
        (b": 5", b": 5,5"),
        (b": 5", b": 12345678901234567"),
        (b"Server: x", b"Content-Length: 5"),
        (b"Server: x", b"Transfer-Encoding: chunked"),
        (b"Server: x", b"transfer-encoding: identity"),
        (b"Server: x", b"Connection: close"),
        (b"Server: x", b"Connection: keep-alive, X"),
        (b"Server: x", b"Upgrade: h2c"),
        (b"Server: x", b"Proxy-Connection: keep-alive"),
        (b"Server: x", b"TE: trailers"),
        (b"Server: x", b"HTTP2-Settings: x"),
        (b"Server: x", b"X_Y: x"),
        (b"Server: x", b"X : x"),
        (b"Server: x", b"X:"),
        (b"Server: x", b" folded"),
        (b"Server: x", b"X: a\x00"),
        (b"Server: x", b"X: a\rb"),
        (b"Server: x", b"X: a\nb"),
        (b"Server: x", b"X" * 256 + b": y"),
        (b"Server: x", b"\r\n".join([b"X: y"] * 100)),
        (b"Content-Length: 5", b"X: y"),
        (b"\r\n\r\n", b"\r\n"),
        (b"Server: x", b"X: " + b"y" * MOST),
    ],
)
def test_what_is_no_plain_response(old: bytes, new: bytes) -> None:
    """The general reader sees to it."""
    assert plain_response(OK) is not None
    assert plain_response(OK.replace(old, new, 1)) is None


_LINES = st.sampled_from(
    [
        *(b"Content-Length: 5", b"content-length: 0", b"Connection: keep-alive", b"Keep-Alive: x", b"Server: x y"),
        *(
            b"Connection: close",
            b"Transfer-Encoding: chunked",
            b"X: \xe9\t!",
            b"X:y",
            b"X: y ",
            b"Date: now",
            b"X_Y: 1",
        ),
    ]
)


@given(st.sampled_from([b"200 OK", b"204 x", b"304 x", b"500 a  b", b"302", b"206 "]), st.lists(_LINES, max_size=5))
def test_a_plain_response_is_one_to_the_general_reader(status: bytes, lines: list[bytes]) -> None:
    """With the same status, end and body, on a connection that lives on."""
    data = b"\r\n".join([b"HTTP/1.1 " + status, *lines]) + b"\r\n\r\nhello"
    plain = plain_response(data)
    if plain is None:
        return
    head = ResponseReader().feed(data)
    assert head is not None
    assert head.keep_alive
    framing = response_framing(head, b"GET")
    assert (head.status, head.length) == (plain.status, plain.size)
    assert framing.kind is (BodyKind.NONE if plain.status in (204, 304) else BodyKind.LENGTH)
    assert framing.size == plain.length
    assert plain.hops == any(name.lower() in (b"connection", b"keep-alive") for name, _ in head.fields)

"""A connection before it is known whose it is: who must send a PROXY header, and what follows from it."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from pumpproxy.model import Mode
from pumpproxy.policy.introduction import NOBODY, HandOver, Introduction, must_introduce
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.records import Arrived, ClientAddress, RequestRecord, SessionRecord
from pumpproxy.policy.steps import ABANDON, WAIT
from tests.policy.declared import backend, config, runtime
from tests.wire.proxyheaders import BAD, CLIENT4, GOOD, INET, LINE4, LOCAL, OURS4, UNIX, block, tlv

BALANCER = ClientAddress("10.1.2.3", 40000)
STRANGER = ClientAddress("192.0.2.66", 40000)
NETWORKS = (ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48"))
ACCEPTED, WALL = 5000.0, 1_700_000_000.0
MODES = [Mode.TLS, Mode.TCP, Mode.HTTP]
HELLO = b"\x16\x03\x01"
"""What stands behind a header is not looked at."""


def came(client: ClientAddress = BALANCER, **frontend: object) -> Introduction:
    """Somebody who was accepted, on our port 8443."""
    live = runtime(backend("s"), **{"accept_proxy": NETWORKS} | frontend)
    state = live.frontends["f"]
    live.accepted(state)
    return Introduction(live, state, client, 8443, ACCEPTED)


def over(here: Introduction, outcome: Outcome, detail: str) -> SessionRecord:
    """Its record; it ended so while it was waited for, and nothing changes that."""
    again = (*map(here.received, (LINE4, b"x")), here.finished(), here.deadline_passed(), here.shut_down())
    assert {*again} == {WAIT}
    assert here.deadline() is None
    record = here.close(ACCEPTED + 2, WALL + 2)
    assert (record.outcome, record.phase, record.detail) == (outcome, Phase.REQUEST, detail)
    assert (record.client, record.frontend, record.backend, record.server) == (here.client, "f", None, None)
    assert (record.started, record.total) == (WALL, 2)
    assert record.bytes_out == 0
    return record


# Who ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "believed"),
    [
        ("10.0.0.0", True),
        ("10.255.255.255", True),
        ("11.0.0.0", False),
        ("2001:db8:1::7", True),
        ("2001:db8:2::7", False),
        ("fe80::1%eth0", False),
        ("unix", False),
        ("::ffff:10.1.2.3", False),
    ],
)
def test_who_is_in_the_networks_is_to_introduce_its_clients(host: str, *, believed: bool) -> None:
    """Of the family of the network. An address comes here as IPv4 where it is IPv4-mapped."""
    client = ClientAddress(host, 1)
    for mode in (Mode.TLS, Mode.HTTP):
        declared = config(backend("s"), mode=mode, accept_proxy=NETWORKS).frontends[0]
        assert must_introduce(declared, client) is believed


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("client", [BALANCER, STRANGER, NOBODY])
def test_nobody_has_to_where_there_are_no_networks(mode: Mode, client: ClientAddress) -> None:
    """The frontend serves whoever connected."""
    assert not must_introduce(config(backend("s"), mode=mode).frontends[0], client)


@pytest.mark.parametrize("client", [STRANGER, NOBODY])
def test_a_tcp_frontend_refuses_everybody_else(client: ClientAddress) -> None:
    """It reads nothing of its clients: one who sends a header would send it on to the server."""
    assert must_introduce(config(backend("s"), mode=Mode.TCP, accept_proxy=NETWORKS).frontends[0], client)
    here = came(client, mode=Mode.TCP)
    assert here.opened() is ABANDON
    over(here, Outcome.REFUSED, "not of the networks of accept-proxy")


# The header ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_the_client_is_the_one_of_the_header(mode: Mode) -> None:
    """With the address that it came to, and the port of that; what is behind the header is its own."""
    here = came(mode=mode)
    assert here.opened() is WAIT
    arrived = Arrived(ACCEPTED, ClientAddress(*OURS4))
    assert here.received(LINE4 + HELLO) == HandOver(ClientAddress(*CLIENT4), 443, arrived, HELLO)
    assert here.deadline() is None


def test_an_id_that_it_has_stays_with_the_connection() -> None:
    """So that every proxy on the way calls it by one name."""
    step = came().received(block(0x21, 0x11, INET + tlv(0x05, b"id")))
    assert isinstance(step, HandOver)
    assert step.arrived == Arrived(ACCEPTED, ClientAddress(*OURS4), b"id")


@pytest.mark.parametrize("header", [LOCAL, b"PROXY UNKNOWN\r\n", block(0x21, 0x00, b"")])
def test_a_header_of_nobody_is_of_who_connected(header: bytes) -> None:
    """A check of the balancer's, as a rule."""
    assert came().received(header) == HandOver(BALANCER, 8443, Arrived(ACCEPTED), b"")


def test_a_client_on_a_unix_socket_has_no_address() -> None:
    """As one that connects to a unix socket of ours."""
    step = came().received(block(0x21, 0x31, UNIX) + HELLO)
    assert step == HandOver(ClientAddress("unix", 0), None, Arrived(ACCEPTED), HELLO)


@pytest.mark.parametrize("header", [header for header, _ in GOOD])
def test_it_may_come_in_any_pieces(header: bytes) -> None:
    """Byte by byte, and the rest with the last of them."""
    here = came()
    assert {here.received(header[at : at + 1]) for at in range(len(header) - 1)} == {WAIT}
    step = here.received(header[-1:] + HELLO)
    assert isinstance(step, HandOver)
    assert step.surplus == HELLO


def test_a_second_header_is_not_read() -> None:
    """It is its client's, who may say what it likes."""
    step = came().received(LINE4 + b"PROXY TCP4 203.0.113.1 203.0.113.2 1 2\r\n")
    assert isinstance(step, HandOver)
    assert (step.client.host, step.surplus[:6]) == ("192.0.2.1", b"PROXY ")


# What is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("data", "reason"), BAD)
def test_anything_else_is_refused_without_a_word(mode: Mode, data: bytes, reason: str) -> None:
    """The log says what was wrong, and who it was that connected."""
    here = came(mode=mode)
    assert here.received(data) is ABANDON
    assert over(here, Outcome.BAD_PROXY_HEADER, reason).bytes_in == len(data)


@pytest.mark.parametrize(
    ("mode", "frontend", "seconds"),
    [
        (Mode.TLS, {"inspect_delay": 3.0}, 3.0),
        (Mode.TCP, {"inspect_delay": 3.0}, 3.0),
        (Mode.HTTP, {"inspect_delay": 3.0, "timeout_http_request": 7.0}, 7.0),
    ],
)
def test_it_has_a_deadline_whatever_trickles_in(mode: Mode, frontend: dict[str, object], seconds: float) -> None:
    """From the accept, as long as a hello or a request's head would have."""
    here = came(BALANCER, mode=mode, **frontend)
    assert here.received(LINE4[:7]) is WAIT
    assert here.deadline() == ACCEPTED + seconds
    assert here.deadline_passed() is ABANDON
    over(here, Outcome.CLIENT_SILENT, "no complete PROXY header in time")


def test_who_leaves_before_it_is_complete_has_left() -> None:
    """By a FIN or otherwise; a probe that sends nothing has no byte in the log."""
    for data in (b"", LINE4[:20], LOCAL[:-1]):
        for leave in (Introduction.finished, Introduction.lost):
            here = came()
            assert not data or here.received(data) is WAIT
            assert leave(here) is ABANDON
            assert over(here, Outcome.CLIENT_LEFT, "no complete PROXY header").bytes_in == len(data)


def test_the_service_ends_it() -> None:
    """Nothing of it is under way."""
    here = came()
    assert here.shut_down() is ABANDON
    over(here, Outcome.SHUTDOWN, "")


def test_a_defect_of_ours_is_told_as_such() -> None:
    """The first cause stands."""
    here = came()
    here.failed("ValueError")
    assert here.lost() is WAIT
    over(here, Outcome.INTERNAL, "ValueError")


@pytest.mark.parametrize(
    ("mode", "kind"), [(Mode.TLS, SessionRecord), (Mode.TCP, SessionRecord), (Mode.HTTP, RequestRecord)]
)
def test_the_record_is_of_the_frontends_kind(mode: Mode, kind: type[SessionRecord]) -> None:
    """In http it is a request that could not be read, as a connection is that never sent a byte."""
    here = came(mode=mode)
    here.received(b"junk")
    record = over(here, Outcome.BAD_PROXY_HEADER, "no PROXY header")
    assert type(record) is kind
    if isinstance(record, RequestRecord):
        assert (record.request_line, record.status, record.host) == (None, None, None)
    assert record.load[:2] == (1, 1)

"""One question to one nameserver: its answer, and nothing else, is taken for one."""

from __future__ import annotations

import contextlib
import socket
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import CancelledError
from twisted.internet.task import deferLater
from twisted.names import dns

from pumpproxy.flow.nameserver import UnansweredError
from pumpproxy.flow.nameserver import ask as really_ask
from pumpproxy.model import TcpAddress
from pumpproxy.policy.names import BY_TCP, Way
from pumpproxy.wire.dnsmessage import Question, Record, RecordType, Response
from tests.fakes import unused_port
from tests.nameservers import LOOPBACK, Nameserver, Query, Zone, a

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from twisted.internet.defer import Deferred

    from pumpproxy.interfaces import Reactor

REACTOR = cast("Reactor", reactor)
ASKED = Question("app.example", RecordType.A)
ANSWER = (Record("app.example", RecordType.A, 30, "192.0.2.1"),)
ZONE = Zone([a("app.example", "192.0.2.1")])
BY_UDP = Way(by_tcp=False)
BOTH = pytest.mark.parametrize("way", [BY_UDP, BY_TCP], ids=["udp", "tcp"])
SHORT, LONG = 0.3, 20.0


def ask(place: TcpAddress, way: Way, timeout: float = LONG) -> Deferred[Response]:
    """Ask for ASKED."""
    return really_ask(REACTOR, place, ASKED, way, timeout)


async def failure(asking: Deferred[Response]) -> str:
    """What is said of the answer that does not come."""
    with pytest.raises(UnansweredError) as caught:
        await asking
    return str(caught.value)


def held() -> set[object]:
    """What the reactor reads and what it will call."""
    return {*REACTOR.getReaders(), *REACTOR.getDelayedCalls()}


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """Neither a socket nor a timer of its own is there afterwards; what others left may go meanwhile."""
    pytest_twisted.blockon(deferLater(REACTOR, 0))
    before = held()
    yield
    pytest_twisted.blockon(deferLater(REACTOR, 0.05))
    assert held() <= before


@BOTH
@pytest_twisted.ensureDeferred
async def test_an_answer_is_what_was_sent(way: Way) -> None:
    """To the question as it was asked."""
    with Nameserver(ZONE) as server:
        response = await ask(server.place, way)
        assert response.question == ASKED
        assert response.answers == ANSWER
        assert server.asked == [("app.example", dns.A, way.by_tcp, 0)]


@pytest_twisted.ensureDeferred
async def test_ipv6_nameservers_are_asked() -> None:
    """Who is not there is known at once."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("::1", 0))
        port = sock.getsockname()[1]
        asking = ask(TcpAddress("::1", port), BY_UDP)
        raw, client = sock.recvfrom(512)
        sock.sendto(raw[:2] + b"\x81\x83" + raw[4:], client)
        assert (await asking).code == dns.ENAME
        return
    pytest.skip("machine: no IPv6")


@pytest_twisted.ensureDeferred
async def test_it_says_how_much_it_takes() -> None:
    """By EDNS, if it is told to."""
    with Nameserver(ZONE) as server:
        await ask(server.place, Way(by_tcp=False, payload=1232))
        assert server.asked == [("app.example", dns.A, False, 1232)]


@BOTH
@pytest_twisted.ensureDeferred
async def test_nobody_there_is_known_at_once(way: Way) -> None:
    """Long before the time is over."""
    assert "refused" in await failure(ask(TcpAddress(LOOPBACK, unused_port()), way))


@pytest_twisted.ensureDeferred
async def test_what_the_kernel_refuses_to_send_is_a_failure() -> None:
    """Nothing is raised; the broadcast address is no nameserver's."""
    assert await failure(ask(TcpAddress("255.255.255.255", 53), BY_UDP))


@BOTH
@pytest_twisted.ensureDeferred
async def test_silence_ends_with_the_time(way: Way) -> None:
    """That it was given; on TCP also with the connection."""
    with Nameserver(lambda _query: []) as server:
        said = await failure(ask(server.place, way, SHORT))
        assert said in ("did not answer in time", "Connection was closed cleanly.")
        assert (said == "did not answer in time") != way.by_tcp


@pytest.mark.parametrize("said", [b"", b"\1", b"\1\0half"])
@pytest_twisted.ensureDeferred
async def test_a_nameserver_that_holds_the_connection_is_left_in_time(said: bytes) -> None:
    """Connected, and nothing comes; or half of a message."""
    with Nameserver(ZONE) as server:
        server.stream = lambda _query: [said]
        assert await failure(ask(server.place, BY_TCP, SHORT)) == "did not answer in time"


def wrong_id(query: Query) -> bytes:
    """The answer to somebody else's question."""
    return query.respond(a("app.example", "203.0.113.66"), id=query.message.id ^ 1)


def wrong_name(query: Query) -> bytes:
    """The answer to another one."""
    return query.respond(a("app.example", "203.0.113.66"), queries=[dns.Query(b"evil.example", dns.A)])


def wrong_type(query: Query) -> bytes:
    """Likewise."""
    return query.respond(a("app.example", "203.0.113.66"), queries=[dns.Query(b"app.example", dns.AAAA)])


def no_question(query: Query) -> bytes:
    """An answer to nothing."""
    return query.respond(a("app.example", "203.0.113.66"), queries=[])


def echo(query: Query) -> bytes:
    """The question."""
    return bytes(query.message.toStr())


def garbage(_query: Query) -> bytes:
    """No message."""
    return b"\xff" * 40


def looping(query: Query) -> bytes:
    """A name that points at itself."""
    whole = query.respond(a("app.example", "203.0.113.66"))
    at = 12 + len(b"\3app\7example\0") + 4
    return whole[:at] + (0xC000 | at).to_bytes(2, "big") + whole[at + 2 :]


def cut(query: Query) -> bytes:
    """Not the whole of it."""
    return query.respond(a("app.example", "203.0.113.66"))[:-2]


BAD = [wrong_id, wrong_name, wrong_type, no_question, echo, garbage, looping, cut]


@pytest.mark.parametrize("bad", BAD)
@pytest_twisted.ensureDeferred
async def test_what_is_no_answer_is_passed_over(bad: object) -> None:
    """The real one, which comes after it, is taken."""

    def script(query: Query) -> list[bytes]:
        return [bad(query), *ZONE(query)]  # type: ignore[operator]

    with Nameserver(script) as server:
        assert (await ask(server.place, BY_UDP)).answers == ANSWER


@pytest.mark.parametrize("bad", BAD)
@pytest_twisted.ensureDeferred
async def test_what_is_no_answer_is_none(bad: object) -> None:
    """Where nothing better comes: by UDP the time ends, on TCP the connection is worth nothing any more."""
    with Nameserver(lambda query: [bad(query)]) as server:  # type: ignore[operator]
        assert await failure(ask(server.place, BY_UDP, SHORT)) == "did not answer in time"
        assert await failure(ask(server.place, BY_TCP)) == "sent what is no answer"


@pytest_twisted.ensureDeferred
async def test_somebody_who_guesses_does_so_a_few_times_only() -> None:
    """Each question has 64 guesses at most, of 65536."""
    with Nameserver(lambda query: [wrong_id(query)] * 200) as server:
        assert await failure(ask(server.place, BY_UDP)) == "sent too much that is no answer"


@pytest_twisted.ensureDeferred
async def test_nobody_else_can_answer() -> None:
    """What comes from another address or another port is not even received."""

    def script(query: Query) -> Iterable[bytes]:
        for host in (LOOPBACK, "127.0.0.2"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.bind((host, 0))
                other.sendto(query.respond(a("app.example", "203.0.113.66")), (LOOPBACK, query.port))
        return ZONE(query)

    with Nameserver(script) as server:
        assert (await ask(server.place, BY_UDP)).answers == ANSWER


@pytest_twisted.ensureDeferred
async def test_ids_and_ports_are_drawn_by_chance() -> None:
    """Both are new for each question: who wants to forge an answer has to guess 32 bits."""
    ids, ports = [], []

    def script(query: Query) -> list[bytes]:
        ids.append(query.message.id)
        ports.append(query.port)
        return ZONE(query)

    with Nameserver(script) as server:
        for _ in range(20):
            await ask(server.place, BY_UDP)
    for drawn in (ids, ports):
        assert len(set(drawn)) > 15
        assert len({later - one for one, later in pairwise(drawn)}) > 10


@BOTH
@pytest_twisted.ensureDeferred
async def test_a_question_can_be_taken_back(way: Way) -> None:
    """Its socket is closed at once."""
    with Nameserver(lambda _query: []) as server:
        asking = ask(server.place, way)
        asking.cancel()
        with pytest.raises(CancelledError):
            await asking


@pytest_twisted.ensureDeferred
async def test_an_answer_may_come_in_pieces() -> None:
    """On TCP, each byte on its own; and what follows it is nobody's."""

    def pieces(query: Query) -> list[bytes]:
        (whole,) = ZONE(query)
        return [bytes((byte,)) for byte in len(whole).to_bytes(2, "big") + whole + b"more"]

    with Nameserver(ZONE) as server:
        server.stream = pieces
        assert (await ask(server.place, BY_TCP)).answers == ANSWER

"""One check's moments, without a network: what is sent, told, and left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pumpproxy.checks.probes import MAX_SURPLUS, PATIENCE, Probes
from pumpproxy.model import Backend, Check, CheckKind, DnsAddress, SendProxy, Server, ServerAddress, TcpAddress
from pumpproxy.policy.attempts import ConnectFailure
from pumpproxy.policy.health import CheckStatus, Result
from tests.flow.streams import FakeStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet import protocol

    from pumpproxy.flow.stream import StreamProtocol
    from pumpproxy.interfaces import IDial, IProbe

ADDRESS = TcpAddress("192.0.2.1", 443)
V1, V2 = b"PROXY UNKNOWN\r\n", b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"


class World:
    """Every dial is this one; a test says what becomes of it."""

    def __init__(self, kind: CheckKind, *, send_proxy: SendProxy | None = None, **check: object) -> None:
        self.clock = Clock()
        self.results: list[Result] = []
        self.dialled: list[tuple[ServerAddress, float]] = []
        self.dials_cancelled = 0
        self.fails_at_once: ConnectFailure | None = None
        self.breaks = False
        self.server = Server("s", ADDRESS, send_proxy=send_proxy)
        self.check = Check(kind, **check)  # type: ignore[arg-type]
        self.stream = FakeStream(self.clock)
        self._probes = Probes(self.clock, self._dialling, self.clock.seconds)

    def _dialling(self, build: Callable[[], protocol.Protocol], failed: Callable[[ConnectFailure], None]) -> IDial:
        self.build, self.failed = build, failed
        return self

    def connect(self, address: ServerAddress, timeout: float) -> None:
        """IDial."""
        self.dialled.append((address, timeout))
        if self.breaks:
            message = "a defect"
            raise RuntimeError(message)
        if self.fails_at_once is not None:
            self.failed(self.fails_at_once)

    def cancel(self) -> None:
        """IDial."""
        self.dials_cancelled += 1

    def start(self, **backend: object) -> IProbe:
        """Begin."""
        fields: dict[str, object] = {"timeout_connect": 5.0} | backend
        return self._probes.start(Backend("b", **fields), self.server, self.check, self.results.append)  # type: ignore[arg-type]

    def connected(self) -> FakeStream:
        """The server took the connection."""
        self.stream.connect(cast("StreamProtocol", self.build()))
        self.stream.peer_takes()
        return self.stream

    @property
    def only(self) -> tuple[str, str]:
        """The one result."""
        (result,) = self.results
        return result.answer.status.value, result.answer.text

    def quiet(self) -> None:
        """Nothing is left, and nothing more is told."""
        told = len(self.results)
        self.clock.advance(0)
        assert not self.stream.connected or self.stream.protocol is None
        assert self.clock.getDelayedCalls() == []
        assert len(self.results) == told


@pytest.mark.parametrize(
    ("connect", "inter", "timeout"), [(5.0, 2.0, 2.0), (1.0, 2.0, 1.0), (0.5, 10.0, 0.5), (5.0, 60.0, 5.0)]
)
def test_the_time_to_connect(connect: float, inter: float, timeout: float) -> None:
    """The smaller of `timeout-connect` and `inter`, to the server's own address."""
    world = World(CheckKind.TCP, inter=inter)
    world.start(timeout_connect=connect)
    assert world.dialled == [(ADDRESS, timeout)]


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (ConnectFailure.REFUSED, "L4CON"),
        (ConnectFailure.UNREACHABLE, "L4CON"),
        (ConnectFailure.NO_ADDRESS, "L4CON"),
        (ConnectFailure.TIMED_OUT, "L4TOUT"),
        (ConnectFailure.RESOURCES, "SOCKERR"),
    ],
)
@pytest.mark.parametrize("at_once", [False, True])
def test_no_connection(failure: ConnectFailure, status: str, *, at_once: bool) -> None:
    """HAProxy's word for it, and ours for the failure."""
    world = World(CheckKind.HTTP)
    world.fails_at_once = failure if at_once else None
    world.start()
    if not at_once:
        world.clock.advance(0.5)
        world.failed(failure)
    assert world.only == (status, failure.value)
    assert world.results[0].seconds == (0.0 if at_once else 0.5)
    world.quiet()


@pytest.mark.parametrize("send_proxy", [None, *SendProxy])
def test_a_tcp_check_says_nothing(send_proxy: SendProxy | None) -> None:
    """No header either: the connection is reset as soon as it is there."""
    world = World(CheckKind.TCP, send_proxy=send_proxy)
    world.start()
    stream = world.connected()
    assert (stream.sent, stream.waiting, stream.aborted) == (b"", b"", True)
    assert world.only == ("L4OK", "connected")
    world.quiet()


@pytest.mark.parametrize(("send_proxy", "header"), [(None, b""), (SendProxy.V1, V1), (SendProxy.V2, V2)])
def test_a_header_stands_before_the_first_words(send_proxy: SendProxy | None, header: bytes) -> None:
    """And only there: nobody is relayed on this connection, which both versions have a word for."""
    asked = World(CheckKind.HTTP, send_proxy=send_proxy)
    asked.start()
    assert asked.connected().sent.startswith(header + b"GET / HTTP/1.1\r\n")
    greeted = World(CheckKind.TLS, send_proxy=send_proxy)
    greeted.start()
    sent = greeted.connected().sent
    assert sent.startswith(header + b"\x16\x03")
    assert sent.count(header or b"\x16\x03\x01") == 1


def test_a_hello_is_answered() -> None:
    """The server is not asked to end it well: it is reset."""
    world = World(CheckKind.TLS_HELLO)
    world.start()
    stream = world.connected()
    world.clock.advance(0.25)
    stream.peer_sends(b"\x15\x03\x03\x00\x02\x02\x28")
    assert world.only == ("L6OK", "answered in TLS")
    assert world.results[0].seconds == 0.25
    assert stream.aborted
    world.quiet()


def test_a_server_has_a_moment_to_end_it() -> None:
    """What it still says is dropped; when it has closed, so do we."""
    world = World(CheckKind.HTTP)
    world.start()
    stream = world.connected()
    stream.peer_sends(b"HTTP/1.1 200 OK\r\n\r\nhel")
    assert world.only == ("L7OK", "status 200")
    stream.peer_sends(b"lo")
    assert stream.connected
    stream.peer_finishes()
    assert not stream.aborted
    world.quiet()


def test_the_moment_is_short() -> None:
    """A server that does not end it is reset."""
    world = World(CheckKind.HTTP)
    world.start()
    stream = world.connected()
    stream.peer_sends(b"HTTP/1.1 200 OK\r\n\r\n")
    world.clock.advance(PATIENCE)
    assert stream.aborted
    world.quiet()


def test_the_moment_holds_no_large_answer() -> None:
    """Nor is a body of any size waited for."""
    world = World(CheckKind.HTTP)
    world.start()
    stream = world.connected()
    stream.peer_sends(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(MAX_SURPLUS // 1024):
        stream.peer_sends(b"x" * 1024)
    assert not stream.aborted
    stream.peer_sends(b"x")
    assert stream.aborted
    assert len(world.results) == 1
    world.quiet()


@pytest.mark.parametrize(
    ("kind", "status"), [(CheckKind.TLS_HELLO, "L6TOUT"), (CheckKind.TLS, "L6TOUT"), (CheckKind.HTTP, "L7TOUT")]
)
@pytest.mark.parametrize(("timeout", "seconds"), [(None, 2.0), (0.5, 0.5), (7.0, 7.0)])
def test_silence(kind: CheckKind, status: str, timeout: float | None, seconds: float) -> None:
    """The answer has `timeout-check`, or else `inter`, from the connection on."""
    world = World(kind, inter=2.0)
    world.start(timeout_check=timeout)
    world.clock.advance(1.0)
    stream = world.connected()
    world.clock.advance(seconds - 0.01)
    assert world.results == []
    world.clock.advance(0.01)
    assert world.only[0] == status
    assert stream.aborted
    world.quiet()


def test_dribbling_gains_nothing() -> None:
    """The time is for the whole answer."""
    world = World(CheckKind.HTTP, inter=2.0)
    world.start()
    stream = world.connected()
    for byte in b"HTTP/1.1 200 OK\r\n\r\n":
        if not world.results:
            stream.peer_sends(bytes((byte,)))
            world.clock.advance(0.25)
    assert world.only[0] == "L7TOUT"
    world.quiet()


def test_an_end_without_an_answer() -> None:
    """Both ways."""
    for kind, cleanly, expected in (
        (CheckKind.HTTP, True, ("L7RSP", "closed without a response")),
        (CheckKind.HTTP, False, ("L7RSP", "reset without a response")),
        (CheckKind.TLS, True, ("L6RSP", "closed within the handshake")),
        (CheckKind.TLS, False, ("L6RSP", "reset within the handshake")),
        (CheckKind.TLS_HELLO, True, ("L6RSP", "closed without an answer to the hello")),
    ):
        world = World(kind)
        world.start()
        stream = world.connected()
        if cleanly:
            stream.peer_finishes()
        else:
            stream.peer_resets()
        assert world.only == expected
        world.quiet()


def test_a_check_is_given_up_in_any_moment() -> None:
    """Nothing is told then; while it connects the dial is, and after that the connection is reset."""
    world = World(CheckKind.HTTP)
    world.start().cancel()
    assert world.dials_cancelled == 1
    assert world.results == []
    for moment in range(3):
        world = World(CheckKind.HTTP)
        probe = world.start()
        stream = world.connected()
        if moment:
            stream.peer_sends(b"HTTP/1.1 200 OK\r\n")
        if moment == 2:
            stream.peer_sends(b"\r\n")
        told = len(world.results)
        probe.cancel()
        assert stream.aborted
        assert len(world.results) == told == (moment == 2)
        probe.cancel()
        world.quiet()


def test_a_defect_says_nothing_of_the_server() -> None:
    """In the middle of it: the result is one of ours. At its begin nothing is left, and whoever started it is told."""
    world = World(CheckKind.HTTP)
    world.start()
    stream = world.connected()
    assert stream.protocol is not None
    stream.protocol.connectionLost(Failure(RuntimeError()))
    assert world.only == (CheckStatus.SOCKERR.value, "a defect of ours")
    broken = World(CheckKind.HTTP)
    broken.breaks = True
    with pytest.raises(RuntimeError):
        broken.start()
    assert broken.dials_cancelled == 1
    assert broken.results == []


def test_the_name_in_a_certificate() -> None:
    """Who must have a good one, and has no other name, has that of its address; the hello says no more for it."""
    world = World(CheckKind.TLS, verify=True)
    world.server = Server("s", DnsAddress("app.example", 443))
    world.start()
    assert b"app.example" not in world.connected().sent
    named = World(CheckKind.TLS, sni="pump.example")
    named.start()
    assert b"pump.example" in named.connected().sent

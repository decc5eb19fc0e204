"""Connecting to one server, once: one of three ends, at any moment."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

import pytest
import pytest_twisted
from twisted.internet import error, reactor
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from pumpproxy.flow.dial import NEXT_ADDRESS, Dial, failure_of
from pumpproxy.flow.resolve import Resolver
from pumpproxy.flow.stream import StreamProtocol
from pumpproxy.model import DnsAddress, TcpAddress, UnixAddress
from pumpproxy.policy.attempts import ConnectFailure
from tests.fakes import LOOPBACK, unused_port
from tests.flow.exhausted import in_a_process
from tests.flow.peers import black_hole, server
from tests.flow.reactors import FakeReactor

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from twisted.internet.protocol import Protocol

    from pumpproxy.model import ServerAddress
    from tests.flow.reactors import FakeConnector

FIRST, SECOND, THIRD = "192.0.2.1:80", "[2001:db8::1]:80", "192.0.2.3:80"
NAME = DnsAddress("app.example", 80)
HOSTS = ("192.0.2.1", "2001:db8::1", "192.0.2.3")
TIMEOUT = 5.0


class Dialled:
    """A dial without a network; `told` is what came of it."""

    def __init__(self, address: ServerAddress = NAME, *hosts: str, refuses: OSError | None = None) -> None:
        self.reactor = FakeReactor()
        self.reactor.refuses = refuses
        self.told: list[str | ConnectFailure] = []
        self.resolver = Resolver(self.reactor.real, self.reactor.names.real)
        self.dial = Dial(self.reactor.real, self.resolver, self._build, self.told.append)
        self.dial.connect(address, TIMEOUT)
        if hosts:
            self.reactor.names.only.answer(*hosts)

    def _build(self) -> Protocol:
        self.told.append("connected")
        return StreamProtocol()

    @property
    def places(self) -> list[str]:
        """Where it dialled, in order."""
        return [connector.place for connector in self.reactor.dialled]

    def at(self, place: str) -> FakeConnector:
        """The connection to there."""
        (connector,) = [connector for connector in self.reactor.dialled if connector.place == place]
        return connector

    def quiet(self) -> None:
        """Nothing is under way any more, and nothing else is told, whatever happens."""
        told = list(self.told)
        assert len(told) <= 1
        assert self.reactor.getDelayedCalls() == []
        assert not [connector for connector in self.reactor.dialled if connector.state == "connecting"]
        for question in self.reactor.names.asked:
            question.answer(*HOSTS)
        self.reactor.advance(100)
        assert self.told == told


def refused() -> error.ConnectError:
    """Nobody listens there."""
    return error.ConnectionRefusedError(errno.ECONNREFUSED, "refused")


# One address --------------------------------------------------------------------------------------------------------


def test_an_address_is_dialled_once_with_the_whole_time() -> None:
    """And its connection is given to the protocol that was built for it."""
    dialled = Dialled(TcpAddress("192.0.2.1", 80))
    assert dialled.places == [FIRST]
    assert dialled.at(FIRST).timeout == TIMEOUT
    stream = dialled.at(FIRST).established()
    assert dialled.told == ["connected"]
    assert stream.connected
    dialled.quiet()


def test_a_failure_is_told_once() -> None:
    """As a member of the closed set."""
    dialled = Dialled(TcpAddress("192.0.2.1", 80))
    dialled.at(FIRST).fails(refused())
    assert dialled.told == [ConnectFailure.REFUSED]
    dialled.quiet()
    assert dialled.dial._connectors == [], "they know it, and would keep it from being freed"


def test_a_unix_path_is_dialled() -> None:
    """With the same two ends."""
    dialled = Dialled(UnixAddress("/run/app.sock"))
    assert dialled.places == ["/run/app.sock"]
    dialled.at("/run/app.sock").established()
    assert dialled.told == ["connected"]
    dialled.quiet()
    dialled = Dialled(UnixAddress("/run/app.sock"))
    dialled.at("/run/app.sock").fails(error.ConnectError(errno.ENOENT, "no such file"))
    assert dialled.told == [ConnectFailure.REFUSED]
    dialled.quiet()


def test_a_unix_socket_that_cannot_be_made_is_a_failure_of_ours() -> None:
    """Twisted raises it from connectUNIX(); it must not end the client as a defect."""
    dialled = Dialled(UnixAddress("/run/app.sock"), refuses=OSError(errno.EMFILE, "too many open files"))
    assert dialled.told == [ConnectFailure.RESOURCES]
    dialled.quiet()


# Names --------------------------------------------------------------------------------------------------------------


def test_a_name_is_asked_for_and_its_first_address_dialled() -> None:
    """With what is left of the time."""
    dialled = Dialled()
    assert dialled.places == []
    dialled.reactor.advance(2)
    dialled.reactor.names.only.answer("192.0.2.1")
    assert dialled.places == [FIRST]
    assert dialled.at(FIRST).timeout == TIMEOUT - 2
    dialled.at(FIRST).established()
    assert dialled.told == ["connected"]
    dialled.quiet()


def test_a_name_without_an_address() -> None:
    """Is a failure of its own."""
    dialled = Dialled()
    dialled.reactor.names.only.answer()
    assert dialled.told == [ConnectFailure.NO_ADDRESS]
    dialled.quiet()


def test_a_name_whose_answer_does_not_come_in_time() -> None:
    """The resolver's time is the attempt's; a later answer dials nobody."""
    dialled = Dialled()
    dialled.reactor.advance(TIMEOUT)
    assert dialled.told == [ConnectFailure.NO_ADDRESS]
    dialled.quiet()
    assert dialled.places == []


def test_a_failing_address_gives_way_to_the_next_at_once() -> None:
    """Until one answers."""
    dialled = Dialled(NAME, *HOSTS)
    for place in (FIRST, SECOND):
        dialled.at(place).fails(refused())
        assert dialled.told == []
    dialled.at(THIRD).established()
    assert dialled.places == [FIRST, SECOND, THIRD]
    assert dialled.told == ["connected"]
    dialled.quiet()


def test_the_last_failure_is_the_one_that_is_told() -> None:
    """When all have failed."""
    dialled = Dialled(NAME, *HOSTS[:2])
    dialled.at(FIRST).fails(error.NoRouteError(errno.ENETUNREACH, "unreachable"))
    dialled.at(SECOND).fails(refused())
    assert dialled.told == [ConnectFailure.REFUSED]
    dialled.quiet()


def test_a_silent_address_gets_company() -> None:
    """The next is dialled beside it after a quarter of a second, with what is left of the time (RFC 8305)."""
    dialled = Dialled(NAME, *HOSTS)
    for count in (1, 2, 3):
        assert len(dialled.places) == count
        dialled.reactor.advance(NEXT_ADDRESS)
    assert dialled.places == [FIRST, SECOND, THIRD]
    assert dialled.at(THIRD).timeout == TIMEOUT - 2 * NEXT_ADDRESS
    dialled.at(SECOND).established()
    assert dialled.told == ["connected"]
    assert [connector.state for connector in dialled.reactor.dialled] == ["disconnected", "connected", "disconnected"]
    dialled.quiet()


def test_the_first_address_may_still_answer() -> None:
    """It is not given up for the sake of the second."""
    dialled = Dialled(NAME, *HOSTS)
    dialled.reactor.advance(NEXT_ADDRESS)
    dialled.at(FIRST).established()
    assert dialled.told == ["connected"]
    assert dialled.at(SECOND).state == "disconnected"
    dialled.quiet()


def test_all_addresses_must_have_failed() -> None:
    """A refusal of the second is not the end while the first is silent."""
    dialled = Dialled(NAME, *HOSTS[:2])
    dialled.reactor.advance(NEXT_ADDRESS)
    dialled.at(SECOND).fails(refused())
    assert dialled.told == []
    dialled.at(FIRST).fails(error.TimeoutError())
    assert dialled.told == [ConnectFailure.TIMED_OUT]
    dialled.quiet()


def test_two_addresses_that_answer_at_once() -> None:
    """One is taken, the other closed, though Twisted had it already."""
    dialled = Dialled(NAME, *HOSTS[:2])
    dialled.reactor.advance(NEXT_ADDRESS)
    first, second = dialled.at(FIRST), dialled.at(SECOND)
    second.stopConnecting = lambda: None  # type: ignore[method-assign] # it is too late for that
    kept = first.established()
    spare = second.established()
    dialled.reactor.advance(0)
    assert dialled.told == ["connected"]
    assert (kept.connected, spare.connected) == (True, False)
    dialled.quiet()


# Cancelled ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", range(7))
def test_a_dial_may_be_cancelled_at_any_moment(moment: int) -> None:
    """Nothing is told then, and nothing is left under way; a second time is fine."""
    dialled = Dialled()
    moments = [
        lambda: None,
        lambda: dialled.reactor.names.only.answer(*HOSTS),
        lambda: dialled.reactor.advance(NEXT_ADDRESS / 2),
        lambda: dialled.reactor.advance(NEXT_ADDRESS),
        lambda: dialled.at(FIRST).fails(refused()),
        lambda: dialled.reactor.advance(NEXT_ADDRESS),
        lambda: dialled.at(SECOND).fails(refused()),
    ]
    for happens in moments[: moment + 1]:
        happens()
    dialled.dial.cancel()
    dialled.dial.cancel()
    assert dialled.told == []
    dialled.quiet()


def test_cancelling_what_is_over_changes_nothing() -> None:
    """The connection that was made is not the dial's any more."""
    dialled = Dialled(TcpAddress("192.0.2.1", 80))
    stream = dialled.at(FIRST).established()
    dialled.dial.cancel()
    dialled.reactor.advance(0)
    assert stream.connected
    assert dialled.told == ["connected"]


# The table ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "failure"),
    [
        (refused(), ConnectFailure.REFUSED),
        (error.TimeoutError(), ConnectFailure.TIMED_OUT),
        (error.TCPTimedOutError(errno.ETIMEDOUT, "the kernel gave up first"), ConnectFailure.TIMED_OUT),
        (error.NoRouteError(errno.ENETUNREACH, "no route"), ConnectFailure.UNREACHABLE),
        (error.getConnectError((errno.EHOSTUNREACH, "no route")), ConnectFailure.UNREACHABLE),
        (error.ConnectBindError(errno.EMFILE, "too many open files"), ConnectFailure.RESOURCES),
        (error.getConnectError((errno.EADDRNOTAVAIL, "no local port")), ConnectFailure.RESOURCES),
        (error.getConnectError((errno.EAGAIN, "no local port")), ConnectFailure.RESOURCES),
        (error.getConnectError((errno.ENOBUFS, "no memory")), ConnectFailure.RESOURCES),
        (error.getConnectError((errno.ENOENT, "no such socket")), ConnectFailure.REFUSED),
        (error.getConnectError((errno.EACCES, "not allowed")), ConnectFailure.REFUSED),
        (error.getConnectError((errno.ECONNRESET, "reset")), ConnectFailure.REFUSED),
        (ZeroDivisionError(), ConnectFailure.UNREACHABLE),
    ],
)
def test_each_failure_of_the_network_has_its_member(problem: Exception, failure: ConnectFailure) -> None:
    """What ran out here is told apart from what the server did."""
    assert failure_of(Failure(problem)) is failure


# Real sockets -------------------------------------------------------------------------------------------------------


class Names(Resolver):
    """Every name has these addresses."""

    def __init__(self, *addresses: TcpAddress) -> None:
        super().__init__(reactor)  # type: ignore[arg-type]
        self._addresses = addresses

    def ask(self, _address: DnsAddress, answer: object) -> None:
        """At once."""
        answer(self._addresses)  # type: ignore[operator]


def really(address: ServerAddress, timeout: float = 20.0, *names: TcpAddress) -> Awaitable[str | ConnectFailure]:
    """What comes of a dial: a failure, or `connected` (the connection is closed then)."""
    done: Deferred[str | ConnectFailure] = Deferred()

    class Connected(StreamProtocol):
        def connectionMade(self) -> None:
            """There."""
            self.transport.loseConnection()
            done.callback("connected")

    Dial(reactor, Names(*names), Connected, done.callback).connect(address, timeout)  # type: ignore[arg-type]
    return done


def nothing(connection: socket.socket) -> None:
    """Until the other end closes."""
    connection.recv(1)


@pytest_twisted.ensureDeferred
async def test_a_real_server_is_connected_to(tmp_path: Path) -> None:
    """By address, by unix path, by name."""
    with server(nothing) as port:
        assert await really(TcpAddress(LOOPBACK, port)) == "connected"
        assert await really(DnsAddress("x", port), 20.0, TcpAddress(LOOPBACK, port)) == "connected"
    path = str(tmp_path / "app.sock")
    with server(nothing, family=socket.AF_UNIX, path=path):
        assert await really(UnixAddress(path)) == "connected"


@pytest_twisted.ensureDeferred
async def test_a_port_that_nobody_listens_on_refuses(tmp_path: Path) -> None:
    """At once; so does a unix path that is not there, or that nobody listens at any more."""
    assert await really(TcpAddress(LOOPBACK, unused_port())) is ConnectFailure.REFUSED
    assert await really(UnixAddress(str(tmp_path / "missing.sock"))) is ConnectFailure.REFUSED
    stale = str(tmp_path / "stale.sock")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(stale)
    assert await really(UnixAddress(stale)) is ConnectFailure.REFUSED


@pytest_twisted.ensureDeferred
async def test_a_black_hole_times_out() -> None:
    """After the time that was given."""
    with black_hole() as port:
        assert await really(TcpAddress(LOOPBACK, port), 0.3) is ConnectFailure.TIMED_OUT


@pytest_twisted.ensureDeferred
async def test_a_name_whose_first_address_is_a_black_hole() -> None:
    """Its second takes the connection, long before the time is over."""
    with black_hole() as hole, server(nothing) as port:
        addresses = (TcpAddress(LOOPBACK, hole), TcpAddress(LOOPBACK, port))
        assert await really(DnsAddress("x", 1), 20.0, *addresses) == "connected"


@pytest_twisted.ensureDeferred
async def test_an_address_without_a_route_is_unreachable() -> None:
    """The kernel says so at once, as it does of the broadcast address, for which TCP has no use."""
    assert await really(TcpAddress("255.255.255.255", 80)) is ConnectFailure.UNREACHABLE


def test_without_descriptors_the_failure_is_ours(tmp_path: Path) -> None:
    """For TCP and for unix sockets."""
    found = in_a_process(tmp_path)
    assert (found["tcp"], found["unix"]) == ("RESOURCES", "RESOURCES")

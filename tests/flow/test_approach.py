"""The way to a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from twisted.internet.testing import MemoryReactorClock

from pumpproxy.flow.approach import Approach
from pumpproxy.model import Server, TcpAddress, UnixAddress
from pumpproxy.policy.attempts import Attempt, ConnectFailure
from pumpproxy.policy.serverstate import ServerState
from tests.fakes import environment
from tests.flow.httpstreams import accept, refuse
from tests.playbook import site

if TYPE_CHECKING:
    from pumpproxy.flow.httpserver import HttpServer, Told
    from pumpproxy.model import ServerAddress

TCP = TcpAddress("127.0.0.1", 8001)


class Goes:
    """An approach, and what it told."""

    def __init__(self, address: ServerAddress = TCP) -> None:
        self.reactor = MemoryReactorClock()
        self.environment, _ = environment(site(), self.reactor, now=self.reactor.seconds)
        self.server = ServerState(Server("s", address))
        self.connected: list[HttpServer] = []
        self.failures: list[ConnectFailure] = []
        self.approach = Approach(self.environment, cast("Told", self), self.failures.append)

    def server_connected(self, server: HttpServer) -> None:
        """As a front is told."""
        self.connected.append(server)

    def start(self, after: float = 0.0) -> None:
        """One attempt."""
        self.approach.start(Attempt(self.server, after, 5.0))


def test_an_attempt_comes_about() -> None:
    """On TCP small writes do not wait for each other."""
    goes = Goes()
    goes.start()
    host, port, _, timeout, _ = goes.reactor.tcpClients[0]
    assert (host, port, timeout) == ("127.0.0.1", 8001, 5.0)
    stream = accept(goes.reactor)
    assert stream is not None
    assert len(goes.connected) == 1
    assert stream.nodelay
    goes.approach.cancel()
    assert stream.connected


def test_an_attempt_may_have_to_wait() -> None:
    """As long as it says."""
    goes = Goes()
    goes.start(after=1.0)
    goes.reactor.advance(0.9)
    assert not goes.reactor.tcpClients
    goes.reactor.advance(0.1)
    assert len(goes.reactor.tcpClients) == 1


def test_a_failure_is_told() -> None:
    """And another attempt may follow."""
    goes = Goes()
    goes.start()
    refuse(goes.reactor)
    assert goes.failures == [ConnectFailure.REFUSED]
    goes.start()
    assert len(goes.reactor.tcpClients) == 2


def test_giving_up_is_silent() -> None:
    """In the pause, in the attempt, and where there is neither."""
    goes = Goes()
    goes.approach.cancel()
    goes.start(after=1.0)
    goes.approach.cancel()
    goes.reactor.advance(2)
    assert not goes.reactor.tcpClients
    goes.start()
    goes.approach.cancel()
    refuse(goes.reactor)
    assert accept(goes.reactor) is None
    assert not goes.failures
    assert not goes.connected


def test_a_unix_socket_knows_no_nodelay() -> None:
    """So it is not asked for."""
    goes = Goes(UnixAddress("/run/app.sock"))
    goes.start()
    assert goes.reactor.unixClients[0][0] == "/run/app.sock"
    stream = accept(goes.reactor)
    assert stream is not None
    assert len(goes.connected) == 1
    assert not stream.nodelay

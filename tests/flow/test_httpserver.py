"""The server's connection: what it tells, and how it ends."""

from __future__ import annotations

from twisted.internet.task import Clock

from pumpproxy.flow.httpserver import MAX_SURPLUS, PATIENCE, HttpServer
from pumpproxy.flow.idle import Sweep
from pumpproxy.flow.kept import KeptServers
from pumpproxy.model import Server, TcpAddress
from pumpproxy.policy.serverstate import ServerState
from tests.flow.httpstreams import HttpStream


class Heard:
    """One connection to a server, and what was told of it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.sweep = Sweep(self.clock, self.clock.seconds)
        self.told: list[object] = []
        self.stream = HttpStream(self.clock, limit=10)
        self.kept = KeptServers(self.clock.seconds)
        self.kept.most = 1
        self.state = ServerState(Server("s", TcpAddress("127.0.0.1", 8001)))
        self.server = HttpServer(self, self.state, self.sweep, nodelay=True)
        self.stream.connect(self.server)
        assert self.told == ["connected"]
        self.told.clear()

    def server_connected(self, server: HttpServer) -> None:
        """Its connection is there."""
        assert server.transport is not None
        self.told.append("connected")

    def server_received(self, data: bytes) -> None:
        """It sent that."""
        self.told.append(data)

    def server_finished(self) -> None:
        """It closed its half."""
        self.told.append("finished")

    def server_lost(self) -> None:
        """It is gone."""
        self.told.append("lost")

    def server_full(self) -> None:
        """It takes too little."""
        self.told.append("full")

    def server_ready(self) -> None:
        """It took everything."""
        self.told.append("ready")

    def run(self, seconds: float) -> None:
        """Time passes."""
        for _ in range(round(seconds * 10) + 1):
            self.clock.advance(0.1)


def test_what_a_server_does_is_told() -> None:
    """In order."""
    heard = Heard()
    heard.stream.peer_sends(b"one")
    heard.stream.peer_sends(b"two")
    heard.stream.peer_finishes()
    heard.stream.peer_resets()
    heard.server.resume()
    heard.run(0)
    assert heard.told[:3] == [b"one", b"two", "finished"]
    assert heard.server.finished


def test_a_slow_server_is_told() -> None:
    """Full once, and ready once everything is out."""
    heard = Heard()
    heard.server.send(b"0123456789ab")
    heard.stream.peer_takes(6)
    assert heard.told == ["full"]
    heard.stream.peer_takes()
    assert heard.told == ["full", "ready"]
    assert heard.stream.sent == b"0123456789ab"


def test_a_paused_server_is_not_read() -> None:
    """Until it is resumed; after its FIN there is nothing to resume."""
    heard = Heard()
    heard.server.pause()
    heard.stream.peer_sends(b"one")
    assert not heard.told
    heard.server.resume()
    heard.run(0)
    assert heard.told == [b"one"]
    heard.stream.peer_finishes()
    heard.server.pause()
    heard.server.resume()
    heard.run(0)
    assert heard.told == [b"one", "finished"]


def test_a_reset_server_is_told_nothing_more() -> None:
    """And tells nothing."""
    heard = Heard()
    heard.server.reset()
    heard.run(0)
    assert heard.stream.aborted
    assert not heard.stream.connected
    assert not heard.told


def test_a_server_that_is_left_may_close_first() -> None:
    """Then the port that is kept for a minute is not ours."""
    heard = Heard()
    heard.server.leave()
    heard.run(PATIENCE / 2)
    assert heard.stream.connected
    heard.stream.peer_finishes()
    heard.run(0)
    assert not heard.stream.connected
    assert not heard.stream.aborted
    assert not heard.told
    assert len(heard.sweep) == 0


def test_a_server_that_closed_already_is_left_at_once() -> None:
    """There is nothing to wait for."""
    heard = Heard()
    heard.stream.peer_finishes()
    heard.server.leave()
    heard.clock.advance(0)
    assert not heard.stream.connected
    assert len(heard.sweep) == 0


def test_a_paused_server_that_is_left_is_read_again() -> None:
    """Its FIN would not be seen otherwise."""
    heard = Heard()
    heard.server.pause()
    heard.server.leave()
    heard.stream.peer_finishes()
    heard.clock.advance(0)
    heard.clock.advance(0)
    assert not heard.stream.connected


def test_a_server_that_does_not_close_is_closed() -> None:
    """And reset, where it does not even take what was sent."""
    heard = Heard()
    heard.server.leave()
    heard.run(PATIENCE + 0.3)
    assert not heard.stream.connected
    assert not heard.stream.aborted
    heard = Heard()
    heard.server.send(b"x")
    heard.server.leave()
    heard.run(PATIENCE + 0.3)
    assert heard.stream.connected
    heard.run(PATIENCE + 0.3)
    assert heard.stream.aborted
    assert not heard.stream.connected
    assert len(heard.sweep) == 0


def test_bytes_beyond_the_answer_are_dropped() -> None:
    """As many as nobody would notice; whoever sends on without end is reset."""
    heard = Heard()
    heard.server.leave()
    heard.stream.peer_sends(b"x" * MAX_SURPLUS)
    assert not heard.stream.aborted
    heard.stream.peer_sends(b"x")
    assert heard.stream.aborted
    assert not heard.told

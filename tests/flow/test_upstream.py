"""The server's side of one client: connections that are new, kept for anybody, or for this client alone."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, cast

from twisted.internet.testing import MemoryReactorClock

from pumpproxy.flow.upstream import Upstream
from pumpproxy.model import Server, TcpAddress
from pumpproxy.policy.attempts import Attempt
from pumpproxy.policy.serverstate import ServerState
from tests.fakes import environment
from tests.flow.httpstreams import HttpStream, accept
from tests.playbook import site

if TYPE_CHECKING:
    from pumpproxy.flow.environment import Environment
    from pumpproxy.flow.httpserver import HttpServer, Told


class Client:
    """Who asks."""

    def __init__(self, made: Environment) -> None:
        self.upstream = Upstream(made, cast("Told", self), lambda _failure: None)
        self.told: list[object] = []

    def server_connected(self, server: HttpServer) -> None:
        """Its connection is there."""
        self.upstream.connection = server

    def server_received(self, data: bytes) -> None:
        """It sent that."""
        self.told.append(data)

    def server_lost(self) -> None:
        """It is gone."""
        self.told.append("lost")


class Site:
    """One server, and clients."""

    def __init__(self) -> None:
        self.reactor = MemoryReactorClock()
        self.environment, _ = environment(site(), self.reactor, now=self.reactor.seconds)
        self.environment.kept.most = 2
        self.state = ServerState(Server("s", TcpAddress("127.0.0.1", 8001)))

    def client(self) -> Client:
        """One more."""
        return Client(self.environment)

    def reach(self, client: Client, idle: float = inf) -> bool:
        """Whether it took a connection that was kept."""
        return client.upstream.reach(Attempt(self.state, 0.0, 5.0), idle)

    def accept(self) -> HttpStream:
        """The new connection comes about."""
        stream = accept(self.reactor)
        assert stream is not None
        return stream

    def turn(self, seconds: float = 0.0) -> None:
        """Time passes."""
        for _ in range(round(seconds * 10) + 3):
            self.reactor.advance(0.1 if seconds else 0)


def test_a_kept_connection_serves_the_next_client() -> None:
    """And tells it alone what the server does."""
    world = Site()
    one, other = world.client(), world.client()
    assert not world.reach(one)
    stream = world.accept()
    one.upstream.send(b"1")
    one.upstream.keep(private=False)
    assert one.upstream.connection is None
    assert world.reach(other)
    other.upstream.send(b"2")
    stream.peer_sends(b"answer")
    stream.peer_takes()
    assert stream.sent == b"12"
    assert other.told == [b"answer"]
    assert one.told == []
    assert len(world.reactor.tcpClients) == 1


def test_a_new_one_is_made_where_only_that_will_do() -> None:
    """The kept one stays for others."""
    world = Site()
    client = world.client()
    world.reach(client)
    world.accept()
    client.upstream.keep(private=False)
    assert not world.reach(client, 0.0)
    assert len(world.reactor.tcpClients) == 2
    assert len(world.environment.kept) == 1


def test_a_private_one_is_its_clients_alone() -> None:
    """However long it was idle; and it goes with the client."""
    world = Site()
    mine, others = world.client(), world.client()
    world.reach(mine)
    stream = world.accept()
    mine.upstream.keep(private=True)
    assert not world.reach(others)
    world.turn(2.0)
    assert world.reach(mine, 1.0)
    mine.upstream.keep(private=True)
    mine.upstream.close()
    assert stream.aborted


def test_what_was_private_once_stays_private() -> None:
    """Most requests of a client that is known by its connection say nothing of it, and nor do their answers."""
    world = Site()
    mine, others = world.client(), world.client()
    world.reach(mine)
    stream = world.accept()
    mine.upstream.keep(private=True)
    assert world.reach(mine)
    mine.upstream.keep(private=False)
    assert len(world.environment.kept) == 0
    assert not world.reach(others)
    assert world.reach(mine)
    mine.upstream.keep(private=False)
    mine.upstream.close()
    assert stream.aborted


def test_a_kept_connection_that_its_server_closes_is_forgotten() -> None:
    """As is one whose time is over, and one on which the server speaks unasked."""
    for end in ("closes", "speaks", "resets", "waits"):
        world = Site()
        client = world.client()
        world.reach(client)
        stream = world.accept()
        client.upstream.keep(private=False)
        if end == "closes":
            stream.peer_finishes()
        elif end == "speaks":
            stream.peer_sends(b"HTTP/1.1 200 OK\r\n\r\n")
        elif end == "resets":
            stream.peer_resets()
        world.turn(5.0)
        assert len(world.environment.kept) == 0
        assert not stream.connected
        assert client.told == []
        assert not world.reach(client)
        assert len(world.environment.sweep) == 0


def test_without_room_a_connection_is_closed() -> None:
    """Its server was not told to close it."""
    world = Site()
    world.environment.kept.most = 0
    client = world.client()
    world.reach(client)
    stream = world.accept()
    client.upstream.keep(private=False)
    world.turn()
    assert not stream.connected
    assert not stream.aborted
    world.turn(2.0)
    assert len(world.environment.sweep) == 0


def test_a_paused_server_that_is_kept_is_read_again() -> None:
    """Or nobody would see it close."""
    world = Site()
    client = world.client()
    world.reach(client)
    stream = world.accept()
    client.upstream.pause()
    assert not stream.reading
    client.upstream.keep(private=False)
    assert stream.reading


def test_one_that_was_used_meanwhile_has_its_time_anew() -> None:
    """The sweep's look at it while it carries a request ends nothing."""
    world = Site()
    client = world.client()
    world.reach(client)
    stream = world.accept()
    client.upstream.keep(private=False)
    world.turn(3.0)
    assert world.reach(client)
    world.turn(10.0)
    assert stream.connected
    client.upstream.keep(private=False)
    world.turn(3.0)
    assert stream.connected
    world.turn(2.0)
    assert not stream.connected

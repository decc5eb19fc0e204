"""Connections that wait for another request."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, cast

from pumpproxy.flow.kept import KeptServers
from pumpproxy.model import Server, TcpAddress
from pumpproxy.policy.serverstate import ServerState

if TYPE_CHECKING:
    from pumpproxy.flow.httpserver import HttpServer


class Idle:
    """As much of a server's connection as is looked at."""

    def __init__(self, since: float = 0.0, *, quiet: bool = True) -> None:
        self.idle_since = since
        self.is_quiet = quiet
        self.was_reset = False

    def reset(self) -> None:
        """It is ended."""
        self.was_reset = True


def as_server(idle: Idle) -> HttpServer:
    """For the type checker."""
    return cast("HttpServer", idle)


A, B = (ServerState(Server(name, TcpAddress("127.0.0.1", 8001))) for name in "ab")


def kept(most: int = 9, now: float = 10.0) -> KeptServers:
    """None of them yet."""
    made = KeptServers(lambda: now)
    made.most = most
    return made


def test_the_latest_is_used_first_and_each_once() -> None:
    """Of that server, and of no other."""
    servers, one, other, others = kept(), Idle(), Idle(), Idle()
    assert servers.keep(A, as_server(one))
    assert servers.keep(A, as_server(other))
    assert servers.keep(B, as_server(others))
    assert [servers.take(A, inf) for _ in range(3)] == [as_server(other), as_server(one), None]
    assert servers.take(B, inf) is as_server(others)
    assert len(servers) == 0


def test_there_are_no_more_than_so_many() -> None:
    """Of all servers together; who finds no room is not touched."""
    servers, third = kept(most=2), Idle()
    assert servers.keep(A, as_server(Idle()))
    assert servers.keep(B, as_server(Idle()))
    assert not servers.keep(A, as_server(third))
    assert not third.was_reset
    assert servers.take(A, inf) is not None
    assert servers.keep(A, as_server(third))


def test_one_that_was_idle_for_too_long_stays() -> None:
    """For a request that may be repeated."""
    servers, old = kept(now=10.0), Idle(since=8.0)
    servers.keep(A, as_server(old))
    assert servers.take(A, 1.9) is None
    assert servers.take(A, 2.0) is as_server(old)


def test_one_that_is_not_quiet_is_ended() -> None:
    """Its server has closed, or speaks without being asked; the next one is looked at."""
    servers, good, bad = kept(), Idle(), Idle(quiet=False)
    servers.keep(A, as_server(good))
    servers.keep(A, as_server(bad))
    assert servers.take(A, inf) is as_server(good)
    assert bad.was_reset
    assert len(servers) == 0


def test_one_that_ends_by_itself_is_forgotten() -> None:
    """Also twice, or when it was taken meanwhile."""
    servers, one = kept(most=1), Idle()
    servers.keep(A, as_server(one))
    servers.forget(A, as_server(one))
    servers.forget(A, as_server(one))
    assert len(servers) == 0
    assert servers.take(A, inf) is None
    assert servers.keep(A, as_server(Idle()))


def test_those_of_a_server_that_is_down_end() -> None:
    """And no others; where it has none that is fine."""
    servers, some = kept(), [Idle(), Idle(), Idle()]
    for server, idle in zip((A, A, B), some, strict=True):
        servers.keep(server, as_server(idle))
    servers.drop(A)
    servers.drop(A)
    assert [idle.was_reset for idle in some] == [True, True, False]
    assert len(servers) == 1
    assert servers.take(A, inf) is None
    assert servers.take(B, inf) is as_server(some[2])


def test_all_end_with_the_service() -> None:
    """Of every server."""
    servers, some = kept(), [Idle(), Idle(), Idle()]
    for server, idle in zip((A, A, B), some, strict=True):
        servers.keep(server, as_server(idle))
    servers.clear()
    assert all(idle.was_reset for idle in some)
    assert len(servers) == 0
    assert servers.take(A, inf) is None

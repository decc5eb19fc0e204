"""The line that `systemctl status` shows."""

from __future__ import annotations

from dataclasses import replace

from pumpproxy.config.problems import Problem
from pumpproxy.model import Admin, Backend, ExactHost, Route, Server, TcpAddress
from pumpproxy.policy.runtime import Runtime
from pumpproxy.systemd.status import refusal, status
from tests.fakes import LOOPBACK, tls_config


def runtime(servers: int, routes: int = 1) -> Runtime:
    """So many servers in a backend `b`, and one in `c`."""
    made = tls_config(1)
    frontend = replace(
        made.frontends[0], routes=tuple(Route(ExactHost(f"{n}.example"), "", None, "b") for n in range(routes))
    )
    many = tuple(Server(f"s{n}", TcpAddress(LOOPBACK, 1 + n)) for n in range(servers))
    one = Backend("c", servers=(Server("t", TcpAddress(LOOPBACK, 9)),))
    return Runtime(replace(made, frontends=(frontend,), backends=(Backend("b", servers=many), one)), 100)


def test_routes_servers_and_relays_are_counted() -> None:
    """Connections that have a server are the relays."""
    live = runtime(3, routes=12)
    assert status(live) == "12 routes, 4 of 4 servers up, 0 relays"
    pool = live.pools["b"]
    pool.take("s1")
    assert status(live) == "12 routes, 4 of 4 servers up, 1 relay"


def test_servers_that_are_not_there_are_named() -> None:
    """Some of them: those that are DOWN, and those in maintenance."""
    live = runtime(5)
    pool = live.pools["b"]
    pool.turned(pool.servers["s0"], up=False)
    assert status(live) == "1 route, 5 of 6 servers up (without b/s0), 0 relays"
    pool.servers["s3"].judge(admin=Admin.MAINT)
    live.pools["c"].turned(live.pools["c"].servers["t"], up=False)
    assert status(live) == "1 route, 3 of 6 servers up (without b/s0, b/s3, c/t), 0 relays"
    pool.turned(pool.servers["s4"], up=False)
    assert status(live) == "1 route, 2 of 6 servers up (without b/s0, b/s3, b/s4 and 1 more), 0 relays"


def test_who_waits_for_a_server_is_told() -> None:
    """In the queues of all backends."""
    live = runtime(1)
    live.pools["b"].waiting = 2
    live.pools["c"].waiting = 1
    assert status(live) == "1 route, 2 of 2 servers up, 0 relays, 3 waiting for a server"


def test_trouble_comes_first() -> None:
    """The counts stay."""
    assert status(runtime(1), "reload refused: x") == "reload refused: x; 1 route, 2 of 2 servers up, 0 relays"


def test_a_refusal_says_the_first_problem() -> None:
    """As the log does, with file, line and hint; a warning is none. How many more there are is told."""
    warning = Problem("p.ini", 2, "f", "route", "is never used", error=False)
    first = Problem("p.ini", 5, "f", "bnd", "unknown key", "did you mean 'bind'?")
    assert refusal([warning, first]) == "reload refused: p.ini:5: [f] bnd: unknown key (did you mean 'bind'?)"
    assert refusal(["p.ini: cannot be read", first, first]) == "reload refused: p.ini: cannot be read (and 2 more)"
    assert refusal([]) == "reload refused: see the log"

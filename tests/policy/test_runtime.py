"""All that is live, and what of it outlives a reload."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from pumpproxy.model import Action, Check, Config, Frontend, Mode, Server, SrvAddress
from pumpproxy.policy.attempts import Attempts
from pumpproxy.policy.inactivity import RelayTimeouts
from pumpproxy.policy.names import Endpoint
from pumpproxy.policy.queue import Ticket
from pumpproxy.policy.records import Load
from pumpproxy.policy.runtime import Runtime
from tests.policy.declared import BIND, backend, config, route, runtime, server


def test_the_limit_is_the_files_and_the_processes() -> None:
    """`maxconn` in `[global]` cannot make the process carry more than it has descriptors for."""
    assert Runtime(config(backend("a")), 50).limit == 50
    assert Runtime(replace(config(backend("a")), maxconn=7), 50).limit == 7
    assert Runtime(replace(config(backend("a")), maxconn=70), 50).limit == 50


def test_room_is_what_both_limits_leave() -> None:
    """The frontend's and the global one; below zero after a reload that lowered one."""
    live = Runtime(Config(frontends(3, None), (backend("a"),), maxconn=5), 50)
    first, second = live.frontends["f0"], live.frontends["f1"]
    assert (live.room(first), live.room(second)) == (3, 5)
    for _ in range(3):
        live.accepted(first)
    assert (live.room(first), live.room(second)) == (0, 2)
    live.accepted(second)
    live.accepted(second)
    assert (live.room(first), live.room(second)) == (0, 0)
    live.left(first)
    assert (live.room(first), live.room(second)) == (1, 1)
    live.reload(replace(live.config, maxconn=2), 50)
    assert live.room(first) == -2


def frontends(*maxconns: int | None) -> tuple[Frontend, ...]:
    """Frontends f0, f1, ... with these limits."""
    return tuple(
        Frontend(f"f{index}", Mode.TCP, (BIND,), default_backend="b", maxconn=most)
        for index, most in enumerate(maxconns)
    )


def test_clients_are_counted_in_and_out() -> None:
    """`accepted` never goes back."""
    live = runtime(backend("a"))
    frontend = live.frontends["f"]
    live.accepted(frontend)
    live.accepted(frontend)
    live.left(frontend)
    assert (live.connections, frontend.connections, frontend.accepted) == (1, 1, 2)


@pytest.mark.parametrize(
    ("frontend", "straight"),
    [
        ({}, True),
        ({"accept_proxy": (ip_network("10.0.0.0/8"),)}, False),
        ({"mode": Mode.TCP}, False),
        ({"mode": Mode.HTTP}, False),
    ],
)
def test_a_first_segment_may_be_a_hello(frontend: dict[str, object], *, straight: bool) -> None:
    """Where it is read, and where it is the client's own; a reload may change it."""
    live = runtime(backend("a"), **frontend)
    assert live.frontends["f"].straight is straight
    live.frontends["f"].declare(config(backend("a")).frontends[0], live.pools)
    assert live.frontends["f"].straight


def test_a_reload_carries_live_state_over_by_name() -> None:
    """Frontends, pools and servers of the same name are the same objects, and follow the new file."""
    live = runtime(backend("a", "b"))
    frontend, pool = live.frontends["f"], live.pools["b"]
    first = pool.servers["a"]
    live.accepted(frontend)
    Attempts(pool, None).first()
    live.reload(config(backend("a", "b", "c"), routes=(route("x.test", Action.REJECT),)), 100)
    assert live.frontends["f"] is frontend
    assert live.pools["b"] is pool
    assert pool.servers["a"] is first
    assert (live.connections, frontend.connections, frontend.accepted) == (1, 1, 1)
    assert (pool.connections, first.connections) == (1, 1)
    assert frontend.routes.lookup("x.test") is Action.REJECT
    assert list(pool.servers) == ["a", "b", "c"]


def test_a_reload_replaces_what_the_file_replaced() -> None:
    """New ones come with nothing, old ones are not found any more."""
    live = runtime(backend("a"))
    gone = live.frontends["f"]
    live.accepted(gone)
    new = Config(frontends(None), (backend("z", name="other"),))
    live.reload(new, 9)
    assert (list(live.frontends), list(live.pools)) == (["f0"], ["other"])
    assert live.config is new
    assert live.limit == 9
    live.left(gone)
    assert live.connections == 0


def test_who_came_by_a_frontend_that_is_gone_still_gets_to_its_backends() -> None:
    """The frontend keeps the routes and pools that it knew."""
    live = runtime(backend("a"), routes=(route("x.test", "b"),))
    gone, pool = live.frontends["f"], live.pools["b"]
    live.reload(Config(frontends(None), (backend("z"),)), 9)
    assert gone.routes.lookup("x.test") == "b"
    assert gone.pools["b"] is pool


def test_routes_and_pools_are_swapped_together() -> None:
    """A route of the new file never meets the pools of the old one."""
    live = runtime(backend("a"), routes=(route("x.test", "b"),))
    frontend = live.frontends["f"]
    live.reload(config(backend("n", name="new"), routes=(route("x.test", "new"),)), 9)
    target = frontend.routes.lookup("x.test")
    assert target == "new"
    assert list(frontend.pools["new"].servers) == ["n"]
    assert "b" not in frontend.pools


def test_an_unchanged_reload_changes_nothing() -> None:
    """Neither counts nor the place in the round."""
    live = runtime(backend("a", "b"))
    before = live.pools["b"]
    balanced = []
    for _ in range(4):
        state = before.balance()
        assert state is not None
        balanced.append(state.name)
        live.reload(live.config, 100)
        assert live.pools["b"] is before
    assert balanced == ["a", "b", "a", "b"]


def test_sources_are_watched_where_the_file_limits_them() -> None:
    """Their counts outlive a reload that changes a limit, and go where it takes both."""
    live = runtime(backend("a"), rate_per_source=5)
    frontend = live.frontends["f"]
    watched = frontend.sources
    assert watched is not None
    assert (watched.most, watched.rate) == (None, 5)
    live.reload(config(backend("a"), max_per_source=2, rate_per_source=7), 100)
    assert frontend.sources is watched
    assert (watched.most, watched.rate) == (2, 7)
    live.reload(config(backend("a")), 100)
    assert frontend.sources is None


WEB = SrvAddress("_https._tcp.web.example")
ONE, TWO = Endpoint("one.example", 443, 10, 1), Endpoint("two.example", 443, 10, 1)


def test_a_service_is_as_many_servers_as_it_has() -> None:
    """Its line stands for one that is nowhere, until it is found; in each backend that has it."""
    line = Server("web", WEB)
    live = runtime(backend(line, "own"), backend(line, name="c"), backend("a", name="d"))
    assert list(live.pools["b"].servers) == ["web", "own"]
    assert live.found(WEB, (TWO, ONE))
    assert list(live.pools["b"].servers) == ["web@one.example:443", "web@two.example:443", "own"]
    assert list(live.pools["c"].servers) == ["web@one.example:443", "web@two.example:443"]
    assert list(live.pools["d"].servers) == ["a"]


def test_servers_of_a_service_that_stay_keep_their_state() -> None:
    """Whatever else changes, and in whatever order an answer comes; where nothing does, nothing is done."""
    live = runtime(backend(Server("web", WEB)))
    live.found(WEB, (ONE, TWO))
    pool = live.pools["b"]
    one, two = pool.servers.values()
    Attempts(pool, None).first()
    assert not live.found(WEB, (TWO, ONE))
    assert list(pool.servers.values()) == [one, two]
    assert live.found(WEB, (ONE._replace(weight=7), TWO._replace(port=444)))
    assert pool.servers["web@one.example:443"] is one
    assert (one.connections, one.weight) == (1, 7)
    assert list(pool.servers) == ["web@one.example:443", "web@two.example:444"]


def test_who_waits_for_a_service_is_served_when_it_is_found() -> None:
    """Nobody was there; with `hold` the connection has waited."""
    live = runtime(backend(Server("web", WEB, check=Check()), hold=True))
    pool = live.pools["b"]
    (nowhere,) = pool.servers.values()
    pool.turned(nowhere, up=False)
    ticket = Ticket(None, None, None, "")
    assert pool.take(None) is None
    assert pool.wait(ticket)
    assert not ticket.served
    assert live.found(WEB, (ONE,))
    assert ticket.server is pool.servers["web@one.example:443"]


def test_a_reload_keeps_what_was_found() -> None:
    """As long as the file has the service: then its servers are as the file says now."""
    live = runtime(backend(Server("web", WEB)))
    live.found(WEB, (ONE,))
    state = live.pools["b"].servers["web@one.example:443"]
    live.reload(config(backend(Server("web", WEB, maxconn=5))), 100)
    assert live.pools["b"].servers == {"web@one.example:443": state}
    assert state.limit == 5
    live.reload(config(backend("a")), 100)
    live.reload(config(backend(Server("web", WEB))), 100)
    assert list(live.pools["b"].servers) == ["web"]


def test_a_service_that_nobody_has_changes_nothing() -> None:
    """A reload took it away meanwhile."""
    live = runtime(backend("a"))
    before = live.pools["b"].backend
    assert not live.found(WEB, (ONE,))
    assert live.pools["b"].backend is before


def test_a_relays_times_are_those_of_its_frontend_and_its_backend() -> None:
    """Made once for each pair, and anew after a reload, which may change either."""
    live = runtime(backend("a", timeout_server=7.0), backend("z", name="other"), timeout_client=3.0)
    frontend, pool, other = live.frontends["f"], live.pools["b"], live.pools["other"]
    assert frontend.timeouts(pool) == RelayTimeouts(3.0, 7.0, 3600.0, 30.0, 30.0)
    assert frontend.timeouts(other) == RelayTimeouts(3.0, 60.0, 3600.0, 30.0, 30.0)
    assert frontend.timeouts(pool) is frontend.timeouts(pool)
    live.reload(config(backend("a", timeout_server=7.0), timeout_tunnel=9.0), 100)
    assert frontend.timeouts(pool) == RelayTimeouts(60.0, 7.0, 9.0, 30.0, 30.0)
    live.reload(config(backend("a", timeout_server_fin=8.0)), 100)
    assert frontend.timeouts(pool) == RelayTimeouts(60.0, 60.0, 3600.0, 30.0, 8.0)


@pytest.mark.parametrize(("assigned", "load"), [(False, Load(2, 2, 1, 0)), (True, Load(2, 2, 1, 1))])
def test_a_log_lines_load_leaves_the_finished_connection_out(assigned: bool, load: Load) -> None:  # noqa: FBT001
    """At its backend and server, as HAProxy does; in the process and the frontend it still counts."""
    live = runtime(backend(server("a", 1)))
    frontend, pool = live.frontends["f"], live.pools["b"]
    live.accepted(frontend)
    live.accepted(frontend)
    Attempts(pool, None).first()
    mine = Attempts(pool, None)
    if assigned:
        mine.first()
    assert live.load(frontend, pool, mine.server, counts=mine.counts) == load


def test_the_load_of_who_never_got_to_a_backend() -> None:
    """Zero there."""
    live = runtime(backend("a"))
    live.accepted(live.frontends["f"])
    assert live.load(live.frontends["f"], None, None, counts=False) == Load(1, 1, 0, 0)

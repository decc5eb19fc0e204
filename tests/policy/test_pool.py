"""The live side of a backend: who may be chosen, and what a reload keeps."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from pumpproxy.model import DnsAddress, SendProxy, Server, TcpAddress, UnixAddress
from pumpproxy.policy.pool import Pool, is_nearby
from pumpproxy.policy.serverstate import ServerState
from tests.policy.declared import backend, pool, server

if TYPE_CHECKING:
    from pumpproxy.model import ServerAddress


def chosen(live: Pool, count: int) -> dict[str, int]:
    """How often each is balanced to."""
    states = [live.balance() for _ in range(count)]
    return dict(Counter(state.name if state is not None else "" for state in states))


def test_weights_are_followed() -> None:
    """Each gets its share."""
    assert chosen(pool(server("a", 1, weight=3), server("b", 2)), 8) == {"a": 6, "b": 2}


@pytest.mark.parametrize("fields", [{"weight": 0}, {"drain": True}, {"disabled": True}, {"drain": True, "weight": 9}])
def test_weight_0_drain_and_disabled_are_never_balanced_to(fields: dict[str, object]) -> None:
    """The others take it all; without others there is nobody."""
    assert chosen(pool(server("a", 1, **fields), "b"), 5) == {"b": 5}
    assert pool(server("a", 1, **fields)).balance() is None


@pytest.mark.parametrize(
    ("fields", "found"), [({"weight": 0}, "a"), ({"drain": True}, "a"), ({"disabled": True}, None)]
)
def test_use_server_reaches_all_but_the_disabled(fields: dict[str, object], found: str | None) -> None:
    """A weight of 0 is for balancing only; a disabled server is skipped, as one that is DOWN."""
    live = pool(server("a", 1, **fields), "b", use_server=(("x.example", "a"),))
    pinned = live.pinned("x.example")
    assert (pinned.name if pinned is not None else None) == found


def test_use_server_is_by_the_whole_name() -> None:
    """Another name, or none, is balanced."""
    live = pool("a", "b", use_server=(("x.example", "b"), ("y.example", "b"), ("z.example", "a")))
    pinned = [live.pinned(name) for name in ("x.example", "y.example", "z.example")]
    assert pinned == [live.servers["b"], live.servers["b"], live.servers["a"]]
    assert live.pinned("www.x.example") is None
    assert live.pinned(None) is None


def test_use_server_of_a_server_that_is_not_there_pins_nobody() -> None:
    """The reader of the file refuses it; the pool does not fail on it."""
    assert pool("a", use_server=(("x.example", "gone"),)).pinned("x.example") is None


def test_a_value_of_the_cookie_means_a_server() -> None:
    """Usable or not; a reload follows the file."""
    live = pool(server("a", 1, cookie="A"), server("b", 2, cookie="B", disabled=True), "c")
    assert live.by_cookie == {b"A": live.servers["a"], b"B": live.servers["b"]}
    live.declare(backend(server("a", 1), server("c", 3, cookie="A")))
    assert live.by_cookie == {b"A": live.servers["c"]}


def test_who_is_named_is_taken_unless_use_server_says_otherwise() -> None:
    """And counts; its weight does not matter."""
    live = pool(server("a", 1, weight=0), "b", "c", use_server=(("x.example", "c"),))
    named = live.servers["a"]
    assert live.take("y.example", named) is named
    assert live.take(None, named) is named
    assert live.take("x.example", named) is live.servers["c"]
    assert (live.connections, named.connections) == (3, 2)


def test_balancing_avoids_who_was_tried() -> None:
    """And finds nobody where all were."""
    live = pool("a", "b", "c")
    first, second = live.servers["a"], live.servers["b"]
    assert {live.balance(avoid=(first, second)) for _ in range(5)} == {live.servers["c"]}
    assert live.balance(avoid=tuple(live.servers.values())) is None


def turns(live: Pool, *hosts: str | None) -> str:
    """Who is chosen for each of these, one after another; `-` for nobody."""
    states = [live.take(host) for host in hosts]
    return "".join("-" if state is None else state.name for state in states)


def test_a_new_connection_goes_where_its_name_says_else_by_turns() -> None:
    """A named server's turns are not spent on those who named it."""
    live = pool("a", "b", "c", use_server=(("x.example", "a"),))
    assert turns(live, None, "x.example", "x.example", "y.example", "x.example", None, None) == "aaabaca"
    assert live.connections == 7
    assert {name: state.connections for name, state in live.servers.items()} == {"a": 5, "b": 1, "c": 1}
    live.leave(live.servers["a"])
    assert (live.connections, live.servers["a"].connections) == (6, 4)


def test_a_named_server_is_skipped_where_it_may_not_be_used() -> None:
    """Without weight it may."""
    use = (("x.example", "a"),)
    assert turns(pool(server("a", 1, disabled=True), "b", use_server=use), "x.example", None) == "bb"
    assert turns(pool(server("a", 1, weight=0), "b", use_server=use), "x.example", None) == "ab"
    assert turns(pool(server("a", 1, drain=True), use_server=use), "x.example", None) == "a-"


def test_nobody_is_chosen_where_nobody_may_be() -> None:
    """And nobody's place in the round changes."""
    live = pool(server("a", 1, disabled=True), server("b", 2, weight=0))
    assert turns(live, None, "x.example") == "--"
    assert [state.credit for state in live.servers.values()] == [0, 0]
    assert (live.connections, [state.connections for state in live.servers.values()]) == (0, [0, 0])
    assert turns(pool(), None) == "-"


def test_choosing_and_balancing_take_the_same_turns() -> None:
    """It is one round, whoever asks."""
    live, alone = (pool(server("a", 1, weight=3), server("b", 2), server("c", 3, weight=2)) for _ in range(2))
    mixed = [live.take(None) if turn % 3 else live.balance() for turn in range(30)]
    assert [state and state.name for state in mixed] == list(turns(alone, *[None] * 30))


@pytest.mark.parametrize(
    ("address", "nearby"),
    [
        (TcpAddress("127.0.0.1", 1), True),
        (TcpAddress("127.200.3.4", 1), True),
        (TcpAddress("::1", 1), True),
        (TcpAddress("192.0.2.127", 1), False),
        (TcpAddress("12.7.0.1", 1), False),
        (TcpAddress("2001:db8::1", 1), False),
        (UnixAddress("/run/s"), False),
        (DnsAddress("localhost", 1), False),
    ],
    ids=str,
)
def test_a_pool_is_nearby_where_all_its_servers_are(address: ServerAddress, nearby: bool) -> None:  # noqa: FBT001
    """By a literal address of this machine; also those who get nobody now. A reload may change it."""
    assert is_nearby(address) == nearby
    live = pool(server("a", 1), Server("s", address, drain=True))
    assert live.nearby == nearby
    live.declare(backend(server("a", 1)))
    assert live.nearby
    live.declare(backend(Server("s", address)))
    assert live.nearby == nearby


def test_a_pool_that_is_told_of_its_clients_is_not_nearby() -> None:
    """What a PROXY header tells takes the long way to find out; one such server is enough. A reload may change it."""
    live = pool(server("a", 1), server("b", 2, send_proxy=SendProxy.V1))
    assert not live.nearby
    live.declare(backend(server("a", 1), server("b", 2)))
    assert live.nearby
    live.declare(backend(server("a", 1, send_proxy=SendProxy.V2), server("b", 2)))
    assert not live.nearby


def test_a_reload_keeps_servers_of_the_same_name_and_address() -> None:
    """Their connections and their place in the round stay; the declaration is the new one."""
    live = pool("a", "b")
    kept, other = live.servers["a"], live.servers["b"]
    kept.connections = 7
    assert live.balance() is kept
    live.declare(backend(server("a", 8000, weight=5), server("b", 8001), server("c", 8002)))
    assert live.servers["a"] is kept
    assert live.servers["b"] is other
    assert (kept.connections, kept.weight, kept.declared.weight) == (7, 5, 5)
    assert list(live.servers) == ["a", "b", "c"]


def test_an_unchanged_reload_does_not_start_the_round_anew() -> None:
    """Twenty reloads do not send everybody to the first server."""
    live = pool("a", "b", "c")
    seen = []
    for _ in range(6):
        state = live.balance()
        assert state is not None
        seen.append(state.name)
        live.declare(live.backend)
    assert seen == ["a", "b", "c", "a", "b", "c"]


def test_a_server_that_moved_is_another_server() -> None:
    """The counts of the old address are not those of the new one."""
    live = pool(server("a", 1))
    old = live.servers["a"]
    old.connections = 3
    live.declare(backend(server("a", 2)))
    assert live.servers["a"] is not old
    assert live.servers["a"].connections == 0
    assert old.connections == 3


def test_a_server_that_is_gone_is_chosen_no_more() -> None:
    """Neither by balancing nor by name."""
    live = pool("a", "b", use_server=(("x.example", "b"),))
    live.declare(backend("a", use_server=()))
    assert chosen(live, 4) == {"a": 4}
    assert live.pinned("x.example") is None


def test_drain_and_back_by_reload() -> None:
    """A drained server keeps what it has, gets nothing new, and takes its share again afterwards."""
    live = pool("a", "b")
    state = live.servers["a"]
    state.connections = 2
    live.declare(backend(server("a", 8000, drain=True), server("b", 8001)))
    assert chosen(live, 4) == {"b": 4}
    assert state.connections == 2
    live.declare(backend("a", "b"))
    assert chosen(live, 10) == {"a": 5, "b": 5}


def test_a_state_shows_its_name_and_address() -> None:
    """In a traceback."""
    assert repr(ServerState(server("a", 1))) == "<ServerState a 127.0.0.1:1>"

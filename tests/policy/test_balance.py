"""Which of several servers comes next."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.model import Balance
from pumpproxy.policy.balance import CHOICES, Chance, leastconn, random, roundrobin, source
from pumpproxy.policy.queue import Ticket
from pumpproxy.policy.serverstate import ServerState
from tests.policy.declared import server

if TYPE_CHECKING:
    from random import Random


def states(*weights: int) -> list[ServerState]:
    """Servers a, b, c, ... of these weights."""
    return [ServerState(server("abcdefgh"[index], weight=weight)) for index, weight in enumerate(weights)]


def turns(servers: list[ServerState], count: int) -> str:
    """Who is chosen, so many times."""
    chosen = [roundrobin(servers) for _ in range(count)]
    return "".join(state.name for state in chosen if state is not None)


def test_nobody_of_none() -> None:
    """No candidates, no choice."""
    assert roundrobin([]) is None


def test_one_is_always_chosen() -> None:
    """Whatever its weight."""
    assert turns(states(7), 5) == "aaaaa"


def test_equal_weights_take_turns_in_the_order_of_the_file() -> None:
    """a, b, c, a, b, c."""
    assert turns(states(1, 1, 1), 7) == "abcabca"
    assert turns(states(4, 4), 4) == "abab"


def test_unequal_weights_are_spread() -> None:
    """The published example of the smooth variant: of 5, 1, 1 no five come in a row."""
    assert turns(states(5, 1, 1), 14) == "aabacaaaabacaa"


@pytest.mark.parametrize("weights", [(1, 2), (3, 2, 1), (256, 1), (10, 10, 1), (7, 5, 3, 2)])
def test_each_gets_its_share(weights: tuple[int, ...]) -> None:
    """Over one round of the sum of the weights, each is chosen exactly as often as it weighs; and so on."""
    servers = states(*weights)
    for _ in range(3):
        assert Counter(turns(servers, sum(weights))) == {
            servers[index].name: weight for index, weight in enumerate(weights)
        }


@given(st.lists(st.integers(1, 30), min_size=2, max_size=6))
def test_no_prefix_is_far_from_the_shares(weights: list[int]) -> None:
    """At any moment nobody has had a whole round's server more or less than its share."""
    servers = states(*weights)
    total = sum(weights)
    had: Counter[str] = Counter()
    for turn in range(1, total + 1):
        had[turns(servers, 1)] += 1
        for state in servers:
            assert abs(had[state.name] - turn * state.weight / total) < len(weights)


def test_candidates_may_change_from_call_to_call() -> None:
    """Who is left out pays nothing, and nobody starves afterwards."""
    servers = states(1, 1, 1)
    assert turns(servers[:2], 2) == "ab"
    assert Counter(turns(servers, 6)) == {"a": 2, "b": 2, "c": 2}


# The others -----------------------------------------------------------------------------------------------------------


def test_the_least_busy_for_its_weight_is_chosen() -> None:
    """Those who wait for it count too; among equals it goes by turns."""
    one, two, three = servers = states(1, 2, 1)
    one.connections, two.connections, three.connections = 2, 3, 2
    assert leastconn(servers) is two
    two.connections = 4
    assert {leastconn(servers) for _ in range(8)} == set(servers)
    three.queue[Ticket(None, None, None, "")] = None
    assert {leastconn(servers) for _ in range(6)} == {one, two}
    assert leastconn([]) is None


def test_connections_that_stay_are_spread_by_weight() -> None:
    """As many a part of weight everywhere, at every moment."""
    servers = states(3, 1, 2)
    for turn in range(60):
        chosen = leastconn(servers)
        assert chosen is not None
        chosen.connections += 1
        loads = [state.connections / state.weight for state in servers]
        assert max(loads) - min(loads) <= 1, turn
    assert [state.connections for state in servers] == [30, 10, 20]


CLIENTS = [f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in range(100_000)]


def named(count: int) -> list[ServerState]:
    """So many servers of weight 1."""
    return [ServerState(server(f"web{index}")) for index in range(count)]


def test_a_hundred_thousand_sources_are_spread_over_ten_servers() -> None:
    """The largest share is little more than the mean; who goes leaves its clients to all, and nobody else moves."""
    servers = named(10)
    before = {client: source(servers, client) for client in CLIENTS}
    shares = Counter(state.name for state in before.values() if state is not None)
    assert max(shares.values()) <= 1.3 * len(CLIENTS) / 10
    assert min(shares.values()) >= 0.7 * len(CLIENTS) / 10
    gone = servers.pop(3)
    landed: Counter[str] = Counter()
    for client, state in before.items():
        now = source(servers, client)
        assert now is not None
        if state is gone:
            landed[now.name] += 1
        else:
            assert now is state
    assert len(landed) == 9
    assert max(landed.values()) <= 1.3 * shares["web3"] / 9


def test_a_server_that_comes_takes_its_share_from_all() -> None:
    """Whoever moves, moves to the new one."""
    servers = named(5)
    before = {client: source(servers, client) for client in CLIENTS[:10_000]}
    servers.insert(2, ServerState(server("new", weight=2)))
    moved = Counter(state.name for client, state in before.items() if state and source(servers, client) is not state)
    after = Counter(state.name for client in before if (state := source(servers, client)) is not None)
    assert after["new"] == sum(moved.values())
    assert 0.8 * 10_000 * 2 / 7 < after["new"] < 1.2 * 10_000 * 2 / 7
    assert len(moved) == 5


@given(st.text(max_size=40), st.lists(st.integers(1, 256), min_size=1, max_size=8), st.randoms())
def test_a_source_has_its_server_whatever_the_order(client: str, weights: list[int], order: Random) -> None:
    """By names alone: another process, or a file in another order, chooses the same; its credit is of no account."""
    servers = states(*weights)
    first = source(servers, client)
    mixed = [ServerState(state.declared) for state in servers]
    order.shuffle(mixed)
    again = source(mixed, client)
    assert first is not None
    assert again is not None
    assert first.name == again.name


def test_sources_follow_the_weights() -> None:
    """In proportion, from the smallest to the largest that a file may have."""
    servers = states(1, 3, 12)
    shares = Counter(state.name for client in CLIENTS[:20_000] if (state := source(servers, client)) is not None)
    for state in servers:
        assert abs(shares[state.name] / 20_000 - state.weight / 16) < 0.015
    assert source([], "192.0.2.1") is None


def test_the_less_busy_of_two_by_chance() -> None:
    """Nobody is left out, the busiest is rarely chosen, and the same seed chooses the same."""
    servers = states(1, 1, 1, 1)
    servers[0].connections = 100
    chance = Chance(7)
    chosen = Counter(state.name for _ in range(4000) if (state := random(servers, chance)) is not None)
    # Twice the same, of four: 1/16.
    assert 150 < chosen["a"] < 350
    assert all(1000 < chosen[name] < 1500 for name in "bcd")
    again, other = Chance(7), Chance(7)
    assert [random(servers, again) for _ in range(50)] == [random(servers, other) for _ in range(50)]
    assert random([], chance) is None


def test_chance_draws_by_weight() -> None:
    """A heavy one is drawn as often as it weighs."""
    servers = states(9, 1)
    chance = Chance(1)
    chosen = Counter(state.name for _ in range(5000) if (state := random(servers, chance)) is not None)
    assert 4400 < chosen["a"] < 4600


@given(st.integers(0, 2**70), st.integers(1, 10_000))
def test_chance_stays_below(seed: int, limit: int) -> None:
    """Whatever the seed, zero too."""
    chance = Chance(seed)
    assert all(0 <= chance.below(limit) < limit for _ in range(20))
    assert len({Chance(seed).below(2**32), *(chance.below(2**32) for _ in range(20))}) > 15


def test_each_balance_of_the_file_has_its_choice() -> None:
    """`first` is the first, whoever is busy."""
    assert set(CHOICES) == set(Balance)
    servers = states(1, 5)
    servers[0].connections = 1000
    assert CHOICES[Balance.FIRST](servers, "", Chance(0)) is servers[0]
    for balance in Balance:
        assert CHOICES[balance]([], "192.0.2.1", Chance(0)) is None
        assert CHOICES[balance](servers[1:], "192.0.2.1", Chance(0)) is servers[1]

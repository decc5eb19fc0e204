"""Smooth weighted round robin."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.policy.balance import roundrobin
from pumpproxy.policy.serverstate import ServerState
from tests.policy.declared import server


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

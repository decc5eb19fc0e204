"""A failing seed can be had again."""

from __future__ import annotations

from collections import Counter

import pytest

from pumpproxy.policy.outcome import Outcome
from tests.sim import seeds


class Frail:
    """A world that a third seed breaks."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.trace: list[seeds.Line] = [(0.0, 1, "opened"), (0.1, "reload"), (0.2, 2, "opened"), (0.3, 1, "lost")]

    def run(self) -> Counter[Outcome]:
        """Two sessions, or a failure."""
        assert self._seed < 2
        return Counter([Outcome.COMPLETED, Outcome.CLIENT_LEFT])


def test_what_worlds_lived_through_is_added_up() -> None:
    """Over all seeds."""
    assert seeds.live(Frail, [0, 1], "frail") == {Outcome.COMPLETED: 2, Outcome.CLIENT_LEFT: 2}


def test_a_failing_seed_is_told_with_its_story() -> None:
    """The line to type, and what happened to the connection that failed, with what concerned all of them."""
    with pytest.raises(AssertionError) as failure:
        seeds.live(Frail, [0, 1, 2], "frail")
    assert failure.value.__notes__ == [
        "0.0 1 opened\n0.1 reload\n0.3 1 lost",
        "replay: PUMPPROXY_SEED=2 python -m pytest tests/sim -k frail",
    ]


def test_one_seed_is_replayed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """PUMPPROXY_SEED names it; without, a run takes the same ones each time."""
    monkeypatch.delenv("PUMPPROXY_SEED", raising=False)
    assert list(seeds.usual(3)) == [0, 1, 2]
    monkeypatch.setenv("PUMPPROXY_SEED", "77")
    assert list(seeds.usual(3)) == [77]


def test_soak_takes_as_many_fresh_seeds_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time others."""
    monkeypatch.setenv("PUMPPROXY_SOAK_SEEDS", "5")
    first, second = list(seeds.fresh(1)), list(seeds.fresh(1))
    assert len(first) == len(second) == 5
    assert first != second

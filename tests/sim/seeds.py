"""Which seeds a run of a simulation takes, and what a failing one leaves behind.

A run takes the same few seeds each time; `make soak` takes fresh ones, PUMPPROXY_SOAK_SEEDS of them a simulation.
PUMPPROXY_SEED=n replays that one alone.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pumpproxy.policy.outcome import Outcome

SHOWN = 60
"""Lines of a failing connection's trace, the last ones; the seed gives the rest again."""

Line = tuple[object, ...]
"""When it was, whose it was (a number; nobody's otherwise), what it was."""


class World(Protocol):
    """One simulated service, made of a seed."""

    trace: list[Line]
    """What happened, in order."""

    def run(self) -> Counter[Outcome]:
        """Live until everything has drained; how its connections or requests ended."""


def usual(count: int) -> Sequence[int]:
    """The seeds of every run, or the one that is to be replayed."""
    chosen = os.environ.get("PUMPPROXY_SEED")
    return range(count) if chosen is None else [int(chosen)]


def fresh(count: int) -> Iterable[int]:
    """Seeds that no run took before; `count` of them, where PUMPPROXY_SOAK_SEEDS does not say another number."""
    count = int(os.environ.get("PUMPPROXY_SOAK_SEEDS", count))
    start = random.SystemRandom().randrange(2**40)
    return range(start, start + count)


def live(worlds: Callable[[int], World], seeds: Iterable[int], name: str) -> Counter[Outcome]:
    """Run a world of each seed; how everything ended. A failure tells how to have it again (`-k name`)."""
    total: Counter[Outcome] = Counter()
    for seed in seeds:
        world = worlds(seed)
        try:
            total += world.run()
        except Exception as error:
            error.add_note("\n".join(_story(world.trace)))
            error.add_note(f"replay: PUMPPROXY_SEED={seed} python -m pytest tests/sim -k {name}")
            raise
    return total


def _story(trace: Sequence[Line]) -> list[str]:
    """What concerns the connection that did something last."""
    concerned = [line for line in trace if line[1] == trace[-1][1] or not isinstance(line[1], int)]
    return [" ".join(map(str, line)) for line in concerned[-SHOWN:]]


def replaying() -> bool:
    """Whether one seed is replayed: what a run of many must have seen is not asked then."""
    return "PUMPPROXY_SEED" in os.environ

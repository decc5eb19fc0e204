"""Virtual time: what is to happen, in order, and a clock that jumps from one to the next."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 200_000
"""Happenings of one world; more means that it never drains."""


class Timeline:
    """`now` is in seconds. What is due at the same time happens in the order in which it was planned."""

    def __init__(self, start: float) -> None:
        self.now = start
        self._planned: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def after(self, delay: float, happening: Callable[[], None]) -> None:
        """Plan something in `delay` seconds."""
        self.at(self.now + delay, happening)

    def at(self, when: float, happening: Callable[[], None]) -> None:
        """Plan something for a time; one that has passed means now."""
        self._count += 1
        heapq.heappush(self._planned, (max(when, self.now), self._count, happening))

    def run(self) -> None:
        """Let everything happen until nothing is planned."""
        for _ in range(LONGEST):
            if not self._planned:
                return
            self.now, _order, happening = heapq.heappop(self._planned)
            happening()
        message = "the world does not drain"
        raise AssertionError(message)

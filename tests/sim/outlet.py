"""Our buffer before a peer: what was written to it and has not left yet, and who is told when it fills and empties.

As Twisted's transports are for a push producer: full above 64 KiB, told from within the write; ready when empty. While
somebody waits for the last byte, nobody is told that it is full.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim.timeline import Timeline

SIZE = 64 * 1024


@dataclass(frozen=True)
class Pace:
    """How a peer takes what it is sent: so many bytes, each `pause` seconds; None: nothing, ever."""

    pause: float
    bytes: int | None


PROMPT = Pace(0.0, 1 << 40)
BRISK = Pace(0.05, 1 << 40)
SLOW = Pace(1.5, 15_000)
STUCK = Pace(1.0, None)


class Outlet:
    """`taken` counts the bytes that the peer has, as its kernel acknowledged them."""

    def __init__(self, time: Timeline, pace: Pace, full: Callable[[], None], ready: Callable[[], None]) -> None:
        self._time = time
        self._pace = pace
        self._tell_full = full
        self._tell_ready = ready
        self._drained: Callable[[], None] | None = None
        self._taking = False
        self._closed = False
        self.full = False
        self.left = 0
        self.taken = 0

    def write(self, size: int) -> None:
        """So many bytes more."""
        self.left += size
        self._go_on()
        if self.left > SIZE and not self.full and self._drained is None and not self._closed:
            self.full = True
            self._tell_full()

    def drain(self, drained: Callable[[], None]) -> None:
        """Call this once, from within a later event, when everything has left."""
        self._drained = drained
        self.full = False
        self._go_on()

    def close(self) -> None:
        """Nobody is told anything any more."""
        self._closed = True

    def _go_on(self) -> None:
        if not self._taking and self._pace.bytes is not None:
            self._taking = True
            self._time.after(self._pace.pause, self._take)

    def _take(self) -> None:
        self._taking = False
        size = min(self.left, self._pace.bytes or 0)
        self.left -= size
        self.taken += size
        if self._closed:
            return
        if self.left:
            self._go_on()
            return
        if self._drained is not None:
            drained, self._drained = self._drained, None
            drained()
        elif self.full:
            self.full = False
            self._tell_ready()

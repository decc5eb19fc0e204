"""One timer for all connections: entries lie in buckets of a tenth of a second, and are looked at when theirs comes.

An entry that was active meanwhile only gave itself a later `deadline()`, without telling the sweep, and is moved on
when its bucket comes; an entry whose deadline came nearer calls `watch` again. The cost of activity is nothing, that
of a tick is proportional to what lies in its bucket.
May not: know what an entry is.
"""

from __future__ import annotations

from heapq import heappop, heappush
from math import ceil, inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall, IReactorTime

    from pumpproxy.interfaces import Expiring

TICK = 0.1
"""Seconds. A deadline is noticed at most so much too late."""


class Sweep:
    """Deadlines of any number of entries, on one delayed call."""

    def __init__(self, reactor: IReactorTime, now: Callable[[], float]) -> None:
        """`now`: the monotonic clock that deadlines refer to; the reactor's may be stepped by the system."""
        self._reactor = reactor
        self.now = now
        self._buckets: dict[int, set[Expiring]] = {}
        self._where: dict[Expiring, int] = {}
        self._ticks: list[int] = []
        self._call: IDelayedCall | None = None
        self._call_tick = 0

    def __len__(self) -> int:
        return len(self._where)

    def watch(self, entry: Expiring) -> None:
        """Look at `entry` when its deadline has come; also where it was watched already and the deadline is nearer."""
        deadline = entry.deadline()
        if deadline is None:
            self.forget(entry)
            return
        tick = ceil(deadline / TICK)
        old = self._where.get(entry)
        if old == tick:
            return
        if old is not None:
            self._take_out(entry, old)
        self._where[entry] = tick
        bucket = self._buckets.get(tick)
        if bucket is None:
            self._buckets[tick] = {entry}
            heappush(self._ticks, tick)
            if self._call is None or tick < self._call_tick:
                self._schedule(tick)
        else:
            bucket.add(entry)

    def forget(self, entry: Expiring) -> None:
        """Do not look at `entry` any more. One that is not watched is fine."""
        tick = self._where.pop(entry, None)
        if tick is not None:
            self._take_out(entry, tick)

    def _take_out(self, entry: Expiring, tick: int) -> None:
        # A bucket stays until its tick, also an empty one: else each connection that comes and goes would leave its
        # tick in the heap once more. None: its tick has come, and `entry` is among those that are being looked at.
        bucket = self._buckets.get(tick)
        if bucket is not None:
            bucket.discard(entry)

    def _schedule(self, tick: int) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call_tick = tick
        self._call = self._reactor.callLater(max(0.0, tick * TICK - self.now()), self._sweep)

    def _sweep(self) -> None:
        self._call = None
        now = self.now()
        # Entries that `expired` adds are for later rounds; what is due is taken first.
        due: list[tuple[int, Expiring]] = []
        while self._ticks and (self._ticks[0] * TICK <= now or not self._buckets[self._ticks[0]]):
            tick = heappop(self._ticks)
            due += [(tick, entry) for entry in self._buckets.pop(tick)]
        rest = iter(due)
        try:
            for tick, entry in rest:
                self._look_at(entry, tick, now)
        finally:
            # Only where one raised, which is for the reactor to log: the others' turn comes at once.
            for tick, entry in rest:
                self._look_at(entry, tick, -inf)
            self._schedule_next()

    def _look_at(self, entry: Expiring, tick: int, now: float) -> None:
        """`entry` was due at `tick`, unless it was forgotten or moved since."""
        if self._where.get(entry) != tick:
            return
        del self._where[entry]
        deadline = entry.deadline()
        if deadline is None:
            return
        if deadline > now:
            self.watch(entry)
        else:
            entry.expired(now)

    def _schedule_next(self) -> None:
        if self._ticks and (self._call is None or self._ticks[0] < self._call_tick):
            self._schedule(self._ticks[0])

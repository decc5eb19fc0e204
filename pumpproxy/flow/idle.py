"""One timer for all connections: entries lie in buckets of a tenth of a second, and are looked at when theirs comes.

Who comes new is looked at within a tick, and only then put into a bucket: most connections are over by that time, and
nothing is left of them. An entry that was active meanwhile only gave itself a later `deadline()`, without
telling the sweep, and is moved on when its bucket comes; an entry whose deadline came nearer calls `watch` again. The
cost of activity is nothing, that of a tick is proportional to what lies in its bucket.
May not: know what an entry is.
"""

from __future__ import annotations

from heapq import heappop, heappush
from math import ceil, inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.internet.interfaces import IDelayedCall, IReactorTime

    from pumpproxy.interfaces import Expiring

TICK = 0.1
"""Seconds. A deadline is noticed at most so much too late."""
NOWHERE = -1
"""The `tick` of an entry that is not watched."""
NEW = -2
"""... of one that came since the last tick. All others: that of their bucket."""


class Sweep:
    """Deadlines of any number of entries, on one delayed call."""

    def __init__(self, reactor: IReactorTime, now: Callable[[], float]) -> None:
        """`now`: the monotonic clock that deadlines refer to; the reactor's may be stepped by the system."""
        self._reactor = reactor
        self.now = now
        # In their order. Whoever is over is taken out at once, so that its memory is the next one's, and still in the
        # processor's caches.
        self._new: dict[Expiring, None] = {}
        self._buckets: dict[int, set[Expiring]] = {}
        self._ticks: list[int] = []
        self._call: IDelayedCall | None = None
        self._call_at = inf

    def __len__(self) -> int:
        """Those with a deadline; it looks at all of them."""
        new = sum(entry.deadline() is not None for entry in self._new)
        return new + sum(map(len, self._buckets.values()))

    def watch(self, entry: Expiring) -> None:
        """Look at `entry` when its deadline has come; also where it was watched already and the deadline is nearer."""
        tick = entry.tick
        if tick == NEW:
            return
        if tick == NOWHERE:
            self.watch_new((entry,))
            return
        deadline = entry.deadline()
        if deadline is None:
            self.forget(entry)
        elif _tick_of(deadline) != tick:
            self._take_out(entry, tick)
            self._put(entry, deadline)

    def watch_new(self, entries: Sequence[Expiring]) -> None:
        """As `watch`, of several that are watched nowhere yet."""
        if not self._new:
            self._schedule(self.now() + TICK)
        new = self._new
        for entry in entries:
            entry.tick = NEW
            new[entry] = None

    def forget(self, entry: Expiring) -> None:
        """Do not look at `entry` any more. One that is not watched is fine."""
        tick = entry.tick
        if tick == NEW:
            entry.tick = NOWHERE
            self._new.pop(entry, None)
        elif tick != NOWHERE:
            entry.tick = NOWHERE
            self._take_out(entry, tick)

    def _put(self, entry: Expiring, deadline: float) -> None:
        tick = entry.tick = _tick_of(deadline)
        bucket = self._buckets.get(tick)
        if bucket is None:
            self._buckets[tick] = {entry}
            heappush(self._ticks, tick)
            self._schedule(tick * TICK)
        else:
            bucket.add(entry)

    def _take_out(self, entry: Expiring, tick: int) -> None:
        # A bucket stays until its tick, also an empty one: else each connection that comes and goes would leave its
        # tick in the heap once more. None: its tick has come, and `entry` is among those that are being looked at.
        bucket = self._buckets.get(tick)
        if bucket is not None:
            bucket.discard(entry)

    def _schedule(self, at: float) -> None:
        """See that there is a call at this time, or before."""
        if at < self._call_at:
            if self._call is not None and self._call.active():
                self._call.cancel()
            self._call_at = at
            self._call = self._reactor.callLater(max(0.0, at - self.now()), self._sweep)

    def _sweep(self) -> None:
        self._call = None
        self._call_at = inf
        now = self.now()
        # Entries that `expired` adds are for later rounds; what is due is taken first.
        due: list[tuple[int, Expiring]] = [(NEW, entry) for entry in self._new]
        self._new = {}
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
            if self._new:
                self._schedule(now + TICK)
            if self._ticks:
                self._schedule(self._ticks[0] * TICK)

    def _look_at(self, entry: Expiring, tick: int, now: float) -> None:
        """`entry` was due at `tick`, unless it was forgotten or moved since."""
        if entry.tick != tick:
            return
        entry.tick = NOWHERE
        deadline = entry.deadline()
        if deadline is None:
            return
        if deadline > now:
            self._put(entry, deadline)
        else:
            entry.expired(now)


def _tick_of(deadline: float) -> int:
    return max(0, ceil(deadline / TICK))

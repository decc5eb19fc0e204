"""The bodies of one client's request that are moved in the kernel, one a direction, and what is to be told of them.

A haul tells nobody of each byte: how far it is, is asked when that matters. May not: decide what is moved so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from pumpproxy.flow.haul import Haul
from pumpproxy.flow.socketstream import SocketStream

if TYPE_CHECKING:
    from pumpproxy.flow.pipes import Pipes
    from pumpproxy.flow.stream import Stream
    from pumpproxy.policy.transaction import Side


class Told(Protocol):
    """Who is told."""

    def haul_full(self, side: Side) -> None:
        """What that side sends is taken by the other no faster than this."""

    def haul_ready(self, side: Side) -> None:
        """After `haul_full`: it keeps up."""

    def haul_over(self, side: Side) -> None:
        """It is over: `moved` has the rest of it."""


class Moved(NamedTuple):
    """What moved since the last time."""

    side: Side
    size: int
    out: int
    """As the sink got it, with what frames it."""
    at: float
    """The last of it, in the poller's time."""


class Hauls:
    """Those of one client. False where there are none."""

    __slots__ = ("_full", "_pipes", "_running", "_told")

    def __init__(self, pipes: Pipes, told: Told) -> None:
        self._pipes = pipes
        self._told = told
        self._running: dict[Haul, Side] = {}
        self._full: set[Side] = set()

    def __bool__(self) -> bool:
        return bool(self._running)

    def begin(self, side: Side, source: Stream, sink: Stream, size: int | None, *, chunked: bool) -> None:
        """Move so much of what that side sends, if both connections are of a kind that can."""
        if isinstance(source, SocketStream) and isinstance(sink, SocketStream):
            haul = Haul(source, sink, size, self._pipes, self, chunked=chunked)
            self._running[haul] = side
            haul.start()

    def moved(self) -> list[Moved]:
        """What moved since the last call."""
        found = []
        for haul, side in list(self._running.items()):
            size, out = haul.taken()
            if out:
                found.append(Moved(side, size, out, haul.active))
            if haul.over:
                del self._running[haul]
        return found

    def look(self) -> None:
        """A deadline is near: whoever keeps up again is told of."""
        for haul, side in list(self._running.items()):
            if not haul.stalled:
                self._keeps_up(side)

    # What the hauls tell

    def haul_stalled(self, haul: Haul) -> None:
        """As `haul`'s owner: told once, until somebody looks."""
        side = self._running[haul]
        if side not in self._full:
            self._full.add(side)
            self._told.haul_full(side)

    def hauled(self, haul: Haul) -> None:
        """As `haul`'s owner."""
        side = self._running[haul]
        self._keeps_up(side)
        self._told.haul_over(side)

    def _keeps_up(self, side: Side) -> None:
        if side in self._full:
            self._full.discard(side)
            self._told.haul_ready(side)

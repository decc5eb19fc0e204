"""One of the two connections of a relay in the kernel: its descriptor, what is known of it, what waits to be written.

A few bytes at a time are passed on here, by one read and one write, which is most of what relays do; everything else
is the relay's (`splice`). May not: end a connection.
"""

from __future__ import annotations

from os import read, write
from typing import TYPE_CHECKING, NamedTuple

from pumpproxy.flow.descriptors import as_socket
from pumpproxy.flow.idle import NEW
from pumpproxy.flow.poll import DATA, ENDING, FAILED, OVER, READABLE, WRITABLE
from pumpproxy.flow.progress import Acknowledged, acknowledged_by, advanced
from pumpproxy.policy.outcome import Outcome

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from pumpproxy.flow.pipes import Pipe
    from pumpproxy.flow.splice import SpliceRelay

CHUNK = 16 * 1024
"""Bytes read at a time while a direction is not splicing: what a full read of them costs, splice costs as well."""


class Detached(NamedTuple):
    """An established connection that was taken from its transport: whoever has this owns the descriptor."""

    descriptor: int
    """Non-blocking."""
    watched: bool = False
    """Whether the poller knows it; where it does not, it tells all that there is when it is added."""
    room: bool = False
    """Whether the poller tells of room, too."""
    readable: bool = False
    ending: bool = False
    """A short read may hide an end."""
    finished: bool = False
    """Its FIN was read."""


class Waiting:
    """What waits to be written to one end, first the chunk; and the pipe that is borrowed while much is written."""

    __slots__ = ("chunk", "discarded", "pipe", "queued", "taken")

    def __init__(self) -> None:
        self.chunk = b""
        self.pipe: Pipe | None = None
        self.queued = 0
        """Bytes in the pipe."""
        self.taken: int | None = None
        """Bytes that its peer had acknowledged at the last look; see `progress`."""
        self.discarded = 0
        """Bytes for it that nobody takes any more."""


class SpliceEnd:
    """One end. What it sends goes to `other`. An idle one holds nothing but itself: they are many.

    Not a class for each side: Python reads attributes in half the time where it meets only one.
    """

    __slots__ = (
        "active", "bytes", "descriptor", "ending", "fin_came", "finished", "gone", "idle", "left", "other", "readable",
        "relay", "room", "shut", "stalled", "waiting", "wide",
    )  # fmt: skip
    other: SpliceEnd
    relay: SpliceRelay

    def __init__(self, relay: SpliceRelay, outcomes: tuple[Outcome, Outcome], now: float) -> None:
        """`outcomes`: where this end cuts the connection, and where it is silent."""
        self.relay = relay
        self.left, self.idle = outcomes
        self.descriptor = -1
        # What it sends: whether a read may bring something, whether a short one may hide an end, whether its FIN came,
        # and was read.
        self.readable = self.ending = self.fin_came = self.finished = False
        self.bytes = 0
        self.active = now
        # What it is sent: what waits, and whether it does not take it; whether the next bytes are worth a pipe; whether
        # the poller tells of room; whether it was sent a FIN, or takes nothing any more.
        self.waiting: Waiting | None = None
        self.stalled = self.wide = self.room = self.shut = self.gone = False

    def resume(self, before: Detached) -> None:
        """Go on from what its transport knew; from now on it is this one that is told."""
        self.readable, self.ending, self.finished = before.readable, before.ending, before.finished
        self.room = before.room
        self.descriptor = before.descriptor
        poller = self.relay.poller
        if before.watched:
            poller.tell(self.descriptor, self)
        else:
            poller.add(self.descriptor, self, room=self.room)

    def told(self, events: int) -> None:
        """The poller's events. Most tell of a message in the middle of a relay: no more is done for it than must be.

        A reset while nothing waits, which is how many relays end, is met by the read alone.
        """
        relay, other = self.relay, self.other
        if (
            (events != DATA and (self.stalled or not events & FAILED))
            or other.waiting is not None
            or other.gone
            or self.finished
        ):
            self._note(events)
            return
        try:
            data = read(self.descriptor, CHUNK)
        except BlockingIOError:
            if events != DATA:
                self._note(events)
            return
        except OSError:
            relay.lost(self)
            return
        size = len(data)
        if events != DATA or not 0 < size < CHUNK:
            self._take_and_go_on(data, events)
            return
        self.active = relay.poller.now
        if self.bytes:
            self.bytes += size
        else:
            # From its first word on another time may hold, and a shorter one; a new relay is looked at anyway.
            self.bytes = size
            if relay.tick != NEW:
                relay.watch()
        try:
            sent = write(other.descriptor, data)
        except OSError:
            sent = 0  # whatever it is, it is met again
        if sent == size:
            other.active = self.active
        else:
            other.send(data[sent:])

    def _note(self, events: int) -> None:
        """Whatever else there is to be told."""
        relay, other = self.relay, self.other
        if events & READABLE:
            self.readable = True
            if events & ENDING:
                self.ending = True
                if not events & OVER:
                    self.fin_came = True
                elif events & FAILED and self.finished:
                    # It had closed its half; now it is reset, and takes nothing any more.
                    relay.refused(self)
        if events & WRITABLE and self.stalled and not relay.over:
            relay.move(other)
        if events & READABLE and not self.finished and not relay.over:
            if other.waiting is None and not other.gone and (not self.copy() or relay.over):
                return
            relay.move(self)

    def _take_and_go_on(self, data: bytes, events: int) -> None:
        """What was read may not be all."""
        self.readable = True
        if events != DATA:
            self.ending = True
        if self._take(data) and not self.relay.over:
            self.relay.move(self)

    def copy(self) -> bool:
        """Pass on one chunk by read and write. Whether there may be more to do at once."""
        try:
            data = read(self.descriptor, CHUNK)
        except BlockingIOError:
            self.readable = False
            return False
        except OSError:
            self.relay.lost(self)
            return False
        return self._take(data)

    def _take(self, data: bytes) -> bool:
        """Pass on what was read; as `copy`."""
        relay, other = self.relay, self.other
        size = len(data)
        if not size:
            relay.finish(self)
            return True
        self.active = relay.poller.now
        if self.bytes:
            self.bytes += size
        else:
            self.bytes = size
            relay.watch()
        if size == CHUNK:
            other.wide = True
        elif not self.ending:
            # Edge-triggered: less than was asked for means that there is no more (epoll(7)).
            self.readable = False
        if other.gone:
            relay.discard(self, size)
            return self.readable
        return other.send(data) and self.readable

    def send(self, data: bytes) -> bool:
        """Write it to this end, for which nothing waits. False: it did not take everything, and the rest waits."""
        try:
            sent = write(self.descriptor, data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.relay.refused(self)
            return True
        if sent < len(data):
            self.keep(data[sent:])
            return False
        self.active = self.relay.poller.now
        return True

    def keep(self, rest: bytes) -> None:
        """It did not take this: it waits."""
        self.wait().chunk = rest
        self.stall()

    def wait(self) -> Waiting:
        """What waits, to be filled."""
        if self.waiting is None:
            self.waiting = Waiting()
        return self.waiting

    def stall(self) -> None:
        """It does not take what waits: `told` goes on when there is room."""
        if not self.room:
            self.room = True
            self.relay.poller.tell_room(self.descriptor)
        if not self.stalled:
            self.stalled = True
            self.look()
            if self.finished:
                # It is its turn now, and its time may be the shorter one.
                self.relay.watch()

    def look(self) -> None:
        """Keep how much its peer has taken, for `progressed`."""
        found = self._acknowledged()
        self.wait().taken = None if found is None else found.size

    def progressed(self, now: float) -> bool:
        """Whether the peer acknowledged anything since the last look; when it did so last, it was active."""
        waiting = self.wait()
        waiting.taken, active = advanced(self._acknowledged(), waiting.taken, now)
        if active is None:
            return False
        self.active = max(self.active, active)
        return True

    def _acknowledged(self) -> Acknowledged | None:
        sock = as_socket(self.descriptor)
        try:
            return acknowledged_by(sock)
        finally:
            sock.detach()

    def broke(self) -> None:
        """A defect of ours, logged already."""
        self.relay.cut(Outcome.INTERNAL)

    # As the portable end; but the socket was taken away from whoever would tell, with what it knew of a FIN.

    def received(self, data: bytes) -> None:
        """Never told."""

    def read_closed(self) -> None:
        """Known already."""

    def lost(self, reason: Failure) -> None:
        """Never told."""

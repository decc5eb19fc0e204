"""One of the two connections of a relay in the kernel: its socket, what is known of it, what waits to be written to it.

May not: move bytes; `splice` does, and is told of the poller's events here.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

from pumpproxy.flow.poll import ENDING, READABLE, WRITABLE
from pumpproxy.flow.progress import acknowledged_by
from pumpproxy.policy.outcome import Outcome

if TYPE_CHECKING:
    import socket

    from twisted.python.failure import Failure

    from pumpproxy.flow.pipes import Pipe
    from pumpproxy.flow.socketstream import SocketStream
    from pumpproxy.flow.splice import SpliceRelay


class SpliceEnd:
    """One of the two connections: its descriptor, what is known of it, and what waits to be written to it."""

    __slots__ = (
        "_relay", "active", "bytes", "chunk", "discarded", "ending", "fin_came", "finished", "gone", "idle", "left",
        "other", "pipe", "queued", "readable", "shut", "socket", "stalled", "taken", "wide",
    )  # fmt: skip
    other: SpliceEnd
    socket: socket.socket

    def __init__(self, relay: SpliceRelay, left: Outcome, idle: Outcome, now: float) -> None:
        """`left` and `idle`: the outcomes where this end cuts the connection, or is silent."""
        self._relay = relay
        # What it sends: whether its FIN was read, or came at least; whether a read may bring something, and whether a
        # short one may hide an end.
        self.finished = self.fin_came = self.readable = self.ending = False
        self.left = left
        self.idle = idle
        self.bytes = 0
        self.active = now
        # What it is sent: bytes that wait, and whether the next are worth a pipe.
        self.wide = False
        self.chunk = b""
        self.pipe: Pipe | None = None
        self.queued = 0
        self.stalled = False
        self.shut = False
        self.gone = False
        self.discarded = 0
        self.taken: int | None = None

    def take(self, stream: SocketStream) -> None:
        """Take the socket from this transport, with what that knows of it."""
        self.finished = stream.finished
        self.readable = stream.readable
        self.ending = stream.ending
        self.socket = stream.detach()

    def told(self, events: int) -> None:
        """The poller's events."""
        relay = self._relay
        if events & READABLE:
            self.readable = True
            if events & ENDING:
                self.ending = True
                if not events & (select.EPOLLERR | select.EPOLLHUP):
                    self.fin_came = True
                if events & select.EPOLLERR and self.finished:
                    # It had closed its half; now it is reset, and takes nothing any more.
                    relay.refused(self)
        if events & WRITABLE and self.stalled and not relay.over:
            relay.move(self.other)
        if events & READABLE and not self.finished and not relay.over:
            relay.move(self)

    def progressed(self, now: float) -> bool:
        """Whether the peer acknowledged anything since the last look; when it did so last, it was active."""
        found, before = acknowledged_by(self.socket), self.taken
        if found is None:
            return False
        self.taken = found.size
        if before is None or found.size <= before:
            return False
        self.active = max(self.active, now - found.age)
        return True

    # As the portable end; but the socket was taken away from whoever would tell, with what it knew of a FIN.

    def received(self, data: bytes) -> None:
        """Never told."""

    def read_closed(self) -> None:
        """Known already."""

    def lost(self, reason: Failure) -> None:
        """Never told."""

    def broke(self) -> None:
        """A defect of ours, logged already."""
        self._relay.cut(Outcome.INTERNAL)

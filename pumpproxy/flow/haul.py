"""A body's bytes from one connection to another in the kernel, while the protocols of both stay as they are.

By splice(2) through a borrowed pipe, as the relay does it; as chunks where they are to be. It ends when so many bytes
have passed, when the source has no more, or when either connection ends: what is left is read as ever.
May not: know which message they belong to.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from typing import Protocol as ProtocolType

from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

if TYPE_CHECKING:
    from pumpproxy.flow.pipes import Pipe, Pipes
    from pumpproxy.flow.socketstream import SocketStream

TURNS = 16
"""Pipes filled in one go; then others get theirs."""
_FLAGS = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK if hasattr(os, "SPLICE_F_MOVE") else 0


class Owner(ProtocolType):
    """Whose body it is."""

    def haul_stalled(self, haul: Haul) -> None:
        """The sink takes no more for now."""

    def hauled(self, haul: Haul) -> None:
        """It is over, though its connections may not be; told once, not after `stop`."""


class Haul:
    """Takes the source's reading to itself. `active` is when a byte moved last."""

    __slots__ = (
        "_chunked", "_left", "_out", "_owner", "_pipe", "_pipes", "_queued", "_sink", "_size", "_source", "active",
        "over", "stalled",
    )  # fmt: skip

    def __init__(
        self,
        source: SocketStream,
        sink: SocketStream,
        size: int | None,
        pipes: Pipes,
        owner: Owner,
        *,
        chunked: bool,
    ) -> None:
        """`size`: bytes, None for all until the source closes; `chunked`: each pipeful is to be a chunk."""
        self._source = source
        self._sink = sink
        self._left = size
        self._pipes = pipes
        self._owner = owner
        self._chunked = chunked
        self._pipe: Pipe | None = None
        self._queued = 0
        self._size = self._out = 0
        self.active = source.poller.now
        self.over = self.stalled = False

    def start(self) -> None:
        """Begin, soon."""
        self._source.haul, self._sink.feeder = self, self
        self._source.poller.soon(self.move, self._source)

    def stop(self) -> None:
        """Give up: one of the connections ends."""
        if self.over:
            return
        self.over = True
        self._source.haul = self._sink.feeder = None
        self._give_back()

    def taken(self) -> tuple[int, int]:
        """Bytes of the body that moved since the last call, and as many as they were made for the sink."""
        moved = self._size, self._out
        self._size = self._out = 0
        return moved

    def move(self) -> None:
        """As much as goes."""
        for _ in range(TURNS):
            # What was written before goes first; room is told of.
            if self.over or self._sink.waits or (self._queued and not self._empty()):
                return
            if self._left == 0:
                self._end()
                return
            if not self._source.readable:
                self._give_back()
                return
            if not self._fill():
                return
        self._source.poller.soon(self.move, self._source)

    def _fill(self) -> bool:
        """From the source into the pipe; whether there is anything in it."""
        pipe = self._pipe
        if pipe is None:
            pipe = self._pipe = self._pipes.borrow()
        if pipe is None:
            self._end()
            return False
        most = pipe.size if self._left is None else min(self._left, pipe.size)
        try:
            size = os.splice(self._source.descriptor, pipe.writer, most, flags=_FLAGS)
        except BlockingIOError:
            self._source.readable = False
            self._give_back()
            return False
        except OSError:
            # Linux tells of a reset once: whoever read now would see an end that looks clean.
            self._source.readable = False
            self._end()
            self._source.end(Failure(ConnectionLost()))
            return False
        if not size:
            # Its end, which is told to whoever reads it.
            self._end()
            return False
        self._queued = size
        if self._left is not None:
            self._left -= size
        self.active = self._source.poller.now
        if self._chunked:
            self._frame(b"%x\r\n" % size)
        return True

    def _empty(self) -> bool:
        """From the pipe to the sink; whether nothing is left in it."""
        pipe = self._pipe
        try:
            while self._queued and pipe is not None:
                size = os.splice(pipe.reader, self._sink.descriptor, self._queued, flags=_FLAGS)
                self._queued -= size
                self._moved(size, size)
        except BlockingIOError:
            self._sink.want_room()
            if not self.stalled:
                self.stalled = True
                self._owner.haul_stalled(self)
            return False
        except OSError:
            # The sink is gone; what is in the pipe is nobody's any more. That it was reset is told no more, as above.
            self._end()
            self._sink.pauseProducing()
            self._sink.poller.soon(self._sink.hear_out, self._sink)
            return False
        self.stalled = False
        if self._chunked:
            self._frame(b"\r\n")
        return True

    def _frame(self, data: bytes) -> None:
        self._moved(0, len(data))
        self._sink.write(data)

    def _moved(self, size: int, out: int) -> None:
        self._size += size
        self._out += out
        self.active = self._source.poller.now

    def _end(self) -> None:
        source = self._source
        self.stop()
        self._owner.hauled(self)
        if source.readable:
            source.poller.soon(source.read, source)

    def _give_back(self) -> None:
        if self._pipe is not None:
            self._pipes.give_back(self._pipe, empty=not self._queued)
            self._pipe = None
            self._queued = 0

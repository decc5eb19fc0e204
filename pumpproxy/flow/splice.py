"""The Linux relay: bytes go from socket to socket inside the kernel, or through one small copy where they are few.

Two halves, one a direction, on a `Poller`: chunks by read and write; once a full buffer was read, by splice(2) through
a borrowed pipe, until less than that comes. A FIN passes as a FIN behind all bytes before it, a reset as a reset; what
cannot be written is waited for, and nothing more is read meanwhile. An idle relay holds no buffer and no pipe.
May not: know what the bytes mean, or why the two belong together.
"""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from pumpproxy.flow.progress import taken_by_socket
from pumpproxy.flow.relay import MAX_DISCARDED
from pumpproxy.flow.spliceend import SpliceEnd
from pumpproxy.policy.inactivity import due
from pumpproxy.policy.outcome import Outcome, Phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumpproxy.flow.idle import Sweep
    from pumpproxy.flow.pipes import Pipes
    from pumpproxy.flow.poll import Poller
    from pumpproxy.flow.socketstream import SocketStream
    from pumpproxy.flow.stream import Stream
    from pumpproxy.policy.inactivity import RelayTimeouts

CHUNK = 16 * 1024
"""Bytes read at a time while a direction is not splicing: what a full read of them costs, splice costs as well."""
TURNS = 16
"""Reads of one direction in one go; then others get theirs."""
_FLAGS = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK if hasattr(os, "SPLICE_F_MOVE") else 0
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: close(2) sends RST."""


class SpliceRelay:
    """Two ends, until both are closed; then `told_over(relay)` is called, once. `outcome` and `phase` stand by then."""

    __slots__ = (
        "_pipes", "_poller", "_sweep", "_timeouts", "_told_over", "client", "outcome", "over", "phase", "server",
    )  # fmt: skip

    def __init__(
        self,
        poller: Poller,
        pipes: Pipes,
        sweep: Sweep,
        timeouts: RelayTimeouts,
        told_over: Callable[[SpliceRelay], None],
    ) -> None:
        self._poller = poller
        self._pipes = pipes
        self._sweep = sweep
        self._timeouts = timeouts
        self._told_over = told_over
        self.over = False
        self.outcome: Outcome | None = None
        self.phase = Phase.DONE
        now = poller.now
        self.client = SpliceEnd(self, Outcome.CLIENT_LEFT, Outcome.CLIENT_IDLE, now)
        self.server = SpliceEnd(self, Outcome.SERVER_LEFT, Outcome.SERVER_IDLE, now)
        self.client.other = self.server
        self.server.other = self.client

    def start(self, client: Stream, server: Stream, *, to_server: bytes = b"", to_client: bytes = b"") -> None:
        """Both are SocketStreams that can detach; these bytes were read before."""
        self.client.take(cast("SocketStream", client))
        self.server.take(cast("SocketStream", server))
        self._poller.tell(self.client.socket.fileno(), self.client.told)
        self._poller.tell(self.server.socket.fileno(), self.server.told)
        self.client.bytes, self.server.chunk = len(to_server), to_server
        self.server.bytes, self.client.chunk = len(to_client), to_client
        self._sweep.watch(self)
        self.move(self.client)
        if not self.over:
            self.move(self.server)

    def abort(self, outcome: Outcome = Outcome.SHUTDOWN) -> None:
        """Reset both connections now."""
        self.cut(outcome)

    # Moving bytes

    def move(self, source: SpliceEnd) -> None:
        """Pass on what `source` sent, as far as that goes."""
        sink = source.other
        for _ in range(TURNS):
            if (sink.chunk or sink.queued) and not self._flush(sink):
                return
            if source.finished:
                self._pass_fin(sink)
                return
            if not source.readable:
                self._release(sink)
                return
            if sink.gone:
                self._discard(source)
            elif sink.wide:
                self._splice(source, sink)
            else:
                self._copy(source, sink)
            if self.over:
                return
        self._poller.soon(lambda: None if self.over else self.move(source))

    def _receive(self, source: SpliceEnd) -> bytes:
        """A chunk at most; b"" where there is nothing to pass on, for whatever reason."""
        try:
            data = source.socket.recv(CHUNK)
        except BlockingIOError:
            source.readable = False
            return b""
        except OSError:
            self.cut(source.left)
            return b""
        if not data:
            self._finish(source)
            return b""
        source.bytes += len(data)
        source.active = self._poller.now
        return data

    def _copy(self, source: SpliceEnd, sink: SpliceEnd) -> None:
        """One chunk, by read and write."""
        data = self._receive(source)
        if not data:
            return
        size = len(data)
        if size == CHUNK:
            sink.wide = True
        elif not source.ending:
            # Edge-triggered: less than was asked for means that there is no more (epoll(7)).
            source.readable = False
        try:
            sent = sink.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.refused(sink)
            return
        if sent == size:
            sink.active = source.active
        else:
            sink.chunk = data[sent:]
            self._stall(sink)

    def _splice(self, source: SpliceEnd, sink: SpliceEnd) -> None:
        """As much as the pipe holds, in the kernel; back to chunks where there is no pipe, or little to move."""
        pipe = sink.pipe
        if pipe is None:
            pipe = sink.pipe = self._pipes.borrow()
            if pipe is None:
                sink.wide = False
                self._copy(source, sink)
                sink.wide = False
                return
        try:
            size = os.splice(source.socket.fileno(), pipe.writer, pipe.size, flags=_FLAGS)
        except BlockingIOError:
            source.readable = False
            sink.wide = False
            return
        except OSError:
            self.cut(source.left)
            return
        if size == 0:
            self._finish(source)
            return
        source.bytes += size
        source.active = self._poller.now
        sink.queued = size
        if size < CHUNK:
            sink.wide = False

    def _flush(self, sink: SpliceEnd) -> bool:
        """Write what waits; whether nothing waits any more."""
        try:
            if sink.chunk:
                sent = sink.socket.send(sink.chunk)
                sink.chunk = sink.chunk[sent:]
            while sink.queued and not sink.chunk and sink.pipe is not None:
                sink.queued -= os.splice(sink.pipe.reader, sink.socket.fileno(), sink.queued, flags=_FLAGS)
        except BlockingIOError:
            pass
        except OSError:
            self.refused(sink)
            return not self.over
        if sink.chunk or sink.queued:
            self._stall(sink)
            return False
        sink.stalled = False
        sink.active = self._poller.now
        return True

    def _stall(self, sink: SpliceEnd) -> None:
        if not sink.stalled:
            sink.stalled = True
            sink.taken = taken_by_socket(sink.socket)

    def _discard(self, source: SpliceEnd) -> None:
        """Nobody takes it any more; not much of it is waited for."""
        source.discarded += len(self._receive(source))
        if source.discarded > MAX_DISCARDED:
            self.cut(source.other.left)

    def _release(self, sink: SpliceEnd) -> None:
        """Give the pipe back; it is empty unless its connection is cut."""
        if sink.pipe is not None:
            self._pipes.give_back(sink.pipe, empty=not sink.queued)
            sink.pipe = None
            sink.wide = False

    # Ends

    def _finish(self, source: SpliceEnd) -> None:
        """Its FIN was read; the deadlines are others now. After a reset, a FIN that nobody saw come is none."""
        if source.gone and not source.fin_came:
            self.cut(source.left)
            return
        source.finished = True
        source.readable = False
        # They count from now, however long both were silent before.
        source.active = source.other.active = self._poller.now
        if not source.other.gone:
            source.other.taken = taken_by_socket(source.other.socket)
        self._sweep.watch(self)

    def _pass_fin(self, sink: SpliceEnd) -> None:
        """Everything that the other sent is written: so is its FIN, or both are closed where that was the last."""
        self._release(sink)
        if sink.shut:
            return
        source = sink.other
        sink.shut = True
        if sink.finished and (source.shut or source.gone):
            self._end(Outcome.COMPLETED)
        elif not sink.gone:
            try:
                sink.socket.shutdown(socket.SHUT_WR)
            except OSError:
                # It was reset in the meantime; reading it will say so.
                sink.readable = sink.ending = True

    def refused(self, sink: SpliceEnd) -> None:
        """It takes nothing any more. What it sent before may still lie in our kernel, and is passed on."""
        if sink.gone:
            return
        sink.gone = True
        sink.chunk = b""
        sink.stalled = False
        self._release(sink)
        sink.queued = 0
        if sink.finished:
            if sink.other.finished or sink.other.gone:
                self._end(Outcome.COMPLETED if sink.shut else sink.left)
            return
        sink.readable = sink.ending = True
        self._poller.soon(lambda: None if self.over else self.move(sink))

    def cut(self, outcome: Outcome) -> None:
        """End both with a reset, so that a cut never looks like an end."""
        if self.over:
            return
        for end in (self.client, self.server):
            with suppress(OSError):  # it may be reset already
                end.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._end(outcome)

    def _end(self, outcome: Outcome) -> None:
        if self.over:
            return
        self.over = True
        self.outcome = outcome
        if outcome is not Outcome.COMPLETED:
            self.phase = Phase.LAST if self.server.finished else Phase.DATA
        for end in (self.client, self.server):
            self._release(end)
            self._poller.close(end.socket.detach())
        self._sweep.forget(self)
        self._told_over(self)

    # Inactivity, from the sweep

    def deadline(self) -> float | None:
        """When silence has lasted too long, as things are."""
        return None if self.over else due(self.client, self.server, self._timeouts)[0]

    def expired(self, now: float) -> None:
        """It has, unless the kernel knows better of a slow reader: one that is stalled, or has yet to take a FIN."""
        late = self.client if due(self.client, self.server, self._timeouts)[1] is self.client else self.server
        if (late.stalled or late.other.finished) and not late.gone and late.progressed(now):
            self._sweep.watch(self)
        else:
            self.cut(late.idle)

"""The Linux relay: bytes go from socket to socket inside the kernel, or through one small copy where they are few.

Two halves, one a direction, on a `Poller`: chunks by read and write; once a full buffer was read, by splice(2) through
a borrowed pipe, until less than that comes. A FIN passes as a FIN behind all bytes before it, a reset as a reset; what
cannot be written is waited for, and nothing more is read meanwhile. An idle relay holds no buffer and no pipe.
May not: know what the bytes mean, or why the two belong together.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from pumpproxy.flow.descriptors import reset_at_close, shut_write
from pumpproxy.flow.idle import NOWHERE
from pumpproxy.flow.relay import MAX_DISCARDED
from pumpproxy.flow.spliceend import CHUNK, SpliceEnd
from pumpproxy.policy.inactivity import due
from pumpproxy.policy.outcome import Outcome, Phase

if TYPE_CHECKING:
    from pumpproxy.flow.environment import Environment
    from pumpproxy.flow.poll import Poller
    from pumpproxy.flow.relaying import Owner
    from pumpproxy.flow.socketstream import SocketStream
    from pumpproxy.flow.spliceend import Detached, Waiting
    from pumpproxy.flow.stream import Stream
    from pumpproxy.policy.inactivity import RelayTimeouts

TURNS = 16
"""Reads of one direction in one go; then others get theirs."""
_CLIENT = (Outcome.CLIENT_LEFT, Outcome.CLIENT_IDLE)
_SERVER = (Outcome.SERVER_LEFT, Outcome.SERVER_IDLE)
# Names of their own, because Python looks for a member of an enum eight times as long.
_COMPLETED, _DATA, _DONE = Outcome.COMPLETED, Phase.DATA, Phase.DONE
_FLAGS = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK if hasattr(os, "SPLICE_F_MOVE") else 0


class SpliceRelay:
    """Two ends, until both are closed; then `owner.relayed(relay)` is called, once."""

    __slots__ = (
        "_environment", "_owner", "_timeouts", "client", "outcome", "over", "phase", "poller", "server", "tick",
    )  # fmt: skip

    def __init__(self, environment: Environment, poller: Poller, timeouts: RelayTimeouts, owner: Owner | None) -> None:
        """`poller`: that of both connections; a reload may have taken it away from the environment since."""
        self._environment = environment
        self.poller = poller
        self._timeouts = timeouts
        self._owner = owner
        self.tick = NOWHERE
        self.over = False
        self.outcome: Outcome | None = None
        self.phase = _DONE
        now = poller.now
        self.client = client = SpliceEnd(self, _CLIENT, now)
        self.server = server = SpliceEnd(self, _SERVER, now)
        client.other, server.other = server, client

    def start(self, client: Stream, server: Stream, *, to_server: bytes = b"", to_client: bytes = b"") -> None:
        """Both are SocketStreams that can detach; these bytes were read before."""
        self.start_with(
            cast("SocketStream", client).detach(),
            cast("SocketStream", server).detach(),
            to_server=to_server,
            to_client=to_client,
        )

    def start_with(self, client: Detached, server: Detached, *, to_server: bytes, to_client: bytes = b"") -> None:
        """As `start`; both are this relay's from now on."""
        from_client, from_server = self.client, self.server
        from_client.bytes, from_server.bytes = from_client.bytes + len(to_server), len(to_client)
        self._environment.sweep.watch(self)
        from_client.resume(client)
        from_server.resume(server)
        if to_server:
            from_server.send(to_server)
        if to_client:
            from_client.send(to_client)
        # What was told of them before is not told again.
        for end in (from_client, from_server):
            if (end.readable or end.finished) and not self.over and not end.other.stalled:
                self.move(end)

    def start_bare(self, client: int, server: int, to_server: bytes, sent: int) -> None:
        """As `start`, where neither poller nor sweep need be told by it; `sent` bytes of it the server has already."""
        from_client, from_server = self.client, self.server
        from_client.bytes = len(to_server)
        from_client.descriptor, from_server.descriptor = client, server
        self.poller.add_pair(client, from_client, server, from_server)
        if sent < len(to_server):
            from_server.keep(to_server[sent:])

    def abort(self, outcome: Outcome = Outcome.SHUTDOWN) -> None:
        """Reset both connections now."""
        self.cut(outcome)

    # Moving bytes

    def move(self, source: SpliceEnd) -> None:
        """Pass on what `source` sent, as far as that goes."""
        sink = source.other
        for _ in range(TURNS):
            waiting = sink.waiting
            if waiting is not None and (waiting.chunk or waiting.queued) and not self._flush(sink, waiting):
                return
            if source.finished:
                self._pass_fin(sink)
                return
            if not source.readable:
                self._release(sink)
                return
            if sink.wide and not sink.gone:
                self._splice(source, sink)
            else:
                source.copy()
            if self.over:
                return
        self.poller.soon(lambda: None if self.over else self.move(source), source)

    def _splice(self, source: SpliceEnd, sink: SpliceEnd) -> None:
        """As much as the pipe holds, in the kernel; back to chunks where there is no pipe, or little to move."""
        waiting = sink.wait()
        pipe = waiting.pipe
        if pipe is None:
            pipe = waiting.pipe = self._environment.pipes.borrow()
            if pipe is None:
                sink.wide = False
                source.copy()
                sink.wide = False
                return
        try:
            size = os.splice(source.descriptor, pipe.writer, pipe.size, flags=_FLAGS)
        except BlockingIOError:
            source.readable = False
            sink.wide = False
            return
        except OSError:
            self.lost(source)
            return
        if size == 0:
            self.finish(source)
            return
        source.bytes += size
        source.active = self.poller.now
        waiting.queued = size
        if size < CHUNK:
            sink.wide = False

    def _flush(self, sink: SpliceEnd, waiting: Waiting) -> bool:
        """Write what waits; whether nothing waits any more."""
        try:
            if waiting.chunk:
                sent = os.write(sink.descriptor, waiting.chunk)
                waiting.chunk = waiting.chunk[sent:]
            while waiting.queued and not waiting.chunk and waiting.pipe is not None:
                waiting.queued -= os.splice(waiting.pipe.reader, sink.descriptor, waiting.queued, flags=_FLAGS)
        except BlockingIOError:
            pass
        except OSError:
            self.refused(sink)
            return not self.over
        if waiting.chunk or waiting.queued:
            sink.stall()
            return False
        sink.stalled = False
        sink.active = self.poller.now
        return True

    def discard(self, source: SpliceEnd, size: int) -> None:
        """So many bytes came for one who takes nothing any more; not much of that is waited for."""
        waiting = source.other.wait()
        waiting.discarded += size
        if waiting.discarded > MAX_DISCARDED:
            self.cut(source.other.left)

    def _release(self, sink: SpliceEnd) -> None:
        """Nothing waits any more, or is not written any more: give the pipe back."""
        sink.wide = False
        waiting = sink.waiting
        if waiting is None:
            return
        if waiting.pipe is not None:
            self._environment.pipes.give_back(waiting.pipe, empty=not waiting.queued)
            waiting.pipe = None
        waiting.queued = 0
        waiting.chunk = b""
        if not sink.gone and not sink.other.finished:
            sink.waiting = None

    # Ends

    def finish(self, source: SpliceEnd) -> None:
        """Its FIN was read; the deadlines are others now. After a reset, a FIN that nobody saw come is none."""
        if source.gone and not source.fin_came:
            self.cut(source.left)
            return
        source.finished = True
        source.readable = False
        # They count from now, however long both were silent before.
        source.active = source.other.active = self.poller.now
        self._environment.sweep.watch(self)

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
            sink.look()
            try:
                shut_write(sink.descriptor)
            except OSError:
                # It was reset in the meantime; reading it will say so.
                sink.readable = sink.ending = True

    def refused(self, sink: SpliceEnd) -> None:
        """It takes nothing any more. What it sent before may still lie in our kernel, and is passed on."""
        if sink.gone:
            return
        sink.gone = True
        sink.stalled = False
        self._release(sink)
        if sink.finished:
            if sink.other.finished or sink.other.gone:
                self._end(Outcome.COMPLETED if sink.shut else sink.left)
            else:
                # What the other still says waited for room here, of which no event will tell any more.
                self.poller.soon(lambda: None if self.over else self.move(sink.other), sink.other)
            return
        sink.readable = sink.ending = True
        self.poller.soon(lambda: None if self.over else self.move(sink), sink)

    def lost(self, source: SpliceEnd) -> None:
        """It was reset: so is the other."""
        reset_at_close(source.other.descriptor)
        self._end(source.left)

    def cut(self, outcome: Outcome) -> None:
        """End both with a reset, so that a cut never looks like an end."""
        if not self.over:
            reset_at_close(self.client.descriptor)
            reset_at_close(self.server.descriptor)
            self._end(outcome)

    def _end(self, outcome: Outcome) -> None:
        if self.over:
            return
        self.over = True
        self.outcome = outcome
        client, server = self.client, self.server
        if outcome is not _COMPLETED:
            self.phase = Phase.LAST if server.finished else _DATA
        if client.waiting is not None:
            self._release(client)
        if server.waiting is not None:
            self._release(server)
        self.poller.close_both(client.descriptor, server.descriptor)
        self._environment.sweep.forget(self)
        try:
            self._tell()
        finally:
            # Nothing of it waits for the garbage collector.
            del self.client, self.server, client.other, server.other

    def _tell(self) -> None:
        """It is over."""
        if self._owner is not None:
            self._owner.relayed(self)

    # Inactivity, from the sweep

    def watch(self) -> None:
        """The deadline may be nearer than it was."""
        self._environment.sweep.watch(self)

    def deadline(self) -> float | None:
        """When silence has lasted too long, as things are."""
        return None if self.over else due(self.client, self.server, self._timeouts)[0]

    def expired(self, now: float) -> None:
        """It has, unless the kernel knows better of a slow reader: one that is stalled, or has yet to take a FIN."""
        late = self.client if due(self.client, self.server, self._timeouts)[1] is self.client else self.server
        if (late.stalled or late.other.finished) and not late.gone and late.progressed(now):
            self._environment.sweep.watch(self)
        else:
            self.cut(late.idle)

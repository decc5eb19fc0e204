"""Bytes both ways between two established connections, over any Twisted transport.

Each end is the push producer of the other's transport: a slow reader stops the fast writer, and a relay holds no more
than Twisted's buffers (64 KiB and one read a side). A FIN passes as a FIN after all bytes before it, a reset as a
reset. Counters are integers on the ends; inactivity is for the sweep.
May not: know what the bytes mean, or why the two belong together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Protocol as ProtocolType

from twisted.internet.interfaces import IPushProducer, IUNIXTransport
from twisted.internet.protocol import connectionDone
from zope.interface import implementer

from pumpproxy.flow.idle import NOWHERE
from pumpproxy.flow.progress import acknowledged, advanced, taken_by_peer
from pumpproxy.flow.stream import StreamProtocol, is_network_end
from pumpproxy.policy.inactivity import due
from pumpproxy.policy.outcome import Outcome, Phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.python.failure import Failure

    from pumpproxy.flow.idle import Sweep
    from pumpproxy.flow.stream import Stream
    from pumpproxy.policy.inactivity import RelayTimeouts

MAX_DISCARDED = 64 * 1024
"""Bytes that a side may still send to a peer that finished and then vanished, before it is reset itself."""


@implementer(IPushProducer)
class RelayEnd:
    """One of the two connections: what its protocol tells it, and what it sends to the other."""

    __slots__ = (
        "_discarded",
        "_relay",
        "active",
        "bytes",
        "finished",
        "gone",
        "idle",
        "left",
        "other",
        "stalled",
        "taken",
        "transport",
    )
    other: RelayEnd
    transport: Stream

    def __init__(self, relay: Relay, left: Outcome, idle: Outcome, now: float) -> None:
        """`left` and `idle`: the outcomes where this end cuts the connection, or is silent."""
        self._relay = relay
        self.left = left
        self.idle = idle
        self.bytes = 0
        self.active = now
        self.finished = False
        self.gone = False
        self.stalled = False
        self.taken: int | None = None
        self._discarded = 0

    # Facts, from the protocol of this end's transport

    def received(self, data: bytes) -> None:
        """Pass on what it sent."""
        first = not self.bytes
        self.bytes += len(data)
        self.active = now = self._relay.now()
        other = self.other
        if first:
            # From its first word on another time may hold, and a shorter one.
            self._relay.watch()
        if other.gone:
            self._discarded += len(data)
            if self._discarded > MAX_DISCARDED:
                self._relay.cut(other.left)
            return
        if not other.stalled:
            other.active = now
        other.transport.write(data)

    def read_closed(self) -> None:
        """It closed its half: pass the FIN on, behind all that was written before."""
        if self.finished:
            return
        self.finished = True
        self._relay.finished(self)

    def lost(self, reason: Failure) -> None:
        """The connection is gone."""
        if not self.gone:
            self.gone = True
            self._relay.lost(self, reason)

    # IPushProducer: this end produces for the other's transport

    def pauseProducing(self) -> None:
        """The other takes too little."""
        self.other.stalled = True
        self.other.taken = taken_by_peer(self.other.transport)
        if self.other.finished:
            # It is its turn now, and its time may be the shorter one.
            self._relay.watch()
        if not self.finished:
            self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The other took everything. A finished end is not read again: Twisted would report its FIN twice."""
        self.other.stalled = False
        # This end could not be heard meanwhile, so that its time begins anew too.
        self.active = self.other.active = self._relay.now()
        if not self.finished:
            self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """The other's transport is lost, which `lost` of the other end deals with."""

    def finish_writing(self, *, close: bool) -> None:
        """Send a FIN behind what is written; with `close`, close the whole connection behind it."""
        if self.gone:
            return
        self.taken = taken_by_peer(self.transport)
        self.transport.unregisterProducer()
        if close:
            self.transport.loseConnection()
        else:
            self.transport.loseWriteConnection()

    def progressed(self, now: float) -> bool:
        """Whether the peer acknowledged anything since the last look, though no buffer of ours is free yet.

        When it did so last, it was active.
        """
        self.taken, active = advanced(acknowledged(self.transport), self.taken, now)
        if active is None:
            return False
        self.active = max(self.active, active)
        return True


class Relay:
    """Two ends, until both are gone; then `over(relay)` is called, once. `outcome` and `phase` stand by then."""

    def __init__(self, sweep: Sweep, timeouts: RelayTimeouts, over: Callable[[Relay], None]) -> None:
        self._sweep = sweep
        self._timeouts = timeouts
        self._over = over
        self.tick = NOWHERE
        self.now = sweep.now
        now = self.now()
        self.client = RelayEnd(self, Outcome.CLIENT_LEFT, Outcome.CLIENT_IDLE, now)
        self.server = RelayEnd(self, Outcome.SERVER_LEFT, Outcome.SERVER_IDLE, now)
        self.client.other = self.server
        self.server.other = self.client
        self.outcome: Outcome | None = None
        self.phase = Phase.DONE

    def start(self, client: Stream, server: Stream, *, to_server: bytes = b"", to_client: bytes = b"") -> None:
        """Both are established; these bytes were read already. Reading from both goes on."""
        self.client.transport = client
        self.server.transport = server
        client.registerProducer(self.server, True)
        server.registerProducer(self.client, True)
        client.resumeProducing()
        server.resumeProducing()
        if to_server:
            self.client.received(to_server)
        if to_client:
            self.server.received(to_client)
        self.watch()

    def abort(self, outcome: Outcome = Outcome.SHUTDOWN) -> None:
        """Reset both connections now."""
        self.cut(outcome)

    # What the ends tell

    def finished(self, end: RelayEnd) -> None:
        """`end` closed its half."""
        other = end.other
        # Other times hold from now on, and count from now, however long both were silent before.
        end.active = other.active = self.now()
        if other.finished or other.gone:
            # Both have said everything: what is buffered goes out, then both close.
            self._settle(Outcome.COMPLETED)
            for side in (end, other):
                side.finish_writing(close=True)
        else:
            other.finish_writing(close=False)
        if not (end.gone and other.gone):  # a transport may tell of its loss from within loseConnection
            self.watch()

    def lost(self, end: RelayEnd, reason: Failure) -> None:
        """`end` is gone, in whatever way."""
        other = end.other
        if not is_network_end(reason):
            self.cut(Outcome.INTERNAL)
        elif not end.finished:
            self.cut(end.left)
        elif not other.gone and not other.finished:
            # It had finished before it vanished: its bytes still go out, and nobody takes the other's any more.
            other.transport.resumeProducing()
        if end.gone and other.gone:
            self._settle(end.left)
            self._sweep.forget(self)
            self._over(self)

    def cut(self, outcome: Outcome) -> None:
        """End both with a reset, so that a cut never looks like an end."""
        if self.outcome is Outcome.COMPLETED:
            # Both had said everything, but not everything has gone out.
            self.outcome = None
        self._settle(outcome)
        for end in (self.client, self.server):
            if not end.gone:
                end.transport.abortConnection()

    def _settle(self, outcome: Outcome) -> None:
        """The first cause stands."""
        if self.outcome is None:
            self.outcome = outcome
            if outcome is not Outcome.COMPLETED:
                self.phase = Phase.LAST if self.server.finished else Phase.DATA

    # Inactivity, from the sweep

    def watch(self) -> None:
        """The deadline may be nearer than it was."""
        self._sweep.watch(self)

    def deadline(self) -> float | None:
        """When silence has lasted too long, as things are."""
        return due(self.client, self.server, self._timeouts)[0]

    def expired(self, now: float) -> None:
        """It has, unless the kernel knows better of a slow reader: one that is stalled, or has yet to take a FIN."""
        late = self.client if due(self.client, self.server, self._timeouts)[1] is self.client else self.server
        if (late.stalled or late.other.finished) and not late.gone and late.progressed(now):
            self.watch()
        else:
            self.cut(late.idle)


class Told(ProtocolType):
    """Who is told what a connection does; one whose socket was taken away is told nothing."""

    def received(self, data: bytes) -> None:
        """It sent `data`."""

    def read_closed(self) -> None:
        """It closed its half."""

    def lost(self, reason: Failure) -> None:
        """It is gone."""


class ServerProtocol(StreamProtocol):
    """The server's connection: tells `end`, once it is given one."""

    def __init__(self, connected: Callable[[ServerProtocol], None]) -> None:
        self._connected = connected
        self.end: Told | None = None

    def connectionMade(self) -> None:
        """Established: whoever dialled takes it from here."""
        # Twisted's unix transports claim to be TCP ones too, and those of older versions fail on this.
        if not IUNIXTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        self._connected(self)

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the server."""
        if self.end is not None:
            self.end.received(data)

    def readConnectionLost(self) -> None:
        """The server closed its half."""
        if self.end is not None:
            self.end.read_closed()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The server's connection is gone."""
        if self.end is not None:
            self.end.lost(reason)

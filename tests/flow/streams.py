"""Transports as Twisted's TCP ones are, without a socket: a test is the peer's kernel, and empties and fills them.

They follow `twisted.internet.abstract.FileDescriptor`: a push producer is paused when more than `limit` bytes wait and
resumed when none does; a FIN and the end of the connection come after what waits; what is told comes in a later turn
of the reactor, but for what a test makes happen itself.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, cast

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import ITCPTransport
from twisted.python.failure import Failure
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twisted.internet.interfaces import IProducer
    from twisted.internet.task import Clock

    from pumpproxy.flow.stream import Stream, StreamProtocol

FIN = None
"""In the queue of what the peer sent."""


@implementer(ITCPTransport)
class FakeStream:
    """One connection. `sent` is what the peer got, `fin` whether it got a FIN, `aborted` whether a RST of ours."""

    def __init__(self, clock: Clock, limit: int = 65536) -> None:
        self._clock = clock
        self._limit = limit
        self._incoming: deque[bytes | None] = deque()
        self._producer: IProducer | None = None
        self._paused = False
        self._finishing = False
        self._closing = False
        self._reset_by_peer = False
        self.protocol: StreamProtocol | None = None
        self.waiting = b""
        self.sent = b""
        self.fin = False
        self.aborted = False
        self.reading = True
        self.connected = True
        self.unread_at_close = 0
        self.nodelay = False
        self.tells_fin_once = False
        """As a `SocketStream`."""

    @property
    def real(self) -> Stream:
        """For whoever wants a transport."""
        return cast("Stream", self)

    def connect(self, protocol: StreamProtocol) -> None:
        """It is the transport of `protocol` from now on."""
        self.protocol = protocol
        protocol.makeConnection(self.real)

    # What a test makes the peer do

    def peer_sends(self, data: bytes) -> None:
        """Its data arrives."""
        self._incoming.append(data)
        self._deliver()

    def peer_finishes(self) -> None:
        """Its FIN arrives."""
        self._incoming.append(FIN)
        self._deliver()

    def peer_resets(self) -> None:
        """Its RST arrives: seen at once by who reads or writes, else when one of them is tried."""
        self._reset_by_peer = True
        self._deliver()
        if self.waiting or self._finishing or self._closing:
            self._lose(ConnectionLost())

    def peer_takes(self, size: int | None = None) -> None:
        """So much of what waits goes out; None: all of it."""
        if not self.connected or self.aborted:
            return
        size = len(self.waiting) if size is None else size
        self.sent += self.waiting[:size]
        self.waiting = self.waiting[size:]
        self._flush()

    # What Twisted does

    def _deliver(self) -> None:
        while self.reading and self.connected and not self.aborted and self._incoming:
            data = self._incoming.popleft()
            if data is FIN:
                # Twisted's tell it again to whoever goes on reading after it.
                if not self.tells_fin_once:
                    self._incoming.appendleft(FIN)
                self.reading = False
                self._told.readConnectionLost()
            else:
                self._told.dataReceived(data)
        if self._reset_by_peer and self.reading and not self._incoming:
            self._lose(ConnectionLost())

    @property
    def _told(self) -> StreamProtocol:
        """The protocol, which may have given way to another."""
        assert self.protocol is not None
        return self.protocol

    def _flush(self) -> None:
        if self.waiting or not self.connected or self.aborted:
            return
        if self._producer is not None and self._paused:
            self._paused = False
            self._producer.resumeProducing()  # type: ignore[attr-defined]
        elif self._closing:
            self.unread_at_close = sum(len(data) for data in self._incoming if data is not FIN)
            self._lose(ConnectionDone())
        elif self._finishing and not self.fin:
            self.fin = True

    def _soon(self) -> None:
        if self._reset_by_peer:
            self._lose(ConnectionLost())
        else:
            self._flush()

    def _lose(self, reason: Exception) -> None:
        if not self.connected:
            return
        self.connected = self.reading = False
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()
        if self.protocol is not None:
            self.protocol.connectionLost(Failure(reason))

    # ITCPTransport, IConsumer, IPushProducer

    def write(self, data: bytes) -> None:
        """Buffer; nobody may write behind a FIN or an end that was asked for."""
        assert not self._finishing, "written behind a FIN"
        assert not self._closing, "written behind the end"
        if not self.connected or self.aborted:
            return
        self.waiting += data
        if self._reset_by_peer:
            self._clock.callLater(0, self._soon)
        if self._producer is not None and not self._paused and len(self.waiting) > self._limit:
            self._paused = True
            self._producer.pauseProducing()  # type: ignore[attr-defined]

    def writeSequence(self, parts: Iterable[bytes]) -> None:
        """As write."""
        self.write(b"".join(parts))

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:  # noqa: FBT001 - Twisted's
        """One at a time."""
        assert self._producer is None, "a producer is registered already"
        assert streaming
        self._producer = producer
        self._paused = False

    def unregisterProducer(self) -> None:
        """What waits still goes out."""
        self._producer = None
        if self.connected and (self._finishing or self._closing):
            self._clock.callLater(0, self._soon)

    def loseWriteConnection(self) -> None:
        """A FIN behind what waits."""
        self._finishing = True
        self._clock.callLater(0, self._soon)

    def loseConnection(self) -> None:
        """The end behind what waits; nothing is read any more."""
        if self.connected and not self._closing:
            self._closing = True
            self.reading = False
            self._clock.callLater(0, self._soon)

    def abortConnection(self) -> None:
        """A RST, at once."""
        if self.connected and not self.aborted:
            self.aborted = True
            self.reading = False
            self.waiting = b""
            self._clock.callLater(0, self._lose, ConnectionAborted())

    def pauseProducing(self) -> None:
        """Read no more."""
        self.reading = False

    def resumeProducing(self) -> None:
        """Read again, from the next turn on."""
        if self.connected and not self._closing and not self.aborted:
            self.reading = True
            self._clock.callLater(0, self._deliver)

    def stopProducing(self) -> None:
        """As loseConnection."""
        self.loseConnection()

    def setTcpNoDelay(self, enabled: bool) -> None:  # noqa: FBT001 - Twisted's
        """Keep it."""
        self.nodelay = enabled

    def getTcpNoDelay(self) -> bool:
        """What was set."""
        return self.nodelay

    def setTcpKeepAlive(self, enabled: bool) -> None:  # noqa: FBT001 - Twisted's
        """Not asked for."""

    def getTcpKeepAlive(self) -> bool:
        """Never set."""
        return False

    def getHost(self) -> IPv4Address:
        """Nobody asks."""
        return IPv4Address("TCP", "192.0.2.254", 443)

    def getPeer(self) -> IPv4Address:
        """Nobody asks."""
        return IPv4Address("TCP", "192.0.2.7", 51234)

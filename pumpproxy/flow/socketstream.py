"""A TCP connection as a Twisted transport on a `Poller`: what a listener accepts, and what a dial connects.

It is below a `Protocol` like any other: `dataReceived`, half-close, producers. A relay takes its socket away
(`detach`), and goes on without it. May not: know what is said.
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.python.failure import Failure
from zope.interface import implementer

from pumpproxy.flow.poll import ENDING, READABLE, WRITABLE
from pumpproxy.flow.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twisted.internet.interfaces import IProducer, IPullProducer, IPushProducer
    from twisted.internet.protocol import Protocol

    from pumpproxy.flow.poll import Poller
    from pumpproxy.flow.stream import StreamProtocol

READ_SIZE = 64 * 1024
BUFFER_SIZE = 64 * 1024
"""Bytes that wait to be written before the producer is paused: Twisted's own measure."""
TURNS = 8
"""Reads in one go; then others get theirs."""
_RESET = struct.pack("ii", 1, 0)


@implementer(Stream)
class SocketStream:
    """Owns an established, non-blocking socket that the poller knows; `protocol` is told of everything."""

    __slots__ = (
        "_aborted", "_lost", "_out", "_paused", "_poller", "_shut", "_streaming", "_writable", "connected",
        "disconnecting", "ending", "finished", "producer", "producing", "protocol", "readable", "socket",
    )  # fmt: skip

    def __init__(self, poller: Poller, sock: socket.socket, protocol: Protocol) -> None:
        self._poller = poller
        self.socket = sock
        # Whatever it is: it is told of a FIN, as IHalfCloseableProtocol.
        self.protocol = cast("StreamProtocol", protocol)
        self._out = b""
        self.readable = self.ending = self._paused = self.finished = False
        self._writable = True
        self._shut = self._lost = self._aborted = False
        self.connected = True
        self.disconnecting = False
        self.producer: IPushProducer | IPullProducer | None = None
        self._streaming = self.producing = True

    @classmethod
    def accepted(cls, poller: Poller, sock: socket.socket, protocol: Protocol) -> SocketStream:
        """Of a socket that was just accepted: made non-blocking, and told of."""
        sock.setblocking(False)
        stream = cls(poller, sock, protocol)
        poller.add(sock.fileno(), stream.told)
        return stream

    # Events, from the poller

    def told(self, events: int) -> None:
        """The poller's events."""
        if events & WRITABLE:
            self._writable = True
            if self._out or self._shut or self.disconnecting:
                self._flush()
        self.note(events)
        if events & READABLE:
            self.read()

    def note(self, events: int) -> None:
        """What there is to be read, without reading it."""
        if events & READABLE:
            self.readable = True
            if events & ENDING:
                self.ending = True

    def broke(self) -> None:
        """A defect of ours, logged already: the protocol sees it as the reason."""
        self._end(Failure(RuntimeError("a defect of ours")))

    def read(self) -> None:
        """Read until there is no more, the protocol pauses, or others must get their turn."""
        for _ in range(TURNS):
            if self.finished or self._lost or self._paused or not self.readable or self.socket.fileno() < 0:
                return
            try:
                data = self.socket.recv(READ_SIZE)
            except BlockingIOError:
                self.readable = False
                return
            except OSError:
                self._end(Failure(ConnectionLost()))
                return
            if not data:
                self.finished = True
                self.protocol.readConnectionLost()
                return
            if len(data) < READ_SIZE and not self.ending:
                self.readable = False
            self.protocol.dataReceived(data)
        self._poller.soon(self.read)

    # ITransport, IConsumer

    def write(self, data: bytes) -> None:
        """Send, or keep for later."""
        if self._shut or self.disconnecting or self._lost or not data:
            return
        if self._out:
            self._out += data
        else:
            sent = self._send(data)
            if sent == len(data):
                return
            self._out = data[sent:]
        if self.producing and self._streaming and self.producer is not None and len(self._out) > BUFFER_SIZE:
            self.producing = False
            cast("IPushProducer", self.producer).pauseProducing()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """As `write`, of all of them."""
        self.write(b"".join(data))

    def loseWriteConnection(self) -> None:
        """Send a FIN behind what is written."""
        if not self._shut:
            self._shut = True
            self._flush()

    def loseConnection(self) -> None:
        """Close behind what is written."""
        if not self.disconnecting and not self._lost:
            self.disconnecting = True
            self._paused = True
            self._flush()

    def abortConnection(self) -> None:
        """Reset."""
        if not self._lost and not self._aborted:
            self._aborted = True
            self._paused = True
            self._out = b""
            with suppress(OSError):  # it may be reset already
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._poller.soon(lambda: self._end(Failure(ConnectionAborted())))

    def pauseProducing(self) -> None:
        """Read no more."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Read again."""
        if self._paused and not self.disconnecting and not self._aborted:
            self._paused = False
            if self.readable:
                self._poller.soon(self.read)

    def stopProducing(self) -> None:
        """As a producer: it is not wanted any more."""
        self.loseConnection()

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:  # noqa: FBT001 - Twisted's signature
        """Pause and resume `producer` as the peer takes what is written."""
        if self._lost:
            producer.stopProducing()
            return
        self.producer = cast("IPushProducer | IPullProducer", producer)
        self._streaming = self.producing = streaming
        if not streaming:
            self.producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """There is none any more."""
        self.producer = None

    def startWriting(self) -> None:
        """Ask a pull producer soon, where nothing waits; see `drain`."""
        self._poller.soon(self._ask)

    def _ask(self) -> None:
        if not self._out and not self._streaming and self.producer is not None and not self._lost:
            self.producer.resumeProducing()

    # ITCPTransport

    def getHandle(self) -> socket.socket:
        """The socket."""
        return self.socket

    def getPeer(self) -> IPv4Address | IPv6Address:
        """The other's address."""
        return _address(self.socket.getpeername())

    def getHost(self) -> IPv4Address | IPv6Address:
        """Ours."""
        return _address(self.socket.getsockname())

    def setTcpNoDelay(self, enabled: bool) -> None:  # noqa: FBT001 - Twisted's signature
        """Whether small writes go out at once."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(enabled))

    def getTcpNoDelay(self) -> bool:
        """Whether they do."""
        return bool(self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    def setTcpKeepAlive(self, enabled: bool) -> None:  # noqa: FBT001 - Twisted's signature
        """Whether the kernel asks after a silent peer."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(enabled))

    def getTcpKeepAlive(self) -> bool:
        """Whether it does."""
        return bool(self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

    # For a relay

    @property
    def can_detach(self) -> bool:
        """Whether nothing waits to be written, and nothing has ended."""
        return not (self._out or self._shut or self.disconnecting or self._aborted or self._lost)

    def detach(self) -> socket.socket:
        """Give the socket away: nothing is told to the protocol from now on."""
        self._lost = True
        self.producer = None
        return self.socket

    # Inside

    def _send(self, data: bytes) -> int:
        if not self._writable:
            return 0
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._paused = True
            self._poller.soon(lambda: self._end(Failure(ConnectionLost())))
            return len(data)
        if sent < len(data):
            self._writable = False
        return sent

    def _flush(self) -> None:
        if self._out:
            self._out = self._out[self._send(self._out) :]
            if self._out:
                return
            if not self.producing and self.producer is not None:
                self.producing = self._streaming
                self.producer.resumeProducing()
                if self._out:
                    return
        if self.disconnecting:
            self._poller.soon(lambda: self._end(Failure(ConnectionDone())))
        elif self._shut and self.connected:
            self.connected = False
            try:
                self.socket.shutdown(socket.SHUT_WR)
            except OSError:
                self.ending = self.readable = True
                return
            self.protocol.writeConnectionLost()

    def _end(self, reason: Failure) -> None:
        if self._lost:
            return
        self._lost = True
        self.connected = False
        self._poller.close(self.socket.detach())
        producer, self.producer = self.producer, None
        if producer is not None:
            producer.stopProducing()
        self.protocol.connectionLost(reason)


def _address(name: tuple[str, int]) -> IPv4Address | IPv6Address:
    kind = IPv6Address if ":" in name[0] else IPv4Address
    return kind("TCP", name[0], name[1])

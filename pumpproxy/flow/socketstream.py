"""A TCP connection as a Twisted transport on a `Poller`: what a listener accepts, and what a dial connects.

It is below a `Protocol` like any other: `dataReceived`, half-close, producers. A relay takes its socket away
(`detach`), and goes on without it. May not: know what is said.
"""

from __future__ import annotations

import socket
from os import read, write
from typing import TYPE_CHECKING

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.python.failure import Failure
from zope.interface import implementer

from pumpproxy.flow.descriptors import remnant, reset_at_close
from pumpproxy.flow.poll import ENDING, READABLE, WRITABLE
from pumpproxy.flow.producing import Producing
from pumpproxy.flow.spliceend import Detached
from pumpproxy.flow.stream import Stream, StreamProtocol
from pumpproxy.flow.tcpoptions import TcpOptions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twisted.internet.protocol import Protocol

    from pumpproxy.flow.haul import Haul
    from pumpproxy.flow.poll import Poller

READ_SIZE = 64 * 1024
BUFFER_SIZE = 64 * 1024
"""Bytes that wait to be written before the producer is paused: Twisted's own measure."""
TURNS = 8
"""Reads in one go; then others get theirs."""
_NOBODY = StreamProtocol()
_CLOSED = socket.socket()
_CLOSED.close()


@implementer(Stream)
class SocketStream(TcpOptions, Producing):
    """Owns the descriptor of an established, non-blocking connection; `protocol` is told of everything."""

    # Most are given to a relay before anything of this has changed: what is not set costs nothing.
    _handle: socket.socket | None = None
    _out = b""
    _paused = _room = _watched = _shut = _lost = _aborted = False
    _writable = True
    readable = ending = finished = disconnecting = False
    connected = True
    # What takes its bytes away, so that its protocol is not told of them; and what brings some, not written here.
    haul: Haul | None = None
    feeder: Haul | None = None

    def __init__(self, poller: Poller, descriptor: int, protocol: Protocol) -> None:
        self.poller = poller
        self.descriptor = descriptor
        # Whatever it is: it is told of a FIN, as IHalfCloseableProtocol.
        self.protocol: StreamProtocol = protocol  # type: ignore[assignment]

    def begin(self, first: bytes = b"") -> None:
        """Tell the protocol of the connection, of what was read of it already, and then of what comes."""
        self.protocol.makeConnection(self)
        if first:
            self.protocol.dataReceived(first)
        self.readable = True
        self.read()
        if not self._lost and not self._watched:
            # What was not read is told again: what came in between is not lost.
            self._watch()

    def begin_with(self, taken: Detached) -> None:
        """As `begin`, of a connection that was somebody else's before."""
        self._watched, self._room = taken.watched, taken.room
        self.readable, self.ending = taken.readable, taken.ending
        if taken.watched:
            self.poller.tell(self.descriptor, self)
        else:
            self._watch()
        # Edge-triggered: what was told of it is told once, and whoever takes the connection away while the protocol is
        # told takes that along.
        self.protocol.makeConnection(self)
        self.read()

    # Events, from the poller

    def told(self, events: int) -> None:
        """The poller's events."""
        if events & WRITABLE:
            self._writable = True
            if self._out or self._shut or self.disconnecting:
                self._flush()
            if self.feeder is not None:
                self.feeder.move()
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
        self.end(Failure(RuntimeError("a defect of ours")))

    def read(self) -> None:
        """Read until there is no more, the protocol pauses, or others must get their turn."""
        for _ in range(TURNS):
            if self.haul is not None:
                self.haul.move()
                return
            if self.finished or self._lost or self._paused or not self.readable:
                return
            try:
                data = read(self.descriptor, READ_SIZE)
            except BlockingIOError:
                self.readable = False
                return
            except OSError:
                self.end(Failure(ConnectionLost()))
                return
            if not data:
                self.finished = True
                self.protocol.readConnectionLost()
                return
            if len(data) < READ_SIZE and not self.ending:
                self.readable = False
            self.protocol.dataReceived(data)
        self.poller.soon(self.read, self)

    def want_room(self) -> None:
        """It took less than it was given: tell when it takes more."""
        self._writable = False
        if not self._room:
            self._room = True
            if self._watched:
                self.poller.tell_room(self.descriptor)

    @property
    def waits(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._out)

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
        if len(self._out) > BUFFER_SIZE:
            self.pause_producer()

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
            self._stop_hauls()
            self._flush()

    def abortConnection(self) -> None:
        """Reset."""
        if not self._lost and not self._aborted:
            self._aborted = True
            self._paused = True
            self._stop_hauls()
            self._out = b""
            reset_at_close(self.descriptor)
            self.poller.soon(lambda: self.end(Failure(ConnectionAborted())))

    def pauseProducing(self) -> None:
        """Read no more."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Read again."""
        if self._paused and not self.disconnecting and not self._aborted:
            self._paused = False
            if self.readable:
                self.poller.soon(self.read, self)

    def stopProducing(self) -> None:
        """As a producer."""
        self.loseConnection()

    def getHandle(self) -> socket.socket:
        """A socket of this connection, for looking at it: reading, writing and closing are done here."""
        if self._lost:
            return _CLOSED
        if self._handle is None:
            self._handle = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, self.descriptor)
        return self._handle

    # For a relay

    @property
    def can_detach(self) -> bool:
        """Whether nothing waits to be written, and nothing has ended."""
        return not (self._out or self._shut or self.disconnecting or self._aborted or self._lost)

    def detach(self) -> Detached:
        """Give the connection away: nothing is told to the protocol from now on."""
        self._let_go()
        self.producer = None
        return Detached(self.descriptor, self._watched, self._room, self.readable, self.ending, self.finished)

    # Inside

    def _watch(self) -> None:
        self._watched = True
        self.poller.add(self.descriptor, self, room=self._room)

    def _send(self, data: bytes) -> int:
        if not self._writable:
            return 0
        try:
            sent = write(self.descriptor, data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._paused = True
            self.poller.soon(self.hear_out, self)
            return len(data)
        if sent < len(data):
            self.want_room()
        return sent

    def hear_out(self) -> None:
        """A write failed, and the peer is gone; what it said before, as an answer to half a request, may be there."""
        if not (self._lost or self._aborted or self.disconnecting) and (data := remnant(self.descriptor)):
            self.protocol.dataReceived(data)
        self.end(Failure(ConnectionLost()))

    def _flush(self) -> None:
        if self._out:
            self._out = self._out[self._send(self._out) :]
            if self._out:
                return
            self.ask_producer()
            if self._out:
                return
        if self.disconnecting:
            self.poller.soon(lambda: self.end(Failure(ConnectionDone())))
        elif self._shut and self.connected:
            self.connected = False
            try:
                self.getHandle().shutdown(socket.SHUT_WR)
            except OSError:
                self.ending = self.readable = True
                return
            self.protocol.writeConnectionLost()

    def _stop_hauls(self) -> None:
        for haul in (self.haul, self.feeder):
            if haul is not None:
                haul.stop()

    def _let_go(self) -> None:
        self._stop_hauls()
        self._lost = True
        self.connected = False
        self.protocol = _NOBODY  # does not wait for the garbage collector
        if self._handle is not None:
            self._handle.detach()
            self._handle = None

    def end(self, reason: Failure) -> None:
        """The connection is gone: close, and tell the protocol why."""
        if self._lost:
            return
        protocol = self.protocol
        self._let_go()
        self.poller.close(self.descriptor)
        producer, self.producer = self.producer, None
        if producer is not None:
            producer.stopProducing()
        protocol.connectionLost(reason)

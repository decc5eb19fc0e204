"""What a connection's protocol here has in common: a transport that can be paused, half-closed and reset.

May not: know what is said on it.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IConsumer, IHalfCloseableProtocol, IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from zope.interface import implementer

if TYPE_CHECKING:
    from twisted.python.failure import Failure


class Stream(ITCPTransport, IPushProducer, IConsumer):
    """A TCP or unix transport, as Twisted gives them to protocols."""


def is_quiet(transport: Stream) -> bool:
    """Whether neither data nor a FIN is there to be read, as the kernel knows it now; True where it does not say."""
    handle = getattr(transport, "getHandle", None)
    sock = handle() if handle is not None else None
    if not isinstance(sock, socket.socket):
        return True
    try:
        sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def acknowledge(transport: Stream) -> None:
    """Acknowledge at once what has come: whoever sends in small pieces may wait for that before the next (Nagle)."""
    handle = getattr(transport, "getHandle", None)
    sock = handle() if handle is not None else None
    if isinstance(sock, socket.socket) and hasattr(socket, "TCP_QUICKACK"):
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def is_network_end(reason: Failure) -> bool:
    """Whether a connection ended as connections do; otherwise the reason is an exception of ours, logged already."""
    return reason.check(ConnectionDone, ConnectionLost, ConnectionAborted) is not None


@implementer(IHalfCloseableProtocol)
class StreamProtocol(Protocol):
    """A protocol that is told of its peer's FIN apart from the end of the connection."""

    transport: Stream

    def readConnectionLost(self) -> None:
        """The peer closed its half."""

    def writeConnectionLost(self) -> None:
        """Our FIN is out; nothing follows from that."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""

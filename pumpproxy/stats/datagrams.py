"""Lines as datagrams to a daemon on this host or elsewhere: sent at once, or kept while it does not take them.

A full receiver (journald that is stopped) says when it has room again; one that is gone (rsyslog that restarts) is
looked for each second. May not: block, or know what is in a datagram.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections import deque
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IWriteDescriptor
from zope.interface import implementer

from pumpproxy.model import TcpAddress, UnixAddress
from pumpproxy.stats.losses import MOST, RESERVE

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from pumpproxy.interfaces import Reactor
    from pumpproxy.stats.losses import Losses

RETRY = 1.0
"""Seconds between two looks for a receiver that is gone."""
FLUSH = 1.0
"""Seconds that what is kept has at the end."""
SEND_BUFFER = 8 * 1024 * 1024
"""Bytes that the kernel may keep for us, as sd_journal_send wants; it gives as many as it allows."""
_TURN = 100
"""Datagrams that are sent before anybody else has a turn: half a millisecond."""


def connected(address: UnixAddress | TcpAddress) -> socket.socket:
    """A socket that only sends there. Raises OSError."""
    if isinstance(address, UnixAddress):
        family: socket.AddressFamily = socket.AF_UNIX
        where: str | tuple[str, int] = address.path
    else:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        where = (address.host, address.port)
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        with contextlib.suppress(OSError):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        made.connect(where)
    except OSError:
        made.close()
        raise
    return made


@implementer(IWriteDescriptor)
class Datagrams:
    """One receiver. `start`, then `put` as often as there is something, then `stop`."""

    def __init__(self, reactor: Reactor, address: UnixAddress | TcpAddress, losses: Losses) -> None:
        self._reactor = reactor
        self._address = address
        self._losses = losses
        self._socket: socket.socket | None = None
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._retry: IDelayedCall | None = None
        self._counted = True
        self._deadline: IDelayedCall | None = None
        self._flushed: Deferred[None] | None = None

    def start(self) -> None:
        """Connect, and send what has been put already."""
        self._retry = None
        try:
            self._socket = connected(self._address)
        except OSError as error:
            self._gone(error)
            return
        self._losses.flows()
        if self._waiting:
            self._reactor.addWriter(self)

    def put(self, data: bytes, *, counted: bool = True) -> None:
        """Send it, or keep it; or lose it, where that is `counted`."""
        if self._socket is not None and not self._waiting and self._sent(self._socket, data, counted=counted):
            return
        if self._size + len(data) <= (MOST if counted else MOST + RESERVE):
            self._waiting.append(data)
            self._size += len(data)
        elif counted:
            self._losses.add("it does not keep up" if self._socket is not None else "it is not there")

    def stop(self) -> Deferred[None]:
        """Take no more; fires once all is sent, or is lost because it would take too long."""
        self._flushed = flushed = Deferred[None]()
        if self._waiting:
            self._deadline = self._reactor.callLater(FLUSH, self._end)
            if self._retry is not None:
                self._retry.cancel()
                self.start()
        else:
            self._end()
        return flushed

    # The socket

    def _sent(self, to: socket.socket, data: bytes, *, counted: bool = True) -> bool:
        """Whether there is nothing more to do for it."""
        for _ in range(2):
            try:
                to.send(data)
            except BlockingIOError:
                self._reactor.addWriter(self)
                return False
            except OSError as error:
                if error.errno == errno.EMSGSIZE:
                    self._losses.add("too long for a datagram")
                    return True
                if error.errno != errno.ECONNREFUSED or isinstance(self._address, UnixAddress):
                    self._gone(error)
                    return False
                # By UDP this is of an earlier one, which nobody took (RFC 1122, section 4.1.3.3).
                if self._counted:
                    self._losses.add("nobody is there")
            else:
                self._counted = counted
                return True
        return True

    def _gone(self, error: OSError) -> None:
        self._close()
        self._losses.stuck(error.strerror or str(error))
        if self._flushed is None and self._retry is None:
            self._retry = self._reactor.callLater(RETRY, self.start)

    def _close(self) -> None:
        if self._socket is not None:
            self._reactor.removeWriter(self)
            self._socket.close()
            self._socket = None

    def _end(self) -> None:
        for call in (self._retry, self._deadline):
            if call is not None and call.active():
                call.cancel()
        self._retry = None
        self._close()
        if self._waiting:
            self._losses.add("it did not take them before the end", len(self._waiting))
            self._waiting.clear()
        if self._flushed is not None:
            flushed, self._flushed = self._flushed, None
            flushed.callback(None)

    # IWriteDescriptor

    def doWrite(self) -> None:
        """There is room again."""
        for _ in range(_TURN):
            if not self._waiting:
                self._reactor.removeWriter(self)
                if self._flushed is not None:
                    self._end()
                return
            if self._socket is None or not self._sent(self._socket, self._waiting[0]):
                return
            self._size -= len(self._waiting.popleft())

    def fileno(self) -> int:
        """Of the socket."""
        return -1 if self._socket is None else self._socket.fileno()

    def logPrefix(self) -> str:
        """What the reactor calls it."""
        return "log"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor gave it up: look again. Of a socket that we have closed ourselves it may say so, too."""
        if self._socket is not None:
            self._gone(OSError(errno.ENOTCONN, reason.getErrorMessage()))

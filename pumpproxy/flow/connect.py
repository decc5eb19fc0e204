"""A plain non-blocking connect(2) to a literal address, on the `Poller`; below `dial`, beside Twisted's connectors.

May not: resolve, retry, or know what the connection is for.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING
from typing import Protocol as ProtocolType

from twisted.internet import error
from twisted.python.failure import Failure

from pumpproxy.flow.idle import NOWHERE
from pumpproxy.flow.poll import ENDING, READABLE, WRITABLE
from pumpproxy.flow.spliceend import Detached

if TYPE_CHECKING:
    from pumpproxy.flow.idle import Sweep
    from pumpproxy.flow.poll import Poller
    from pumpproxy.model import TcpAddress

_NON_BLOCKING = socket.SOCK_STREAM | getattr(socket, "SOCK_NONBLOCK", 0)
_UNDER_WAY = (errno.EINPROGRESS, 0)
_HAS_QUICKACK = hasattr(socket, "TCP_QUICKACK")


def opened(address: TcpAddress, *, speaks: bool = False) -> socket.SocketType:
    """A socket that is connecting to there. Raises OSError, with nothing left open.

    `speaks`: the caller writes to it at once, so that its first words may bring the acknowledgement of the handshake;
    or resets it at once, of which the server's program hears nothing then.
    """
    host = address.host
    sock = socket.SocketType(socket.AF_INET6 if ":" in host else socket.AF_INET, _NON_BLOCKING)
    # Small messages are not held back for an acknowledgement (Nagle).
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if speaks and _HAS_QUICKACK:
        # A segment less, and the server is woken once, for a client that has said something (tcp(7)). Not where the
        # server may speak first: it would hear of its client a fifth of a second late.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
    number = sock.connect_ex((host, address.port))
    if number not in _UNDER_WAY:
        sock.close()
        raise OSError(number, os.strerror(number))
    return sock


class Waiting(ProtocolType):
    """Who waits for the connection. Exactly one of these follows, or neither after `stopConnecting`."""

    def established(self, taken: Detached) -> None:
        """It came about, and is theirs."""

    def unreachable(self, reason: Failure) -> None:
        """It did not."""


class Connecting:
    """One attempt at one address. It looks like Twisted's connector to `dial`."""

    __slots__ = ("_end", "_for", "_poller", "_socket", "_sweep", "state", "tick")

    def __init__(self, poller: Poller, sweep: Sweep, waiting: Waiting) -> None:
        self._poller = poller
        self._sweep = sweep
        self._for = waiting
        self._end = 0.0
        self.tick = NOWHERE
        self.state = "connecting"

    def start(self, address: TcpAddress, timeout: float, *, speaks: bool = False) -> None:
        """Connect within `timeout` seconds. What comes of it is told soon."""
        try:
            sock = opened(address, speaks=speaks)
        except OSError as problem:
            self._fail_soon(problem.errno or 0)
        else:
            self.wait(sock, timeout)

    def wait(self, sock: socket.SocketType, timeout: float) -> None:
        """As `start`, of a socket that is connecting already, and belongs to this one from now on."""
        self._socket = sock
        self._end = self._sweep.now() + timeout
        self._poller.add(sock.fileno(), self, room=True)
        self._sweep.watch(self)

    def stopConnecting(self) -> None:
        """Give up, silently."""
        if self.state == "connecting":
            self._stop("stopped")
        elif self.state == "failing":
            self.state = "stopped"

    cancel = stopConnecting

    def told(self, events: int) -> None:
        """The connection came about, or not."""
        if not events & WRITABLE or self.state != "connecting":
            return
        sock = self._socket
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._stop("failed")
            self._for.unreachable(Failure(error.getConnectError((number, os.strerror(number)))))
            return
        self.state = "connected"
        self._sweep.forget(self)
        self._for.established(
            Detached(
                sock.detach(),
                watched=True,
                room=True,
                readable=bool(events & READABLE),
                ending=bool(events & ENDING),
            )
        )

    def broke(self) -> None:
        """A defect of ours, logged already."""
        self.stopConnecting()

    def deadline(self) -> float | None:
        """For the sweep."""
        return self._end if self.state == "connecting" else None

    def expired(self, _now: float) -> None:
        """The time is over."""
        self._stop("failed")
        self._for.unreachable(Failure(error.TimeoutError()))

    def _stop(self, state: str) -> None:
        self.state = state
        self._sweep.forget(self)
        self._poller.close(self._socket.detach())

    def _fail_soon(self, number: int) -> None:
        self.state = "failing"
        reason = Failure(error.getConnectError((number, os.strerror(number))))

        def fail() -> None:
            if self.state == "failing":
                self.state = "failed"
                self._for.unreachable(reason)

        self._poller.soon(fail)

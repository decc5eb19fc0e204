"""A plain non-blocking connect(2) to a literal address, on the `Poller`; below `dial`, beside Twisted's connectors.

May not: resolve, retry, or know what the connection is for.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

from twisted.internet import error
from twisted.python.failure import Failure

from pumpproxy.flow.poll import READABLE, WRITABLE
from pumpproxy.flow.socketstream import SocketStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.protocol import Protocol

    from pumpproxy.flow.idle import Sweep
    from pumpproxy.flow.poll import Poller
    from pumpproxy.model import TcpAddress


class Connecting:
    """One attempt at one address. It looks like Twisted's connector to `dial`.

    `build` is asked for the protocol, or `failed` is told why, or neither after `stopConnecting`.
    """

    __slots__ = ("_build", "_end", "_failed", "_poller", "_socket", "_sweep", "state")

    def __init__(
        self,
        poller: Poller,
        sweep: Sweep,
        build: Callable[[], Protocol | None],
        failed: Callable[[Failure], None],
    ) -> None:
        self._poller = poller
        self._sweep = sweep
        self._build = build
        self._failed = failed
        self._end = 0.0
        self.state = "connecting"

    def start(self, address: TcpAddress, timeout: float) -> None:
        """Connect within `timeout` seconds. What fails at once is told soon."""
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        try:
            sock = self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError as problem:
            self._fail_soon(problem.errno or 0)
            return
        # Small messages are not held back for an acknowledgement (Nagle).
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = sock.connect_ex((address.host, address.port))
        if number not in (0, errno.EINPROGRESS):
            sock.close()
            self._fail_soon(number)
            return
        self._end = self._sweep.now() + timeout
        self._poller.add(sock.fileno(), self.told)
        self._sweep.watch(self)

    def stopConnecting(self) -> None:
        """Give up, silently."""
        if self.state == "connecting":
            self.state = "stopped"
            self._sweep.forget(self)
            self._poller.close(self._socket.detach())

    def told(self, events: int) -> None:
        """The connection came about, or not."""
        if not events & WRITABLE or self.state != "connecting":
            return
        sock = self._socket
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self.state = "failed"
            self._sweep.forget(self)
            self._poller.close(sock.detach())
            self._failed(Failure(error.getConnectError((number, os.strerror(number)))))
            return
        self.state = "connected"
        self._sweep.forget(self)
        protocol = self._build()
        if protocol is None:
            self._poller.close(sock.detach())
            return
        stream = SocketStream(self._poller, sock, protocol)
        # Edge-triggered: what this event tells beside the connection is told once. Whoever takes the socket away while
        # the protocol is made takes that along.
        stream.note(events)
        self._poller.tell(sock.fileno(), stream.told)
        protocol.makeConnection(stream)
        if events & READABLE:
            stream.read()

    def broke(self) -> None:
        """A defect of ours, logged already."""
        self.stopConnecting()

    def deadline(self) -> float | None:
        """For the sweep."""
        return self._end if self.state == "connecting" else None

    def expired(self, _now: float) -> None:
        """The time is over."""
        self.stopConnecting()
        self.state = "failed"
        self._failed(Failure(error.TimeoutError()))

    def _fail_soon(self, number: int) -> None:
        self.state = "failed"
        reason = Failure(error.getConnectError((number, os.strerror(number))))
        self._poller.soon(lambda: self._failed(reason))

"""Connecting to one server, once: from an address to an established connection, or to a `ConnectFailure`.

The table at this module's edge is the only place where exceptions of the network become members of `ConnectFailure`.
May not: retry, choose a server, or know what the connection is for.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from twisted.internet import error
from twisted.internet.protocol import ClientFactory

from pumpproxy.flow.connect import Connecting
from pumpproxy.flow.socketstream import SocketStream
from pumpproxy.model import DnsAddress, SrvAddress, TcpAddress, UnixAddress
from pumpproxy.policy.attempts import ConnectFailure

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from twisted.internet.interfaces import IAddress, IConnector, IDelayedCall
    from twisted.internet.protocol import Protocol
    from twisted.python.failure import Failure

    from pumpproxy.flow.idle import Sweep
    from pumpproxy.flow.poll import Poller
    from pumpproxy.flow.resolve import Resolver
    from pumpproxy.flow.spliceend import Detached
    from pumpproxy.interfaces import Reactor
    from pumpproxy.model import ServerAddress

Lean = tuple["Poller", "Sweep"]
"""Where there is one, addresses are connected to on it, and not through Twisted's connectors."""

NEXT_ADDRESS = 0.25
"""Seconds until a name's next address is tried beside one that has not answered (RFC 8305, section 5)."""

_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAGAIN})


def failure_of(reason: Failure) -> ConnectFailure:
    """Which member of the closed set an exception of a connection attempt is."""
    problem = reason.value
    number = getattr(problem, "osError", None)
    if isinstance(problem, error.ConnectBindError) or number in _OURS:
        return ConnectFailure.RESOURCES
    if isinstance(problem, error.ConnectionRefusedError):
        return ConnectFailure.REFUSED
    if isinstance(problem, error.TimeoutError | error.TCPTimedOutError):
        return ConnectFailure.TIMED_OUT
    # A unix socket that nobody has made, or that may not be opened, takes no connection either.
    if number in (errno.ENOENT, errno.EACCES, errno.ECONNRESET, errno.ECONNABORTED):
        return ConnectFailure.REFUSED
    return ConnectFailure.UNREACHABLE


class _OneConnection(ClientFactory):
    """Builds the one protocol that the dial was given; says what went wrong otherwise."""

    noisy = False

    def __init__(self, build: Callable[[], Protocol | None], failed: Callable[[Failure], None]) -> None:
        self._build = build
        self._failed = failed

    def buildProtocol(self, _addr: IAddress | None) -> Protocol | None:
        return self._build()

    def clientConnectionFailed(self, _connector: IConnector, reason: Failure) -> None:
        self._failed(reason)


class Dial:
    """One attempt.

    Exactly one of these follows: `build` is called (its protocol gets the connection), or `failed`, or neither after
    `cancel`. Where there is `adopt`, it is given a lean attempt's connection itself, and `build` is not called.
    """

    _waiting: Sequence[TcpAddress] = ()
    _open = 0
    _timer: IDelayedCall | None = None
    _end = 0.0
    _over = False
    speaks = False
    """The caller writes to the connection, or ends it, as soon as it is there; see `connect.opened`."""

    def __init__(
        self,
        reactor: Reactor,
        resolver: Resolver,
        build: Callable[[], Protocol],
        failed: Callable[[ConnectFailure], None],
        lean: Lean | None = None,
        adopt: Callable[[Detached], None] | None = None,
    ) -> None:
        self._reactor = reactor
        self._resolver = resolver
        self._build = build
        self._failed = failed
        self._lean = lean
        self._adopt = adopt
        self._connectors: list[IConnector | Connecting] = []

    def connect(self, address: ServerAddress, timeout: float) -> None:
        """Start. May fail at once, from within this call."""
        self._end = self._reactor.seconds() + timeout
        if isinstance(address, UnixAddress):
            self._connect_unix(address.path, timeout)
        elif isinstance(address, DnsAddress):
            self._timer = self._reactor.callLater(timeout, self._resolved, ())
            self._resolver.ask(address, self._resolved)
        elif isinstance(address, SrvAddress):
            self._resolved(())
        else:
            self._try_next((address,))

    def wait(self, server: socket.SocketType, timeout: float) -> None:
        """As `connect`, of a socket that is connecting already, and belongs to this one from now on. Lean only."""
        if self._lean is None:
            server.close()
            self._failed(ConnectFailure.RESOURCES)
            return
        self._open = 1
        connecting = Connecting(*self._lean, self)
        self._connectors.append(connecting)
        connecting.wait(server, timeout)

    def cancel(self) -> None:
        """Give up at once, silently."""
        self._over = True
        self._stop()

    def _connect_unix(self, path: str, timeout: float) -> None:
        self._open = 1
        factory = _OneConnection(self._connected, self.unreachable)
        try:
            self._connectors.append(self._reactor.connectUNIX(path, factory, timeout))
        except OSError:
            # Here, and not for TCP, Twisted makes the socket before it returns, and lets out that there is none.
            self._over = True
            self._failed(ConnectFailure.RESOURCES)

    def _resolved(self, addresses: Sequence[TcpAddress]) -> None:
        """A name's addresses are known; none where it has none, or the time is over."""
        if self._over or self._open:
            return
        self._stop_timer()
        if addresses:
            self._try_next(addresses)
        else:
            self._over = True
            self._failed(ConnectFailure.NO_ADDRESS)

    def _try_next(self, addresses: Sequence[TcpAddress]) -> None:
        first, *self._waiting = addresses
        self._open += 1
        timeout = max(self._end - self._reactor.seconds(), 0.001)
        if self._waiting:
            self._timer = self._reactor.callLater(NEXT_ADDRESS, self._slow)
        if self._lean is not None:
            connecting = Connecting(*self._lean, self)
            self._connectors.append(connecting)
            connecting.start(first, timeout, speaks=self.speaks)
            return
        factory = _OneConnection(self._connected, self.unreachable)
        connector = self._reactor.connectTCP(first.host, first.port, factory, timeout)
        if not self._over:
            self._connectors.append(connector)

    def _slow(self) -> None:
        self._timer = None
        self._try_next(self._waiting)

    def _connected(self) -> Protocol | None:
        if self._over:
            # Two addresses answered in one turn of the reactor: None makes Twisted close this one.
            return None
        self._over = True
        # The connector that asks is in state "connected" already, so that only the others are stopped.
        self._stop()
        return self._build()

    def established(self, taken: Detached) -> None:
        """From a lean attempt."""
        if self._lean is None:
            return
        poller, _ = self._lean
        if self._over:
            poller.close(taken.descriptor)
        elif self._adopt is not None:
            self._over = True
            self._stop()
            self._adopt(taken)
        else:
            protocol = self._connected()
            if protocol is not None:
                SocketStream(poller, taken.descriptor, protocol).begin_with(taken)

    def unreachable(self, reason: Failure) -> None:
        """From any attempt: this address takes no connection."""
        if self._over:
            return
        self._open -= 1
        if self._waiting:
            self._stop_timer()
            self._try_next(self._waiting)
        elif not self._open:
            self._over = True
            # The attempts know this one: without this it would wait for the garbage collector, and the client with it.
            self._stop()
            self._failed(failure_of(reason))

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _stop(self) -> None:
        self._stop_timer()
        connectors, self._connectors = self._connectors, []
        for connector in connectors:
            if getattr(connector, "state", "") == "connecting":
                connector.stopConnecting()

"""One listening socket, accepting as long as there is room.

`maxconn` holds by not accepting: the kernel's backlog keeps the rest. Out of descriptors, it waits until some are
back. Twisted's own Port can do neither (it accepts up to a hundred at a time, and closes what it cannot keep).
May not: know what is done with a connection.
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, cast

from twisted.internet import tcp, unix
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from zope.interface import implementer

from pumpproxy.flow.sockets import close_socket
from pumpproxy.flow.socketstream import SocketStream
from pumpproxy.policy.records import ClientAddress

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall
    from twisted.internet.protocol import Protocol
    from twisted.python.failure import Failure

    from pumpproxy.flow.environment import Environment
    from pumpproxy.model import BindAddress
    from pumpproxy.policy.runtime import FrontendState

    BuildProtocol = Callable[[Environment, FrontendState, ClientAddress], Protocol]

BACKLOG_MOST = 65536
"""Connections served from the backlog of a listener that closes: more than any kernel holds."""
BATCH = 64
"""Connections accepted in one turn of the reactor, so that running relays get theirs."""
HINDERED_PAUSE = 1.0
"""Seconds until the next try after an accept failed (the descriptors ran out), if no connection ends before."""

# The connection that was to be accepted is gone, or forbidden by a firewall: accept(2) says to go on.
_GONE = frozenset(
    {
        *(errno.ECONNABORTED, errno.EPERM, errno.EINTR, errno.EPROTO, errno.ENOPROTOOPT),
        *(errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH),
    }
)
_MAPPED = "::ffff:"


@implementer(IReadDescriptor)
class Listener:
    """Owns its socket. `accepted` counts connections since it was opened."""

    log = Logger()

    def __init__(
        self,
        environment: Environment,
        bind: BindAddress,
        sock: socket.socket,
        frontend: FrontendState,
        build: BuildProtocol,
    ) -> None:
        self._environment = environment
        self._build = build
        self._socket = sock
        self._reading = False
        self._hindered = False
        self._retry: IDelayedCall | None = None
        self.bind = bind
        self.frontend = frontend
        self.accepted = 0
        self.started = False
        # What Twisted's Server asks of "its" Port, for its repr.
        self._realPortNumber = str(bind)

    def start(self) -> None:
        """Accept from now on."""
        self.started = True
        self.resume()

    def pause(self) -> None:
        """Accept no more; the backlog goes on filling."""
        if self._reading:
            self._reading = False
            self._environment.reactor.removeReader(self)

    def resume(self) -> None:
        """Accept if there is room, else as soon as there is."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._socket.fileno() < 0:
            return
        if self._environment.runtime.room(self.frontend) <= 0:
            self._wait_for_room()
        elif not self._reading:
            self._reading = True
            self._environment.reactor.addReader(self)

    def close(self, *, drain: bool) -> None:
        """Give the socket up; `drain`: serve those first who wait in its backlog, whatever `maxconn` says."""
        self.pause()
        if drain:
            for _ in range(BACKLOG_MOST):
                if not self._accept():
                    break
        self._environment.waiting.discard(self)
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        close_socket(self._socket)

    def fileno(self) -> int:
        """For the reactor."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """For the reactor."""
        return str(self.bind)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor gives it up: at its end, or after a defect that it has logged, which must not stop the others."""
        self._reading = False
        if reason.check(ConnectionLost) is None and self._retry is None:
            self._retry = self._environment.reactor.callLater(0, self._try_again)

    def doRead(self) -> None:
        """Somebody waits in the backlog."""
        for _ in range(min(BATCH, self._environment.runtime.room(self.frontend))):
            if not self._accept():
                break
        if self._environment.runtime.room(self.frontend) <= 0:
            self._wait_for_room()

    def _wait_for_room(self) -> None:
        self.pause()
        self._environment.waiting.add(self)

    def _accept(self) -> bool:
        """Take one connection; False where there is none, or no means to keep it."""
        try:
            sock, address = self._socket.accept()
        except OSError as error:
            if error.errno in _GONE:
                return True
            if not isinstance(error, BlockingIOError):
                self._wait_a_while(error)
            return False
        if self._hindered:
            self._hindered = False
            self.log.info("{bind}: accepting again", bind=str(self.bind))
        self._serve(sock, address)
        return True

    def _serve(self, sock: socket.socket, address: tuple[str, int]) -> None:
        self.accepted += 1
        reactor = self._environment.reactor
        port = cast("tcp.Port", self)
        transport: tcp.Server | SocketStream
        if sock.family == socket.AF_UNIX:
            protocol = self._build(self._environment, self.frontend, ClientAddress("unix", 0))
            transport = unix.Server(sock, protocol, "", port, self.accepted, reactor)
        else:
            host = address[0].removeprefix(_MAPPED) if "." in address[0] else address[0]
            protocol = self._build(self._environment, self.frontend, ClientAddress(host, address[1]))
            poller = self._environment.poller
            if poller is not None:
                transport = SocketStream.accepted(poller, sock, protocol)
            else:
                transport = tcp.Server(sock, protocol, address, port, self.accepted, reactor)
        try:
            protocol.makeConnection(transport)
        except BaseException:
            # A defect, which is for the reactor to log; what it broke is not left open.
            transport.abortConnection()
            raise

    def _wait_a_while(self, error: OSError) -> None:
        self._wait_for_room()
        if self._retry is None:
            self._retry = self._environment.reactor.callLater(HINDERED_PAUSE, self._try_again)
        if not self._hindered:
            self._hindered = True
            self.log.warn(
                "{bind}: cannot accept ({error}): connections wait until it is possible again",
                bind=str(self.bind),
                error=error.strerror,
            )

    def _try_again(self) -> None:
        self._retry = None
        self.resume()

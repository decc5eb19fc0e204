"""One listening socket, accepting as long as there is room.

`maxconn` holds by not accepting: the kernel's backlog keeps the rest. Out of descriptors, it waits until some are
back. Twisted's own Port can do neither (it accepts up to a hundred at a time, and closes what it cannot keep).
May not: know what is done with a connection.
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, cast
from typing import Protocol as ProtocolType

from twisted.internet import tcp, unix
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from zope.interface import implementer

from pumpproxy.flow.arrival import arrivals, client_address, serve
from pumpproxy.flow.sockets import close_socket, port_of
from pumpproxy.model import Action, Mode
from pumpproxy.policy.records import ClientAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from twisted.internet.interfaces import IDelayedCall
    from twisted.internet.protocol import Protocol
    from twisted.python.failure import Failure

    from pumpproxy.flow.arrival import Arrival
    from pumpproxy.flow.environment import Environment
    from pumpproxy.flow.poll import Poller
    from pumpproxy.model import BindAddress
    from pumpproxy.policy.runtime import FrontendState

    Shorten = Callable[[Environment, Poller], "ShortWay"]
    BuildProtocol = Callable[[Environment, FrontendState, ClientAddress, int | None], Protocol]
    """The last is `port_of` the listening socket."""

BACKLOG_MOST = 65536
"""Connections served from the backlog of a listener that closes: more than any kernel holds."""
BATCH = 64
"""Connections accepted in one turn of the reactor, so that running relays get theirs."""
HINDERED_PAUSE = 1.0
"""Seconds until the next try after an accept failed (the descriptors ran out), if no connection ends before."""
DEFERRED = 1
"""Seconds that the kernel keeps a connection to itself until its client speaks (tcp(7), TCP_DEFER_ACCEPT)."""

# The connection that was to be accepted is gone, or forbidden by a firewall: accept(2) says to go on.
_GONE = frozenset(
    {
        *(errno.ECONNABORTED, errno.EPERM, errno.EINTR, errno.EPROTO, errno.ENOPROTOOPT),
        *(errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH),
    }
)


class ShortWay(ProtocolType):
    """Takes the clients that need no protocol; see `flow.straight`."""

    def take(self, frontend: FrontendState, arrivals: Sequence[Arrival]) -> Iterable[Arrival]:
        """Take over those that it can, and leave the others as they are: these are returned."""

    def settle(self) -> None:
        """Finish what was taken in this batch."""


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
        shorten: Shorten | None = None,
    ) -> None:
        """`shorten`: where the short way begins that clients of a `tls` frontend may take on a poller."""
        self._environment = environment
        self._build = build
        self._shorten = shorten
        self._short_way: ShortWay | None = None
        self._socket = sock
        self._port = port_of(sock)
        self._reading = False
        self._hindered = False
        self._retry: IDelayedCall | None = None
        self._poller: Poller | None = None
        self.bind = bind
        self.accepted = 0
        self.started = False
        # What Twisted's Server asks of "its" Port, for its repr.
        self._realPortNumber = str(bind)
        self.serve(frontend)

    def serve(self, frontend: FrontendState) -> None:
        """Who comes from now on is this frontend's, as it is declared now."""
        self.frontend = frontend
        if self._socket.family != socket.AF_UNIX and hasattr(socket, "TCP_DEFER_ACCEPT"):
            declared = frontend.declared
            # A hello that is there at the accept is read in the same go. Whoever must be answered though it says
            # nothing, or hears its server first, is accepted at once.
            speaks_first = declared.mode is Mode.TLS and declared.silent is Action.DROP
            seconds = DEFERRED if speaks_first else 0
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, seconds)

    def start(self) -> None:
        """Accept from now on."""
        self.started = True
        self.resume()

    def pause(self) -> None:
        """Accept no more; the backlog goes on filling."""
        if self._reading:
            self._reading = False
            if self._poller is None:
                self._environment.reactor.removeReader(self)
            else:
                self._poller.remove(self._socket.fileno())

    def resume(self) -> None:
        """Accept if there is room, else as soon as there is."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._socket.fileno() < 0:
            return
        poller = None if self._socket.family == socket.AF_UNIX else self._environment.poller
        if poller is not self._poller:
            # At the start, or where a reload asks for the other relay.
            self.pause()
            self._poller = poller
            self._short_way = None
            if poller is not None and self._shorten is not None:
                self._short_way = self._shorten(self._environment, poller)
        if self._environment.runtime.room(self.frontend) <= 0:
            self._wait_for_room()
        elif not self._reading:
            self._reading = True
            if poller is None:
                self._environment.reactor.addReader(self)
            else:
                poller.add_listening(self._socket.fileno(), self)

    def close(self, *, drain: bool, end: Callable[[socket.socket], None] = close_socket) -> None:
        """Give the socket up by `end`; `drain`: serve those first who wait in its backlog, whatever `maxconn` says."""
        self.pause()
        if drain:
            if self._poller is not None:
                self._poller.look_at_clock()
            for _ in range(BACKLOG_MOST // BATCH):
                if not self._accept(BATCH):
                    break
            if self._short_way is not None:
                self._short_way.settle()
        self._environment.waiting.discard(self)
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        end(self._socket)

    def fileno(self) -> int:
        """For the reactor."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """For the reactor."""
        return str(self.bind)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor gives it up: at its end, or after a defect that it has logged, which must not stop the others."""
        self._reading = False
        if reason.check(ConnectionLost) is None:
            self._retry_soon()

    def broke(self) -> None:
        """As `connectionLost`, from the poller."""
        self.pause()
        self._retry_soon()

    def _retry_soon(self) -> None:
        if self._retry is None:
            self._retry = self._environment.reactor.callLater(0, self._try_again)

    def told(self, _events: int) -> None:
        """From the poller: somebody waits in the backlog."""
        self.doRead()

    def doRead(self) -> None:
        """Somebody waits in the backlog."""
        self._accept(min(BATCH, self._environment.runtime.room(self.frontend)))
        if self._environment.runtime.room(self.frontend) <= 0:
            self._wait_for_room()

    def _wait_for_room(self) -> None:
        self.pause()
        self._environment.waiting.add(self)

    def _accept(self, most: int) -> bool:
        """Take so many connections at most; False where there are no more, or no means to keep them."""
        if self._poller is not None:
            return self._accept_lean(self._poller, most)
        for _ in range(most):
            try:
                sock, address = self._socket.accept()
            except OSError as error:
                if self._may_go_on(error):
                    continue
                return False
            self.accepted += 1
            self._serve(sock, address)
        self._say_if_again(most)
        return True

    def _accept_lean(self, poller: Poller, most: int) -> bool:
        frontend = self.frontend
        short_way = self._short_way if frontend.straight else None
        found, error = arrivals(self._socket, most, speak=short_way is not None)
        if found:
            self.accepted += len(found)
            for descriptor, client, data in found if short_way is None else short_way.take(frontend, found):
                protocol = self._build(self._environment, frontend, ClientAddress(*client), self._port)
                serve(poller, descriptor, protocol, data)
        if error is not None:
            return self._may_go_on(error)
        self._say_if_again(most)
        return True

    def _say_if_again(self, accepted: int) -> None:
        """So many could be accepted, and nothing hindered any more: one that only took another's place says nothing."""
        if self._hindered and accepted > 0:
            self._hindered = False
            self.log.info("{bind}: accepting again", bind=str(self.bind))

    def _may_go_on(self, error: OSError) -> bool:
        """Whether the next accept may succeed."""
        if error.errno in _GONE:
            return True
        if isinstance(error, BlockingIOError):
            # Nobody waits any more.
            self._say_if_again(1)
        else:
            self._wait_a_while(error)
        return False

    def _serve(self, sock: socket.socket, address: tuple[str, int]) -> None:
        reactor = self._environment.reactor
        port = cast("tcp.Port", self)
        transport: tcp.Server
        if sock.family == socket.AF_UNIX:
            protocol = self._build(self._environment, self.frontend, ClientAddress("unix", 0), None)
            transport = unix.Server(sock, protocol, "", port, self.accepted, reactor)
        else:
            protocol = self._build(self._environment, self.frontend, client_address(address), self._port)
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

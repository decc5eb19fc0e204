"""A server's connection: tells whose request it carries what the server does, waits for another, or ends.

Whoever closes a connection first keeps its port for a minute (TIME_WAIT, RFC 9293 section 3.6), and our ports to one
server are few. So a server that was told to close, and has answered, is given a moment to do it.
May not: know what the bytes mean.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Protocol

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import connectionDone
from zope.interface import implementer

from pumpproxy.flow.idle import NOWHERE
from pumpproxy.flow.stream import StreamProtocol, acknowledge, is_quiet

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from pumpproxy.flow import relay
    from pumpproxy.flow.idle import Sweep
    from pumpproxy.flow.kept import KeptServers
    from pumpproxy.policy.serverstate import ServerState

PATIENCE = 1.0
"""Seconds for the server to close; then we do."""
MAX_SURPLUS = 64 * 1024
"""Bytes beyond a response that are read and dropped meanwhile."""
IDLE_TIME = 4.0
"""Seconds that a kept connection waits: node, lighttpd and Apache close theirs after five."""


class Told(Protocol):
    """Who is told what a server does."""

    def server_connected(self, server: HttpServer) -> None:
        """Its connection is there."""

    def server_received(self, data: bytes) -> None:
        """It sent `data`."""

    def server_finished(self) -> None:
        """It closed its half."""

    def server_lost(self) -> None:
        """Its connection is gone."""

    def server_full(self) -> None:
        """It takes less than it is sent."""

    def server_ready(self) -> None:
        """After `server_full`: it took everything."""


@implementer(IPushProducer)
class HttpServer(StreamProtocol):
    """One connection to a server. Nothing is told after `leave`, `keep`, `reset` or `tunnel`."""

    def __init__(self, told: Told, server: ServerState, sweep: Sweep, *, nodelay: bool) -> None:
        """`nodelay`: it is a TCP connection, on which small writes must not wait for each other."""
        self._told: Told | None = told
        self.server = server
        self.idle_since = 0.0
        self.private = False
        """The server knows a client by it."""
        self._kept: KeptServers | None = None
        self._sweep = sweep
        self._nodelay = nodelay
        self._lazy = False
        self._end: relay.Told | None = None
        self._paused = False
        self._finished = False
        self._gone = False
        self._until = 0.0
        self._surplus = 0
        self._closing = False
        self.tick = NOWHERE

    # What the one whose request it is wants done

    def send(self, data: bytes) -> None:
        """Write."""
        self.transport.write(data)

    def pause(self) -> None:
        """Read no more."""
        self._paused = True
        self.transport.pauseProducing()

    def resume(self) -> None:
        """Read again. Twisted would report a FIN twice, so that a finished server is not read again."""
        self._paused = False
        if not self._finished:
            self.transport.resumeProducing()

    def leave(self) -> None:
        """Nothing more is to be said or heard: close once the server did, or patience ends."""
        self._told = None
        self.transport.unregisterProducer()
        if self._finished:
            self._close()
            return
        if self._paused:
            self.resume()
        self._until = self._sweep.now() + PATIENCE
        self._sweep.watch(self)

    def keep(self, kept: KeptServers) -> None:
        """Nothing more is to be said or heard for now: wait for another request, where there is room."""
        self._told = None
        if self._paused:
            self.resume()
        if self._finished or not kept.keep(self.server, self):
            # It was not told to close: nobody would but us.
            self._close()
            return
        self._kept = kept
        self.rest()

    def rest(self) -> None:
        """The time of an idle connection begins."""
        self.idle_since = self._sweep.now()
        self._until = self.idle_since + IDLE_TIME
        # Else it is watched already, for an earlier time.
        if self.tick == NOWHERE:
            self._sweep.watch(self)

    @property
    def is_quiet(self) -> bool:
        """Whether the server has neither closed nor said anything, as far as the kernel knows."""
        return not self._finished and not self._gone and is_quiet(self.transport)

    def engage(self, told: Told) -> None:
        """Carry another request, whose is told from now on."""
        self._kept = None
        self._until = inf
        self._told = told
        self._lazy = self._nodelay

    def reset(self) -> None:
        """End it at once, so that a request which was cut never looks whole."""
        self._told = self._kept = None
        self.transport.unregisterProducer()
        self.transport.abortConnection()

    def tunnel(self, end: relay.Told) -> None:
        """From here on it is one end of a relay."""
        self._told = None
        self._end = end
        self.transport.unregisterProducer()

    @property
    def finished(self) -> bool:
        """Whether the server has closed its half."""
        return self._finished

    # What the transport tells

    def connectionMade(self) -> None:
        """Established."""
        if self._nodelay:
            self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        if self._told is not None:
            self._told.server_connected(self)

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the server."""
        if self._told is not None:
            self._told.server_received(data)
            if self._lazy and self._told is not None:
                # The answer is not whole: on a connection that was used before the kernel would wait 40 ms to say that
                # its beginning has come, and many servers wait for that with the rest.
                self._lazy = False
                acknowledge(self.transport)
        elif self._end is not None:
            self._end.received(data)
        elif self._kept is not None:
            # Nobody asked: whatever it is, the next client must not take it for an answer.
            self._give_up(self._kept)
        else:
            self._surplus += len(data)
            if self._surplus > MAX_SURPLUS:
                self.transport.abortConnection()

    def readConnectionLost(self) -> None:
        """The server closed its half."""
        self._finished = True
        if self._told is not None:
            self._told.server_finished()
        elif self._end is not None:
            self._end.read_closed()
        else:
            if self._kept is not None:
                self._kept.forget(self.server, self)
                self._kept = None
            self._close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The server's connection is gone."""
        self._gone = True
        self._sweep.forget(self)
        told, self._told = self._told, None
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.forget(self.server, self)
        elif told is not None:
            told.server_lost()
        elif self._end is not None:
            self._end.lost(reason)

    # IPushProducer: whoever sends to the server's transport is told through `told`

    def pauseProducing(self) -> None:
        """The server takes too little."""
        if self._told is not None:
            self._told.server_full()

    def resumeProducing(self) -> None:
        """The server took everything."""
        if self._told is not None:
            self._told.server_ready()

    def stopProducing(self) -> None:
        """The transport is lost, which `connectionLost` deals with."""

    # The moment that a server has to close, and that an idle connection waits

    def deadline(self) -> float | None:
        """For the sweep; None while it carries a request."""
        return None if self._until == inf else self._until

    def expired(self, _now: float) -> None:
        """It is over: close, and where even that does not come about, reset."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.forget(self.server, self)
        if self._closing:
            self.transport.abortConnection()
            return
        self._close()

    def _give_up(self, kept: KeptServers) -> None:
        kept.forget(self.server, self)
        self.reset()

    def _close(self) -> None:
        self._closing = True
        self._until = self._sweep.now() + PATIENCE
        self.transport.loseConnection()
        if not self._gone:
            self._sweep.watch(self)

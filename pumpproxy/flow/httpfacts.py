"""What happens to one client of an `http` frontend, told to its exchange; what follows is done by `httpfront`.

What the client's transport tells goes to the exchange until a tunnel starts, then to the relay's end, and after the
last words to the linger. May not: decide anything.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from zope.interface import implementer

from pumpproxy.flow.drain import Drain
from pumpproxy.flow.hauls import Hauls
from pumpproxy.flow.introduce import introduce
from pumpproxy.flow.progress import taken_by_peer
from pumpproxy.flow.stream import StreamProtocol, is_network_end
from pumpproxy.flow.upstream import Upstream
from pumpproxy.flow.watch import Watch
from pumpproxy.policy.outcome import Outcome
from pumpproxy.policy.straightexchange import StraightExchange
from pumpproxy.policy.transaction import Side

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.python.failure import Failure

    from pumpproxy.flow.environment import Environment
    from pumpproxy.flow.httpserver import HttpServer
    from pumpproxy.flow.linger import Linger
    from pumpproxy.flow.relaying import AnyRelay
    from pumpproxy.policy.attempts import ConnectFailure
    from pumpproxy.policy.httpsteps import HttpStep
    from pumpproxy.policy.records import Arrived, ClientAddress
    from pumpproxy.policy.runtime import FrontendState
    from pumpproxy.policy.serverstate import ServerState


@implementer(IPushProducer)
class HttpFacts(StreamProtocol):
    """One client, as far as something happens to it; `_do` is whoever does what follows."""

    log = Logger()

    def __init__(
        self,
        environment: Environment,
        frontend: FrontendState,
        client: ClientAddress,
        port: int | None = None,
        arrived: Arrived | None = None,
    ) -> None:
        """`port`: where the client came to, None on a unix socket; `arrived`: where a PROXY header told of it."""
        now = environment.now()
        self._environment = environment
        self._frontend = frontend
        self._exchange = StraightExchange(environment.runtime, frontend, client, now, environment.wall() - now)
        self._exchange.port = port
        if arrived is not None:
            self._exchange.introduced(arrived)
        self._steps: deque[HttpStep] = deque()
        self._doing = False
        self._hauls = Hauls(environment.pipes, self)
        self._watch = Watch(environment.sweep, self._exchange, self._taken_by, self._look, self._deadline_passed)
        self._upstream = Upstream(environment, self, self._connect_failed)
        self._drain = Drain(self._drained)
        self._relay: AnyRelay | None = None
        self._linger: Linger | None = None
        self._finished = False

    # What the client's transport tells

    def connectionMade(self) -> None:
        """Accepted."""
        self._environment.opened(self, self._frontend)
        self.transport.registerProducer(self, True)
        if self._frontend.sources is None:
            self._watch.look()
        else:
            self._tell(self._exchange.opened)

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._relay is not None:
            self._relay.client.received(data)
        elif self._linger is not None:
            self._linger.received(data)
        else:
            self._tell(lambda now: self._exchange.client_received(data, now))

    def readConnectionLost(self) -> None:
        """The client closed its half."""
        self._finished = True
        if self._relay is not None:
            self._relay.client.read_closed()
        elif self._linger is not None:
            self._linger.finished()
        else:
            self._tell(self._exchange.client_finished)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The client is gone. An exception of ours comes as the reason, logged already."""
        if self._relay is not None:
            self._relay.client.lost(reason)
            return
        if self._linger is not None:
            self._linger.lost()
        if not is_network_end(reason):
            self._tell(lambda now: self._exchange.broke_off(Outcome.INTERNAL, "", now))
        self._tell(self._exchange.client_lost)
        self._close()

    def pauseProducing(self) -> None:
        """The client takes too little."""
        self._watch.stalls(Side.CLIENT)
        self._tell(self._exchange.client_full)

    def resumeProducing(self) -> None:
        """The client took everything."""
        self._tell(self._exchange.client_ready)

    def stopProducing(self) -> None:
        """The transport is lost, which `connectionLost` deals with."""

    def _drained(self) -> None:
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)
        self._watch.stalls(None)
        self._tell(self._exchange.client_drained)

    # What the server's connection tells

    def server_connected(self, server: HttpServer) -> None:
        """Its connection is there."""
        self._upstream.connection = server

        def connected(now: float) -> Sequence[HttpStep]:
            introduce(self._exchange, self.transport, server.server)
            return self._exchange.connected(now)

        self._tell(connected)

    def server_received(self, data: bytes) -> None:
        """It sent `data`."""
        self._tell(lambda now: self._exchange.server_received(data, now))

    def server_finished(self) -> None:
        """It closed its half."""
        self._tell(self._exchange.server_finished)

    def server_lost(self) -> None:
        """Its connection is gone."""
        self._upstream.connection = None
        self._tell(self._exchange.server_lost)

    def server_full(self) -> None:
        """It takes too little."""
        self._watch.stalls(Side.SERVER)
        self._tell(self._exchange.server_full)

    def server_ready(self) -> None:
        """It took everything."""
        self._tell(self._exchange.server_ready)

    # What is told of bodies that pass unread

    def haul_full(self, side: Side) -> None:
        """The other side does not keep up."""
        if side is Side.SERVER:
            self.pauseProducing()
        else:
            self.server_full()

    def haul_ready(self, side: Side) -> None:
        """It does."""
        if side is Side.SERVER:
            self.resumeProducing()
        else:
            self.server_ready()

    def haul_over(self, side: Side) -> None:  # noqa: ARG002 - whatever it was
        """What moved is told of first."""
        self._tell(nothing)

    def _look(self) -> None:
        if self._hauls:
            self._hauls.look()
            self._tell(nothing)

    # What the environment asks

    def evict(self) -> None:
        """What it holds is needed elsewhere."""
        self._tell(lambda now: self._exchange.broke_off(Outcome.OVERLOAD, "evicted", now))

    def finish_up(self) -> None:
        """The service is to end soon: no request after the one under way."""
        self._tell(self._exchange.finish_up)

    def shut_down(self) -> None:
        """The service ends."""
        if self._relay is not None:
            self._relay.abort()
        else:
            self._tell(self._exchange.shut_down)

    def leave_server(self, server: ServerState) -> None:
        """That server went DOWN."""
        if self._exchange.engaged_at is not server:
            return
        if self._relay is not None:
            self._relay.abort(Outcome.SERVER_DOWN)
        else:
            self._tell(self._exchange.server_went_down)

    # What the watch asks

    def _taken_by(self, side: Side) -> int | None:
        if side is Side.CLIENT:
            return taken_by_peer(self.transport)
        server = self._upstream.connection
        return None if server is None else taken_by_peer(server.transport)

    def _deadline_passed(self) -> None:
        self._tell(self._exchange.deadline_passed)

    # Steps

    def _tell(self, fact: Callable[[float], Sequence[HttpStep]]) -> None:
        """Tell the exchange, and do what follows; a defect of ours ends this connection alone."""
        now = self._environment.now()
        try:
            straight = self._exchange.straight
            if straight is not None:
                self._steps += self._exchange.take_over(straight, now)
            if self._hauls:
                for moved in self._hauls.moved():
                    self._steps += self._exchange.hauled(*moved, now)
            self._steps += fact(now)
            if self._doing:
                return
            self._doing = True
            while self._steps:
                self._do(self._steps.popleft())
        except Exception:  # noqa: BLE001 - whatever it was, the others go on
            self.log.failure("an HTTP connection ended by a defect")
            self._break_off()
        self._doing = False
        self._watch.look()

    def _break_off(self) -> None:
        self._steps.clear()
        for step in self._exchange.broke_off(Outcome.INTERNAL, "", self._environment.now()):
            self._do(step)

    def _connect_failed(self, failure: ConnectFailure) -> None:
        self._tell(lambda now: self._exchange.connect_failed(failure, now))

    def _close(self) -> None:
        """Nothing is left of the client."""
        self._watch.forget()
        self._upstream.close()
        self._exchange.release()
        self._environment.closed(self, self._frontend)

    @abstractmethod
    def _do(self, step: HttpStep) -> None:
        """What the exchange wants."""


def nothing(_now: float) -> Sequence[HttpStep]:
    """No fact: only what is under way is told of."""
    return ()

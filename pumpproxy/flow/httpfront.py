"""The client's side of an `http` frontend: does what the exchange says, one exhaustive match over its Steps.

Steps are done in order: what doing one brings about is told at once, and its steps come behind those that are left.
May not: decide anything. What the client's transport tells goes to the exchange until a tunnel starts, then to the
relay's end, and after the last words to the linger.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from zope.interface import implementer

from pumpproxy.flow.approach import Approach
from pumpproxy.flow.drain import Drain
from pumpproxy.flow.linger import Linger
from pumpproxy.flow.progress import taken_by_peer
from pumpproxy.flow.relaying import relay_between
from pumpproxy.flow.stream import StreamProtocol, is_network_end
from pumpproxy.flow.watch import Watch
from pumpproxy.policy import httpsteps
from pumpproxy.policy.exchange import Exchange
from pumpproxy.policy.inactivity import RelayTimeouts
from pumpproxy.policy.outcome import Outcome
from pumpproxy.policy.request import Ending
from pumpproxy.policy.steps import Connect
from pumpproxy.policy.transaction import Side

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.python.failure import Failure

    from pumpproxy.flow.environment import Environment
    from pumpproxy.flow.httpserver import HttpServer
    from pumpproxy.flow.relaying import AnyRelay
    from pumpproxy.policy.attempts import ConnectFailure
    from pumpproxy.policy.httpsteps import HttpStep
    from pumpproxy.policy.records import ClientAddress
    from pumpproxy.policy.runtime import FrontendState


@implementer(IPushProducer)
class HttpFront(StreamProtocol):
    """One client."""

    log = Logger()

    def __init__(
        self, environment: Environment, frontend: FrontendState, client: ClientAddress, port: int | None = None
    ) -> None:
        """`port`: of ours, where the client came to; None on a unix socket."""
        now = environment.now()
        self._environment = environment
        self._frontend = frontend
        self._exchange = Exchange(environment.runtime, frontend, client, now, environment.wall() - now)
        self._exchange.port = port
        self._steps: deque[HttpStep] = deque()
        self._doing = False
        self._watch = Watch(environment.sweep, self._exchange, self._taken_by, self._deadline_passed)
        self._approach = Approach(environment, self, self._connect_failed)
        self._server: HttpServer | None = None
        self._drain = Drain(self._drained)
        self._relay: AnyRelay | None = None
        self._linger: Linger | None = None
        self._finished = False

    # What the client's transport tells

    def connectionMade(self) -> None:
        """Accepted."""
        self._environment.opened(self, self._frontend)
        self.transport.registerProducer(self, True)
        self._watch.look()

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
        self._server = server
        self._tell(self._exchange.connected)

    def server_received(self, data: bytes) -> None:
        """It sent `data`."""
        self._tell(lambda now: self._exchange.server_received(data, now))

    def server_finished(self) -> None:
        """It closed its half."""
        self._tell(self._exchange.server_finished)

    def server_lost(self) -> None:
        """Its connection is gone."""
        self._server = None
        self._tell(self._exchange.server_lost)

    def server_full(self) -> None:
        """It takes too little."""
        self._watch.stalls(Side.SERVER)
        self._tell(self._exchange.server_full)

    def server_ready(self) -> None:
        """It took everything."""
        self._tell(self._exchange.server_ready)

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

    # What the watch asks

    def _taken_by(self, side: Side) -> int | None:
        if side is Side.CLIENT:
            return taken_by_peer(self.transport)
        return None if self._server is None else taken_by_peer(self._server.transport)

    def _deadline_passed(self) -> None:
        self._tell(self._exchange.deadline_passed)

    # Steps

    def _tell(self, fact: Callable[[float], Sequence[HttpStep]]) -> None:
        """Tell the exchange, and do what follows; a defect of ours ends this connection alone."""
        try:
            self._steps += fact(self._environment.now())
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

    def _do(self, step: HttpStep) -> None:  # noqa: C901, PLR0912 - one arm a step
        match step:
            # First what every request brings about.
            case httpsteps.SendServer():
                if self._server is not None:
                    self._server.send(step.data)
            case httpsteps.SendClient():
                self.transport.write(step.data)
            case Connect():
                self._approach.start(step.attempt)
            case httpsteps.LeaveServer():
                server, self._server = self._server, None
                if server is not None:
                    server.leave()
            case httpsteps.DrainClient():
                self._drain.start(self.transport)
            case httpsteps.Ended():
                self._environment.sink.ended(step.record)
                self._exchange.epoch = self._environment.wall() - self._environment.now()
            case httpsteps.FinishClient():
                self._finish(step.reply)
            case httpsteps.ResetServer():
                self._reset_server()
            case httpsteps.ResetClient():
                self._watch.forget()
                self.transport.abortConnection()
            case httpsteps.PauseClient():
                self.transport.pauseProducing()
            case httpsteps.ResumeClient():
                # Twisted would report a FIN twice.
                if not self._finished:
                    self.transport.resumeProducing()
            case httpsteps.PauseServer():
                if self._server is not None:
                    self._server.pause()
            case httpsteps.ResumeServer():
                if self._server is not None:
                    self._server.resume()
            case httpsteps.StartTunnel():
                self._start_tunnel(step)
            case _:
                assert_never(step)

    def _connect_failed(self, failure: ConnectFailure) -> None:
        self._tell(lambda now: self._exchange.connect_failed(failure, now))

    def _reset_server(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.reset()
        self._approach.cancel()

    def _finish(self, reply: bytes) -> None:
        self._watch.forget()
        self.transport.unregisterProducer()
        self._linger = Linger(self.transport, self._environment.sweep)
        self._linger.start(reply)

    # The tunnel after a 101

    def _start_tunnel(self, step: httpsteps.StartTunnel) -> None:
        server, self._server = self._server, None
        request = self._exchange.request
        if server is None or request is None or request.pool is None:
            return
        self._watch.forget()
        self.transport.unregisterProducer()
        # Both sides have spoken, in HTTP: timeout-tunnel holds from the start.
        timeouts = RelayTimeouts.of(self._frontend.declared, request.pool.backend)
        timeouts = replace(timeouts, client=timeouts.tunnel, server=timeouts.tunnel)
        relay = relay_between(self._environment, self.transport, server.transport, timeouts, self)
        self._relay = relay
        server.tunnel(relay.server)
        relay.start(self.transport, server.transport, to_server=step.to_server, to_client=step.to_client)
        if server.finished and self._relay is not None:
            relay.server.read_closed()

    def relayed(self, relay: AnyRelay) -> None:
        """The tunnel is over."""
        self._relay = None
        ending = Ending(relay.outcome or Outcome.INTERNAL, relay.phase)
        self._tell(lambda now: self._exchange.tunnel_ended(relay.client.bytes, relay.server.bytes, ending, now))
        self._close()

    def _close(self) -> None:
        """Nothing is left of the client."""
        self._watch.forget()
        self._environment.closed(self, self._frontend)

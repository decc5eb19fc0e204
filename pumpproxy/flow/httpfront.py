"""The client's side of an `http` frontend: does what the exchange says, one exhaustive match over its Steps.

Steps are done in order: what doing one brings about is told at once, and its steps come behind those that are left.
May not: decide anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from pumpproxy.flow.httpfacts import HttpFacts
from pumpproxy.flow.linger import Linger
from pumpproxy.flow.tunnel import tunnel_between
from pumpproxy.policy import httpsteps
from pumpproxy.policy.outcome import Outcome
from pumpproxy.policy.request import Ending
from pumpproxy.policy.transaction import Side

if TYPE_CHECKING:
    from pumpproxy.flow.relaying import AnyRelay
    from pumpproxy.policy.httpsteps import HttpStep


class HttpFront(HttpFacts):
    """One client."""

    def _do(self, step: HttpStep) -> None:  # noqa: C901, PLR0912 - one arm a step
        match step:
            # First what every request brings about.
            case httpsteps.SendServer():
                self._upstream.send(step.data)
            case httpsteps.SendClient():
                self.transport.write(step.data)
            case httpsteps.Reach():
                if self._upstream.reach(step.attempt, step.idle):
                    self._tell(lambda now: self._exchange.connected(now, reused=True))
            case httpsteps.AwaitServer():
                self._environment.awaits(step.ticket, self._served)
            case httpsteps.KeepServer():
                self._upstream.keep(private=step.private)
            case httpsteps.LeaveServer():
                self._upstream.leave()
            case httpsteps.DrainClient():
                self._drain.start(self.transport)
            case httpsteps.Ended():
                self._environment.sink.ended(step.record)
                self._exchange.epoch = self._environment.wall() - self._environment.now()
            case httpsteps.FinishClient():
                self._finish(step.reply)
            case httpsteps.ResetServer():
                self._upstream.reset()
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
                self._upstream.pause()
            case httpsteps.ResumeServer():
                self._upstream.resume()
            case httpsteps.HaulDown():
                if (server := self._upstream.connection) is not None:
                    self._hauls.begin(Side.SERVER, server.transport, self.transport, step.size, chunked=step.chunked)
            case httpsteps.HaulUp():
                if (server := self._upstream.connection) is not None:
                    self._hauls.begin(Side.CLIENT, self.transport, server.transport, step.size, chunked=False)
            case httpsteps.StartTunnel():
                self._start_tunnel(step)
            case _:
                assert_never(step)

    def _served(self) -> None:
        self._tell(self._exchange.served)

    def _finish(self, reply: bytes) -> None:
        self._watch.forget()
        self.transport.unregisterProducer()
        self._linger = Linger(self.transport, self._environment.sweep)
        self._linger.start(reply)
        if self._finished:
            # Not every transport tells of a FIN twice.
            self._linger.finished()

    # The tunnel after a 101

    def _start_tunnel(self, step: httpsteps.StartTunnel) -> None:
        server = self._upstream.take()
        request = self._exchange.request
        if server is None or request is None or request.pool is None:
            return
        self._watch.forget()
        frontend, backend = self._frontend.declared, request.pool.backend
        relay = tunnel_between(self._environment, self.transport, server, frontend, backend, self)
        self._relay = relay
        relay.start(self.transport, server.transport, to_server=step.to_server, to_client=step.to_client)
        if server.finished and self._relay is not None:
            relay.server.read_closed()

    def relayed(self, relay: AnyRelay) -> None:
        """The tunnel is over."""
        self._relay = None
        ending = Ending(relay.outcome or Outcome.INTERNAL, relay.phase)
        self._tell(lambda now: self._exchange.tunnel_ended(relay.client.bytes, relay.server.bytes, ending, now))
        self._close()

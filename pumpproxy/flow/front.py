"""The client's side of a `tls` or `tcp` frontend: does what the session says, one exhaustive match over its Steps.

May not: decide anything. What the client's transport tells goes to the session until the relay starts, then to the
relay's end, and after a refusal to the linger.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, assert_never

from twisted.internet.protocol import connectionDone
from twisted.logger import Logger

from pumpproxy.flow.dial import Dial
from pumpproxy.flow.linger import Linger
from pumpproxy.flow.relay import ServerProtocol
from pumpproxy.flow.relaying import relay_between
from pumpproxy.flow.stream import StreamProtocol, is_network_end
from pumpproxy.policy.inactivity import RelayTimeouts
from pumpproxy.policy.outcome import Outcome
from pumpproxy.policy.session import Session
from pumpproxy.policy.steps import Abandon, Connect, Pause, Refuse, Reset, StartRelay, Wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from pumpproxy.flow.environment import Environment
    from pumpproxy.flow.relaying import AnyRelay
    from pumpproxy.policy.attempts import Attempt, ConnectFailure
    from pumpproxy.policy.records import ClientAddress
    from pumpproxy.policy.runtime import FrontendState
    from pumpproxy.policy.steps import Step


class FrontProtocol(StreamProtocol):
    """One client."""

    log = Logger()

    def __init__(self, environment: Environment, frontend: FrontendState, client: ClientAddress) -> None:
        self._environment = environment
        self._frontend = frontend
        self._session = Session(environment.runtime, frontend, client, environment.now())
        self._dial: Dial | None = None
        self._pause: IDelayedCall | None = None
        self._relay: AnyRelay | None = None
        self._linger: Linger | None = None

    # What the transport tells

    def connectionMade(self) -> None:
        """Accepted."""
        self._environment.opened(self, self._frontend)
        self._do(self._session.opened(self._environment.now()))
        self._environment.sweep.watch(self)

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._relay is not None:
            self._relay.client.received(data)
        elif self._linger is not None:
            self._linger.received(data)
        else:
            self._sniff(data)

    def readConnectionLost(self) -> None:
        """The client closed its half."""
        if self._relay is not None:
            self._relay.client.read_closed()
        elif self._linger is not None:
            self._linger.finished()
        else:
            self._do(self._session.finished())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The client is gone. An exception of ours comes as the reason, logged already."""
        if not is_network_end(reason):
            self._session.failed(reason.type.__name__ if reason.type is not None else "")
        if self._relay is not None:
            self._relay.client.lost(reason)
            return
        if self._linger is not None:
            self._linger.lost()
        self._session.lost()
        self._stop_connecting()
        self._close()

    # What the environment asks

    def evict(self) -> None:
        """All unfinished hellos hold too much, and this one the most."""
        self._do(self._session.evicted())

    def finish_up(self) -> None:
        """The service ends soon: this connection is one whole, and goes on."""

    def shut_down(self) -> None:
        """The service ends."""
        if self._relay is not None:
            self._relay.abort()
        elif self._linger is not None:
            self.transport.loseConnection()
        else:
            self._do(self._session.shut_down())

    def deadline(self) -> float | None:
        """For the sweep: the hello's."""
        return self._session.deadline()

    def expired(self, now: float) -> None:
        """The hello is not complete in time."""
        self._do(self._session.deadline_passed(now))

    # Steps

    def _sniff(self, data: bytes) -> None:
        session, environment = self._session, self._environment
        self._do(session.received(data, environment.now()))
        held = session.held
        if held:
            largest = environment.hellos.holds(self, held)
            environment.sweep.watch(self)
            if largest is not None:
                largest.evict()
        else:
            environment.hellos.releases(self)

    def _do(self, step: Step) -> None:
        match step:
            case Wait():
                return
            case Pause():
                self.transport.pauseProducing()
            case Connect(attempt):
                self._connect(attempt)
            case StartRelay():
                # Only the server's connection brings this one about; see _connected.
                return
            case Refuse(reply):
                self._refuse(reply)
            case Reset():
                self._leave_sniffing()
                self.transport.abortConnection()
            case Abandon():
                self._leave_sniffing()
                self._stop_connecting()
                self.transport.loseConnection()
            case _:
                assert_never(step)

    def _connect(self, attempt: Attempt) -> None:
        self._leave_sniffing()
        if attempt.after > 0:
            self._pause = self._environment.reactor.callLater(attempt.after, self._dial_now, attempt)
        else:
            self._dial_now(attempt)

    def _dial_now(self, attempt: Attempt) -> None:
        self._pause = None
        environment = self._environment
        self._dial = Dial(
            environment.reactor, environment.resolver, self._server_protocol, self._connect_failed, environment.lean
        )
        with self._guarded():
            self._dial.connect(attempt.server.declared.address, attempt.timeout)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """A defect of ours while we connect is not in the client's own event: it must not leave the client waiting."""
        try:
            yield
        except Exception:  # noqa: BLE001 - whatever it was, the others go on
            self.log.failure("a connection ended by a defect")
            self._session.failed("")
            self._stop_connecting()
            if self._relay is not None:
                self._relay.abort(Outcome.INTERNAL)
            else:
                self.transport.abortConnection()

    def _server_protocol(self) -> ServerProtocol:
        return ServerProtocol(self._connected)

    def _connect_failed(self, failure: ConnectFailure) -> None:
        self._dial = None
        with self._guarded():
            self._do(self._session.connect_failed(failure))

    def _connected(self, server: ServerProtocol) -> None:
        self._dial = None
        with self._guarded():
            self._start_relay(server)

    def _start_relay(self, server: ServerProtocol) -> None:
        session = self._session
        step = session.connected(self._environment.now())
        if not isinstance(step, StartRelay) or session.pool is None:
            server.transport.abortConnection()
            return
        timeouts = RelayTimeouts.of(self._frontend.declared, session.pool.backend)
        relay = relay_between(self._environment, self.transport, server.transport, timeouts, self._relayed)
        self._relay = relay
        server.end = relay.server
        relay.start(self.transport, server.transport, to_server=step.preamble)
        if step.client_finished:
            relay.client.read_closed()

    def _relayed(self, relay: AnyRelay) -> None:
        if relay.outcome is not None:
            self._session.relayed(relay.client.bytes, relay.server.bytes, relay.outcome, relay.phase)
        self._close()

    def _refuse(self, reply: bytes) -> None:
        self._leave_sniffing()
        self._linger = Linger(self.transport, self._environment.sweep)
        self._linger.start(reply)

    def _leave_sniffing(self) -> None:
        self._environment.sweep.forget(self)
        self._environment.hellos.releases(self)

    def _stop_connecting(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._dial is not None:
            self._dial.cancel()
            self._dial = None

    def _close(self) -> None:
        """Nothing is left of it: the session's record is made and told."""
        self._leave_sniffing()
        environment = self._environment
        record = self._session.close(environment.now(), environment.wall())
        # Told before it counts no more: the service may end with the last connection.
        environment.sink.ended(record)
        environment.closed(self, self._frontend)

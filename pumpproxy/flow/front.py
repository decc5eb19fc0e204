"""The client's side of a `tls` or `tcp` frontend: does what the session says, one exhaustive match over its Steps.

May not: decide anything. What the client's transport tells goes to the session until the relay starts, then to the
relay's end, and after a refusal to the linger.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, assert_never, cast

from twisted.internet.protocol import connectionDone
from twisted.logger import Logger

from pumpproxy.flow.dial import Dial
from pumpproxy.flow.idle import NOWHERE
from pumpproxy.flow.introduce import introduce
from pumpproxy.flow.linger import Linger
from pumpproxy.flow.relay import ServerProtocol
from pumpproxy.flow.relaying import relay_between
from pumpproxy.flow.socketstream import SocketStream
from pumpproxy.flow.splice import SpliceRelay
from pumpproxy.flow.stream import StreamProtocol, is_network_end
from pumpproxy.policy.outcome import Outcome
from pumpproxy.policy.session import Session
from pumpproxy.policy.steps import Abandon, Await, Connect, Pause, Refuse, Reset, StartRelay, Wait

if TYPE_CHECKING:
    import socket

    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from pumpproxy.flow.environment import Environment
    from pumpproxy.flow.relaying import AnyRelay
    from pumpproxy.flow.spliceend import Detached
    from pumpproxy.policy.attempts import Attempt, ConnectFailure
    from pumpproxy.policy.queue import Ticket
    from pumpproxy.policy.records import Arrived, ClientAddress
    from pumpproxy.policy.runtime import FrontendState
    from pumpproxy.policy.serverstate import ServerState
    from pumpproxy.policy.steps import Step


class FrontProtocol(StreamProtocol):
    """One client; `arrived` where a PROXY header told of it."""

    log = Logger()

    __slots__ = (
        "_dial", "_environment", "_frontend", "_linger", "_pause", "_relay", "_session", "connected", "tick",
        "transport",
    )  # fmt: skip

    def __init__(
        self, environment: Environment, frontend: FrontendState, client: ClientAddress, arrived: Arrived | None = None
    ) -> None:
        self._environment = environment
        self._frontend = frontend
        self._session = Session(environment.runtime, frontend, client, environment.now())
        if arrived is not None:
            self._session.introduced(arrived)
        self._dial: Dial | None = None
        self._pause: IDelayedCall | None = None
        self._relay: AnyRelay | None = None
        self._linger: Linger | None = None
        self.tick = NOWHERE

    # What the transport tells

    def connectionMade(self) -> None:
        """Accepted."""
        environment = self._environment
        environment.opened(self, self._frontend)
        environment.sweep.watch(self)
        if not self._frontend.tls or self._frontend.sources is not None:
            self._do(self._session.opened(environment.now()))

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._relay is not None:
            self._relay.client.received(data)
            return
        if self._linger is not None:
            self._linger.received(data)
            return
        session, environment = self._session, self._environment
        self._do(session.received(data, environment.now()))
        environment.holds(self, session.held)

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
        self._leave_sniffing()
        self._stop_connecting()
        self._environment.ended(self, self._session)

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

    def leave_server(self, server: ServerState) -> None:
        """That server went DOWN."""
        if self._relay is not None and self._session.server is server:
            self._relay.abort(Outcome.SERVER_DOWN)

    def deadline(self) -> float | None:
        """For the sweep: the hello's, or the one of a place in a queue."""
        return self._session.deadline()

    def expired(self, now: float) -> None:
        """It has passed."""
        self._do(self._session.deadline_passed(now))

    # Steps

    def _do(self, step: Step) -> None:
        match step:
            case Connect(attempt):
                self._connect(attempt)
            case Wait():
                return
            case Await(ticket):
                self._await(ticket)
            case Pause():
                self.transport.pauseProducing()
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

    def _await(self, ticket: Ticket) -> None:
        self._dial = None
        self._leave_sniffing()
        self._environment.sweep.watch(self)
        self._environment.holds(self, self._session.held)
        self._environment.awaits(ticket, self._served)

    def _served(self) -> None:
        try:
            self._do(self._session.served(self._environment.now()))
        except Exception:  # noqa: BLE001 - whatever it was, the others go on
            self._broke()

    def _dial_now(self, attempt: Attempt) -> None:
        self._pause = None
        self._dial = dial = self._new_dial()
        try:
            dial.connect(attempt.server.declared.address, attempt.timeout)
        except Exception:  # noqa: BLE001 - whatever it was, the others go on
            self._broke()

    def _wait_for(self, server: socket.SocketType, attempt: Attempt) -> None:
        """As `_dial_now`, of a connection that is under way."""
        self._dial = dial = self._new_dial()
        dial.wait(server, attempt.timeout)

    def _new_dial(self) -> Dial:
        environment = self._environment
        adopt = self._adopt if isinstance(self.transport, SocketStream) else None
        build = partial(ServerProtocol, self._connected)
        return Dial(environment.reactor, environment.resolver, build, self._failed, environment.lean, adopt)

    def _broke(self) -> None:
        """A defect of ours while we connect is not in the client's own event: it must not leave the client waiting."""
        self.log.failure("a connection ended by a defect")
        self._session.failed("")
        self._stop_connecting()
        if self._relay is not None:
            self._relay.abort(Outcome.INTERNAL)
        else:
            self.transport.abortConnection()

    def _failed(self, failure: ConnectFailure) -> None:
        self._dial = None
        try:
            self._do(self._session.connect_failed(failure, self._environment.now()))
        except Exception:  # noqa: BLE001 - as above
            self._broke()

    def _adopt(self, server: Detached) -> None:
        """The server is there, and no transport is to stand between."""
        self._dial = None
        try:
            self._relay_to(server)
        except Exception:  # noqa: BLE001 - as above
            self._broke()

    def _relay_to(self, server: Detached) -> None:
        session, environment = self._session, self._environment
        stream = cast("SocketStream", self.transport)
        introduce(session, self.transport, session.server)
        step = session.connected(environment.now())
        if not isinstance(step, StartRelay) or session.pool is None:
            stream.poller.close(server.descriptor)
            return
        timeouts = self._frontend.timeouts(session.pool)
        self._relay = relay = SpliceRelay(environment, stream.poller, timeouts, self)
        # What is ours does not count as the client's, which has said nothing by it.
        relay.client.bytes = -len(step.header)
        del self.transport
        relay.start_with(stream.detach(), server, to_server=step.header + step.preamble)

    def _connected(self, server: ServerProtocol) -> None:
        self._dial = None
        try:
            self._start_relay(server)
        except Exception:  # noqa: BLE001 - as above
            self._broke()

    def _start_relay(self, server: ServerProtocol) -> None:
        session = self._session
        introduce(session, self.transport, session.server)
        step = session.connected(self._environment.now())
        if not isinstance(step, StartRelay) or session.pool is None:
            server.transport.abortConnection()
            return
        timeouts = self._frontend.timeouts(session.pool)
        relay = relay_between(self._environment, self.transport, server.transport, timeouts, self)
        self._relay = relay
        server.end = relay.server
        relay.client.bytes = -len(step.header)
        relay.start(self.transport, server.transport, to_server=step.header + step.preamble)
        if step.client_finished and self._relay is not None:
            relay.client.read_closed()

    def relayed(self, relay: AnyRelay) -> None:
        """From the relay: it is over."""
        self._relay = None
        if relay.outcome is not None:
            self._session.relayed(relay.client.bytes, relay.server.bytes, relay.outcome, relay.phase)
        self._environment.ended(self, self._session)

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

"""The short way from accept to relay: for a client whose first segment brings its whole hello, and a server nearby.

No protocol and no transport is made: the session is decided in one go (`policy.straight`), and after the batch both
connections are given to a relay. Whoever is not decided so easily gets its protocol, with what was read: the long way,
which leads everybody to the same place.
May not: read a hello, or choose a server.
"""

from __future__ import annotations

from os import close, write
from typing import TYPE_CHECKING

from twisted.internet import error
from twisted.logger import Logger
from twisted.python.failure import Failure

from pumpproxy.flow.arrival import serve
from pumpproxy.flow.connect import opened
from pumpproxy.flow.descriptors import as_socket
from pumpproxy.flow.dial import failure_of
from pumpproxy.flow.front import FrontProtocol
from pumpproxy.flow.splice import SpliceRelay
from pumpproxy.policy.attempts import ConnectFailure
from pumpproxy.policy.outcome import Outcome
from pumpproxy.policy.straight import StraightSession, begin
from pumpproxy.wire.wholehello import read_whole

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from pumpproxy.flow.arrival import Arrival
    from pumpproxy.flow.environment import Environment
    from pumpproxy.flow.poll import Poller
    from pumpproxy.policy.attempts import Attempt
    from pumpproxy.policy.runtime import FrontendState
    from pumpproxy.policy.serverstate import ServerState
    from pumpproxy.policy.session import Session
    from pumpproxy.policy.straight import Begun


class StraightRelay(SpliceRelay):
    """A relay that is its own owner: a connection from the accept until nothing of it is left."""

    __slots__ = ("begun",)
    # Set by whoever makes it: a second __init__ would cost as much as the first.
    begun: Begun

    # What the environment asks

    def evict(self) -> None:
        """Not asked: it holds no hello."""

    def finish_up(self) -> None:
        """The service ends soon: this connection is one whole, and goes on."""

    def shut_down(self) -> None:
        """The service ends."""
        self.abort()

    def leave_server(self, server: ServerState) -> None:
        """That server went DOWN."""
        _, _, _, _, chosen, _ = self.begun
        if chosen is server:
            self.abort(Outcome.SERVER_DOWN)

    # As a relay

    def _tell(self) -> None:
        environment = self._environment
        frontend, _, _, pool, server, _ = self.begun
        if environment.sink.wants_records:
            received = self.client.bytes
            whole = StraightSession(*self.begun).whole(environment.runtime, received)
            whole.relayed(received, self.server.bytes, self.outcome or Outcome.INTERNAL, self.phase)
            environment.ended(self, whole)
        else:
            pool.leave(server)
            environment.closed(self, frontend)


class ShortWay:
    """Takes the clients of a listener that it can; those of a batch are finished after it."""

    log = Logger()

    def __init__(self, environment: Environment, poller: Poller) -> None:
        self._environment = environment
        self._poller = poller
        # With the descriptor of the server that is being connected to.
        self._pending: list[tuple[Begun, Arrival, int]] = []

    def take(self, frontend: FrontendState, arrivals: Sequence[Arrival]) -> list[Arrival]:
        """Take over those that it can, and leave the others as they are: these are returned."""
        runtime, now = self._environment.runtime, self._poller.now
        rest: list[Arrival] = []
        taken: list[tuple[Begun, Arrival]] = []
        # First all that is to be decided, then all that the kernel is to do: a processor that goes from one to the
        # other for each client finds little in its caches.
        for arrival in arrivals:
            _, client, data = arrival
            session = None
            try:
                hello = read_whole(data) if data else None
                if hello is not None:
                    session = begin(frontend, client, hello, now)
            except Exception:  # noqa: BLE001 - a defect of one connection must not reach the others
                self.log.failure("a connection goes the long way after a defect")
            if session is None:
                rest.append(arrival)
            else:
                taken.append((session, arrival))
        if taken:
            runtime.accepted(frontend, len(taken))
            self._poller.soon(self.settle)
        for session, arrival in taken:
            _, _, _, _, chosen, _ = session
            try:
                server = opened(chosen.declared.address, speaks=True).detach()  # type: ignore[arg-type] # nearby
            except OSError as problem:
                self._turn_back(session, arrival, _failure(problem))
            except Exception:  # noqa: BLE001 - as above
                self._turn_back_after_defect(session, arrival)
            else:
                self._pending.append((session, arrival, server))
        return rest

    def settle(self) -> None:
        """Whose server is there goes on; it nearly always is, though connect(2) says otherwise.

        It is tried only after the batch: what else was connected meanwhile does not wake the same server once more.
        """
        pending, self._pending = self._pending, []
        environment, poller = self._environment, self._poller
        begun: list[tuple[StraightRelay, int, int, bytes, int]] = []
        for session, arrival, server in pending:
            descriptor, _, data = arrival
            frontend, _, _, pool, _, _ = session
            try:
                sent = write(server, data)
                relay = StraightRelay(environment, poller, frontend.timeouts(pool), None)
                relay.begun = session
                begun.append((relay, descriptor, server, data, sent))
            except BlockingIOError:
                # Under way still: send(2) says EAGAIN.
                self._turn_back(session, arrival, as_socket(server))
            except OSError as problem:
                close(server)
                self._turn_back(session, arrival, _failure(problem))
            except Exception:  # noqa: BLE001 - as above
                close(server)
                self._turn_back_after_defect(session, arrival)
        relays = [one[0] for one in begun]
        environment.connections.update(relays)
        environment.sweep.watch_new(relays)
        for relay, descriptor, server, data, sent in begun:
            try:
                relay.start_bare(descriptor, server, data, sent)
            except Exception:  # noqa: BLE001 - as above
                self.log.failure("a connection ended by a defect")
                relay.abort(Outcome.INTERNAL)

    def _turn_back_after_defect(self, session: Begun, arrival: Arrival) -> None:
        """Nothing was sent yet: the long way sees to it, as after an attempt that failed by us."""
        self.log.failure("a connection goes the long way after a defect")
        self._turn_back(session, arrival, ConnectFailure.RESOURCES)

    def _turn_back(self, session: Begun, arrival: Arrival, server: socket.SocketType | ConnectFailure) -> None:
        """The long way from here."""
        environment = self._environment
        descriptor, _, data = arrival
        turned_back = StraightSession(*session).turn_back(environment.runtime, data)
        front = _TurnedBack(environment, *turned_back, server)
        serve(self._poller, descriptor, front)


def _failure(problem: OSError) -> ConnectFailure:
    return failure_of(Failure(error.getConnectError((problem.errno, problem.strerror))))


class _TurnedBack(FrontProtocol):
    """A client that is counted already, and whose server is being connected to, or has failed."""

    __slots__ = ("_attempt", "_server")

    def __init__(
        self,
        environment: Environment,
        session: Session,
        attempt: Attempt,
        server: socket.SocketType | ConnectFailure,
    ) -> None:
        super().__init__(environment, session.frontend, session.client)
        self._session = session
        self._attempt = attempt
        self._server = server

    def connectionMade(self) -> None:
        """It has its transport: go on."""
        self._environment.connections.add(self)
        if isinstance(self._server, ConnectFailure):
            self._failed(self._server)
        else:
            self._wait_for(self._server, self._attempt)

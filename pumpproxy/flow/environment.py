"""What every connection shares: the clock, the live state, the timer, the sink, and who is there.

May not: know what kinds of connections there are.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from pumpproxy.flow.kept import KeptServers
from pumpproxy.flow.pipes import Pipes
from pumpproxy.interfaces import Expiring
from pumpproxy.model import OnDown
from pumpproxy.policy.admission import HelloBudget

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumpproxy.flow.idle import Sweep
    from pumpproxy.flow.poll import Poller
    from pumpproxy.flow.resolve import Resolver
    from pumpproxy.interfaces import ISessionSink, Reactor
    from pumpproxy.policy.passage import Passage
    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.queue import Ticket
    from pumpproxy.policy.runtime import FrontendState, Runtime
    from pumpproxy.policy.serverstate import ServerState


class Connection(Protocol):
    """A client's connection, from the accept until nothing of it is left."""

    def evict(self) -> None:
        """End now: what it holds is needed elsewhere."""

    def finish_up(self) -> None:
        """The service ends soon: finish what is under way, and begin nothing new."""

    def shut_down(self) -> None:
        """End now: the service does."""

    def leave_server(self, server: ServerState) -> None:
        """End now what is relayed or asked there, if anything is: that server went DOWN."""


class Hello(Connection, Expiring, Protocol):
    """A connection that holds a hello."""


class Waiter(Protocol):
    """A listener that does not accept because there is no room."""

    def resume(self) -> None:
        """There may be room again."""


class Environment:
    """Shared by all connections of a process. `now` is monotonic seconds, `wall` seconds since the epoch."""

    __slots__ = (
        "_soon",
        "connections",
        "hellos",
        "idle",
        "kept",
        "now",
        "pipes",
        "poller",
        "reactor",
        "resolver",
        "runtime",
        "sink",
        "sweep",
        "waiting",
        "wall",
    )

    def __init__(  # noqa: PLR0913 - each is a collaborator, and service.py is the only caller
        self,
        *,
        reactor: Reactor,
        now: Callable[[], float],
        wall: Callable[[], float],
        runtime: Runtime,
        sweep: Sweep,
        resolver: Resolver,
        sink: ISessionSink,
        poller: Poller | None = None,
    ) -> None:
        self.reactor = reactor
        self.now = now
        self.wall = wall
        self.runtime = runtime
        self.sweep = sweep
        self.resolver = resolver
        self.sink = sink
        self.poller = poller
        self.pipes = Pipes(sweep)
        self.kept = KeptServers(now)
        self.hellos: HelloBudget[Connection] = HelloBudget()
        self.connections: set[Connection] = set()
        self.waiting: set[Waiter] = set()
        self._soon: list[Callable[[], None]] = []
        self.idle: Callable[[], None] | None = None
        """Called when the last connection has gone, if set."""

    @property
    def lean(self) -> tuple[Poller, Sweep] | None:
        """For `Dial`."""
        return None if self.poller is None else (self.poller, self.sweep)

    def soon(self, call: Callable[[], None]) -> None:
        """Call it in this turn of the reactor or the next, but not from within what is being done now."""
        if not self._soon:
            self.reactor.callLater(0, self._do_soon)
        self._soon.append(call)

    def _do_soon(self) -> None:
        calls, self._soon = self._soon, []
        for call in calls:
            call()

    def holds(self, client: Hello, held: int) -> None:
        """A client's hello holds so many bytes, until it is released; the largest of all is evicted if need be."""
        if held:
            largest = self.hellos.holds(client, held)
            self.sweep.watch(client)
            if largest is not None:
                largest.evict()

    def awaits(self, ticket: Ticket, served: Callable[[], None]) -> None:
        """Call `served` soon after the ticket is."""
        ticket.wake = partial(self.soon, served)
        if ticket.served:
            ticket.wake()

    def opened(self, connection: Connection, frontend: FrontendState) -> None:
        """A client was accepted: it counts."""
        self.runtime.accepted(frontend)
        self.connections.add(connection)

    def gives_way(self, connection: Connection, frontend: FrontendState) -> None:
        """Another takes this client over, and counts it: at once, so that nobody is let in between."""
        self.runtime.accepted(frontend, -1)
        self.connections.discard(connection)

    def ended(self, connection: Connection, session: Passage) -> None:
        """As `closed`, of a client that was one session: its record is made and told, where anybody wants it."""
        sink = self.sink
        # Told before it counts no more: the service may end with the last connection.
        try:
            if sink.wants_records:
                sink.ended(session.close(self.now(), self.wall()))
            else:
                session.release()
        finally:
            self.closed(connection, session.frontend)

    def closed(self, connection: Connection, frontend: FrontendState) -> None:
        """Nothing is left of a client: it counts no more, and a listener that waits may accept."""
        self.runtime.left(frontend)
        self.connections.discard(connection)
        if self.waiting:
            waiting, self.waiting = self.waiting, set()
            for waiter in waiting:
                waiter.resume()
        if self.idle is not None and not self.connections:
            self.idle()

    def went_down(self, pool: Pool, server: ServerState) -> None:
        """Its checks say so: nothing waits there for another request, and with `on-down = close` nothing goes on."""
        self.kept.drop(server)
        if pool.backend.on_down is OnDown.CLOSE:
            for connection in list(self.connections):
                connection.leave_server(server)

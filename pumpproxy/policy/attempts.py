"""When to try a server, which, when to wait for one, and when to give up: `retries`, `redispatch`, `hold`, cookies.

May not: connect. A failed attempt is a fact; what follows is an `Attempt`, a place in a queue or nobody. Nothing was
sent to a server whose connection failed, so that a retry never repeats anything.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from pumpproxy.model import Admin, Redispatch
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.queue import Ticket
from pumpproxy.policy.request import Ending

if TYPE_CHECKING:
    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.serverstate import ServerState

RETRY_PAUSE = 1.0
"""Seconds before the same server is tried again (HAProxy's turn-around; `timeout-connect`, if shorter)."""


class ConnectFailure(enum.Enum):
    """Why a connection to a server did not come about."""

    REFUSED = "refused"
    TIMED_OUT = "timed out"
    UNREACHABLE = "unreachable"
    NO_ADDRESS = "its name has no address"
    RESOURCES = "out of descriptors or local ports"
    """Ours, not the server's."""


_OUTCOMES = {ConnectFailure.TIMED_OUT: Outcome.CONNECT_TIMEOUT, ConnectFailure.RESOURCES: Outcome.OVERLOAD}
"""What the last attempt's failure makes of the whole; of any other one CONNECT_FAILED."""


class Attempt(NamedTuple):
    """Connect to `server` after `after` seconds, within `timeout` seconds."""

    server: ServerState
    after: float
    timeout: float


class Attempts:
    """The attempts of one connection at the servers of one pool, each counted at the server that it goes to.

    `release` must be called once, when the connection is over; until then it counts at its server and pool (`counts`),
    or waits for one (`ticket`). `server` is the one tried last, also after that. `full`: a queue was, so it gave up.
    """

    __slots__ = (
        "_client", "_host", "_named", "_pool", "_tried", "backend_queue", "counts", "failure", "full", "pinned",
        "redispatched", "retries", "server", "server_queue", "ticket",
    )  # fmt: skip

    def __init__(self, pool: Pool, host: str | None, named: ServerState | None = None, client: str = "") -> None:
        """As `Pool.take` has them."""
        self._pool = pool
        self._host = host
        self._named = named
        self._client = client
        self._tried: tuple[ServerState, ...] = ()
        self.server: ServerState | None = None
        self.ticket: Ticket | None = None
        self.full = False
        self.server_queue = 0
        """Those who were before it in the queue for one server, at most."""
        self.backend_queue = 0
        """... for any."""
        self.counts = False
        self.pinned = False
        self.retries = 0
        self.redispatched = False
        self.failure: ConnectFailure | None = None

    def first(self, bound: ServerState | None = None) -> Attempt | None:
        """The first attempt; None where there is none: then it waits (`ticket`), or nobody will come.

        `bound`: who is asked first of all, if it may be.
        """
        pool = self._pool
        server = pool.take(self._host, self._named, bound, self._client)
        if server is not None:
            return self.begin_at(server)
        ticket = self.ticket = Ticket(self._host, self._named, bound, self._client)
        if not pool.wait(ticket):
            self.ticket = None
            self.full = pool.crowded(ticket)
            return None
        if ticket.served:
            return self.served()
        self._count_ahead(ticket)
        return None

    def served(self) -> Attempt | None:
        """The waiting is over: it counts at a server, and what follows is this attempt; None: it was in vain."""
        ticket, self.ticket = self.ticket, None
        if ticket is None or ticket.server is None:
            return None
        self._tried = ()
        self.redispatched = self.redispatched or self.server not in {None, ticket.server}
        return self.begin_at(ticket.server)

    def begin_at(self, server: ServerState) -> Attempt:
        """As `first`, at a server that the pool has given already, and where it counts."""
        self.pinned = server is self._named or server is self._pool.pinned(self._host)
        self.server = server
        self.counts = True
        return Attempt(server, 0.0, self._pool.backend.timeout_connect)

    def failed(self, failure: ConnectFailure) -> Attempt | None:
        """What follows the failure of the latest attempt; None: it waits (`ticket`), or gives up."""
        self.failure = failure
        current = self.server
        backend = self._pool.backend
        if current is None or not self.counts:
            return None
        theirs = failure is not ConnectFailure.RESOURCES
        if theirs and current.suspected is not None:
            current.suspected()
        held = theirs and self._pool.holds(current)
        if theirs and not held and self._is_replaced(current):
            return self._anew(current)
        if self.retries >= backend.retries and not held:
            return None
        self.retries += 1
        self._tried += (current,)
        server = (self._elsewhere(current) if self._may_move() else None) or self._successor(current)
        if held and (server is None or server in self._tried):
            self.full = not self._hold(current)
            return None
        pause = min(RETRY_PAUSE, backend.timeout_connect)
        if server is None:
            return Attempt(current, pause, backend.timeout_connect)
        self.redispatched = True
        self._pool.move(current, server)
        self.server = server
        # One that refused before needs its time too, whoever was asked in between.
        return Attempt(server, pause if server in self._tried else 0.0, backend.timeout_connect)

    @property
    def ending(self) -> Ending:
        """How it ends where there is neither another attempt nor a ticket."""
        if self.full:
            return Ending(Outcome.QUEUE_FULL, Phase.QUEUE, "too many wait already")
        if self.failure is not None:
            outcome = _OUTCOMES.get(self.failure, Outcome.CONNECT_FAILED)
            return Ending(outcome, Phase.CONNECT, self.failure.value)
        return Ending(Outcome.NO_SERVER, Phase.CONNECT, "no server to try")

    def release(self) -> None:
        """The connection is over: it counts nowhere any more, and waits for nobody. Later calls do nothing."""
        if self.ticket is not None:
            self._pool.forget(self.ticket)
            self.ticket = None
        if self.server is not None and self.counts:
            self._pool.leave(self.server)
            self._tried = ()
            self.counts = False

    def _is_replaced(self, current: ServerState) -> bool:
        """Whether it was taken away meanwhile, from a backend that holds connections for those that it has now."""
        pool = self._pool
        if pool.servers.get(current.name) is current and current.admin is not Admin.MAINT:
            return False
        return any(map(pool.holds, pool.servers.values()))

    def _anew(self, current: ServerState) -> Attempt | None:
        """As whoever comes now: tried, waiting, or without anybody."""
        self.retries += 1
        self.counts = False
        self._pool.leave(current)
        self._tried = ()
        attempt = self.first()
        self.redispatched = self.redispatched or attempt is not None
        return attempt

    def _hold(self, current: ServerState) -> bool:
        """All were asked: until there is news of one, nobody is asked again. False: too many wait for that already."""
        ticket = Ticket(self._host, self._named, None, self._client)
        if not self._pool.hold(ticket):
            return False
        self.ticket = ticket
        self._count_ahead(ticket)
        self.counts = False
        self._pool.leave(current)
        return True

    def _count_ahead(self, ticket: Ticket) -> None:
        if ticket.alone:
            self.server_queue = max(self.server_queue, ticket.ahead)
        else:
            self.backend_queue = max(self.backend_queue, ticket.ahead)

    def _may_move(self) -> bool:
        redispatch = self._pool.backend.redispatch
        if redispatch is Redispatch.NO:
            return False
        if redispatch is Redispatch.YES:
            return not self.pinned or self.retries == self._pool.backend.retries
        return self.retries % redispatch == 0

    def _elsewhere(self, current: ServerState) -> ServerState | None:
        """Somebody who was not tried yet, one that stands by too, else anybody else."""
        pool, tried = self._pool, self._tried
        return pool.balance(tried, self._client) or pool.backup(tried) or pool.balance((current,), self._client)

    def _successor(self, current: ServerState) -> ServerState | None:
        """Who is tried in place of a server that was taken away; None where it stands, or nobody else does."""
        pool = self._pool
        declared = pool.servers.get(current.name)
        if declared is current and current.admin is not Admin.MAINT:
            return None
        if declared is not None and not declared.full:
            led = self.pinned and declared.usable
            if led or pool.is_balanced_to(declared):
                return declared
        return pool.balance(client=self._client)

"""When to try a server, which, and when to give up: `retries`, `redispatch`, `use-server`, cookies.

May not: connect. A failed attempt is a fact; what follows is an `Attempt` or nobody. Nothing was sent to a server
whose connection failed, so that a retry never repeats anything.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from pumpproxy.model import Redispatch

if TYPE_CHECKING:
    from pumpproxy.policy.pool import Pool, ServerState

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


class Attempt(NamedTuple):
    """Connect to `server` after `after` seconds, within `timeout` seconds."""

    server: ServerState
    after: float
    timeout: float


class Attempts:
    """The attempts of one connection at the servers of one pool, each counted at the server that it goes to.

    `release` must be called once, when the connection is over; until then it counts at its server and pool (`counts`).
    `server` is the one tried last, also after that.
    """

    __slots__ = (
        "_host",
        "_named",
        "_pool",
        "_tried",
        "counts",
        "failure",
        "pinned",
        "redispatched",
        "retries",
        "server",
    )

    def __init__(self, pool: Pool, host: str | None, named: ServerState | None = None) -> None:
        """`host`: the SNI or Host, in the one spelling, that `use-server` may name; `named`: by a cookie, usable."""
        self._pool = pool
        self._host = host
        self._named = named
        self._tried: tuple[ServerState, ...] = ()
        self.server: ServerState | None = None
        self.counts = False
        self.pinned = False
        self.retries = 0
        self.redispatched = False
        self.failure: ConnectFailure | None = None

    def first(self, bound: ServerState | None = None) -> Attempt | None:
        """The first attempt; None where the pool has nobody. `bound`: who is asked first of all, if it may be."""
        server = self._pool.take(self._host, self._named, bound)
        return None if server is None else self.begin_at(server)

    def begin_at(self, server: ServerState) -> Attempt:
        """As `first`, at a server that the pool has given already, and where it counts."""
        self.pinned = server is self._named or server is self._pool.pinned(self._host)
        self.server = server
        self.counts = True
        return Attempt(server, 0.0, self._pool.backend.timeout_connect)

    def failed(self, failure: ConnectFailure) -> Attempt | None:
        """What follows the failure of the latest attempt; None: give up."""
        self.failure = failure
        current = self.server
        backend = self._pool.backend
        if current is None or not self.counts or self.retries >= backend.retries:
            return None
        self.retries += 1
        self._tried += (current,)
        server = (self._elsewhere(current) if self._may_move() else None) or self._successor(current)
        pause = min(RETRY_PAUSE, backend.timeout_connect)
        if server is None:
            return Attempt(current, pause, backend.timeout_connect)
        self.redispatched = True
        self._move_to(server)
        # One that refused before needs its time too, whoever was asked in between.
        return Attempt(server, pause if server in self._tried else 0.0, backend.timeout_connect)

    def release(self) -> None:
        """The connection is over: it counts nowhere any more. Later calls do nothing."""
        if self.server is not None and self.counts:
            self._pool.leave(self.server)
            self._tried = ()
            self.counts = False

    def _may_move(self) -> bool:
        redispatch = self._pool.backend.redispatch
        if redispatch is Redispatch.NO:
            return False
        if redispatch is Redispatch.YES:
            return not self.pinned or self.retries == self._pool.backend.retries
        return self.retries % redispatch == 0

    def _elsewhere(self, current: ServerState) -> ServerState | None:
        """Somebody who was not tried yet, else anybody else."""
        return self._pool.balance(avoid=self._tried) or self._pool.balance(avoid=(current,))

    def _successor(self, current: ServerState) -> ServerState | None:
        """Who is tried in place of a server that a reload took away; None where it stands, or nobody else does."""
        declared = self._pool.servers.get(current.name)
        if declared is current and current.usable:
            return None
        if declared is not None and declared.usable and (declared.weight or self.pinned):
            return declared
        return self._pool.balance()

    def _move_to(self, server: ServerState) -> None:
        if self.server is not None:
            self.server.connections -= 1
        self.server = server
        server.connections += 1

"""The attempts of one connection at a pool, followed by hand: each must be at a server that it may be at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.model import Admin, Redispatch
from pumpproxy.policy.attempts import ConnectFailure
from pumpproxy.policy.outcome import Outcome
from tests.sim.groups import Line, Stay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pumpproxy.policy.attempts import Attempt
    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.queue import Ticket
    from pumpproxy.policy.serverstate import ServerState
    from tests.sim.groups import Group
    from tests.sim.ledger import Ledger
    from tests.sim.members import Member

_EXHAUSTED = {
    ConnectFailure.REFUSED: Outcome.CONNECT_FAILED,
    ConnectFailure.UNREACHABLE: Outcome.CONNECT_FAILED,
    ConnectFailure.NO_ADDRESS: Outcome.CONNECT_FAILED,
    ConnectFailure.TIMED_OUT: Outcome.CONNECT_TIMEOUT,
    ConnectFailure.RESOURCES: Outcome.OVERLOAD,
}


class Course:
    """Keeps the ledger's counts of one connection at its pool and servers; `release` when it is over.

    What follows a fact is an attempt, a ticket, or neither; then the Outcome that is returned must be the end.
    """

    def __init__(self, ledger: Ledger, pool: Pool, host: str | None, client: str, cookies: Sequence[str] = ()) -> None:
        """`host`: that `use-server` may name; `client`: its address; `cookies`: values of the backend's, in order."""
        self._ledger = ledger
        self.pool = pool
        self.host = host
        self.client = client
        pinned = self.group.pinned(host) is not None
        self.named = None if pinned or self.group.declared.cookie is None else self.group.by_cookie(cookies)
        """The server that its cookie leads to."""
        self.server: ServerState | None = None
        """The one tried last."""
        self.place: ServerState | None = None
        """The one where it counts."""
        self.ticket: Ticket | None = None
        """What it waits with; until it hears of it, if that is served."""
        self._tried: set[ServerState] = set()
        self.pinned = False
        """It is where it was meant to be."""
        self._failure: ConnectFailure | None = None
        self.retries = 0
        self.redispatched = False
        self.ahead = (0, 0)
        """Those who were before it in the queue for one server, and in the others, at most."""

    @property
    def name(self) -> str:
        """The backend's."""
        return self.group.declared.name

    @property
    def last(self) -> str | None:
        """The name of the server tried last."""
        return None if self.server is None else self.server.name

    @property
    def member(self) -> Member | None:
        """What is known of the server tried last, also where the file has it no more."""
        return None if self.server is None else self._ledger.members[self.server]

    @property
    def group(self) -> Group:
        """Its pool's."""
        return self._ledger.groups[self.pool]

    # What follows

    def first(self, attempt: Attempt | None, ticket: Ticket | None) -> Outcome:
        """Nobody was tried before."""
        welcome = self.group.welcome(self)
        if welcome.may:
            assert attempt is not None
            self._chosen(attempt.server, welcome.may)
            self._go(attempt)
            self._begin(attempt)
        elif welcome.line is not None:
            assert attempt is None
            assert ticket is not None
            self._wait(ticket, welcome.line)
        else:
            assert (attempt, ticket) == (None, None)
        return welcome.refusal

    def failed(self, failure: ConnectFailure, attempt: Attempt | None, ticket: Ticket | None) -> Outcome:
        """The latest attempt failed."""
        declared, group, current = self.group.declared, self.group, self.server
        assert current is not None
        self._failure = failure
        theirs = failure is not ConnectFailure.RESOURCES
        if theirs:
            self._ledger.suspects(current)
        bridged = theirs and group.bridges(current)
        if theirs and self._is_replaced():
            return self._anew(attempt, ticket)
        if self.retries >= declared.retries and not bridged:
            return self._ends(attempt, ticket)
        self.retries += 1
        self._tried.add(current)
        may = self._elsewhere() or self._successors()
        if bridged and may <= self._tried:
            if len(group.waiting) >= group.most:
                self._ends(attempt, ticket)
                return Outcome.QUEUE_FULL
            assert attempt is None
            assert ticket is not None
            self._wait(ticket, Line.NEWS, refused=True)
            self.leave()
            return Outcome.QUEUE_FULL
        assert attempt is not None
        assert ticket is None
        pause = min(1.0, declared.timeout_connect)
        if may:
            self._chosen(attempt.server, may)
            assert attempt.after == (pause if attempt.server in self._tried else 0)
            self.redispatched = True
        else:
            assert attempt.server is current
            assert attempt.after == pause
        self._go(attempt)
        return Outcome.INTERNAL

    def _is_replaced(self) -> bool:
        """Whether the server that failed was taken away, and there are others that a connection may be held for."""
        group, member = self.group, self.group.members.get(self.last or "")
        stands = member is not None and member.state is self.server and member.admin is not Admin.MAINT
        return not stands and any(group.bridges(other.state) for other in group.members.values())

    def _anew(self, attempt: Attempt | None, ticket: Ticket | None) -> Outcome:
        """Then it is as if it came now."""
        assert self._failure is not None
        self.retries += 1
        self.leave()
        refusal = self.first(attempt, ticket)
        self.redispatched = self.redispatched or attempt is not None
        return _EXHAUSTED[self._failure] if refusal is Outcome.NO_SERVER else refusal

    def granted(self, server: ServerState | None) -> None:
        """It need not wait any longer, as it will hear; None: nobody will come."""
        self._count(server)

    def served(self, attempt: Attempt | None, ticket: Ticket | None) -> Outcome:
        """It heard of it."""
        assert self.ticket is not None
        assert ticket is None
        self.ticket = None
        if self.place is None:
            assert attempt is None
            return Outcome.NO_SERVER if self._failure is None else _EXHAUSTED[self._failure]
        assert attempt is not None
        assert attempt.server is self.place
        assert attempt.timeout == self.group.declared.timeout_connect
        self.redispatched = self.redispatched or self.server not in (None, self.place)
        self.server = self.place
        self._begin(attempt)
        return Outcome.INTERNAL

    def release(self) -> None:
        """The connection counts no more, and waits no more."""
        if self.ticket is not None:
            self.group.waiting.pop(self.ticket, None)
            self.ticket = None
        self.leave()

    def leave(self) -> None:
        """It counts no more."""
        self._count(None)

    def _ends(self, attempt: Attempt | None, ticket: Ticket | None) -> Outcome:
        assert (attempt, ticket) == (None, None)
        assert self._failure is not None
        self.leave()
        return _EXHAUSTED[self._failure]

    # Whom it may be led to

    def _elsewhere(self) -> set[ServerState]:
        """Whom `redispatch` allows now: who was not tried yet, one that stands by too, else anybody else."""
        if not self._may_move():
            return set()
        group = self.group
        others = group.roomy(group.balanced()) - {self.server}
        return others - self._tried or set(self._standing_by()) or others

    def _standing_by(self) -> list[ServerState]:
        roomy = self.group.roomy(self.group.backups())
        return [state for state in self.group.backups() if state in roomy and state not in self._tried][:1]

    def _successors(self) -> set[ServerState]:
        """Who may stand in for a server that was taken away; nobody where it was not."""
        group = self.group
        member = group.members.get(self.last or "")
        if member is not None and member.state is self.server and member.admin is not Admin.MAINT:
            return set()
        balanced = group.balanced()
        same = member is not None and (member.state in balanced or (self.pinned and member.usable))
        return (group.roomy([member.state]) if member is not None and same else set()) or group.roomy(balanced)

    def _may_move(self) -> bool:
        declared = self.group.declared
        match declared.redispatch:
            case Redispatch.NO:
                return False
            case Redispatch.YES:
                return not self.pinned or self.retries == declared.retries
            case number:
                return self.retries % number == 0

    def _chosen(self, server: ServerState, may: set[ServerState]) -> None:
        """One of several: which, is the business of `balance`; where nobody is balanced to, the only one."""
        assert server in may
        balanced = self.group.balanced()
        if all(state in balanced for state in may) and server is not self.group.wanted(self):
            assert server in self.group.favourites(may, self.client)
            self.group.remember(server, may, self.client)

    # Where it is

    def _begin(self, attempt: Attempt) -> None:
        assert attempt.after == 0
        self._tried = set()
        self.pinned = self.server in (self.named, self.group.pinned(self.host))

    def _go(self, attempt: Attempt) -> None:
        assert attempt.timeout == self.group.declared.timeout_connect
        self.server = attempt.server
        self._count(attempt.server)

    def _wait(self, ticket: Ticket, line: ServerState | Line, *, refused: bool = False) -> None:
        assert self.ticket is None
        alone, others = self.ahead
        if isinstance(line, Line):
            self.ahead = (alone, max(others, self.group.length(line)))
        else:
            self.ahead = (max(alone, self.group.length(line)), others)
        self.ticket = ticket
        self.group.waiting[ticket] = Stay(self, line, refused)

    def _count(self, server: ServerState | None) -> None:
        if self.place is not None:
            self._ledger.at_server[self.place] -= 1
            self._ledger.at_pool[self.pool] -= 1
        self.place = server
        if server is not None:
            self._ledger.at_server[server] += 1
            self._ledger.at_pool[self.pool] += 1

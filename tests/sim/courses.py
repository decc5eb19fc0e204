"""The attempts of one connection at a pool, followed by hand: each must be at a server that it may be at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.model import Redispatch

if TYPE_CHECKING:
    from pumpproxy.policy.attempts import Attempt
    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.serverstate import ServerState
    from tests.sim.ledger import Group, Ledger


class Course:
    """Keeps the ledger's counts of one connection at its pool and servers; `release` when it is over."""

    def __init__(self, ledger: Ledger, pool: Pool, host: str | None) -> None:
        self._ledger = ledger
        self.pool = pool
        self._host = host
        self.server: ServerState | None = None
        self.last: str | None = None
        """The name of the server tried last."""
        self.counts = False
        self._tried: set[ServerState] = set()
        self._pinned = False
        self.retries = 0
        self.redispatched = False

    @property
    def name(self) -> str:
        """The backend's."""
        return self._group.declared.name

    @property
    def _group(self) -> Group:
        return self._ledger.groups[self.pool]

    def first(self, attempt: Attempt | None) -> None:
        """Nobody was tried before; None: the pool has nobody."""
        pinned = self._group.pinned(self._host)
        self._pinned = pinned is not None
        may = {pinned} if pinned is not None else self._group.balanced()
        if attempt is None:
            assert not may
            return
        assert attempt.server in may
        assert attempt.after == 0
        self._go(attempt)

    def failed(self, attempt: Attempt | None) -> None:
        """The latest attempt failed; None: no other one is made."""
        declared = self._group.declared
        assert self.server is not None
        if self.retries >= declared.retries:
            assert attempt is None
            return
        assert attempt is not None
        self.retries += 1
        self._tried.add(self.server)
        may = self._elsewhere() or self._successors()
        if may:
            assert attempt.server in may
            assert attempt.after == (min(1.0, declared.timeout_connect) if attempt.server in self._tried else 0)
            self.redispatched = True
        else:
            assert attempt.server is self.server
            assert attempt.after == min(1.0, declared.timeout_connect)
        self._go(attempt)

    def release(self) -> None:
        """The connection counts no more."""
        if self.server is not None and self.counts:
            self._ledger.at_server[self.server] -= 1
            self._ledger.at_pool[self.pool] -= 1
            self.counts = False

    def _elsewhere(self) -> set[ServerState]:
        """Whom `redispatch` allows now; who was tried before only where there is nobody else."""
        others = self._group.balanced() - {self.server}
        return (others - self._tried or others) if self._may_move() else set()

    def _successors(self) -> set[ServerState]:
        """Who may stand in for a server that a reload has taken away; nobody where it has not."""
        named, said = self._group.members.get(self.last or "", (None, None))
        if named is self.server and said is not None and not said.disabled:
            return set()
        balanced = self._group.balanced()
        if named is not None and said is not None and (named in balanced or (self._pinned and not said.disabled)):
            return {named}
        return balanced

    def _may_move(self) -> bool:
        declared = self._group.declared
        match declared.redispatch:
            case Redispatch.NO:
                return False
            case Redispatch.YES:
                return not self._pinned or self.retries == declared.retries
            case number:
                return self.retries % number == 0

    def _go(self, attempt: Attempt) -> None:
        assert attempt.timeout == self._group.declared.timeout_connect
        if self.server is None:
            self._ledger.at_pool[self.pool] += 1
            self.counts = True
        else:
            self._ledger.at_server[self.server] -= 1
        self.server = attempt.server
        self.last = attempt.server.name
        self._ledger.at_server[self.server] += 1

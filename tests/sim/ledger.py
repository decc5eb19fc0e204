"""What must count where, kept by hand beside the Runtime: who is there, at which server, and who waits.

Knows every frontend, pool and server that ever lived, by identity; so a count that stays at one that a reload took
away is found too.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.sim.groups import Group
from tests.sim.members import Member

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pumpproxy.model import Admin, Backend, Config, Frontend
    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.queue import Ticket
    from pumpproxy.policy.runtime import FrontendState, Runtime
    from pumpproxy.policy.serverstate import ServerState


@dataclass
class Front:
    """A frontend: the declaration in force for those who came by it, and the pools that this one may lead to."""

    declared: Frontend
    pools: Mapping[str, Pool]
    clients: int = 0
    accepted: int = 0


class Ledger:
    """The books. `check` compares them with the Runtime."""

    def __init__(self, runtime: Runtime, limit: int) -> None:
        """`limit`: the one that the Runtime was given."""
        self._runtime = runtime
        self._most = self._limit = limit
        self.clients = 0
        self.fronts: dict[FrontendState, Front] = {}
        self.groups: dict[Pool, Group] = {}
        self.at_pool: Counter[Pool] = Counter()
        self.at_server: Counter[ServerState] = Counter()
        self.checked: set[ServerState] = set()
        """Whoever checks these is to be told where one took no connection..."""
        self.suspected: Counter[ServerState] = Counter()
        """...so often..."""
        self.told: Counter[ServerState] = Counter()
        """...and was."""
        self.members: dict[ServerState, Member] = {}
        """All that ever were."""
        self._woken: dict[Ticket, ServerState | None] = {}
        self._current: tuple[dict[str, FrontendState], dict[str, Pool]] = ({}, {})

    # The file

    def loaded(self, config: Config) -> None:
        """The Runtime has taken over `config`: states of the same name must be the same ones, all others new ones."""
        runtime = self._runtime
        assert runtime.config is config
        self._limit = self._most if config.maxconn is None else min(config.maxconn, self._most)
        fronts, pools = self._current
        assert list(runtime.pools) == [backend.name for backend in config.backends]
        for backend in config.backends:
            self._take_pool(backend, runtime.pools[backend.name], pools.get(backend.name))
        for name, pool in pools.items():
            if runtime.pools.get(name) is not pool:
                self.groups[pool].gone = True
                self.groups[pool].asked_anew(self._woken)
        for pool in runtime.pools.values():
            self.groups[pool].most = max(1, self._limit // 2)
        assert list(runtime.frontends) == [frontend.name for frontend in config.frontends]
        for frontend in config.frontends:
            self._take_front(frontend, runtime.frontends[frontend.name], fronts.get(frontend.name))
        self._current = (dict(runtime.frontends), dict(runtime.pools))

    def _take_front(self, frontend: Frontend, state: FrontendState, old: FrontendState | None) -> None:
        # Who sniffs cannot go on as one who does not: another mode is another frontend.
        if old is not None and self.fronts[old].declared.mode is frontend.mode:
            assert state is old
        else:
            assert state not in self.fronts
            self.fronts[state] = Front(frontend, {})
        self.fronts[state].declared = frontend
        self.fronts[state].pools = dict(self._runtime.pools)

    def _take_pool(self, backend: Backend, pool: Pool, old: Pool | None) -> None:
        if old is not None:
            assert pool is old
        else:
            assert pool not in self.groups
            self.groups[pool] = Group(self, backend)
        group = self.groups[pool]
        members: dict[str, Member] = {}
        for server in backend.servers:
            state, kept = pool.servers[server.name], group.members.get(server.name)
            if kept is not None and kept.said.address == server.address:
                assert state is kept.state
                # What the administrator set stays, unless the file says something new.
                if kept.said.admin is not server.admin:
                    kept.admin = server.admin
                kept.said = server
                members[server.name] = kept
            else:
                assert state not in self.members
                members[server.name] = self.members[state] = Member(state, server, server.admin)
                self.at_server[state] = 0
        assert list(pool.servers) == list(members)
        group.members, group.declared = members, backend
        group.asked_anew(self._woken)
        self.at_pool[pool] += 0

    # Clients

    def room(self, state: FrontendState) -> int:
        """How many more clients this frontend may accept."""
        front = self.fronts[state]
        room = self._limit - self.clients
        return room if front.declared.maxconn is None else min(room, front.declared.maxconn - front.clients)

    def entered(self, state: FrontendState) -> None:
        """A client was accepted."""
        self.clients += 1
        self.fronts[state].clients += 1
        self.fronts[state].accepted += 1

    def left(self, state: FrontendState) -> None:
        """A client is gone."""
        self.clients -= 1
        self.fronts[state].clients -= 1

    # Servers

    def has_room(self, state: ServerState) -> bool:
        """Whether a server may have one more."""
        most = self.members[state].said.maxconn
        return most is None or self.at_server[state] < most

    def turned(self, pool: Pool, state: ServerState, *, up: bool) -> None:
        """The pool was told that it is UP, or DOWN."""
        self.members[state].up = up
        self.groups[pool].asked_anew(self._woken)

    def administered(self, pool: Pool, state: ServerState, admin: Admin) -> None:
        """The pool was told what the administrator wants of it."""
        self.members[state].admin = admin
        self.groups[pool].asked_anew(self._woken)

    def warmed(self, state: ServerState, share: float) -> None:
        """Its pool was told that it gets so much of its weight."""
        self.members[state].share = share

    def passed(self, pool: Pool) -> None:
        """The pool was told that a check was passed: who waits for news has some."""
        self.groups[pool].heard(self._woken)

    def suspects(self, state: ServerState) -> None:
        """It took no connection."""
        self.suspected[state] += state in self.checked

    # Who waits

    def woken(self, ticket: Ticket) -> None:
        """It says that its waiting is over; what brought that about may not be in the books yet."""
        assert ticket not in self._woken, "served twice"
        assert ticket.served
        self._woken[ticket] = ticket.server

    def settle(self) -> None:
        """Book who was given a place that was given up, as far as that is in the books."""
        for ticket, server in list(self._woken.items()):
            if server is not None and not self.has_room(server):
                return
            del self._woken[ticket]
            group = next(group for group in self.groups.values() if ticket in group.waiting)
            group.grants(ticket, server)

    # What must hold

    def check(self) -> None:
        """Whether everything counts as it should."""
        self.settle()
        assert not self._woken, "somebody has a place that nobody gave up"
        assert self._runtime.connections == self.clients
        for state, front in self.fronts.items():
            assert (state.connections, state.accepted) == (front.clients, front.accepted), state.declared.name
        for pool, group in self.groups.items():
            assert (pool.connections, pool.waiting) == (self.at_pool[pool], len(group.waiting)), pool.backend.name
            group.check()
        for server, count in self.at_server.items():
            assert server.connections == count, server
        assert self.told == self.suspected

    def check_drained(self) -> None:
        """Whether nobody counts anywhere any more."""
        self.check()
        assert self.clients == 0
        assert not any(front.clients for front in self.fronts.values())
        assert not any(group.waiting for group in self.groups.values())
        assert not any(self.at_pool.values())
        assert not any(self.at_server.values())

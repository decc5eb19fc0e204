"""What must count where, kept by hand beside the Runtime: who is there, and at which server.

Knows every frontend, pool and server that ever lived, by identity; so a count that stays at one that a reload took
away is found too.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pumpproxy.model import Backend, Config, Frontend, Server
    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.runtime import FrontendState, Runtime
    from pumpproxy.policy.serverstate import ServerState


@dataclass
class Front:
    """A frontend: the declaration in force for those who came by it, and the pools that this one may lead to."""

    declared: Frontend
    pools: Mapping[str, Pool]
    clients: int = 0
    accepted: int = 0


@dataclass
class Group:
    """A pool: the declaration in force, and its servers of now."""

    declared: Backend
    members: dict[str, tuple[ServerState, Server]]

    def balanced(self) -> set[ServerState]:
        """Who may be chosen by balancing."""
        return {state for state, said in self.members.values() if said.weight and not (said.drain or said.disabled)}

    def pinned(self, host: str | None) -> ServerState | None:
        """Whom `use-server` names for this host, if it may be chosen."""
        for name, server in self.declared.use_server:
            if name == host:
                state, said = self.members[server]
                return None if said.disabled else state
        return None


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
        self._current: tuple[dict[str, FrontendState], dict[str, Pool]] = ({}, {})

    def loaded(self, config: Config) -> None:
        """The Runtime has taken over `config`: states of the same name must be the same ones, all others new ones."""
        runtime = self._runtime
        assert runtime.config is config
        self._limit = self._most if config.maxconn is None else min(config.maxconn, self._most)
        fronts, pools = self._current
        assert list(runtime.pools) == [backend.name for backend in config.backends]
        for backend in config.backends:
            self._take_pool(backend, runtime.pools[backend.name], pools.get(backend.name))
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
            before = self.groups[pool].members
        else:
            assert pool not in self.groups
            before = {}
        members: dict[str, tuple[ServerState, Server]] = {}
        for server in backend.servers:
            state = pool.servers[server.name]
            kept = before.get(server.name)
            if kept is not None and kept[1].address == server.address:
                assert state is kept[0]
            else:
                assert state not in self.at_server
                self.at_server[state] = 0
            members[server.name] = (state, server)
        assert list(pool.servers) == list(members)
        self.groups[pool] = Group(backend, members)
        self.at_pool[pool] += 0

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

    def check(self) -> None:
        """Whether everything counts as it should."""
        assert self._runtime.connections == self.clients
        for state, front in self.fronts.items():
            assert (state.connections, state.accepted) == (front.clients, front.accepted), state.declared.name
        for pool, count in self.at_pool.items():
            assert pool.connections == count, pool.backend.name
        for server, count in self.at_server.items():
            assert server.connections == count, server

    def check_drained(self) -> None:
        """Whether nobody counts anywhere any more."""
        self.check()
        assert self.clients == 0
        assert not any(front.clients for front in self.fronts.values())
        assert not any(self.at_pool.values())
        assert not any(self.at_server.values())

"""All that is live: frontends with their route tables and counts, pools with theirs.

`reload` is pure and carries live state over by name; running sessions keep the server that they have.
May not: open or close anything.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from pumpproxy.model import Mode
from pumpproxy.policy.inactivity import RelayTimeouts
from pumpproxy.policy.pool import Pool
from pumpproxy.policy.records import Load
from pumpproxy.policy.routes import RouteTable
from pumpproxy.policy.services import expanded, services_of
from pumpproxy.policy.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pumpproxy.model import Config, Frontend, SrvAddress, Target
    from pumpproxy.policy.names import Endpoint
    from pumpproxy.policy.serverstate import ServerState
    from pumpproxy.wire.clienthello import ClientHello


class FrontendState:
    """A frontend as it lives. `connections` counts the clients now, `accepted` all of them since the start.

    `sources`: where its clients come from, None where nobody asks; `straight`: whether a first segment may be a whole
    hello, of a client that nothing else has to be known of first.
    """

    __slots__ = (
        "_timeouts", "accepted", "connections", "declared", "pools", "routes", "sources", "straight", "tls",
    )  # fmt: skip

    def __init__(self, declared: Frontend, pools: Mapping[str, Pool]) -> None:
        self.connections = 0
        self.accepted = 0
        self.sources: Sources | None = None
        self.declare(declared, pools)

    def declare(self, declared: Frontend, pools: Mapping[str, Pool]) -> None:
        """Take over what the file says now.

        A frontend that a reload takes away keeps the pools that it knew: whoever came before still gets there.
        """
        self.routes = RouteTable(declared.routes)
        self.declared = declared
        self.tls = declared.mode is Mode.TLS
        self.pools = pools
        self._timeouts: dict[Pool, RelayTimeouts] = {}
        self._limit(declared.max_per_source, declared.rate_per_source)
        self.straight = self.tls and self.sources is None and not declared.accept_proxy

    def _limit(self, most: int | None, rate: int | None) -> None:
        """Who came while there was no limit has not been counted, and is not."""
        if most is None and rate is None:
            self.sources = None
        elif self.sources is None:
            self.sources = Sources(most, rate)
        else:
            self.sources.most, self.sources.rate = most, rate

    def target(self, hello: ClientHello) -> Target:
        """Where a client that asks so is led."""
        name = hello.server_name
        if name is None:
            return self.declared.no_sni
        found = self.routes.lookup(name, hello.alpn)
        return self.declared.unknown_sni if found is None else found

    def timeouts(self, pool: Pool) -> RelayTimeouts:
        """Those of a relay between a client of this frontend and a server of this pool."""
        found = self._timeouts.get(pool)
        if found is None:
            found = self._timeouts[pool] = RelayTimeouts.of(self.declared, pool.backend)
        return found


class Runtime:
    """The live side of a Config. `limit` is the effective global `maxconn`."""

    __slots__ = ("_endpoints", "_seed", "config", "connections", "frontends", "limit", "pools")

    def __init__(self, config: Config, limit: int, seed: int = 0) -> None:
        """`limit`: what the process can carry, whatever the file says; `seed`: of what is left to chance."""
        self._seed = seed
        self._endpoints: dict[SrvAddress, tuple[Endpoint, ...]] = {}
        self.connections = 0
        self.frontends: dict[str, FrontendState] = {}
        self.pools: dict[str, Pool] = {}
        self.reload(config, limit)

    def reload(self, config: Config, limit: int) -> None:
        """Take over a checked Config; states of the same name stay, with their counts.

        A frontend of another mode is another frontend: who came to the old one is still read, and led, as it read.
        """
        declared = frozenset(chain.from_iterable(map(services_of, config.backends)))
        self._endpoints = {one: known for one, known in self._endpoints.items() if one in declared}
        pools: dict[str, Pool] = {}
        for backend in (expanded(backend, self._endpoints) for backend in config.backends):
            pool = self.pools.get(backend.name)
            if pool is None:
                pool = Pool(backend, self._seed + len(pools))
            else:
                pool.declare(backend)
            pools[backend.name] = pool
        frontends: dict[str, FrontendState] = {}
        for frontend in config.frontends:
            state = self.frontends.get(frontend.name)
            if state is None or state.declared.mode is not frontend.mode:
                state = FrontendState(frontend, pools)
            else:
                state.declare(frontend, pools)
            frontends[frontend.name] = state
        self.config = config
        # More than the process can carry would be accepted, and then have no descriptor for its server.
        self.limit = limit if config.maxconn is None else min(config.maxconn, limit)
        self.frontends = frontends
        gone = [pool for pool in self.pools.values() if pools.get(pool.backend.name) is not pool]
        self.pools = pools
        for pool in gone:
            pool.dissolve()
        for pool in pools.values():
            pool.most = max(1, self.limit // 2)

    def found(self, service: SrvAddress, endpoints: tuple[Endpoint, ...]) -> bool:
        """A service is there now; whether that changes anybody's servers. Those of the same name keep their state."""
        self._endpoints[service] = endpoints
        changed = False
        for backend in self.config.backends:
            pool = self.pools[backend.name]
            now = expanded(backend, self._endpoints)
            if now.servers != pool.backend.servers:
                pool.declare(now)
                changed = True
        return changed

    def room(self, frontend: FrontendState) -> int:
        """How many more connections this frontend may accept now; 0 or less: none."""
        room = self.limit - self.connections
        if frontend.declared.maxconn is not None:
            room = min(room, frontend.declared.maxconn - frontend.connections)
        return room

    def accepted(self, frontend: FrontendState, clients: int = 1) -> None:
        """Count so many clients in."""
        self.connections += clients
        frontend.connections += clients
        frontend.accepted += clients

    def left(self, frontend: FrontendState) -> None:
        """Count a client out."""
        self.connections -= 1
        frontend.connections -= 1

    def load(self, frontend: FrontendState, pool: Pool | None, server: ServerState | None, *, counts: bool) -> Load:
        """The counts for a log line, less the finished connection at its backend and server, where it `counts`."""
        mine = int(counts)
        return Load(
            process=self.connections,
            frontend=frontend.connections,
            backend=pool.connections - mine if pool is not None else 0,
            server=server.connections - mine if server is not None else 0,
        )

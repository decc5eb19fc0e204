"""Whoever checks the servers of a made-up site, and whoever administers them: their health changes, by chance.

A server that took no connection is looked at soon. What is found is told to the pool, and written into the ledger.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from pumpproxy.model import Admin

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.runtime import Runtime
    from pumpproxy.policy.serverstate import ServerState
    from tests.sim.ledger import Ledger
    from tests.sim.timeline import Timeline

SHARES = (0.0, 0.05, 0.5, 1.0, 1.0)
"""Of its weight, that a server has while it starts."""


class World(Protocol):
    """Where the servers are."""

    chance: random.Random
    time: Timeline
    runtime: Runtime
    ledger: Ledger

    def note(self, *what: object) -> None:
        """Write it into the trace."""

    def is_ill(self, server: ServerState) -> bool:
        """Whether it takes no connection now."""


class Checks:
    """Those of one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def follow(self) -> None:
        """After a file was taken over: who has no check is taken to be UP."""
        ledger = self._world.ledger
        for state in ledger.checked:
            state.suspected = None
        ledger.checked.clear()
        for pool, state in self._servers():
            if state.declared.check is not None:
                ledger.checked.add(state)
                state.suspected = partial(self._suspected, pool, state)
            elif not state.up:
                self._turn(pool, state, up=True)

    def begin(self, lasts: float) -> None:
        """Let things happen for so many seconds."""
        chance, time = self._world.chance, self._world.time
        happenings: list[Callable[[], None]] = [self._turns, self._turns, self._passes, self._administers, self._warms]
        for _ in range(chance.choice([0, 10, 40, 100])):
            time.after(chance.random() * lasts, chance.choice(happenings))
        if chance.random() < 0.2:
            # All at once, and back in any order.
            time.after(chance.random() * lasts, self._blackout)

    def _servers(self) -> list[tuple[Pool, ServerState]]:
        pools = self._world.runtime.pools.values()
        return [(pool, state) for pool in pools for state in pool.servers.values()]

    def _checked(self) -> list[tuple[Pool, ServerState]]:
        return [(pool, state) for pool, state in self._servers() if state in self._world.ledger.checked]

    # What happens

    def _suspected(self, pool: Pool, state: ServerState) -> None:
        """It took no connection: a check shows whether that is so."""
        world = self._world
        world.ledger.told[state] += 1
        if world.chance.random() < 0.3:
            world.time.after(world.chance.choice([0.0, 0.05, 0.5]), partial(self._looks, pool, state))

    def _looks(self, pool: Pool, state: ServerState) -> None:
        if self._world.is_ill(state):
            self._turn(pool, state, up=False)
        elif state.up:
            self._pass(pool, state)
        else:
            self._turn(pool, state, up=True)

    def _turns(self) -> None:
        """The first news of a server; another follows, else most would be DOWN in the end."""
        world = self._world
        for pool, state in self._checked():
            if world.chance.random() < 0.3:
                self._turn(pool, state, up=not state.up)
                world.time.after(world.chance.choice([0.1, 1.0, 4.0]), partial(self._turn, pool, state, up=True))

    def _blackout(self) -> None:
        world = self._world
        for pool, state in self._checked():
            self._turn(pool, state, up=False)
            world.time.after(world.chance.choice([0.5, 3.0, 3.0]), partial(self._turn, pool, state, up=True))

    def _passes(self) -> None:
        for pool, state in self._checked():
            self._pass(pool, state)

    def _administers(self) -> None:
        chance = self._world.chance
        servers = self._servers()
        if servers:
            pool, state = chance.choice(servers)
            admin = chance.choice([*Admin, Admin.READY])
            self._world.note("admin", pool.backend.name, state.name, admin.value)
            pool.administer(state, admin)
            self._world.ledger.administered(pool, state, admin)
            self._world.ledger.check()

    def _warms(self) -> None:
        for pool, state in self._servers():
            share = self._world.chance.choice(SHARES)
            pool.warm(state, share)
            self._world.ledger.warmed(state, share)
        self._world.ledger.check()

    # What is told

    def _turn(self, pool: Pool, state: ServerState, *, up: bool) -> None:
        self._world.note("turned", pool.backend.name, state.name, "UP" if up else "DOWN")
        pool.turned(state, up=up)
        self._world.ledger.turned(pool, state, up=up)
        self._world.ledger.check()

    def _pass(self, pool: Pool, state: ServerState) -> None:
        self._world.note("passed", pool.backend.name, state.name)
        pool.passed(state)
        self._world.ledger.passed(pool)
        self._world.ledger.check()

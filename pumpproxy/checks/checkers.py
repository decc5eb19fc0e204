"""Who is checked: the servers of the live configuration that want it, each by a checker of its own.

May not: know when a check is due, or what comes of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from pumpproxy.checks.checker import Checker
from pumpproxy.model import Admin

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumpproxy.checks.checker import Surroundings
    from pumpproxy.model import Check
    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.runtime import Runtime
    from pumpproxy.policy.serverstate import ServerState

GAP = 0.05
"""Seconds between the first checks of two servers, where they are few..."""
SPREAD = 5.0
"""...and over which they are spread where they are many; or over `inter`, if that is shorter."""


class Checkers:
    """All of them."""

    log = Logger()

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._checkers: dict[ServerState, Checker] = {}

    def follow(self, runtime: Runtime) -> None:
        """Check those that are to be checked now, and no others; who stays with the same check notices nothing."""
        wanted = self._wanted(runtime)
        before: dict[ServerState, Checker] = {}
        for server, checker in list(self._checkers.items()):
            if wanted.get(server) == (checker.pool, checker.check):
                del wanted[server]
            else:
                checker.stop()
                before[server] = self._checkers.pop(server)
        for position, (server, (pool, check)) in enumerate(wanted.items()):
            old = before.get(server)
            checker = Checker(self._around, pool, server, check, fresh=old is None or old.health.fresh)
            self._checkers[server] = checker
            checker.start(position * min(GAP, min(check.inter, SPREAD) / len(wanted)))

    def keep(self, wanted: Callable[[Pool], bool]) -> None:
        """Check the servers of these pools, and no others any more."""
        for server, checker in list(self._checkers.items()):
            if not wanted(checker.pool):
                checker.stop()
                del self._checkers[server]

    def stop(self) -> None:
        """Check nobody any more."""
        for checker in self._checkers.values():
            checker.stop()
        self._checkers.clear()

    def _wanted(self, runtime: Runtime) -> dict[ServerState, tuple[Pool, Check]]:
        wanted: dict[ServerState, tuple[Pool, Check]] = {}
        for pool in runtime.pools.values():
            for server in pool.servers.values():
                check = server.declared.check
                if check is None:
                    self._trust(pool, server)
                elif server.admin is not Admin.MAINT:
                    wanted[server] = (pool, check)
        return wanted

    def _trust(self, pool: Pool, server: ServerState) -> None:
        """Nobody looks at it any more, so that nobody would find it there again."""
        if not server.up:
            pool.turned(server, up=True)
            self.log.info("{pool}/{server} is UP: it is checked no more", pool=pool.backend.name, server=server.name)

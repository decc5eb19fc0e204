"""A server that came UP gets its weight back in steps, from a small share to the whole: `slow-start`.

May not: know why it was DOWN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.policy.pool import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall, IReactorTime

    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.serverstate import ServerState

SHORTEST = 0.1
"""Seconds of a step: shorter ones nobody would notice."""


class WarmUp:
    """One server's, over and over again. `now` is a monotonic clock."""

    def __init__(self, clock: IReactorTime, now: Callable[[], float], pool: Pool, server: ServerState) -> None:
        self._clock = clock
        self._now = now
        self._pool = pool
        self._server = server
        self._call: IDelayedCall | None = None
        self._began = self._seconds = 0.0

    def start(self, seconds: float) -> None:
        """The first step, and then the others, the whole weight after so many seconds; 0: at once."""
        self.stop()
        if seconds > 0:
            self._began = self._now()
            self._seconds = seconds
            self._step()

    def stop(self) -> None:
        """It has its whole weight."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
            self._pool.warm(self._server, 1.0)

    def _step(self) -> None:
        self._call = None
        share = (self._now() - self._began) / self._seconds
        if share < 1:
            self._call = self._clock.callLater(max(self._seconds / STEPS, SHORTEST), self._step)
        self._pool.warm(self._server, min(max(share, 1 / STEPS), 1.0))

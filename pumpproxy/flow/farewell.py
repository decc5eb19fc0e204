"""The end of a process' connections: they may finish for a time, and what is left then is ended.

May not: know what is accepted, or why nothing is any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall

    from pumpproxy.flow.environment import Environment

FAREWELL = 1.0
"""Seconds that the last connections have to be gone, once they were told to go."""


class Farewell:
    """May begin more than once: another grace takes the place of the one that runs."""

    log = Logger()

    def __init__(self, environment: Environment, hurried: Callable[[], None]) -> None:
        """`hurried`: called when the grace is over, and when nothing is left."""
        self._environment = environment
        self._hurried = hurried
        self._deadline: IDelayedCall | None = None
        self._ended: Deferred[None] = Deferred()

    def begin(self, grace: float) -> Deferred[None]:
        """Let connections finish for so many seconds; fires when all are gone, unless it has begun anew by then."""
        environment = self._environment
        environment.resolver.stop()
        environment.kept.most = 0
        environment.kept.clear()
        ended = self._ended = Deferred()
        environment.idle = self._gone
        self._wait(grace, self._end_all)
        if not environment.connections:
            self._gone()
        elif grace > 0:
            for connection in list(environment.connections):
                connection.finish_up()
            self.log.info(
                "waiting for {count} connections, {grace} seconds at most",
                count=len(environment.connections),
                grace=grace,
            )
        return ended

    def cut(self) -> None:
        """Wait for nobody any more."""
        if self._environment.idle is not None and self._deadline is not None:
            self._end_all()

    def _wait(self, seconds: float, call: Callable[[], None]) -> None:
        self._stop_waiting()
        self._deadline = self._environment.reactor.callLater(seconds, call)

    def _stop_waiting(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None

    def _end_all(self) -> None:
        """The grace is over."""
        self._hurried()
        self._wait(FAREWELL, self._gone)
        for connection in list(self._environment.connections):
            connection.shut_down()

    def _gone(self) -> None:
        """Nothing is left, or nothing more is waited for."""
        self._hurried()
        self._environment.idle = None
        self._stop_waiting()
        self._ended.callback(None)

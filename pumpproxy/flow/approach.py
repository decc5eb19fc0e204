"""The way to a server for one request: the pause before an attempt, the dial, and giving either up.

May not: decide where to go, or what follows a failure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.flow.dial import Dial
from pumpproxy.flow.httpserver import HttpServer
from pumpproxy.model import UnixAddress

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall

    from pumpproxy.flow.environment import Environment
    from pumpproxy.flow.httpserver import Told
    from pumpproxy.policy.attempts import Attempt, ConnectFailure


class Approach:
    """One attempt after another, one at a time; `told` hears of the connection, `failed` of its failure."""

    def __init__(self, environment: Environment, told: Told, failed: Callable[[ConnectFailure], None]) -> None:
        self._environment = environment
        self._told = told
        self._failed = failed
        self._pause: IDelayedCall | None = None
        self._dial: Dial | None = None

    def start(self, attempt: Attempt) -> None:
        """Wait as long as the attempt says, then connect. May fail from within this call."""
        if attempt.after > 0:
            self._pause = self._environment.reactor.callLater(attempt.after, self._connect, attempt)
        else:
            self._connect(attempt)

    def cancel(self) -> None:
        """Give up what is under way, silently; nothing under way is fine."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._dial is not None:
            self._dial.cancel()
            self._dial = None

    def _connect(self, attempt: Attempt) -> None:
        self._pause = None
        environment = self._environment
        address = attempt.server.declared.address
        nodelay = not isinstance(address, UnixAddress)

        def build() -> HttpServer:
            self._dial = None
            return HttpServer(self._told, attempt.server, environment.sweep, nodelay=nodelay)

        self._dial = Dial(environment.reactor, environment.resolver, build, self._connect_failed, environment.lean)
        self._dial.connect(address, attempt.timeout)

    def _connect_failed(self, failure: ConnectFailure) -> None:
        self._dial = None
        self._failed(failure)

"""The server's side of one client on an `http` frontend: a connection for each request, new or kept.

May not: decide where to go, whether a kept connection will do, or what follows a failure.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from pumpproxy.flow.approach import Approach
from pumpproxy.flow.kept import KeptServers

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumpproxy.flow.environment import Environment
    from pumpproxy.flow.httpserver import HttpServer, Told
    from pumpproxy.policy.attempts import Attempt, ConnectFailure


class Upstream:
    """One connection at a time. What was asked of one that is gone meanwhile is nobody's business any more."""

    __slots__ = ("_approach", "_environment", "_private", "_told", "connection")

    def __init__(self, environment: Environment, told: Told, failed: Callable[[ConnectFailure], None]) -> None:
        """`told` hears of a new connection, and of what the server does; `failed` of an attempt's failure."""
        self._environment = environment
        self._told = told
        self._approach = Approach(environment, told, failed)
        self._private: KeptServers | None = None
        """The one that is kept for this client alone."""
        self.connection: HttpServer | None = None

    def reach(self, attempt: Attempt, idle: float) -> bool:
        """Take a connection that was kept, and idle for so long at most: True; or attempt a new one."""
        if idle > 0:
            # A server that knows this client by the connection knows it by no other.
            kept = None if self._private is None else self._private.take(attempt.server, inf)
            kept = kept or self._environment.kept.take(attempt.server, idle)
            if kept is not None:
                self.connection = kept
                kept.engage(self._told)
                return True
        self._approach.start(attempt)
        return False

    def send(self, data: bytes) -> None:
        """Write."""
        if self.connection is not None:
            self.connection.send(data)

    def pause(self) -> None:
        """Read no more."""
        if self.connection is not None:
            self.connection.pause()

    def resume(self) -> None:
        """Read again."""
        if self.connection is not None:
            self.connection.resume()

    def leave(self) -> None:
        """It was told to close, and may take its time."""
        if (connection := self.take()) is not None:
            connection.leave()

    def keep(self, *, private: bool) -> None:
        """It waits for another request: whoever's, or this client's."""
        if (connection := self.take()) is None:
            return
        kept = self._environment.kept
        # However little the last request said of it: the server knows the client by it as long as it lasts.
        connection.private = connection.private or private
        if connection.private:
            if self._private is None:
                self._private = KeptServers(self._environment.now)
                self._private.most = 1
            kept = self._private
        connection.keep(kept)

    def reset(self) -> None:
        """End it at once, or give up the attempt."""
        if (connection := self.take()) is not None:
            connection.reset()
        self._approach.cancel()

    def take(self) -> HttpServer | None:
        """It is the caller's from now on."""
        connection, self.connection = self.connection, None
        return connection

    def close(self) -> None:
        """The client is gone."""
        if self._private is not None:
            self._private.clear()

"""Servers' connections that wait for another request: bounded in number and time, looked at before use.

May not: know what a request is, or whether one may be sent on a connection that was kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumpproxy.flow.httpserver import HttpServer
    from pumpproxy.policy.serverstate import ServerState


class KeptServers:
    """Idle connections, by server; the one that was used last is used first, so that the others run out of time."""

    __slots__ = ("_count", "_idle", "_now", "most")

    def __init__(self, now: Callable[[], float]) -> None:
        self._idle: dict[ServerState, list[HttpServer]] = {}
        self._count = 0
        self._now = now
        self.most = 0
        """Of all servers together: each takes a descriptor."""

    def __len__(self) -> int:
        return self._count

    def keep(self, server: ServerState, connection: HttpServer) -> bool:
        """Have it wait; False where there is no room, and it stays the caller's to end."""
        if self._count >= self.most:
            return False
        self._count += 1
        idle = self._idle.get(server)
        if idle is None:
            self._idle[server] = [connection]
        else:
            idle.append(connection)
        return True

    def take(self, server: ServerState, longest: float) -> HttpServer | None:
        """One that was idle for `longest` seconds at most, and is open as far as can be known; None for none."""
        idle = self._idle.get(server)
        while idle:
            connection = idle[-1]
            if self._now() - connection.idle_since > longest:
                # The others have waited longer.
                return None
            self._take_out(idle)
            if connection.is_quiet:
                return connection
            connection.reset()
        return None

    def forget(self, server: ServerState, connection: HttpServer) -> None:
        """It does not wait any more: it has closed, or its time is over."""
        idle = self._idle.get(server)
        if idle is not None and connection in idle:
            idle.remove(connection)
            self._count -= 1
            if not idle:
                del self._idle[server]

    def drop(self, server: ServerState) -> None:
        """End those of one server: it is DOWN."""
        idle = self._idle.pop(server, [])
        self._count -= len(idle)
        for connection in idle:
            connection.reset()

    def clear(self) -> None:
        """End all of them; `most` = 0 keeps others from coming."""
        idle, self._idle, self._count = self._idle, {}, 0
        for connections in idle.values():
            for connection in connections:
                connection.reset()

    def _take_out(self, idle: list[HttpServer]) -> None:
        idle.pop()
        self._count -= 1

"""The live side of a backend: its servers, who of them may be chosen, and what they carry.

May not: connect, or decide when to try again (`attempts`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.model import TcpAddress
from pumpproxy.policy.balance import roundrobin

if TYPE_CHECKING:
    from collections.abc import Collection

    from pumpproxy.model import Backend, Server, ServerAddress


def is_nearby(address: ServerAddress) -> bool:
    """Whether it is a literal loopback address (RFC 6890)."""
    return isinstance(address, TcpAddress) and (address.host.startswith("127.") or address.host == "::1")


class ServerState:
    """A server as it lives: its declaration (replaced by a reload), its connections, its place in the round."""

    __slots__ = ("connections", "credit", "declared", "weight")

    def __init__(self, declared: Server) -> None:
        self.connections = 0
        self.credit = 0
        self.declare(declared)

    def declare(self, declared: Server) -> None:
        """Take over what the file says now; the address is the same, else it would be another ServerState."""
        self.declared = declared
        self.weight = 0 if declared.drain or declared.disabled else declared.weight

    @property
    def name(self) -> str:
        """As in the file."""
        return self.declared.name

    @property
    def usable(self) -> bool:
        """Whether `use-server` and a cookie may choose it; balancing asks for a weight too."""
        return not self.declared.disabled

    def __repr__(self) -> str:
        return f"<ServerState {self.name} {self.declared.address}>"


class Pool:
    """The live side of one backend.

    `connections` counts those assigned to any of its servers; `nearby`: all of them are on this machine; `by_cookie`:
    who is meant by a value of the backend's cookie, usable or not.
    """

    __slots__ = ("_alone", "_balanced", "_by_host", "backend", "by_cookie", "connections", "nearby", "servers")

    def __init__(self, backend: Backend) -> None:
        self.connections = 0
        self.servers: dict[str, ServerState] = {}
        self.declare(backend)

    def declare(self, backend: Backend) -> None:
        """Take over what the file says now. Servers of the same name and address keep their state."""
        servers: dict[str, ServerState] = {}
        for declared in backend.servers:
            kept = self.servers.get(declared.name)
            if kept is not None and kept.declared.address == declared.address:
                kept.declare(declared)
                servers[declared.name] = kept
            else:
                servers[declared.name] = ServerState(declared)
        self.backend = backend
        self.servers = servers
        self._balanced = [server for server in servers.values() if server.weight > 0]
        # Most backends have one server, whose turn it always is.
        self._alone = self._balanced[0] if len(self._balanced) == 1 else None
        self.nearby = all(is_nearby(server.declared.address) for server in servers.values())
        self._by_host = {host: servers[name] for host, name in backend.use_server if name in servers}
        self.by_cookie = {
            server.declared.cookie.encode("ascii"): server
            for server in servers.values()
            if server.declared.cookie is not None
        }

    def take(
        self, host: str | None, named: ServerState | None = None, bound: ServerState | None = None
    ) -> ServerState | None:
        """The server of a new connection, which counts there from now on; None where nobody may be chosen.

        `host`: the SNI or Host, in the one spelling, that `use-server` may name; `named`: by a cookie, and usable;
        `bound`: who is asked before anybody else, if it is there and usable.
        """
        server = self.pinned(host) if self._by_host else None
        if bound is not None and bound.usable and self.servers.get(bound.name) is bound:
            server = bound
        if server is None:
            server = named
        if server is None:
            server = self._alone or roundrobin(self._balanced)
        if server is not None:
            self.connections += 1
            server.connections += 1
        return server

    def leave(self, server: ServerState) -> None:
        """A connection that counted there is over."""
        self.connections -= 1
        server.connections -= 1

    def pinned(self, host: str | None) -> ServerState | None:
        """The server that a `use-server` line names for this SNI or Host, if it may be used."""
        server = self._by_host.get(host) if host is not None else None
        return server if server is not None and server.usable else None

    def balance(self, avoid: Collection[ServerState] = ()) -> ServerState | None:
        """The next server by balancing, none of `avoid`; None where nobody is left."""
        if not avoid:
            return roundrobin(self._balanced)
        return roundrobin([server for server in self._balanced if server not in avoid])

"""The live side of a backend: its servers, who of them may be chosen, what they carry, and who waits for them.

May not: connect, or decide when to try again (`attempts`).
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from itertools import chain
from typing import TYPE_CHECKING

from pumpproxy.model import Admin, Redispatch, TcpAddress
from pumpproxy.policy.balance import CHOICES, Chance
from pumpproxy.policy.serverstate import ServerState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pumpproxy.model import Backend, ServerAddress
    from pumpproxy.policy.queue import Ticket

STEPS = 20
"""In which a server that comes UP gets its weight back, where the backend says `slow-start`."""


def is_nearby(address: ServerAddress) -> bool:
    """Whether it is a literal loopback address (RFC 6890)."""
    return isinstance(address, TcpAddress) and (address.host.startswith("127.") or address.host == "::1")


class Pool:
    """The live side of one backend.

    `connections` counts those assigned to any of its servers; `nearby`: all of them are on this machine; `by_cookie`:
    who is meant by a value of the backend's cookie, usable or not; `waiting`: how many wait in its queues, `most` at
    most, so that one backend in trouble leaves room for the others' clients.
    """

    __slots__ = (
        "_alone", "_balanced", "_by_host", "_chance", "_choose", "_held", "_limited", "_queue", "_serial", "backend",
        "by_cookie", "connections", "most", "nearby", "servers", "waiting",
    )  # fmt: skip

    def __init__(self, backend: Backend, seed: int = 0) -> None:
        """`seed`: of what is left to chance."""
        self.connections = 0
        self.waiting = 0
        self.most = sys.maxsize
        self.servers: dict[str, ServerState] = {}
        self._chance = Chance(seed)
        self._serial = 0
        # Those who wait for a place at any server, and those who wait for a server to be there at all.
        self._queue: OrderedDict[Ticket, None] = OrderedDict()
        self._held: OrderedDict[Ticket, None] = OrderedDict()
        self.declare(backend)

    def declare(self, backend: Backend) -> None:
        """Take over what the file says now. Servers of the same name and address keep their state."""
        before = self.servers
        servers: dict[str, ServerState] = {}
        grain = STEPS if backend.slow_start else 1
        for declared in backend.servers:
            kept = before.get(declared.name)
            if kept is not None and kept.declared.address == declared.address:
                kept.declare(declared, grain)
                servers[declared.name] = kept
            else:
                servers[declared.name] = ServerState(declared, grain)
        self.backend = backend
        self.servers = servers
        self._choose = CHOICES[backend.balance]
        self.nearby = all(is_nearby(server.declared.address) for server in servers.values())
        self._by_host = {host: servers[name] for host, name in backend.use_server if name in servers}
        self.by_cookie = {
            server.declared.cookie.encode("ascii"): server
            for server in servers.values()
            if server.declared.cookie is not None
        }
        self._review(chain(before.values(), servers.values()))

    # Choosing -------------------------------------------------------------------------------------------------------

    def take(
        self,
        host: str | None,
        named: ServerState | None = None,
        bound: ServerState | None = None,
        client: str = "",
    ) -> ServerState | None:
        """The server of a new connection, which counts there from now on; None where nobody may be chosen.

        `host`: the SNI or Host, in the one spelling, that `use-server` may name; `named`: by a cookie, and usable;
        `bound`: who is asked before anybody else, if it is there and usable; `client`: its address, for `source`.
        """
        server = self.pinned(host) if self._by_host else None
        if bound is not None and bound.usable and self.servers.get(bound.name) is bound:
            server = bound
        if server is None:
            server = named
        if server is None:
            server = self._alone or self.balance(client=client)
        elif self._limited and server.full:
            return None
        if server is not None:
            self.connections += 1
            server.connections += 1
        return server

    def pinned(self, host: str | None) -> ServerState | None:
        """The server that a `use-server` line names for this SNI or Host, if it may be used."""
        server = self._by_host.get(host) if host is not None else None
        return server if server is not None and server.usable else None

    def balance(self, avoid: Collection[ServerState] = (), client: str = "") -> ServerState | None:
        """The next server by balancing, none of `avoid`; None where nobody is left, or has room."""
        servers = self._balanced
        if self._limited:
            servers = [server for server in servers if not server.full]
        if avoid:
            servers = [server for server in servers if server not in avoid]
        return self._choose(servers, client, self._chance)

    def backup(self, avoid: Collection[ServerState] = ()) -> ServerState | None:
        """The first server that stands by, none of `avoid`, and has room."""
        for server in self.servers.values():
            if server.declared.backup and server.weight and not server.full and server not in avoid:
                return server
        return None

    def leave(self, server: ServerState) -> None:
        """A connection that counted there is over: whoever has waited longest for its place has it."""
        self.connections -= 1
        server.connections -= 1
        if self.waiting:
            self._serve(server)

    def move(self, old: ServerState, new: ServerState) -> None:
        """A connection that counted at the one counts at the other."""
        new.connections += 1
        old.connections -= 1
        if self.waiting:
            self._serve(old)

    # Waiting --------------------------------------------------------------------------------------------------------

    def crowded(self, ticket: Ticket) -> bool:
        """Whether somebody could be chosen or waited for, were it not for those who are there already."""
        return self.waiting >= self.most or bool(self._balanced) or self._wanted(ticket) is not None

    def wait(self, ticket: Ticket) -> bool:
        """A place in a queue, for whom `take` had nobody; False where there is none to be had.

        It may be served at once, by another than the one whose queue is full.
        """
        self._serial += 1
        ticket.serial = self._serial
        return self.waiting < self.most and self._stand(ticket)

    def hold(self, ticket: Ticket) -> bool:
        """As `wait`, for whom no server took: until there is news of one."""
        if self.waiting >= self.most:
            return False
        self._serial += 1
        ticket.serial = self._serial
        self.waiting += 1
        ticket.stand(self._held, alone=False)
        return True

    def holds(self, server: ServerState) -> bool:
        """Whether connections wait until this one is there again, and somebody will say when."""
        there = self.servers.get(server.name) is server and server.admin is not Admin.MAINT
        return self.backend.hold and there and server.declared.check is not None

    def forget(self, ticket: Ticket) -> None:
        """Who waited there has gone; or was served, and has not heard of it yet."""
        if ticket.queue is not None:
            self.waiting -= 1
            ticket.go()
        elif ticket.server is not None:
            self.leave(ticket.server)

    def _stand(self, ticket: Ticket) -> bool:
        wanted = self._wanted(ticket)
        if wanted is not None:
            most = wanted.declared.maxqueue
            if most is None or len(wanted.queue) < most:
                ticket.stand(wanted.queue, alone=True)
                self.waiting += 1
                return True
            if self.backend.redispatch is Redispatch.NO:
                return False
            other = self.balance(client=ticket.client)
            if other is not None:
                self.connections += 1
                other.connections += 1
                ticket.serve(other)
                return True
        if self._balanced:
            bounds = [server.declared.maxqueue for server in self._balanced]
            known = [bound for bound in bounds if bound is not None]
            if len(known) == len(bounds) and len(self._queue) >= sum(known):
                return False
            ticket.stand(self._queue, alone=False)
        elif any(map(self.holds, self.servers.values())):
            ticket.stand(self._held, alone=False)
        else:
            return False
        self.waiting += 1
        return True

    def _wanted(self, ticket: Ticket) -> ServerState | None:
        """Who must be waited for, as long as it is usable."""
        for server in (ticket.bound, self.pinned(ticket.host), ticket.named):
            if server is not None and server.usable and self.servers.get(server.name) is server:
                return server
        return None

    def _serve(self, server: ServerState) -> None:
        """Give its places to those who wait for them."""
        while server.usable and not server.full:
            own = next(iter(server.queue), None)
            common = next(iter(self._queue), None) if server in self._balanced else None
            if own is None or (common is not None and common.serial < own.serial):
                own = common
            if own is None:
                return
            self._grant(own, server)

    def _grant(self, ticket: Ticket, server: ServerState) -> None:
        self.waiting -= 1
        ticket.go()
        self.connections += 1
        server.connections += 1
        ticket.serve(server)

    # What changes who may be chosen ---------------------------------------------------------------------------------

    def turned(self, server: ServerState, *, up: bool) -> None:
        """Its checks say that it is there again, or no more."""
        server.judge(up=up)
        self._review((server, *self.servers.values()))

    def administer(self, server: ServerState, admin: Admin) -> None:
        """The administrator wants this of it."""
        server.judge(admin=admin)
        self._review((server, *self.servers.values()))

    def warm(self, server: ServerState, share: float) -> None:
        """It gets so much of its weight (0 to 1): it came UP, and starts slowly."""
        server.judge(share=share)
        self._gather()

    def passed(self, _server: ServerState) -> None:
        """A check was passed: whom no server took tries again."""
        if self._held:
            self._settle((self._held,))

    def dissolve(self) -> None:
        """The file has it no more: those who are here stay, and nobody waits for a server that nobody checks."""
        for ticket in list(self._held):
            self.waiting -= 1
            ticket.go()
            ticket.serve(None)

    def _gather(self) -> None:
        """Who may be balanced to: servers with a weight; in their absence the first that stands by."""
        usable = [server for server in self.servers.values() if server.weight > 0]
        active = [server for server in usable if not server.declared.backup]
        self._balanced = active or usable[:1]
        self._limited = any(server.limit is not None for server in self.servers.values())
        # Most backends have one server, whose turn it always is.
        self._alone = self._balanced[0] if len(self._balanced) == 1 and not self._limited else None

    def _review(self, servers: Iterable[ServerState]) -> None:
        """All who wait are asked anew, in the order in which they came; `servers`: whose queues there are."""
        self._gather()
        if self.waiting:
            self._settle((self._queue, self._held, *(server.queue for server in servers)))

    def _settle(self, queues: Iterable[OrderedDict[Ticket, None]]) -> None:
        tickets = sorted({ticket for queue in queues for ticket in queue}, key=lambda ticket: ticket.serial)
        for ticket in tickets:
            if ticket.queue is None:
                # Whoever was served before has gone already, and this one got its place.
                continue
            self.waiting -= 1
            ticket.go()
            wanted = self._wanted(ticket)
            server = self.take(None, None, wanted, ticket.client)
            if server is not None:
                ticket.serve(server)
            elif not self._stand(ticket):
                ticket.serve(None)

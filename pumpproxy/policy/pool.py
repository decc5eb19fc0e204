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


def _has_place(queue: Collection[Ticket], servers: Iterable[ServerState]) -> bool:
    """Whether all that these servers allow to wait are not there yet."""
    bounds = [server.declared.maxqueue for server in servers]
    return None in bounds or len(queue) < sum(bound or 0 for bound in bounds)


class Pool:
    """The live side of one backend.

    `connections` counts those assigned to any of its servers; `introduces`: one of them gets PROXY headers; `nearby`:
    none does, and all are on this machine; `by_cookie`: who is meant by a value of the backend's cookie, usable or not;
    `waiting`: how many wait in its queues, `most` at most, so that one backend in trouble leaves room for the others'
    clients.
    """

    __slots__ = (
        "_alone", "_balanced", "_by_host", "_chance", "_choose", "_dissolved", "_held", "_limited", "_queue", "_serial",
        "backend", "by_cookie", "connections", "introduces", "most", "nearby", "servers", "waiting",
    )  # fmt: skip

    def __init__(self, backend: Backend, seed: int = 0) -> None:
        """`seed`: of what is left to chance."""
        self.connections = 0
        self.waiting = 0
        self.most = sys.maxsize
        self.servers: dict[str, ServerState] = {}
        self._chance = Chance(seed)
        self._serial = 0
        self._dissolved = False
        # Those who wait for a place at any server, and those who wait for a server to be there at all.
        self._queue: OrderedDict[Ticket, None] = OrderedDict()
        self._held: OrderedDict[Ticket, None] = OrderedDict()
        self.declare(backend)

    def declare(self, backend: Backend) -> None:
        """Take over what the file says now. Servers of the same name and address keep their state."""
        before = self.servers
        shares = [(one.name, one.declared.weight, one.grain) for one in before.values()]
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
        self.introduces = any(server.send_proxy is not None for server in backend.servers)
        self.nearby = not self.introduces and all(is_nearby(server.address) for server in backend.servers)
        self._by_host = {host: servers[name] for host, name in backend.use_server if name in servers}
        self.by_cookie = {
            server.declared.cookie.encode("ascii"): server
            for server in servers.values()
            if server.declared.cookie is not None
        }
        if shares != [(one.name, one.declared.weight, one.grain) for one in servers.values()]:
            # What was gained by other weights would be paid back by many turns in a row.
            for server in servers.values():
                server.credit = 0
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

        `host`: the SNI or Host, in the one spelling, that `use-server` may name; `named`: by a cookie; `bound`: who is
        asked before anybody else; both if they are there and usable. `client`: its address, for `source`.
        """
        server = self.pinned(host) if self._by_host else None
        if bound is not None and self._is_there(bound):
            server = bound
        if server is None and named is not None and self._is_there(named):
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

    def is_balanced_to(self, server: ServerState) -> bool:
        """Whether it is one of those that balancing chooses among."""
        return server in self._balanced

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
        return bool(self._balanced) or self._wanted(ticket) is not None or self._awaits(ticket)

    def wait(self, ticket: Ticket) -> bool:
        """A place in a queue, or at another server than the one whose queue is full; False where none is to be had."""
        self._serial += 1
        ticket.serial = self._serial
        return self.waiting < self.most and self._stand(ticket)

    def hold(self, ticket: Ticket) -> bool:
        """As `wait`, for whom no server took: until there is news of one."""
        self._serial += 1
        ticket.serial = self._serial
        return self.waiting < self.most and self._line_up(ticket, self._held)

    def holds(self, server: ServerState) -> bool:
        """Whether connections wait until this one is there again, and somebody will say when."""
        there = self.servers.get(server.name) is server and server.admin is not Admin.MAINT
        return self.backend.hold and there and server.declared.check is not None and not self._dissolved

    def forget(self, ticket: Ticket) -> None:
        """Who waited there has gone; or was served, and has not heard of it yet."""
        if ticket.queue is not None:
            self.waiting -= 1
            ticket.go()
        elif ticket.server is not None:
            self.leave(ticket.server)

    def _awaits(self, ticket: Ticket) -> bool:
        """Whether it is held for a server that would take it, were it there."""
        meant = (self._by_host.get(ticket.host or ""), ticket.named, ticket.bound)
        return any(
            self.holds(server) and (server in meant or (server.declared.weight and server.admin is Admin.READY))
            for server in self.servers.values()
        )

    def _stand(self, ticket: Ticket, *, anew: bool = False) -> bool:
        """`anew`: it has waited already, and no queue is too long for it."""
        wanted = self._wanted(ticket)
        if wanted is not None:
            moves = bool(self._balanced) and self.backend.redispatch is not Redispatch.NO
            if _has_place(wanted.queue, (wanted,)) or (anew and not moves):
                return self._line_up(ticket, wanted.queue, alone=True)
            if not moves:
                return False
            other = self.balance(client=ticket.client)
            if other is not None:
                self._grant(ticket, other)
                return True
        if self._balanced:
            return (anew or _has_place(self._queue, self._balanced)) and self._line_up(ticket, self._queue)
        return self._awaits(ticket) and self._line_up(ticket, self._held)

    def _line_up(self, ticket: Ticket, queue: OrderedDict[Ticket, None], *, alone: bool = False) -> bool:
        self.waiting += 1
        ticket.stand(queue, alone=alone)
        return True

    def _wanted(self, ticket: Ticket) -> ServerState | None:
        """Who must be waited for, as long as it is usable."""
        for server in (ticket.bound, self.pinned(ticket.host), ticket.named):
            if server is not None and self._is_there(server):
                return server
        return None

    def _is_there(self, server: ServerState) -> bool:
        return server.usable and self.servers.get(server.name) is server

    def _serve(self, server: ServerState) -> None:
        """Give the place that was freed there to whoever has waited for it longest."""
        if server.full:
            return
        first = next(iter(server.queue), None)
        common = next(iter(self._queue), None) if server in self._balanced else None
        if first is None or (common is not None and common.serial < first.serial):
            first = common
        if first is not None:
            self.waiting -= 1
            first.go()
            self._grant(first, server)

    def _grant(self, ticket: Ticket, server: ServerState) -> None:
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

    def passed(self, _server: ServerState) -> None:
        """A check was passed: whom no server took tries again."""
        if self._held:
            self._review(self.servers.values())

    def dissolve(self) -> None:
        """The file has it no more: those who are here stay, and nobody waits for a server that nobody checks."""
        self._dissolved = True
        self._review(self.servers.values())

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
        queues = (self._queue, self._held, *(server.queue for server in servers))
        tickets = sorted({ticket for queue in queues for ticket in queue}, key=lambda ticket: ticket.serial)
        for ticket in tickets:
            ticket.go()
        self.waiting -= len(tickets)
        for ticket in tickets:
            server = self.take(None, None, self._wanted(ticket), ticket.client)
            if server is not None:
                ticket.serve(server)
            elif not self._stand(ticket, anew=True):
                ticket.serve(None)

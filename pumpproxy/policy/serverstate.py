"""A server as it lives: what it carries, whether it is there, and what its administrator wants of it.

May not: know the other servers of its pool. Whoever changes a state tells the pool, which knows what follows.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from pumpproxy.model import Admin
from pumpproxy.policy.balance import source_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumpproxy.model import Server
    from pumpproxy.policy.queue import Ticket


class ServerState:
    """Its declaration (replaced by a reload), its connections, its place in the round.

    `up` is its health, `admin` the administrator's will; `usable` is both: whether `use-server` and a cookie may choose
    it. Balancing asks for a `weight` too, which counts in `grain` parts of one of the file's.
    """

    __slots__ = (
        "_share", "admin", "connections", "credit", "declared", "grain", "key", "limit", "queue", "suspected", "up",
        "usable", "weight",
    )  # fmt: skip

    def __init__(self, declared: Server, grain: int = 1) -> None:
        self.connections = 0
        self.credit = 0
        self.up = True
        self._share = 1.0
        self.queue: OrderedDict[Ticket, None] = OrderedDict()
        """Who waits for this one and no other, longest first."""
        self.suspected: Callable[[], None] | None = None
        """To be called where it took no connection: whoever checks it looks at once."""
        self.admin = declared.admin
        self.key = source_key(declared.name)
        self.declared = declared
        self.declare(declared, grain)

    def declare(self, declared: Server, grain: int = 1) -> None:
        """Take over what the file says now; the address is the same, else it would be another ServerState.

        An administrative state that was set meanwhile stays, unless the file says something new.
        """
        if declared.admin is not self.declared.admin:
            self.admin = declared.admin
        self.declared = declared
        self.grain = grain
        self.limit = declared.maxconn
        self.judge()

    def judge(self, *, up: bool | None = None, admin: Admin | None = None, share: float | None = None) -> None:
        """Work out what follows, after any of its states has changed. `share`: of its weight, while it starts."""
        self.up = self.up if up is None else up
        self.admin = self.admin if admin is None else admin
        self._share = self._share if share is None else share
        self.usable = self.up and self.admin is not Admin.MAINT
        weight = self.declared.weight * self.grain
        if not weight or not self.usable or self.admin is not Admin.READY:
            self.weight = 0
        else:
            self.weight = max(1, round(weight * self._share))

    @property
    def name(self) -> str:
        """As in the file."""
        return self.declared.name

    @property
    def full(self) -> bool:
        """Whether it has all the connections that it may have."""
        return self.limit is not None and self.connections >= self.limit

    def __repr__(self) -> str:
        return f"<ServerState {self.name} {self.declared.address}>"

"""Who waits for a server: a place in a queue, first come, first served.

A connection waits for a place where all servers have as many as they may have, for one server where `use-server` or a
cookie names it, or, where the backend says `hold`, for any server to come UP. May not: serve anybody; that is `pool`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import OrderedDict
    from collections.abc import Callable

    from pumpproxy.policy.serverstate import ServerState


def _unheard() -> None:
    """Nobody listens yet."""


class Ticket:
    """A place in a queue. It counts nowhere, until it is `served`: then at `server`, or its waiting was in vain.

    `wake` is called once at that moment, from within whatever brought it about. `ahead`: how many were before it in
    the queue that it came to, and `alone` whether that was the queue for one server.
    """

    __slots__ = ("ahead", "alone", "bound", "client", "host", "named", "queue", "serial", "served", "server", "wake")

    def __init__(self, host: str | None, named: ServerState | None, bound: ServerState | None, client: str) -> None:
        """As `Pool.take` has them."""
        self.host = host
        self.named = named
        self.bound = bound
        self.client = client
        self.serial = 0
        self.queue: OrderedDict[Ticket, None] | None = None
        self.ahead = 0
        self.alone = False
        self.served = False
        self.server: ServerState | None = None
        self.wake: Callable[[], None] = _unheard

    def stand(self, queue: OrderedDict[Ticket, None], *, alone: bool) -> None:
        """Wait there."""
        self.ahead = len(queue)
        self.alone = alone
        self.queue = queue
        queue[self] = None

    def go(self) -> None:
        """Wait no more."""
        if self.queue is not None:
            del self.queue[self]
            self.queue = None

    def serve(self, server: ServerState | None) -> None:
        """It counts there from now on; None: nobody will come."""
        self.served = True
        self.server = server
        self.wake()

"""The short way of a session: a whole hello in the first segment, a server on this machine, and nothing else to ask.

Nearly every connection takes it, in a few microseconds. The way of the facts (`Session.opened`, `received`, ...) is
the long one, and right by definition: this one leads to the same place, or says None before it has changed anything.
May not: refuse, wait or retry; whoever needs that is sent the long way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.policy.attempts import Attempt, Attempts
from pumpproxy.policy.outcome import Phase
from pumpproxy.policy.session import MAX_ALPN_KEPT, Session, Stage

if TYPE_CHECKING:
    from pumpproxy.policy.pool import Pool, ServerState
    from pumpproxy.policy.records import ClientAddress
    from pumpproxy.policy.runtime import FrontendState, Runtime
    from pumpproxy.wire.clienthello import ClientHello


class StraightSession(Session):
    """A session that began the short way: it is connecting to `server`, one of `pool`."""

    __slots__ = ()
    pool: Pool
    server: ServerState
    hello: ClientHello

    @classmethod
    def of(
        cls,
        runtime: Runtime,
        frontend: FrontendState,
        client: ClientAddress,
        hello: ClientHello,
        data: bytes,
        now: float,
    ) -> StraightSession | None:
        """That of a client whose first segment is `data`, with `hello` in it; None where the way is a longer one."""
        target = frontend.target(hello)
        if not isinstance(target, str) or len(hello.alpn) > MAX_ALPN_KEPT:
            return None
        pool = frontend.pools[target]
        if not pool.nearby:
            return None
        server = pool.take(hello.server_name)
        if server is None:
            return None
        self = cls(runtime, frontend, client, now)
        # As if it was connected already; it is, within the batch, or turns back.
        self.stage = Stage.RELAYING
        self.phase = Phase.DATA
        self.connecting_at = self.connected_at = now
        self.hello = hello
        self.bytes_in = len(data)
        self.pool = pool
        self.server = server
        return self

    def turn_back(self, data: bytes) -> Attempt:
        """It is not there yet: go on the long way, with this attempt under way."""
        self.stage = Stage.CONNECTING
        self.phase = Phase.CONNECT
        self.connected_at = None
        self._first = data
        self.attempts = Attempts(self.pool, self.hello.server_name)
        return self.attempts.begin_at(self.server)

"""The short way of a session: a whole hello in the first segment, a server on this machine, and nothing else to ask.

Nearly every connection takes it, in a few microseconds. The way of the facts (`Session.opened`, `received`, ...) is
the long one, and right by definition: this one leads to the same place, or says None before it has changed anything.
May not: refuse, wait or retry; whoever needs that is sent the long way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pumpproxy.policy.attempts import Attempt, Attempts
from pumpproxy.policy.outcome import Phase
from pumpproxy.policy.passage import MAX_ALPN_KEPT, Stage
from pumpproxy.policy.records import ClientAddress
from pumpproxy.policy.session import Session

if TYPE_CHECKING:
    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.runtime import FrontendState, Runtime
    from pumpproxy.policy.serverstate import ServerState
    from pumpproxy.wire.clienthello import ClientHello

Begun = tuple["FrontendState", tuple[str, int], "ClientHello", "Pool", "ServerState", float]
"""The fields of a `StraightSession`, which is made where more is asked of it: a plain tuple costs a fifth."""


def begin(frontend: FrontendState, client: tuple[str, int], hello: ClientHello, now: float) -> Begun | None:
    """For a client whose first segment has `hello` in it; None where the way is a longer one.

    It counts at its server from now on.
    """
    name = hello.server_name
    # Asked before `target`, whose answer it would be, because that is two more functions.
    target = frontend.routes.plain.get(name) or frontend.target(hello)
    if not isinstance(target, str) or len(hello.alpn) > MAX_ALPN_KEPT:
        return None
    pool = frontend.pools[target]
    if not pool.nearby:
        return None
    server = pool.take(name, None, None, client[0])
    return None if server is None else (frontend, client, hello, pool, server, now)


class StraightSession(NamedTuple):
    """A session that began the short way, as long as nothing else is asked of it: it counts at `server`, of `pool`.

    A `Session` holds twenty facts, and takes as long to make as all that is decided here; most end with nobody asking.
    """

    frontend: FrontendState
    client: tuple[str, int]
    """Its `ClientAddress`, as a plain tuple."""
    hello: ClientHello
    pool: Pool
    server: ServerState
    started: float

    def whole(self, runtime: Runtime, received: int) -> Session:
        """All that the long way would know by now, after so many bytes of the client: for its record."""
        return _Whole(runtime, self, received)

    def turn_back(self, runtime: Runtime, data: bytes) -> tuple[Session, Attempt]:
        """It is not there yet: go on the long way, with this attempt under way; `data` is the first segment."""
        session = _Whole(runtime, self, len(data))
        return session, session.turn_back(data, self)


class _Whole(Session):
    """A session that began the short way, with all its facts."""

    __slots__ = ()

    def __init__(self, runtime: Runtime, begun: StraightSession, received: int) -> None:
        super().__init__(runtime, begun.frontend, ClientAddress(*begun.client), begun.started)
        # As if it was connected already; it is, within the batch, or turns back.
        self.stage = Stage.RELAYING
        self.phase = Phase.DATA
        self.routed_at = self.connecting_at = self.connected_at = begun.started
        self.hello = begun.hello
        self.bytes_in = received
        self.pool = begun.pool
        self.server = begun.server

    def turn_back(self, data: bytes, begun: StraightSession) -> Attempt:
        self.stage = Stage.CONNECTING
        self.phase = Phase.CONNECT
        self.connected_at = None
        self._first = data
        self.attempts = Attempts(begun.pool, begun.hello.server_name, client=self.client.host)
        return self.attempts.begin_at(begun.server)

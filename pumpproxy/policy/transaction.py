"""One request at a server: the choice of it, the way up, and (in `download`) the way down.

Facts in, steps out, as in `exchange`, whose part it is; what cannot go on returns a `Fault`. Up and down are
independent: a server may answer before it has the whole body, and may interleave both.
May not: speak to the client on its own behalf, or know what follows this request on the same connection.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from pumpproxy.policy import forwarding
from pumpproxy.policy.attempts import Attempts, ConnectFailure
from pumpproxy.policy.download import Download
from pumpproxy.policy.httpsteps import SendServer
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.request import Ending, Fault
from pumpproxy.policy.steps import Connect
from pumpproxy.wire.errors import HttpError

if TYPE_CHECKING:
    from pumpproxy.model import Frontend
    from pumpproxy.policy.attempts import Attempt
    from pumpproxy.policy.httpsteps import HttpStep
    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.request import Request
    from pumpproxy.policy.vouching import Origin
    from pumpproxy.wire.http1 import RequestHead

MAX_EARLY = 64 * 1024
"""Bytes of a body taken while we connect; then reading pauses (Twisted's own buffer size)."""

_OUTCOMES = {
    ConnectFailure.TIMED_OUT: Outcome.CONNECT_TIMEOUT,
    ConnectFailure.RESOURCES: Outcome.OVERLOAD,
}


class Side(enum.Enum):
    """Whose turn it is."""

    CLIENT = enum.auto()
    SERVER = enum.auto()


class Transaction:
    """One forwarded request, until its response is complete. Its steps go to the list that it is given."""

    __slots__ = (
        "_attempts",
        "_early",
        "_early_size",
        "_expects",
        "_request",
        "_steps",
        "_timeout_server",
        "_up",
        "active",
        "connected",
        "down",
        "engaged",
        "server_full",
    )

    def __init__(
        self,
        request: Request,
        head: RequestHead,
        origin: Origin,
        frontend: Frontend,
        pool: Pool,
        steps: list[HttpStep],
    ) -> None:
        self._request = request
        self._steps = steps
        self._attempts = request.attempts = Attempts(pool, head.host)
        request.pool = pool
        self._timeout_server = pool.backend.timeout_server
        self._expects = forwarding.expects_continue(head)
        upgrade = forwarding.asks_for_websocket(head)
        outgoing = forwarding.outgoing_request(head, origin, frontend, pool.backend, upgrade=upgrade)
        self._up = outgoing.body
        self._early = [outgoing.head]
        self._early_size = 0
        self.down = Download(request, head, frontend, steps, upgrade=upgrade)
        self.active = 0.0
        """When anything of it last moved, either way."""
        self.engaged = False
        """An attempt is under way, or a server's connection is there."""
        self.connected = False
        self.server_full = False
        """The server does not take what it was sent."""

    # What the exchange asks -----------------------------------------------------------------------------------------

    @property
    def uploaded(self) -> bool:
        """Whether the request's body is complete."""
        return self._up.done

    @property
    def beyond(self) -> bytes:
        """What the client sent beyond the body, once that is complete."""
        return self._up.rest

    @property
    def holds_much(self) -> bool:
        """Whether the client must wait before it may send more of the body."""
        return not self._up.done and (self.server_full or (not self.connected and self._early_size > MAX_EARLY))

    @property
    def phase(self) -> Phase:
        """Where it is, for the log."""
        if not self.connected:
            return Phase.CONNECT
        return self.down.phase if self._up.done else Phase.DATA

    def turn(self, *, client_full: bool) -> Side:
        """Who is to blame where nothing moves; `client_full`: the client does not take what it was sent."""
        if client_full:
            return Side.CLIENT
        # A client that waits for a 100 waits for the server.
        waits = self._expects and not self.down.continued
        return Side.SERVER if self.server_full or self._up.done or waits else Side.CLIENT

    def deadline(self, timeout_client: float, *, client_full: bool) -> float | None:
        """When silence has lasted too long; None while we connect, which has its own limits."""
        if not self.connected:
            return None
        client = self.turn(client_full=client_full) is Side.CLIENT
        return self.active + (timeout_client if client else self._timeout_server)

    def idle(self, *, client_full: bool) -> Fault:
        """Nothing moved for too long."""
        if self.turn(client_full=client_full) is Side.CLIENT:
            return Fault(408, Ending(Outcome.CLIENT_IDLE, Phase.DATA))
        return Fault(504, Ending(Outcome.SERVER_IDLE, self.down.phase))

    def release(self) -> None:
        """The server has done its part: it is free for others."""
        self._attempts.release()

    # The way up -----------------------------------------------------------------------------------------------------

    def start(self, early: bytes, now: float) -> Fault | None:
        """The head is there, and `early` came behind it: nothing is asked of a server before that was found good."""
        if self._up.done:
            self._up.rest = early
        elif early and (fault := self.upload(early, now)) is not None:
            return Fault(fault.status, Ending(fault.ending.outcome, Phase.REQUEST, fault.ending.detail))
        self._request.connecting_at = now
        attempt = self._attempts.first()
        if attempt is None:
            return Fault(503, Ending(Outcome.NO_SERVER, Phase.CONNECT, "no server to try"))
        self._connect(attempt)
        return None

    def upload(self, data: bytes, now: float) -> Fault | None:
        """The client sent `data`, and the body was not complete."""
        try:
            out = self._up.feed(data)
        except HttpError as error:
            self._request.bytes_in += len(data)
            return Fault(error.status, Ending(Outcome.BAD_REQUEST, self.phase, error.reason))
        self._request.bytes_in += len(data) - len(self._up.rest)
        self._expects = False
        self.active = now
        if not self.connected:
            self._early.append(out)
            self._early_size += len(out)
        elif out:
            self._steps.append(SendServer(out))
        return None

    def _connect(self, attempt: Attempt) -> None:
        self.engaged = True
        self._request.server = attempt.server.name
        self._steps.append(Connect(attempt))

    # The server -----------------------------------------------------------------------------------------------------

    def connect_failed(self, failure: ConnectFailure) -> Fault | None:
        """The attempt failed."""
        self.engaged = False
        attempt = self._attempts.failed(failure)
        if attempt is None:
            outcome = _OUTCOMES.get(failure, Outcome.CONNECT_FAILED)
            return Fault(503, Ending(outcome, Phase.CONNECT, failure.value))
        self._connect(attempt)
        return None

    def connect_succeeded(self, now: float) -> None:
        """The server's connection is there."""
        self.connected = True
        self.active = self._request.connected_at = now
        self._steps.append(SendServer(b"".join(self._early)))
        self._early = []

    def received(self, data: bytes, now: float) -> Fault | None:
        """The server sent `data`, and the response was not complete."""
        self.active = now
        return self.down.received(data, now)

    def closed(self, *, cleanly: bool) -> Fault | None:
        """The server closed its half (`cleanly`), or the connection is gone; the response was not complete."""
        self.engaged = cleanly
        return self.down.closed(cleanly=cleanly)

"""One request at a server: the choice of it, the way up, and (in `download`) the way down.

Facts in, steps out, as in `exchange`, whose part it is; what cannot go on returns a `Fault`. Up and down are
independent: a server may answer before it has the whole body, and may interleave both.
May not: speak to the client on its own behalf, or know what follows this request on the same connection.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from pumpproxy.policy import forwarding, httpsteps, reuse
from pumpproxy.policy.attempts import Attempts, ConnectFailure
from pumpproxy.policy.download import Download
from pumpproxy.policy.httpsteps import AwaitServer, KeepServer, Reach
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.request import Ending, Fault
from pumpproxy.policy.upload import Upload
from pumpproxy.wire.errors import HttpError

if TYPE_CHECKING:
    from pumpproxy.model import Frontend
    from pumpproxy.policy.attempts import Attempt
    from pumpproxy.policy.httpsteps import HttpStep
    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.request import Request
    from pumpproxy.policy.serverstate import ServerState
    from pumpproxy.policy.straightrequest import StraightRequest
    from pumpproxy.policy.vouching import Origin
    from pumpproxy.wire.http1 import RequestHead

_TIMED_OUT = (b"HTTP/1.1 408 ", b"HTTP/1.0 408 ")
"""What some servers say to an idle connection before they close it."""


class Side(enum.Enum):
    """Whose turn it is."""

    CLIENT = enum.auto()
    SERVER = enum.auto()


class Transaction:
    """One forwarded request, until its response is complete. Its steps go to the list that it is given."""

    __slots__ = (
        "_attempts", "_idempotent", "_idle", "_request", "_steps", "_timeout_queue", "_timeout_server", "active",
        "attempt", "down", "engaged", "keeps", "up", "waiting_since",
    )  # fmt: skip

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
        sticky = request.persistence
        self._attempts = request.attempts = (
            Attempts(pool, head.host, client=request.client) if sticky is None else sticky.attempts
        )
        request.pool = pool
        self._timeout_server = pool.backend.timeout_server
        self._timeout_queue = pool.backend.timeout_queue
        upgrade = forwarding.asks_for_websocket(head)
        self.keeps = reuse.keeps(frontend, pool) and not forwarding.is_nameless(head)
        self._idempotent = head.method in reuse.IDEMPOTENT
        self._idle = reuse.longest_idle(head.method) if self.keeps else 0.0
        outgoing = forwarding.outgoing_request(head, origin, frontend, pool.backend, upgrade=upgrade, keep=self.keeps)
        self.up = Upload(request, outgoing, steps, expects=forwarding.expects_continue(head))
        self.down = Download(request, head, frontend, steps, upgrade=upgrade)
        self.active = 0.0
        """When anything of it last moved, either way."""
        self.engaged = False
        """An attempt is under way, or a server's connection is there."""
        self.waiting_since: float | None = None
        """When it first had to wait for a server."""

    # What the exchange asks -----------------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        """Where it is, for the log."""
        if not self.up.connected:
            return Phase.QUEUE if self._waits else Phase.CONNECT
        return self.down.phase if self.up.done else Phase.DATA

    def turn(self, *, client_full: bool) -> Side:
        """Who is to blame where nothing moves; `client_full`: the client does not take what it was sent."""
        return Side.CLIENT if client_full or self.up.waits_for_client else Side.SERVER

    def deadline(self, timeout_client: float, *, client_full: bool) -> float | None:
        """When silence has lasted too long, or waiting; None while we connect, which has its own limits."""
        if not self.up.connected:
            return self.waiting_since + self._timeout_queue if self._waits and self.waiting_since is not None else None
        client = self.turn(client_full=client_full) is Side.CLIENT
        return self.active + (timeout_client if client else self._timeout_server)

    def idle(self, *, client_full: bool) -> Fault:
        """Nothing moved for too long."""
        if self._waits:
            return Fault(503, Ending(Outcome.QUEUE_TIMEOUT, Phase.QUEUE, "no server had a place in time"))
        if self.turn(client_full=client_full) is Side.CLIENT:
            return Fault(408, Ending(Outcome.CLIENT_IDLE, Phase.DATA))
        return Fault(504, Ending(Outcome.SERVER_IDLE, self.down.phase))

    def parting(self) -> HttpStep:
        """What becomes of the server's connection, whose response is complete."""
        # What is left of the request is of no use to a server that has answered; it must not look complete to it.
        if not self.up.done or self.up.server_full or self.down.surplus:
            return httpsteps.RESET_SERVER
        if not self.keeps or not self.down.lasting:
            return httpsteps.LEAVE_SERVER
        return KeepServer(private=True) if self.down.private else httpsteps.KEEP_SERVER

    def release(self) -> None:
        """The server has done its part: it is free for others."""
        self._attempts.release()

    # The way up -----------------------------------------------------------------------------------------------------

    def start(self, early: bytes, now: float, bound: ServerState | None) -> Fault | None:
        """The head is there, and `early` came behind it: nothing is asked of a server before that was found good.

        `bound`: the server that knows the client by its connection; it is asked if it may be.
        """
        if self.up.done:
            self.up.without_body(early)
        elif early and (fault := self.upload(early, now)) is not None:
            return Fault(fault.status, Ending(fault.ending.outcome, Phase.REQUEST, fault.ending.detail))
        self._request.routed_at = now
        return self._follow(self._attempts.first(bound), now)

    def resume(self, straight: StraightRequest) -> None:
        """Go on from where the short way leaves it: its server is chosen, and counts."""
        request = self._request
        request.routed_at = request.connecting_at = straight.started
        # A reload meanwhile changes nothing for it.
        self._timeout_server = straight.known.backend.timeout_server
        attempt = self._attempts.begin_at(straight.server)
        if not straight.reached:
            self._reach(attempt, self._idle)
            return
        self.attempt = attempt
        self.engaged = True
        self.active = straight.active
        request.server = straight.server.name
        request.connected_at = straight.started
        self.up.resume(straight.outgoing, doubtful=not straight.status)
        if straight.status:
            self.down.resume(straight)

    def upload(self, data: bytes, now: float) -> Fault | None:
        """The client sent `data`, and the body was not complete."""
        try:
            self.up.feed(data)
        except HttpError as error:
            return Fault(error.status, Ending(Outcome.BAD_REQUEST, self.phase, error.reason))
        self.active = now
        return None

    @property
    def _waits(self) -> bool:
        return self._attempts.ticket is not None

    def _follow(self, attempt: Attempt | None, now: float) -> Fault | None:
        """Try a server, wait for one, or go without."""
        attempts, request = self._attempts, self._request
        if attempt is not None:
            if request.connecting_at is None:
                request.connecting_at = now
            self._reach(attempt, self._idle)
            return None
        if attempts.ticket is not None:
            request.connecting_at = None
            self.waiting_since = now if self.waiting_since is None else self.waiting_since
            self._steps.append(AwaitServer(attempts.ticket))
            return None
        return Fault(503, attempts.ending)

    def _reach(self, attempt: Attempt, idle: float) -> None:
        self.engaged = True
        self.attempt = attempt
        self._request.server = attempt.server.name
        self._steps.append(Reach(attempt, idle))

    # The server -----------------------------------------------------------------------------------------------------

    def served(self, now: float) -> Fault | None:
        """The waiting is over: there is a server to try, or will not be one."""
        if not self._waits:
            return None
        return self._follow(self._attempts.served(), now)

    def connect_failed(self, failure: ConnectFailure, now: float) -> Fault | None:
        """The attempt failed."""
        self.engaged = False
        return self._follow(self._attempts.failed(failure), now)

    def connect_succeeded(self, now: float, header: bytes = b"", *, reused: bool) -> None:
        """The server's connection is there, and gets this first; `reused`: it has carried others before."""
        self.active = self._request.connected_at = now
        # A reload may have wanted the header while the request waited.
        self.keeps = self.keeps and not header
        self.up.begin(header, doubtful=reused)

    def received(self, data: bytes, now: float) -> Fault | None:
        """The server sent `data`, and the response was not complete."""
        self.active = now
        if self.up.doubtful:
            if data.startswith(_TIMED_OUT) and self._repeatable:
                self._repeat()
                return None
            self.up.settle()
        fault = self.down.received(data, now)
        if self.down.continued:
            self.up.wanted()
        return fault

    def closed(self, *, cleanly: bool) -> Fault | None:
        """The server closed its half (`cleanly`), or the connection is gone; the response was not complete."""
        self.engaged = cleanly
        if self.up.doubtful and self._repeatable:
            self._repeat()
            return None
        return self.down.closed(cleanly=cleanly)

    # What passes unread

    def haul(self) -> None:
        """Let long bodies pass unread from here on."""
        if self.up.connected:
            self.down.haul()
            self.up.haul()

    def hauled(self, side: Side, size: int, out: int, at: float) -> None:
        """So much of that side's body has passed unread, the last of it at that time."""
        self.active = max(self.active, at)
        if side is Side.SERVER:
            self.down.hauled(size, out)
        else:
            self.up.hauled(size)

    # A connection that was kept

    @property
    def _repeatable(self) -> bool:
        """Whether the request may be sent once more: nothing of an answer came.

        RFC 9110 section 9.2.2: "a client can automatically retry an idempotent request after a communication failure
        ... before the client is able to read the server's response"; others only where no server can have got it all.
        """
        return self._idempotent or not self.up.done

    def _repeat(self) -> None:
        """The server gave the kept connection up, as it may: the same again, on a new one."""
        if self.engaged:
            self._steps.append(httpsteps.RESET_SERVER)
        self.up.take_back()
        self._reach(self.attempt._replace(after=0.0), 0.0)

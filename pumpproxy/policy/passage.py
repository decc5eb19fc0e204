"""Where one connection on a `tls` or `tcp` frontend stands: what is known of it, where it is led, and how it ends.

`session` is the same with its facts: that alone is used from outside. May not: see a socket, a clock or a timer.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from pumpproxy.model import Action
from pumpproxy.policy import pages
from pumpproxy.policy.attempts import Attempts
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.records import session_record
from pumpproxy.policy.sniff import Kind
from pumpproxy.policy.steps import ABANDON, RESET, WAIT, Await, Connect, Refuse
from pumpproxy.wire.alert import AlertDescription, alert_record

if TYPE_CHECKING:
    from pumpproxy.model import Target
    from pumpproxy.policy.attempts import Attempt
    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.records import Arrived, ClientAddress, SessionRecord
    from pumpproxy.policy.runtime import FrontendState, Runtime
    from pumpproxy.policy.serverstate import ServerState
    from pumpproxy.policy.sniff import Sniffer
    from pumpproxy.policy.sources import Source
    from pumpproxy.policy.steps import Abandon, Step, Wait
    from pumpproxy.wire.clienthello import ClientHello

MAX_ALPN_KEPT = 16
"""Protocol names; browsers offer two or three."""

_UNRECOGNIZED = alert_record(AlertDescription.UNRECOGNIZED_NAME)
INTERNAL_ERROR = alert_record(AlertDescription.INTERNAL_ERROR)


class Stage(enum.Enum):
    """Where a session is."""

    SNIFFING = enum.auto()
    WAITING = enum.auto()
    """In a queue."""
    CONNECTING = enum.auto()
    RELAYING = enum.auto()
    OVER = enum.auto()


_PHASES = {
    Stage.SNIFFING: Phase.REQUEST,
    Stage.WAITING: Phase.QUEUE,
    Stage.CONNECTING: Phase.CONNECT,
    Stage.RELAYING: Phase.DATA,
}


class Passage:
    """One connection. Times are seconds of one monotonic clock."""

    __slots__ = (
        "_client_finished", "_early", "_first", "_runtime", "_sniffer", "_source", "attempts", "bytes_in", "bytes_out",
        "client", "connected_at", "connecting_at", "detail", "frontend", "hello", "local", "outcome", "phase", "pool",
        "routed_at", "server", "stage", "started", "unique_id", "waiting_since",
    )  # fmt: skip

    def __init__(self, runtime: Runtime, frontend: FrontendState, client: ClientAddress, now: float) -> None:
        self._runtime = runtime
        self.frontend = frontend
        self.client = client
        # Of these only a server's PROXY header tells, and whoever sends it asks the kernel for them.
        self.local: ClientAddress | None = None
        self.unique_id = b""
        self.started = now
        self.stage = Stage.SNIFFING
        # What was received before the relay: the first segment, if the hello lay whole in it, else all that the
        # sniffer has read; then what came while we connect.
        self._first = b""
        self._sniffer: Sniffer | None = None
        self._early: bytearray | None = None
        self._client_finished = False
        # Where it counts, on a frontend that limits sources.
        self._source: Source | None = None
        self.attempts: Attempts | None = None
        self.pool: Pool | None = None
        # The one that was tried last; once connected, without attempts that there is anything to say of.
        self.server: ServerState | None = None
        self.hello: ClientHello | None = None
        self.outcome: Outcome | None = None
        self.phase = Phase.REQUEST
        self.detail = ""
        self.routed_at: float | None = None
        self.waiting_since: float | None = None
        """When it first had to wait for a server."""
        self.connecting_at: float | None = None
        self.connected_at: float | None = None
        self.bytes_in = 0
        self.bytes_out = 0

    def introduced(self, arrived: Arrived) -> None:
        """A PROXY header told of the client, and took its time."""
        self.started, self.local, self.unique_id = arrived

    def release(self) -> None:
        """Both connections are gone: the session counts nowhere any more. Called once."""
        if self.attempts is not None:
            self.attempts.release()
        elif self.server is not None and self.pool is not None:
            self.pool.leave(self.server)
        if self._source is not None:
            self._source.leave()

    def close(self, now: float, wall: float) -> SessionRecord:
        """Release it, and tell all that there is to say."""
        attempts, server = self.attempts, self.server
        counts = server is not None if attempts is None else attempts.counts
        load = self._runtime.load(self.frontend, self.pool, server, counts=counts)
        self.release()
        return session_record(self, load, now, wall)

    # Decisions ------------------------------------------------------------------------------------------------------

    def _route(self, hello: ClientHello, now: float) -> Step:
        # What is kept for the log is bounded: a legal hello may offer ten thousand protocols.
        self.hello = hello if len(hello.alpn) <= MAX_ALPN_KEPT else hello._replace(alpn=hello.alpn[:MAX_ALPN_KEPT])
        return self._take(self.frontend.target(hello), hello.server_name, now)

    def _not_tls(self, kind: Kind, now: float) -> Step:
        target = self.frontend.declared.not_tls
        # A backend whose servers believe us must not be told by a client whom it comes from.
        if isinstance(target, str) and kind is not Kind.PROXY:
            return self._take(target, None, now)
        reply = b""
        if kind is Kind.HTTP and target is not Action.DROP:
            reply = pages.explain_tls() if target is Action.EXPLAIN else pages.error_page(421)
        return self._refuse(reply, Outcome.NOT_TLS, self.detail)

    def _take(self, target: Target, name: str | None, now: float, refused: Outcome = Outcome.REFUSED) -> Step:
        """Do what a route or a policy says."""
        if isinstance(target, str):
            self.routed_at = now
            self.pool = self.frontend.pools[target]
            self.attempts = Attempts(self.pool, name, client=self.client.host)
            return self._follow(self.attempts, self.attempts.first(), now)
        if target is Action.REJECT and self.frontend.tls:
            return self._refuse(_UNRECOGNIZED, refused, self.detail)
        return self._refuse(b"", refused, self.detail)

    def _follow(self, attempts: Attempts, attempt: Attempt | None, now: float) -> Step:
        """Try a server, wait for one, or go without."""
        if attempt is not None:
            self.stage = Stage.CONNECTING
            self.phase = Phase.CONNECT
            if self.connecting_at is None:
                self.connecting_at = now
            self.server = attempt.server
            return Connect(attempt)
        if attempts.ticket is not None:
            self.stage = Stage.WAITING
            self.phase = Phase.QUEUE
            self.connecting_at = None
            if self.waiting_since is None:
                self.waiting_since = now
            return Await(attempts.ticket)
        ending = attempts.ending
        return self._nobody(ending.outcome, ending.detail, ending.phase)

    def _nobody(self, outcome: Outcome, detail: str, phase: Phase) -> Step:
        if self.hello is not None:
            return self._refuse(INTERNAL_ERROR, outcome, detail, phase)
        self._end(outcome, detail, phase)
        return RESET

    def _refuse(self, reply: bytes, outcome: Outcome, detail: str, phase: Phase | None = None) -> Step:
        if self.stage is Stage.OVER:
            return WAIT
        self.bytes_out += len(reply)
        self._end(outcome, detail, phase)
        return Refuse(reply)

    def _abandon(self, outcome: Outcome) -> Wait | Abandon:
        if self.stage is Stage.OVER:
            return WAIT
        self._end(outcome, self.detail)
        return ABANDON

    def _end(self, outcome: Outcome, detail: str, phase: Phase | None = None) -> None:
        if self.outcome is None:
            self.outcome = outcome
            self.detail = detail
            self.phase = phase or _PHASES.get(self.stage, Phase.DONE)
        if self.attempts is not None and self.stage is not Stage.RELAYING:
            # No server has anything of it: its place is for those who wait, however long its last words take.
            self.attempts.release()
        self.stage = Stage.OVER
        self._let_go()

    def _let_go(self) -> None:
        """What was received is needed here no more."""
        self._first = b""
        self._sniffer = None
        self._early = None

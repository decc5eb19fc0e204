"""One connection on a `tls` or `tcp` frontend, from accept to log line: each fact, in the past tense, returns a Step.

    accept -> sniff -> route -> pick -> connect -> relay -> log

May not: see a socket, a clock or a timer. `flow.front` does what a Step says, and nothing else. After `Refuse`,
`Reset` or `Abandon` the session is over: its outcome stands, and further facts change nothing.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from pumpproxy.model import Action
from pumpproxy.policy import pages
from pumpproxy.policy.attempts import Attempts, ConnectFailure
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.records import session_record
from pumpproxy.policy.sniff import Kind, Sniffer, SniffRefused
from pumpproxy.policy.steps import ABANDON, PAUSE, RESET, WAIT, Connect, Refuse, StartRelay
from pumpproxy.wire.alert import AlertDescription, alert_record
from pumpproxy.wire.wholehello import read_whole

if TYPE_CHECKING:
    from pumpproxy.model import Target
    from pumpproxy.policy.attempts import Attempt
    from pumpproxy.policy.pool import Pool, ServerState
    from pumpproxy.policy.records import ClientAddress, SessionRecord
    from pumpproxy.policy.runtime import FrontendState, Runtime
    from pumpproxy.policy.steps import Step
    from pumpproxy.wire.clienthello import ClientHello

MAX_EARLY = 64 * 1024
"""Bytes taken from a client beyond its hello while we connect; then its reading pauses (Twisted's own buffer size)."""
MAX_ALPN_KEPT = 16
"""Protocol names; browsers offer two or three."""
STALL_SIZE = 256 * 1024
"""A hello that holds more than this must go on growing..."""
STALL_TIME = 1.0
"""...at least once in so many seconds."""

_UNRECOGNIZED = alert_record(AlertDescription.UNRECOGNIZED_NAME)
_INTERNAL = alert_record(AlertDescription.INTERNAL_ERROR)


class Stage(enum.Enum):
    """Where a session is."""

    SNIFFING = enum.auto()
    CONNECTING = enum.auto()
    RELAYING = enum.auto()
    OVER = enum.auto()


_FAILURES = {ConnectFailure.TIMED_OUT: Outcome.CONNECT_TIMEOUT, ConnectFailure.RESOURCES: Outcome.OVERLOAD}
_PHASES = {Stage.SNIFFING: Phase.REQUEST, Stage.CONNECTING: Phase.CONNECT, Stage.RELAYING: Phase.DATA}


class Session:
    """Every fact of one connection. Times are seconds of one monotonic clock."""

    __slots__ = (
        "_client_finished", "_early", "_first", "_runtime", "_sniffer", "attempts", "bytes_in", "bytes_out", "client",
        "connected_at", "connecting_at", "detail", "frontend", "hello", "outcome", "phase", "pool", "server", "stage",
        "started",
    )  # fmt: skip

    def __init__(self, runtime: Runtime, frontend: FrontendState, client: ClientAddress, now: float) -> None:
        self._runtime = runtime
        self.frontend = frontend
        self.client = client
        self.started = now
        self.stage = Stage.SNIFFING
        # What was received before the relay: the first segment, if the hello lay whole in it, else all that the
        # sniffer has read; then what came while we connect.
        self._first = b""
        self._sniffer: Sniffer | None = None
        self._early: bytearray | None = None
        self._client_finished = False
        self.attempts: Attempts | None = None
        self.pool: Pool | None = None
        # The one that was tried last; once connected, without attempts that there is anything to say of.
        self.server: ServerState | None = None
        self.hello: ClientHello | None = None
        self.outcome: Outcome | None = None
        self.phase = Phase.REQUEST
        self.detail = ""
        self.connecting_at: float | None = None
        self.connected_at: float | None = None
        self.bytes_in = 0
        self.bytes_out = 0

    # Facts ----------------------------------------------------------------------------------------------------------

    def opened(self, now: float) -> Step:
        """The client's connection is there. A `tcp` frontend asks nothing of the client, and connects."""
        return (
            WAIT if self.frontend.tls else self._take(self.frontend.declared.default_backend or Action.DROP, None, now)
        )

    def received(self, data: bytes, now: float) -> Step:
        """The client sent `data`, before the relay has started."""
        stage = self.stage
        if stage is Stage.OVER:
            return WAIT
        self.bytes_in += len(data)
        if stage is Stage.SNIFFING and self.frontend.tls:
            hello = read_whole(data) if self._sniffer is None else None
            if hello is None:
                return self._sniff(data, now)
            self._first = data
            return self._route(hello, now)
        if stage is Stage.CONNECTING:
            if self._early is None:
                self._early = bytearray()
            self._early += data
            return PAUSE if len(self._early) > MAX_EARLY else WAIT
        return WAIT

    def _sniff(self, data: bytes, now: float) -> Step:
        """A hello that came in pieces, or is none: read as far as it is there."""
        sniffer = self._sniffer
        if sniffer is None:
            sniffer = self._sniffer = Sniffer()
        sniffer.heard = now
        sniffed = sniffer.feed(data)
        if sniffed is None:
            return WAIT
        if isinstance(sniffed, SniffRefused):
            return self._refuse(alert_record(sniffed.alert), Outcome.BAD_HELLO, sniffed.reason)
        if sniffed.hello is None:
            self.detail = sniffed.kind.value
            return self._not_tls(sniffed.kind, now)
        return self._route(sniffed.hello, now)

    def finished(self) -> Step:
        """The client closed its half, before the relay has started.

        While we connect that is a goodbye from a TLS client, which has not even read a ServerHello; from any other it
        may end a whole request, where there is one.
        """
        if self.stage is Stage.CONNECTING and self.hello is None and self.bytes_in:
            self._client_finished = True
            return WAIT
        return self._abandon(Outcome.CLIENT_LEFT)

    def lost(self) -> Step:
        """The client's connection is gone, before the relay has started."""
        return self._abandon(Outcome.CLIENT_LEFT)

    def deadline(self) -> float | None:
        """When a hello must be complete; None after it was."""
        if self.stage is not Stage.SNIFFING or not self.frontend.tls:
            return None
        end = self.started + self.frontend.declared.inspect_delay
        sniffer = self._sniffer
        if sniffer is not None and sniffer.held > STALL_SIZE:
            end = min(end, sniffer.heard + STALL_TIME)
        return end

    def deadline_passed(self, now: float) -> Step:
        """The deadline has passed without a complete hello: the frontend's `silent` policy."""
        if self.stage is not Stage.SNIFFING:
            return WAIT
        self.detail = "no complete hello in time"
        return self._take(self.frontend.declared.silent, None, now, Outcome.CLIENT_SILENT)

    def evicted(self) -> Step:
        """All unfinished hellos hold too much, and this one the most."""
        return self._refuse(_INTERNAL, Outcome.OVERLOAD, "unfinished hellos hold too much memory")

    def connected(self, now: float) -> Step:
        """The server's connection is there."""
        if self.stage is not Stage.CONNECTING:
            return ABANDON
        self.stage = Stage.RELAYING
        self.phase = Phase.DATA
        self.connected_at = now
        preamble = self._first if self._sniffer is None else self._sniffer.raw
        if self._early is not None:
            preamble += self._early
        self._let_go()
        if self.attempts is not None and not self.attempts.retries:
            self.attempts = None
        return StartRelay(preamble, self._client_finished)

    def connect_failed(self, failure: ConnectFailure) -> Step:
        """The attempt failed."""
        if self.stage is not Stage.CONNECTING or self.attempts is None:
            return WAIT
        attempt = self.attempts.failed(failure)
        if attempt is not None:
            return self._connect(attempt)
        return self._nobody(_FAILURES.get(failure, Outcome.CONNECT_FAILED), failure.value)

    def relayed(self, bytes_in: int, bytes_out: int, outcome: Outcome, phase: Phase) -> None:
        """The relay is over, after so many bytes from and to the client (those of the preamble included)."""
        self.bytes_in = bytes_in
        self.bytes_out = bytes_out
        self._end(outcome, "", phase)

    def shut_down(self) -> Step:
        """The service ends, before the relay has started."""
        return self._abandon(Outcome.SHUTDOWN)

    def failed(self, detail: str) -> None:
        """A defect of ours ended the connection."""
        self._end(Outcome.INTERNAL, detail)

    @property
    def held(self) -> int:
        """Bytes of a hello that is not complete."""
        return self._sniffer.held if self.stage is Stage.SNIFFING and self._sniffer is not None else 0

    def release(self) -> None:
        """Both connections are gone: the session counts nowhere any more. Called once."""
        if self.attempts is not None:
            self.attempts.release()
        elif self.server is not None and self.pool is not None:
            self.pool.leave(self.server)

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
        if isinstance(target, str):
            return self._take(target, None, now)
        reply = b""
        if kind is Kind.HTTP and target is not Action.DROP:
            reply = pages.explain_tls() if target is Action.EXPLAIN else pages.error_page(421)
        return self._refuse(reply, Outcome.NOT_TLS, self.detail)

    def _take(self, target: Target, name: str | None, now: float, refused: Outcome = Outcome.REFUSED) -> Step:
        """Do what a route or a policy says."""
        if isinstance(target, str):
            self.connecting_at = now
            self.pool = self.frontend.pools[target]
            self.attempts = Attempts(self.pool, name)
            attempt = self.attempts.first()
            if attempt is None:
                return self._nobody(Outcome.NO_SERVER, "no server to try")
            return self._connect(attempt)
        if target is Action.REJECT and self.frontend.tls:
            return self._refuse(_UNRECOGNIZED, refused, self.detail)
        return self._refuse(b"", refused, self.detail)

    def _connect(self, attempt: Attempt) -> Step:
        self.stage = Stage.CONNECTING
        self.phase = Phase.CONNECT
        self.server = attempt.server
        return Connect(attempt)

    def _nobody(self, outcome: Outcome, detail: str) -> Step:
        self.stage = Stage.CONNECTING
        if self.hello is not None:
            return self._refuse(_INTERNAL, outcome, detail)
        self._end(outcome, detail)
        return RESET

    def _refuse(self, reply: bytes, outcome: Outcome, detail: str) -> Step:
        if self.stage is Stage.OVER:
            return WAIT
        self.bytes_out += len(reply)
        self._end(outcome, detail)
        return Refuse(reply)

    def _abandon(self, outcome: Outcome) -> Step:
        if self.stage is Stage.OVER:
            return WAIT
        self._end(outcome, self.detail)
        return ABANDON

    def _end(self, outcome: Outcome, detail: str, phase: Phase | None = None) -> None:
        if self.outcome is None:
            self.outcome = outcome
            self.detail = detail
            self.phase = phase or _PHASES.get(self.stage, Phase.DONE)
        self.stage = Stage.OVER
        self._let_go()

    def _let_go(self) -> None:
        """What was received is needed here no more."""
        self._first = b""
        self._sniffer = None
        self._early = None

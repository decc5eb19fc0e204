"""One connection on a `tls` or `tcp` frontend, from accept to log line: each fact, in the past tense, returns a Step.

    accept -> sniff -> route -> pick -> wait -> connect -> relay -> log

May not: see a socket, a clock or a timer. `flow.front` does what a Step says, and nothing else. After `Refuse`,
`Reset` or `Abandon` the session is over: its outcome stands, and further facts change nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.model import Action
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.passage import INTERNAL_ERROR, Passage, Stage
from pumpproxy.policy.preamble import header_for
from pumpproxy.policy.sniff import Sniffer, SniffRefused
from pumpproxy.policy.sources import Refusal
from pumpproxy.policy.steps import ABANDON, PAUSE, RESET, WAIT, StartRelay
from pumpproxy.wire.alert import alert_record
from pumpproxy.wire.wholehello import read_whole

if TYPE_CHECKING:
    from pumpproxy.policy.attempts import ConnectFailure
    from pumpproxy.policy.steps import Step

MAX_EARLY = 64 * 1024
"""Bytes taken from a client beyond its hello while we connect; then its reading pauses (Twisted's own buffer size)."""
STALL_SIZE = 256 * 1024
"""A hello that holds more than this must go on growing..."""
STALL_TIME = 1.0
"""...at least once in so many seconds."""

_UNDER_WAY = (Stage.WAITING, Stage.CONNECTING)


class Session(Passage):
    """The facts of one connection. Times are seconds of one monotonic clock."""

    __slots__ = ()

    def opened(self, now: float) -> Step:
        """The client's connection is there. A `tcp` frontend asks nothing of the client, and connects.

        One too many of its source is reset: no word, so that it costs next to nothing, and leaves nothing behind.
        """
        sources = self.frontend.sources
        if sources is not None:
            arrived = sources.arrive(self.client.host, now)
            if isinstance(arrived, Refusal):
                self._end(Outcome.TOO_MANY, arrived.detail)
                return RESET
            self._source = arrived
        if self.frontend.tls:
            return WAIT
        return self._take(self.frontend.declared.default_backend or Action.DROP, None, now)

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
        if stage is Stage.CONNECTING or stage is Stage.WAITING:
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

        While we wait or connect that is a goodbye from a TLS client, which has not even read a ServerHello; from any
        other it may end a whole request, where there is one.
        """
        if self.stage in _UNDER_WAY and self.hello is None and self.bytes_in:
            self._client_finished = True
            return WAIT
        return self._abandon(Outcome.CLIENT_LEFT)

    def lost(self) -> Step:
        """The client's connection is gone, before the relay has started."""
        return self._abandon(Outcome.CLIENT_LEFT)

    def deadline(self) -> float | None:
        """When a hello must be complete, or a server to be had; None while nothing of that is waited for."""
        if self.stage is Stage.WAITING:
            if self.pool is None or self.waiting_since is None:
                return None
            return self.waiting_since + self.pool.backend.timeout_queue
        if self.stage is not Stage.SNIFFING or not self.frontend.tls:
            return None
        end = self.started + self.frontend.declared.inspect_delay
        sniffer = self._sniffer
        if sniffer is not None and sniffer.held > STALL_SIZE:
            end = min(end, sniffer.heard + STALL_TIME)
        return end

    def deadline_passed(self, now: float) -> Step:
        """It has: without a complete hello the frontend's `silent` policy follows, without a server the end."""
        if self.stage is Stage.WAITING:
            return self._nobody(Outcome.QUEUE_TIMEOUT, "no server had a place in time", Phase.QUEUE)
        if self.stage is not Stage.SNIFFING:
            return WAIT
        self.detail = "no complete hello in time"
        return self._take(self.frontend.declared.silent, None, now, Outcome.CLIENT_SILENT)

    def evicted(self) -> Step:
        """All hellos that are unfinished or wait hold too much, and this one the most."""
        detail = "hellos hold too much memory"
        if self.stage is Stage.WAITING:
            return self._nobody(Outcome.OVERLOAD, detail, Phase.QUEUE)
        return self._refuse(INTERNAL_ERROR, Outcome.OVERLOAD, detail)

    def served(self, now: float) -> Step:
        """The ticket is: there is a server to try, or will not be one."""
        if self.stage is not Stage.WAITING or self.attempts is None:
            return WAIT
        return self._follow(self.attempts, self.attempts.served(), now)

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
        header = b""
        if self.server is not None:
            header = header_for(self.server, self.client, self.local, self.unique_id, self.hello)
        if self.attempts is not None and not self.attempts.retries and self.waiting_since is None:
            self.attempts = None
        return StartRelay(preamble, self._client_finished, header)

    def connect_failed(self, failure: ConnectFailure, now: float) -> Step:
        """The attempt failed."""
        if self.stage is not Stage.CONNECTING or self.attempts is None:
            return WAIT
        return self._follow(self.attempts, self.attempts.failed(failure), now)

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
        """Bytes of a hello that is not complete, or waits for a server with what came behind it."""
        if self.stage is Stage.WAITING:
            early = len(self._early) if self._early is not None else 0
            return len(self._first) + early + (self._sniffer.held if self._sniffer is not None else 0)
        return self._sniffer.held if self.stage is Stage.SNIFFING and self._sniffer is not None else 0

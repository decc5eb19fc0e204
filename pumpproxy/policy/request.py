"""All that is known of one request, from its first byte to its log line.

May not: decide anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.records import RequestRecord, queued

if TYPE_CHECKING:
    from pumpproxy.policy.attempts import Attempts
    from pumpproxy.policy.persistence import Persistence
    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.records import ClientAddress
    from pumpproxy.policy.runtime import FrontendState, Runtime


class Head(Protocol):
    """As much of a request's head as its record tells."""

    @property
    def method(self) -> bytes:
        """As on the wire."""

    @property
    def line(self) -> bytes:
        """The request line, without its end."""

    @property
    def host(self) -> str | None:
        """As `RequestHead` has it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a request ended. `detail` is one phrase of ours, empty where the outcome says it all."""

    outcome: Outcome
    phase: Phase
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a request cannot go on; `status` is what its client is told, unless a response has begun already."""

    status: int
    ending: Ending


COMPLETED = Ending(Outcome.COMPLETED, Phase.DONE)


class Request:
    """One request's facts. Times are seconds of one monotonic clock; what was not reached is None."""

    __slots__ = (
        "answered_at",
        "attempts",
        "bytes_in",
        "bytes_out",
        "client",
        "connected_at",
        "connecting_at",
        "head",
        "head_at",
        "persistence",
        "pool",
        "routed_at",
        "server",
        "started",
        "status",
    )

    def __init__(self, started: float, client: str = "") -> None:
        """`client`: its address."""
        self.started = started
        self.client = client
        self.head: Head | None = None
        self.head_at: float | None = None
        self.pool: Pool | None = None
        self.attempts: Attempts | None = None
        self.persistence: Persistence | None = None
        """Of a backend with a `cookie`."""
        self.server: str | None = None
        """The name of the last one tried."""
        self.routed_at: float | None = None
        self.connecting_at: float | None = None
        self.connected_at: float | None = None
        self.answered_at: float | None = None
        """The end of the server's response head."""
        self.status: int | None = None
        self.bytes_in = 0
        self.bytes_out = 0

    @property
    def bodiless(self) -> bool:
        """Whether the answer must have no body (RFC 9110, section 9.3.2)."""
        return self.head is not None and self.head.method == b"HEAD"

    def record(
        self,
        ending: Ending,
        runtime: Runtime,
        frontend: FrontendState,
        client: ClientAddress,
        now: float,
        epoch: float,
    ) -> RequestRecord:
        """All there is to say at its end; `epoch` is the wall clock less `now`."""
        head, pool, attempts, persistence = self.head, self.pool, self.attempts, self.persistence
        return RequestRecord(
            client=client,
            frontend=frontend.declared.name,
            backend=pool.backend.name if pool is not None else None,
            server=self.server,
            outcome=ending.outcome,
            phase=ending.phase,
            started=self.started + epoch,
            queued=queued(self.routed_at, self.connecting_at, now),
            connected=_between(self.connecting_at, self.connected_at),
            total=now - self.started,
            bytes_in=self.bytes_in,
            bytes_out=self.bytes_out,
            load=runtime.load(
                frontend,
                pool,
                attempts.server if attempts is not None else None,
                counts=attempts is not None and attempts.counts,
            ),
            retries=attempts.retries if attempts is not None else 0,
            redispatched=attempts is not None and attempts.redispatched,
            server_queue=attempts.server_queue if attempts is not None else 0,
            backend_queue=attempts.backend_queue if attempts is not None else 0,
            detail=ending.detail,
            request_time=_between(self.started, self.head_at),
            response_time=_between(self.connected_at, self.answered_at),
            status=self.status,
            request_line=head.line if head is not None else None,
            host=head.host if head is not None else None,
            cookie_asked=None if persistence is None else persistence.asked,
            cookie_answered=None if persistence is None else persistence.answered,
        )


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else end - start

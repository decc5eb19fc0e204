"""What is known of an ended connection or request, for its log line and the counters.

Times are in seconds of a monotonic clock, as differences; None where the stage was never reached. Text that a peer
chose is held as bytes, or is canonical already: whoever writes it down escapes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pumpproxy.policy.outcome import Outcome, Phase
    from pumpproxy.wire.clienthello import ClientHello


class ClientAddress(NamedTuple):
    """Who connected: an IP address as text (IPv4-mapped ones as IPv4) and its port; `unix` and 0 for a unix socket."""

    host: str
    port: int


class Load(NamedTuple):
    """Connections when the line was made: of the process, frontend, backend and server.

    This one counts in the first two only, as in HAProxy's lines.
    """

    process: int
    frontend: int
    backend: int
    server: int


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One relayed (or refused) connection, or one request (`RequestRecord`)."""

    client: ClientAddress
    frontend: str
    backend: str | None
    server: str | None
    outcome: Outcome
    phase: Phase
    started: float
    """Wall clock, seconds since the epoch: the accept, or the first byte of a later request."""
    queued: float | None
    connected: float | None
    """From the first attempt to the established connection."""
    total: float
    bytes_in: int
    """From the client."""
    bytes_out: int
    """To the client."""
    load: Load
    retries: int
    redispatched: bool
    detail: str
    """One phrase on the outcome, ours (never a peer's bytes); empty where the word says it all."""
    hello: ClientHello | None = None


@dataclass(frozen=True, slots=True)
class RequestRecord(SessionRecord):
    """One request on an http frontend."""

    request_time: float | None = None
    """From its first byte (the accept, for the first) to the end of its head: HAProxy's TR."""
    response_time: float | None = None
    """From the established connection to the end of the response's head: Tr."""
    status: int | None = None
    """As sent to the client; None where nothing was."""
    request_line: bytes | None = None
    """As received, without line end; None where unreadable."""
    host: str | None = None

"""What is known of an ended connection or request, for its log line and the counters.

Times are in seconds of a monotonic clock, as differences; None where the stage was never reached. Text that a peer
chose is held as bytes, or is canonical already: whoever writes it down escapes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pumpproxy.policy.outcome import Outcome

if TYPE_CHECKING:
    from pumpproxy.policy.outcome import Phase
    from pumpproxy.policy.passage import Passage
    from pumpproxy.policy.persistence import Answered, Asked
    from pumpproxy.wire.clienthello import ClientHello


class ClientAddress(NamedTuple):
    """Who connected: an IP address as text (IPv4-mapped ones as IPv4) and its port; `unix` and 0 for a unix socket."""

    host: str
    port: int


class Arrived(NamedTuple):
    """How a client came, where a header of the PROXY protocol had to be read first."""

    at: float
    """When it was accepted."""
    local: ClientAddress | None = None
    """Where it had connected to; None: to our own address, or to a unix socket."""
    unique_id: bytes = b""
    """What its connection is called; empty: nothing yet."""


class Load(NamedTuple):
    """Connections when the line was made: of the process, frontend, backend and server.

    This one counts in the first two only, as in HAProxy's lines.
    """

    process: int
    frontend: int
    backend: int
    server: int


# Not frozen: that would cost a connection as much as its two largest system calls do. Nobody changes them.
@dataclass(slots=True)
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
    """From the routing to the attempt, or to the end where there was none: waiting for a server, and retries before."""
    connected: float | None
    """From the first attempt after the last waiting to the established connection."""
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
    server_queue: int = 0
    """Those who were before it in the queue for its server, when it came there."""
    backend_queue: int = 0
    """... for any server of its backend."""
    unique_id: bytes = b""
    """What headers of the PROXY protocol, ours or the one that was received, call the client's connection."""


def queued(routed: float | None, connecting: float | None, now: float) -> float | None:
    """How long it waited for a server."""
    return None if routed is None else max(0.0, (now if connecting is None else connecting) - routed)


def session_record(session: Passage, load: Load, now: float, wall: float) -> SessionRecord:
    """That of a session which is over, as it stands."""
    attempts, server = session.attempts, session.server
    total = max(0.0, now - session.started)
    connecting, connected = session.connecting_at, session.connected_at
    return SessionRecord(
        client=session.client,
        frontend=session.frontend.declared.name,
        backend=session.pool.backend.name if session.pool is not None else None,
        server=server.name if server is not None else None,
        outcome=session.outcome or Outcome.INTERNAL,
        phase=session.phase,
        started=wall - total,
        queued=queued(session.routed_at, connecting, now),
        connected=None if connecting is None or connected is None else max(0.0, connected - connecting),
        total=total,
        bytes_in=session.bytes_in,
        bytes_out=session.bytes_out,
        load=load,
        retries=attempts.retries if attempts is not None else 0,
        redispatched=attempts.redispatched if attempts is not None else False,
        detail=session.detail,
        hello=session.hello,
        server_queue=attempts.server_queue if attempts is not None else 0,
        backend_queue=attempts.backend_queue if attempts is not None else 0,
        unique_id=session.unique_id,
    )


@dataclass(slots=True)
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
    cookie_asked: Asked | None = None
    """None where the backend has no `cookie`, or where there was none; so for the next."""
    cookie_answered: Answered | None = None

"""What an exchange wants done next: imperatives, as values. `flow.httpfront` is one exhaustive match over them.

They are done in order; what doing one brings about is told as a fact, and its steps come behind those that are left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pumpproxy.policy.attempts import Attempt
    from pumpproxy.policy.queue import Ticket
    from pumpproxy.policy.records import RequestRecord


@dataclass(frozen=True, slots=True)
class Reach:
    """A connection to the attempt's server: one that was kept, if there is one, else connect. Tell what came of it."""

    attempt: Attempt
    idle: float
    """Seconds that a kept one may have been idle at most; 0: none, only a new one will do."""


@dataclass(frozen=True, slots=True)
class AwaitServer:
    """Wait in a queue; tell `served` once the ticket is."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class SendServer:
    """Write this to the server's connection; tell `server_full` and `server_ready` where it does not keep up."""

    data: bytes


@dataclass(frozen=True, slots=True)
class SendClient:
    """Write this to the client's connection; tell `client_full` and `client_ready` where it does not keep up."""

    data: bytes


@dataclass(frozen=True, slots=True)
class LeaveServer:
    """All was said and heard: let the server close, who was told to; its connection is of no more interest."""


@dataclass(frozen=True, slots=True)
class KeepServer:
    """All was said and heard, and the connection is good for another request, whoever's."""

    private: bool = False
    """Of this client alone: the server knows it by its connection."""


@dataclass(frozen=True, slots=True)
class ResetServer:
    """Reset the server's connection, or give up the attempt; either is of no more interest."""


@dataclass(frozen=True, slots=True)
class PauseClient:
    """Read no more from the client."""


@dataclass(frozen=True, slots=True)
class ResumeClient:
    """Read from the client again."""


@dataclass(frozen=True, slots=True)
class PauseServer:
    """Read no more from the server."""


@dataclass(frozen=True, slots=True)
class ResumeServer:
    """Read from the server again."""


@dataclass(frozen=True, slots=True)
class HaulDown:
    """So much of the response may pass unread; tell `hauled` of what does so. The rest is told as ever."""

    size: int | None
    """Bytes; None: until the server closes."""
    chunked: bool
    """As chunks of any size."""


@dataclass(frozen=True, slots=True)
class HaulUp:
    """As `HaulDown`, of the request's body."""

    size: int


@dataclass(frozen=True, slots=True)
class DrainClient:
    """Tell `client_drained` when everything written to the client has left our buffer."""


@dataclass(frozen=True, slots=True)
class FinishClient:
    """Give the client these last words (b"" for none), see that they arrive, close."""

    reply: bytes


@dataclass(frozen=True, slots=True)
class ResetClient:
    """Reset the client's connection."""


@dataclass(frozen=True, slots=True)
class StartTunnel:
    """From here on it is bytes both ways, beginning with these; tell `tunnel_ended`."""

    to_server: bytes
    to_client: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """A request is over: this is to be told to the sink."""

    record: RequestRecord


HttpStep = (
    Reach
    | AwaitServer
    | SendServer
    | SendClient
    | LeaveServer
    | KeepServer
    | ResetServer
    | PauseClient
    | ResumeClient
    | PauseServer
    | ResumeServer
    | HaulDown
    | HaulUp
    | DrainClient
    | FinishClient
    | ResetClient
    | StartTunnel
    | Ended
)

LEAVE_SERVER = LeaveServer()
KEEP_SERVER = KeepServer()
RESET_SERVER = ResetServer()
PAUSE_CLIENT = PauseClient()
RESUME_CLIENT = ResumeClient()
PAUSE_SERVER = PauseServer()
RESUME_SERVER = ResumeServer()
DRAIN_CLIENT = DrainClient()
RESET_CLIENT = ResetClient()

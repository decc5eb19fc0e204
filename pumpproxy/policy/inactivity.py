"""When a relay has been silent for too long, and who is to blame.

`timeout-client` and `timeout-server` hold until both sides have spoken, then `timeout-tunnel` alone, until one side
has closed its half: then `timeout-client-fin` and `timeout-server-fin`. A side that does not take what it is sent
(`stalled`) is blamed before one that cannot send because of it.
May not: see a connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pumpproxy.model import Backend, Frontend


@dataclass(frozen=True, slots=True)
class RelayTimeouts:
    """Seconds of inactivity."""

    client: float
    server: float
    tunnel: float
    client_fin: float
    server_fin: float

    @classmethod
    def of(cls, frontend: Frontend, backend: Backend) -> RelayTimeouts:
        """As the file says for this pair."""
        return cls(
            frontend.timeout_client,
            backend.timeout_server,
            frontend.timeout_tunnel,
            frontend.timeout_client_fin,
            backend.timeout_server_fin,
        )


class Side(Protocol):
    """What must be known of one side of a relay."""

    active: float
    """When it last sent, or took what it was sent."""
    bytes: int
    """That it sent."""
    finished: bool
    """It has closed its half."""
    stalled: bool
    """It has more to take than it takes."""
    gone: bool
    """Its connection is closed."""


def due(client: Side, server: Side, timeouts: RelayTimeouts) -> tuple[float, Side]:
    """When the relay must end unless something happens, and whose silence it is."""
    if not client.finished and not server.finished:
        if client.bytes and server.bytes:
            return max(client.active, server.active) + timeouts.tunnel, _to_blame(client, server)
        return _first(client, server, timeouts.client, timeouts.server)
    return _first(client, server, timeouts.client_fin, timeouts.server_fin)


def _to_blame(client: Side, server: Side) -> Side:
    """Whose silence it is where one time holds for both: the side that takes nothing, else the one silent longest."""
    if client.stalled != server.stalled:
        return client if client.stalled else server
    return client if client.active <= server.active else server


def _first(client: Side, server: Side, for_client: float, for_server: float) -> tuple[float, Side]:
    """The earlier of the sides that are waited for."""
    of_client = (client.active + for_client, client)
    of_server = (server.active + for_server, server)
    if _waited_for(client, server) and not (_waited_for(server, client) and of_server[0] < of_client[0]):
        return of_client
    return of_server


def _waited_for(side: Side, other: Side) -> bool:
    """Whether it is this side's turn: to take what it was sent, or else to send."""
    if side.gone:
        return False
    if side.stalled:
        return True
    return (not side.finished or other.finished) and (other.gone or not other.stalled)

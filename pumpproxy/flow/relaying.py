"""Which relay is used: in the kernel where both connections allow it, else the portable one.

Whether the system has the first is `relaykind`'s to say. May not: move bytes. Both relays behave alike; a test that
runs against one runs against the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pumpproxy.flow.relay import Relay
from pumpproxy.flow.socketstream import SocketStream
from pumpproxy.flow.splice import SpliceRelay

AnyRelay = Relay | SpliceRelay
"""They are told of and asked the same."""

if TYPE_CHECKING:
    from pumpproxy.flow.environment import Environment
    from pumpproxy.flow.stream import Stream
    from pumpproxy.policy.inactivity import RelayTimeouts


class Owner(Protocol):
    """Whose relay it is."""

    def relayed(self, relay: AnyRelay) -> None:
        """Both connections are closed; told once."""


def relay_between(
    environment: Environment, client: Stream, server: Stream, timeouts: RelayTimeouts, owner: Owner
) -> AnyRelay:
    """The relay for these two, not started yet. The one in the kernel takes the sockets away from their transports."""
    if (
        environment.poller is not None
        and isinstance(client, SocketStream)
        and isinstance(server, SocketStream)
        and client.can_detach
        and server.can_detach
    ):
        return SpliceRelay(environment, environment.poller, timeouts, owner)
    return Relay(environment.sweep, timeouts, owner.relayed)

"""Which relay is used: in the kernel where the system and both connections allow it, else the portable one.

May not: move bytes. Both relays behave alike; a test that runs against one runs against the other.
"""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING, Protocol

from pumpproxy.config.problems import ConfigError, Problem
from pumpproxy.flow.relay import Relay
from pumpproxy.flow.socketstream import SocketStream
from pumpproxy.flow.splice import SpliceRelay
from pumpproxy.model import RelayKind

AnyRelay = Relay | SpliceRelay
"""They are told of and asked the same."""

if TYPE_CHECKING:
    from pumpproxy.config.load import Loaded
    from pumpproxy.flow.environment import Environment
    from pumpproxy.flow.stream import Stream
    from pumpproxy.policy.inactivity import RelayTimeouts


class RelayUnavailableError(Exception):
    """The file asks for a relay that this system has not; its text is one line for a person."""


def kind_for(wanted: RelayKind) -> RelayKind:
    """SPLICE or PORTABLE, whichever this system has of what the file wants. Raises RelayUnavailableError."""
    has_splice = hasattr(os, "splice") and hasattr(select, "epoll")
    if wanted is RelayKind.SPLICE and not has_splice:
        message = "splice needs splice(2) and epoll(7), and this system has not both"
        raise RelayUnavailableError(message)
    return RelayKind.SPLICE if has_splice and wanted is not RelayKind.PORTABLE else RelayKind.PORTABLE


class Owner(Protocol):
    """Whose relay it is."""

    def relayed(self, relay: AnyRelay) -> None:
        """Both connections are closed; told once."""


def check_relay(loaded: Loaded) -> None:
    """Raise ConfigError where this system has not the relay that a file wants, before anything follows the file."""
    try:
        kind_for(loaded.config.relay)
    except RelayUnavailableError as error:
        place = loaded.relay
        hint = "write auto or portable"
        problem = Problem(loaded.config.source, place.line, place.section, place.key, str(error), hint)
        found = sorted((problem, *loaded.warnings), key=lambda each: each.line)
        raise ConfigError(tuple(found)) from error


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

"""From HTTP to bytes both ways, after a 101: the relay between a client and the server that switched.

May not: know what is spoken there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pumpproxy.flow.relaying import relay_between
from pumpproxy.policy.inactivity import RelayTimeouts

if TYPE_CHECKING:
    from pumpproxy.flow.environment import Environment
    from pumpproxy.flow.httpserver import HttpServer
    from pumpproxy.flow.relaying import AnyRelay, Owner
    from pumpproxy.flow.stream import Stream
    from pumpproxy.model import Backend, Frontend


def tunnel_between(
    environment: Environment, client: Stream, server: HttpServer, frontend: Frontend, backend: Backend, owner: Owner
) -> AnyRelay:
    """The relay between these two, not started yet; the server's connection is its end from now on."""
    # Both sides have spoken, in HTTP: timeout-tunnel holds from the start.
    timeouts = RelayTimeouts.of(frontend, backend)
    timeouts = replace(timeouts, client=timeouts.tunnel, server=timeouts.tunnel)
    client.unregisterProducer()
    relay = relay_between(environment, client, server.transport, timeouts, owner)
    server.tunnel(relay.server)
    return relay

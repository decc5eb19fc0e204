"""What reads a client, by what its frontend says at the moment of the accept.

May not: read anything itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.flow.front import FrontProtocol
from pumpproxy.flow.proxied import ProxiedFront
from pumpproxy.flow.straighthttp import StraightHttpFront
from pumpproxy.model import Mode
from pumpproxy.policy.introduction import must_introduce

if TYPE_CHECKING:
    from twisted.internet.protocol import Protocol

    from pumpproxy.flow.environment import Environment
    from pumpproxy.flow.httpfront import HttpFront
    from pumpproxy.policy.records import Arrived, ClientAddress
    from pumpproxy.policy.runtime import FrontendState


def build_front(environment: Environment, frontend: FrontendState, client: ClientAddress, port: int | None) -> Protocol:
    """What reads a client, by what the frontend says at the moment of the accept."""
    if must_introduce(frontend.declared, client):
        return ProxiedFront(environment, frontend, client, port, _introduced)
    return _introduced(environment, frontend, client, port)


def _introduced(
    environment: Environment,
    frontend: FrontendState,
    client: ClientAddress,
    port: int | None,
    arrived: Arrived | None = None,
) -> FrontProtocol | HttpFront:
    if frontend.declared.mode is Mode.HTTP:
        return StraightHttpFront(environment, frontend, client, port, arrived)
    return FrontProtocol(environment, frontend, client, arrived)

"""What a server's PROXY header tells of a client beyond its address: found out only where a server gets one.

May not: write a header.
"""

from __future__ import annotations

from secrets import token_urlsafe
from typing import TYPE_CHECKING, Protocol

from twisted.internet.address import IPv4Address, IPv6Address

from pumpproxy.flow.arrival import client_address
from pumpproxy.model import SendProxy

if TYPE_CHECKING:
    from pumpproxy.flow.stream import Stream
    from pumpproxy.policy.records import ClientAddress
    from pumpproxy.policy.serverstate import ServerState

ID_SIZE = 12
"""Bytes of chance in an ID, so that no two are alike; as few as that takes, since some servers read short headers only
(nginx 1.22, on its TLS addresses: 108 bytes)."""


class Known(Protocol):
    """What is known of a client."""

    local: ClientAddress | None
    unique_id: bytes


def introduce(known: Known, client: Stream, server: ServerState | None) -> None:
    """See that all is known that this server is told; what a header of its own told of the client stays."""
    version = None if server is None else server.declared.send_proxy
    if version is None:
        return
    if known.local is None:
        known.local = local_address(client)
    if version is SendProxy.V2 and not known.unique_id:
        # Text, since servers write it into their logs.
        known.unique_id = token_urlsafe(ID_SIZE).encode("ascii")


def local_address(transport: Stream) -> ClientAddress | None:
    """Ours, where the peer came to; None on a unix socket."""
    address: object = transport.getHost()
    return client_address((address.host, address.port)) if isinstance(address, IPv4Address | IPv6Address) else None

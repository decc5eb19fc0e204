"""The servers of a service: what one `server NAME = srv:...` line stands for, given what DNS says.

May not: know how DNS was asked, or what a server does.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import replace
from typing import TYPE_CHECKING

from pumpproxy.places import DnsAddress, SrvAddress, TcpAddress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pumpproxy.model import Backend, Server
    from pumpproxy.policy.names import Endpoint

HEAVIEST = 256
"""The greatest weight of a server; that of an SRV record may be 65535."""


def address_of(endpoint: Endpoint) -> TcpAddress | DnsAddress:
    """RFC 2782 wants a name with addresses of its own; an IPv4 address in its place is taken for what it plainly is."""
    try:
        return TcpAddress(str(ipaddress.IPv4Address(endpoint.host)), endpoint.port)
    except ValueError:
        return DnsAddress(endpoint.host, endpoint.port, absolute=True)


def servers_of(line: Server, endpoints: Sequence[Endpoint]) -> tuple[Server, ...]:
    """A declaration for each endpoint, with all that the line says, and named `NAME@HOST:PORT`.

    Those of the lowest priority are in use, the others are `backup` (RFC 2782: "A client MUST attempt to contact the
    target host with the lowest-numbered priority it can reach"), in the order of their priorities. A line's weight
    of 0 holds for all of them; another is replaced by the records'. Whatever order an answer has, this has the same.
    """
    if not endpoints:
        return ()
    first = min(endpoint.priority for endpoint in endpoints)
    heaviest: dict[int, int] = {}
    for endpoint in endpoints:
        heaviest[endpoint.priority] = max(heaviest.get(endpoint.priority, 0), endpoint.weight)
    return tuple(
        replace(
            line,
            name=f"{line.name}@{endpoint.host}:{endpoint.port}",
            address=address_of(endpoint),
            weight=_weight(endpoint.weight, heaviest[endpoint.priority]) if line.weight else 0,
            cookie=_cookie(line.cookie, endpoint),
            backup=line.backup or endpoint.priority > first,
        )
        for endpoint in sorted(endpoints, key=lambda endpoint: (endpoint.priority, endpoint.host, endpoint.port))
    )


def expanded(backend: Backend, found: Mapping[SrvAddress, Sequence[Endpoint]]) -> Backend:
    """A backend with the servers that its lines stand for; a service that nothing is known of yet is one, nowhere."""
    if not services_of(backend):
        return backend
    servers: list[Server] = []
    for line in backend.servers:
        endpoints = found.get(line.address, ()) if isinstance(line.address, SrvAddress) else ()
        servers += servers_of(line, endpoints) or (line,)
    return replace(backend, servers=tuple(servers))


def services_of(backend: Backend) -> frozenset[SrvAddress]:
    """The services among its lines."""
    return frozenset(line.address for line in backend.servers if isinstance(line.address, SrvAddress))


def _weight(weight: int, heaviest: int) -> int:
    """1 to HEAVIEST, in proportion. 0 is "a very small chance of being selected", and no reason never to be."""
    if heaviest > HEAVIEST:
        weight = round(weight * HEAVIEST / heaviest)
    return max(weight, 1)


def _cookie(cookie: str | None, endpoint: Endpoint) -> str | None:
    """The line's value is that of many: with a word of the endpoint's own it leads back to one, the same each time."""
    if cookie is None:
        return None
    place = f"{endpoint.host}:{endpoint.port}".encode("ascii")
    return f"{cookie}-{hashlib.blake2b(place, digest_size=6).hexdigest()}"

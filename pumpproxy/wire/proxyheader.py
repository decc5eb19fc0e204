"""What a header of the PROXY protocol tells, of either version. `proxyprotocol` reads them, `proxywriter` writes them.

May not: know how one is written. Source for all of them: HAProxy's proxy-protocol.txt of 2020/03/05, whose sections
are meant where nothing else is said.
"""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ipaddress import IPv4Address

Address = tuple[str, int]
"""An IP address as text, and a port."""


class ProxyHeader(NamedTuple):
    """One header."""

    size: int
    """Bytes that it took; what stands behind them is the client's."""
    known: bool = False
    """Whether it tells of a client; else the connection's own addresses hold (LOCAL, UNKNOWN, UNSPEC)."""
    client: Address | None = None
    """None: a known client on a unix socket, which has no address; so for the next."""
    local: Address | None = None
    """Where the client had connected to."""
    unique_id: bytes = b""
    """A name for the connection, any bytes; empty where it got none."""


def as_ipv4(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv4-mapped one stands for, so that there is one spelling of each client."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address

"""Headers of the PROXY protocol, as a proxy sends them before anything else on a connection.

Rule: what is not known is said to be unknown, and never made up. May not: know whose addresses they are, or read one.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from pumpproxy.wire.proxyblock import (
    CRC32C,
    CRC32C_SIZE,
    INET,
    INET6,
    LOCAL,
    PROXY,
    SIGNATURE,
    UNSPEC,
    VERSION_2,
    checksum,
)
from pumpproxy.wire.proxyheader import as_ipv4

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pumpproxy.wire.proxyheader import Address

    Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
    Tlv = tuple[int, bytes]
    """Type and value."""

ALPN, AUTHORITY = 0x01, 0x02
"""TLVs (2.2.1, 2.2.2)."""


def v1(client: Address | None, local: Address | None) -> bytes:
    """The line for a client that came from the one address to the other.

    Where there are none (None, or a host that is no IP address), or one of each family, it is UNKNOWN.
    """
    found = _ips(client, local)
    if found is None or client is None or local is None:
        # Section 2.1: "only when it is not possible to correctly fill the PROXY line"; "the rest of the line before the
        # CRLF may be omitted by the sender".
        return b"PROXY UNKNOWN\r\n"
    source, destination = found
    return f"PROXY TCP{source.version} {source} {destination} {client[1]} {local[1]}\r\n".encode("ascii")


def v2(client: Address | None, local: Address | None, tlvs: Iterable[Tlv] = ()) -> bytes:
    """The block for such a client, with these TLVs and a checksum; where `v1` has UNKNOWN, the one of `v2_local`."""
    found = _ips(client, local)
    if found is None or client is None or local is None:
        # Section 2.2 has UNSPEC for this, and leaves it to the receiver to "reject it", as HAProxy 2.6 does. LOCAL it
        # "must accept", and with the same meaning: "must use the real connection endpoints".
        return v2_local()
    source, destination = found
    ports = client[1].to_bytes(2, "big") + local[1].to_bytes(2, "big")
    return _block(INET if source.version == 4 else INET6, source.packed + destination.packed + ports, tlvs)  # noqa: PLR2004


def v2_local() -> bytes:
    """The block for a connection of our own: without TLVs too, by section 2.2 ("it sets this field to zero")."""
    return _fixed(LOCAL, UNSPEC, 0)


def _ips(client: Address | None, local: Address | None) -> tuple[Ip, Ip] | None:
    if client is None or local is None:
        return None
    try:
        source, destination = _ip(client[0]), _ip(local[0])
    except ValueError:
        return None
    return (source, destination) if source.version == destination.version else None


def _ip(host: str) -> Ip:
    # A zone (fe80::1%eth0) means nothing on another machine.
    return as_ipv4(ipaddress.ip_address(host.partition("%")[0]))


def _fixed(command: int, kind: int, length: int) -> bytes:
    return SIGNATURE + bytes((VERSION_2 | command, kind)) + length.to_bytes(2, "big")


def _block(kind: int, addresses: bytes, tlvs: Iterable[Tlv]) -> bytes:
    rest = addresses + b"".join(_tlv(number, value) for number, value in tlvs)
    tail = bytes((CRC32C, 0, CRC32C_SIZE))
    before = _fixed(PROXY, kind, len(rest) + len(tail) + CRC32C_SIZE) + rest + tail
    return before + checksum(before)


def _tlv(number: int, value: bytes) -> bytes:
    return bytes((number,)) + len(value).to_bytes(2, "big") + value

"""Reading the binary header of the PROXY protocol, version 2: a block of a given length, TLVs behind its addresses.

All that stands in it must be well-formed, and its checksum right where it has one; TLVs that are not needed are
skipped. May not: read the other version, or decide anything by what is read. All quotations are of section 2.2.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from pumpproxy.wire.crc32c import crc32c
from pumpproxy.wire.errors import ProxyHeaderError
from pumpproxy.wire.proxyheader import ProxyHeader, as_ipv4

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
"""A "constant 12 bytes block containing the protocol signature"."""
VERSION_2 = 0x20
"""The 13th byte: "The highest four bits contains the version. ... it must always be sent as \\x2"..."""
LOCAL, PROXY = 0x0, 0x1
"""... and the lowest the command."""
UNSPEC, INET, INET6, UNIX = 0x00, 0x11, 0x21, 0x31
"""The 14th, address family and transport: of those "that are expected" the ones that are streams."""
CRC32C, UNIQUE_ID = 0x03, 0x05
"""TLVs (2.2.3, 2.2.5)."""
CRC32C_SIZE = 4
"""Bytes."""
MOST_UNIQUE_ID = 128
"""Bytes, 2.2.5: "an opaque byte sequence of up to 128 bytes"."""
MAX_BLOCK = 4096
"""Bytes, with all TLVs: as many as nginx takes. "This block is always smaller than an MSS", but where a TLV tells of a
client's certificate."""

_FIXED = 16
"""Signature, version and command, family and transport, and "the address length in bytes in network endian order"."""
_SIZES = {INET: 12, INET6: 36, UNIX: 216}
"""What the addresses take."""
# Either part is 0, and the other anything that is there: "The receiver should ignore address information."
_UNSPECIFIED = frozenset({UNSPEC, 0x01, 0x02, 0x10, 0x20, 0x30})
# "source layer 3 address", "destination layer 3 address", "source layer 4 address", "destination layer 4 address".
_PAIRS = {INET: struct.Struct("!4s4sHH"), INET6: struct.Struct("!16s16sHH")}
_TLV = 3
"""A TLV's type and length."""


def read_block(data: bytes) -> ProxyHeader | None:
    """The header that `data`, which has the signature, begins with; None where there must be more of it.

    Raises ProxyHeaderError.
    """
    kind = _kind(data)
    if kind is None or len(data) < _FIXED:
        return None
    # "the length of the protocol header in bytes is always exactly 16 + this value"
    end = _FIXED + (data[14] << 8 | data[15])
    size = _SIZES.get(kind, 0)
    if end > MAX_BLOCK or _FIXED + size > end:
        reason = "a header of more than 4096 bytes" if end > MAX_BLOCK else "a header that ends within its addresses"
        raise ProxyHeaderError(reason)
    if len(data) < end:
        return None
    if kind == UNSPEC:
        # Nothing says how long addresses would be, and so where TLVs begin.
        return ProxyHeader(end)
    unique_id = _unique_id(data, _FIXED + size, end)
    if kind == UNIX:
        return ProxyHeader(end, known=True, unique_id=unique_id)
    source, destination, source_port, destination_port = _PAIRS[kind].unpack_from(data, _FIXED)
    family = IPv4Address if kind == INET else IPv6Address
    client, local = str(as_ipv4(family(source))), str(as_ipv4(family(destination)))
    return ProxyHeader(end, True, (client, source_port), (local, destination_port), unique_id)


def _kind(data: bytes) -> int | None:
    """One of `_SIZES`, or UNSPEC: the connection's own addresses hold; None: not known yet."""
    at = len(SIGNATURE)
    if len(data) <= at:
        return None
    command = data[at] ^ VERSION_2
    if command not in (LOCAL, PROXY):
        # "the receiver must only accept this value", "Receivers must drop connections presenting unexpected values".
        reason = "another version or command"
        raise ProxyHeaderError(reason)
    if command == LOCAL:
        # "must use the real connection endpoints and discard the protocol block including the family which is ignored"
        return UNSPEC
    if len(data) <= at + 1:
        return None
    kind = data[at + 1]
    if kind in _UNSPECIFIED:
        return UNSPEC
    if kind not in _SIZES:
        # "other values are unspecified and ... must be rejected as invalid by receivers"; and nobody passes datagrams
        # on by a stream: "the receiver is free to ... reject the connection".
        reason = "another family or transport"
        raise ProxyHeaderError(reason)
    return kind


def _unique_id(data: bytes, at: int, end: int) -> bytes:
    """That of the TLVs between `at` and `end`, all of which are looked at."""
    found: dict[int, bytes] = {}
    for kind, start, stop in _tlvs(data, at, end):
        if kind not in (CRC32C, UNIQUE_ID):
            # "A receiver may choose to skip over and ignore the TLVs it is not interested in".
            continue
        reason = ""
        value = data[start:stop]
        if kind in found:
            reason = "a TLV that is there twice"
        elif kind == UNIQUE_ID and len(value) > MOST_UNIQUE_ID:
            reason = "a unique ID of more than 128 bytes"
        elif kind == CRC32C and value != checksum(data[:start], data[stop:end]):
            reason = "a checksum that is wrong"
        if reason:
            raise ProxyHeaderError(reason)
        found[kind] = value
    return found.get(UNIQUE_ID, b"")


def checksum(before: bytes, after: bytes = b"") -> bytes:
    """The value of the CRC32C TLV which stands between these parts of a header.

    2.2.3: "replace the 32 bits of the checksum field in the received PROXY header with all '0's and calculate a CRC32c
    checksum value of the whole PROXY header".
    """
    return crc32c(before + bytes(CRC32C_SIZE) + after).to_bytes(CRC32C_SIZE, "big")


def _tlvs(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The type of each, and where its value begins and ends."""
    while at < end:
        start = at + _TLV
        stop = start + (data[at + 1] << 8 | data[at + 2]) if start <= end else start
        if stop > end:
            reason = "a TLV that reaches beyond the header"
            raise ProxyHeaderError(reason)
        yield data[at], start, stop
        at = stop

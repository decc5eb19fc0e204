"""The extensions of a ClientHello: where each is, and what the few say that a router reads.

Each function reads one extension's data, at [at, end), and raises TlsError where it is not what its RFC says, to the
last byte. May not: read another extension, or choose among what is offered.
"""

from __future__ import annotations

import struct

from pumpproxy import hostnames
from pumpproxy.wire.alert import AlertDescription
from pumpproxy.wire.cursor import PAIR, after8, after16, malformed
from pumpproxy.wire.errors import TlsError

# ExtensionType (IANA's "TLS ExtensionType Values")
SERVER_NAME = 0
ALPN = 16
PRE_SHARED_KEY = 41
SUPPORTED_VERSIONS = 43
KEY_SHARE = 51
ECH = 0xFE0D

HOST_NAME = 0
"""The NameType of RFC 6066 section 3; no other was ever defined."""
MAX_SENT_NAME = 255
"""Bytes of a name as sent: no DNS name is longer (RFC 1035 section 2.3.4), and OpenSSL refuses it."""

POST_QUANTUM = frozenset(
    (
        *(0x0200, 0x0201, 0x0202),  # MLKEM512, 768, 1024: draft-ietf-tls-mlkem
        *(0x11EB, 0x11EC, 0x11ED),  # SecP256r1-, X25519MLKEM768, SecP384r1MLKEM1024: draft-ietf-tls-ecdhe-mlkem
        0x11EE,  # curveSM2MLKEM768: draft-yang-tls-hybrid-sm2-mlkem
        *(0x6399, 0x639A),  # X25519-, SecP256r1Kyber768Draft00: obsolete, still sent by older browsers
    )
)
"""The NamedGroups that hold against a quantum computer, from IANA's "TLS Supported Groups"."""


def spans(data: bytes, at: int, end: int) -> dict[int, tuple[int, int]]:
    """Where each extension's data begins and ends, by type. `at` is at the length of the block, which ends at `end`."""
    if after16(data, at, end) != end:
        reason = "bytes after the extensions"
        raise malformed(reason)
    at += 2
    found: dict[int, tuple[int, int]] = {}
    count = 0
    kind = -1
    last = end - 4  # type and length
    while at <= last:
        kind, length = PAIR(data, at)
        start = at + 4
        at = start + length
        found[kind] = start, at
        count += 1
    if at != end:
        reason = "an extension that reaches beyond its block"
        raise malformed(reason)
    if len(found) != count:
        # section 4.2: "There MUST NOT be more than one extension of the same type in a given extension block."
        reason = "an extension twice"
        raise TlsError(reason, AlertDescription.ILLEGAL_PARAMETER)
    if kind != PRE_SHARED_KEY and PRE_SHARED_KEY in found:
        # section 4.2.11: it "MUST be the last extension in the ClientHello"; "servers MUST check".
        reason = "an extension after pre_shared_key"
        raise TlsError(reason, AlertDescription.ILLEGAL_PARAMETER)
    return found


def _list_start(data: bytes, at: int, end: int) -> int:
    """Where the content of the vector begins that must fill [at, end), and must not be empty."""
    if after16(data, at, end) != end or end - at == 2:  # noqa: PLR2004 -- the length alone
        reason = "a list that is empty or does not fill its extension"
        raise malformed(reason)
    return at + 2


def server_name(data: bytes, at: int, end: int) -> tuple[str | None, bool]:
    """RFC 6066 section 3: `ServerName server_name_list<1..2^16-1>`; the name, and whether it was an IP address."""
    at = _list_start(data, at, end)
    name: bytes | None = None
    while at < end:
        # "For backward compatibility, all future data structures associated with new NameTypes MUST begin with a 16-bit
        # length field": so an unknown type can be skipped.
        stop = after16(data, at + 1, end)
        if data[at] == HOST_NAME:
            if name is not None:  # "MUST NOT contain more than one name of the same name_type"
                reason = "two host names"
                raise malformed(reason)
            name = data[at + 3 : stop]
        at = stop
    return (None, False) if name is None else _host_name(name)


def _host_name(name: bytes) -> tuple[str | None, bool]:
    if not name:  # opaque HostName<1..2^16-1>
        reason = "an empty host name"
        raise malformed(reason)
    if len(name) <= MAX_SENT_NAME:
        # RFC 6066 section 3: "Literal IPv4 and IPv6 addresses are not permitted"; appliances send them all the same.
        # With a zone (%eth0) it may hold any byte, and is nothing that anybody means.
        if hostnames.is_ip_literal(name) and b"%" not in name:
            return None, True
        canonical = hostnames.canonical(name)
        if canonical is not None:
            return canonical, False
    reason = "no host name in the name's place"
    raise TlsError(reason, AlertDescription.UNRECOGNIZED_NAME)


def protocols(data: bytes, at: int, end: int) -> tuple[bytes, ...]:
    """RFC 7301 section 3.1: `ProtocolName protocol_name_list<2..2^16-1>` of `opaque ProtocolName<1..2^8-1>`."""
    at = _list_start(data, at, end)
    names = []
    while at < end:
        stop = after8(data, at, end)
        if stop == at + 1:
            reason = "an empty protocol name"
            raise malformed(reason)
        names.append(data[at + 1 : stop])
        at = stop
    return tuple(names)


def versions(data: bytes, at: int, end: int) -> tuple[int, ...]:
    """RFC 8446 section 4.2.1: `ProtocolVersion versions<2..254>`."""
    length = end - at - 1
    if after8(data, at, end) != end or length < 2 or length & 1:  # noqa: PLR2004 -- of two bytes each
        reason = "versions of no or an odd length"
        raise malformed(reason)
    offered: tuple[int, ...] = struct.unpack_from(f"!{length // 2}H", data, at + 1)
    return tuple([version for version in offered if version not in _GREASE])


_GREASE = frozenset(low << 8 | low for low in range(0x0A, 0x100, 0x10))
"""RFC 8701 section 2: 0x0A0A, 0x1A1A, ... 0xFAFA."""


def has_post_quantum_share(data: bytes, at: int, end: int) -> bool:
    """RFC 8446 section 4.2.8: `KeyShareEntry client_shares<0..2^16-1>` of group and `key_exchange<1..2^16-1>`."""
    if after16(data, at, end) != end:
        reason = "key shares that do not fill their extension"
        raise malformed(reason)
    at += 2
    found = False
    while at < end:
        stop = after16(data, at + 2, end)
        if stop == at + 4:
            reason = "an empty key share"
            raise malformed(reason)
        found = found or (data[at] << 8 | data[at + 1]) in POST_QUANTUM
        at = stop
    return found

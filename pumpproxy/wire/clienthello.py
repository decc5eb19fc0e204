"""Reads a ClientHello as strictly as the strictest server would, so that our name for it is the server's name for it.

The general reading, of any legal hello: `wholehello` reads the usual one faster, and must never say anything else.

Lengths must add up everywhere, also in the fields that nobody here needs. What is not framing (versions, ciphers,
compression) is the server's business. May not: decide anything by what it reads, keep a byte that is not needed.
Source: RFC 8446 section 4.1.2; the extensions' own are named beside them.
"""

from __future__ import annotations

from typing import NamedTuple

from pumpproxy.wire import helloextensions as extensions
from pumpproxy.wire import tlsrecords
from pumpproxy.wire.cursor import after8, after16, malformed

_RANDOM_END = 2 + 32


class ClientHello(NamedTuple):
    """What a client asks for, as far as a router can use or log it."""

    server_name: str | None
    """Lower-case A-labels without a final dot (`hostnames.canonical`); None where none was sent."""
    ip_literal: bool
    """An IP address stood in the place of the name; `server_name` is then None."""
    alpn: tuple[bytes, ...]
    """The protocols in the client's order, as on the wire: any bytes, control bytes too."""
    versions: tuple[int, ...]
    """As numbers on the wire (0x0304 is TLS 1.3), in the client's order, GREASE (RFC 8701) left out."""
    ech: bool
    """The extension of RFC 9849 is there; GREASE looks the same from outside."""
    post_quantum: bool
    """A key share of one of `helloextensions.POST_QUANTUM` is there."""
    wire_length: int
    """Bytes that the hello's records take: what was received beyond is early data. 0: it came in no record."""


def parse_client_hello(message: bytes | bytearray | memoryview, wire_length: int = 0) -> ClientHello:
    """The hello in one whole handshake message, its four-byte header included, as QUIC carries it too.

    `wire_length` is only handed on. Raises TlsError.
    """
    data = bytes(message)
    start = tlsrecords.MESSAGE_HEADER
    body = int.from_bytes(data[1:start], "big")
    if len(data) != start + body or data[0] != tlsrecords.CLIENT_HELLO:
        reason = "a handshake header that does not fit"
        raise malformed(reason)
    return _read_body(data, start, len(data), wire_length)


def _read_body(data: bytes, at: int, end: int, wire_length: int) -> ClientHello:
    """RFC 8446 section 4.1.2, from legacy_version (`at`) to the last extension (`end`)."""
    name: str | None = None
    is_ip = post_quantum = False
    alpn: tuple[bytes, ...] = ()
    extensions_at = _after_fixed_fields(data, at, end)
    versions: tuple[int, ...] = (data[at] << 8 | data[at + 1],)
    # TLS 1.2 hellos may end here: the block is absent, and not empty (RFC 5246 section 7.4.1.2).
    found = extensions.spans(data, extensions_at, end) if extensions_at < end else {}
    if span := found.get(extensions.SERVER_NAME):
        name, is_ip = extensions.server_name(data, *span)
    if span := found.get(extensions.ALPN):
        alpn = extensions.protocols(data, *span)
    if span := found.get(extensions.SUPPORTED_VERSIONS):
        versions = extensions.versions(data, *span)
    if span := found.get(extensions.KEY_SHARE):
        post_quantum = extensions.has_post_quantum_share(data, *span)
    return ClientHello(name, is_ip, alpn, versions, extensions.ECH in found, post_quantum, wire_length)


def _after_fixed_fields(data: bytes, at: int, end: int) -> int:
    """Where legacy_version, random, legacy_session_id, cipher_suites and legacy_compression_methods end."""
    session_at = at + _RANDOM_END
    suites_at = after8(data, session_at, end)
    methods_at = after16(data, suites_at, end)
    after = after8(data, methods_at, end)
    if suites_at - session_at > 1 + 32:  # opaque legacy_session_id<0..32>
        reason = "a session id longer than 32 bytes"
        raise malformed(reason)
    suites = methods_at - suites_at - 2
    if suites < 2 or suites & 1:  # noqa: PLR2004 -- CipherSuite cipher_suites<2..2^16-2>, of two bytes each
        reason = "cipher suites of no or an odd length"
        raise malformed(reason)
    if after - methods_at < 1 + 1:  # opaque legacy_compression_methods<1..2^8-1>
        reason = "no compression method"
        raise malformed(reason)
    return after

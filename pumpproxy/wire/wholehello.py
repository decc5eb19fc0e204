"""The usual ClientHello, whole in one segment as one record, read in place and in one pass; or known already.

Every length is checked as `clienthello` checks it; whatever is unusual or wrong is left to it. What hellos of the same
software have in common (the name, the protocols, the versions) is read once, and the values are shared: an idle
connection keeps no hello of its own. May not: raise, or say what the general reading would not.
Source: RFC 8446 section 4.1.2 (the hello), section 5.1 (records).
"""

from __future__ import annotations

import struct
from functools import lru_cache

from pumpproxy.wire import helloextensions as extensions
from pumpproxy.wire import tlsrecords
from pumpproxy.wire.clienthello import ClientHello
from pumpproxy.wire.cursor import PAIR, malformed
from pumpproxy.wire.errors import TlsError
from pumpproxy.wire.helloextensions import (
    ALPN,
    ECH,
    KEY_SHARE,
    POST_QUANTUM,
    PRE_SHARED_KEY,
    SERVER_NAME,
    SUPPORTED_VERSIONS,
)
from pumpproxy.wire.hellolayouts import FIRST, HEADER, SESSION, SUITES_LOW, layouts, notice

_HEAD = struct.Struct("!HxHHH2s32xB32xH").unpack_from
"""Record header, message header, legacy_version, random, legacy_session_id, and the length of cipher_suites.

The session id is taken for one of 32 bytes, as TLS 1.3 clients send it (appendix D.4); else the last must be read anew.
"""
_SESSION_AT = 5 + 4 + 2 + 32 + 1
_HANDSHAKE_RECORD = tlsrecords.HANDSHAKE << 8 | tlsrecords.MAJOR
_HELLO_MESSAGE = tlsrecords.CLIENT_HELLO << 8
"""HandshakeType, and the high byte of a length that one record can hold."""
_NUMBER = struct.Struct("!H").unpack_from
_TAIL = struct.Struct("!BxH").unpack_from
"""The length of legacy_compression_methods, its one usual byte, and the length of the extensions."""
_COUNTS = range(1, tlsrecords.MAX_FRAGMENT // 4)
"""As many extensions as one record can hold."""

_KEPT = 1024
"""Hellos remembered, and values of each kind: what a site's names and its clients' software make together."""
_MAX_KEPT = 384
"""Bytes of one that are remembered: a name of 255, and lists several times as long as today's, fit.

So a flood of hellos, each with as many protocols as fit, can make us hold some MiB and not more.
"""


def read_whole(data: bytes) -> ClientHello | None:
    """The hello in the one record that `data` begins with; what follows is early data.

    None says nothing but "not here": the general reader decides.
    """
    try:
        at = FIRST + data[SUITES_LOW]
        layout = layouts.get(data[at - 2 : at + HEADER])
        if layout is not None:
            pieces, right, name, hellos = layout
            if pieces(data) == right:
                hello = hellos.get(data[name])
                if hello is not None:
                    return hello
    except (struct.error, IndexError):
        pass  # it is shorter than its like
    try:
        return _read(data)
    except (struct.error, TlsError):
        return None


def _read(data: bytes) -> ClientHello | None:
    """As `read_whole`, of one that is not known. Raises struct.error and TlsError."""
    # Positions only grow, and the last must be `end`: so whatever is read by the way stands before it, and the lengths
    # in between need no check of their own.
    record, length, message, low, version, session, suites = _HEAD(data)
    end = length + tlsrecords.RECORD_HEADER
    if (
        record != _HANDSHAKE_RECORD
        or message != _HELLO_MESSAGE
        or length != low + tlsrecords.MESSAGE_HEADER
        or length > tlsrecords.MAX_FRAGMENT
        or end > len(data)
        or session > SESSION
    ):
        return None
    if session != SESSION:
        (suites,) = _NUMBER(data, _SESSION_AT + session)
    at = _SESSION_AT + session + 2 + suites
    methods, block = _TAIL(data, at)
    at += 4
    if methods != 1 or at + block != end or not suites or suites & 1:
        return None
    return _read_extensions(data, at, end, version)


def _read_extensions(data: bytes, start: int, end: int, version: bytes) -> ClientHello | None:
    """The hello whose extensions are [start, end), of legacy_version `version`. Raises struct.error and TlsError."""
    found: dict[int, int] = {}
    kind = count = 0
    at = start
    for count in _COUNTS:  # noqa: B007 -- cheaper than counting
        kind, length = PAIR(data, at)
        found[kind] = at
        at += length + HEADER
        if at >= end:
            break
    if at != end or len(found) != count or (PRE_SHARED_KEY in found and kind != PRE_SHARED_KEY):
        return None
    name = protocols = b""
    # Each with its header, so that none is empty, and none like a bare version.
    if SERVER_NAME in found:
        at = found[SERVER_NAME]
        name = data[at : at + HEADER + _NUMBER(data, at + 2)[0]]
    if ALPN in found:
        at = found[ALPN]
        protocols = data[at : at + HEADER + _NUMBER(data, at + 2)[0]]
    if SUPPORTED_VERSIONS in found:
        at = found[SUPPORTED_VERSIONS]
        version = data[at : at + HEADER + _NUMBER(data, at + 2)[0]]
    post_quantum = KEY_SHARE in found and _has_post_quantum_share(data, found[KEY_SHARE] + HEADER)
    ech = ECH in found
    hello = _shared(name, protocols, version, ech, post_quantum, end)
    if not ech:  # the browsers that send it shuffle their extensions
        notice(data, start, found, hello)
    return hello


def _has_post_quantum_share(data: bytes, at: int) -> bool:
    """As `helloextensions` has it. Raises struct.error and TlsError."""
    length, listed = PAIR(data, at - 2)
    at += 2
    stop = at + listed
    found = False
    size = 1
    while at < stop and size:
        group, size = PAIR(data, at)
        if group in POST_QUANTUM:
            found = True
        at += size + HEADER
    if at != stop or not size or length != listed + 2:
        reason = "key shares that do not add up"
        raise malformed(reason)
    return found


@lru_cache(_KEPT)
def _shared(
    name: bytes,
    protocols: bytes,
    version: bytes,
    ech: bool,  # noqa: FBT001
    post_quantum: bool,  # noqa: FBT001
    end: int,
) -> ClientHello:
    """The hello that these extensions make, b"" where one is not there. Raises TlsError, which is not remembered."""
    if len(name) + len(protocols) + len(version) > _MAX_KEPT:
        reason = "more than is worth to remember"
        raise malformed(reason)
    server_name, is_ip = _name(name) if name else (None, False)
    alpn = _protocols(protocols) if protocols else ()
    return ClientHello(server_name, is_ip, alpn, _versions(version), ech, post_quantum, end)


@lru_cache(_KEPT)
def _name(raw: bytes) -> tuple[str | None, bool]:
    return extensions.server_name(raw, HEADER, len(raw))


@lru_cache(_KEPT)
def _protocols(raw: bytes) -> tuple[bytes, ...]:
    return extensions.protocols(raw, HEADER, len(raw))


@lru_cache(_KEPT)
def _versions(raw: bytes) -> tuple[int, ...]:
    if len(raw) < HEADER:  # legacy_version
        return (raw[0] << 8 | raw[1],)
    return extensions.versions(raw, HEADER, len(raw))

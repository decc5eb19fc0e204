"""What a peer speaks whose first bytes are no TLS record: told from as few bytes as can tell it.

`None` is "not yet": the bytes are the beginning of something known. May not: say what to do about it, or read on once
it is known.
"""

from __future__ import annotations

import enum

from pumpproxy.wire.proxyblock import SIGNATURE
from pumpproxy.wire.proxyprotocol import LINE


class NotTls(enum.StrEnum):
    """What it is instead; also the `reason` of the NotTlsError that says so."""

    HTTP = "http"
    """The beginning of a request line, or of the HTTP/2 preface."""
    SSH = "ssh"
    SSLV2 = "sslv2"
    """An SSLv2 CLIENT-HELLO, also one that offers TLS inside."""
    PROXY = "proxy"
    """A header of the PROXY protocol, either version, of whose client nobody asked."""
    NOISE = "noise"
    """Nothing that we know: what stands there can never become one of the others, nor a ClientHello."""


# RFC 9110 section 9, RFC 5789, RFC 4918 (WebDAV), RFC 3253, RFC 5323, and RFC 9113 section 3.4: what browsers, API
# clients and WebDAV clients send. No command of SMTP, POP3, IMAP or IRC is among them.
_METHODS = frozenset(
    b"GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH QUERY PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK REPORT"
    b" SEARCH MKCALENDAR ACL PRI".split()
)
_LONGEST = max(map(len, _METHODS)) + 2
# RFC 9112 section 3.2: origin-form, asterisk-form, absolute-form ("http:", "https:"). SIP and RTSP share OPTIONS with
# HTTP, and begin their targets otherwise.
_TARGET = frozenset(b"/*hH")
# ... and authority-form, of CONNECT alone.
_AUTHORITY = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_[")

_SSH = b"SSH-"
"""RFC 4253 section 4.2: "SSH-protoversion-softwareversion"; a client may send it before the server's."""

_PROXY = (LINE, SIGNATURE)

_SSLV2_FLAG = 0x80
"""RFC 5246 appendix E.2: "The highest bit MUST be 1; the remaining bits contain the length of the following data"."""


def what_else(received: bytes | bytearray) -> NotTls | None:
    """What the peer speaks, all that it sent so far being `received`; the first byte is not that of a TLS record."""
    if not received:
        return None
    if received[0] & _SSLV2_FLAG:
        return _sslv2(received)
    head = bytes(received[:_LONGEST])
    if head.startswith(_SSH):
        return NotTls.SSH
    if head.startswith(_PROXY):
        return NotTls.PROXY
    method, space, target = head.partition(b" ")
    if not space:
        open_ends = any(known.startswith(head) for known in (_SSH, *_PROXY, *_METHODS))
        return None if open_ends else NotTls.NOISE
    if method not in _METHODS:
        return NotTls.NOISE
    if not target:
        return None
    return NotTls.HTTP if target[0] in (_AUTHORITY if method == b"CONNECT" else _TARGET) else NotTls.NOISE


def _sslv2(received: bytes | bytearray) -> NotTls | None:
    """RFC 5246 appendix E.2: length (two bytes), msg_type 1, version 0x0002 (SSL 2.0 itself) or 0x03xx."""
    fields = received[2:5]
    if not any(known.startswith(fields[: len(known)]) for known in (b"\x01\x00\x02", b"\x01\x03")):
        return NotTls.NOISE
    return NotTls.SSLV2 if len(fields) == 3 else None  # noqa: PLR2004 -- type and version

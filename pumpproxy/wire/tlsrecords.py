"""Follows TLS records to the end of the one handshake message that a client begins with, however both are cut.

Keeps offsets into what was received, never bytes of its own beyond the message's header: so a walk costs the same in
one segment or in thousands, and an unfinished hello is held once. An error is raised at the first byte that makes it
one, so it does not depend on the cuts either. May not: read the message's content.
Source: RFC 8446 section 5.1 (records), section 4 (handshake header).
"""

from __future__ import annotations

import struct

from pumpproxy.wire.alert import AlertDescription
from pumpproxy.wire.errors import NotTlsError, TlsError
from pumpproxy.wire.nottls import NotTls, what_else

HANDSHAKE = 22
"""The ContentType of a handshake record."""
CLIENT_HELLO = 1
"""The HandshakeType."""
MAJOR = 3
"""The first byte of every record version since SSL 3.0. The second "MUST be ignored for all purposes"."""

RECORD_HEADER = 5
MESSAGE_HEADER = 4

MAX_FRAGMENT = 2**14
"""RFC 8446 section 5.1: "The length MUST NOT exceed 2^14 bytes." """
MAX_BODY = 131_396
"""The largest legal ClientHello without its header, all its vectors full (section 4.1.2); OpenSSL's limit too."""
MAX_WIRE = 448 * 1024
"""Bytes, record headers included, by which the hello must be complete: a hello of 76 KiB in 1-byte records."""
_HEADER = struct.Struct("!BBxH").unpack_from
MAX_EMPTY = 16
"""Records without content in one hello. TLS 1.2 allows them, TLS 1.3 forbids them; OpenSSL takes 32 in a row."""


class HelloRecords:
    """Where one walk stands. Give `walk` all that was received, each time there is more."""

    __slots__ = ("_at", "_empty", "_got", "_head", "_record_end", "_size")

    def __init__(self) -> None:
        self._at = 0
        self._record_end = 0
        self._head = bytearray()
        self._size = 0  # of the message, header included; 0 while its header is incomplete
        self._got = 0
        self._empty = 0

    def walk(self, received: bytes | bytearray) -> int | None:
        """Where the record ends that completes the message, or None while it is incomplete.

        Raises NotTlsError or TlsError; do not walk on after that, nor after an answer.
        """
        size = min(len(received), MAX_WIRE)
        while self._at < size:
            if self._at == self._record_end:
                if self._size and self._skip_whole(received, size):
                    return self._at
                if self._at == size or not self._enter_record(received, size):
                    break
                continue
            stop = min(self._record_end, size)
            if not self._size:
                self._read_header(received, stop)
            if self._size:
                self._check_boundary()
            self._got += stop - self._at
            self._at = stop
            if self._got == self._size:
                return stop
        if size == MAX_WIRE:
            message = "a hello too long on the wire"
            raise TlsError(message, AlertDescription.ILLEGAL_PARAMETER)
        return None

    def _skip_whole(self, received: bytes | bytearray, size: int) -> bool:
        """Pass whole records that need no second look, at a glance each; whether the message is complete.

        A hello in 1-byte records has tens of thousands, and everybody else waits meanwhile.
        """
        at, got, message = self._at, self._got, self._size
        last = size - RECORD_HEADER
        while at < last:
            kind, major, length = _HEADER(received, at)
            end = at + RECORD_HEADER + length
            if kind != HANDSHAKE or major != MAJOR or not 0 < length <= message - got or end > size:
                break
            got += length
            at = end
            if got == message:
                break
        self._at = self._record_end = at
        self._got = got
        return got == message

    def _enter_record(self, received: bytes | bytearray, size: int) -> bool:
        """Read the record header at the present place, as far as it is there; whether it is there whole."""
        at = self._at
        if received[at] != HANDSHAKE:
            return self._enter_other(received)
        if size - at >= 2 and received[at + 1] != MAJOR:  # noqa: PLR2004 -- type and major version
            if not at:
                raise NotTlsError(NotTls.NOISE)
            message = "a record of another protocol version"
            raise TlsError(message, AlertDescription.PROTOCOL_VERSION)
        if size - at < RECORD_HEADER:
            return False
        length = received[at + 3] << 8 | received[at + 4]
        if length > MAX_FRAGMENT:
            message = "a record longer than 2^14 bytes"
            raise TlsError(message, AlertDescription.RECORD_OVERFLOW)
        if not length:
            self._empty += 1
            if self._empty > MAX_EMPTY:
                message = "too many empty records"
                raise TlsError(message, AlertDescription.UNEXPECTED_MESSAGE)
        self._at = at + RECORD_HEADER
        self._record_end = self._at + length
        return True

    def _enter_other(self, received: bytes | bytearray) -> bool:
        """Say what stands in the place of a handshake record; False where the first bytes do not tell yet."""
        if self._at:
            # RFC 8446 section 5.1: "Handshake messages MUST NOT be interleaved with other record types."
            message = "another record inside the hello"
            raise TlsError(message, AlertDescription.UNEXPECTED_MESSAGE)
        other = what_else(received)
        if other is None:
            return False
        raise NotTlsError(other)

    def _read_header(self, received: bytes | bytearray, stop: int) -> None:
        """Add what this fragment has of the message's type and length."""
        head = self._head
        head += received[self._at : min(stop, self._at + MESSAGE_HEADER - len(head))]
        if head[0] != CLIENT_HELLO:
            raise NotTlsError(NotTls.NOISE)
        if len(head) == MESSAGE_HEADER:
            body = int.from_bytes(head[1:], "big")
            if body > MAX_BODY:
                message = "a hello longer than any can be"
                raise TlsError(message, AlertDescription.ILLEGAL_PARAMETER)
            self._size = MESSAGE_HEADER + body

    def _check_boundary(self) -> None:
        """RFC 8446 section 5.1: ClientHello and its like "MUST" be sent "in alignment with a record boundary"."""
        if self._got + self._record_end - self._at > self._size:
            message = "a hello that ends inside its record"
            raise TlsError(message, AlertDescription.UNEXPECTED_MESSAGE)


def joined(received: bytes | bytearray, end: int) -> bytes:
    """The contents of the whole records that fill `received` up to `end`, as HelloRecords has walked them."""
    fragments = []
    at = 0
    while at < end:
        stop = at + RECORD_HEADER + (received[at + 3] << 8 | received[at + 4])
        fragments.append(received[at + RECORD_HEADER : stop])
        at = stop
    return b"".join(fragments)

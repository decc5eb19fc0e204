"""Bounds-checked reading of length-prefixed fields, by position: nothing is copied, nothing outside [at, end) is read.

A position stands at a field's length; what is returned is where the field ends, and so where the next begins. The
bytes beyond `end` belong to somebody else, though they be there. May not: know what the fields mean.
Source: RFC 8446 section 3.4 (vectors).
"""

from __future__ import annotations

import struct

from pumpproxy.wire.alert import AlertDescription
from pumpproxy.wire.errors import TlsError

PAIR = struct.Struct("!HH").unpack_from
"""Two numbers of two bytes; the caller checks that four bytes are there."""


def malformed(reason: str) -> TlsError:
    """The error for lengths that do not add up.

    RFC 8446 section 6.2, decode_error: "A message could not be decoded because some field was out of the specified
    range or the length of the message was incorrect."
    """
    return TlsError(reason, AlertDescription.DECODE_ERROR)


def after8(data: bytes, at: int, end: int) -> int:
    """Where the vector ends whose one-byte length stands at `at`; its content begins at `at + 1`.

    Raises TlsError (decode_error) where it reaches beyond `end`.
    """
    if at < end:
        stop = at + 1 + data[at]
        if stop <= end:
            return stop
    message = "a length that reaches beyond its field"
    raise malformed(message)


def after16(data: bytes, at: int, end: int) -> int:
    """Where the vector ends whose two-byte length stands at `at`; its content begins at `at + 2`.

    Raises TlsError (decode_error) where it reaches beyond `end`.
    """
    if end - at >= 2:  # noqa: PLR2004 -- the length itself
        stop = at + 2 + (data[at] << 8 | data[at + 1])
        if stop <= end:
            return stop
    message = "a length that reaches beyond its field"
    raise malformed(message)

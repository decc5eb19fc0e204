"""Heads of the most usual kind, read in one pass: a GET without a body, an answer of a known length.

Rule: what is read here means the same to the general reader (`http1`), and is written as it would write it; everything
else is None, and the general reader's. May not: refuse anything.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MOST = 4096
"""Bytes of a head; longer ones are rare, and their reading is not what costs."""

# As `httptarget` reads it, in origin-form and HTTP/1.1.
_GET = re.compile(rb"""GET (/[!"$-~]*+) HTTP/1\.1\r\n""")

_END = b"\r\n\r\n"
# Names of letters, digits and hyphens, which no server takes for others, one space before a value, and a value with
# text at both ends: what `forwarding` makes of such a line is the line.
_VALUE = rb"[!-~\x80-\xff]++(?:[\t ]++[!-~\x80-\xff]++)*+"
_RESPONSE = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9]{2}) [!-~](?:[\t -~]*[!-~])?((?:\r\n[0-9A-Za-z-]{1,255}+: " + _VALUE + rb")++)\r\n\r\n"
)
# The fields that frame a message or concern its connection.
_FRAMING = re.compile(
    rb"\r\n(?i:(content-length|connection|keep-alive|transfer-encoding|te|upgrade|proxy-connection|http2-settings)): "
    rb"([^\r]*)"
)
_LENGTH = re.compile(rb"0|[1-9][0-9]{0,15}")
MOST_FIELDS = 100
"""Lines of a response."""
_NO_CONTENT = 204
_NOT_MODIFIED = 304
_OF_THE_CONNECTION = (401, 408)
"""Statuses that may concern the connection, and not the request."""


class PlainGet(NamedTuple):
    """A whole request, and nothing behind it."""

    path: bytes
    """With the query."""
    section: bytes
    """All behind the request line: field lines, and the empty line."""


class PlainResponse(NamedTuple):
    """The head of an answer, on a connection that lives on."""

    status: int
    """200 to 599, without those that may concern the connection."""
    size: int
    """Bytes of the head."""
    length: int
    """Bytes of the body behind it."""
    hops: bool
    """Whether it has lines that concern the connection: `Connection: keep-alive`, or any Keep-Alive."""


def plain_get(data: bytes) -> PlainGet | None:
    """`data` as one whole GET, if it is that and nothing else; the section is not looked at."""
    if len(data) > MOST or data.find(_END) != len(data) - 4:
        return None
    match = _GET.match(data)
    return None if match is None else PlainGet(match[1], data[match.end() :])


def plain_response(data: bytes) -> PlainResponse | None:
    """The response to a GET that `data` begins with, if its head is whole and plain."""
    match = _RESPONSE.match(data, 0, MOST)
    if match is None:
        return None
    status = int(match[1])
    length = -1
    hops = False
    for name, value in _FRAMING.findall(match[2]):
        key = name.lower()
        if key == b"content-length" and length < 0 and _LENGTH.fullmatch(value):
            length = int(value)
        elif key == b"keep-alive" or (key == b"connection" and value.lower() == b"keep-alive"):
            hops = True
        else:
            return None
    # RFC 9112 section 6.3: no body, whatever is told of its length; a 204 may not tell any.
    if status == _NOT_MODIFIED or (status == _NO_CONTENT and length < 0):
        length = 0
    elif status == _NO_CONTENT:
        return None
    if length < 0 or status in _OF_THE_CONNECTION or match[2].count(b"\r\n") > MOST_FIELDS:
        return None
    return PlainResponse(status, match.end(), length, hops)

"""A reader of HTTP/1.1 for the far ends of a simulation: by the grammar alone, with no leniency and no code of ours.

What a server or a client gets from a relay must be read by this one, or be its visible beginning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

Field = tuple[bytes, bytes]

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST = re.compile(rb"(%b) ([\x21\x22\x24-\x7e]+) HTTP/1\.([01])" % _TOKEN)
_RESPONSE = re.compile(rb"HTTP/1\.(1) ([1-9][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)")
_FIELD = re.compile(rb"(%b):(?: ([\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)| ?)" % _TOKEN)
_CHUNK = re.compile(rb"([1-9a-f][0-9a-f]{0,15}|0)\r\n")
_SIZE_SO_FAR = re.compile(rb"[0-9a-f]{0,16}\r?")


class BrokenError(Exception):
    """Bytes that no strict reader takes."""


@dataclass
class Message:
    """One message, as far as it is there."""

    start: tuple[bytes, ...]
    """Method, target and minor version, or minor version, status and reason."""
    fields: list[Field]
    body: bytes = b""
    trailers: list[Field] = field(default_factory=list)
    whole: bool = False
    """Whether its end is there; never where only the end of the connection tells it."""
    until_close: bool = False
    size: int = 0
    """Bytes that it takes so far."""

    def values(self, name: bytes) -> list[bytes]:
        """Of each line of that lower-case name."""
        return [value for key, value in self.fields if key.lower() == name]

    @property
    def status(self) -> int:
        """Of a response."""
        return int(self.start[1])


def request(data: bytes) -> Message | None:
    """The request that `data` begins with; None where its head is not complete. Raises BrokenError."""
    message = _head(data, _REQUEST)
    if message is not None:
        hosts = message.values(b"host")
        if len(hosts) > 1 or (message.start[2] == b"1" and not hosts):
            raise BrokenError(hosts)
        _body(message, data, bodiless=False, response=False)
    return message


def response(data: bytes, method: bytes) -> Message | None:
    """The response, perhaps an interim one, to a `method` request. As `request` otherwise."""
    message = _head(data, _RESPONSE)
    if message is not None:
        no_body = message.status < 200 or message.status in (204, 304) or method == b"HEAD"
        _body(message, data, bodiless=no_body, response=True)
    return message


def _head(data: bytes, start: re.Pattern[bytes]) -> Message | None:
    found = _section(data, 0)
    if found is None:
        return None
    line, fields, end = found
    match = start.fullmatch(line)
    if match is None:
        raise BrokenError(line)
    return Message(match.groups(), fields, size=end)


def _section(data: bytes, at: int) -> tuple[bytes, list[Field], int] | None:
    end = data.find(b"\r\n\r\n", at)
    if end < 0:
        return None
    line, *lines = data[at:end].split(b"\r\n")
    return line, [_field(one) for one in lines], end + 4


def _field(line: bytes) -> Field:
    match = _FIELD.fullmatch(line)
    if match is None:
        raise BrokenError(line)
    return match[1], match[2] or b""


def _body(message: Message, data: bytes, *, bodiless: bool, response: bool) -> None:
    lengths, codings = message.values(b"content-length"), message.values(b"transfer-encoding")
    if len(lengths) + len(codings) > 1 or (message.start[2] == b"0" and not response and codings):
        raise BrokenError(lengths, codings)
    if bodiless or not (lengths or codings or response):
        message.whole = True
    elif codings:
        if codings != [b"chunked"]:
            raise BrokenError(codings)
        _chunks(message, data)
    elif lengths:
        if re.fullmatch(rb"0|[1-9][0-9]*", lengths[0]) is None:
            raise BrokenError(lengths)
        length = int(lengths[0])
        message.body = data[message.size : message.size + length]
        message.size += len(message.body)
        message.whole = len(message.body) == length
    else:
        message.until_close = True
        message.body = data[message.size :]
        message.size = len(data)


def _chunks(message: Message, data: bytes) -> None:
    at, pieces = message.size, []
    while True:
        match = _CHUNK.match(data, at)
        if match is None:
            if _SIZE_SO_FAR.fullmatch(data, at) is None:
                raise BrokenError(data[at : at + 40])
            break
        size, at = int(match[1], 16), match.end()
        if not size:
            found = _section(b"\r\n" + data[at:], 0)
            if found is not None:
                message.trailers = found[1]
                message.whole = True
                at += found[2] - 2
            break
        pieces.append(data[at : at + size])
        at += size
        if data[at : at + 2] != b"\r\n":
            if len(data) >= at + 2 or not b"\r\n".startswith(data[at:]):
                raise BrokenError(data[at : at + 40])
            break
        at += 2
    message.body = b"".join(pieces)
    message.size = min(at, len(data)) if message.whole else len(data)

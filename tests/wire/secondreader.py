"""What a stream of requests means by the RFC's grammar alone: an independent reader, which repairs and guesses nothing.

May not: use any code of ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_VCHAR = rb"[\x21-\x7e\x80-\xff]"
_REQUEST_LINE = re.compile(rb"(%b) ([\x21\x22\x24-\x7e]+) HTTP/1\.([0-9])" % TOKEN)
_FIELD = re.compile(rb"(%b):[ \t]*((?:%b(?:[\t %b]*%b)?)?)[ \t]*" % (TOKEN, _VCHAR, _VCHAR[1:-1], _VCHAR))
_TEXT = rb"[\t\x20-\x7e\x80-\xff]"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\%b)*"' % _TEXT
_CHUNK = re.compile(
    rb"([0-9A-Fa-f]{1,400})((?:[ \t]*;[ \t]*%b(?:[ \t]*=[ \t]*(?:%b|%b))?)*)\r\n" % (TOKEN, TOKEN, _QUOTED)
)
_SIZE_SO_FAR = re.compile(rb"[0-9A-Fa-f]*(?:[ \t;]%b*)?\r?" % _TEXT)
_FRAMERS = {b"content-length", b"transfer-encoding"}

Plain = tuple[bytes, bytes, bytes, list[tuple[bytes, bytes]], bytes, list[tuple[bytes, bytes]]]
"""Method, target, version, fields (names in lower case, less those that frame the body), body, trailers."""


class AmbiguousError(ValueError):
    """Bytes that two readers could read in two ways, or none in any."""


class CutError(ValueError):
    """The stream ends within something."""


@dataclass
class Meaning:
    """What a stream says."""

    requests: list[Plain] = field(default_factory=list)
    """Whole ones, in order."""
    ends: list[int] = field(default_factory=list)
    """Where in the stream each of them ends."""
    fault: str = ""
    """`ambiguous` or `cut`, where that follows them; then nothing behind it means anything."""
    begun: Plain | None = None
    """The request that the fault is in, with the body before it; None where the head is not whole and good."""


def meaning(data: bytes) -> Meaning:
    """All that `data` says up to its first fault."""
    found = Meaning()
    at = 0
    while at < len(data):
        body = bytearray()
        try:
            method, target, version, fields, framer, inside = _head(data, at)
        except (AmbiguousError, CutError) as error:
            found.fault = "cut" if isinstance(error, CutError) else "ambiguous"
            break
        try:
            trailers, at = _body(framer, data, inside, body)
        except (AmbiguousError, CutError) as error:
            found.fault = "cut" if isinstance(error, CutError) else "ambiguous"
            found.begun = (method, target, version, fields, bytes(body), [])
            break
        found.requests.append((method, target, version, fields, bytes(body), trailers))
        found.ends.append(at)
    return found


def second_reading(data: bytes) -> list[Plain]:
    """The requests of a stream of whole, good ones. Raises AmbiguousError, CutError."""
    found = meaning(data)
    if found.fault:
        raise CutError(data[-80:]) if found.fault == "cut" else AmbiguousError(data[-80:])
    return found.requests


Framer = tuple[bytes, bytes] | None
Head = tuple[bytes, bytes, bytes, list[tuple[bytes, bytes]], Framer, int]


def _head(data: bytes, at: int) -> Head:
    # RFC 9112 section 2.2: one empty line before a request line means nothing.
    line, fields, end = _section(data, at + 2 if data.startswith(b"\r\n", at) else at)
    match = _REQUEST_LINE.fullmatch(line)
    if not match:
        raise AmbiguousError(line[:80])
    method, target, minor = match.groups()
    version = b"HTTP/1.0" if minor == b"0" else b"HTTP/1.1"
    names = [name for name, _ in fields]
    if names.count(b"host") > 1 or (version == b"HTTP/1.1" and names.count(b"host") != 1):
        raise AmbiguousError(names)
    framers = [item for item in fields if item[0] in _FRAMERS]
    if len(framers) > 1:
        raise AmbiguousError(framers)
    framer = framers[0] if framers else None
    if framer is not None:
        name, value = framer
        counted = name == b"content-length" and re.fullmatch(rb"[0-9]+", value)
        if not counted and (name == b"content-length" or value.lower() != b"chunked" or version == b"HTTP/1.0"):
            raise AmbiguousError(framer)
    return method, target, version, [item for item in fields if item[0] not in _FRAMERS], framer, end


def _section(data: bytes, at: int) -> tuple[bytes, list[tuple[bytes, bytes]], int]:
    end = data.find(b"\r\n\r\n", at)
    if end < 0:
        raise CutError(data[at : at + 80])
    line, *lines = data[at:end].split(b"\r\n")
    if re.search(rb"[\r\n\0]", b"".join([line, *lines])):
        raise AmbiguousError(data[at : at + 80])
    fields = []
    for item in lines:
        match = _FIELD.fullmatch(item)
        if not match:
            raise AmbiguousError(item[:80])
        fields.append((match[1].lower(), match[2]))
    return line, fields, end + 4


def _body(framer: Framer, data: bytes, at: int, body: bytearray) -> tuple[list[tuple[bytes, bytes]], int]:
    """Fill `body`; the trailers, and where it ends."""
    if framer is None:
        return [], at
    if framer[0] == b"content-length":
        size = int(framer[1]) if len(framer[1]) < 100 else len(data) + 1
        body += data[at : at + size]
        if at + size > len(data):
            raise CutError(framer)
        return [], at + size
    while True:
        match = _CHUNK.match(data, at)
        if not match:
            if _SIZE_SO_FAR.fullmatch(data, at):
                raise CutError(data[at : at + 80])
            raise AmbiguousError(data[at : at + 80])
        size, at = int(match[1], 16), match.end()
        if not size:
            # The end of the last chunk's line stands for a start line.
            _, trailers, at = _section(data, at - 2)
            return trailers, at
        body += data[at : at + size]
        at += size
        if data[at : at + 2] != b"\r\n":
            if at + 2 > len(data) and b"\r\n".startswith(data[at:]):
                raise CutError(data[at:])
            raise AmbiguousError(data[at : at + 80])
        at += 2

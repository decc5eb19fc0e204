"""Field lines of HTTP/1.1 (RFC 9112 section 5), of heads and of trailers alike.

Rule: a quick check that says only yes or no over all lines at once, and a slow one that says what is wrong with one
line; both accept the same lines. May not: know what a field means.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pumpproxy.wire.errors import HttpError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Field = tuple[bytes, bytes]
"""A name as it was spelt, and a value without the white space around it."""
Fields = tuple[Field, ...]

OWS = b" \t"
TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
"""A pattern: RFC 9110 section 5.6.2, token = 1*tchar."""
MAX_NAME = 255
"""Bytes of a field's name. A longer one overflowed a length in HAProxy (CVE-2021-40346); no field has half of it."""
QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+"'
"""A pattern: section 5.6.4, quoted-string."""
TEXT = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])
"""RFC 9110 section 5.5: field-vchar = VCHAR / obs-text, with SP and HTAB between. Neither CR, LF, NUL nor a control."""

# RFC 9112 section 5: field-line = field-name ":" OWS field-value OWS, and field-name = token
_FIELD_NAME = rb"%b{1,%d}+" % (TOKEN[:-2], MAX_NAME)
_FIELD = re.compile(rb"\r\n(%b):[ \t]*+([^\r]*[^\r \t]|)" % _FIELD_NAME)
_NAME = re.compile(rb"%b:" % _FIELD_NAME)
_LOOSE_NAME = re.compile(rb"(\r\n%b)[ \t]++(?=:)" % _FIELD_NAME)
_USUAL_OPTIONS = {
    value: frozenset(value.lower().split(b", "))
    for value in (b"keep-alive", b"Keep-Alive", b"close", b"Upgrade", b"upgrade", b"keep-alive, Upgrade")
}
_NO_OPTIONS: frozenset[bytes] = frozenset()
# RFC 3875 section 4.1.18, of names that become variables of a CGI script: "all occurrences of "-" replaced with "_"";
# lighttpd, for one, does that to every character which is neither letter nor digit.
_LIKENESS = bytes(byte if chr(byte).isalnum() else ord("-") for byte in bytes(range(128)).lower()) + bytes(
    range(128, 256)
)


def values(fields: Iterable[Field], name: bytes) -> list[bytes]:
    """The values of every line of that name (any letter case), in order."""
    name, size = name.lower(), len(name)
    return [value for key, value in fields if len(key) == size and key.lower() == name]


def likeness(name: bytes) -> bytes:
    """What all names have in common that some server takes for this one: its lower case, all signs as hyphens."""
    return name.translate(_LIKENESS)


def parse(section: bytes) -> Fields | None:
    """The fields of a section, or None where a line is malformed: `check_line` says which and why.

    A section is a start line (perhaps empty), then each field line after a CRLF; it holds TEXT and CRLFs alone.
    """
    found = _FIELD.findall(section)
    # One field a CRLF at most, so as many of them as CRLFs is all lines, each read from its first byte.
    return tuple(found) if len(found) == section.count(b"\r\n") else None


def check_line(line: bytes, *, trims_name: bool = False) -> None:
    """Raise HttpError (400) with the reason where `parse` does not take that line."""
    if _NAME.match(line):
        return
    # RFC 9112 section 5.2: "A server that receives an obs-fold in a request message ... MUST either reject the message
    # by sending a 400 (Bad Request) ... or replace". Section 2.2: likewise white space before the first field line.
    if line[:1] in {b" ", b"\t"}:
        reason = "line folding"
        raise HttpError(reason, 400)
    name, colon, _ = line.partition(b":")
    if not colon:
        reason = "field line without a colon"
        raise HttpError(reason, 400)
    # RFC 9112 section 5.1: "No whitespace is allowed between the field name and colon. ... A server MUST reject, with a
    # response status code of 400 (Bad Request), any received request message that contains" it.
    if name.endswith((b" ", b"\t")) and not trims_name:
        reason = "white space before a colon"
        raise HttpError(reason, 400)
    if not trims_name or _NAME.match(name.rstrip(OWS) + colon) is None:
        reason = "field name is not a token, or too long"
        raise HttpError(reason, 400)


def trim_names(section: bytes) -> bytes:
    """A section without the white space before its colons.

    For responses alone: "A proxy MUST remove any such whitespace from a response message before forwarding the message
    downstream" (RFC 9112 section 5.1).
    """
    return _LOOSE_NAME.sub(rb"\1", section)


def options(lines: Sequence[bytes]) -> frozenset[bytes]:
    """The members of the Connection lines' lists, in lower case (RFC 9110 section 7.6.1).

    One that is not a token stays as it is: it names no field and no option that anybody knows.
    """
    if not lines:
        return _NO_OPTIONS
    if len(lines) == 1 and (usual := _USUAL_OPTIONS.get(lines[0])) is not None:
        return usual
    # RFC 9110 section 5.6.1.2: "A recipient MUST parse and ignore a reasonable number of empty list elements"
    return frozenset([member.strip(OWS) for member in b",".join(lines).lower().split(b",")]) - {b""}

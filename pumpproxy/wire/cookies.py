"""One cookie, by its name, in the value of a Cookie or a Set-Cookie line (RFC 6265).

Rule: nothing is read but where the one that is asked for stands; every other byte, and the order, is left as it is.
Names are compared exactly, letter case included. May not: know what a value is for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pumpproxy.wire.httpfields import OWS

if TYPE_CHECKING:
    from collections.abc import Iterable

# RFC 6265 section 4.2.1: cookie-string = cookie-pair *( ";" SP cookie-pair ), and 4.1.1: cookie-value = *cookie-octet /
# ( DQUOTE *cookie-octet DQUOTE ). A cookie-octet is no ";", in quotes or not, and section 5.2 ends a value at the first
# one whatever stands around it: a lone quote in somebody's cookie hides none that follow. Old readers (RFC 2965) took a
# quoted ";" for a part of the value, and "," for an end; no user agent has sent either for long.
_END = b";"
_QUOTE = b'"'


class Span(NamedTuple):
    """Where a value is in its line: `start` its first byte, `stop` the one behind its last."""

    start: int
    stop: int


def find(line: bytes, name: bytes) -> list[Span]:
    """The values of all cookies of that name in a Cookie line, without white space around them."""
    found: list[Span] = []
    if name not in line:
        return found
    start = 0
    while start <= len(line):
        stop = line.find(_END, start)
        stop = stop if stop >= 0 else len(line)
        span = _value(line, name, start, stop)
        if span is not None:
            found.append(span)
        start = stop + 1
    return found


def find_set(line: bytes, name: bytes) -> Span | None:
    """The value in a Set-Cookie line, if it sets the cookie of that name, without white space around it."""
    # RFC 6265 section 5.2: "the name-value-pair string consists of the characters up to, but not including, the first
    # %x3B (";")"; what follows are attributes, whatever they are called.
    stop = line.find(_END)
    return _value(line, name, 0, stop if stop >= 0 else len(line))


def _value(line: bytes, name: bytes, start: int, stop: int) -> Span | None:
    # RFC 6265 section 5.2: "the name string consists of the characters up to, but not including, the first %x3D ("=")",
    # the value of those after it; where there is none, it is no cookie. "Remove any leading or trailing WSP characters
    # from the name string and the value string."
    equals = line.find(b"=", start, stop)
    if equals < 0 or line[start:equals].strip(OWS) != name:
        return None
    value = line[equals + 1 : stop]
    begin = stop - len(value.lstrip(OWS))
    return Span(begin, begin + len(value.strip(OWS)))


def without(line: bytes, name: bytes) -> bytes | None:
    """A Cookie line without the cookies of that name and what parted them; None where no cookie is left."""
    pairs = line.split(_END)
    kept = [pair for pair in pairs if _value(pair, name, 0, len(pair)) is None]
    if len(kept) == len(pairs):
        return line
    left = _END.join(kept).strip(OWS)
    return left if left.strip(_END + OWS) else None


def replaced(line: bytes, edits: Iterable[tuple[Span, bytes]]) -> bytes:
    """The line with other bytes in place of some spans, which are in order and do not overlap."""
    pieces = []
    at = 0
    for span, text in edits:
        pieces += [line[at : span.start], text]
        at = span.stop
    return b"".join([*pieces, line[at:]])


def unquoted(line: bytes, span: Span) -> Span:
    """The inside of the quotes that a value stands in; the value where it does not."""
    size = span.stop - span.start
    if size > 1 and line[span.start : span.start + 1] == _QUOTE == line[span.stop - 1 : span.stop]:
        return Span(span.start + 1, span.stop - 1)
    return span

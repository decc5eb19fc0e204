"""What our own cookies say: which server a client is at, and since when.

    SERVER~VALUE           before the value of somebody else's cookie
    SERVER|LAST|FIRST      as a cookie of its own; with the dates or without

The same as HAProxy's (its manual, `cookie`), so that a client may come from one to the other. May not: judge a date.
"""

from __future__ import annotations

from typing import NamedTuple

from pumpproxy.wire.cookies import Span, unquoted

PREFIX_END = b"~"
DATE_MARK = b"|"

_QUOTE = ord('"')
_UNIT = 4
"""Seconds: 30 bits of them last until 2106."""
_DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
"""Base64's (RFC 4648 section 4), the highest first; all of them are cookie-octets."""
_SIZE = 5
_BITS = 6


class Prefix(NamedTuple):
    """The part before somebody else's value: the name of a server, and where it stands with its `~`."""

    server: bytes
    span: Span


def find_prefix(line: bytes, value: Span) -> Prefix | None:
    """The prefix of a value, which ends at its first `~`; None without one. It may stand behind an opening quote."""
    end = line.find(PREFIX_END, *value)
    if end < 0:
        return None
    start = value.start + (line[value.start] == _QUOTE)
    return Prefix(line[start:end], Span(start, end + 1))


def place_of_prefix(line: bytes, value: Span) -> Span:
    """Where a prefix is to be put: before the value, or inside the quotes that it stands in.

    RFC 6265 section 4.1.1 knows a quote at the ends of a value alone; user agents drop a cookie with one within it.
    """
    start = unquoted(line, value).start
    return Span(start, start)


class Visit(NamedTuple):
    """A cookie of our own. Dates are in seconds since 1970, exact to four of them; None where there is none."""

    server: bytes
    last: int | None
    first: int | None


def read_visit(value: bytes) -> Visit:
    """What a value says, its quotes taken off; a date that cannot be read is none."""
    server, _, dates = value.partition(DATE_MARK)
    last, _, first = dates.partition(DATE_MARK)
    return Visit(server, _read_date(last), _read_date(first))


def write_visit(visit: Visit) -> bytes:
    """The value that says so; a first date needs a last one."""
    dates = [_write_date(date) for date in (visit.last, visit.first) if date is not None]
    return DATE_MARK.join([visit.server, *dates])


def rounded(seconds: float) -> int:
    """A moment as a date can tell it, never before it: nobody's time is over early."""
    return -int(-seconds // _UNIT) * _UNIT


def _read_date(text: bytes) -> int | None:
    digits = [_DIGITS.find(byte) for byte in text[:_SIZE]]
    if len(digits) < _SIZE or -1 in digits:
        return None
    units = 0
    for digit in digits:
        units = units << _BITS | digit
    return units * _UNIT or None


def _write_date(seconds: int) -> bytes:
    units = seconds // _UNIT
    return bytes(_DIGITS[units >> shift & 0x3F] for shift in range(_BITS * (_SIZE - 1), -1, -_BITS))

"""What a cookie of ours says: a server, and dates; the same bytes as HAProxy's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.wire.cookiemarks import Visit, find_prefix, place_of_prefix, read_visit, rounded, write_visit
from pumpproxy.wire.cookies import Span, find_set, replaced

WROTE = 1_795_798_034
"""When HAProxy 2.6.12 wrote `A|awm0F`."""


def taken_off(value: bytes) -> tuple[bytes, bytes] | None:
    """The server that a value names, and what is left of the value."""
    prefix = find_prefix(b"J=" + value, Span(2, 2 + len(value)))
    return None if prefix is None else (prefix.server, replaced(b"J=" + value, [(prefix.span, b"")])[2:])


def put_before(value: bytes, server: bytes = b"A") -> bytes:
    """The value as a client gets it from that server."""
    line = b"J=" + value
    span = find_set(line, b"J")
    assert span is not None
    return replaced(line, [(place_of_prefix(line, span), server + b"~")])[2:]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"A~v", (b"A", b"v")),
        (b"A~", (b"A", b"")),
        (b"~v", (b"", b"v")),
        (b"~", (b"", b"")),
        (b"A~1~2", (b"A", b"1~2")),
        (b'"A~q v"', (b"A", b'"q v"')),
        (b'A~"q v"', (b"A", b'"q v"')),
        (b'"A~', (b"A", b'"')),
        (b'"~"', (b"", b'""')),
        (b"Zed~v", (b"Zed", b"v")),
        (b"v", None),
        (b"", None),
        (b'"', None),
    ],
)
def test_a_prefix_ends_at_the_first_tilde(value: bytes, expected: tuple[bytes, bytes] | None) -> None:
    """And takes no quote of the value with it."""
    assert taken_off(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"v", b"A~v"), (b"", b"A~"), (b"A~v", b"A~A~v"), (b'"q v"', b'"A~q v"'), (b'"q', b'A~"q'), (b'"', b'A~"')],
)
def test_a_prefix_is_put_before_the_value(value: bytes, expected: bytes) -> None:
    """Inside its quotes: with one in its middle it would be no value (RFC 6265, section 4.1.1)."""
    assert put_before(value) == expected


@given(st.text(alphabet='ab~|=", \\\xe9', max_size=8).map(lambda text: text.strip(" ").encode("latin-1")))
def test_what_is_put_on_is_taken_off(value: bytes) -> None:
    """The server finds what it set, to the byte."""
    assert taken_off(put_before(value)) == (b"A", value)


@pytest.mark.parametrize(
    ("value", "visit"),
    [
        (b"A", Visit(b"A", None, None)),
        (b"", Visit(b"", None, None)),
        (b"A|", Visit(b"A", None, None)),
        (b"A|xx", Visit(b"A", None, None)),
        (b"A|????? ", Visit(b"A", None, None)),
        (b"A|AAAAA", Visit(b"A", None, None)),
        (b"A|AAAAB", Visit(b"A", 4, None)),
        (b"A|BAAAA|AAAAC", Visit(b"A", 1 << 26, 8)),
        (b"A|/////", Visit(b"A", (1 << 32) - 4, None)),
        (b"A|AAAABzzz", Visit(b"A", 4, None)),
        (b"A|AAAAB|AAAAC|x", Visit(b"A", 4, 8)),
        (b"A||AAAAC", Visit(b"A", None, 8)),
        (b"A~x", Visit(b"A~x", None, None)),
    ],
)
def test_dates_are_five_digits_behind_a_bar(value: bytes, visit: Visit) -> None:
    """Of 64, in units of four seconds; what cannot be read is no date, and so is zero."""
    assert read_visit(value) == visit


def test_what_is_not_there_is_not_written() -> None:
    """A server, a last date, a first one."""
    assert write_visit(Visit(b"A", None, None)) == b"A"
    assert write_visit(Visit(b"A", 4, None)) == b"A|AAAAB"
    assert write_visit(Visit(b"A", 4, 8)) == b"A|AAAAB|AAAAC"


def test_a_date_is_haproxys() -> None:
    """One that it wrote itself."""
    assert write_visit(Visit(b"A", rounded(WROTE), None)) == b"A|awm0F"


@given(st.integers(1, (1 << 30) - 1), st.integers(1, (1 << 30) - 1))
def test_a_visit_is_read_back(last: int, first: int) -> None:
    """Until 2106."""
    visit = Visit(b"A", last * 4, first * 4)
    assert read_visit(write_visit(visit)) == visit


@pytest.mark.parametrize(("wall", "date"), [(8.0, 8), (8.25, 12), (9, 12), (11.99, 12), (12, 12)])
def test_a_date_is_never_before_its_moment(wall: float, date: int) -> None:
    """Rounded up, as HAProxy does."""
    assert rounded(wall) == date

"""Lines up to an empty line, however they are cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pumpproxy.wire.errors import HttpError
from pumpproxy.wire.httpsection import SectionReader, TrailerReader
from tests.wire.httpstream import cut, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pumpproxy.wire.httpfields import Fields


class Plain(SectionReader):
    """Takes any start line but an empty one, or one that begins with "!"."""

    def start(self, line: bytes) -> None:
        """Refuse what is no start line here."""
        if not line or line.startswith(b"!"):
            reason = "start"
            raise HttpError(reason, 505)


class Lenient(Plain):
    """Allows what requests and responses allow."""

    skips_blank = True
    trims_names = True


def collect(reader: SectionReader, pieces: Iterable[bytes]) -> Fields | None:
    """What the pieces amount to; nothing may follow what completes the section."""
    fields: Fields | None = None
    for piece in pieces:
        assert fields is None
        fields = reader.collect(piece)
    return fields


def both_ways(make: type[SectionReader], data: bytes, head: int = 64, count: int = 3, line: int = 16) -> Fields | str:
    """What comes of `data`: fields, or status and reason; the same for every way to cut it in two, and bytewise."""
    ways: list[Iterable[bytes]] = [[data], cut(data), *([data[:at], data[at:]] for at in range(1, len(data)))]
    outcomes: list[Fields | str] = []
    for way in ways:
        try:
            outcomes.append(collect(make(head, count, line), way) or ())
        except HttpError as error:
            outcomes.append(f"{error.status} {error.reason}")
    assert all(outcome == outcomes[0] for outcome in outcomes)
    return outcomes[0]


def test_a_section_and_what_follows() -> None:
    """The start line, the fields, the size and the rest are told apart."""
    reader = Plain()
    assert reader.collect(b"start\r\nA: b\r\n\r\nrest\r\n") == ((b"A", b"b"),)
    assert (reader.line, reader.length, reader.rest) == (b"start", 15, b"rest\r\n")
    assert reader.pending == 0


def test_one_section_after_another() -> None:
    """A reader begins anew after each, also where the first was cut."""
    reader = Plain()
    assert reader.collect(b"one\r\nA: b\r") is None
    assert reader.pending == 10
    assert reader.collect(b"\n\r\ntwo\r\n") == ((b"A", b"b"),)
    assert reader.rest == b"two\r\n"
    assert reader.collect(reader.rest) is None
    assert reader.collect(b"C: d\r\n\r\n") == ((b"C", b"d"),)
    assert (reader.line, reader.length, reader.rest) == (b"two", 13, b"")


def test_no_fields() -> None:
    """A start line may stand alone."""
    assert both_ways(Plain, b"start\r\n\r\n") == ()


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"start\r\nA: b\r\nC: d\r\n\r\n", ((b"A", b"b"), (b"C", b"d"))),
        (b"start\nA: b\r\n\r\n", "400 bare LF"),
        (b"start\r\nA: b\n\r\n", "400 bare LF"),
        (b"start\r\nA: b\r\n\nx", "400 bare LF"),
        (b"start\rA: b\r\n\r\n", "400 bare CR"),
        (b"start\r\nA: b\r\r\n\r\n", "400 bare CR"),
        (b"\rstart\r\n\r\n", "400 bare CR"),
        (b"sta\0rt\r\n\r\n", "400 NUL"),
        (b"start\r\nA: \x01\r\n\r\n", "400 control byte"),
        (b"start\r\nA\x7f: b\r\n\r\n", "400 control byte"),
        (b"start\r\n A: b\r\n\r\n", "400 line folding"),
        (b"start\r\nA: b\r\n c\r\n\r\n", "400 line folding"),
        (b"start\r\nA : b\r\n\r\n", "400 white space before a colon"),
        (b"start\r\nA\r\n\r\n", "400 field line without a colon"),
        (b"!\r\nA: b\r\n\r\n", "505 start"),
        (b"\r\nstart\r\n\r\n", "505 start"),
        # The first fault counts, wherever the others are.
        (b"!\r\nA : b\r\n\r\n", "505 start"),
        (b"!\0\r\nA : b\r\n\r\n", "400 NUL"),
        (b"start\r\nA : b\r\nC: \0\r\n\r\n", "400 white space before a colon"),
        (b"start\r\nA: \0\r\nC : d\r\n\r\n", "400 NUL"),
        (b"!\r\nA: \n", "505 start"),
    ],
)
def test_faults_do_not_depend_on_the_cut(data: bytes, outcome: Fields | str) -> None:
    """Whole, cut in two anywhere, or byte by byte: the same reason."""
    assert both_ways(Plain, data) == outcome


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"\r\nstart\r\nA: b\r\n\r\n", ((b"A", b"b"),)),
        (b"\r\nstart\r\n\r\n", ()),
        (b"\r\n\r\nstart\r\n\r\n", "505 start"),
        (b"\r\n\r\n\r\n", "505 start"),
        (b"start\r\nA : b\r\nC\t: d\r\n\r\n", ((b"A", b"b"), (b"C", b"d"))),
        (b"start\r\nA : b\r\n C: d\r\n\r\n", "400 line folding"),
        (b"start\r\nA@ : b\r\n\r\n", "400 field name is not a token, or too long"),
    ],
)
def test_what_may_be_allowed(data: bytes, outcome: Fields | str) -> None:
    """One empty line before the start line, and white space before colons, where the subclass allows them."""
    assert both_ways(Lenient, data) == outcome


def test_the_empty_line_before_counts() -> None:
    """`length` says what to take from the stream."""
    reader = Lenient()
    assert reader.collect(b"\r\nstart\r\n\r\nx") == ()
    assert (reader.line, reader.length, reader.rest) == (b"start", 11, b"x")


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"s" * 16 + b"\r\n\r\n", ()),
        (b"s" * 17 + b"\r\n\r\n", "414 start line too long"),
        (b"s" * 18, "414 start line too long"),
        (b"s" * 40 + b"\0", "414 start line too long"),
        (b"s" * 16 + b"\0", "400 NUL"),
        (b"s" * 17 + b"\0", "400 NUL"),
        (b"s" * 18 + b"\0", "414 start line too long"),
        (b"s" * 16 + b"\rx", "400 bare CR"),
        (b"s" * 17 + b"\r\0", "414 start line too long"),
        (b"s" * 18 + b"\n", "414 start line too long"),
        (b"!" * 17 + b"\r\n\r\n", "414 start line too long"),
        (b"s\r\nA:\r\nB:\r\nC:\r\n\r\n", ((b"A", b""), (b"B", b""), (b"C", b""))),
        (b"s\r\nA:\r\nB:\r\nC:\r\nD:\r\n\r\n", "431 too many fields, or too large together"),
        (b"!\r\nA:\r\nB:\r\nC:\r\nD:\r\n\r\n", "505 start"),
        (b"s\r\nA:\r\nB:\r\nC :\r\nD:\r\n\r\n", "400 white space before a colon"),
        (b"s\r\nA:\r\nB:\r\nC:\r\nD :\r\n\r\n", "431 too many fields, or too large together"),
        (b"s\r\nA:" + b"x" * 54 + b"\r\n\r\n", ((b"A", b"x" * 54),)),  # 63 bytes
        (b"s\r\nA:" + b"x" * 55 + b"\r\n\r\n", ((b"A", b"x" * 55),)),  # 64
        (b"s\r\nA:" + b"x" * 56 + b"\r\n\r\n", "431 too many fields, or too large together"),
        (b"s\r\nA:" + b"x" * 90, "431 too many fields, or too large together"),
        (b"s\r\nA:" + b"x" * 58 + b"\0", "400 NUL"),  # the 64th
        (b"s\r\nA:" + b"x" * 59 + b"\0", "431 too many fields, or too large together"),
        (b"s\r\nA :" + b"x" * 90 + b"\r\n", "431 too many fields, or too large together"),
    ],
)
def test_limits(data: bytes, outcome: Fields | str) -> None:
    """A start line of 16 bytes, three fields and 64 bytes in all: the last that fits is taken, the next is not."""
    assert both_ways(Plain, data) == outcome


def test_an_unfinished_section_is_bounded() -> None:
    """Nothing is held beyond the limit: the byte that reaches it is refused."""
    reader = Plain(64)
    reader.collect(b"s\r\nA: ")
    assert refusal(reader.collect, cut(b"x" * 64)) == "431 too many fields, or too large together"
    assert reader.pending == 64


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"\r\n", ()),
        (b"A: b\r\n\r\n", ((b"A", b"b"),)),
        (b"A : b\r\n\r\n", "400 white space before a colon"),
        (b"\nA: b\r\n\r\n", "400 bare LF"),
        (b"\rA", "400 bare CR"),
        (b"A:\r\nB:\r\nC:\r\nD:\r\n\r\n", "431 too many fields, or too large together"),
    ],
)
def test_trailers(data: bytes, outcome: Fields | str) -> None:
    """Fields, and perhaps none, without a start line."""
    assert both_ways(TrailerReader, data) == outcome


def test_what_follows_trailers() -> None:
    """The rest is told apart."""
    reader = TrailerReader()
    assert reader.collect(b"A: b\r\n\r\nrest") == ((b"A", b"b"),)
    assert reader.rest == b"rest"


def test_a_reader_may_be_bounded_anew_between_sections() -> None:
    """What was read before is of no matter; each limit counts from then on."""
    reader = Plain(64, 3, 16)
    section = b"start\r\n" + b"A: b\r\n" * 3 + b"\r\n"
    assert reader.collect(section) is not None
    for limits, reason in (
        ((20, 3, 16), "431 too many fields, or too large together"),
        ((64, 2, 16), "431 too many fields, or too large together"),
        ((64, 3, 4), "414 start line too long"),
    ):
        reader = Plain(64, 3, 16)
        reader.bound(*limits)
        assert refusal(reader.collect, [section]) == reason
        reader = Plain(10, 1, 1)
        reader.bound(64, 3, 16)
        assert reader.collect(section) is not None

"""The chunked transfer coding."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.wire.chunked import LAST_CHUNK, MAX_SIZE_LINE, ChunkedReader, encode_chunk, encode_last
from pumpproxy.wire.errors import HttpError
from tests.wire.httpstream import cut, refusal

if TYPE_CHECKING:
    from pumpproxy.wire.httpfields import Fields

    Decoded = tuple[bytes, Fields, bytes]


def decode(*pieces: bytes) -> Decoded:
    """Payload, trailers and rest of a whole body; what comes after its end is rest, too."""
    reader = ChunkedReader()
    payload, late = [], []
    for piece in pieces:
        if reader.done:
            late.append(piece)
        else:
            payload += reader.feed(piece)
    assert reader.done
    assert all(payload)
    return b"".join(payload), reader.trailers, reader.rest + b"".join(late)


def every_way(data: bytes) -> Decoded | str | None:
    """What comes of `data`, the reason if it is refused, None if it is unfinished; the same for every cut."""
    ways = [[data], list(cut(data)), list(cut(data, 3)), *([data[:at], data[at:]] for at in range(1, len(data)))]
    outcomes = [_outcome(way) for way in ways]
    assert all(outcome == outcomes[0] for outcome in outcomes)
    return outcomes[0]


def _outcome(pieces: list[bytes]) -> Decoded | str | None:
    reader = ChunkedReader()
    payload, rest = b"", b""
    try:
        for piece in pieces:
            if reader.done:
                rest += piece
            else:
                payload += b"".join(reader.feed(piece))
    except HttpError as error:
        return f"{error.status} {error.reason}"
    return (payload, reader.trailers, reader.rest + rest) if reader.done else None


@pytest.mark.parametrize(
    ("data", "payload"),
    [
        (b"0\r\n\r\n", b""),
        (b"000\r\n\r\n", b""),
        (b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", b"hello world"),
        (b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", b"01234567890123456789"),
        (b"0000000000000005\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n"),
        (b"5;a\r\nhello\r\n0;last\r\n\r\n", b"hello"),
        (b'5 ;\ta = b ;c="d;\\"\\\\ \xff"; e\r\nhello\r\n0\r\n\r\n', b"hello"),
    ],
)
def test_bodies(data: bytes, payload: bytes) -> None:
    """Payload comes out whole, extensions are dropped, and what follows is left alone."""
    assert every_way(data + b"GET") == (payload, (), b"GET")


def test_trailers() -> None:
    """They are kept, as fields of a head are."""
    assert every_way(b"0\r\nX-Sum: 1\r\nx-b:\t2 \r\n\r\nrest") == (b"", ((b"X-Sum", b"1"), (b"x-b", b"2")), b"rest")


@pytest.mark.parametrize(
    "data",
    [
        b"Z\r\n", b"0x5\r\nhello", b"-5\r\n", b"+5\r\n", b"0_5\r\n", b" 5\r\n", b"\t5\r\n", b"5 \r\nhello", b"5\t\r\n",
        b"5,5\r\n", b"5\0\r\n", b"5\xa0\r\n", b"5xyz\r\n", b"\r\n5\r\n", b";a=b\r\n", b'"5"\r\n', b"5;\r\nhello",
        b"5; ;a\r\n", b"5;a[=x\r\n", b"5;a=\r\n", b'5;a="b\r\n', b'5;a="b"c\r\n', b"5;a b\r\n", b"5;a\rb\r\nhello",
        b"5\rhello\r\n", b"5\nhello", b"5;a\nhello\r\n", b"2;\nxx\r\n30\r\n", b"5\r\r\nhello",
        b"5\r\nhello\n", b"5\r\nhello0\r\n", b"5\r\nhelloX\r\n0", b"5\r\nhelloXX0\r\n", b"5\r\nhello\r\n\r\n0\r\n",
        b"5\r\nhello\rx", b"5\r\nhello\r\nx", b"00000000000000005\r\n", b"8000000000000000\r\n",
        b"FFFFFFFFFFFFFFFF\r\n",
        b"0\n\n", b"g", b"5;\x01", b"5;a=" + b"b" * 80 + b"\nhello",
    ],
)  # fmt: skip
def test_malformed_chunks(data: bytes) -> None:
    """One grammar for a size, one end for a line, for a chunk and for a size line."""
    assert every_way(data) == "400 malformed chunk"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"0\r\nX : y\r\n\r\n", "white space before a colon"),
        (b"0\r\nXY\r\n\r\n", "field line without a colon"),
        (b"0\r\nX: y\n\r\n", "bare LF"),
        (b"0\r\n\n", "bare LF"),
        (b"0\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", "field line without a colon"),
        (b"0\r\n a: b\r\n\r\n", "line folding"),
        (b"0\r\n" + b"X: y\r\n" * 101, "too many fields, or too large together"),
    ],
)
def test_malformed_trailers(data: bytes, reason: str) -> None:
    """They are as strict, and as bounded, as a head."""
    assert every_way(data) == f"400 trailers: {reason}"


def test_trailers_are_bounded_in_size() -> None:
    """16 KiB of them are refused before their end."""
    reader = ChunkedReader()
    reason = refusal(reader.feed, cut(b"0\r\nX: " + b"y" * 16384, 1000))
    assert reason == "400 trailers: too many fields, or too large together"


@pytest.mark.parametrize(
    "data",
    [b"", b"5", b"5\r", b"5\r\n", b"5\r\nhel", b"5\r\nhello", b"5\r\nhello\r", b"5\r\nhello\r\n", b"0\r\n", b"0\r\nX"],
)
def test_unfinished_bodies(data: bytes) -> None:
    """Nothing is said before the end is there."""
    assert every_way(data) is None


def test_long_size_lines() -> None:
    """4 KiB are taken; one byte more is refused, without waiting for the line's end."""
    line = b"1;a=" + b"b" * (MAX_SIZE_LINE - 4)
    assert decode(line + b"\r\nx\r\n0\r\n\r\n") == (b"x", (), b"")
    assert decode(*cut(line + b"\r\nx\r\n0\r\n\r\n")) == (b"x", (), b"")
    for pieces in ([line + b"b\r\nx\r\n"], cut(line + b"b\r\n"), cut(line + b"b" * 8, 1000)):
        assert refusal(ChunkedReader().feed, pieces) == "400 malformed chunk"


def test_the_largest_chunk() -> None:
    """2**63 - 1 bytes may be announced; they are passed as they come."""
    reader = ChunkedReader()
    assert reader.feed(b"7fffffffffffffff\r\nabc") == [b"abc"]
    data = bytes(65536)
    assert reader.feed(data)[0] is data


def test_payload_is_not_copied_where_it_fills_a_read() -> None:
    """A read in the middle of a chunk is handed on as it is."""
    reader = ChunkedReader()
    assert reader.feed(b"1000\r\n") == []
    data = b"x" * 2048
    assert reader.feed(data)[0] is data
    assert reader.feed(data + b"\r\n0\r\n\r\n") == [data]
    assert reader.done


def test_encoding() -> None:
    """What is written is read back; no data makes no chunk, since an empty one would be the end."""
    assert encode_chunk(b"") == b""
    assert encode_chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
    assert encode_last(()) == LAST_CHUNK
    assert encode_last(((b"A", b"b"), (b"C", b""))) == b"0\r\nA: b\r\nC: \r\n\r\n"


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=6),
    st.lists(st.tuples(st.just(b"X-A"), st.sampled_from([b"", b"b", b"b c"])), max_size=2),
    st.binary(max_size=10),
    st.lists(st.integers(0, 300), max_size=8),
)
def test_round_trip(payload: list[bytes], trailers: list[tuple[bytes, bytes]], rest: bytes, cuts: list[int]) -> None:
    """Any payload, written in any chunks and read in any pieces, is what it was."""
    data = b"".join([*map(encode_chunk, payload), encode_last(trailers), rest])
    marks = sorted({0, len(data), *(at for at in cuts if at < len(data))})
    pieces = [data[start:stop] for start, stop in itertools.pairwise(marks)]
    assert decode(*pieces) == (b"".join(payload), tuple(trailers), rest)


@given(st.lists(st.sampled_from([b"0", b"1", b"5", b"f", b";", b"a", b"=", b'"', b" ", b"\r\n", b"\r", b"\n", b"x"])))
def test_no_cut_changes_the_outcome(parts: list[bytes]) -> None:
    """Whatever the bytes, they are read in one way."""
    every_way(b"".join(parts))

"""Length-prefixed fields: where they end, and that nothing outside [at, end) is read."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.wire.alert import AlertDescription
from pumpproxy.wire.cursor import after8, after16, malformed
from pumpproxy.wire.errors import TlsError


@given(st.binary(max_size=40), st.binary(max_size=255), st.binary(max_size=40))
def test_a_vector_ends_after_its_content(before: bytes, content: bytes, behind: bytes) -> None:
    """Wherever it stands, and whatever stands around it."""
    at = len(before)
    short = before + struct.pack("!B", len(content)) + content
    assert after8(short + behind, at, len(short)) == len(short)
    long = before + struct.pack("!H", len(content)) + content
    assert after16(long + behind, at, len(long)) == len(long)


@given(st.binary(min_size=1, max_size=40), st.integers(0, 3), st.integers(0, 40))
def test_what_lies_beyond_the_end_is_not_read(data: bytes, at: int, end: int) -> None:
    """The answer is the same whether bytes follow `end` or not: a place within, or decode_error."""
    end = min(end, len(data))
    for after in (after8, after16):
        answers: list[int | str] = []
        for seen in (data, data[:end]):
            try:
                answers.append(after(seen, at, end))
            except TlsError as error:
                answers.append(AlertDescription(error.alert).name)
        assert answers[0] == answers[1]
        assert answers[0] in {"DECODE_ERROR", *range(at + 1, end + 1)}


def test_the_largest_length_is_read_as_one_number() -> None:
    """Both bytes count, the first more."""
    data = b"\xff\xfe" + bytes(0xFFFE)
    assert after16(data, 0, len(data)) == len(data)
    with pytest.raises(TlsError):
        after16(data, 0, len(data) - 1)


def test_malformed_is_decode_error() -> None:
    """Its reason is handed on, for the log."""
    error = malformed("a length")
    assert (error.reason, error.alert) == ("a length", 50)

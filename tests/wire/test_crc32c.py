"""The checksum that Castagnoli's polynomial gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.wire.crc32c import crc32c

# RFC 3720 appendix B.4, whose bytes stand the other way round; the last is the check value of catalogues of CRCs.
VECTORS = [
    (b"", 0x00000000),
    (bytes(32), 0x8A9136AA),
    (b"\xff" * 32, 0x62A8AB43),
    (bytes(range(32)), 0x46DD794E),
    (bytes(reversed(range(32))), 0x113FDB5C),
    (b"123456789", 0xE3069283),
]


@pytest.mark.parametrize(("data", "sum_"), VECTORS)
def test_published_sums(data: bytes, sum_: int) -> None:
    """It is the CRC32c of the standards, and no other of the many."""
    assert crc32c(data) == sum_


@given(st.binary(min_size=1, max_size=200), st.data())
def test_one_wrong_bit_is_found(data: bytes, draw: st.DataObject) -> None:
    """Whichever it is."""
    at = draw.draw(st.integers(0, len(data) - 1))
    bit = draw.draw(st.integers(0, 7))
    wrong = data[:at] + bytes((data[at] ^ 1 << bit,)) + data[at + 1 :]
    assert crc32c(wrong) != crc32c(data)

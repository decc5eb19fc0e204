"""CRC32c, by Castagnoli's polynomial, a byte at a time: Python's own CRC-32 is another one.

May not: know what is checked, or be used for more than a header: it takes a tenth of a microsecond a byte.
Source: RFC 9260 appendix A, which reads as RFC 4960 appendix B.
"""

from __future__ import annotations

_POLYNOMIAL = 0x82F63B78
"""0x1EDC6F41 (RFC 9260 appendix A), the other way round: bits are taken from the lowest on."""
_ONES = 0xFFFFFFFF


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = tuple(map(_entry, range(256)))


def crc32c(data: bytes) -> int:
    """The checksum of `data`, a number of 32 bits."""
    crc = _ONES
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ _ONES

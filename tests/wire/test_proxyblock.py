"""The binary header of the PROXY protocol by itself; what both versions have alike is tested in test_proxyprotocol."""

from __future__ import annotations

import pytest

from pumpproxy.wire.errors import ProxyHeaderError
from pumpproxy.wire.proxyblock import SIGNATURE, checksum, read_block
from tests.wire import proxyheaders
from tests.wire.proxyheaders import BLOCK4, INET, block, checked, tlv


def test_the_signature_is_the_specifications() -> None:
    """Twelve bytes, of which the fifth is NUL."""
    assert proxyheaders.SIGNATURE == SIGNATURE


def test_the_signature_alone_says_nothing_yet() -> None:
    """Version, command and family follow."""
    assert read_block(SIGNATURE) is None


def test_a_checksum_counts_its_own_place_as_zeros() -> None:
    """Wherever among the TLVs it stands."""
    for before, after in ((b"", tlv(0x01, b"h2")), (tlv(0x02, b"a.example"), b""), (tlv(0x04, b""), tlv(0xE0, b"x"))):
        whole = block(0x21, 0x11, INET + before + tlv(0x03, bytes(4)) + after)
        at = 16 + len(INET) + len(before) + 3
        header = whole[:at] + checksum(whole[:at], whole[at + 4 :]) + whole[at + 4 :]
        told = read_block(header + b"behind it")
        assert told is not None
        assert told.size == len(header)


def test_it_is_checked_over_the_header_alone() -> None:
    """Not over what its client says behind it."""
    assert read_block(checked(BLOCK4) + b"\x16\x03\x01") == read_block(checked(BLOCK4))


def test_a_header_is_waited_for_whole_before_its_tlvs_are_looked_at() -> None:
    """One that will be refused is so in the end, and not by what a cut makes of it."""
    header = block(0x21, 0x11, INET + tlv(0x05, b"a") + tlv(0x05, b"b"))
    assert {read_block(header[:end]) for end in range(12, len(header))} == {None}
    with pytest.raises(ProxyHeaderError):
        read_block(header)

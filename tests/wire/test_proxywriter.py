"""Headers of the PROXY protocol, as they are written, and as our own reader takes them."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pumpproxy.wire.proxyheader import Address, ProxyHeader
from pumpproxy.wire.proxyprotocol import MAX_LINE, read_header
from pumpproxy.wire.proxywriter import ALPN, AUTHORITY, v1, v2, v2_local
from tests.wire.proxyheaders import (
    BLOCK4,
    BLOCK6,
    CLIENT4,
    CLIENT6,
    INET,
    LINE4,
    LINE6,
    LOCAL,
    OURS4,
    OURS6,
    block,
    checked,
    tlv,
)

UNKNOWN = b"PROXY UNKNOWN\r\n"
NOT_KNOWN: list[tuple[Address | None, Address | None]] = [
    (None, None),
    (CLIENT4, None),
    (None, OURS6),
    (("unix", 0), None),
    (("unix", 0), OURS4),
    (CLIENT4, OURS6),
    (CLIENT6, OURS4),
    (("::ffff:192.0.2.1", 1), OURS6),
]
"""Of which no header can tell."""


def test_a_line() -> None:
    """Version 1, of each family."""
    assert v1(CLIENT4, OURS4) == LINE4
    assert v1(CLIENT6, OURS6) == LINE6


def test_a_block() -> None:
    """Version 2, of each family; a checksum is always there."""
    assert v2(CLIENT4, OURS4) == checked(BLOCK4)
    assert v2(CLIENT6, OURS6) == checked(BLOCK6)


def test_tlvs_stand_in_order_and_the_checksum_last() -> None:
    """Each is what it was given as."""
    rest = INET + tlv(0x01, b"h2") + tlv(0x02, b"a.example") + tlv(0x05, b"\0" * 128)
    found = v2(CLIENT4, OURS4, [(ALPN, b"h2"), (AUTHORITY, b"a.example"), (0x05, b"\0" * 128)])
    assert found == checked(block(0x21, 0x11, rest))


def test_a_connection_of_our_own() -> None:
    """LOCAL, without an address."""
    assert v2_local() == LOCAL


@pytest.mark.parametrize(("client", "local"), NOT_KNOWN)
def test_what_cannot_be_told_is_not_made_up(client: Address | None, local: Address | None) -> None:
    """UNKNOWN and LOCAL, which every server has to take for its peer's own; nothing else is told then."""
    assert v1(client, local) == UNKNOWN
    assert v2(client, local, [(0x05, b"id")]) == LOCAL


def test_mapped_addresses_are_ipv4_and_zones_are_ours_alone() -> None:
    """What a dual socket of the kernel's calls its clients, and a link its neighbours."""
    assert v1(("::ffff:192.0.2.1", 56324), ("::ffff:198.51.100.2", 443)) == LINE4
    assert v2(("::ffff:192.0.2.1", 56324), OURS4) == checked(BLOCK4)
    assert v1(("fe80::1%eth0", 1), ("fe80::2%3", 2)) == b"PROXY TCP6 fe80::1 fe80::2 1 2\r\n"


PORTS = st.integers(0, 65535)
PAIRS = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4)), st.tuples(st.ip_addresses(v=6), st.ip_addresses(v=6))
)


def spelt(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """As everybody writes it."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


@given(PAIRS, PORTS, PORTS, st.lists(st.tuples(st.sampled_from([0x01, 0x02, 0x04, 0xE5]), st.binary(max_size=255))))
@example((ipaddress.IPv6Address("ffff:" * 7 + "ffff"),) * 2, 65535, 65535, [])
def test_what_is_written_is_read(
    pair: tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, ...],
    port: int,
    other_port: int,
    tlvs: list[tuple[int, bytes]],
) -> None:
    """Either version, with whatever TLVs, and what follows is not touched; no line is too long for anybody."""
    client, local = (spelt(pair[0]), port), (spelt(pair[1]), other_port)
    alike = (":" in client[0]) == (":" in local[0])
    line, whole = v1(client, local), v2(client, local, [*tlvs[:12], (0x05, b"id")])
    assert len(line) <= MAX_LINE
    if alike:
        assert read_header(line + b"more") == ProxyHeader(len(line), known=True, client=client, local=local)
        told = ProxyHeader(len(whole), known=True, client=client, local=local, unique_id=b"id")
        assert read_header(whole + b"more") == told
    else:
        assert read_header(line + b"more") == ProxyHeader(len(line))
        assert read_header(whole + b"more") == ProxyHeader(len(whole))

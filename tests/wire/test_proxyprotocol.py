"""Headers of the PROXY protocol, as they are read: both versions, cut anywhere."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pumpproxy.wire.errors import ProxyHeaderError
from pumpproxy.wire.proxyblock import MAX_BLOCK
from pumpproxy.wire.proxyheader import ProxyHeader
from pumpproxy.wire.proxyprotocol import MAX_LINE, read_header
from tests.wire.proxyheaders import BAD, BLOCK4, GOOD, LINE4, LINE6, block, checked, tlv

ALL = [header for header, _ in GOOD]


@pytest.mark.parametrize(("header", "told"), GOOD)
@pytest.mark.parametrize("behind", [b"", b"\r\n", b"GET / HTTP/1.1\r\n\r\n", LINE4, BLOCK4])
def test_a_header_is_read_and_what_is_behind_it_is_not(header: bytes, told: ProxyHeader, behind: bytes) -> None:
    """It says how many bytes it took; a second header behind it is its client's."""
    assert read_header(header + behind) == told


@pytest.mark.parametrize("header", ALL)
def test_it_may_be_cut_anywhere(header: bytes) -> None:
    """Whatever is there of a header, the rest is waited for."""
    assert [read_header(header[:end]) for end in range(len(header))] == [None] * len(header)


@pytest.mark.parametrize(("data", "reason"), BAD)
def test_what_is_none_is_refused(data: bytes, reason: str) -> None:
    """Each with its reason, which has nothing of the peer's in it."""
    with pytest.raises(ProxyHeaderError) as caught:
        read_header(data)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("data", "known_at"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 1),
        (b"PROXXY", 5),
        (b"\r\nPROXY", 3),
        (b"PROXY TCP4\n", 11),
        (b"PROXY TCP4\rX", 12),
        (b"PROXY " + b"x" * 200, 106),
        (block(0x22, 0x11, bytes(12)), 13),
        (block(0x21, 0x12, bytes(12)), 14),
        (block(0x21, 0x11, b"", 4081), 16),
        (block(0x21, 0x11, bytes(11)), 16),
    ],
)
def test_it_is_refused_at_its_first_impossible_byte(data: bytes, known_at: int) -> None:
    """Nobody is waited for who can do nothing right any more."""
    assert read_header(data[: known_at - 1]) is None
    with pytest.raises(ProxyHeaderError):
        read_header(data[:known_at])


def test_little_is_held_of_what_is_not_complete() -> None:
    """No bytes make the reader ask for more than a header may have."""
    for most, start in ((MAX_LINE, b"PROXY UNKNOWN "), (MAX_BLOCK, block(0x20, 0x00, b"", MAX_BLOCK - 16))):
        held = start
        while len(held) < 2 * MAX_BLOCK:
            try:
                if read_header(held) is not None:
                    break
            except ProxyHeaderError:
                break
            assert len(held) < most
            held += b"x"


PORTS = st.integers(0, 65535)
V4 = st.ip_addresses(v=4)
V6 = st.ip_addresses(v=6)


def spelt(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """As everybody writes it."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


@given(st.one_of(st.tuples(V4, V4), st.tuples(V6, V6)), PORTS, PORTS, st.booleans(), st.booleans())
@example((ipaddress.IPv6Address("::ffff:1.2.3.4"), ipaddress.IPv6Address("::")), 0, 65535, True, True)
def test_any_addresses_are_read(
    pair: tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, ...],
    source_port: int,
    destination_port: int,
    long: bool,  # noqa: FBT001 - drawn
    upper: bool,  # noqa: FBT001 - drawn
) -> None:
    """In a line, in any spelling that the specification has, and in a block."""
    source, destination = pair
    texts = [address.exploded if long else str(address) for address in pair]
    written = [text.upper() if upper else text for text in texts]
    line = f"PROXY TCP{source.version} {' '.join(written)} {source_port} {destination_port}\r\n".encode()
    packed = source.packed + destination.packed + source_port.to_bytes(2, "big") + destination_port.to_bytes(2, "big")
    for header in (line, checked(block(0x21, 0x11 if source.version == 4 else 0x21, packed + tlv(0x05, b"id")))):
        found = read_header(header + b"behind it")
        assert found is not None
        assert (found.size, found.known) == (len(header), True)
        assert found.client == (spelt(source), source_port)
        assert found.local == (spelt(destination), destination_port)


def outcome(data: bytes) -> object:
    """What is read; the reason, where that is refused."""
    try:
        return read_header(data)
    except ProxyHeaderError as error:
        return error.reason


DATA = st.one_of(
    st.binary(max_size=300),
    st.tuples(st.sampled_from([b"PROXY ", b"PROXY TCP4 ", LINE6[:30], BLOCK4[:12], BLOCK4[:14]]), st.binary()).map(
        b"".join
    ),
)


@given(DATA, st.data())
def test_an_answer_is_final(data: bytes, draw: st.DataObject) -> None:
    """Any bytes give a header, None or an error; more of them change neither a header nor an error."""
    end = draw.draw(st.integers(0, len(data)))
    early, late = outcome(data[:end]), outcome(data)
    assert early is None or early == late
    if isinstance(late, ProxyHeader):
        assert 0 < late.size <= len(data)


@given(st.sampled_from(ALL), st.data())
def test_what_is_damaged_is_a_header_or_none(header: bytes, draw: st.DataObject) -> None:
    """A byte changed, put in or left out anywhere never raises anything else, and reads no further than it says."""
    at = draw.draw(st.integers(0, len(header) - 1))
    put = draw.draw(st.binary(max_size=3))
    left_out = draw.draw(st.integers(0, 3))
    damaged = header[:at] + put + header[at + left_out :]
    found = outcome(damaged)
    assert found is None or isinstance(found, str | ProxyHeader)
    if isinstance(found, ProxyHeader):
        assert outcome(damaged[: found.size]) == found


@given(st.sampled_from([header for header in ALL if header.startswith(BLOCK4[:12])]), st.data())
def test_a_checksum_finds_any_damage(header: bytes, draw: st.DataObject) -> None:
    """A header with one, of which any bit was changed, is never read as something that it was not."""
    whole = checked(header)
    at = draw.draw(st.integers(0, len(whole) - 1))
    bit = draw.draw(st.integers(0, 7))
    damaged = whole[:at] + bytes((whole[at] ^ 1 << bit,)) + whole[at + 1 :]
    found, before = outcome(damaged), outcome(whole)
    if isinstance(found, ProxyHeader) and found.known:
        # Only the type of the checksum itself may have gone, and it with it: nothing else has changed then.
        assert found == before

"""The extensions that are read: what they say, and what is no such extension."""

from __future__ import annotations

import struct

import pytest

from pumpproxy import hostnames
from pumpproxy.wire import helloextensions
from pumpproxy.wire.alert import AlertDescription
from pumpproxy.wire.errors import TlsError
from tests.wire.hellos import alpn, extension, host, key_share, server_name, vector8, vector16, versions

SNI, DECODE, ILLEGAL = (
    AlertDescription.UNRECOGNIZED_NAME,
    AlertDescription.DECODE_ERROR,
    AlertDescription.ILLEGAL_PARAMETER,
)


def refusal(read: object, whole: bytes) -> int:
    """The alert of a reader that is given the data of one whole extension, with other bytes around it."""
    assert callable(read)
    data = b"\xff" + whole[4:] + b"\xff" * 300
    with pytest.raises(TlsError) as caught:
        read(data, 1, 1 + len(whole) - 4)
    return caught.value.alert


# Spans --------------------------------------------------------------------------------------------------------------


def test_each_extension_is_found_where_its_data_is() -> None:
    """By type; an empty one is found too."""
    block = extension(23) + extension(0xABCD, b"xyz") + extension(16, b"pq")
    data = b"before" + vector16(block)
    found = helloextensions.spans(data, 6, len(data))
    assert {kind: data[start:end] for kind, (start, end) in found.items()} == {23: b"", 0xABCD: b"xyz", 16: b"pq"}


def test_an_empty_block_is_no_error() -> None:
    """A length of zero, and nothing after it."""
    assert helloextensions.spans(b"\x00\x00", 0, 2) == {}


BLOCKS = {
    "half a length": (b"\x00", DECODE),
    "bytes behind": (vector16(extension(23)) + b"\x00", DECODE),
    "an extension behind": (vector16(extension(23)) + extension(24), DECODE),
    "a block too long": (b"\x00\x05" + extension(23), DECODE),
    "half a header": (vector16(extension(23) + b"\x00\x10\x00"), DECODE),
    "data too long": (vector16(b"\x00\x10\x00\x02a"), DECODE),
    "one twice": (vector16(extension(0xABCD, b"x") + extension(23) + extension(0xABCD)), ILLEGAL),
    "one after pre_shared_key": (vector16(extension(41, b"psk") + extension(23)), ILLEGAL),
}


@pytest.mark.parametrize(("block", "alert"), BLOCKS.values(), ids=BLOCKS)
def test_a_block_that_does_not_add_up_is_refused(block: bytes, alert: int) -> None:
    """Whatever stands behind it in the same buffer."""
    with pytest.raises(TlsError) as caught:
        helloextensions.spans(block + bytes(600), 0, len(block))
    assert caught.value.alert == alert


def test_pre_shared_key_may_be_last() -> None:
    """As it must be."""
    data = vector16(extension(23) + extension(41, b"psk"))
    assert list(helloextensions.spans(data, 0, len(data))) == [23, 41]


# server_name --------------------------------------------------------------------------------------------------------


def read_name(*entries: bytes) -> tuple[str | None, bool]:
    """What the list of these entries says."""
    data = server_name(*entries)
    return helloextensions.server_name(data, 4, len(data))


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (b"pump2.example.org", "pump2.example.org"),
        (b"PUMP2.Example.ORG", "pump2.example.org"),
        (b"pump2.example.org.", "pump2.example.org"),
        (b"xn--bcher-kva.example", "xn--bcher-kva.example"),
        (b"under_score.example", "under_score.example"),
        (b"1.2.3.4.example", "1.2.3.4.example"),
        (b"localhost", "localhost"),
    ],
)
def test_a_name_is_read_in_its_one_spelling(sent: bytes, name: str) -> None:
    """That of `hostnames`, which the routes are in too."""
    assert read_name(host(sent)) == (name, False) == (hostnames.canonical(sent), False)


@pytest.mark.parametrize("sent", [b"192.0.2.1", b"127.1", b"0x7f000001", b"::1", b"[2001:db8::1]", b"192.0.2.1."])
def test_an_ip_address_is_no_name(sent: bytes) -> None:
    """It is told, and not kept."""
    assert read_name(host(sent)) == (None, True)


def test_a_name_of_the_greatest_length_is_read() -> None:
    """253 characters, and a final dot."""
    name = b".".join([b"a" * 63] * 3 + [b"b" * 61])
    assert read_name(host(name + b".")) == (name.decode(), False)


@pytest.mark.parametrize(
    "sent",
    [
        b"a\x00b.example",
        b"a b.example",
        b"a\r\nb: c",
        b"\x1b[31m.example",
        b"b\xc3\xbccher.example",
        b"pump2.example.org:443",
        b"user@example.org",
        b"*.example.org",
        b".",
        b".example.org",
        b"a..example.org",
        b"l" * 64 + b".example",
        b"a." * 127 + b"b",
        b"a" * 256,
        b"1" * 256,
        b"fe80::1%eth0",
        b"::1%\x00\r\n",
    ],
)
def test_what_no_host_is_called_is_refused_as_unrecognized(sent: bytes) -> None:
    """The alert that OpenSSL has for a NUL or for too long a name."""
    assert refusal(helloextensions.server_name, server_name(host(sent))) == SNI


def test_unknown_name_types_are_skipped() -> None:
    """Before the host name, after it, and alone."""
    unknown = host(b"\x00anything", kind=7)
    assert read_name(unknown, host(b"a.example"), unknown) == ("a.example", False)
    assert read_name(unknown) == (None, False)


NAME_LISTS = {
    "no data": extension(0),
    "half a length": extension(0, b"\x00"),
    "an empty list": extension(0, vector16(b"")),
    "an empty name": server_name(host(b"")),
    "two names": server_name(host(b"a.example"), host(b"b.example")),
    "one name twice": server_name(host(b"a.example"), host(b"a.example")),
    "a list too short": extension(0, vector16(host(b"a.example")[:-1]) + b"e"),
    "a list too long": extension(0, b"\x00\x0d" + host(b"a.example")),
    "a name too long": extension(0, vector16(b"\x00\x00\x0aa.example")),
    "half an entry": extension(0, vector16(host(b"a.example") + b"\x00\x00")),
    "bytes behind": extension(0, vector16(host(b"a.example")) + b"\x00"),
}


@pytest.mark.parametrize("whole", NAME_LISTS.values(), ids=NAME_LISTS)
def test_a_name_list_that_does_not_add_up_is_malformed(whole: bytes) -> None:
    """Never a name out of it."""
    assert refusal(helloextensions.server_name, whole) == DECODE


# ALPN, versions, key shares -----------------------------------------------------------------------------------------


def test_protocols_are_read_as_sent() -> None:
    """In their order, twice if sent twice, any bytes, up to 255 of them."""
    names = (b"h2", b"acme-tls/1", b"a\x00\r\nb", b"h2", b"p" * 255)
    data = alpn(*names)
    assert helloextensions.protocols(data, 4, len(data)) == names


PROTOCOL_LISTS = {
    "no data": extension(16),
    "an empty list": alpn(),
    "an empty name": alpn(b"h2", b""),
    "a name too long": extension(16, vector16(b"\x03h2")),
    "a list too short": extension(16, vector16(b"") + vector8(b"h2")),
    "bytes behind": extension(16, vector16(vector8(b"h2")) + b"\x02h2"),
}


@pytest.mark.parametrize("whole", PROTOCOL_LISTS.values(), ids=PROTOCOL_LISTS)
def test_a_protocol_list_that_does_not_add_up_is_malformed(whole: bytes) -> None:
    """As OpenSSL has it."""
    assert refusal(helloextensions.protocols, whole) == DECODE


def test_versions_are_read_without_grease() -> None:
    """In their order; what only resembles GREASE is kept."""
    data = versions(0x8A8A, 0x0304, 0x0303, 0x0A1A, 0x7F1C, 0xFAFA)
    assert helloextensions.versions(data, 4, len(data)) == (0x0304, 0x0303, 0x0A1A, 0x7F1C)


VERSION_LISTS = {
    "no data": extension(43),
    "an empty list": versions(),
    "an odd length": extension(43, vector8(b"\x03\x04\x03")),
    "a list too long": extension(43, b"\x04\x03\x04"),
    "bytes behind": extension(43, vector8(b"\x03\x04") + b"\x00"),
}


@pytest.mark.parametrize("whole", VERSION_LISTS.values(), ids=VERSION_LISTS)
def test_a_version_list_that_does_not_add_up_is_malformed(whole: bytes) -> None:
    """Also where it would hold a version before it goes wrong."""
    assert refusal(helloextensions.versions, whole) == DECODE


@pytest.mark.parametrize(
    ("shares", "found"),
    [
        ((), False),
        (((0x001D, b"k" * 32),), False),
        (((0x2A2A, b"\x00"), (0x001D, b"k" * 32), (0x0017, b"k" * 65)), False),
        (((0x2A2A, b"\x00"), (0x11EC, b"k" * 1216), (0x001D, b"k" * 32)), True),
        (((0x001D, b"k" * 32), (0x6399, b"k" * 1216)), True),
        (((0x0202, b"k" * 1568),), True),
    ],
)
def test_a_post_quantum_share_is_noticed(shares: tuple[tuple[int, bytes], ...], found: bool) -> None:  # noqa: FBT001
    """Wherever it stands among the shares; no share at all asks the server for its choice (HelloRetryRequest)."""
    data = key_share(*shares)
    assert helloextensions.has_post_quantum_share(data, 4, len(data)) is found


SHARES = {
    "no data": extension(51),
    "a list too long": extension(51, b"\x00\x06" + struct.pack("!HH", 0x1D, 1) + b"k"),
    "bytes behind": extension(51, vector16(struct.pack("!HH", 0x1D, 1) + b"k") + b"\x00"),
    "a share behind": extension(51, vector16(b"") + struct.pack("!HH", 0x1D, 1) + b"k"),
    "an empty key": key_share((0x1D, b"k"), (0x11EC, b"")),
    "a key too long": extension(51, vector16(struct.pack("!HH", 0x1D, 2) + b"k")),
    "half a header": extension(51, vector16(struct.pack("!HH", 0x11EC, 1) + b"k\x11\xec\x00")),
}


@pytest.mark.parametrize("whole", SHARES.values(), ids=SHARES)
def test_key_shares_that_do_not_add_up_are_malformed(whole: bytes) -> None:
    """To the last one, also after one that says enough."""
    assert refusal(helloextensions.has_post_quantum_share, whole) == DECODE

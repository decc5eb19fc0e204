"""Headers of the PROXY protocol, written out byte by byte, and what they tell: shared by the tests of several rooms."""

from __future__ import annotations

from pumpproxy.wire.crc32c import crc32c
from pumpproxy.wire.proxyheader import ProxyHeader

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")

LINE4 = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"
LINE6 = b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n"


def block(command: int, kind: int, rest: bytes, length: int | None = None) -> bytes:
    """A version 2 header; `length`: what it says of itself, where that is not true."""
    size = len(rest) if length is None else length
    return SIGNATURE + bytes((command, kind)) + size.to_bytes(2, "big") + rest


def tlv(kind: int, value: bytes, length: int | None = None) -> bytes:
    """One TLV; `length` as above."""
    return bytes((kind,)) + (len(value) if length is None else length).to_bytes(2, "big") + value


def checked(header: bytes, wrong: int = 0) -> bytes:
    """The header with a checksum behind it, which is wrong in these bits."""
    size = int.from_bytes(header[14:16], "big") + 7
    whole = header[:14] + size.to_bytes(2, "big") + header[16:] + bytes.fromhex("030004") + bytes(4)
    return whole[:-4] + (crc32c(whole) ^ wrong).to_bytes(4, "big")


INET = bytes((192, 0, 2, 1, 198, 51, 100, 2)) + bytes.fromhex("dc0401bb")
INET6 = bytes.fromhex("20010db800000000000000000000000120010db8000000000000000000000002dc0401bb")
MAPPED = bytes.fromhex("00000000000000000000ffffc000020100000000000000000000ffffc6336402dc0401bb")
UNIX = b"/run/client".ljust(108, b"\0") + b"/run/proxy".ljust(108, b"\0")
BLOCK4 = block(0x21, 0x11, INET)
BLOCK6 = block(0x21, 0x21, INET6)
LOCAL = block(0x20, 0x00, b"")

CLIENT4, OURS4 = ("192.0.2.1", 56324), ("198.51.100.2", 443)
CLIENT6, OURS6 = ("2001:db8::1", 56324), ("2001:db8::2", 443)


def _known(header: bytes, *addresses: tuple[str, int], unique_id: bytes = b"") -> tuple[bytes, ProxyHeader]:
    client, local = addresses or (None, None)
    return header, ProxyHeader(len(header), known=True, client=client, local=local, unique_id=unique_id)


def _unknown(header: bytes) -> tuple[bytes, ProxyHeader]:
    return header, ProxyHeader(len(header))


GOOD = [
    # The specification's own examples, and its longest lines (2.1).
    _known(b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", ("192.168.0.1", 56324), ("192.168.0.11", 443)),
    _known(
        b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
        ("255.255.255.255", 65535),
        ("255.255.255.255", 65535),
    ),
    _known(
        b"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535),
    ),
    _unknown(b"PROXY UNKNOWN\r\n"),
    _unknown(
        b"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"
    ),
    _unknown(b"PROXY UNKNOWN \r\n"),
    _unknown(b"PROXY UNKNOWN whatever \x00\xff stands here\r\n"),
    _known(LINE4, CLIENT4, OURS4),
    _known(LINE6, CLIENT6, OURS6),
    _known(b"PROXY TCP4 0.0.0.1 127.0.0.1 0 0\r\n", ("0.0.0.1", 0), ("127.0.0.1", 0)),
    # Any spelling of an address becomes the one that everybody has for it.
    _known(b"PROXY TCP6 2001:0DB8:0:0:0:0:0:1 2001:DB8::2 56324 443\r\n", CLIENT6, OURS6),
    _known(b"PROXY TCP6 :: ::1 1 2\r\n", ("::", 1), ("::1", 2)),
    _known(b"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 56324 443\r\n", CLIENT4, OURS4),
    _known(b"PROXY TCP6 ::FFFF:C000:201 2001:db8::2 56324 443\r\n", CLIENT4, OURS6),
    _known(BLOCK4, CLIENT4, OURS4),
    _known(BLOCK6, CLIENT6, OURS6),
    _known(block(0x21, 0x21, MAPPED), CLIENT4, OURS4),
    _known(block(0x21, 0x31, UNIX)),
    # LOCAL, with whatever stands in it; and what is not specified.
    _unknown(LOCAL),
    _unknown(block(0x20, 0x11, INET)),
    _unknown(block(0x20, 0xFF, b"whatever")),
    *(_unknown(block(0x21, kind, INET)) for kind in (0x00, 0x01, 0x02, 0x10, 0x20, 0x30)),
    _unknown(block(0x21, 0x00, b"")),
    # TLVs.
    _known(block(0x21, 0x11, INET + tlv(0x04, b"") + tlv(0xEA, b"of a cloud") + tlv(0x20, bytes(9))), CLIENT4, OURS4),
    _known(block(0x21, 0x11, INET + tlv(0x05, b"name\0\xff")), CLIENT4, OURS4, unique_id=b"name\0\xff"),
    _known(block(0x21, 0x31, UNIX + tlv(0x05, b"n" * 128)), unique_id=b"n" * 128),
    _known(checked(BLOCK4), CLIENT4, OURS4),
    _known(checked(block(0x21, 0x21, INET6 + tlv(0x01, b"h2") + tlv(0x05, b"id"))), CLIENT6, OURS6, unique_id=b"id"),
    _known(block(0x21, 0x11, INET + tlv(0x04, bytes(4096 - 16 - 12 - 3))), CLIENT4, OURS4),
]
"""Headers, and what each tells."""

BAD = [
    (b"GET / HTTP/1.1\r\n", "no PROXY header"),
    (b"\x16\x03\x01\x02\x00", "no PROXY header"),
    (b"proxy TCP4 192.0.2.1 198.51.100.2 1 2\r\n", "no PROXY header"),
    (b" PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\n", "no PROXY header"),
    (b"PROXY\tTCP4 192.0.2.1 198.51.100.2 1 2\r\n", "no PROXY header"),
    (b"PROXY\r\n", "no PROXY header"),
    (b"\r\n\r\n\x00\r\nQUIT\r\n", "no PROXY header"),
    (b"\r\nPROXY UNKNOWN\r\n", "no PROXY header"),
    # The end of a line.
    (b"PROXY UNKNOWN\n", "a CR or LF by itself"),
    (b"PROXY UNKNOWN\rX", "a CR or LF by itself"),
    (b"PROXY UNKNOWN a\nb\r\n", "a CR or LF by itself"),
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n", "a CR or LF by itself"),
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\r\n", "a CR or LF by itself"),
    (b"PROXY UNKNOWN ".ljust(106, b"x") + b"\r\n", "a line of more than 107 bytes"),
    (b"PROXY UNKNOWN ".ljust(106, b"x"), "a line of more than 107 bytes"),
    # Its fields.
    *(
        (b"PROXY %b\r\n" % fields, "a line of another form")
        for fields in (
            b"",
            b"UNKNOWNX",
            b"unknown",
            b"TCP4",
            b"TCP5 192.0.2.1 198.51.100.2 1 2",
            b"UDP4 192.0.2.1 198.51.100.2 1 2",
            b"tcp4 192.0.2.1 198.51.100.2 1 2",
            b" TCP4 192.0.2.1 198.51.100.2 1 2",
            b"TCP4  192.0.2.1 198.51.100.2 1 2",
            b"TCP4 192.0.2.1 198.51.100.2 1 2 ",
            b"TCP4 192.0.2.1 198.51.100.2 1 2 3",
            b"TCP4 192.0.2.1 198.51.100.2 1",
            b"TCP4 192.0.2.1 198.51.100.2 01 2",
            b"TCP4 192.0.2.1 198.51.100.2 1 00",
            b"TCP4 192.0.2.1 198.51.100.2 +1 2",
            b"TCP4 192.0.2.1 198.51.100.2 -1 2",
            b"TCP4 192.0.2.1 198.51.100.2 1_0 2",
            b"TCP4 192.0.2.1 198.51.100.2 0x1 2",
            b"TCP4 192.0.2.1 198.51.100.2 100000 2",
            b"TCP4 192.0.2.1 198.51.100.2  2",
            "TCP4 192.0.2.1 198.51.100.2 ٣ 2".encode(),
            b"TCP6 fe80::1%eth0 2001:db8::2 1 2",
            b"TCP6 [2001:db8::1] 2001:db8::2 1 2",
            b"TCP4 localhost 198.51.100.2 1 2",
        )
    ),
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 65536 2\r\n", "a port of more than 65535"),
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 1 99999\r\n", "a port of more than 65535"),
    *(
        (b"PROXY %b\r\n" % fields, "an address of another form")
        for fields in (
            b"TCP4 2001:db8::1 2001:db8::2 1 2",
            b"TCP6 192.0.2.1 198.51.100.2 1 2",
            b"TCP4 192.0.2.1 2001:db8::2 1 2",
            b"TCP4 192.0.2 198.51.100.2 1 2",
            b"TCP4 192.0.2.1.1 198.51.100.2 1 2",
            b"TCP4 192.0.2.256 198.51.100.2 1 2",
            b"TCP4 192.0.2.01 198.51.100.2 1 2",
            b"TCP4 192.0..1 198.51.100.2 1 2",
            b"TCP4 3221225985 198.51.100.2 1 2",
            b"TCP4 192.0.2.a 198.51.100.2 1 2",
            b"TCP6 2001:db8::1::2 2001:db8::2 1 2",
            b"TCP6 2001:db8:1 2001:db8::2 1 2",
            b"TCP6 2001:db8::00001 2001:db8::2 1 2",
            b"TCP6 1:2:3:4:5:6:7:8:9 2001:db8::2 1 2",
            b"TCP6 : 2001:db8::2 1 2",
            b"TCP6 ::ffff:192.0.2.01 2001:db8::2 1 2",
        )
    ),
    # Blocks.
    *((block(command, 0x11, INET), "another version or command") for command in (0x11, 0x31, 0x01, 0x22, 0x2F, 0x00)),
    *(
        (block(0x21, kind, INET), "another family or transport")
        for kind in (0x12, 0x22, 0x32, 0x41, 0xF1, 0x13, 0x1F, 0x03, 0x40)
    ),
    (block(0x21, 0x11, INET[:-1]), "a header that ends within its addresses"),
    (block(0x21, 0x11, b""), "a header that ends within its addresses"),
    (block(0x21, 0x21, INET6[:-1]), "a header that ends within its addresses"),
    (block(0x21, 0x31, UNIX[:-1]), "a header that ends within its addresses"),
    (block(0x21, 0x11, b"", 4081), "a header of more than 4096 bytes"),
    (block(0x20, 0x00, b"", 65535), "a header of more than 4096 bytes"),
    (block(0x21, 0x11, INET + b"\x04"), "a TLV that reaches beyond the header"),
    (block(0x21, 0x11, INET + b"\x04\x00"), "a TLV that reaches beyond the header"),
    (block(0x21, 0x11, INET + tlv(0x04, b"ab", 3)), "a TLV that reaches beyond the header"),
    (block(0x21, 0x11, INET + tlv(0x04, b"ab") + b"\x04"), "a TLV that reaches beyond the header"),
    (block(0x21, 0x11, INET + tlv(0x05, b"n" * 129)), "a unique ID of more than 128 bytes"),
    (block(0x21, 0x11, INET + tlv(0x05, b"a") + tlv(0x05, b"a")), "a TLV that is there twice"),
    (block(0x21, 0x11, INET + tlv(0x03, b"")), "a checksum that is wrong"),
    (block(0x21, 0x11, INET + tlv(0x03, bytes(4))), "a checksum that is wrong"),
    (block(0x21, 0x11, INET + tlv(0x03, bytes(5))), "a checksum that is wrong"),
    (checked(BLOCK4, wrong=1), "a checksum that is wrong"),
    (checked(checked(BLOCK4)), "a checksum that is wrong"),
]
"""What is none, and why."""

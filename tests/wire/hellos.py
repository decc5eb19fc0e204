"""Hellos for tests: recorded ones (tests/vectors), and ones made to order, field by field."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pumpproxy.wire.clienthello import ClientHello
from pumpproxy.wire.helloreader import HelloReader

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

VECTORS = Path(__file__).parents[1] / "vectors"
SHARED = Path(__file__).parents[3] / "shared" / "cases"
in_place = pytest.mark.skipif(not SHARED.is_dir(), reason="machine: no corpus beside this checkout")


@dataclass(frozen=True)
class Row:
    """One line of hellos.jsonl; tests/vectors/README.md tells its fields."""

    name: str
    data: bytes
    verdict: str
    ok: frozenset[str]
    sni: str | None
    alpn: tuple[bytes, ...]
    hello_end: int | None
    eof: bool

    @property
    def cuttable(self) -> bool:
        """Whether its records may be cut anew."""
        return self.verdict == "default" or self.verdict.startswith("route")


def _row(line: str) -> Row:
    raw = json.loads(line)

    def outcome(word: str) -> str:
        return f"route:{raw['route_key']}" if word == "route" else word

    return Row(
        name=raw["name"],
        data=bytes.fromhex(raw["hex"]),
        verdict=outcome(raw["verdict"]),
        ok=frozenset(map(outcome, raw["ok"])),
        sni=raw["sni"],
        alpn=tuple(name.encode() for name in raw["alpn"]),
        hello_end=raw.get("hello_end"),
        eof=raw.get("eof", False),
    )


def ours() -> list[Row]:
    """The rows that this checkout holds."""
    return [_row(line) for line in (VECTORS / "hellos.jsonl").read_text("utf-8").splitlines()]


def theirs() -> list[Row]:
    """The rows of the corpus that stay in place."""
    lines = (SHARED / "hellos.jsonl").read_text("utf-8").splitlines()
    return [_row(line) for line in lines if not json.loads(line)["ours"]]


def fuzzed() -> list[bytes]:
    """Hellos of fuzzing corpora, of which nothing is expected but an answer."""
    lines = (SHARED / "hellos-boringssl-fuzz.jsonl").read_text("utf-8").splitlines()
    return [bytes.fromhex(json.loads(line)["hex"]) for line in lines]


# Records ------------------------------------------------------------------------------------------------------------


def record(fragment: bytes, kind: int = 22, version: bytes = b"\x03\x01") -> bytes:
    """One record."""
    return struct.pack("!B2sH", kind, version, len(fragment)) + fragment


def records(message: bytes, size: int) -> bytes:
    """A message in records of `size` bytes, the last one shorter."""
    return b"".join(record(message[at : at + size]) for at in range(0, len(message), size))


def fragments(data: bytes) -> Iterator[bytes]:
    """The contents of whole records."""
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from("!H", data, at + 3)
        yield data[at + 5 : at + 5 + length]
        at += 5 + length


def recut(row: Row, size: int) -> bytes:
    """A row's hello in records of `size` bytes, and after it what followed it."""
    assert row.hello_end is not None
    return records(b"".join(fragments(row.data[: row.hello_end])), size) + row.data[row.hello_end :]


def damaged(data: bytes, chance: random.Random) -> bytes:
    """One to three bytes changed, inserted or taken away, most of them near the lengths."""
    spoilt = bytearray(data)
    for _change in range(chance.randrange(1, 4)):
        at = chance.randrange(len(spoilt))
        match chance.randrange(4):
            case 0:
                del spoilt[at]
            case 1:
                spoilt.insert(at, chance.randrange(256))
            case _:
                spoilt[at] = chance.choice([0, 1, spoilt[at] ^ 1, (spoilt[at] + 1) % 256, 255, chance.randrange(256)])
    return bytes(spoilt)


# Messages -----------------------------------------------------------------------------------------------------------


def vector8(content: bytes) -> bytes:
    """Content after its one-byte length."""
    return struct.pack("!B", len(content)) + content


def vector16(content: bytes) -> bytes:
    """Content after its two-byte length."""
    return struct.pack("!H", len(content)) + content


def extension(kind: int, data: bytes = b"") -> bytes:
    """One extension."""
    return struct.pack("!H", kind) + vector16(data)


def host(name: bytes, kind: int = 0) -> bytes:
    """One entry of a server name list."""
    return bytes([kind]) + vector16(name)


def server_name(*entries: bytes) -> bytes:
    """The extension server_name."""
    return extension(0, vector16(b"".join(entries)))


def alpn(*names: bytes) -> bytes:
    """The extension application_layer_protocol_negotiation."""
    return extension(16, vector16(b"".join(map(vector8, names))))


def versions(*numbers: int) -> bytes:
    """The extension supported_versions."""
    return extension(43, vector8(struct.pack(f"!{len(numbers)}H", *numbers)))


def key_share(*shares: tuple[int, bytes]) -> bytes:
    """The extension key_share."""
    return extension(51, vector16(b"".join(struct.pack("!H", group) + vector16(key) for group, key in shares)))


NAME = server_name(host(b"pump2.example.org"))


def message(body: bytes, kind: int = 1) -> bytes:
    """A handshake message."""
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def hello(
    *extensions: bytes,
    legacy: bytes = b"\x03\x03",
    session: bytes = b"",
    suites: bytes = b"\x13\x01\xc0\x2f",
    compression: bytes = b"\x00",
    tail: bytes | None = None,
) -> bytes:
    """A ClientHello message; `tail` stands in the place of the whole extension block."""
    body = legacy + bytes(range(32)) + vector8(session) + vector16(suites) + vector8(compression)
    return message(body + (vector16(b"".join(extensions)) if tail is None else tail))


BROWSER = hello(
    extension(0x1A1A),
    NAME,
    alpn(b"h2", b"http/1.1"),
    versions(0x2A2A, 0x0304, 0x0303),
    key_share((0x3A3A, b"\x00"), (0x11EC, b"k" * 1216), (0x001D, b"k" * 32)),
    extension(0xFE0D, bytes(40)),
    session=b"s" * 32,
)
BROWSERS = ClientHello("pump2.example.org", False, (b"h2", b"http/1.1"), (0x0304, 0x0303), True, True, len(BROWSER) + 5)
"""What a browser of today sends, and what it says."""


def read(data: bytes, size: int | None = None) -> tuple[ClientHello | None, HelloReader]:
    """Feed a new reader in segments of `size`."""
    reader = HelloReader()
    size = size or len(data) or 1
    found = None
    for at in range(0, len(data), size):
        found = reader.feed(data[at : at + size])
    return found, reader

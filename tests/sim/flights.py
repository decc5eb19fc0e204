"""What simulated clients of a `tls` frontend send first, and what an independent reader makes of it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.fakes import client_hello
from tests.sim.sites import NAMES, PROTOCOLS
from tests.wire import hellos

if TYPE_CHECKING:
    import random

STRANGERS = ("nobody.example.net", "x.nowhere.invalid")
_OTHERS = (
    (b"GET / HTTP/1.1\r\nHost: pump2.example.test\r\n\r\n", "http"),
    (b"POST /api HTTP/1.0\r\nContent-Length: 0\r\n\r\n", "http"),
    (b"SSH-2.0-OpenSSH_9.6\r\n", "ssh"),
    (b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10", "sslv2"),
    (b"EHLO mail.example.test\r\n", "noise"),
    (b"\x00\x01\x02\x03\x04\x05\x06\x07", "noise"),
)


@dataclass(frozen=True)
class Flight:
    """Bytes, and what is known of them without asking the code that is tested.

    `end` is where the hello is complete; None where no whole hello is there. `other` is what is spoken instead of TLS.
    With `known=False` nothing is said of the bytes: they were damaged on the way.
    """

    data: bytes
    known: bool = True
    end: int | None = None
    name: str | None = None
    alpn: tuple[bytes, ...] = ()
    other: str | None = None


@functools.cache
def _recorded() -> list[hellos.Row]:
    """The recorded hellos that every right reader routes by their name."""
    return [row for row in hellos.ours() if row.ok == {row.verdict} and row.cuttable and row.hello_end is not None]


@functools.cache
def _odd() -> list[hellos.Row]:
    return [row for row in hellos.ours() if row.ok != {row.verdict} or not row.cuttable]


@functools.cache
def _openssl(name: str | None, alpn: tuple[str, ...]) -> bytes:
    return client_hello(name, alpn)


def flight(chance: random.Random) -> Flight:
    """One client's first bytes. Those of one seed are always the same (but for OpenSSL's random)."""
    match chance.choices(range(8), weights=[80, 80, 30, 20, 30, 10, 2, 30])[0]:
        case 0:
            return _of_row(chance.choice(_recorded()), chance)
        case 1:
            return _made(chance)
        case 2:
            whole = _of_row(chance.choice(_recorded()), chance)
            return Flight(hellos.damaged(whole.data, chance), known=False)
        case 3:
            return Flight(chance.choice(_odd()).data, known=False)
        case 4:
            data, other = chance.choice(_OTHERS)
            return Flight(data, other=other)
        case 5:
            return _large(chance)
        case 6:
            return _huge()
        case _:
            whole = _made(chance)
            return Flight(whole.data[: chance.randrange(whole.end or 1)])


def _of_row(row: hellos.Row, chance: random.Random) -> Flight:
    data, end = row.data, row.hello_end
    if end is not None and chance.random() < 0.3:
        data = hellos.recut(row, chance.choice([1, 3, 64, 200]))
        end = len(data) - (len(row.data) - end)
    sent = (row.sni or "").lower().removesuffix(".")
    # The corpus holds one IP literal, which is no name.
    name = None if sent.replace(".", "").isdigit() else sent
    return Flight(data + _early(chance), end=end, name=name or None, alpn=row.alpn)


def _made(chance: random.Random) -> Flight:
    name = chance.choice([*NAMES, *NAMES, *STRANGERS, None])
    alpn = tuple(protocol for protocol in PROTOCOLS if chance.random() < 0.4)
    if chance.random() < 0.5:
        data = _openssl(name, alpn)
    else:
        extensions = [hellos.alpn(*(one.encode() for one in alpn))] if alpn else []
        if name is not None:
            spelt = chance.choice([name, name.upper(), name + "."])
            extensions.append(hellos.server_name(hellos.host(spelt.encode())))
        extensions.append(hellos.versions(0x0304, 0x0303))
        chance.shuffle(extensions)
        data = hellos.records(hellos.hello(*extensions), chance.choice([16384, 16384, 100, 7]))
    end = len(data)
    return Flight(data + _early(chance), end=end, name=name, alpn=tuple(one.encode() for one in alpn))


def _large(chance: random.Random) -> Flight:
    """A hello with a big extension that nobody knows, in small records: it is held for long."""
    name = chance.choice(NAMES)
    size = chance.choice([2_000, 20_000, 60_000])
    extensions = [hellos.extension(0xFDE8, bytes(size)), hellos.server_name(hellos.host(name.encode()))]
    data = hellos.records(hellos.hello(*extensions), chance.choice([16384, 1000, 300]))
    return Flight(data, end=len(data), name=name)


@functools.cache
def _huge() -> Flight:
    """A hello as long as one may be, in tiny records: whoever sends it may not pause."""
    extensions = [hellos.extension(0xFDE8, bytes(65_000)), hellos.server_name(hellos.host(NAMES[0].encode()))]
    data = hellos.records(hellos.hello(*extensions, suites=bytes(65_000)), 3)
    return Flight(data, end=len(data), name=NAMES[0])


def _early(chance: random.Random) -> bytes:
    """What follows the hello without waiting for an answer; more than is taken while we connect, at times."""
    return bytes(chance.choice([0, 0, 0, 0, 5, 1000, 30_000, 100_000]))


def naive_reading(data: bytes | bytearray) -> tuple[str | None, tuple[bytes, ...]]:
    """Name (lower case, None for none) and ALPN list of a hello, with no check at all: it is known to be accepted."""
    message, at = bytearray(), 0
    while len(message) < 4 or len(message) < 4 + int.from_bytes(message[1:4], "big"):
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        message += data[at + 5 : at + 5 + size]
        at += 5 + size
    at = 4 + 2 + 32
    at += 1 + message[at]
    at += 2 + int.from_bytes(message[at : at + 2], "big")
    at += 1 + message[at] + 2
    name: str | None = None
    alpn: list[bytes] = []
    while at < len(message):
        kind, size = int.from_bytes(message[at : at + 2], "big"), int.from_bytes(message[at + 2 : at + 4], "big")
        content = message[at + 6 : at + 4 + size]
        at += 4 + size
        if kind == 0:
            name = _host_name(content)
        if kind == 16:
            while content:
                alpn.append(bytes(content[1 : 1 + content[0]]))
                content = content[1 + content[0] :]
    return name, tuple(alpn)


def _host_name(entries: bytearray) -> str | None:
    while entries:
        size = int.from_bytes(entries[1:3], "big")
        if entries[0] == 0:
            return entries[3 : 3 + size].decode("ascii").lower().removesuffix(".")
        entries = entries[3 + size :]
    return None


def segments(data: bytes, chance: random.Random) -> list[bytes]:
    """The data as it may arrive: in one piece, in a few, or its beginning byte by byte; none empty."""
    if not data:
        return []
    match chance.choices(range(3), weights=[4, 5, 1])[0]:
        case 0:
            cuts: list[int] = []
        case 1:
            cuts = [chance.randrange(len(data)) for _ in range(chance.randint(1, 8))]
        case _:
            cuts = list(range(1, min(len(data), chance.randint(5, 60))))
    places = [0, *sorted({cut for cut in cuts if cut}), len(data)]
    return [data[start:stop] for start, stop in pairwise(places)]

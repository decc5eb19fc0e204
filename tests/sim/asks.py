"""What simulated clients of an `http` frontend ask, and what it means: by construction, and not by reading it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.sim.flights import STRANGERS
from tests.sim.sites import NAMES, PATHS

if TYPE_CHECKING:
    import random

    from tests.sim.strict import Field


class Passes(enum.Enum):
    """Which fields a server gets."""

    ALWAYS = enum.auto()
    NEVER = enum.auto()
    VOUCHING = enum.auto()
    """Only from a proxy that is trusted: it speaks for somebody else."""


_PASSING = (
    (b"User-Agent", b"curl/8.5.0"),
    (b"Accept", b"*/*"),
    (b"Cookie", b'a=1; b="2"'),
    (b"Cookie", b"SRV=A"),
    (b"cookie", b"a=1; SRV=B; c=3"),
    (b"Cookie", b"SRV=Z; SRV=C"),
    (b"cookie", b"JSESSIONID=A~x"),
    (b"X-Empty", b""),
    (b"X-High", b"caf\xe9 \xff"),
    (b"X-Comma", b"a, b ,c"),
    (b"x_under", b"score"),
    (b"Referer", b"http://www.example.test/?q=1"),
    (b"Via", b"1.1 elsewhere"),
)
_STOPPED = (
    (b"Keep-Alive", b"timeout=5"),
    (b"Proxy-Connection", b"keep-alive"),
    (b"HTTP2-Settings", b"AAMAAABkAAQAAP__"),
    (b"Content_Length", b"7"),
    (b"Transfer_Encoding", b"chunked"),
)
_VOUCHING = (
    (b"X-Forwarded-For", b"203.0.113.66"),
    (b"x-forwarded-for", b"203.0.113.67"),
    (b"X_Forwarded_For", b"203.0.113.68"),
    (b"X-Forwarded-Proto", b"https"),
    (b"X-Forwarded_Host", b"evil.example"),
    (b"X-Real-IP", b"203.0.113.69"),
    (b"Forwarded", b"for=203.0.113.70"),
)
_TRAILERS = (
    ((b"X-Checksum", b"abc"), Passes.ALWAYS),
    ((b"Content-Length", b"7"), Passes.NEVER),
    ((b"X-Forwarded-For", b"203.0.113.66"), Passes.VOUCHING),
)
TOLD_BY_RULES = ((b"X-Client", b"forged"), (b"x_client", b"forged"), (b"X-Real", b"forged"))
"""Passing from a stranger too, unless a `forwardfor` of the file tells the client's address under that name."""


@dataclass
class Ask:
    """One request: `head` and `rest` as on the wire, and what a server must get of it."""

    head: bytes
    rest: bytes = b""
    method: bytes = b"GET"
    path: bytes = b"/"
    minor: int = 1
    host: str | None = None
    """In the one spelling; None where none is named."""
    is_address: bool = False
    host_line: bytes | None = None
    """The Host that the server sees."""
    fields: list[tuple[Field, Passes]] = field(default_factory=list)
    """Those that frame and route aside."""
    body: bytes = b""
    chunked: bool = False
    trailers: list[tuple[Field, Passes]] = field(default_factory=list)
    keep_alive: bool = True
    te: bool = False
    waits: bool = False
    """For a 100 before the body."""
    upgrade: bool = False
    last_hop: bool = False
    statuses: frozenset[int] = frozenset()
    """Of the refusal that it deserves; none for a good one."""
    bad_rest: bool = False
    """The fault is in the body alone: a server may see the beginning."""

    @property
    def servers(self) -> list[str]:
        """Whom its cookies name, in order."""
        lines = [value for (name, value), _passes in self.fields if name.lower() == b"cookie"]
        pairs = [pair.split(b"=") for line in lines for pair in line.split(b"; ")]
        return [value.decode() for name, value in pairs if name == b"SRV"]

    @property
    def data(self) -> bytes:
        """All of it."""
        return self.head + self.rest

    @property
    def line(self) -> bytes:
        """The request line."""
        return self.head.lstrip(b"\r\n").partition(b"\r\n")[0]


def ask(chance: random.Random) -> Ask:
    """A request, mostly a good one."""
    if chance.random() < 0.06:
        return _bad(chance)
    made = _good(chance)
    if made.rest and made.chunked and chance.random() < 0.08:
        return _spoilt(made, chance)
    return made


def _good(chance: random.Random) -> Ask:
    upgrade = chance.random() < 0.05
    minor = 0 if not upgrade and chance.random() < 0.15 else 1
    has_body = not upgrade and chance.random() < 0.4
    methods = (
        [b"POST", b"PUT", b"PATCH", b"FROB"] if has_body else [b"GET", b"GET", b"GET", b"HEAD", b"DELETE", b"OPTIONS"]
    )
    made = Ask(b"", method=b"GET" if upgrade else chance.choice(methods), minor=minor, upgrade=upgrade)
    lines = [_targeted(made, chance)]
    if made.host_line is not None:
        lines.append(_spelt(b"Host", chance) + b": " + made.host_line)
    lines += _fields(made, chance)
    if has_body:
        lines.append(_with_body(made, chance))
    elif not upgrade and chance.random() < 0.1:
        lines.append(b"Content-Length: 0")
    made.head = chance.choice([b"", b"", b"", b"\r\n"]) + b"\r\n".join(lines) + b"\r\n\r\n"
    return made


def _spelt(name: bytes, chance: random.Random) -> bytes:
    return chance.choice([name, name, name.lower(), name.upper()])


def _targeted(made: Ask, chance: random.Random) -> bytes:
    """Choose name and target; the request line."""
    path = chance.choice(PATHS) + chance.choice(["", "x", "?a=b", "/c%20d", "//"])
    target = made.path = path.encode()
    if made.minor or chance.random() < 0.7:
        name = chance.choice([*NAMES, *NAMES, *NAMES, *STRANGERS, "192.0.2.7", "[2001:db8::1]"])
        made.host, made.is_address = name, name[0] in "1["
        spelt = name if made.is_address else chance.choice([name, name, name.upper(), name + "."])
        made.host_line = (spelt + chance.choice(["", "", ":80", ":8080"])).encode()
        if chance.random() < 0.1:
            target = b"http://" + made.host_line + target
    if made.method == b"OPTIONS" and chance.random() < 0.3:
        target = made.path = b"*"
    return b"%b %b HTTP/1.%d" % (made.method, target, made.minor)


def _fields(made: Ask, chance: random.Random) -> list[bytes]:
    """Some that pass, some that stop here, and what Connection says; notes what passes."""
    options: list[bytes] = []
    chosen = [(one, Passes.ALWAYS) for one in (*_PASSING, *TOLD_BY_RULES) if chance.random() < 0.2]
    chosen += [(one, Passes.NEVER) for one in _STOPPED if chance.random() < 0.1]
    chosen += [(one, Passes.VOUCHING) for one in _VOUCHING if chance.random() < 0.1]
    if chance.random() < 0.15:
        options.append(b"X-Named")
        chosen.append(((b"x-named", b"1"), Passes.NEVER))
    if made.upgrade:
        options.append(b"Upgrade")
        chosen.append(((b"Upgrade", b"websocket"), Passes.NEVER))
        chosen.append(((b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="), Passes.ALWAYS))
    elif chance.random() < 0.05:
        options += [b"Upgrade", b"HTTP2-Settings"]
        chosen.append(((b"Upgrade", b"h2c"), Passes.NEVER))
    made.te = chance.random() < 0.1
    if made.te:
        options.append(b"TE")
        chosen.append(((b"TE", b"trailers, deflate;q=0.5"), Passes.NEVER))
    if made.method == b"OPTIONS" and chance.random() < 0.2:
        made.last_hop = True
        chosen.append(((b"Max-Forwards", b"0"), Passes.NEVER))
    _persistence(made, options, chance)
    chance.shuffle(chosen)
    made.fields += chosen
    lines = [b"%b:%b%b" % (name, chance.choice([b" ", b"", b"\t "]), value) for (name, value), _passes in chosen]
    if options:
        chance.shuffle(options)
        lines.insert(chance.randrange(len(lines) + 1), b"Connection: " + b", ".join(options))
    return lines


def _persistence(made: Ask, options: list[bytes], chance: random.Random) -> None:
    made.keep_alive = bool(made.minor)
    if chance.random() < 0.15:
        options.append(b"close")
        made.keep_alive = False
    elif chance.random() < (0.1 if made.minor else 0.5):
        options.append(b"keep-alive")
        made.keep_alive = True


def _with_body(made: Ask, chance: random.Random) -> bytes:
    """Give it a body; the line that frames it."""
    made.body = chance.randbytes(chance.choice([0, 1, 20, 3000, 3000, 80_000, 200_000]))
    extra = b""
    if chance.random() < 0.15:
        # HTTP/1.0 knows no such expectation: it must be ignored (RFC 9110, section 10.1.1).
        made.waits = bool(made.minor)
        extra = b"\r\nExpect: 100-continue"
        made.fields.append(((b"Expect", b"100-continue"), Passes.ALWAYS if made.minor else Passes.NEVER))
    if not made.minor or chance.random() < 0.5:
        made.rest = made.body
        made.waits = made.waits and bool(made.rest)
        return b"Content-Length: %d" % len(made.body) + extra
    made.chunked = True
    made.rest = chunks(made.body, chance, extensions=True)
    if chance.random() < 0.3:
        made.trailers = list(_TRAILERS)
        made.rest += b"0\r\n" + b"".join(b"%b:%b\r\n" % one for one, _passes in _TRAILERS) + b"\r\n"
    else:
        made.rest += b"0\r\n\r\n"
    return b"Transfer-Encoding: chunked" + extra


def chunks(data: bytes, chance: random.Random, *, extensions: bool) -> bytes:
    """Chunks of any size, without the last one."""
    pieces, at = [], 0
    while at < len(data):
        size = min(chance.choice([1, 7, 1000, 30_000]) if len(data) - at < 3000 else 40_000, len(data) - at)
        extension = chance.choice([b"", b"", b";a=b", b' ; name="quoted \\" string"']) if extensions else b""
        form = chance.choice([b"%x%b\r\n", b"%X%b\r\n", b"000%x%b\r\n"])
        pieces.append(form % (size, extension) + data[at : at + size] + b"\r\n")
        at += size
    return b"".join(pieces)


# What is to be refused ------------------------------------------------------------------------------------------------

_SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: www.example.test\r\n\r\n"
_REFUSED: tuple[tuple[bytes, frozenset[int]], ...] = tuple(
    (head + b"\r\n\r\n", frozenset(statuses))
    for head, statuses in (
        (b"GET / HTTP/1.1", {400}),
        (b"GET / HTTP/1.1\r\nHost: a.example\r\nHost: a.example", {400}),
        (b"GET / HTTP/1.1\r\nHost: a.example\nX: y", {400}),
        (b"GET / HTTP/1.1\r\nHost: a b", {400}),
        (b"GET / HTTP/1.1\r\nHost: a.example\r\nX : y", {400}),
        (b"GET / HTTP/1.1\r\nHost: a.example\r\nX: a\r\n folded", {400}),
        (b"GET / HTTP/1.1\r\nHost: a.example\r\nX: a\x00b", {400}),
        (b"GET /\x01 HTTP/1.1\r\nHost: a.example", {400}),
        (b"GET /#top HTTP/1.1\r\nHost: a.example", {400}),
        (b"GET /", {400, 505}),
        (b"GET http://b.example/ HTTP/1.1\r\nHost: a.example", {400}),
        (b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", {400}),
        (b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nContent-Length: 6", {400}),
        (b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: +5", {400}),
        (b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked, chunked", {400}),
        (b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: gzip, chunked", {501}),
        (b"POST / HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked", {400}),
        (b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443", {405}),
        (b"PRI * HTTP/2.0", {505}),
        (b"GET / HTTP/3.0\r\nHost: a.example", {505}),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a.example", {414}),
        (b"GET / HTTP/1.1\r\nHost: a.example\r\nX: " + b"a" * 20_000, {431}),
        (b"GET / HTTP/1.1\r\nHost: a.example" + b"\r\nX: y" * 120, {431}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", {400}),
    )
)


def _bad(chance: random.Random) -> Ask:
    head, statuses = chance.choice(_REFUSED)
    return Ask(head, chance.choice([b"", _SMUGGLED]), statuses=statuses)


def _spoilt(made: Ask, chance: random.Random) -> Ask:
    """Its chunks are wrong somewhere; a server may have seen what comes before."""
    good = chunks(made.body[:50], chance, extensions=False)
    wrong = [
        b"5\nhello\r\n",
        b"g\r\n",
        b"-1\r\n",
        b"5;a=\nb\r\nhello\r\n",
        b"5\r\nhelloX\r\n",
        b"0\r\nno colon\r\n\r\n",
        b"\r\n",
    ]
    made.rest = good + chance.choice(wrong) + b"0\r\n\r\n" + _SMUGGLED
    made.statuses = frozenset({400})
    made.bad_rest = True
    made.body = made.body[:50] + b"hello"
    made.trailers = []
    return made

"""What simulated servers answer, and what each of it means, by construction."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.sim.asks import Ask, chunks

if TYPE_CHECKING:
    import random

    from tests.sim.strict import Field

_PASSING = (
    (b"Server", b"lighttpd/1.4"),
    (b"Set-Cookie", b"JSESSIONID=x; Path=/"),
    (b"set-cookie", b"b=2"),
    (b"X-Forwarded-For", b"the client's business"),
    (b"Content-Type", b"text/html"),
)
_STOPPED = ((b"Keep-Alive", b"timeout=5"), (b"Proxy-Connection", b"close"), (b"Upgrade", b"h2"), (b"x-named", b"1"))


class After(enum.Enum):
    """What a server waits for before it answers."""

    HEAD = enum.auto()
    BODY = enum.auto()
    NOTHING = enum.auto()


class End(enum.Enum):
    """What a server does after its last byte."""

    FIN = enum.auto()
    RESET = enum.auto()
    STAY = enum.auto()


class Worth(enum.Enum):
    """What a relay must make of a reply."""

    WHOLE = enum.auto()
    """Good, and all there."""
    CUT = enum.auto()
    """Good so far as it goes."""
    BAD = enum.auto()
    """To be refused."""
    SWITCH = enum.auto()
    """A 101 that was asked for."""


@dataclass
class Reply:
    """One server's answer: `interims`, then `data`, on the wire."""

    interims: bytes
    data: bytes
    after: After
    end: End
    worth: Worth
    status: int
    payload: bytes = b""
    """That is promised: a client gets all of it, or sees that it does not."""
    fields: list[Field] = field(default_factory=list)
    """That pass."""
    trailers: list[Field] = field(default_factory=list)
    surplus: bytes = b""
    """Sent right behind it, though it belongs to nothing."""
    lasting: bool = False
    """The connection may carry another request, as far as the server is concerned."""


def reply(ask: Ask, mark: bytes, chance: random.Random) -> Reply:
    """An answer to this request, mostly a good one; `mark` is in its head, and tells whose it is."""
    after = chance.choice([After.BODY, After.BODY, After.BODY, After.HEAD, After.NOTHING])
    end = chance.choice([End.FIN, End.FIN, End.STAY])
    interims = b"HTTP/1.1 100 Continue\r\n\r\n" if ask.waits and chance.random() < 0.7 else b""
    if chance.random() < 0.1:
        interims += b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: close\r\n\r\n"
    if ask.upgrade and chance.random() < 0.7:
        return _switched(mark, interims, after, end)
    roll = chance.random()
    if roll < 0.07:
        return Reply(b"", b"", After.NOTHING, chance.choice([End.FIN, End.RESET, End.STAY]), Worth.CUT, 0)
    if roll < 0.15:
        if ask.method != b"HEAD" and chance.random() < 0.3:
            return Reply(interims, _mangled(mark, chance), after, end, Worth.BAD, 200, b"hello", [(b"X-Answer", mark)])
        wrong = [*_NONSENSE, _UNASKED] if not ask.upgrade else _NONSENSE
        return Reply(interims, chance.choice(wrong), after, end, Worth.BAD, 0)
    made = _good(ask, mark, chance)
    made.interims, made.after, made.end = interims, after, end
    if made.worth is Worth.CUT and not made.surplus:
        # Until the end of the connection.
        made.end = chance.choice([End.FIN, End.FIN, End.FIN, End.RESET, End.STAY])
        made.worth = Worth.WHOLE if made.end is End.FIN else Worth.CUT
    elif chance.random() < 0.12:
        _truncate(made, chance)
    return made


def gave_up(chance: random.Random) -> Reply:
    """What becomes of a request on a connection that its server has closed already."""
    return Reply(b"", b"", chance.choice(list(After)), chance.choice([End.FIN, End.RESET]), Worth.CUT, 0)


def _switched(mark: bytes, interims: bytes, after: After, end: End) -> Reply:
    lines = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"connection: upgrade", b"X-Answer: " + mark]
    data = b"\r\n".join(lines) + b"\r\n\r\n" + b"\x81\x02hi"
    return Reply(interims, data, after, end, Worth.SWITCH, 101, b"\x81\x02hi", [(b"X-Answer", mark)])


def _good(ask: Ask, mark: bytes, chance: random.Random) -> Reply:
    """A right answer; `worth` is CUT where only the end of the connection ends it."""
    status = chance.choice([200, 200, 200, 200, 301, 404, 500, 204, 304])
    bodiless = status in (204, 304) or ask.method == b"HEAD"
    payload = chance.randbytes(chance.choice([0, 1, 500, 5000, 5000, 150_000]))
    passing = [(b"X-Answer", mark), *(one for one in _PASSING if chance.random() < 0.3)]
    lines = [b"%b:%b%b" % (name, chance.choice([b" ", b""]), value) for name, value in passing]
    lines += [b"%b: %b" % one for one in _STOPPED if chance.random() < 0.2]
    option = chance.choice([b"close, X-Named", b"X-NAMED", b"keep-alive, x-named"])
    lines.append(chance.choice([b"Connection: ", b"connection: "]) + option)
    minor = chance.choice([1, 1, 1, 0])
    data, worth = payload, Worth.WHOLE
    trailers: list[Field] = []
    match chance.choice(["length", "length", "chunked" if minor else "close", "close"]):
        case "length":
            lines.append(b"Content-Length: %d" % len(payload))
        case "chunked":
            lines.append(b"Transfer-Encoding: chunked")
            data, trailers = _chunked(payload, chance)
        case _:
            worth = Worth.WHOLE if bodiless else Worth.CUT
    if bodiless:
        data = payload = b""
        if status == 204:
            lines = [line for line in lines if not line.startswith((b"Content-Length", b"Transfer"))]
    chance.shuffle(lines)
    passing.sort(key=lambda one: [line.startswith(one[0] + b":") for line in lines].index(True))
    start = b"HTTP/1.%d %d %b" % (minor, status, chance.choice([b"OK", b"Some Reason", b""]))
    head = b"\r\n".join([start, *lines]) + b"\r\n\r\n"
    surplus = b"HTTP/1.1 200 OK\r\n\r\nsurplus" if worth is Worth.WHOLE and chance.random() < 0.05 else b""
    lasting = b"close" not in option and worth is Worth.WHOLE and (bool(minor) or b"keep-alive" in option)
    return Reply(b"", head + data, After.BODY, End.FIN, worth, status, payload, passing, trailers, surplus, lasting)


def _chunked(payload: bytes, chance: random.Random) -> tuple[bytes, list[Field]]:
    data = chunks(payload, chance, extensions=True)
    if chance.random() < 0.3:
        return data + b"00\r\nX-Sum: abc\r\nSet-Cookie: late\r\n\r\n", [(b"X-Sum", b"abc")]
    return data + b"0\r\n\r\n", []


def _truncate(made: Reply, chance: random.Random) -> None:
    """It ends, or stays silent, before its last byte."""
    made.data = made.data[: chance.randrange(len(made.data))]
    made.surplus = b""
    made.worth = Worth.CUT
    made.end = chance.choice([End.FIN, End.RESET, End.STAY])


_NONSENSE = (
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"HTTP/1.1 OK\r\n\r\n",
    b"HTTP/2.0 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
    b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20_000,
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
)
"""Heads that no relay may pass on."""
_UNASKED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
"""Nor this one, where nobody asked for it."""


def _mangled(mark: bytes, chance: random.Random) -> bytes:
    """A good head, and chunks that go wrong after five bytes."""
    wrong = chance.choice([b"\r\nnonsense\r\n", b"world\r\n0\r\n\r\n", b"\r\n-5\r\n", b"\n0\r\n\r\n"])
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Answer: " + mark + b"\r\n\r\n5\r\nhello" + wrong

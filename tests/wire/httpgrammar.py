"""Streams of requests drawn by chance: valid ones, ambiguous, malformed and damaged ones.

A stream is a pure function of the chance that it is given. Bodies are full of what would read as a request, so that
whoever is wrong about an end is found out. May not: say what a stream means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.wire.httpstream import rows

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

ODD = (0.0, 0.0, 0.02, 0.1)
"""How likely each part of a stream's requests is to be one that is not usual."""
DAMAGED = 0.4
"""The share of streams in which bytes are changed afterwards."""
RECORDED = 0.15
"""The share of requests that come from tests/vectors/http.jsonl."""
LARGE = 4000
"""Bytes; of longer rows and bodies there are few."""

_ROWS = [row.raw for row in rows()]
_SHORT = [raw for raw in _ROWS if len(raw) <= LARGE]

_METHODS = (b"GET", b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"M-SEARCH", b"FROB")
_ODD_METHODS = (
    b"CONNECT", b"get", b"G@T", b"", b" GET", b"GET\t", b"G\x00T", b"\r\nGET", b"\r\n\r\nGET", b"PRI", b"G" * 400,
)  # fmt: skip
_ODD_TARGETS = (
    b"*", b"", b"a.example:80", b"a.example", b"//b.example/x", b"/x#y", b"/x y", b"/\xe9", b"/\x01", b"/\x7f", b"?x",
    b"http://a.example", b"HTTP://A.EXAMPLE:80/x", b"http://b.example/x", b"http://a.example?x", b"http:///x",
    b"http://u@a.example/x", b"https://a.example/x", b"http:/a.example/x", b"http://a.example:99999/",
    b"/" + b"x" * 8200, b"/..//../x", b"/%00", b'/"<>{}|^`\\', b"http://[::1]/x", b"ftp://a.example/",
)  # fmt: skip
_ODD_VERSIONS = (
    b"HTTP/1.2", b"HTTP/1.9", b"HTTP/2.0", b"HTTP/0.9", b"http/1.1", b"HTTP/01.1", b"HTTP/1.10", b"HTTP/1.", b"HTTP/11",
    b"HTTP/1.1 ", b"\tHTTP/1.1", b"", b"HTTP/1.1\x0b",
)  # fmt: skip
ODD_ENDS = (b"\n", b"\r", b"\r\r\n", b"\r\n ", b"\r\n\t", b"\n\r\n", b"\x0b\r\n", b"\x00\r\n", b" \r\n")
_HOSTS = (b"a.example", b"b.example", b"c.example", b"nobody.example")
_ODD_HOSTS = (
    b"", b"a.example, b.example", b"a.example:x", b"a.example:99999", b"a.example:", b"a.example:0", b"u@a.example",
    b"a..example", b"a.example/x", b"[::1", b"[::1]:80", b"192.0.2.7", b"a_b.example", b"a.example\x00", b"a b.example",
    b"A.eXAMPLE.", b"a.example..", b"\xe9.example", b"xn--4ca.example", b"a" * 64 + b".example", b"b.example#",
    b"a.example\t",
)  # fmt: skip
_FIELDS = (
    b"User-Agent: curl/8.5.0", b"Accept: */*", b"Accept:text/html , */*;q=0.1 ", b"X-Empty:", b"X-High: caf\xe9",
    b"Cookie: a=1; b=2", b"Connection: keep-alive", b"Keep-Alive: timeout=5", b"TE: trailers", b"x_under: score",
    b"Connection: x-named, TE", b"X-Named: 1", b"X-Forwarded-For: 203.0.113.66", b"Forwarded: for=203.0.113.70",
    b"Max-Forwards: 3", b"Via: 1.1 elsewhere", b"Expect: 100-continue", b"Upgrade: h2c", b"X-Tab:\ta\tb\t",
    b"Range: bytes=0-1", b"Proxy-Connection: close", b"Content_Length: 3", b"Date: Tue, 15 Nov 1994 08:12:31 GMT",
    b"Upgrade: websocket\r\nConnection: Upgrade",
)  # fmt: skip
_ODD_FIELDS = (
    b"X : y", b"X\t: y", b" X: y", b"X", b": y", b"X\x00: y", b"X: a\x00b", b"X: a\x01b", b"X: a\rb", b"X: a\nb",
    b"X: a\r\n b", b"X(: y", b"X\xe9: y", b"Host: b.example", b"host: a.example", b"Content-Length: 5",
    b"Transfer-Encoding: chunked", b"Connection: close", b"Connection: host, content-length, transfer-encoding",
    b"Connection: close, , keep-alive", b"Connection: \x22close\x22", b"Max-Forwards: 0", b"Transfer_Encoding: chunked",
    b"Content-Length : 5", b"Transfer-Encoding\t: chunked", b"\x0bTransfer-Encoding: chunked", b"X" * 300 + b": y",
    b"X: " + b"y" * 17_000, b"\r\n".join([b"X: y"] * 101),
)  # fmt: skip
ODD_LENGTHS = (
    b"+%d", b"-%d", b"0x%x", b"0%d", b"%d,%d", b"%d, %d", b"%d;", b"%d ", b"%d\t", b" %d", b"", b"%d.0", b"1e%d",
    b"%d_0", b"9%d99999999999999999999", b"1844674407370955161%d", b"\x0b%d", b"%d\r\nContent-Length: %d", b'"%d"',
    b"%d\xb2", b"%d\r\nContent-Length: 0", b"0\r\nContent-Length: %d", b"%d\r\n ", b"\r\n %d", b"%d\x00",
)  # fmt: skip
_ODD_CODINGS = (
    b"Chunked", b"CHUNKED ", b"chunked, chunked", b"gzip, chunked", b"chunked, gzip", b"identity", b"chunked;q=1",
    b"chunked,", b",chunked", b'"chunked"', b"x chunked", b"chunkedx", b"\x0bchunked", b"chunked\x0c", b"", b"chunk",
    b"chunked\r\nTransfer-Encoding: chunked", b"gzip\r\nTransfer-Encoding: chunked", b"\r\n chunked", b"chunked\x00",
    b"identity, chunked", b'gzip;a="chunked"', b"chunked\r\nContent-Length: 5", b"x\r\nTransfer-Encoding: y",
)  # fmt: skip
_EXTENSIONS = (b"",) * 6 + (b";a", b";a=b", b';name="quoted \\" string"', b";a=b;c")
_ODD_EXTENSIONS = (
    b" ; a", b"\t;a = b", b" ", b"\t", b";", b";=", b"; a=b c", b";a=\x22b", b";a\nb", b";a\rb", b";a=\x00", b" a",
    b";a=\xe9", b';a="\xe9"', b";" + b"a" * 5000, b";\r\n ", b"x", b".0", b"_0",
)  # fmt: skip
_SIZES = (b"%x", b"%x", b"%X", b"000%x")
_ODD_SIZES = (
    b"0x%x", b"-%x", b"+%x", b" %x", b"%x ", b"%xg", b"", b"f%016x", b"%020x", b"\r\n%x", b"%x0", b"0" * 17 + b"%x",
)  # fmt: skip
_ODD_CHUNK_ENDS = (b"", b"\n", b"\r", b"x\r\n", b"\n\r", b"\r\n\r\n")
_TRAILERS = (b"", b"", b"X-Sum: abc\r\n", b"X-Sum:\r\nx-other: 1\r\n")
_ODD_TRAILERS = (
    b"Host: b.example\r\n", b"Content-Length: 7\r\n", b"Content-Length: 7, 7\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: x\r\n", b"no colon\r\n", b"X : y\r\n", b"X: y\n", b"X: a\r\n b\r\n", b"X: a\x00\r\n",
    b" X: y\r\n", b"X-Forwarded-For: 203.0.113.66\r\n", b"Content-Length: x\r\n", b"X: y\r\n" * 101,
    b"Transfer-Encoding: chunked\r\n" * 2,
)  # fmt: skip
_PIECES = (
    b"", b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b"\x01", b"\x0b", b"\x7f", b"\xff", b":", b";", b",", b"#", b'"',
    b"@", b"0", b"1", b"5", b"HTTP/1.1", b"\r\n\r\n", b"\r\n ", b"0\r\n\r\n", b"chunked", b"Host: b.example\r\n",
    b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"GET / HTTP/1.1\r\nHost: b.example\r\n\r\n",
)  # fmt: skip


class Requests:
    """Draws requests. `odd`: how likely each part is an unusual one; `mark` is in each path and body."""

    def __init__(self, chance: random.Random, odd: float, mark: bytes, largest: int) -> None:
        self._chance = chance
        self._odd = odd
        self._mark = mark
        self._largest = largest
        self.closing = False
        """Whether the last one, as it was made, ends the connection."""

    def one(self, number: int) -> bytes:
        """The stream's request of that number."""
        chance = self._chance
        mark = b"/%b/%d" % (self._mark, number)
        version = self._pick((b"HTTP/1.1",) * 6 + (b"HTTP/1.0",), _ODD_VERSIONS)
        host = chance.choice(_HOSTS)
        host = self._pick((host, host, host.upper(), host + b".", host + b":80", host + b":8080"), _ODD_HOSTS)
        fields = [self._pick(_FIELDS, _ODD_FIELDS, 1.0) for _ in range(chance.choice((0, 0, 1, 2, 4)))]
        if chance.random() < 0.15:
            fields.append(chance.choice((b"Connection: close", b"Connection: keep-alive", b"connection:Keep-Alive")))
        stays = {b"connection: keep-alive", b"connection:keep-alive"} & {field.lower() for field in fields}
        self.closing = b"Connection: close" in fields or (version == b"HTTP/1.0" and not stays)
        if version != b"HTTP/1.0" or chance.random() < 0.7:
            fields.insert(0, chance.choice((b"Host: ", b"host:", b"HOST:\t ")) + host)
            if chance.random() < self._odd / 4:
                fields.pop(0)
        framer, body = self._body(mark, version)
        if framer:
            fields.insert(chance.randint(0, len(fields)), framer)
        lines = [self._request_line(mark, host, version), *fields, b""]
        return b"".join([line + self._pick((b"\r\n",), ODD_ENDS, 0.2) for line in lines]) + body

    def _pick(self, usual: Sequence[bytes], odd: Sequence[bytes], weight: float = 0.5) -> bytes:
        return pick(self._chance, self._odd * weight, usual, odd)

    def _request_line(self, mark: bytes, host: bytes, version: bytes) -> bytes:
        path = mark + self._chance.choice((b"", b"?a=b", b"/c%20d", b"//", b"/;x"))
        target = self._pick((path,) * 8 + (b"http://" + host + path, b"HTTP://" + host.lower() + path), _ODD_TARGETS)
        method = self._pick(_METHODS, _ODD_METHODS, 0.3)
        if method == b"OPTIONS" and self._chance.random() < 0.3:
            target = b"*"
        space = self._pick((b" ",), (b"  ", b"\t", b"", b" \t"), 0.1)
        return method + space + target + b" " + version

    def _body(self, mark: bytes, version: bytes) -> tuple[bytes, bytes]:
        """The line that frames it, and the body as on the wire."""
        chance = self._chance
        kind = chance.random()
        if kind < 0.45:
            return b"", b""
        size = chance.choice((0, 1, 5, 60, 300)) if chance.random() < 0.985 else chance.choice((LARGE, self._largest))
        said = b"%b says\r\nGET %b/smuggled HTTP/1.1\r\nHost: b.example\r\n\r\n" % (mark, mark)
        data = (said * (size // len(said) + 1))[:size]
        if kind < 0.72 or (version == b"HTTP/1.0" and chance.random() >= self._odd):
            length = size
            if chance.random() < self._odd:
                length = max(0, size + chance.choice((-5, -1, 1, 5)))
            form = self._pick((b"%d",), ODD_LENGTHS, 1.0)
            value = form % ((length,) * form.count(b"%"))
            return chance.choice((b"Content-Length: ", b"content-length:")) + value, data
        coding = self._pick((b"chunked", b"Chunked"), _ODD_CODINGS, 1.0)
        return chance.choice((b"Transfer-Encoding: ", b"transfer-encoding:")) + coding, chunks(data, chance, self._odd)


def pick(chance: random.Random, odd: float, usual: Sequence[bytes], unusual: Sequence[bytes]) -> bytes:
    """One of the unusual with a likelihood of `odd`."""
    return chance.choice(unusual if chance.random() < odd else usual)


def chunks(data: bytes, chance: random.Random, odd: float) -> bytes:
    """The body in chunks, to its end; `odd`: how likely each of their parts is unusual."""
    pieces, at = [], 0
    while at < len(data):
        piece = data[at : at + chance.choice((1, 7, 100, 40_000) if len(data) < LARGE else (40_000,))]
        at += len(piece)
        size = pick(chance, odd / 2, _SIZES, _ODD_SIZES)
        pieces += [
            size % len(piece) if b"%" in size else size,
            pick(chance, odd / 2, _EXTENSIONS, _ODD_EXTENSIONS),
            b"\r\n",
        ]
        pieces += [piece, pick(chance, odd / 2, (b"\r\n",), _ODD_CHUNK_ENDS)]
    last = chance.choice((b"0", b"0", b"000")) + pick(chance, odd / 2, _EXTENSIONS, _ODD_EXTENSIONS)
    return b"".join(pieces) + last + b"\r\n" + pick(chance, odd / 2, _TRAILERS, _ODD_TRAILERS) + b"\r\n"


def requests(chance: random.Random, mark: bytes = b"x", largest: int = 70_000) -> tuple[bytes, int | None]:
    """A stream, and how many valid requests it has up to one that ends the connection; None: it may be anything.

    `largest`: bytes of the few large bodies.
    """
    odd = chance.choice(ODD)
    drawn = Requests(chance, odd, mark, largest)
    parts, valid = [], None
    for number in range(chance.choice((1, 1, 1, 2, 2, 3, 6))):
        if odd and chance.random() < RECORDED:
            parts.append(chance.choice(_SHORT if chance.random() < 0.98 else _ROWS))
            continue
        parts.append(drawn.one(number))
        if valid is None and drawn.closing:
            valid = number + 1
    data = b"".join(parts)
    if chance.random() < DAMAGED:
        return damaged(data, chance), None
    return data, None if odd else valid or len(parts)


def damaged(data: bytes, chance: random.Random) -> bytes:
    """A few bytes of it changed, moved, doubled or taken away."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        at = chance.randint(0, len(data))
        to = min(len(data), at + chance.choice((0, 1, 1, 2, 30)))
        match chance.randrange(6):
            case 0 | 1:
                data = data[:at] + chance.choice(_PIECES) + data[chance.choice((at, to)) :]
            case 2:
                data = data[:at] + data[to:]
            case 3:
                data = data[:to] + data[at:]
            case 4:
                data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
            case _:
                data = data[:at] if chance.random() < 0.3 else data[:at] + data[at : at + 1].swapcase() + data[at + 1 :]
    return data

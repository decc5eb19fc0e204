"""Responses drawn by chance: valid ones, such that lie, malformed and damaged ones.

A response is a pure function of the chance that it is given. May not: say what one means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.wire.httpgrammar import ODD, ODD_ENDS, ODD_LENGTHS, chunks, damaged, pick

if TYPE_CHECKING:
    import random

METHODS = (b"GET", b"GET", b"GET", b"HEAD", b"POST")
_STATUSES = (b"200", b"200", b"200", b"201", b"204", b"206", b"301", b"304", b"404", b"500", b"503", b"599")
_ODD_STATUSES = (
    b"099", b"000", b"100", b"101", b"199", b"600", b"999", b"20", b"2000", b"2OO", b"+200", b" 200", b"", b"-1",
)  # fmt: skip
_REASONS = (b" OK", b" Not\tso good", b" ", b"", b" caf\xe9", b" a  b ")
_ODD_REASONS = (
    b"  ", b"\t", b"OK", b" a\x00b", b" a\x01b", b" a\rb", b" a\nb", b"\x0b", b" \x7f", b" " + b"x" * 9000,
)  # fmt: skip
_VERSIONS = (b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0")
_ODD_VERSIONS = (
    b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"http/1.1", b"HTTP/1.10", b"HTTP/01.1", b"ICY", b"", b"\r\nHTTP/1.1",
)  # fmt: skip
_FIELDS = (
    b"Server: lighttpd/1.4", b"Set-Cookie: a=1; Path=/", b"set-cookie:b=2", b"Connection: close", b"X-Empty:",
    b"Connection: keep-alive, x-named", b"X-Named: 1", b"Keep-Alive: timeout=5", b"X-High: caf\xe9", b"Upgrade: h2",
    b"Date: Tue, 15 Nov 1994 08:12:31 GMT", b"X-Tab:\ta\tb\t",
)  # fmt: skip
_ODD_FIELDS = (
    b"X : y", b"X\t : y", b" X: y", b"X", b": y", b"X\x00: y", b"X: a\x00b", b"X: a\x01b", b"X: a\rb", b"X: a\nb",
    b"X: a\r\n b", b"X(: y", b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Content-Length : 5", b"X\xe9: y",
    b"Transfer-Encoding : chunked", b"X: " + b"y" * 17_000, b"\r\n".join([b"X: y"] * 101), b"\x0bX: y", b"X\x0b: y",
    b"X" * 300 + b": y",
)  # fmt: skip
_CODINGS = (
    b"Chunked", b"chunked, chunked", b"gzip, chunked", b"chunked, gzip", b"identity", b"chunked;q=1", b"chunked,",
    b",chunked", b'"chunked"', b"gzip", b"\x0bchunked", b"", b"chunked\r\nTransfer-Encoding: chunked", b"\r\n chunked",
    b"chunked\r\nContent-Length: 5", b"chunked\x00", b"identity, chunked", b"chunked ",
)  # fmt: skip
_INTERIMS = (
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n",
    b"HTTP/1.1 102 \r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.0 100\r\n\r\n",
)
_ODD_INTERIMS = (
    b"HTTP/1.1 100 Continue\r\nX : y\r\n\r\n",
    b"HTTP/1.1 100 Continue\n\n",
    b"HTTP/1.1 102 \r\nContent-Length: 5, 6\r\n\r\n",
    b"HTTP/1.1 103 \r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
    b"HTTP/1.1 101 \r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    b"HTTP/1.1 199 x\r\n\r\nhello",
)
_NEXT = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond"


def response(chance: random.Random) -> tuple[bytes, bytes]:
    """The method that was asked with, and what came from the server."""
    odd = chance.choice(ODD)
    method = chance.choice(METHODS)
    interims = b"".join(pick(chance, odd, _INTERIMS, _ODD_INTERIMS) for _ in range(chance.choice((0, 0, 0, 0, 1, 2))))
    data = interims + _final(chance, odd) + chance.choice((b"", b"", b"", _NEXT, b"\r\n"))
    if chance.random() < 0.002:
        data = interims + chance.choice((b" ", b"\xff", b"\x16\x03"))
    return method, damaged(data, chance) if chance.random() < 0.4 else data


def _final(chance: random.Random, odd: float) -> bytes:
    version = pick(chance, odd / 2, _VERSIONS, _ODD_VERSIONS)
    status = pick(chance, odd / 2, _STATUSES, _ODD_STATUSES)
    lines = [version + b" " + status + pick(chance, odd / 2, _REASONS, _ODD_REASONS)]
    fields = [pick(chance, odd, _FIELDS, _ODD_FIELDS) for _ in range(chance.choice((0, 1, 2, 4)))]
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nthat is no answer. "[: chance.choice((0, 1, 5, 40, 60))]
    kind = chance.random()
    if kind < 0.45:
        form = pick(chance, odd, (b"%d",), ODD_LENGTHS)
        length = max(0, len(data) + (chance.choice((-5, -1, 1)) if chance.random() < odd else 0))
        fields.insert(chance.randint(0, len(fields)), b"Content-Length: " + form % ((length,) * form.count(b"%")))
    elif kind < 0.85 and (version != b"HTTP/1.0" or chance.random() < odd):
        coding = pick(chance, odd, (b"chunked", b"Chunked"), _CODINGS)
        fields.insert(chance.randint(0, len(fields)), b"Transfer-Encoding: " + coding)
        data = chunks(data, chance, odd)
    lines += [*fields, b""]
    return b"".join([line + pick(chance, odd / 5, (b"\r\n",), ODD_ENDS) for line in lines]) + data

"""Whole streams of requests, read as a relay would read them, and written anew for the second reader."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pumpproxy.wire.chunked import ChunkedReader, encode_chunk, encode_last
from pumpproxy.wire.errors import HttpError
from pumpproxy.wire.framing import BodyKind
from pumpproxy.wire.http1 import RequestHead, RequestReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pumpproxy.wire.httpfields import Fields
    from tests.wire.secondreader import Plain

VECTORS = Path(__file__).parents[1] / "vectors" / "http.jsonl"
SHARED = Path(__file__).parents[3] / "shared" / "cases"
in_place = pytest.mark.skipif(not SHARED.is_dir(), reason="machine: no corpus beside this checkout")


@dataclass(frozen=True)
class Row:
    """One line of http.jsonl; tests/vectors/README-http.md tells its fields."""

    name: str
    raw: bytes
    verdict: str
    allow: frozenset[str]
    n: int
    nr: int
    status: tuple[int, ...]
    route: str


def rows() -> list[Row]:
    """The rows that this checkout holds."""
    return [_row(json.loads(line)) for line in VECTORS.read_text("utf-8").splitlines()]


def _row(line: dict[str, object]) -> Row:
    raw = str(line.get("raw", ""))
    packed = str(line.get("zlib", ""))
    return Row(
        name=str(line["name"]),
        raw=zlib.decompress(base64.b64decode(packed)) if packed else base64.b64decode(raw),
        verdict=str(line["verdict"]),
        allow=frozenset(map(str, _list(line["allow"]))),
        n=int(str(line["n"])),
        nr=int(str(line.get("nr", 0))),
        status=tuple(int(str(status)) for status in _list(line.get("status", []))),
        route=str(line.get("route", "")),
    )


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


def theirs(name: str) -> list[dict[str, object]]:
    """The rows of another project's vectors, `raw` decoded."""
    lines = (SHARED / name).read_text("utf-8").splitlines() if SHARED.is_dir() else []
    return [row | {"raw": base64.b64decode(row["raw"])} for row in map(json.loads, lines)]


# As a relay reads them -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """One request read to its end."""

    head: RequestHead
    body: bytes
    trailers: Fields


@dataclass
class Reading:
    """What came of a stream."""

    requests: list[Request] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    """Where in the stream each of them ends."""
    status: int | None = None
    reason: str = ""
    in_body: bool = False
    """Whether the end of the stream, or the fault, is in a request's body."""
    pending: int = 0
    """Bytes of a head that the stream does not finish."""

    @property
    def outcome(self) -> str:
        """As the corpus calls it."""
        if self.status is not None:
            return "abort" if self.in_body else "reject"
        return "unfinished" if self.in_body or self.pending else "forward"


class Stream:
    """Reads requests until one of them ends the connection."""

    def __init__(self) -> None:
        self.reading = Reading()
        self._heads = RequestReader()
        self._body = bytearray()
        self._head: RequestHead | None = None
        self._left = 0
        self._chunks = ChunkedReader()
        self._ended = False
        self._fed = 0

    def feed(self, data: bytes) -> None:
        """Take what the connection brings next."""
        self._fed += len(data)
        try:
            while data and not self._ended:
                data = self._read_head(data) if self._head is None else self._read_body(self._head, data)
                if len(self.reading.requests) > len(self.reading.ends):
                    self.reading.ends.append(self._fed - len(data))
        except HttpError as error:
            self.reading.status, self.reading.reason = error.status, error.reason
            self._ended = True
        self.reading.in_body = self._head is not None
        self.reading.pending = 0 if self._ended else self._heads.pending

    def _read_head(self, data: bytes) -> bytes:
        head = self._heads.feed(data)
        if head is None:
            return b""
        self._body.clear()
        self._chunks = ChunkedReader()
        self._left = head.framing.size
        self._head = head
        if head.framing.kind is not BodyKind.CHUNKED and not self._left:
            self._done(head, ())
        return self._heads.rest

    def _read_body(self, head: RequestHead, data: bytes) -> bytes:
        if head.framing.kind is BodyKind.LENGTH:
            self._body += data[: self._left]
            rest = data[self._left :]
            self._left -= len(data) - len(rest)
            if not self._left:
                self._done(head, ())
            return rest
        pieces = self._chunks.feed(data)
        assert all(pieces)
        self._body += b"".join(pieces)
        if not self._chunks.done:
            return b""
        self._done(head, self._chunks.trailers)
        return self._chunks.rest

    def _done(self, head: RequestHead, trailers: Fields) -> None:
        self.reading.requests.append(Request(head, bytes(self._body), trailers))
        self._head = None
        self._ended = not head.keep_alive


def read(pieces: Iterable[bytes]) -> Reading:
    """What comes of a stream that arrives in those pieces."""
    stream = Stream()
    for piece in pieces:
        stream.feed(piece)
    return stream.reading


def refusal(feed: Callable[[bytes], object], pieces: Iterable[bytes]) -> str:
    """Status and reason of the refusal that one of those pieces meets."""
    for piece in pieces:
        try:
            feed(piece)
        except HttpError as error:
            return f"{error.status} {error.reason}"
    pytest.fail("nothing was refused")


def cut(data: bytes, size: int = 1) -> Iterator[bytes]:
    """`data` in pieces of that many bytes."""
    return (data[at : at + size] for at in range(0, len(data), size))


# Written anew, and as another reader gives it -------------------------------------------------------------------------


def plain(request: Request) -> Plain:
    """A request of ours as the second reader would give it, had the client sent it in origin-form."""
    head = request.head
    framers = {b"content-length", b"transfer-encoding"}
    fields = [(name.lower(), value) for name, value in head.fields if name.lower() not in framers]
    trailers = [(name.lower(), value) for name, value in request.trailers]
    return head.method, head.path, b"HTTP/%d.%d" % head.version, fields, request.body, trailers


def serialise(requests: Iterable[Request]) -> bytes:
    """What we understood, written anew and in other pieces."""
    out = []
    for request in requests:
        head = request.head
        out.append(b"%b %b HTTP/%d.%d\r\n" % (head.method, head.path, *head.version))
        out += [b"%b: %b\r\n" % item for item in head.fields if item[0].lower() not in _FRAMERS]
        if head.framing.kind is BodyKind.CHUNKED:
            pieces = [encode_chunk(piece) for piece in cut(request.body, 7)]
            out += [b"Transfer-Encoding: chunked\r\n\r\n", *pieces, encode_last(request.trailers)]
        elif head.framing.kind is BodyKind.LENGTH:
            out += [b"Content-Length: %d\r\n\r\n" % head.framing.size, request.body]
        else:
            out.append(b"\r\n")
    return b"".join(out)


_FRAMERS = frozenset({b"content-length", b"transfer-encoding"})

"""What h11, an independent parser by the same RFCs, makes of one message, and what we make of it, in the same terms.

May not: judge.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import h11

from pumpproxy.wire.chunked import ChunkedReader
from pumpproxy.wire.errors import HttpError
from pumpproxy.wire.framing import BodyKind, Framing
from pumpproxy.wire.http1 import ResponseReader, response_framing

if TYPE_CHECKING:
    from tests.wire.httpstream import Reading

Fields = list[tuple[bytes, bytes]]
LONGEST = 1 << 20
"""Bytes of a head that h11 takes: its limit is not what is compared."""


@dataclass
class Read:
    """One message, or how far somebody got with it."""

    outcome: str
    """`taken`, `refused` or `unfinished`."""
    reason: str = ""
    """Of the refusal."""
    parts: list[object] = field(default_factory=list)
    """Of the start line, and the fields (names in lower case)."""
    body: bytes = b""
    trailers: Fields = field(default_factory=list)
    size: int = 0
    """Bytes that it takes, once it is taken."""
    keep_alive: bool | None = True
    """None: no opinion."""
    interims: list[object] = field(default_factory=list)
    """Of a response: the 1xx before it, status and fields."""


def _lowered(fields: Fields) -> Fields:
    """As h11 gives them: names in lower case, and the value of Transfer-Encoding too."""
    lowered = [(name.lower(), value) for name, value in fields]
    return [(name, value.lower() if name == b"transfer-encoding" else value) for name, value in lowered]


def _unframed(fields: Fields) -> Fields:
    """Without lengths: h11 makes one of equal ones, and in an interim response they mean nothing."""
    return [field for field in fields if field[0] != b"content-length"]


# Requests -------------------------------------------------------------------------------------------------------------


def our_request(reading: Reading, index: int) -> Read:
    """The stream's request of that number, or what came in its place."""
    start = reading.ends[index - 1] if index else 0
    if index < len(reading.requests):
        request = reading.requests[index]
        parts: list[object] = [request.head.method, request.head.target, _lowered(list(request.head.fields))]
        size, trailers = reading.ends[index] - start, _lowered(list(request.trailers))
        return Read("taken", "", parts, request.body, trailers, size, keep_alive=request.head.keep_alive)
    return Read("unfinished" if reading.status is None else "refused", reading.reason)


def h11_request(data: bytes) -> Read:
    """The first request of `data`."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST)
    read = Read("unfinished")
    try:
        connection.receive_data(data)
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                read.parts = [event.method, event.target, _pairs(event.headers)]
                http_1_0 = event.http_version < b"1.1"
            elif isinstance(event, h11.Data):
                read.body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                read.outcome, read.trailers = "taken", _pairs(event.headers)
                read.size = len(data) - len(connection.trailing_data[0])
                # It keeps no connection of HTTP/1.0, which is its choice and no reading.
                opinion = not http_1_0 and str(connection.their_state) != "MIGHT_SWITCH_PROTOCOL"
                read.keep_alive = connection.their_state is h11.DONE if opinion else None
                return read
            else:
                return read
    except h11.RemoteProtocolError as error:
        read.outcome, read.reason = "refused", str(error)
        return read


def _pairs(headers: h11.Headers) -> Fields:  # type: ignore[name-defined]  # h11 exports no such name
    return [(bytes(name), bytes(value)) for name, value in headers]


# Responses ------------------------------------------------------------------------------------------------------------


def our_response(data: bytes, method: bytes) -> Read:
    """The response to a `method` request, of which `data` is all that comes before the connection ends."""
    reader, read = ResponseReader(), Read("unfinished")
    rest = data
    try:
        while (head := reader.feed(rest)) is not None:
            rest, reader.rest = reader.rest, b""
            fields = _lowered(list(head.fields))
            if head.status == 101:
                read.outcome, read.reason = "refused", "101"
                return read
            if head.status < 200:
                read.interims.append((head.status, _unframed(fields)))
                continue
            read.parts = [head.status, head.reason, fields]
            read.keep_alive = head.keep_alive
            return _our_body(read, response_framing(head, method), rest, len(data))
    except HttpError as error:
        read.outcome, read.reason = "refused", error.reason
    return read


def _our_body(read: Read, framing: Framing, rest: bytes, size: int) -> Read:
    taken = True
    if framing.kind is BodyKind.CHUNKED:
        chunks = ChunkedReader()
        # By the line, so that what comes before a fault is there.
        while rest and not chunks.done:
            cut = rest.find(b"\n") + 1 or len(rest)
            read.body += b"".join(chunks.feed(rest[:cut]))
            rest = rest[cut:]
        rest = chunks.rest + rest
        taken, read.trailers = chunks.done, _lowered(list(chunks.trailers))
    elif framing.kind is BodyKind.UNTIL_CLOSE:
        read.body, rest, read.keep_alive = rest, b"", False
    else:
        read.body, rest = rest[: framing.size], rest[framing.size :]
        taken = len(read.body) == framing.size
    if taken:
        read.outcome, read.size = "taken", size - len(rest)
    return read


def h11_response(data: bytes, method: bytes) -> Read:
    """Likewise."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "a.example")]))
    connection.send(h11.EndOfMessage())
    read = Read("unfinished")
    http_1_0 = ended = False
    try:
        if data:
            connection.receive_data(data)
        while True:
            event = connection.next_event()
            if isinstance(event, h11.InformationalResponse):
                read.interims.append((event.status_code, _unframed(_pairs(event.headers))))
            elif isinstance(event, h11.Response):
                read.parts = [event.status_code, bytes(event.reason), _pairs(event.headers)]
                http_1_0 = event.http_version < b"1.1"
            elif isinstance(event, h11.Data):
                read.body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                read.outcome, read.trailers = "taken", _pairs(event.headers)
                read.size = len(data) - len(connection.trailing_data[0])
                read.keep_alive = None if http_1_0 else not ended and connection.their_state is not h11.MUST_CLOSE
                return read
            elif event is h11.NEED_DATA and read.parts and not ended:
                # The end may be that of a body without a length.
                ended = True
                connection.receive_data(b"")
            else:
                return read
    except h11.RemoteProtocolError as error:
        read.outcome, read.reason = "unfinished" if ended else "refused", str(error)
        return read

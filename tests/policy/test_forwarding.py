"""Heads as they are sent on, byte for byte."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from pumpproxy.model import Backend, ForwardFor, Frontend, Mode
from pumpproxy.policy.forwarding import (
    asks_for_websocket,
    expects_continue,
    interim_response,
    is_last_hop,
    outgoing_request,
    outgoing_response,
)
from pumpproxy.policy.records import ClientAddress
from pumpproxy.policy.vouching import Origin
from pumpproxy.wire.errors import HttpError
from pumpproxy.wire.http1 import RequestHead, RequestReader, ResponseHead, ResponseReader

PLAIN = Frontend("f", Mode.HTTP, ())
FORWARDING = Frontend("f", Mode.HTTP, (), forwardfor=ForwardFor())
TRUSTING = Frontend("f", Mode.HTTP, (), forwardfor=ForwardFor(), trusted_proxies=(ip_network("192.0.2.0/24"),))
HOST = b"Host: a.example\r\n"


def request(*lines: bytes, start: bytes = b"GET /x HTTP/1.1") -> RequestHead:
    """The head of those lines; with a Host, unless one is among them."""
    host = (
        []
        if any(line.lower().startswith(b"host") for line in lines) or start.endswith(b"1.0")
        else [b"Host: a.example"]
    )
    head = RequestReader().feed(b"\r\n".join([start, *host, *lines, b"", b""]))
    assert head is not None
    return head


def response(*lines: bytes, start: bytes = b"HTTP/1.1 200 OK") -> ResponseHead:
    """The head of those lines."""
    head = ResponseReader().feed(b"\r\n".join([start, *lines, b"", b""]))
    assert head is not None
    return head


def sent(
    head: RequestHead,
    frontend: Frontend = PLAIN,
    backend: Backend | None = None,
    *,
    upgrade: bool = False,
    keep: bool = False,
) -> bytes:
    """What a server gets of it."""
    origin = Origin.of(ClientAddress("192.0.2.7", 1), frontend)
    to = backend or Backend("b", Mode.HTTP)
    return outgoing_request(head, origin, frontend, to, upgrade=upgrade, keep=keep).head


CLOSE = b"Connection: close\r\n"
XFF = b"X-Forwarded-For: 192.0.2.7\r\n"


@pytest.mark.parametrize(
    ("frontend", "lines", "expected"),
    [
        (PLAIN, [], HOST + CLOSE),
        (PLAIN, [b"X-b:1", b"x-A:  2\t", b"X-b: 3"], HOST + b"X-b: 1\r\nx-A: 2\r\nX-b: 3\r\n" + CLOSE),
        (PLAIN, [b"Cookie: a=1", b"Cookie: b=2"], HOST + b"Cookie: a=1\r\nCookie: b=2\r\n" + CLOSE),
        (PLAIN, [b"X-A: b\xc3\xbccher"], HOST + b"X-A: b\xc3\xbccher\r\n" + CLOSE),
        (PLAIN, [b"X-Empty:"], HOST + b"X-Empty: \r\n" + CLOSE),
        (PLAIN, [b"Connection: keep-alive, X-Hop", b"X-Hop: 1", b"Keep-Alive: 5"], HOST + CLOSE),
        (PLAIN, [b"Connection: Host, Cookie", b"Cookie: a=1"], HOST + CLOSE),
        (
            PLAIN,
            [b"Proxy-Connection: keep-alive", b"Proxy-Authorization: x"],
            HOST + b"Proxy-Authorization: x\r\n" + CLOSE,
        ),
        (PLAIN, [b"TE: gzip"], HOST + CLOSE),
        (PLAIN, [b"TE: trailers, gzip"], HOST + b"TE: trailers\r\nConnection: close, TE\r\n"),
        (PLAIN, [b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AA"], HOST + CLOSE),
        (PLAIN, [b"X-Forwarded-For: 6.6.6.6", b"X_Forwarded_Proto: https", b"Forwarded: for=6.6.6.6"], HOST + CLOSE),
        (FORWARDING, [b"X-Forwarded-For: 6.6.6.6"], HOST + CLOSE + XFF),
        (TRUSTING, [b"X-Forwarded-For: 6.6.6.6"], HOST + b"X-Forwarded-For: 6.6.6.6\r\n" + CLOSE + XFF),
        (TRUSTING, [b"X-Forwarded-Proto: https"], HOST + b"X-Forwarded-Proto: https\r\n" + CLOSE + XFF),
        (PLAIN, [b"Host: A.Example.:80"], b"Host: A.Example.:80\r\n" + CLOSE),
    ],
)
def test_the_fields_of_a_request(frontend: Frontend, lines: list[bytes], expected: bytes) -> None:
    """Spelling and order stay; the connection's fields and what a stranger claims go; ours come at the end."""
    assert sent(request(*lines), frontend) == b"GET /x HTTP/1.1\r\n" + expected + b"\r\n"


def test_the_connections_fields_cannot_take_ours_away() -> None:
    """Connection is obeyed before our own fields are added."""
    head = request(b"Connection: X-Forwarded-For, close")
    assert sent(head, FORWARDING) == b"GET /x HTTP/1.1\r\n" + HOST + CLOSE + XFF + b"\r\n"


def test_a_backend_can_want_the_address_too() -> None:
    """And give it another name."""
    backend = Backend("b", Mode.HTTP, forwardfor=ForwardFor(header="X-Client"))
    assert sent(request(b"X-Client: me"), PLAIN, backend).endswith(HOST + CLOSE + b"X-Client: 192.0.2.7\r\n\r\n")


@pytest.mark.parametrize(
    ("start", "lines", "expected"),
    [
        (b"GET http://a.example/x?q HTTP/1.1", [], b"GET /x?q HTTP/1.1\r\n" + HOST),
        (b"GET http://a.example HTTP/1.1", [], b"GET / HTTP/1.1\r\n" + HOST),
        (b"OPTIONS * HTTP/1.1", [], b"OPTIONS * HTTP/1.1\r\n" + HOST),
        (b"GET /a/../b//c?x=%2e HTTP/1.1", [], b"GET /a/../b//c?x=%2e HTTP/1.1\r\n" + HOST),
        (b"GET /x HTTP/1.9", [], b"GET /x HTTP/1.1\r\n" + HOST),
        (b"GET /x HTTP/1.0", [b"Host: a.example"], b"GET /x HTTP/1.1\r\n" + HOST),
        (b"GET /x HTTP/1.0", [], b"GET /x HTTP/1.0\r\n"),
        (b"GET http://a.example:8080/x HTTP/1.0", [], b"GET /x HTTP/1.1\r\nHost: a.example:8080\r\n"),
        (b"POST /x HTTP/1.0", [b"Host: a.example", b"Expect: 100-continue"], b"POST /x HTTP/1.1\r\n" + HOST),
        (b"OPTIONS /x HTTP/1.1", [b"Max-Forwards: 3"], b"OPTIONS /x HTTP/1.1\r\n" + HOST + b"Max-Forwards: 2\r\n"),
        (b"TRACE /x HTTP/1.1", [b"Max-Forwards: x"], b"TRACE /x HTTP/1.1\r\n" + HOST + b"Max-Forwards: x\r\n"),
        (b"GET /x HTTP/1.1", [b"Max-Forwards: 3"], b"GET /x HTTP/1.1\r\n" + HOST + b"Max-Forwards: 3\r\n"),
        (b"POST /x HTTP/1.1", [b"Content-Length: 007"], b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 7\r\n"),
        (b"POST /x HTTP/1.1", [b"Expect: 100-continue"], b"POST /x HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\n"),
        (
            b"POST /x HTTP/1.1",
            [b"Transfer-Encoding: Chunked", b"X: 1"],
            b"POST /x HTTP/1.1\r\n" + HOST + b"X: 1\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            b"POST /x HTTP/1.1",
            [b"Connection: Content-Length", b"Content-Length: 5"],
            b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n",
        ),
    ],
)
def test_the_request_line_and_the_framing(start: bytes, lines: list[bytes], expected: bytes) -> None:
    """Written anew in origin-form and HTTP/1.1, which needs a Host; a request that named none stays HTTP/1.0."""
    assert sent(request(*lines, start=start)) == expected + CLOSE + b"\r\n"


WEBSOCKET = (b"Upgrade: websocket", b"Connection: keep-alive, Upgrade", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")


def test_a_websocket_is_asked_for_as_the_client_did() -> None:
    """Upgrade and its Connection are the hop's own, and written anew."""
    head = request(*WEBSOCKET)
    assert asks_for_websocket(head)
    assert sent(head, upgrade=True) == (
        b"GET /x HTTP/1.1\r\n" + HOST + WEBSOCKET[2] + b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("start", "lines"),
    [
        (b"GET /x HTTP/1.1", [b"Upgrade: websocket"]),
        (b"GET /x HTTP/1.1", [b"Connection: Upgrade"]),
        (b"GET /x HTTP/1.1", [b"Upgrade: h2c", b"Connection: Upgrade"]),
        (b"GET /x HTTP/1.1", [b"Upgrade: websocket, h2c", b"Connection: Upgrade"]),
        (b"GET /x HTTP/1.1", [b"Upgrade: websocket", b"Upgrade: h2c", b"Connection: Upgrade"]),
        (b"GET /x HTTP/1.1", [b"Upgrade: websocket", b"Connection: Upgrade", b"Content-Length: 5"]),
        (b"GET /x HTTP/1.1", [b"Upgrade: websocket", b"Connection: Upgrade", b"Transfer-Encoding: chunked"]),
        (b"POST /x HTTP/1.1", [b"Upgrade: websocket", b"Connection: Upgrade"]),
        (b"GET /x HTTP/1.0", [b"Host: a.example", b"Upgrade: websocket", b"Connection: Upgrade"]),
        (b"GET /x HTTP/1.1", [b"Upgrade: TLS/1.2", b"Connection: Upgrade"]),
    ],
)
def test_other_upgrades_are_not_passed_on(start: bytes, lines: list[bytes]) -> None:
    """The request stays an ordinary one."""
    head = request(*lines, start=start)
    assert not asks_for_websocket(head)
    assert b"upgrade" not in sent(head).lower()


@pytest.mark.parametrize(
    ("start", "line", "expected"),
    [
        (b"OPTIONS * HTTP/1.1", b"Max-Forwards: 0", True),
        (b"TRACE /x HTTP/1.1", b"Max-Forwards: 00", True),
        (b"TRACE /x HTTP/1.1", b"Max-Forwards: 1", False),
        (b"TRACE /x HTTP/1.1", b"Max-Forwards:", False),
        (b"GET /x HTTP/1.1", b"Max-Forwards: 0", False),
    ],
)
def test_who_asks_for_the_last_hop(start: bytes, line: bytes, expected: bool) -> None:  # noqa: FBT001
    """Max-Forwards counts for OPTIONS and TRACE."""
    assert is_last_hop(request(line, start=start)) is expected


@pytest.mark.parametrize(
    ("start", "lines", "expected"),
    [
        (b"POST /x HTTP/1.1", [b"Expect: 100-Continue", b"Content-Length: 5"], True),
        (b"POST /x HTTP/1.1", [b"Expect: 100-continue"], False),
        (b"POST /x HTTP/1.1", [b"Content-Length: 5"], False),
        (b"POST /x HTTP/1.0", [b"Host: a.example", b"Expect: 100-continue", b"Content-Length: 5"], False),
    ],
)
def test_who_waits_for_a_100(start: bytes, lines: list[bytes], expected: bool) -> None:  # noqa: FBT001
    """Whoever says so, and has a body."""
    assert expects_continue(request(*lines, start=start)) is expected


CHUNKED = b"Transfer-Encoding: chunked\r\n"
GET_10 = b"GET /x HTTP/1.0"


@pytest.mark.parametrize(
    ("asked", "lines", "expected", "persistent"),
    [
        (b"GET /x HTTP/1.1", [b"Content-Length: 5"], b"Content-Length: 5\r\n", True),
        (b"GET /x HTTP/1.1", [b"Transfer-Encoding: chunked", b"X: 1"], b"X: 1\r\n" + CHUNKED, True),
        (b"GET /x HTTP/1.1", [b"Connection: close", b"Keep-Alive: 5", b"X: 1"], b"X: 1\r\n" + CHUNKED, True),
        (b"GET /x HTTP/1.1", [b"Connection: X-Hop", b"X-Hop: 1", b"Content-Length: 0"], b"Content-Length: 0\r\n", True),
        (b"GET /x HTTP/1.1", [b"Upgrade: h2c", b"Content-Length: 5"], b"Content-Length: 5\r\n", True),
        (b"HEAD /x HTTP/1.1", [b"Content-Length: 5"], b"Content-Length: 5\r\n", True),
        (b"HEAD /x HTTP/1.1", [b"Transfer-Encoding: chunked"], b"", True),
        (GET_10, [b"Content-Length: 5"], b"Content-Length: 5\r\nConnection: keep-alive\r\n", True),
        (GET_10, [b"Transfer-Encoding: chunked"], CLOSE, False),
        (GET_10, [], CLOSE, False),
        (b"HEAD /x HTTP/1.0", [], b"Connection: keep-alive\r\n", True),
    ],
)
def test_the_fields_of_a_response(asked: bytes, lines: list[bytes], expected: bytes, persistent: bool) -> None:  # noqa: FBT001
    """A body of unknown length is chunked for a client that knows chunks, and else ends with the connection."""
    out = outgoing_response(response(*lines), request(start=asked), persistent=True)
    assert out.head == b"HTTP/1.1 200 OK\r\n" + expected + b"\r\n"
    assert out.persistent is persistent
    assert out.told is persistent


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (b"204 No Content", b""),
        (b"304 Not Modified", b"Content-Length: 5\r\n"),
        (b"205 Reset", b"Content-Length: 5\r\n"),
    ],
)
def test_a_length_without_a_body(status: bytes, expected: bytes) -> None:
    """A 304 tells of a body that is not sent; a 204 may not."""
    out = outgoing_response(response(b"Content-Length: 5", start=b"HTTP/1.1 " + status), request(), persistent=True)
    assert out.head == b"HTTP/1.1 " + status + b"\r\n" + expected + b"\r\n"
    assert out.body.done is not status.startswith(b"205")


def test_a_connection_that_ends_is_told_so() -> None:
    """Where the client may not keep it."""
    out = outgoing_response(response(b"Content-Length: 5"), request(), persistent=False)
    assert out.head == b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "lines",
    [
        [b"Content-Length: 5", b"Content-Length: 6"],
        [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: gzip"],
        [b"Content-Length: x"],
    ],
)
@pytest.mark.parametrize("asked", [b"GET /x HTTP/1.1", b"HEAD /x HTTP/1.1"])
def test_a_response_that_contradicts_itself_is_refused(lines: list[bytes], asked: bytes) -> None:
    """Also where it has no body: somebody behind us might believe it."""
    with pytest.raises(HttpError) as raised:
        outgoing_response(response(*lines), request(start=asked), persistent=True)
    assert raised.value.status == 502


def test_interim_responses_carry_no_framing() -> None:
    """And none of the connection's fields, save in a 101."""
    early = response(b"Link: </a>", b"Content-Length: 0", b"Connection: close", start=b"HTTP/1.1 103 Early Hints")
    assert interim_response(early) == b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    granted = response(
        b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Accept: x", start=b"HTTP/1.1 101 Switching"
    )
    assert interim_response(granted) == (
        b"HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    )

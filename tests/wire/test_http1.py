"""Heads of requests and responses."""

from __future__ import annotations

import pytest

from pumpproxy.wire.errors import HttpError
from pumpproxy.wire.framing import CHUNKED, HTTP_10, HTTP_11, NO_BODY, UNTIL_CLOSE, BodyKind, Framing
from pumpproxy.wire.http1 import RequestHead, RequestReader, ResponseHead, ResponseReader, response_framing, values
from tests.wire.httpstream import cut, refusal

BROWSER = (
    b"GET /main?x=1 HTTP/1.1\r\nHost: Pump2.Example.org\r\nConnection: keep-alive\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\nAccept: text/html,*/*;q=0.8\r\n"
    b"Accept-Encoding: gzip, deflate\r\nCookie: JSESSIONID=A~1; theme=dark\r\ncookie: b=2\r\n\r\n"
)


def request(data: bytes) -> RequestHead:
    """The head of a whole request; the same if it comes byte by byte."""
    head = RequestReader().feed(data)
    assert head is not None
    reader = RequestReader()
    *early, last = [reader.feed(piece) for piece in cut(data[: head.length])]
    assert not any(early)
    assert last == head
    return head


def response(data: bytes) -> ResponseHead:
    """The head of a whole response; the same if it comes byte by byte."""
    head = ResponseReader().feed(data)
    assert head is not None
    reader = ResponseReader()
    *early, last = [reader.feed(piece) for piece in cut(data[: head.length])]
    assert not any(early)
    assert last == head
    return head


def test_a_browsers_request() -> None:
    """Every part of a head is what was sent."""
    head = request(BROWSER + b"rest")
    assert head == RequestHead(
        method=b"GET",
        target=b"/main?x=1",
        path=b"/main?x=1",
        version=HTTP_11,
        host="pump2.example.org",
        port=None,
        host_field=b"Pump2.Example.org",
        fields=(
            (b"Host", b"Pump2.Example.org"),
            (b"Connection", b"keep-alive"),
            (b"User-Agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
            (b"Accept", b"text/html,*/*;q=0.8"),
            (b"Accept-Encoding", b"gzip, deflate"),
            (b"Cookie", b"JSESSIONID=A~1; theme=dark"),
            (b"cookie", b"b=2"),
        ),
        framing=NO_BODY,
        length=len(BROWSER),
        line=b"GET /main?x=1 HTTP/1.1",
        keep_alive=True,
        connection=frozenset({b"keep-alive"}),
    )
    assert values(head.fields, b"Cookie") == [b"JSESSIONID=A~1; theme=dark", b"b=2"]


def test_absolute_form() -> None:
    """The target is kept, the path is what to forward, and the host is told once."""
    head = request(b"GET http://A.example:80?q HTTP/1.1\r\nHost: a.example\r\n\r\n")
    assert (head.target, head.path, head.host, head.port) == (b"http://A.example:80?q", b"/?q", "a.example", None)


def test_http_1_0_without_a_host() -> None:
    """Nothing names the host, or the target alone does; `host_field` is what a Host line says."""
    head = request(b"GET /x HTTP/1.0\r\n\r\n")
    assert (head.host, head.port, head.host_field) == (None, None, None)
    head = request(b"GET http://a.example:81/x HTTP/1.0\r\n\r\n")
    assert (head.host, head.port, head.host_field) == ("a.example", 81, None)
    head = request(b"GET /x HTTP/1.0\r\nHost:\r\n\r\n")
    assert (head.host, head.port, head.host_field) == (None, None, b"")


@pytest.mark.parametrize(
    ("version", "connection", "keep_alive"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"keep-alive", True),
        (b"1.1", b"Close", False),
        (b"1.1", b"keep-alive, close", False),
        (b"1.1", b"upgrade", True),
        (b"1.7", b"", True),
        (b"1.0", b"", False),
        (b"1.0", b"Keep-Alive", True),
        (b"1.0", b"close, keep-alive", False),
    ],
)
def test_persistence(version: bytes, connection: bytes, *, keep_alive: bool) -> None:
    """By the version, unless Connection says otherwise; "close" always wins. Likewise for responses."""
    head = b" HTTP/%b\r\nHost: a\r\nConnection: %b\r\n\r\n" % (version, connection)
    assert request(b"GET /" + head).keep_alive is keep_alive
    answer = b"HTTP/%b 200 OK\r\nConnection: %b\r\n\r\n" % (version, connection)
    assert response(answer).keep_alive is keep_alive


@pytest.mark.parametrize(
    ("fields", "framing"),
    [
        (b"", NO_BODY),
        (b"content-length: 0\r\n", Framing(BodyKind.LENGTH, 0)),
        (b"Content-Length:  5 \r\n", Framing(BodyKind.LENGTH, 5)),
        (b"TRANSFER-ENCODING:\tChunked\r\n", CHUNKED),
    ],
)
def test_framing_of_requests(fields: bytes, framing: Framing) -> None:
    """Any method may have a body, and none has one that is not declared."""
    for method in (b"GET", b"POST", b"HEAD"):
        assert request(method + b" / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n").framing == framing


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"\x16\x03\x01\x00\xa5\x01", "400 TLS bytes"),
        (b"\x16", "400 TLS bytes"),
        (b"PRI * HTTP/2.0\r\n", "505 HTTP/2 with prior knowledge"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 HTTP/2 with prior knowledge"),
        (b"GET /x\r\n", "400 HTTP/0.9"),
        (b"\r\n\r\n", "400 more than one empty line before the request line"),
        (b"GET /\0", "400 NUL"),
        (b"GET / HTTP/1.1\n", "400 bare LF"),
        (b"GET / HTTP/1.1\rH", "400 bare CR"),
        (b"GET / HTTP/1.1\r\nHost : a\r\n", "400 white space before a colon"),
        (b"CONNECT a:443 HTTP/1.1\r\n", "405 CONNECT"),
        (b"GET /" + b"x" * 8192, "414 start line too long"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 16384, "431 too many fields, or too large together"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 101, "431 too many fields, or too large together"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5x\r\n\r\n", "400 invalid Content-Length"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: br, chunked\r\n\r\n", "501 unknown transfer coding"),
        (b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400 Transfer-Encoding in HTTP/1.0"),
    ],
)
def test_refused_as_soon_as_seen(data: bytes, answer: str) -> None:
    """What cannot become a head any more is not waited for."""
    assert refusal(RequestReader().feed, [data]) == answer
    assert refusal(RequestReader().feed, cut(data)) == answer


@pytest.mark.parametrize("method", [b"GET", b"OPTIONS"])
def test_the_largest_heads(method: bytes) -> None:
    """A request line of 8 KiB, a hundred fields, and 16 KiB in all are taken."""
    line = method + b" /" + b"x" * (8192 - len(method) - 11) + b" HTTP/1.1"
    assert len(line) == 8192
    fields = b"".join([b"Host: a\r\n", *(b"X-%d: y\r\n" % index for index in range(98))])
    padding = 16384 - len(line) - 2 - len(fields) - len(b"Pad: \r\n\r\n")
    head = request(line + b"\r\n" + fields + b"Pad: " + b"p" * padding + b"\r\n\r\n")
    assert (head.length, len(head.fields)) == (16384, 100)


@pytest.mark.parametrize(
    "data",
    [
        b"HEAD / HTTP/1.1\r\n\r\n",
        b"\r\nHEAD /#x HTTP/1.1\r\n",
        b"HEAD / HTTP/1.1\r\nHost: a\r\nX : y\r\n",
        b"HEAD /" + b"x" * 9000,
    ],
)
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_a_refused_head_request_is_known_as_one(data: bytes, size: int) -> None:
    """So that its refusal has no body; the one after a good one is not taken for it."""
    reader = RequestReader()
    reader.feed(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert not reader.asks_for_head
    reader.rest = b""
    refusal(reader.feed, cut(data, size))
    assert reader.asks_for_head
    other = RequestReader()
    refusal(other.feed, [data.replace(b"HEAD", b"GET")])
    assert not other.asks_for_head


def test_pipelined_heads() -> None:
    """One reader reads them all, each from what followed the one before."""
    reader = RequestReader()
    data = b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % index for index in range(10)) + b"GET /10"
    paths = []
    while head := reader.feed(data):
        paths.append(head.path)
        data = reader.rest
    assert paths == [b"/%d" % index for index in range(10)]
    assert reader.pending == len(b"GET /10")


def test_a_response() -> None:
    """Every part of a head is what was sent."""
    data = b"HTTP/1.1 404 Not  Found\r\nServer: x\r\nConnection: Close, X\r\ncontent-length: 5\r\n\r\nhello"
    assert response(data) == ResponseHead(
        version=HTTP_11,
        status=404,
        reason=b"Not  Found",
        fields=((b"Server", b"x"), (b"Connection", b"Close, X"), (b"content-length", b"5")),
        length=len(data) - 5,
        line=b"HTTP/1.1 404 Not  Found",
        connection=frozenset({b"close", b"x"}),
    )


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (b"HTTP/1.0 200 OK", (HTTP_10, 200, b"OK")),
        (b"HTTP/1.3 999 ", (HTTP_11, 999, b"")),
        (b"HTTP/1.1 100", (HTTP_11, 100, b"")),
        (b"HTTP/1.1 200 \xe9t\xe9\t", (HTTP_11, 200, b"\xe9t\xe9\t")),
    ],
)
def test_status_lines(line: bytes, parts: tuple[tuple[int, int], int, bytes]) -> None:
    """A reason may be anything, empty, or absent with its space."""
    head = response(line + b"\r\n\r\n")
    assert (head.version, head.status, head.reason) == parts
    assert head.line == line


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/2.0 200 OK\r\n",
        b"HTTP/1.1 099 OK\r\n",
        b"HTTP/1.1 20 OK\r\n",
        b"HTTP/1.1 2000 OK\r\n",
        b"HTTP/1.1  200 OK\r\n",
        b"HTTP/1.1 200\tOK\r\n",
        b"http/1.1 200 OK\r\n",
        b"ICY 200 OK\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: \0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA b\r\n\r\n",
        b"HTTP/1.1 200 " + b"x" * 8192,
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 101 + b"\r\n",
        b"\x15\x03\x03\x00\x02",
    ],
)
def test_refused_responses(data: bytes) -> None:
    """Whatever is wrong with a server's head, the client is told 502."""
    answer = refusal(ResponseReader().feed, [data])
    assert answer.startswith("502 ")
    assert refusal(ResponseReader().feed, cut(data)) == answer


def test_white_space_before_a_responses_colon() -> None:
    """It is taken away, as a proxy must, before the field is understood."""
    head = response(b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\nA\t: b\r\n\r\n")
    assert head.fields == ((b"Content-Length", b"5"), (b"A", b"b"))
    assert response_framing(head, b"GET") == Framing(BodyKind.LENGTH, 5)


def test_interim_responses() -> None:
    """1xx heads come before the final one, through the same reader."""
    reader = ResponseReader()
    head = reader.feed(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx"
    )
    statuses = []
    while head:
        statuses.append((head.status, response_framing(head, b"GET")))
        head = reader.feed(reader.rest) if head.status != 200 else None
    assert statuses == [(100, NO_BODY), (103, NO_BODY), (200, UNTIL_CLOSE)]
    assert reader.rest == b"x"


@pytest.mark.parametrize(
    ("fields", "framing"),
    [
        (b"", UNTIL_CLOSE),
        (b"Content-Length: 5\r\n", Framing(BodyKind.LENGTH, 5)),
        (b"Transfer-Encoding: chunked\r\n", CHUNKED),
    ],
)
def test_framing_of_responses(fields: bytes, framing: Framing) -> None:
    """As the fields say, but never to HEAD, nor with 204 and 304."""
    for status in (200, 404):
        assert response_framing(response(b"HTTP/1.1 %d x\r\n%b\r\n" % (status, fields)), b"GET") == framing
        assert response_framing(response(b"HTTP/1.1 %d x\r\n%b\r\n" % (status, fields)), b"HEAD") == NO_BODY
    for status in (101, 204, 304):
        assert response_framing(response(b"HTTP/1.1 %d x\r\n%b\r\n" % (status, fields)), b"GET") == NO_BODY


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5, 6\r\n\r\n",
    ],
)
def test_responses_that_lie(data: bytes) -> None:
    """A body whose end two readers could see in two places is not passed on."""
    head = response(data)
    for method in (b"GET", b"HEAD"):
        with pytest.raises(HttpError) as caught:
            response_framing(head, method)
        assert caught.value.status == 502

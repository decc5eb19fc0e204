"""The stand-ins: what they answer, without a socket."""

from __future__ import annotations

import h11
import pytest
from twisted.internet.testing import StringTransport

from demo.lines import ANSWER, KEY
from demo.site import MAX_HEAD, Site, SiteFactory, Visit
from demo.websocket import Frames, Message, Opcode, frame

PUMP = Site("pump.io", secure=True, websocket=True)
MASK = b"\x01\x02\x03\x04"
UPGRADE = (
    f"GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
).encode("ascii")
GREETING = Message(Opcode.TEXT, b"This is the WebSocket of pump.io.")


def visit(site: Site = PUMP) -> tuple[Visit, StringTransport]:
    """A fresh connection to a stand-in."""
    factory = SiteFactory(site)
    factory.place = "127.0.0.1:1"
    protocol, transport = factory.buildProtocol(None), StringTransport()
    protocol.makeConnection(transport)
    return protocol, transport


def answer(request: bytes, site: Site = PUMP) -> tuple[int, str]:
    """Status and page of a request, as an independent client reads them."""
    protocol, transport = visit(site)
    protocol.dataReceived(request)
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "a.test")]))
    client.receive_data(transport.value())
    head = client.next_event()
    assert isinstance(head, h11.Response)
    body = client.next_event()
    assert isinstance(body, h11.Data)
    assert isinstance(client.next_event(), h11.EndOfMessage)
    assert transport.disconnecting
    return head.status_code, bytes(body.data).decode()


def test_a_page_names_its_site_and_tells_what_arrived() -> None:
    """The name, the request line, the Host, and the client's address where a proxy tells it."""
    status, page = answer(b"GET /x?y HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
    assert status == 200
    for fragment in ("This is pump.io.", "GET /x?y", "a.test", "X-Forwarded-For  192.0.2.1", "127.0.0.1:1"):
        assert fragment in page


def test_the_answer_waits_for_the_body() -> None:
    """A request's body is read whole, in whatever segments, before the connection is closed."""
    protocol, transport = visit()
    for byte in b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nab":
        protocol.dataReceived(bytes([byte]))
    assert transport.value() == b""
    protocol.dataReceived(b"c")
    assert b"body             3 bytes" in transport.value()


def test_a_head_request_gets_no_body() -> None:
    """HEAD: the same head, and nothing behind it."""
    protocol, transport = visit()
    protocol.dataReceived(b"HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    assert transport.value().endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"HELLO\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : a.test\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"a" * MAX_HEAD, 431),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
    ],
)
def test_what_it_does_not_understand_it_refuses(request_: bytes, status: int) -> None:
    """A stand-in is no second opinion on broken requests: it refuses them, and closes."""
    assert answer(request_)[0] == status


def test_the_websocket_greets_and_echoes() -> None:
    """The upgrade is answered as RFC 6455 asks, even when frames follow in the same segment."""
    protocol, transport = visit()
    protocol.dataReceived(UPGRADE + frame(Opcode.TEXT, b"one", MASK))
    protocol.dataReceived(frame(Opcode.PING, b"?", MASK) + frame(Opcode.BINARY, b"two", MASK))
    head, _, rest = transport.value().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert f"Sec-WebSocket-Accept: {ANSWER}".encode() in head
    assert Frames(masked=False).feed(rest) == [
        GREETING,
        Message(Opcode.TEXT, b"one"),
        Message(Opcode.PONG, b"?"),
        Message(Opcode.BINARY, b"two"),
    ]
    assert not transport.disconnecting


@pytest.mark.parametrize("last", [frame(Opcode.CLOSE, b"\x03\xe8", MASK), b"\x83\x80" + MASK])
def test_the_websocket_closes(last: bytes) -> None:
    """A Close is answered and a broken frame is refused: both end the connection with a Close."""
    protocol, transport = visit()
    protocol.dataReceived(UPGRADE + last)
    messages = Frames(masked=False).feed(transport.value().partition(b"\r\n\r\n")[2])
    assert messages[-1].opcode is Opcode.CLOSE
    assert transport.disconnecting


def test_the_greeting_ends_by_itself() -> None:
    """/greeting closes after its sentence, so that curl comes to an end."""
    protocol, transport = visit()
    protocol.dataReceived(UPGRADE.replace(b"/chat", b"/greeting"))
    messages = Frames(masked=False).feed(transport.value().partition(b"\r\n\r\n")[2])
    assert messages == [GREETING, Message(Opcode.CLOSE, b"\x03\xe8")]
    assert transport.disconnecting


def test_a_site_without_a_websocket_answers_with_its_page() -> None:
    """The stand-in for lighttpd has none, as lighttpd had none."""
    assert answer(UPGRADE, Site("lighttpd", secure=False))[0] == 200

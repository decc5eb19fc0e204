"""A stand-in for a real server: one page that names itself, and a WebSocket where the real one has one.

Strict enough to be believed: HTTP/1.1, one request a connection. May not: know that there is a proxy before it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, IProtocolNegotiationFactory, ITCPTransport
from twisted.internet.protocol import Protocol, ServerFactory
from zope.interface import implementer

from demo.websocket import NORMAL, FrameError, Frames, Message, Opcode, accept, close, frame

if TYPE_CHECKING:
    from twisted.python.failure import Failure

MAX_HEAD = 16 * 1024
"""Bytes of a request's head: what lighttpd and nginx allow, and more than curl sends."""

GREETING_PATH = "/greeting"
"""Where the WebSocket says one sentence and closes, so that curl, which speaks no frames, comes to an end."""


@dataclass(frozen=True, slots=True)
class Site:
    """What a stand-in tells of itself."""

    name: str
    secure: bool
    websocket: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A request's head. Header names are lower case; a repeated header keeps its last value."""

    method: str
    target: str
    headers: dict[str, str]

    @property
    def length(self) -> int:
        """Bytes of the body that follows."""
        return int(self.headers.get("content-length", "0"))

    @property
    def upgrades(self) -> bool:
        """Whether a WebSocket is asked for (RFC 6455, section 4.2.1)."""
        return (
            self.method == "GET"
            and self.headers.get("upgrade", "").lower() == "websocket"
            and "upgrade" in self.headers.get("connection", "").lower()
            and self.headers.get("sec-websocket-version") == "13"
            and "sec-websocket-key" in self.headers
        )


def parse(head: bytes) -> Request | None:
    """The request of a head without its empty line; None where it is none."""
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != len(("method", "target", "version")) or not words[2].startswith("HTTP/1."):
        return None
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            return None
        headers[name.lower()] = value.strip()
    if not headers.get("content-length", "0").isdecimal():
        return None
    return Request(words[0], words[1], headers)


@implementer(IHalfCloseableProtocol)
class Visit(Protocol):
    """One connection to a stand-in. A client that has said all it wants to say still gets its answer."""

    transport: ITCPTransport

    def __init__(self, site: Site, place: str) -> None:
        self._site = site
        self._place = place
        self._buffer = b""
        self._request: Request | None = None
        self._frames: Frames | None = None

    def dataReceived(self, data: bytes) -> None:
        """Read a head, then its body, then answer; or frames, once upgraded."""
        if self._frames is not None:
            self._converse(self._frames, data)
            return
        self._buffer += data
        if self._request is None:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                if len(self._buffer) > MAX_HEAD:
                    self._answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "That head is too large.\n")
                return
            self._buffer, self._request = rest, parse(head)
            if self._request is None:
                self._answer(HTTPStatus.BAD_REQUEST, "That is no HTTP/1.1 request.\n")
                return
        self._serve(self._request)

    def readConnectionLost(self) -> None:
        """The client has closed its half; an answer under way goes on, a WebSocket ends."""
        if self._frames is not None or self._request is None:
            self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """Our half is closed: nothing is left to do."""

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The connection is over; nothing is kept of it."""

    def _serve(self, request: Request) -> None:
        if "transfer-encoding" in request.headers:
            self._answer(HTTPStatus.LENGTH_REQUIRED, f"{self._site.name} reads bodies with a Content-Length only.\n")
        elif request.upgrades and self._site.websocket:
            self._upgrade(request)
        elif len(self._buffer) >= request.length:
            self._answer(HTTPStatus.OK, self._page(request))

    def _page(self, request: Request) -> str:
        tls = "ends here: nobody opened it on the way" if self._site.secure else "none"
        lines = [
            f"This is {self._site.name}.",
            f"  listening at     {self._place}",
            f"  you asked for    {request.method} {request.target}",
            f"  Host             {request.headers.get('host', '(none)')}",
            f"  TLS              {tls}",
        ]
        if "x-forwarded-for" in request.headers:
            lines.append(f"  X-Forwarded-For  {request.headers['x-forwarded-for']}")
        if request.length:
            lines.append(f"  body             {request.length} bytes")
        return "".join(f"{line}\n" for line in lines)

    def _answer(self, status: HTTPStatus, page: str) -> None:
        body = page.encode("utf-8", "replace")
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            f"Date: {time.strftime('%a, %d %b %Y %H:%M:%S GMT', time.gmtime())}\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\n"
            "Connection: close\r\n"
            "\r\n"
        )
        without_body = self._request is not None and self._request.method == "HEAD"
        self.transport.write(head.encode("ascii") + (b"" if without_body else body))
        self.transport.loseConnection()

    def _upgrade(self, request: Request) -> None:
        key = accept(request.headers["sec-websocket-key"].encode("latin-1"))
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\n"
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + key + b"\r\n\r\n"
        )
        self._frames = Frames(masked=True)
        greeting = f"This is the WebSocket of {self._site.name}."
        self.transport.write(frame(Opcode.TEXT, greeting.encode("utf-8")))
        if request.target.partition("?")[0] == GREETING_PATH:
            self._close(NORMAL)
            return
        rest, self._buffer = self._buffer, b""
        self._converse(self._frames, rest)

    def _converse(self, frames: Frames, data: bytes) -> None:
        try:
            messages = frames.feed(data)
        except FrameError as error:
            self._close(error.code)
            return
        for message in messages:
            self._reply(message)

    def _reply(self, message: Message) -> None:
        if message.opcode is Opcode.CLOSE:
            self.transport.write(frame(Opcode.CLOSE, message.payload))
            self.transport.loseConnection()
        elif message.opcode is Opcode.PING:
            self.transport.write(frame(Opcode.PONG, message.payload))
        elif message.opcode is not Opcode.PONG:
            self.transport.write(frame(message.opcode, message.payload))

    def _close(self, code: int) -> None:
        self.transport.write(close(code))
        self.transport.loseConnection()


@implementer(IProtocolNegotiationFactory)
class SiteFactory(ServerFactory):
    """Builds the Visits of one Site."""

    noisy = False

    def __init__(self, site: Site) -> None:
        self._site = site
        self.place = ""
        """The address that the page tells; set once the port is known."""

    def acceptableProtocols(self) -> list[bytes]:
        """Offered by ALPN. Twisted from 26.10 on refuses a client that offers some where the server names none."""
        return [b"http/1.1"]

    def buildProtocol(self, addr: IAddress | None) -> Visit:  # noqa: ARG002 (Twisted's signature)
        """One Visit a connection."""
        return Visit(self._site, self.place)

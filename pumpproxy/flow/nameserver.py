"""One question to one nameserver, by UDP or TCP, until its answer or the end of its time.

A UDP socket of its own for each question, connected before anything is sent: the kernel chooses a port by chance, and
takes nothing from anybody else. What has not the question's ID (16 random bits) or another question is not an answer;
it is passed over, as whatever is no DNS message, and the real one may still come (RFC 5452 section 9.1).
Not Twisted's datagrams: they are received before they are connected, and cost two lines of the log each.
May not: ask anybody else, or say what an answer means.
"""

from __future__ import annotations

import secrets
import socket
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from zope.interface import implementer

from pumpproxy.wire.dnsmessage import query, read_response
from pumpproxy.wire.errors import DnsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IAddress, IConnector, ITransport
    from twisted.python.failure import Failure

    from pumpproxy.interfaces import Reactor
    from pumpproxy.model import TcpAddress
    from pumpproxy.policy.names import Way
    from pumpproxy.wire.dnsmessage import Question, Response

_NON_BLOCKING = socket.SOCK_DGRAM | getattr(socket, "SOCK_NONBLOCK", 0) | getattr(socket, "SOCK_CLOEXEC", 0)
_LARGEST = 65535
_PASSED_OVER = 64
"""Datagrams that are no answer, after which the socket is given up: somebody guesses IDs."""
_LENGTH = 2
"""Octets before each message on TCP (RFC 1035 section 4.2.2)."""


class UnansweredError(Exception):
    """No answer came of it."""


class _Exchange:
    """The question as it was sent, and who waits. `close` lets go of whatever carries it, once."""

    def __init__(self, reactor: Reactor, question: Question, timeout: float, payload: int) -> None:
        self._question = question
        self._number = secrets.randbelow(2**16)
        self._over = False
        self.message = query(self._number, question, payload=payload)
        self.answered: Deferred[Response] = Deferred(lambda _deferred: self._end())
        self.close: Callable[[], None] = lambda: None
        self._timer = reactor.callLater(timeout, self.fail, "did not answer in time")

    def take(self, message: bytes) -> bool:
        """Whether this message is the answer. Once it was there, nothing more is read."""
        try:
            response = read_response(message)
        except DnsError:
            return False
        if (response.number, response.question) != (self._number, self._question):
            return False
        self._end()
        self.answered.callback(response)
        return True

    def fail(self, reason: str) -> None:
        """No answer comes."""
        if not self._over:
            self._end()
            self.answered.errback(UnansweredError(reason))

    def _end(self) -> None:
        # First: closing may tell of a failure, which is none any more.
        self._over = True
        if self._timer.active():
            self._timer.cancel()
        self.close()


def ask(reactor: Reactor, place: TcpAddress, question: Question, way: Way, timeout: float) -> Deferred[Response]:
    """Ask the nameserver at `place`: its answer, or UnansweredError, within `timeout` seconds."""
    exchange = _Exchange(reactor, question, timeout, way.payload)
    if way.by_tcp:
        exchange.close = reactor.connectTCP(place.host, place.port, _Stream(exchange), timeout).disconnect
    else:
        try:
            _Datagrams(reactor, place, exchange)
        except OSError as problem:
            exchange.fail(str(problem))
    return exchange.answered


@implementer(IReadDescriptor)
class _Datagrams:
    """By UDP."""

    def __init__(self, reactor: Reactor, place: TcpAddress, exchange: _Exchange) -> None:
        """Send it. Raises OSError, with nothing left open."""
        self._reactor = reactor
        self._exchange = exchange
        self._passed_over = 0
        family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
        self._socket = socket.socket(family, _NON_BLOCKING)
        try:
            self._socket.setblocking(False)
            self._socket.connect((place.host, place.port))
            self._socket.send(exchange.message)
        except OSError:
            self._socket.close()
            raise
        exchange.close = self._close
        reactor.addReader(self)

    def doRead(self) -> None:
        """Datagrams came, or the news that nobody is there."""
        while self.fileno() >= 0:
            try:
                message = self._socket.recv(_LARGEST)
            except BlockingIOError:
                return
            except OSError as problem:
                self._exchange.fail(str(problem))
                return
            if not self._exchange.take(message):
                self._passed_over += 1
                if self._passed_over >= _PASSED_OVER:
                    self._exchange.fail("sent too much that is no answer")

    def fileno(self) -> int:
        """The socket's; -1 once it is closed."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """For the reactor."""
        return "nameserver"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor is at its end; or it saw an error on the socket (epoll), which tells what it is when read."""
        self.doRead()
        self._exchange.fail(str(reason.value))

    def _close(self) -> None:
        self._reactor.removeReader(self)
        self._socket.close()


class _Message(Protocol):
    """One message each way on a TCP connection."""

    transport: ITransport

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange
        self._received = bytearray()

    def connectionMade(self) -> None:
        message = self._exchange.message
        self.transport.write(len(message).to_bytes(_LENGTH, "big") + message)

    def dataReceived(self, data: bytes) -> None:
        received = self._received
        received += data
        if len(received) < _LENGTH:
            return
        end = _LENGTH + int.from_bytes(received[:_LENGTH], "big")
        if len(received) >= end and not self._exchange.take(bytes(received[_LENGTH:end])):
            self._exchange.fail("sent what is no answer")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._exchange.fail(reason.getErrorMessage())


class _Stream(ClientFactory):
    """By TCP."""

    noisy = False

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange

    def buildProtocol(self, _addr: IAddress | None) -> Protocol:
        return _Message(self._exchange)

    def clientConnectionFailed(self, _connector: IConnector, reason: Failure) -> None:
        # There is nothing to close, and a connector minds.
        self._exchange.close = lambda: None
        self._exchange.fail(reason.getErrorMessage())

"""One check of one server, done: connect as its clients do, ask, hear the answer, tell the result, and end well.

The answer has a time of its own, from the connection on, however it dribbles in. What a server still says behind it is
read and dropped, so that it does not meet a reset while it writes.
May not: decide when to check, or what a result means for the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from zope.interface import implementer

from pumpproxy.checks.handshake import Contexts, HandshakeQuestion
from pumpproxy.checks.questions import ConnectQuestion, HelloQuestion, HttpQuestion
from pumpproxy.model import CheckKind, DnsAddress, SendProxy
from pumpproxy.policy.attempts import ConnectFailure
from pumpproxy.policy.health import Answer, CheckStatus, Result
from pumpproxy.wire.proxywriter import v1, v2_local

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall, IReactorTime
    from twisted.python.failure import Failure

    from pumpproxy.checks.questions import Question, Reply
    from pumpproxy.interfaces import Dialling, IDial, IProbe
    from pumpproxy.model import Backend, Check, Server

    Told = Callable[[Result], None]

PATIENCE = 1.0
"""Seconds that a server which has answered has to end the connection; then it is reset."""
MAX_SURPLUS = 64 * 1024
"""Bytes behind an answer that are read and dropped meanwhile."""

_HEADERS = {SendProxy.V1: v1(None, None), SendProxy.V2: v2_local()}
"""Of a connection that is no client's: UNKNOWN, or LOCAL."""

_FAILURES = {
    ConnectFailure.TIMED_OUT: CheckStatus.L4TOUT,
    ConnectFailure.RESOURCES: CheckStatus.SOCKERR,
}


@implementer(IHalfCloseableProtocol)
class Probe(Protocol):
    """One check, from the dial to the last of its connection. `told` is called once, or never after `cancel`."""

    transport: ITCPTransport

    def __init__(
        self, clock: IReactorTime, now: Callable[[], float], question: Question, header: bytes, told: Told
    ) -> None:
        """`header`: stands before the first words, where there are any."""
        self._clock = clock
        self._now = now
        self._question = question
        self._header = header
        self._told = told
        self._dial: IDial | None = None
        self._timer: IDelayedCall | None = None
        self._limit = self._started = 0.0
        self._answered = False
        self._surplus = 0

    def start(self, dialling: Dialling, server: Server, connect: float, answer: float) -> None:
        """Connect within `connect` seconds, and have the answer within `answer` more. May end within this call."""
        self._started = self._now()
        self._limit = answer
        self._dial = dial = dialling(lambda: self, self._unreachable)
        try:
            dial.connect(server.address, connect)
        except Exception:
            self.cancel()
            raise

    def cancel(self) -> None:
        """Nothing is told any more; what is left of the connection is reset."""
        self._answered = True
        self._stop_timer()
        if self._dial is not None:
            self._dial.cancel()
            self._dial = None
        if self.connected:
            self.transport.abortConnection()

    # What becomes of the connection

    def _unreachable(self, failure: ConnectFailure) -> None:
        self._dial = None
        self._tell(Answer(_FAILURES.get(failure, CheckStatus.L4CON), failure.value))

    def connectionMade(self) -> None:
        """It took the connection."""
        self._dial = None
        self._timer = self._clock.callLater(self._limit, self._late)
        self._go_on(self._question.begin())

    def dataReceived(self, data: bytes) -> None:
        """It said something."""
        if not self._answered:
            self._go_on(self._question.heard(data))
            return
        self._surplus += len(data)
        if self._surplus > MAX_SURPLUS:
            self.transport.abortConnection()

    def readConnectionLost(self) -> None:
        """It closed its half."""
        self.transport.loseConnection()
        if not self._answered:
            self._tell(self._question.ended(cleanly=True))

    def writeConnectionLost(self) -> None:
        """Our half is closed with the whole."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone. An exception of ours comes as the reason, logged already."""
        self._stop_timer()
        if self._answered:
            return
        if reason.check(ConnectionDone, ConnectionLost, ConnectionAborted) is None:
            self._tell(Answer(CheckStatus.SOCKERR, "a defect of ours"))
        else:
            self._tell(self._question.ended(cleanly=False))

    # What follows

    def _go_on(self, reply: Reply) -> None:
        if reply.send:
            self.transport.write(self._header + reply.send)
            self._header = b""
        if reply.answer is not None:
            self._part()
            self._tell(reply.answer)

    def _late(self) -> None:
        self._timer = None
        self._answered = True
        self.transport.abortConnection()
        self._tell(self._question.late)

    def _part(self) -> None:
        self._answered = True
        self._stop_timer()
        if self._question.polite:
            self._timer = self._clock.callLater(PATIENCE, self._lose_patience)
        else:
            self.transport.abortConnection()

    def _lose_patience(self) -> None:
        self._timer = None
        self.transport.abortConnection()

    def _tell(self, answer: Answer) -> None:
        self._answered = True
        self._told(Result(answer, self._now() - self._started))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Probes:
    """Makes them."""

    def __init__(self, clock: IReactorTime, dialling: Dialling, now: Callable[[], float]) -> None:
        """`now`: a monotonic clock; the reactor's may be stepped by the system."""
        self._clock = clock
        self._dialling = dialling
        self._now = now
        self._contexts = Contexts()

    def start(self, backend: Backend, server: Server, check: Check, told: Told) -> IProbe:
        """Check this server now. `told` may be called from within this call."""
        header = b"" if server.send_proxy is None else _HEADERS[server.send_proxy]
        probe = Probe(self._clock, self._now, self._question(server, check), header, told)
        answer = check.inter if backend.timeout_check is None else backend.timeout_check
        probe.start(self._dialling, server, min(backend.timeout_connect, check.inter), answer)
        return probe

    def _question(self, server: Server, check: Check) -> Question:
        match check.kind:
            case CheckKind.TCP:
                return ConnectQuestion()
            case CheckKind.TLS_HELLO:
                return HelloQuestion(self._contexts.hello(check.sni))
            case CheckKind.TLS:
                connection = self._contexts.client(check.sni, verify=check.verify)
                return HandshakeQuestion(connection, _name(server, check), verify=check.verify)
            case CheckKind.HTTP:
                return HttpQuestion(check, server.address)


def _name(server: Server, check: Check) -> str | None:
    """Whom the certificate is to be for: who must have a good one is known by its own name, if by no other."""
    if check.sni is None and check.verify and isinstance(server.address, DnsAddress):
        return server.address.name
    return check.sni

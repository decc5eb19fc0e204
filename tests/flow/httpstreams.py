"""What the tests of the HTTP relay share: a transport for pull producers, and one connection on a fake reactor."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionRefusedError as RefusedError
from twisted.internet.protocol import ClientFactory
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from pumpproxy.flow.httpfront import HttpFront
from tests.fakes import environment
from tests.flow.streams import FakeStream
from tests.playbook import CLIENT, site

if TYPE_CHECKING:
    from twisted.internet.interfaces import IConnector, IProducer
    from twisted.internet.task import Clock

    from pumpproxy.flow.stream import StreamProtocol
    from pumpproxy.model import Config


class HttpStream(FakeStream):
    """A FakeStream that also takes a pull producer, as `abstract.FileDescriptor` does: asked when nothing waits."""

    def __init__(self, clock: Clock, limit: int = 65536) -> None:
        super().__init__(clock, limit)
        self._pulls = False

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:  # noqa: FBT001 - Twisted's
        """A pull producer is asked at once."""
        if streaming:
            super().registerProducer(producer, streaming)
            return
        assert self._producer is None, "a producer is registered already"
        self._producer = producer
        self._pulls = True
        producer.resumeProducing()  # type: ignore[attr-defined]

    def unregisterProducer(self) -> None:
        """Nobody is asked any more."""
        self._pulls = False
        super().unregisterProducer()

    def startWriting(self) -> None:
        """In the next turn somebody sees that nothing waits."""
        self._clock.callLater(0, self._soon)

    def _flush(self) -> None:
        if self._pulls and not self.waiting and self.connected and not self.aborted:
            assert self._producer is not None
            self._producer.resumeProducing()  # type: ignore[attr-defined]
        else:
            super()._flush()


def _latest(reactor: MemoryReactorClock) -> ClientFactory:
    attempts = [*reactor.tcpClients, *reactor.unixClients]
    return cast("ClientFactory", next(part for part in attempts[-1] if isinstance(part, ClientFactory)))


def accept(reactor: MemoryReactorClock) -> HttpStream | None:
    """The latest attempt comes about: the server's end of it; None where nobody wants it any more."""
    protocol = _latest(reactor).buildProtocol(IPv4Address("TCP", "127.0.0.1", 8001))
    if protocol is None:
        return None
    stream = HttpStream(reactor)
    stream.connect(cast("StreamProtocol", protocol))
    return stream


def refuse(reactor: MemoryReactorClock) -> None:
    """The latest attempt fails."""
    _latest(reactor).clientConnectionFailed(cast("IConnector", None), Failure(RefusedError()))


class Fronted:
    """One client before an HttpFront, and the servers that it connects to, on a reactor of the test's making."""

    def __init__(self, config: Config | None = None) -> None:
        self.reactor = MemoryReactorClock()
        self.environment, self.sink = environment(config or site(), self.reactor, now=self.reactor.seconds)
        frontend = self.environment.runtime.frontends["f"]
        self.front = HttpFront(self.environment, frontend, CLIENT)
        self.client = HttpStream(self.reactor)
        self.client.connect(self.front)

    def turn(self, seconds: float = 0.0) -> None:
        """The reactor goes on, in small steps so that everybody's turn comes."""
        for _ in range(5):
            self.reactor.advance(0)
        while seconds > 0:
            self.reactor.advance(min(seconds, 0.1))
            seconds -= 0.1

    def accept(self) -> HttpStream:
        """The latest attempt comes about; the server's end of it."""
        stream = accept(self.reactor)
        assert stream is not None
        return stream

    def refuse(self) -> None:
        """The latest attempt fails."""
        refuse(self.reactor)

    def take(self) -> bytes:
        """The client takes everything; all that it has got so far."""
        self.client.peer_takes()
        self.turn()
        self.client.peer_takes()
        return self.client.sent

    def gone(self) -> bool:
        """Whether nothing is left of the client, and nobody is watched any more."""
        left = self.environment.connections or len(self.environment.sweep) or self.environment.runtime.connections
        pools = self.environment.runtime.pools.values()
        return not left and not any(pool.connections for pool in pools)

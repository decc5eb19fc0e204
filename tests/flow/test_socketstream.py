"""The lean transport: what a protocol and its producers are told, over real sockets."""

from __future__ import annotations

import os
import socket
import struct
import time
from typing import TYPE_CHECKING

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import connectionDone
from zope.interface import implementer

from pumpproxy.flow.poll import Poller
from pumpproxy.flow.socketstream import BUFFER_SIZE, SocketStream
from pumpproxy.flow.stream import StreamProtocol
from tests.fakes import LOOPBACK
from tests.flow.peers import pause, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twisted.python.failure import Failure


class Recorder(StreamProtocol):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.data = b""
        self.told: list[str] = []
        self.reason: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        """Data."""
        self.data += data

    def readConnectionLost(self) -> None:
        """FIN."""
        self.told.append("FIN")

    def writeConnectionLost(self) -> None:
        """Ours is out."""
        self.told.append("our FIN")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The end."""
        self.reason = reason


@implementer(IPushProducer)
class Producer:
    """Keeps what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def pauseProducing(self) -> None:
        """Less."""
        self.asked.append("pause")

    def resumeProducing(self) -> None:
        """More."""
        self.asked.append("resume")

    def stopProducing(self) -> None:
        """No more."""
        self.asked.append("stop")


class World:
    """A stream, its protocol, and the peer's socket."""

    def __init__(self) -> None:
        self.poller = Poller(reactor, time.monotonic)  # type: ignore[arg-type]
        with socket.create_server((LOOPBACK, 0)) as listening:
            self.peer = socket.create_connection(listening.getsockname())
            accepted, _ = listening.accept()
        self.protocol = Recorder()
        accepted.setblocking(False)
        self.stream = SocketStream(self.poller, accepted.detach(), self.protocol)
        self.stream.begin()

    async def receive(self, size: int) -> bytes:
        """What the peer gets, while the reactor runs."""
        self.peer.setblocking(False)
        data = b""
        for _ in range(2000):
            try:
                part = self.peer.recv(1 << 20)
            except BlockingIOError:
                await pause(0.005)
                continue
            if not part:
                break
            data += part
            if len(data) >= size:
                break
            await pause(0)
        return data


@pytest.fixture
def world() -> Iterator[World]:
    """One connection."""
    made = World()
    yield made
    made.peer.close()
    if made.protocol.reason is None:
        # Not beside the socket that `getHandle` made of it, which would close whatever has the number by then.
        os.close(made.stream.detach().descriptor)
    made.poller.stop()


@pytest_twisted.ensureDeferred
async def test_data_then_fin(world: World) -> None:
    """A FIN is told apart from the end, and writing goes on."""
    world.peer.sendall(b"hello")
    world.peer.shutdown(socket.SHUT_WR)
    await until(lambda: world.protocol.told == ["FIN"])
    assert world.protocol.data == b"hello"
    world.stream.write(b"still here")
    world.stream.loseConnection()
    assert await world.receive(100) == b"still here"
    await until(lambda: world.protocol.reason is not None)
    assert world.protocol.reason is not None
    assert world.protocol.reason.check(ConnectionDone)


@pytest_twisted.ensureDeferred
async def test_our_fin_comes_behind_what_is_written(world: World) -> None:
    """However much that is; the producer is paused meanwhile, and resumed."""
    producer = Producer()
    world.stream.registerProducer(producer, True)
    body = bytes(range(256)) * 40_000
    world.stream.write(body)
    assert producer.asked == ["pause"]
    world.stream.unregisterProducer()
    world.stream.loseWriteConnection()
    world.stream.write(b"too late")
    assert await world.receive(len(body) + 1) == body
    await until(lambda: world.protocol.told == ["our FIN"])


@pytest_twisted.ensureDeferred
async def test_a_producer_is_resumed_when_all_is_written(world: World) -> None:
    """Once paused, once resumed; and stopped at the end."""
    producer = Producer()
    world.stream.registerProducer(producer, True)
    world.stream.write(bytes(20_000_000))
    assert len(await world.receive(20_000_000)) == 20_000_000
    await until(lambda: producer.asked == ["pause", "resume"])
    assert BUFFER_SIZE < 20_000_000
    world.stream.abortConnection()
    await until(lambda: producer.asked == ["pause", "resume", "stop"])


@pytest_twisted.ensureDeferred
async def test_an_abort_is_a_reset_and_told_later(world: World) -> None:
    """As Twisted's transports do it: not from within the call."""
    world.stream.abortConnection()
    assert world.protocol.reason is None
    await until(lambda: world.protocol.reason is not None)
    assert world.protocol.reason is not None
    assert world.protocol.reason.check(ConnectionAborted)
    with pytest.raises(ConnectionResetError):
        world.peer.recv(1)


@pytest_twisted.ensureDeferred
async def test_a_peers_reset_is_a_loss(world: World) -> None:
    """Not a FIN."""
    world.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    world.peer.close()
    await until(lambda: world.protocol.reason is not None)
    assert world.protocol.reason is not None
    assert world.protocol.reason.check(ConnectionLost)
    assert world.protocol.told == []


@pytest_twisted.ensureDeferred
async def test_an_answer_that_came_before_a_reset_is_heard(world: World) -> None:
    """Where it is noticed by writing, too: a server may refuse half a request, and close with the rest unread."""
    world.stream.write(b"half a request")
    world.peer.sendall(b"too much")
    world.peer.close()
    world.stream.write(b"the other half")
    assert world.protocol.data == b""
    await until(lambda: world.protocol.reason is not None)
    assert world.protocol.reason is not None
    assert world.protocol.reason.check(ConnectionLost)
    assert world.protocol.data == b"too much"
    assert world.protocol.told == []


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("end", [SocketStream.loseConnection, SocketStream.abortConnection])
async def test_a_stream_that_is_ended_hears_nothing(world: World, end: Callable[[SocketStream], None]) -> None:
    """Where a write failed just before: nobody listens any more."""
    world.stream.write(b"half a request")
    world.peer.sendall(b"too much")
    world.peer.close()
    world.stream.write(b"the other half")
    end(world.stream)
    await until(lambda: world.protocol.reason is not None)
    assert world.protocol.data == b""


@pytest_twisted.ensureDeferred
async def test_a_paused_stream_reads_nothing(world: World) -> None:
    """And everything when it is resumed, a FIN included."""
    world.stream.pauseProducing()
    world.peer.sendall(b"later")
    world.peer.shutdown(socket.SHUT_WR)
    await pause(0.05)
    assert world.protocol.data == b""
    world.stream.resumeProducing()
    await until(lambda: world.protocol.told == ["FIN"])
    assert world.protocol.data == b"later"


@pytest_twisted.ensureDeferred
async def test_a_detached_stream_tells_nothing(world: World) -> None:
    """The socket is somebody else's, open and readable."""
    assert world.stream.can_detach
    taken = world.stream.detach()
    world.peer.sendall(b"for another")
    await pause(0.05)
    assert world.protocol.data == b""
    assert os.read(taken.descriptor, 100) == b"for another"
    assert (taken.watched, taken.readable, taken.finished) == (True, False, False)
    assert world.protocol.reason is None


def test_addresses_and_options(world: World) -> None:
    """As ITCPTransport has them."""
    assert world.stream.getPeer().port == world.peer.getsockname()[1]
    assert world.stream.getHost().port == world.peer.getpeername()[1]
    world.stream.setTcpNoDelay(True)
    world.stream.setTcpKeepAlive(True)
    assert world.stream.getTcpNoDelay()
    assert world.stream.getTcpKeepAlive()

"""Plain connects: established, refused, too slow, given up."""

from __future__ import annotations

import select
import socket
import sys
import time
from typing import TYPE_CHECKING

import pytest
import pytest_twisted
from twisted.internet import error, reactor

from pumpproxy.flow.connect import Connecting, opened
from pumpproxy.flow.idle import Sweep
from pumpproxy.flow.poll import Poller
from pumpproxy.flow.socketstream import SocketStream
from pumpproxy.flow.stream import StreamProtocol
from pumpproxy.model import TcpAddress
from tests.fakes import LOOPBACK, unused_port
from tests.flow.peers import black_hole, pause, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twisted.python.failure import Failure

    from pumpproxy.flow.spliceend import Detached


class World:
    """A poller, a sweep, and what an attempt came to."""

    def __init__(self) -> None:
        self.poller = Poller(reactor, time.monotonic)  # type: ignore[arg-type]
        self.sweep = Sweep(reactor, time.monotonic)
        self.built: list[StreamProtocol] = []
        self.failures: list[Failure] = []
        self.taken: list[Detached] = []

    def established(self, taken: Detached) -> None:
        """A connection, on which a protocol is built."""
        self.taken.append(taken)
        protocol = StreamProtocol()
        self.built.append(protocol)
        SocketStream(self.poller, taken.descriptor, protocol).begin_with(taken)

    def unreachable(self, reason: Failure) -> None:
        """None."""
        self.failures.append(reason)

    def connect(self, port: int, timeout: float = 20.0) -> Connecting:
        """Start an attempt."""
        made = Connecting(self.poller, self.sweep, self)
        made.start(TcpAddress(LOOPBACK, port), timeout)
        return made


def exhausted(*_arguments: object) -> socket.socket:
    """No socket is to be had."""
    raise OSError(24, "Too many open files")


@pytest.fixture
def world() -> Iterator[World]:
    """One of each; nothing is left of any attempt."""
    made = World()
    yield made
    for protocol in made.built:
        protocol.transport.abortConnection()
    assert len(made.sweep) == 0
    made.poller.stop()


@pytest_twisted.ensureDeferred
async def test_a_connection_gets_its_protocol(world: World) -> None:
    """On a lean transport, without Nagle's delay."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        world.connect(listening.getsockname()[1])
        await until(lambda: bool(world.built))
        assert isinstance(world.built[0].transport, SocketStream)
        assert world.built[0].transport.getTcpNoDelay()
    assert world.failures == []


@pytest_twisted.ensureDeferred
async def test_a_refusal_is_told(world: World) -> None:
    """As Twisted's connectors tell it."""
    world.connect(unused_port())
    await until(lambda: bool(world.failures))
    assert world.failures[0].check(error.ConnectionRefusedError)
    assert len(world.poller) == 0


@pytest_twisted.ensureDeferred
async def test_no_answer_in_time_is_told(world: World) -> None:
    """After the timeout, and not before."""
    with black_hole() as port:
        world.connect(port, 0.2)
        await pause(0.05)
        assert world.failures == []
        await until(lambda: bool(world.failures))
    assert world.failures[0].check(error.TimeoutError)
    assert len(world.poller) == 0


@pytest_twisted.ensureDeferred
async def test_one_that_was_given_up_tells_nothing(world: World) -> None:
    """Neither success nor failure."""
    with black_hole() as port:
        attempt = world.connect(port)
        attempt.stopConnecting()
        attempt.stopConnecting()
        await pause(0.05)
    assert (world.built, world.failures, len(world.poller)) == ([], [], 0)


@pytest_twisted.ensureDeferred
async def test_a_socket_that_is_connecting_already_is_waited_for(world: World) -> None:
    """Whoever began hands it over."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        sock = opened(TcpAddress(LOOPBACK, listening.getsockname()[1]))
        Connecting(world.poller, world.sweep, world).wait(sock, 20.0)
        await until(lambda: bool(world.built))
    assert world.failures == []


def hears_at_once(*, speaks: bool) -> bool:
    """Whether a server may accept before its client has written; it may afterwards in any case."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        listening.settimeout(0)
        sock = opened(TcpAddress(LOOPBACK, listening.getsockname()[1]), speaks=speaks)
        accepted = None
        try:
            try:
                accepted, _ = listening.accept()
            except BlockingIOError:
                sock.send(b"words")
                listening.settimeout(20)
                accepted, _ = listening.accept()
                accepted.settimeout(20)
                assert accepted.recv(100) == b"words"
                return False
            return True
        finally:
            sock.close()
            if accepted is not None:
                accepted.close()


def test_a_server_hears_of_one_who_speaks_with_its_words() -> None:
    """And of any other at once: it may have to speak first."""
    assert hears_at_once(speaks=False)
    if hasattr(socket, "TCP_QUICKACK"):
        # A machine that sleeps in between for as long as the kernel waits (0.2 s) may hide it, but not each time.
        assert not all(hears_at_once(speaks=True) for _ in range(10))


def test_what_fails_at_once_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of descriptors, or an address that nobody can reach."""
    with pytest.raises(OSError, match=r"Network is unreachable|not supported|Cannot assign|Invalid|Permission"):
        opened(TcpAddress("255.255.255.255", 9))
    monkeypatch.setattr(socket, "SocketType", exhausted)
    with pytest.raises(OSError, match="Too many"):
        opened(TcpAddress(LOOPBACK, 9))


@pytest_twisted.ensureDeferred
async def test_a_failure_at_once_is_not_told_to_one_who_gave_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the call and the telling."""
    monkeypatch.setattr(socket, "SocketType", exhausted)
    made = world.connect(1)
    monkeypatch.undo()
    made.stopConnecting()
    await pause(0.05)
    assert (made.state, world.failures) == ("stopped", [])


@pytest_twisted.ensureDeferred
async def test_what_fails_at_once_is_told_soon(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket to be had: not from within the call."""
    monkeypatch.setattr(socket, "SocketType", exhausted)
    world.connect(1)
    monkeypatch.undo()
    assert world.failures == []
    await until(lambda: bool(world.failures))
    assert getattr(world.failures[0].value, "osError", None) == 24


@pytest_twisted.ensureDeferred
async def test_what_came_with_the_connection_is_not_forgotten(world: World) -> None:
    """A server that speaks first may be heard in the very event that says it is connected."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        attempt = world.connect(listening.getsockname()[1])
        accepted, _ = listening.accept()
        accepted.sendall(b"220 hello")
        accepted.shutdown(socket.SHUT_WR)
        for _ in range(100):
            if select.select([attempt._socket], [], [], 0.01)[0]:
                break
        await until(lambda: bool(world.built))
        stream = world.built[0].transport
        assert isinstance(stream, SocketStream)
        assert stream.finished
        accepted.close()


@pytest.mark.skipif(sys.platform != "linux", reason="machine: not Linux, whose TCP_QUICKACK it is")
@pytest_twisted.ensureDeferred
async def test_one_that_is_reset_at_once_is_not_seen_by_the_servers_program(world: World) -> None:
    """Its backlog stays empty: the reset comes in place of the last acknowledgement. Otherwise there would be one."""
    for speaks in (True, False):
        with socket.create_server((LOOPBACK, 0)) as listening:
            made = Connecting(world.poller, world.sweep, world)
            made.start(TcpAddress(LOOPBACK, listening.getsockname()[1]), 20.0, speaks=speaks)
            await until(lambda: bool(world.built))
            world.built.pop().transport.abortConnection()
            await pause(0.05)
            listening.setblocking(False)
            seen = select.select([listening], [], [], 0.2)[0]
            assert bool(seen) is not speaks

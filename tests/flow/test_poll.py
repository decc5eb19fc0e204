"""The epoll of our own: who is told, and what a defect, a close or a reused number must not do."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest
import pytest_twisted
from twisted.internet import reactor

from pumpproxy.flow.poll import ENDING, READABLE, WRITABLE, Poller
from tests.flow.peers import pause, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class World:
    """A poller on the real reactor, and pairs of sockets."""

    def __init__(self) -> None:
        self.poller = Poller(reactor, time.monotonic)  # type: ignore[arg-type]
        self.events: dict[int, int] = {}

    def pair(self, told: Callable[[int], None] | None = None) -> tuple[socket.socket, socket.socket]:
        """Two connected sockets; the poller knows the first."""
        mine, other = socket.socketpair()
        mine.setblocking(False)
        number = mine.fileno()

        def note(events: int) -> None:
            self.events[number] = self.events.get(number, 0) | events

        self.poller.add(number, told or note)
        return mine, other

    def seen(self, sock: socket.socket) -> int:
        """All events of it so far."""
        return self.events.get(sock.fileno(), 0)


@pytest.fixture
def world() -> Iterator[World]:
    """One poller."""
    made = World()
    yield made
    made.poller.stop()


@pytest_twisted.ensureDeferred
async def test_data_and_fin_are_told(world: World) -> None:
    """Readable with data, ending with a FIN."""
    mine, other = world.pair()
    await until(lambda: bool(world.seen(mine) & WRITABLE))
    assert not world.seen(mine) & READABLE
    other.send(b"x")
    await until(lambda: bool(world.seen(mine) & READABLE))
    assert not world.seen(mine) & ENDING
    other.shutdown(socket.SHUT_WR)
    await until(lambda: bool(world.seen(mine) & ENDING))
    mine.close()
    other.close()


@pytest_twisted.ensureDeferred
async def test_a_defect_reaches_nobody_else(world: World) -> None:
    """Whoever raises is told no more; the others are."""

    def broken(_events: int) -> None:
        message = "a defect"
        raise ValueError(message)

    bad, bad_other = world.pair(broken)
    good, good_other = world.pair()
    bad_other.send(b"x")
    good_other.send(b"x")
    await until(lambda: bool(world.seen(good) & READABLE))
    assert len(world.poller) == 1
    for sock in (bad, bad_other, good, good_other):
        sock.close()


@pytest_twisted.ensureDeferred
async def test_a_descriptor_closed_in_a_batch_is_closed_after_it(world: World) -> None:
    """Two with events in one batch: the first closes both, and the second is told nothing."""
    pairs: list[tuple[socket.socket, socket.socket]] = []
    told: list[int] = []

    def close_both(_events: int) -> None:
        told.append(1)
        for mine, _ in pairs:
            if mine.fileno() >= 0:
                world.poller.close(mine.detach())

    pairs += [world.pair(close_both), world.pair(close_both)]
    for _, other in pairs:
        other.send(b"x")
    await until(lambda: bool(told))
    await pause(0.05)
    assert told == [1]
    assert len(world.poller) == 0
    for _, other in pairs:
        with pytest.raises(ConnectionResetError):  # it was closed with unread data
            other.recv(10)
        other.close()


@pytest_twisted.ensureDeferred
async def test_soon_is_after_the_batch_and_once(world: World) -> None:
    """What `soon` asks for from within itself waits for another turn."""
    called: list[str] = []

    def first() -> None:
        called.append("first")
        world.poller.soon(lambda: called.append("second"))
        assert called == ["first"]

    world.poller.soon(first)
    assert called == []
    await until(lambda: called == ["first", "second"])

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


class Entry:
    """Is told by a function."""

    def __init__(self, told: Callable[[int], None], broken: list[Entry]) -> None:
        self.told = told
        self._broken = broken

    def broke(self) -> None:
        """It raised."""
        self._broken.append(self)


class World:
    """A poller on the real reactor, and pairs of sockets."""

    def __init__(self) -> None:
        self.poller = Poller(reactor, time.monotonic)  # type: ignore[arg-type]
        self.events: dict[int, int] = {}
        self.broken: list[Entry] = []

    def pair(
        self, told: Callable[[int], None] | None = None, *, room: bool = False
    ) -> tuple[socket.socket, socket.socket]:
        """Two connected sockets; the poller knows the first."""
        mine, other = socket.socketpair()
        mine.setblocking(False)
        number = mine.fileno()

        def note(events: int) -> None:
            self.events[number] = self.events.get(number, 0) | events

        self.poller.add(number, Entry(told or note, self.broken), room=room)
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
    other.send(b"x")
    await until(lambda: bool(world.seen(mine) & READABLE))
    assert not world.seen(mine) & ENDING
    other.shutdown(socket.SHUT_WR)
    await until(lambda: bool(world.seen(mine) & ENDING))
    mine.close()
    other.close()


@pytest_twisted.ensureDeferred
async def test_room_is_told_where_it_is_asked_for(world: World) -> None:
    """From the beginning, or later on; a socket that has room says so at once."""
    quiet, quiet_other = world.pair()
    eager, eager_other = world.pair(room=True)
    await until(lambda: bool(world.seen(eager) & WRITABLE))
    assert not world.seen(quiet) & WRITABLE
    world.poller.tell_room(quiet.fileno())
    await until(lambda: bool(world.seen(quiet) & WRITABLE))
    assert not world.seen(quiet) & READABLE
    for sock in (quiet, quiet_other, eager, eager_other):
        sock.close()


@pytest_twisted.ensureDeferred
async def test_a_backlog_is_told_as_long_as_somebody_waits(world: World) -> None:
    """In each turn, and not after it is removed."""
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as client:
        times: list[int] = []
        world.poller.add_listening(listening.fileno(), Entry(times.append, world.broken))
        client.connect(listening.getsockname())
        await until(lambda: len(times) > 2)
        world.poller.remove(listening.fileno())
        seen = len(times)
        await pause(0.02)
        assert len(times) == seen


@pytest_twisted.ensureDeferred
async def test_the_reactor_gets_its_turn(world: World) -> None:
    """Also where one descriptor always has something to tell."""
    turns: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as client:
        world.poller.add_listening(listening.fileno(), Entry(turns.append, world.broken))
        client.connect(listening.getsockname())
        await pause(0.05)
        world.poller.remove(listening.fileno())
    assert turns


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
    assert len(world.broken) == 1
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


def broken(*_events: int) -> None:
    """A defect."""
    raise ZeroDivisionError


@pytest.mark.parametrize("in_a_batch", [True, False])
@pytest_twisted.ensureDeferred
async def test_a_defect_in_what_is_done_soon(world: World, in_a_batch: bool) -> None:  # noqa: FBT001 - a table's column
    """It ends whose it is; the rest is done, and the reactor goes on calling."""
    called: list[str] = []
    entry = Entry(broken, world.broken)

    def two(_events: int = 0) -> None:
        world.poller.soon(broken, entry)
        world.poller.soon(lambda: called.append("the rest"))

    first, first_other = world.pair(two)
    if in_a_batch:
        first_other.send(b"x")
    else:
        two()
    await until(lambda: called == ["the rest"])
    assert world.broken == [entry]
    second, second_other = world.pair(lambda _events: called.append("another"))
    second_other.send(b"x")
    await until(lambda: called == ["the rest", "another"])
    for sock in (first, first_other, second, second_other):
        sock.close()


@pytest_twisted.ensureDeferred
async def test_one_that_cannot_even_be_ended(world: World) -> None:
    """Whoever is told of a defect may have one itself: the reactor goes on calling."""
    entry = Entry(broken, world.broken)
    entry.broke = broken  # type: ignore[method-assign]
    bad, bad_other = socket.socketpair()
    world.poller.add(bad.fileno(), entry)
    good, good_other = world.pair()
    bad_other.send(b"x")
    good_other.send(b"x")
    await until(lambda: bool(world.seen(good) & READABLE))
    assert len(world.poller) == 1, "it is told of nothing more"
    for sock in (bad, bad_other, good, good_other):
        sock.close()

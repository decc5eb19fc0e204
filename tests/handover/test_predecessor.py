"""A hand-over from the successor's side."""

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING, cast

import pytest

from pumpproxy.handover.predecessor import Predecessor
from tests.handover.fakes import FakeReactor
from tests.logs import logged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pumpproxy.interfaces import Reactor


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Give them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGQUIT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class World:
    """A process that was started by another, `other`; or by nobody."""

    def __init__(self, *, alone: bool = False) -> None:
        self.reactor = FakeReactor()
        self.other, its = socket.socketpair()
        self.other.settimeout(10)
        self.predecessor = Predecessor(cast("Reactor", self.reactor), None if alone else its.detach())
        self.mains = 0
        self.predecessor.main = self._main

    def _main(self) -> None:
        self.mains += 1


@pytest.fixture
def world() -> Iterator[World]:
    """One."""
    made = World()
    yield made
    made.predecessor._leave()
    made.other.close()


def test_it_serves_when_the_reactor_runs_and_is_the_main_one_when_told(world: World) -> None:
    """What it has no use for is told by its place among what it was handed."""
    world.predecessor.serve([4, 9])
    world.other.setblocking(False)
    with pytest.raises(BlockingIOError):
        world.other.recv(100)
    world.reactor.run()
    assert world.other.recv(100) == f"serving {os.getpid()} 1 6\n".encode()
    assert world.mains == 0
    world.other.sendall(b"main\n")
    with logged() as lines:
        world.reactor.turn()
    assert (world.mains, world.reactor.reads) == (1, set())
    assert lines == [f"info: hand-over: process {os.getpid()} is the main one now"]


def test_without_a_predecessor_it_is_the_main_one_at_once() -> None:
    """As soon as the reactor runs; there is nobody to hear of a fault."""
    world = World(alone=True)
    world.predecessor.fault("nothing")
    world.predecessor.serve([])
    assert world.mains == 0
    world.reactor.run()
    assert world.mains == 1


def test_a_predecessor_that_dies_leaves_the_service_to_it(world: World) -> None:
    """Nobody else is left to serve."""
    world.predecessor.serve([])
    world.reactor.run()
    world.other.close()
    world.reactor.turn()
    assert (world.mains, world.reactor.stopped) == (1, 0)


@pytest.mark.parametrize("late", [True, False])
def test_who_is_given_up_ends(world: World, late: bool) -> None:  # noqa: FBT001 - a table's column
    """Also where it hears of it only when it serves at last."""
    if late:
        world.other.sendall(b"over\n")
        world.other.close()
    world.predecessor.serve([])
    world.reactor.run()
    if not late:
        assert world.reactor.stopped == 0
        world.other.sendall(b"over\n")
        world.reactor.turn()
    assert (world.mains, world.reactor.stopped) == (0, 1)


def test_why_it_will_not_serve(world: World) -> None:
    """Is said before."""
    world.predecessor.fault("proxy.ini:3: no such key")
    assert world.other.recv(100) == b"fault proxy.ini:3: no such key\n"


def test_other_words_change_nothing(world: World) -> None:
    """An older predecessor does not know them, a newer one may have more."""
    world.predecessor.serve([])
    world.reactor.run()
    world.other.sendall(b"hurray\n")
    world.reactor.turn()
    assert (world.mains, world.reactor.stopped) == (0, 0)


def test_the_terminal_is_heeded(world: World) -> None:
    """A shell started it in the background, with SIGINT ignored; who was not started so is let be."""
    assert world.predecessor is not None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGQUIT) is signal.SIG_DFL
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    World(alone=True)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN

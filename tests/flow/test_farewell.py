"""The end of all connections: with a grace, without, and with another than before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.testing import MemoryReactorClock

from pumpproxy.flow.farewell import FAREWELL, Farewell
from tests.fakes import environment, tls_config
from tests.flow.peers import Unasked
from tests.logs import logged

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


class Guest(Unasked):
    """A connection that notes what it is asked."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.asked: list[str] = []
        world.environment.opened(self, world.frontend)

    def finish_up(self) -> None:
        """Noted."""
        self.asked.append("finish up")

    def shut_down(self) -> None:
        """Noted; it takes its time."""
        self.asked.append("shut down")

    def leave(self) -> None:
        """Its end."""
        self._world.environment.closed(self, self._world.frontend)


class World:
    """A farewell, what came of it, and how often it was time to hurry."""

    def __init__(self) -> None:
        self.reactor = MemoryReactorClock()
        self.environment, _ = environment(tls_config(1), self.reactor)
        self.frontend = self.environment.runtime.frontends["f"]
        self.hurries = 0
        self.farewell = Farewell(self.environment, self._hurry)

    def _hurry(self) -> None:
        self.hurries += 1

    def begin(self, grace: float) -> list[None]:
        """What has come of it, as it comes."""
        ended: Deferred[None] = self.farewell.begin(grace)
        came: list[None] = []
        ended.addCallback(came.append)
        return came


def test_with_nobody_it_is_over_at_once() -> None:
    """And may be again."""
    world = World()
    for _ in range(2):
        assert world.begin(10.0) == [None]
    assert world.environment.idle is None
    assert world.environment.kept.most == 0
    assert world.reactor.getDelayedCalls() == []


def test_whoever_finishes_in_time_is_not_ended() -> None:
    """The last of them ends it."""
    world = World()
    guests = [Guest(world), Guest(world)]
    with logged() as lines:
        came = world.begin(10.0)
    assert lines == ["info: waiting for 2 connections, 10.0 seconds at most"]
    world.reactor.advance(9.9)
    guests[0].leave()
    assert came == []
    guests[1].leave()
    assert came == [None]
    assert [guest.asked for guest in guests] == [["finish up"]] * 2
    assert (world.hurries, world.reactor.getDelayedCalls()) == (1, [])


def test_what_is_left_is_ended() -> None:
    """It has a moment to be gone, and is not waited for any longer."""
    world = World()
    quick, slow = Guest(world), Guest(world)
    came = world.begin(10.0)
    world.reactor.advance(10.0)
    assert [guest.asked for guest in (quick, slow)] == [["finish up", "shut down"]] * 2
    assert (world.hurries, came) == (1, [])
    quick.leave()
    world.reactor.advance(FAREWELL)
    assert came == [None]
    slow.leave()
    assert came == [None]


def test_without_grace_nobody_is_asked_to_finish() -> None:
    """It ends in the reactor's next turn."""
    world = World()
    guest = Guest(world)
    came = world.begin(0.0)
    assert guest.asked == []
    world.reactor.advance(0)
    assert guest.asked == ["shut down"]
    guest.leave()
    assert came == [None]


def test_another_grace_takes_the_place_of_the_first() -> None:
    """Whoever waited for the first hears nothing more."""
    world = World()
    guest = Guest(world)
    first = world.begin(3600.0)
    second = world.begin(5.0)
    world.reactor.advance(5.0)
    assert guest.asked == ["finish up", "finish up", "shut down"]
    guest.leave()
    assert (first, second) == ([], [None])
    assert world.reactor.getDelayedCalls() == []


def test_it_may_be_cut_short() -> None:
    """While it lasts; before and after there is nothing to cut."""
    world = World()
    world.farewell.cut()
    guest = Guest(world)
    came = world.begin(10.0)
    world.farewell.cut()
    world.farewell.cut()
    assert guest.asked == ["finish up", "shut down", "shut down"]
    guest.leave()
    world.farewell.cut()
    assert came == [None]
    assert world.reactor.getDelayedCalls() == []

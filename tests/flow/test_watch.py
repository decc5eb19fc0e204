"""When an exchange is looked at again."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from twisted.internet.task import Clock

from pumpproxy.flow.idle import TICK, Sweep
from pumpproxy.flow.watch import Watch
from pumpproxy.policy.transaction import Side

if TYPE_CHECKING:
    from pumpproxy.policy.exchange import Exchange


class Looked:
    """A watch over an exchange that is nothing but a deadline, and what it asked and told."""

    def __init__(self, deadline: float | None) -> None:
        self.clock = Clock()
        self.sweep = Sweep(self.clock, self.clock.seconds)
        self.due = deadline
        self.slow: Side | None = None
        self.taken: int | None = None
        self.renewed = 0
        self.progress: list[float] = []
        self.passed: list[float] = []
        self.watch = Watch(self.sweep, cast("Exchange", self), lambda _side: self.taken, self._renew, self._passed)
        self.watch.look()

    def deadline(self) -> float | None:
        """As the exchange's."""
        return self.due

    def progressed(self, now: float) -> None:
        """As the exchange's: the time begins anew."""
        self.progress.append(now)
        self.due = now + 10

    def _renew(self) -> None:
        self.renewed += 1

    def _passed(self) -> None:
        self.passed.append(self.clock.seconds())
        self.due = None

    def run(self, seconds: float) -> None:
        """Time passes."""
        for _ in range(round(seconds / TICK)):
            self.clock.advance(TICK)


def test_a_deadline_is_told_once() -> None:
    """No earlier, and at most a tick later."""
    looked = Looked(3.0)
    looked.run(2.9)
    assert not looked.passed
    looked.run(0.3)
    assert len(looked.passed) == 1
    looked.run(10)
    assert len(looked.passed) == 1
    assert len(looked.sweep) == 0


def test_a_later_deadline_costs_nothing() -> None:
    """It is found when the sweep comes by; and then a nearer one is not missed."""
    looked = Looked(3.0)
    looked.due = 50.0
    looked.watch.look()
    looked.run(4)
    assert not looked.passed
    looked.due = 6.0
    looked.watch.look()
    looked.run(2.3)
    assert len(looked.passed) == 1


def test_without_a_deadline_nobody_looks() -> None:
    """Until there is one again."""
    looked = Looked(None)
    assert len(looked.sweep) == 0
    looked.due = 1.0
    looked.watch.look()
    looked.due = None
    looked.run(2)
    assert len(looked.sweep) == 0
    looked.due = 3.0
    looked.watch.look()
    looked.run(1.3)
    assert len(looked.passed) == 1


def test_whoever_takes_something_has_time() -> None:
    """Until the kernel says that it took nothing since."""
    looked = Looked(1.0)
    looked.slow, looked.taken = Side.CLIENT, 100
    looked.watch.stalls(Side.CLIENT)
    looked.taken = 101
    looked.run(1.2)
    assert len(looked.progress) == 1
    looked.run(10.2)
    assert len(looked.progress) == 1
    assert len(looked.passed) == 1


def test_nobody_knows_what_a_unix_socket_took() -> None:
    """Then the deadline counts alone; and so it does where nobody is slow."""
    looked = Looked(1.0)
    looked.slow = Side.SERVER
    looked.run(1.2)
    assert len(looked.passed) == 1
    looked = Looked(1.0)
    looked.taken = 7
    looked.run(1.2)
    assert len(looked.passed) == 1


def test_forgotten_is_forgotten() -> None:
    """Nothing is told any more."""
    looked = Looked(1.0)
    looked.watch.forget()
    looked.run(3)
    assert not looked.passed


def test_what_is_told_late_may_bring_the_deadline_nearer() -> None:
    """It is told once, when the sweep looks, also where the watch is looked at again meanwhile."""
    looked = Looked(5.0)
    asked = 0

    def renew() -> None:
        nonlocal asked
        asked += 1
        looked.due = 3.0
        looked.watch.look()

    looked.watch._renew = renew
    for _ in range(29):
        looked.clock.advance(TICK)
    assert asked >= 1
    assert looked.passed == []
    for _ in range(4):
        looked.clock.advance(TICK)
    assert len(looked.passed) >= 1
    assert asked < 10

"""One timer for all connections."""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from twisted.internet.task import Clock

from pumpproxy.flow.idle import NOWHERE, TICK, Sweep

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(eq=False)
class Entry:
    """Something with a deadline, that keeps when it was told of it."""

    at: float | None = None
    told: list[float] = field(default_factory=list)
    tick: int = NOWHERE
    then: Callable[[float], None] = lambda _now: None

    def deadline(self) -> float | None:
        """For the sweep."""
        return self.at

    def expired(self, now: float) -> None:
        """For the sweep."""
        self.told.append(now)
        self.then(now)


def started(seconds: float = 1000.0) -> tuple[Clock, Sweep]:
    """A sweep on a clock that shows so much."""
    clock = Clock()
    clock.advance(seconds)
    return clock, Sweep(clock, clock.seconds)


def test_several_come_at_once() -> None:
    """As if each had come alone; one that is forgotten at once is not told."""
    clock, sweep = started()
    several = [Entry(1002.0), Entry(1003.0), Entry(1002.0)]
    sweep.watch_new(several)
    sweep.forget(several[2])
    assert len(sweep) == 2
    sweep.watch_new([])
    clock.pump([TICK] * 40)
    assert [len(entry.told) for entry in several] == [1, 1, 0]
    assert len(sweep) == 0


def test_a_deadline_is_told_once() -> None:
    """Not before it, and a tick after it at most; then the entry is not watched any more."""
    clock, sweep = started()
    entry = Entry(1002.0)
    sweep.watch(entry)
    clock.advance(1.99)
    assert entry.told == []
    assert len(sweep) == 1
    clock.advance(TICK)
    assert len(entry.told) == 1
    assert len(sweep) == 0
    clock.advance(100)
    assert len(entry.told) == 1


def test_an_entry_without_a_deadline_is_not_watched() -> None:
    """Also one that lost its own."""
    clock, sweep = started()
    entry = Entry(None)
    sweep.watch(entry)
    assert len(sweep) == 0
    entry.at = 1001.0
    sweep.watch(entry)
    entry.at = None
    clock.advance(2)
    assert entry.told == []
    assert len(sweep) == 0
    entry.at = 1005.0
    sweep.watch(entry)
    entry.at = None
    sweep.watch(entry)
    assert len(sweep) == 0


def test_a_deadline_that_went_away_later_costs_nothing_to_tell() -> None:
    """The entry says nothing, and is looked at when its old time comes."""
    clock, sweep = started()
    entry = Entry(1001.0)
    sweep.watch(entry)
    for second in range(1, 6):
        entry.at = 1001.0 + second
        clock.advance(1)
        assert entry.told == []
    clock.advance(1 + TICK)
    assert len(entry.told) == 1


def test_a_nearer_deadline_is_told_by_watching_again() -> None:
    """And then holds."""
    clock, sweep = started()
    entry = Entry(1060.0)
    sweep.watch(entry)
    entry.at = 1001.0
    sweep.watch(entry)
    assert len(sweep) == 1
    clock.advance(1 + TICK)
    assert len(entry.told) == 1
    clock.advance(100)
    assert len(entry.told) == 1


def test_a_deadline_in_the_past_is_told_soon() -> None:
    """Within a tick, as any other; not from within `watch`."""
    clock, sweep = started()
    entry = Entry(900.0)
    sweep.watch(entry)
    assert entry.told == []
    clock.advance(TICK)
    assert entry.told == [1000.0 + TICK]


def test_who_is_forgotten_is_not_told() -> None:
    """Forgetting twice, or whoever was never watched, is fine."""
    clock, sweep = started()
    one, other = Entry(1001.0), Entry(1001.0)
    sweep.watch(one)
    sweep.watch(other)
    sweep.forget(one)
    sweep.forget(one)
    sweep.forget(Entry(1.0))
    clock.advance(2)
    assert (len(one.told), len(other.told)) == (0, 1)


def test_an_entry_may_be_watched_again_from_within() -> None:
    """As a listener or a linger that has a second deadline."""
    clock, sweep = started()
    entry = Entry(1001.0)

    def again(now: float) -> None:
        entry.at = now + 1
        sweep.watch(entry)

    entry.then = again
    sweep.watch(entry)
    for _ in range(40):
        clock.advance(TICK)
    assert len(entry.told) == 4 - 1
    assert len(sweep) == 1


def test_an_entry_may_forget_another_that_is_due_too() -> None:
    """Who is gone by then is left alone."""
    clock, sweep = started()
    one, other = Entry(1001.0), Entry(1001.0)

    def end_both(_now: float) -> None:
        sweep.forget(one)
        sweep.forget(other)

    one.then = other.then = end_both
    sweep.watch(one)
    sweep.watch(other)
    clock.advance(2)
    assert len(one.told + other.told) == 1


def test_a_later_deadline_from_within_does_not_hide_a_nearer_one() -> None:
    """One that is moved on to next hour must not put off everybody else until then."""
    clock, sweep = started()
    moved, near = Entry(1001.0), Entry(1003.0)
    sweep.watch(moved)
    sweep.watch(near)
    moved.at = 1000.0 + 3600.0
    clock.advance(2)
    clock.advance(2)
    assert (moved.told, len(near.told)) == ([], 1)


def test_a_defect_of_one_entry_does_not_stop_the_others() -> None:
    """Its exception is the reactor's to log; everybody else is still looked at."""
    clock, sweep = started()
    entries = [Entry(1001.0) for _ in range(5)]
    later = Entry(1002.0)

    def fail(_now: float) -> None:
        for entry in entries:
            entry.then = lambda _now: None
        raise ZeroDivisionError

    for entry in entries:
        entry.then = fail
        sweep.watch(entry)
    sweep.watch(later)
    with pytest.raises(ZeroDivisionError):
        clock.advance(1 + TICK)
    clock.advance(TICK)
    assert [len(entry.told) for entry in entries] == [1] * 5
    clock.advance(1)
    assert len(later.told) == 1
    assert len(sweep) == 0


def test_the_sweep_has_one_delayed_call() -> None:
    """Whatever is watched and forgotten; none for nobody."""
    clock, sweep = started()
    assert clock.getDelayedCalls() == []
    entries = [Entry(1000.0 + number / 7) for number in range(500)]
    for entry in reversed(entries):
        sweep.watch(entry)
        assert len(clock.getDelayedCalls()) == 1
    clock.advance(30)
    assert len(clock.getDelayedCalls()) == 1
    for entry in entries:
        sweep.forget(entry)
    clock.advance(100)
    assert clock.getDelayedCalls() == []


def test_connections_that_come_and_go_leave_nothing() -> None:
    """A hundred thousand of them, one after the other: whoever is over is let go at once."""
    clock, sweep = started()
    for _ in range(100_000):
        entry = Entry(1060.0)
        sweep.watch(entry)
        sweep.forget(entry)
        assert sweep._new == {}
    assert len(sweep) == 0
    clock.advance(TICK)
    assert sweep._ticks == []
    assert sweep._buckets == {}


def test_many_that_stay_are_kept() -> None:
    """Those among a flood that are not over are all looked at."""
    clock, sweep = started()
    stay = [Entry(1060.0) for _ in range(10_000)]
    for entry in stay:
        sweep.watch(entry)
        passing = Entry(1060.0)
        sweep.watch(passing)
        sweep.forget(passing)
    assert len(sweep) == len(stay)
    clock.advance(60 + TICK)
    assert {len(entry.told) for entry in stay} == {1}


def test_who_is_over_is_let_go() -> None:
    """Forgotten, moved or told: the sweep holds nothing of it until its old time, but for a tick."""
    clock, sweep = started()
    for happens in ("forgotten", "moved and told"):
        entry = Entry(clock.seconds() + 3600.0)
        sweep.watch(entry)
        if happens == "forgotten":
            sweep.forget(entry)
        else:
            entry.at = clock.seconds() + 1.0
            sweep.watch(entry)
            clock.advance(2)
            assert len(entry.told) == 1
        # One that came since the last tick is let go at the next.
        clock.advance(TICK)
        left = weakref.ref(entry)
        del entry
        assert left() is None, happens


def test_only_what_is_due_is_looked_at() -> None:
    """A tick costs what lies in its bucket, however many wait behind it."""
    clock, sweep = started()
    looks: list[int] = []

    class Counting(Entry):
        def deadline(self) -> float | None:
            """Count."""
            looks.append(1)
            return self.at

    for later in range(100):
        sweep.watch(Counting(1060.0 + later))
    near = Entry(1001.0)
    sweep.watch(near)
    clock.advance(TICK)  # who came new is looked at
    looks.clear()
    clock.advance(2)
    assert (len(near.told), looks) == (1, [])


@given(st.floats(1e-3, 1e7), st.floats(0, 1e4))
def test_any_deadline_is_told_in_time_on_any_clock(start: float, delay: float) -> None:
    """Whatever rounding does: not before it, a tick too late at most."""
    clock, sweep = started(start)
    entry = Entry(start + delay)
    sweep.watch(entry)
    clock.advance(delay + TICK + 1e-6)
    assert len(entry.told) == 1
    assert entry.told[0] >= start + delay


@given(st.integers(0, 10**8), st.integers(-2, 2))
def test_deadlines_beside_a_tick_are_told(tick: int, steps: int) -> None:
    """The neighbours of a multiple of the tick, where rounding goes either way."""
    deadline = tick * TICK
    for _ in range(abs(steps)):
        deadline = math.nextafter(deadline, math.inf if steps > 0 else 0.0)
    clock, sweep = started(max(0.0, deadline - 1.0))
    entry = Entry(deadline)
    sweep.watch(entry)
    for _ in range(12):
        clock.advance(TICK)
    assert len(entry.told) == 1
    assert entry.told[0] >= deadline


class Sweeps(RuleBasedStateMachine):
    """The sweep beside a dictionary of deadlines that is searched from end to end."""

    ENTRIES = 5

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.sweep = started(50.0)
        self.entries = [Entry() for _ in range(self.ENTRIES)]
        self.watched: set[int] = set()
        self.told = [0] * self.ENTRIES

    @rule(index=st.integers(0, ENTRIES - 1), delay=st.sampled_from([0.0, 0.05, 0.1, 0.3, 1.0, 7.0, 60.0, 3600.0]))
    def watch(self, index: int, delay: float) -> None:
        """A deadline that may be nearer or later than before, said aloud."""
        self.entries[index].at = self.clock.seconds() + delay
        self.sweep.watch(self.entries[index])
        self.watched.add(index)

    @rule(index=st.integers(0, ENTRIES - 1), delay=st.sampled_from([0.01, 0.5, 60.0]))
    def is_active(self, index: int, delay: float) -> None:
        """A later deadline, which nobody is told."""
        at = self.entries[index].at
        if at is not None:
            self.entries[index].at = max(at, self.clock.seconds() + delay)

    @rule(index=st.integers(0, ENTRIES - 1))
    def forget(self, index: int) -> None:
        """It is over."""
        self.sweep.forget(self.entries[index])
        self.watched.discard(index)

    @rule(seconds=st.sampled_from([0.0, 0.03, 0.1, 0.9, 5.0, 61.0, 4000.0]))
    def time_passes(self, seconds: float) -> None:
        """And the reactor with it."""
        self.clock.advance(seconds)

    @invariant()
    def nobody_is_late_and_nobody_early(self) -> None:
        """Every watched entry whose deadline is a tick ago was told, and none whose deadline is to come."""
        now = self.clock.seconds()
        for index, entry in enumerate(self.entries):
            if len(entry.told) > self.told[index]:
                self.told[index] += 1
                assert index in self.watched
                assert entry.at is not None
                assert entry.at <= entry.told[-1]
                self.watched.discard(index)
            assert len(entry.told) == self.told[index]
            if index in self.watched:
                assert entry.at is not None
                assert entry.at > now - TICK - 1e-6
        assert len(self.sweep) == len(self.watched)
        assert len(self.clock.getDelayedCalls()) <= 1


TestSweeps = Sweeps.TestCase
TestSweeps.settings = settings(max_examples=60, stateful_step_count=40)

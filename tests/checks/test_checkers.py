"""Who is checked, after the start and each reload."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pumpproxy.checks.checkers import Checkers
from pumpproxy.model import Check, CheckKind, Server, TcpAddress
from tests.checks.checkworld import CHECK, FAILED, PASSED, World, declared
from tests.logs import logged


def following(world: World) -> Checkers:
    """Checkers that have followed once."""
    checkers = Checkers(world.around)
    checkers.follow(world.runtime)
    world.clock.advance(0)
    return checkers


def names(world: World) -> list[str]:
    """Whose checks began, in order."""
    return [probe.server.name for probe in world.probes]


def test_who_is_checked() -> None:
    """Those that want it; not who is disabled, but who is drained and who stands by."""
    world = World(
        declared("plain", None), declared("off", disabled=True), declared("drained", drain=True),
        declared("spare", backup=True), declared("light", weight=0),
    )  # fmt: skip
    following(world)
    world.pass_by(1)
    assert names(world) == ["drained", "spare", "light"]


def test_a_few_begin_soon() -> None:
    """One at once, the others right behind it."""
    world = World(*(declared(f"s{number}") for number in range(3)))
    following(world)
    world.pass_by(0.2)
    assert world.times() == [pytest.approx(moment, abs=0.02) for moment in (0.0, 0.05, 0.1)]


def test_many_are_spread() -> None:
    """Over `inter`, so that they do not come together then or later."""
    world = World(*(declared(f"s{number}") for number in range(100)))
    following(world)
    world.pass_by(2.01)
    first = [world.times(name=f"s{number}")[0] for number in range(100)]
    assert first == sorted(first)
    assert first[-1] > 1.9
    assert all(sum(at <= other < at + 0.1 for other in first) <= 7 for at in first)


def test_a_long_interval_is_not_waited_for() -> None:
    """All of them are known after some seconds."""
    slow = replace(CHECK, inter=600.0)
    world = World(*(declared(f"s{number}", slow) for number in range(500)))
    following(world)
    world.pass_by(5.1)
    assert len(world.probes) == 500


def test_who_stays_notices_nothing() -> None:
    """A check under way goes on, and so do the rows; following twice changes nothing either."""
    world = World(declared("s"), declared("gone"))
    world.answers["s"] = None
    checkers = following(world)
    world.reload(declared("s", weight=7), declared("new"), timeout_connect=9.0)
    checkers.follow(world.runtime)
    checkers.follow(world.runtime)
    assert not world.probes[0].cancelled
    world.pass_by(0.3)
    assert names(world) == ["s", "new"]
    world.probes[0].told(FAILED)
    assert not world.server().up


def test_who_goes_is_left_alone() -> None:
    """By name, by another address, or because it is disabled now."""
    world = World(declared("s"), declared("t"), declared("u"))
    world.answers = dict.fromkeys("stu")
    checkers = following(world)
    world.pass_by(0.2)
    before = [world.server(name) for name in "stu"]
    assert [server.suspected is not None for server in before] == [True] * 3
    moved = replace(declared("t"), address=TcpAddress("192.0.2.2", 80))
    world.reload(moved, declared("u", disabled=True))
    checkers.follow(world.runtime)
    assert [probe.cancelled for probe in world.probes] == [True] * 3
    assert [server.suspected for server in before] == [None] * 3
    world.answers = {}
    world.pass_by(0.1)
    assert names(world)[3:] == ["t"]


def test_a_state_outlives_a_reload() -> None:
    """One that is DOWN stays so; also where its check is another now, which then needs its row."""
    world = World(declared("s"))
    world.answers["s"] = FAILED
    checkers = following(world)
    assert not world.server().up
    world.reload(declared("s", weight=3))
    checkers.follow(world.runtime)
    assert not world.server().up
    world.answers["s"] = PASSED
    other = replace(CHECK, kind=CheckKind.HTTP)
    world.reload(declared("s", other))
    checkers.follow(world.runtime)
    world.pass_by(0.1)
    assert not world.server().up
    world.pass_by(0.3)
    assert world.server().up


def test_one_that_was_not_looked_at_yet_is_still_unknown() -> None:
    """Another check before the first has ended: the first decides alone, whichever it is."""
    world = World(declared("s"))
    world.answers["s"] = None
    checkers = following(world)
    world.answers["s"] = FAILED
    world.reload(declared("s", Check(CheckKind.HTTP)))
    checkers.follow(world.runtime)
    world.pass_by(0.1)
    assert not world.server().up


def test_who_is_checked_no_more_is_up() -> None:
    """Nobody would find out otherwise. Who is disabled stays as it was found, and is looked at when it is back."""
    world = World(declared("s"), declared("t"))
    world.answers = dict.fromkeys("st", FAILED)
    checkers = following(world)
    world.pass_by(0.1)
    with logged() as lines:
        world.reload(declared("s", None), declared("t", disabled=True))
        checkers.follow(world.runtime)
    assert lines == ["info: b/s is UP: it is checked no more"]
    assert (world.server("s").up, world.server("t").up) == (True, False)
    world.answers = {}
    world.reload(declared("s", None), declared("t"))
    checkers.follow(world.runtime)
    world.pass_by(0.1)
    assert world.server("t").up


def test_the_end() -> None:
    """Nothing is under way any more, and nothing comes."""
    world = World(declared("s"), declared("t"))
    world.answers["s"] = None
    checkers = following(world)
    checkers.stop()
    assert world.probes[0].cancelled
    assert world.clock.getDelayedCalls() == []
    checkers.stop()


def test_nobody_to_check() -> None:
    """Most files have no checks."""
    world = World(Server("s", declared("s").address))
    following(world)
    assert world.clock.getDelayedCalls() == []


def test_some_pools_may_be_kept() -> None:
    """The others' servers stay as they are, and are looked at no more."""
    world = World(declared("s"))
    checkers = following(world)
    checkers.keep(lambda pool: pool is world.pool)
    assert world.pass_by(5.0) != []
    world.answers["s"] = None
    world.pass_by(5.0)
    checkers.keep(lambda _: False)
    assert world.probes[-1].cancelled
    assert world.pass_by(5.0) == []
    assert world.server().up

"""When one server is checked, what follows from it, and what the log is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pumpproxy.checks.checker import Checker
from pumpproxy.policy.certificates import DAY, Certificate
from pumpproxy.policy.health import Answer, CheckStatus, Result
from tests.checks.checkworld import CHECK, FAILED, OURS, PASSED, STEP, WALL, World, declared
from tests.logs import logged

if TYPE_CHECKING:
    from pumpproxy.policy.serverstate import ServerState


def checked(world: World, *, delay: float = 0.0, fresh: bool = True) -> Checker:
    """The checker of the server `s`, started."""
    checker = Checker(world.around, world.pool, world.server(), CHECK, fresh=fresh)
    checker.start(delay)
    world.clock.advance(0)
    return checker


def at(times: list[float], *expected: float) -> bool:
    """Whether they are these, to a hundredth or two."""
    return times == [pytest.approx(moment, abs=0.03) for moment in expected]


def test_one_that_is_up() -> None:
    """It is looked at after the delay, and then every `inter`."""
    world = World(declared("s"))
    checked(world, delay=0.5)
    assert at(world.pass_by(7), 0.5, 2.5, 4.5, 6.5)
    assert world.server().up


def test_the_pause_is_from_the_end_of_a_check() -> None:
    """A slow answer is not followed by the next question at once."""
    world = World(declared("s"))
    world.answers["s"] = None
    checked(world)
    assert world.pass_by(5) == []
    world.probes[0].told(PASSED)
    assert at(world.pass_by(3), 7)


def test_one_that_fails() -> None:
    """Three failures in a row, fast, and it is DOWN: told to the pool, and to whoever minds its connections."""
    world = World(declared("s"), declared("other", None))
    with logged() as lines:
        checked(world)
        world.answers["s"] = FAILED
        assert at(world.pass_by(2.6), 2.0, 2.25, 2.5)
    assert not world.server().up
    assert world.gone == ["s"]
    assert lines == ["error: b/s is DOWN: L4CON, refused, after 0 ms; 1 server left"]


def test_one_that_comes_back() -> None:
    """It is looked at every `downinter`; two passes, the second soon after the first, and it is UP."""
    world = World(declared("s"), declared("other", None))
    world.answers["s"] = FAILED
    checked(world)
    assert at(world.pass_by(7.9), 4.0)
    world.answers["s"] = PASSED
    with logged() as lines:
        assert at(world.pass_by(1), 8.0, 8.25)
    assert world.server().up
    assert lines == ["info: b/s is UP: L4OK, connected, after 0 ms; 2 servers online"]


def test_the_last_one_is_an_error() -> None:
    """Nobody is left in its backend. Backups are counted apart, and are somebody."""
    world = World(declared("s"), declared("off", None, disabled=True))
    world.answers["s"] = FAILED
    with logged() as lines:
        checked(world)
    assert lines == ["critical: b/s is DOWN: L4CON, refused, after 0 ms; no server left"]
    spare = World(declared("s"), declared("spare", None, backup=True))
    spare.answers["s"] = FAILED
    with logged() as lines:
        checked(spare)
    assert lines == ["error: b/s is DOWN: L4CON, refused, after 0 ms; 1 backup left"]


def test_no_line_a_check() -> None:
    """Only what changes is told."""
    world = World(declared("s"))
    with logged() as lines:
        checked(world)
        world.pass_by(20)
        world.answers["s"] = OURS
        world.pass_by(20)
    assert lines == []


def test_a_failure_of_ours_changes_nothing() -> None:
    """However long it lasts."""
    world = World(declared("s"))
    world.answers["s"] = OURS
    checked(world)
    assert len(world.pass_by(20)) == 10
    assert world.server().up
    assert world.gone == []


def test_somebody_waits() -> None:
    """One that is DOWN is looked at fast then; and as before when nobody waits any more."""
    world = World(declared("s"))
    world.answers["s"] = FAILED
    checked(world)
    assert world.pass_by(1) == []
    world.pool.waiting = 1
    assert at(world.pass_by(1), 1.25, 1.5, 1.75, 2.0)
    world.pool.waiting = 0
    assert world.pass_by(3) == []


def test_each_pass_is_told_to_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits there tries again; a failure is not."""
    passed: list[tuple[float, bool]] = []

    def told(_pool: object, server: ServerState) -> None:
        passed.append((round(world.clock.seconds(), 2), server.up))

    world = World(declared("s"))
    monkeypatch.setattr(type(world.pool), "passed", told)
    world.answers["s"] = FAILED
    checked(world)
    world.answers["s"] = PASSED
    world.pass_by(4.5)
    assert [up for _, up in passed] == [False, True]


def test_one_that_is_suspected() -> None:
    """A client's connection failed: it is looked at now, and not in two seconds; and then fast, if it is true."""
    world = World(declared("s"), declared("other", None))
    checked(world)
    world.pass_by(1)
    world.answers["s"] = FAILED
    suspected = world.server().suspected
    assert suspected is not None
    suspected()
    assert at(world.pass_by(1), 1.0, 1.25, 1.5)
    assert not world.server().up


def test_suspicions_do_not_add_up() -> None:
    """However many clients fail, it is looked at every `fastinter` at most, and not twice at a time."""
    world = World(declared("s"))
    checker = checked(world)
    for _ in range(120):
        checker.suspected()
        world.clock.advance(STEP)
    assert at(world.times(), 0.0, 0.25, 0.5, 0.75)
    world.answers["s"] = None
    for _ in range(120):
        checker.suspected()
        world.clock.advance(STEP)
    assert len(world.probes) == 5
    world.probes[-1].told(PASSED)
    world.answers = {}
    assert at(world.pass_by(3), world.clock.seconds() - 1)


def test_a_suspicion_before_the_first_check() -> None:
    """It comes at once then."""
    world = World(declared("s"))
    checker = checked(world, delay=1.0)
    checker.suspected()
    assert at(world.pass_by(0.9), 0.0)


def test_the_end() -> None:
    """The check under way is given up, and nothing comes of what it would have told; nobody suspects it any more."""
    world = World(declared("s"))
    world.answers["s"] = None
    checker = checked(world)
    checker.stop()
    assert world.probes[0].cancelled
    assert world.server().suspected is None
    world.probes[0].told(FAILED)
    assert world.server().up
    assert world.pass_by(10) == []
    assert world.clock.getDelayedCalls() == []


def test_a_defect_is_not_the_end_of_it() -> None:
    """It is logged, changes nothing, and the next check comes."""
    world = World(declared("s"))
    world.breaks = True
    with logged() as lines:
        checked(world)
    assert lines == ["critical: a check ended by a defect"]
    world.breaks = False
    assert at(world.pass_by(3), 2.0)
    assert world.server().up


def test_a_slow_start() -> None:
    """After it came UP its weight grows, in the time that the backend says; a second fall ends that."""
    world = World(declared("s", weight=100), slow_start=10.0)
    checker = checked(world)
    whole = world.server().weight

    def share() -> float:
        return world.server().weight / whole

    world.answers["s"] = FAILED
    checker.suspected()
    world.pass_by(1)
    assert share() == 0
    world.answers["s"] = PASSED
    world.pass_by(6)
    began = share()
    assert 0.05 <= began <= 0.2
    world.pass_by(4)
    assert began + 0.3 <= share() <= began + 0.5
    world.answers["s"] = FAILED
    checker.suspected()
    world.pass_by(1)
    world.answers["s"] = PASSED
    world.pass_by(5)
    assert 0.05 <= share() <= 0.2
    world.pass_by(10)
    assert share() == 1


def certificate(left: float, digest: bytes = b"1") -> Result:
    """A check that passed, and was shown one that ends in so many seconds."""
    shown = Certificate(WALL - DAY, WALL + left, "pump.example", fits=True, digest=digest)
    return Result(Answer(CheckStatus.L6OK, "a whole handshake, TLSv1.3", shown), 0.0)


def test_a_certificate_is_remarked_upon() -> None:
    """What is known of it, once at the start; a warning each day where it is about to end."""
    world = World(declared("s"))
    world.answers["s"] = certificate(61 * DAY)
    with logged() as lines:
        checked(world)
        world.pass_by(100)
        world.answers["s"] = certificate(3 * DAY, b"2")
        world.pass_by(100)
        world.clock.advance(DAY)
    assert lines == [
        "info: b/s: the certificate that it shows for pump.example ends in 61 days, on 2027-01-30 00:53 UTC",
        "warn: b/s: the certificate that it shows for pump.example ends in 2 days, on 2026-12-03 00:53 UTC",
        "warn: b/s: the certificate that it shows for pump.example ends in 1 day, on 2026-12-03 00:53 UTC",
    ]


def test_the_days_are_the_backends() -> None:
    """`warn-days` is looked at each time, as a reload may have left it."""
    world = World(declared("s"), warn_days=0)
    world.answers["s"] = certificate(3 * DAY)
    with logged() as lines:
        checked(world)
    assert [line.partition(":")[0] for line in lines] == ["info"]

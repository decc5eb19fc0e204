"""Signs of life, from the reactor, at half of the time that is allowed."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from pumpproxy.systemd.watchdog import Watchdog, pace


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 15.0),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "x"}, None),
        ({"WATCHDOG_USEC": "0", "WATCHDOG_PID": "7"}, None),
        ({"WATCHDOG_USEC": "", "WATCHDOG_PID": "7"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "\u0663"}, None),
        ({}, None),
    ],
)
def test_the_pace_is_half_of_what_is_allowed(environ: dict[str, str], seconds: float | None) -> None:
    """Where it is meant for this process, and is a number."""
    assert pace(environ, 7) == seconds


def test_it_beats_from_start_to_stop() -> None:
    """The first at once, then one each pace; a second start changes nothing."""
    clock, beats = Clock(), []
    dog = Watchdog(clock, 2.0, lambda: beats.append(clock.seconds()))
    dog.start()
    dog.start()
    clock.pump([1.0] * 5)
    assert beats == [0.0, 2.0, 4.0]
    dog.stop()
    dog.stop()
    clock.advance(10)
    assert beats == [0.0, 2.0, 4.0]
    assert clock.getDelayedCalls() == []


def test_where_nobody_waits_for_it_there_is_none() -> None:
    """Not even a timer."""
    clock = Clock()
    dog = Watchdog(clock, None, pytest.fail)
    dog.start()
    assert clock.getDelayedCalls() == []
    dog.stop()

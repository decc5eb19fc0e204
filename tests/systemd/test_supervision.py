"""What systemd is told of the service, and when."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, cast

import pytest
from twisted.internet.testing import MemoryReactorClock

from pumpproxy.model import TcpAddress
from pumpproxy.policy.runtime import Runtime
from pumpproxy.systemd.notify import Notifier
from pumpproxy.systemd.supervision import PACE, SPARE, Supervision
from tests.fakes import tls_config
from tests.systemd.ear import Ear

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pumpproxy.interfaces import Reactor

QUIET = "0 routes, 1 of 1 server up, 0 relays"
BUSY = "0 routes, 1 of 1 server up, 1 relay"


class World:
    """A service of one server, under supervision."""

    def __init__(self, ear: Ear, *, main: bool = True) -> None:
        self.ear = ear
        self.reactor = MemoryReactorClock()
        self.runtime = Runtime(tls_config(1), 100)
        self.supervision = Supervision(cast("Reactor", self.reactor), self.runtime, Notifier(ear.address), main=main)

    def run(self) -> list[dict[str, str]]:
        """Start, and let the reactor run; what is said."""
        self.supervision.start()
        self.reactor.run()
        return self.ear.said()

    def later(self, seconds: float = PACE) -> list[dict[str, str]]:
        """What is said in this time."""
        self.reactor.advance(seconds)
        return self.ear.said()

    def relay(self) -> None:
        """One begins."""
        self.runtime.pools["b"].take(None)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """With a watchdog that wants a sign each 100 s."""
    monkeypatch.setenv("WATCHDOG_USEC", "100000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    with Ear(tmp_path) as ear:
        yield World(ear)


def test_it_is_ready_when_the_reactor_runs(world: World) -> None:
    """Not before: until then nobody is accepted, and signals are not taken."""
    world.supervision.start()
    assert world.ear.said() == []
    world.reactor.run()
    assert world.ear.said() == [{"READY": "1", "STATUS": QUIET}, {"WATCHDOG": "1"}]


def test_a_service_that_ended_before_it_began_is_not_ready(world: World) -> None:
    """Stopped before the reactor ran."""
    world.supervision.start()
    world.supervision.stop()
    world.reactor.run()
    assert world.ear.said() == []
    assert world.reactor.getDelayedCalls() == []


def test_a_status_is_said_when_it_is_another(world: World) -> None:
    """At the next look, and once; signs of life go their own pace."""
    world.run()
    assert world.later() == []
    world.relay()
    assert world.later(PACE / 2) == []
    assert world.later(PACE / 2) == [{"STATUS": BUSY}]
    assert world.later() == []
    assert world.later(50.0) == [{"WATCHDOG": "1"}]


def test_a_reload_is_bracketed(world: World) -> None:
    """RELOADING, READY, whatever comes of it."""
    world.run()
    with world.supervision.reload():
        (said,) = world.ear.said()
        assert said["RELOADING"] == "1"
        world.relay()
    assert world.ear.said() == [{"READY": "1", "STATUS": BUSY}]
    assert world.later() == []


def test_a_refusal_stays_until_a_reload_is_taken(world: World) -> None:
    """It is said with READY, and with each status after it."""
    world.run()
    with world.supervision.reload():
        world.supervision.refused(["p.ini:3: no"])
    assert world.ear.said()[1] == {"READY": "1", "STATUS": f"reload refused: p.ini:3: no; {QUIET}"}
    world.relay()
    assert world.later() == [{"STATUS": f"reload refused: p.ini:3: no; {BUSY}"}]
    with world.supervision.reload():
        pass
    assert world.ear.said()[1] == {"READY": "1", "STATUS": BUSY}


def test_a_defect_within_a_reload_is_told_and_ends_it(world: World) -> None:
    """Systemd does not wait for ever."""
    world.run()
    with pytest.raises(ZeroDivisionError), world.supervision.reload():
        raise ZeroDivisionError
    assert world.ear.said()[1] == {"READY": "1", "STATUS": f"reload failed: see the log; {QUIET}"}


def test_trouble_of_the_start_is_said_from_the_start(world: World) -> None:
    """Whoever starts it may say what is wrong; a good reload is the end of that."""
    world.supervision.trouble = "the last good file is served"
    assert world.run()[0] == {"READY": "1", "STATUS": f"the last good file is served; {QUIET}"}
    with world.supervision.reload():
        pass
    assert world.ear.said()[1] == {"READY": "1", "STATUS": QUIET}


def test_the_end_says_who_is_waited_for(world: World) -> None:
    """And how long it may take; the count follows, and signs of life go on."""
    world.run()
    world.runtime.connections = 2
    world.supervision.stopping(60.0)
    usec = str(int((60 + SPARE) * 1_000_000))
    assert world.ear.said() == [{"STOPPING": "1", "EXTEND_TIMEOUT_USEC": usec, "STATUS": "waiting for 2 connections"}]
    world.runtime.connections = 1
    assert world.later() == [{"STATUS": "waiting for 1 connection"}]
    assert {"WATCHDOG": "1"} in world.later(50.0)
    world.supervision.stop()
    assert world.later(100.0) == []
    assert world.reactor.getDelayedCalls() == []


def test_an_end_without_grace_waits_for_nobody(world: World) -> None:
    """Whoever is there."""
    world.run()
    world.runtime.connections = 2
    world.supervision.stopping(0.0)
    assert [said["STATUS"] for said in world.ear.said()] == ["ending"]


def test_who_hands_over_says_so_and_then_nothing(world: World) -> None:
    """Neither signs of life, nor its end."""
    world.run()
    world.supervision.main_pid(77)
    world.supervision.silence()
    assert world.ear.said() == [{"MAINPID": "77"}]
    world.relay()
    world.supervision.stopping(5.0)
    world.supervision.stop()
    assert world.later(200.0) == []
    assert world.reactor.getDelayedCalls() == []


def test_a_successor_speaks_when_it_took_over(world: World) -> None:
    """Nobody would hear it before; then it tells of its sockets, that it is ready, and gives signs of life."""
    successor = World(world.ear, main=False)
    with socket.socket() as sock:
        successor.supervision.store.keep(TcpAddress("*", 443), sock, None)
        assert successor.run() == []
        assert successor.later(60.0) == []
        successor.supervision.took_over()
    assert world.ear.said() == [
        {"FDSTORE": "1", "FDNAME": "pumpproxy-*,443"},
        {"READY": "1", "STATUS": QUIET},
        {"WATCHDOG": "1"},
    ]
    successor.relay()
    assert successor.later() == [{"STATUS": BUSY}]


def test_unsupervised_there_is_not_even_a_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says of a watchdog."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", "100000000")
    reactor = MemoryReactorClock()
    supervision = Supervision(cast("Reactor", reactor), Runtime(tls_config(1), 100))
    supervision.start()
    reactor.run()
    with supervision.reload():
        supervision.refused(["no"])
    supervision.took_over()
    supervision.stopping(5.0)
    assert reactor.getDelayedCalls() == []
    supervision.stop()

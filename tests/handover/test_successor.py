"""A hand-over from the predecessor's side: what it waits for, and what it does when that comes or does not."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, cast

import pytest

from pumpproxy.handover.launch import Launch
from pumpproxy.handover.successor import Handover
from tests.handover.fakes import FakeLaunch, FakePidFile, FakeReactor, FakeService, FakeSupervisor
from tests.logs import logged
from tests.system.succession import adopting

if TYPE_CHECKING:
    from pumpproxy.handover.pidfile import PidFile
    from pumpproxy.interfaces import Reactor


class World:
    """A process that may give way."""

    def __init__(self) -> None:
        self.reactor = FakeReactor()
        self.service = FakeService()
        self.launch = FakeLaunch()
        self.pid_file = FakePidFile()
        self.supervisor = FakeSupervisor()
        self.handover = Handover(
            cast("Reactor", self.reactor),
            self.service,
            cast("Launch", self.launch),
            cast("PidFile", self.pid_file),
            self.supervisor,
            patience=5.0,
        )

    def succeed(self, line: str) -> None:
        """The successor says so."""
        self.launch.says(line)
        self.reactor.turn()


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Who was sent which signal, in place of being sent it."""
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: found.append((pid, number)))
    return found


@pytest.fixture
def world() -> World:
    """One."""
    return World()


def test_it_gives_way_once_the_successor_serves(world: World) -> None:
    """The supervisor is told before the successor is; the reactor stops when nothing is left, and only then."""
    world.handover.begin()
    assert world.launch.handed == [["pumpproxy-predecessor", "pumpproxy-listening", "tls"]]
    world.succeed("pid 123")
    assert (world.service.told, world.supervisor.told) == ([], [])
    with logged() as lines:
        world.succeed("serving 124 1")
    assert world.supervisor.told == [124, "silence"]
    assert world.service.told == [("give way", [70])]
    assert world.launch.hears() == "main\n"
    assert lines == [f"info: hand-over: process 124 serves now, {os.getpid()} finishes"]
    assert (world.reactor.stopped, world.pid_file.told, world.reactor.getDelayedCalls()) == (0, ["aside"], [])
    world.service.ended.callback(None)
    assert world.reactor.stopped == 1


def test_a_successor_that_cannot_start(world: World) -> None:
    """What it says is logged; all is as before, and another may be tried."""
    world.handover.begin()
    world.succeed("fault proxy.ini:3: no such key")
    with logged() as lines:
        assert world.launch.other is not None
        world.launch.other.close()
        world.reactor.turn()
    assert lines == ["error: hand-over failed: the successor cannot start, as said; this process serves on"]
    assert (world.service.told, world.supervisor.told, world.pid_file.told) == ([], [], ["aside", "back"])
    assert (world.reactor.getDelayedCalls(), world.reactor.reads) == ([], set())
    world.handover.begin()
    world.succeed("serving 124")
    assert world.service.told == [("give way", [])]


def test_a_successor_that_says_nothing(world: World) -> None:
    """Where it ends at once, standard error may have more."""
    world.handover.begin()
    with logged() as lines:
        assert world.launch.other is not None
        world.launch.other.close()
        world.reactor.turn()
    assert len(lines) == 1
    assert "ended without a word here: see standard error" in lines[0]


@pytest.mark.parametrize("known", [True, False])
def test_a_successor_that_hangs_is_given_up(world: World, killed: list[tuple[int, int]], known: bool) -> None:  # noqa: FBT001 - a table's column
    """After a time it is killed where its number is known, and told in any case."""
    world.handover.begin()
    if known:
        world.succeed("pid 123")
    world.reactor.advance(4.9)
    assert killed == []
    with logged() as lines:
        world.reactor.advance(0.2)
    assert killed == ([(123, signal.SIGKILL)] if known else [])
    assert world.launch.hears() == "over\n"
    assert lines == ["error: hand-over failed: the successor does not serve after 5 seconds; this process serves on"]
    assert (world.service.told, world.pid_file.told) == ([], ["aside", "back"])


def test_what_cannot_be_started(world: World) -> None:
    """A program, a directory, a pid file that may not be moved: nothing is begun."""
    world.launch.error = FileNotFoundError(2, "No such file or directory", "/gone")
    with logged() as lines:
        world.handover.begin()
    assert lines[-1].startswith("error: hand-over failed: [Errno 2] No such file or directory: '/gone'; ")
    assert world.pid_file.told == ["aside", "back"]
    world.launch.error = None
    world.pid_file.error = PermissionError(13, "Permission denied", "/run/proxy.pid")
    with logged() as lines:
        world.handover.begin()
    assert "Permission denied: '/run/proxy.pid'" in lines[-1]
    assert (world.launch.handed, world.reactor.getDelayedCalls()) == ([], [])


def test_one_at_a_time(world: World) -> None:
    """A second request is ignored while one is under way, and when nothing is to be handed over any more."""
    world.handover.begin()
    with logged() as lines:
        world.handover.begin()
        world.succeed("serving 124")
        world.handover.begin()
    assert "warn: hand-over ignored: one is under way" in lines
    assert lines[-1] == "warn: hand-over ignored: the service is ending"
    assert len(world.launch.handed) == 1


def test_process_1_hands_nothing_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its orphans would be its own, and end with it."""
    monkeypatch.setattr(os, "getpid", lambda: 1)
    with logged() as lines:
        world.handover.begin()
    assert len(lines) == 1
    assert lines[0].startswith("error: hand-over refused: this is process 1")
    assert world.launch.handed == []


def test_a_reload_meanwhile_waits(world: World, killed: list[tuple[int, int]]) -> None:
    """The successor is sent it once it serves; where it fails, it is our own. At other times it is done at once."""
    world.handover.reload()
    world.handover.begin()
    world.handover.reload()
    assert world.service.told == ["reload"]
    world.reactor.advance(5.1)
    assert world.service.told == ["reload"] * 2
    world.handover.begin()
    world.handover.reload()
    world.succeed("serving 124")
    assert world.service.told == ["reload", "reload", ("give way", [])]
    assert killed == [(124, signal.SIGHUP)]


def test_the_end_meanwhile_ends_both(world: World, killed: list[tuple[int, int]]) -> None:
    """Whoever stops the service wants no successor."""
    world.handover.begin()
    world.succeed("pid 123")
    world.reactor.end()
    assert killed == [(123, signal.SIGKILL)]
    assert world.launch.hears() == "over\n"
    assert world.reactor.getDelayedCalls() == []


def test_nothing_is_dropped_at_an_end_without_one(world: World, killed: list[tuple[int, int]]) -> None:
    """The usual end."""
    world.reactor.end()
    assert killed == []


def test_a_successor_that_is_gone_already_is_not_killed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ended just then."""

    def gone(_pid: int, _number: int) -> None:
        raise ProcessLookupError

    monkeypatch.setattr(os, "kill", gone)
    world.handover.begin()
    world.succeed("pid 123")
    with logged() as lines:
        world.reactor.advance(5.1)
    assert len(lines) == 1


def test_a_pid_file_that_does_not_come_back_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the only one that suffers."""

    def refuse() -> None:
        raise PermissionError(13, "Permission denied", "/run/proxy.pid")

    monkeypatch.setattr(world.pid_file, "come_back", refuse)
    world.handover.begin()
    with logged() as lines:
        world.reactor.advance(5.1)
    assert lines[-1] == "error: the pid file: [Errno 13] Permission denied: '/run/proxy.pid'"


def test_what_it_says_beside_is_nothing(world: World) -> None:
    """A newer one may say more."""
    world.handover.begin()
    world.succeed("hurray")
    world.succeed("serving 124")
    assert world.service.told == [("give way", [])]


def test_a_real_process_that_hangs_is_ended(world: World) -> None:
    """What was started is killed, and the shell between is no zombie."""
    launch = Launch(("sleep", "60"), "/", {"PATH": os.environ["PATH"]})
    shells: list[int] = []

    class Real(FakeLaunch):
        def start(self, handed: list[tuple[str, int]]) -> int:
            shells.append(launch.start(handed))
            return shells[-1]

    world.service.sockets = []
    world.handover._launch = cast("Launch", Real())
    with adopting():
        world.handover.begin()
        end = time.monotonic() + 30
        while world.handover._starting is None and time.monotonic() < end:
            time.sleep(0.01)
            world.reactor.turn()
        hanging = world.handover._starting
        assert hanging is not None
        world.reactor.advance(5.1)
        assert os.waitpid(hanging, 0) == (hanging, signal.SIGKILL)
    with pytest.raises(ChildProcessError):
        os.waitpid(shells[0], os.WNOHANG)

"""Signals wake the reactor, and what they ask for is done by it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, cast

import pytest
from twisted.internet.testing import MemoryReactorClock

from pumpproxy.signals import Signals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pumpproxy.interfaces import Reactor

TAKEN = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM)


class FakeReactor(MemoryReactorClock):
    """Notes what it is told from a signal."""

    def __init__(self) -> None:
        super().__init__()
        self.woken: list[Callable[[], object]] = []

    def callFromThread(self, call: Callable[[], object]) -> None:
        """Later."""
        self.woken.append(call)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Give them back."""
    before = {number: signal.getsignal(number) for number in TAKEN}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def signals_of(reactor: FakeReactor, told: list[str]) -> Signals:
    """Signals that tell what was asked for."""
    return Signals(
        cast("Reactor", reactor),
        reload=lambda: told.append("reload"),
        hand_over=lambda: told.append("hand over"),
        cut_grace=lambda: told.append("cut"),
        reopen=lambda: told.append("reopen"),
    )


def taken(told: list[str]) -> FakeReactor:
    """A reactor that runs, whose own the first SIGTERM is."""
    reactor = FakeReactor()
    signal.signal(signal.SIGTERM, lambda *_: told.append("stop"))
    signals_of(reactor, told).take()
    reactor.run()
    return reactor


@pytest.mark.parametrize(("number", "does"), [(signal.SIGHUP, "reload"), (signal.SIGUSR2, "hand over")])
def test_what_is_asked_for_is_not_done_within_the_signal(number: signal.Signals, does: str) -> None:
    """The reactor is woken, and does it."""
    told: list[str] = []
    reactor = taken(told)
    os.kill(os.getpid(), number)
    assert told == []
    for call in reactor.woken:
        call()
    assert told == [does]


def test_the_second_sigterm_cuts_the_grace() -> None:
    """The first is the reactor's, as ever; a third is as the second."""
    told: list[str] = []
    reactor = taken(told)
    for _ in range(3):
        os.kill(os.getpid(), signal.SIGTERM)
    assert told == ["stop"]
    for call in reactor.woken:
        call()
    assert told == ["stop", "cut", "cut"]


def test_sigusr1_reopens_once_the_reactor_runs() -> None:
    """Whoever has taken it meanwhile, as twistd does to rotate a file of its own, has it first, each time."""
    told: list[str] = []
    signal.signal(signal.SIGUSR1, lambda *_: told.append("rotate"))
    reactor = taken(told)
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGUSR1)
    for call in reactor.woken:
        call()
    assert told == ["rotate", "rotate", "reopen", "reopen"]


def test_sigusr1_ends_nobody() -> None:
    """Where there is no file at all; nor before the reactor runs, when twistd still finds that nobody has it."""
    told: list[str] = []
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    reactor = FakeReactor()
    signals_of(reactor, told).take()
    os.kill(os.getpid(), signal.SIGUSR1)
    assert not signal.getsignal(signal.SIGUSR1)
    reactor.run()
    os.kill(os.getpid(), signal.SIGUSR1)
    for call in reactor.woken:
        call()
    assert told == ["reopen"]

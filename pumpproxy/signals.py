"""Which signal asks for what.

May not: do what is asked for. A signal interrupts whatever runs, so nothing is done from within it but a wake-up.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from pumpproxy.interfaces import Reactor


class _Nobody:
    """Takes a signal that would end the process. It is false: twistd takes what nobody has by that sign."""

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Do nothing."""

    def __bool__(self) -> bool:
        return False


class Signals:
    """SIGHUP reloads, SIGUSR1 reopens logs, SIGUSR2 hands over; a second SIGTERM cuts the first's grace short."""

    def __init__(
        self,
        reactor: Reactor,
        *,
        reload: Callable[[], object],
        hand_over: Callable[[], object],
        cut_grace: Callable[[], object],
        reopen: Callable[[], object],
    ) -> None:
        """What is called later, by the reactor, each time."""
        self._reactor = reactor
        self._reload = reload
        self._hand_over = hand_over
        self._cut_grace = cut_grace
        self._reopen = reopen

    def take(self) -> None:
        """Expect them: the second SIGTERM once the reactor, whose the first is, runs; most others from now on.

        SIGUSR1 then, too: until then it does nothing, and twistd may take it for a log file of its own.
        """
        signal.signal(signal.SIGHUP, self._hang_up)
        if signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:
            signal.signal(signal.SIGUSR1, _Nobody())
        signal.signal(signal.SIGUSR2, self._user)
        self._reactor.callWhenRunning(self._second_term)
        self._reactor.callWhenRunning(self._after_rotation)

    def _hang_up(self, _number: int, _frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._reload)

    def _user(self, _number: int, _frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._hand_over)

    def _second_term(self) -> None:
        first = signal.getsignal(signal.SIGTERM)

        def term(number: int, frame: FrameType | None) -> None:
            signal.signal(signal.SIGTERM, self._hurry)
            if callable(first):
                first(number, frame)

        if callable(first):
            signal.signal(signal.SIGTERM, term)

    def _after_rotation(self) -> None:
        own = signal.getsignal(signal.SIGUSR1)

        def rotated(number: int, frame: FrameType | None) -> None:
            if callable(own):
                own(number, frame)
            self._reactor.callFromThread(self._reopen)

        signal.signal(signal.SIGUSR1, rotated)

    def _hurry(self, _number: int, _frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._cut_grace)

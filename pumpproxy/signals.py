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


class Signals:
    """SIGHUP reloads, SIGUSR2 hands over, and a second SIGTERM cuts the grace short that the first began."""

    def __init__(
        self,
        reactor: Reactor,
        *,
        reload: Callable[[], object],
        hand_over: Callable[[], object],
        cut_grace: Callable[[], object],
    ) -> None:
        """What is called later, by the reactor, each time."""
        self._reactor = reactor
        self._reload = reload
        self._hand_over = hand_over
        self._cut_grace = cut_grace

    def take(self) -> None:
        """Expect them: the second SIGTERM once the reactor, whose the first is, runs; the others from now on."""
        signal.signal(signal.SIGHUP, self._hang_up)
        signal.signal(signal.SIGUSR2, self._user)
        self._reactor.callWhenRunning(self._second_term)

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

    def _hurry(self, _number: int, _frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._cut_grace)

"""A question that is asked again and again: when its answer ends, and after failures with longer and longer pauses.

May not: know what is asked, or keep an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from twisted.logger import Logger

from pumpproxy.policy.names import LONGEST_PAUSE, SHORTEST, Lack, pause

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from pumpproxy.interfaces import Reactor

A = TypeVar("A")

SAID = 3
"""Failures in a row after which it is said that a name which was known is not answered any more."""
_MOST_SHOWN = 8


def shown(places: Sequence[str]) -> str:
    """Addresses in a line of the log; of many the first ones."""
    more = f" and {len(places) - _MOST_SHOWN} more" if len(places) > _MOST_SHOWN else ""
    return ", ".join(places[:_MOST_SHOWN]) + more


class Inquiry(Generic[A]):
    """One question, asked one time at a time. `failures`: how many times in a row it has failed."""

    log = Logger()

    def __init__(
        self, reactor: Reactor, ask: Callable[[], Deferred[A | Lack]], told: Callable[[A | Lack], float]
    ) -> None:
        """`told` hears what came of it, and says how long an answer holds, in seconds."""
        self._reactor = reactor
        self._ask = ask
        self._told = told
        self._asking = False
        self._last = -SHORTEST
        self._call: IDelayedCall | None = None
        self.failures = 0
        self.repeats = False
        """Whether it is asked again by itself."""
        self.said = False
        """Whether the log was told of the failures, since it was told of an answer."""

    @property
    def fresh(self) -> bool:
        """Whether it failed just now, so that it need not be asked again for the next who wants to know."""
        return self.failures > 0 and not self._asking and self._reactor.seconds() < self._last + SHORTEST

    def is_news(self, *, known: bool) -> bool:
        """Whether the failure that has just been told is to be said, as it is now: once.

        At once where there was never an answer; one that is `known` may be missed a few times.
        """
        news = not self.said and (not known or self.failures >= SAID)
        self.said = self.said or news
        return news

    def begin(self) -> None:
        """Ask now, and from now on again by itself."""
        self.repeats = True
        self.now()

    def now(self) -> None:
        """Ask now, if that is not under way."""
        if self._asking:
            return
        self._stop_timer()
        self._asking = True
        self._ask().addErrback(self._broke).addCallback(self._answered)

    def stop(self) -> None:
        """Ask no more; what is under way is still told."""
        self.repeats = False
        self._stop_timer()

    def _broke(self, failure: Failure) -> Lack:
        self.log.failure("a name could not be asked for, by a defect", failure)
        return Lack.FAILED

    def _answered(self, answer: A | Lack) -> None:
        self._asking = False
        self._last = self._reactor.seconds()
        self.failures = self.failures + 1 if isinstance(answer, Lack) else 0
        try:
            holds = self._told(answer)
        except Exception:  # noqa: BLE001 - a defect of one answer: the next is awaited all the same
            self.log.failure("an answer could not be followed, by a defect")
            holds = LONGEST_PAUSE
        if self.repeats and self._call is None and not self._asking:
            self._call = self._reactor.callLater(pause(self.failures) if self.failures else holds, self._again)

    def _again(self) -> None:
        self._call = None
        self.now()

    def _stop_timer(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None

"""What became of lines that a log could not take: counted, and told as a notice, once a minute at most.

A notice about losses is not counted when it is lost itself: it would bring the next, for ever. May not: keep a line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

    from pumpproxy.interfaces import Reactor

UNCOUNTED = "uncounted"
"""The key by which an event says that nobody counts it where it is lost."""
MOST = 4 * 1024 * 1024
"""Bytes of lines that wait for a log: some 20,000, which is seconds of a busy proxy."""
RESERVE = 64 * 1024
"""... and beyond that for what is said of losses: it has to be there when the log is read again."""
KEPT = "lines are kept until then, 4 MiB of them at most"
FIRST = 1.0
"""Seconds from a loss to the first word of it, which then knows what was lost with it."""
AGAIN = 60.0
"""... and between two words."""


def lost(count: int, name: str, why: str) -> str:
    """In words: how many, of which log, and why."""
    what = "1 log line was lost" if count == 1 else f"{count} log lines were lost"
    return f"{what}: {name}: {why}"


class Losses:
    """Those of one target, which `name` says as the file does."""

    log = Logger()

    def __init__(self, reactor: Reactor, name: str) -> None:
        self._reactor = reactor
        self._name = name
        self._counts: dict[str, int] = {}
        self._due: IDelayedCall | None = None
        self._stuck = ""

    def add(self, why: str, lines: int = 1) -> None:
        """So many are lost."""
        self._counts[why] = self._counts.get(why, 0) + lines
        if self._due is None:
            self._due = self._reactor.callLater(FIRST, self._tell)

    def stuck(self, why: str) -> None:
        """Nothing is taken for now; said once, until that is over, or for another reason."""
        if why != self._stuck:
            self._stuck = why
            self.log.error("log: {name} cannot be written ({why}): {kept}", name=self._name, why=why, kept=KEPT)

    def flows(self) -> None:
        """It is taken again."""
        if self._stuck:
            self._stuck = ""
            self.log.info("log: {name} is written again", name=self._name)

    def stop(self) -> None:
        """Say what is left to say."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._report()

    def _tell(self) -> None:
        self._due = self._reactor.callLater(AGAIN, self._tell) if self._counts else None
        self._report()

    def _report(self) -> None:
        counts, self._counts = self._counts, {}
        for why, count in counts.items():
            self.log.warn("{line}", line=lost(count, self._name, why), **{UNCOUNTED: True})

"""The health of one server, by the results of its checks: UP or DOWN, when to look again, what the log is told.

HAProxy's rules: a server starts UP, and its very first check decides alone; then `rise` passes in a row, or `fall`
failures. Its words too (manual, 9.1, `check_status`): the layer that was reached, and what came of it.
May not: check, or see a clock.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pumpproxy.model import Check
    from pumpproxy.policy.certificates import Certificate


class CheckStatus(enum.Enum):
    """What came of a check: a closed set."""

    L4OK = "L4OK"
    """It took the connection."""
    L4CON = "L4CON"
    """It did not: refused, unreachable, without an address."""
    L4TOUT = "L4TOUT"
    """It did not in time."""
    L6OK = "L6OK"
    """It spoke TLS."""
    L6RSP = "L6RSP"
    """It spoke something else, closed, or showed a certificate that must be good and is not."""
    L6TOUT = "L6TOUT"
    """It took the connection, and did not finish its part of TLS in time."""
    L7OK = "L7OK"
    """A status that is good."""
    L7STS = "L7STS"
    """A status that is not."""
    L7RSP = "L7RSP"
    """Something that is no response, or nothing before it closed."""
    L7TOUT = "L7TOUT"
    """No response in time."""
    SOCKERR = "SOCKERR"
    """The failure was ours (descriptors, local ports): nothing was learnt of the server."""


_PASSED = frozenset({CheckStatus.L4OK, CheckStatus.L6OK, CheckStatus.L7OK})


class Answer(NamedTuple):
    """What a server did when it was asked. `text` is a phrase of ours, never the server's words."""

    status: CheckStatus
    text: str
    certificate: Certificate | None = None
    """The one that it showed, if that was looked at."""


class Result(NamedTuple):
    """A check that has ended."""

    answer: Answer
    seconds: float
    """How long it took."""

    @property
    def passed(self) -> bool:
        """Whether the server is as it should be."""
        return self.answer.status in _PASSED

    def __str__(self) -> str:
        """For the log: `L4CON, refused, after 0 ms`."""
        return f"{self.answer.status.value}, {self.answer.text}, after {self.seconds * 1000:.0f} ms"


class Health:
    """One server's. `up` is what its checks say so far."""

    __slots__ = ("_against", "_check", "fresh", "up")

    def __init__(self, check: Check, *, up: bool = True, fresh: bool = True) -> None:
        """`fresh`: nothing is known of it, so that the next check decides alone."""
        self._check = check
        self.up = up
        self.fresh = fresh
        # Results in a row that say otherwise.
        self._against = 0

    def checked(self, result: Result) -> bool:
        """A check has ended; whether the server has turned by it."""
        if result.answer.status is CheckStatus.SOCKERR:
            return False
        alone, self.fresh = self.fresh, False
        if result.passed is self.up:
            self._against = 0
            return False
        self._against += 1
        needed = self._check.fall if self.up else self._check.rise
        if not alone and self._against < needed:
            return False
        self.up = not self.up
        self._against = 0
        return True

    def pause(self, *, wanted: bool) -> float:
        """Seconds from the end of one check to the next; `wanted`: somebody waits for a server of its pool."""
        usual = self._check.inter if self.up else self._check.downinter
        # One that is UP does not get there sooner by being looked at: those who wait there wait for a place.
        hurry = self._against or (wanted and not self.up)
        return min(self._check.fastinter, usual) if hurry else usual


def told(name: str, result: Result, *, up: bool, active: int, backup: int) -> str:
    """The line of a server that has turned; `active` and `backup`: those of its pool that may be chosen now."""
    there = _counted(active, backup) or "no server"
    return f"{name} is UP: {result}; {there} online" if up else f"{name} is DOWN: {result}; {there} left"


def _counted(active: int, backup: int) -> str:
    counted = [f"{active} {'server' if active == 1 else 'servers'}"] if active else []
    if backup:
        counted.append(f"{backup} {'backup' if backup == 1 else 'backups'}")
    return " and ".join(counted)

"""Signs of life for the unit's WatchdogSec=: sd_watchdog_enabled(3).

They come from the reactor, and from nowhere else: one that stands still gives none, and systemd begins anew.
May not: judge whether the service does well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from twisted.internet.interfaces import IDelayedCall, IReactorTime


def pace(environ: Mapping[str, str], pid: int) -> float | None:
    """Seconds from one sign of life to the next, half of what is allowed; None where nobody waits for one."""
    usec = environ.get("WATCHDOG_USEC", "")
    # A child inherits the environment, and is not meant.
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid) or not (usec.isascii() and usec.isdigit()) or not int(usec):
        return None
    return int(usec) / 2_000_000


class Watchdog:
    """Calls `alive` at its pace, from `start` to `stop`."""

    def __init__(self, clock: IReactorTime, pace: float | None, alive: Callable[[], None]) -> None:
        """`pace`: in seconds; None for never."""
        self._clock = clock
        self._pace = pace
        self._alive = alive
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """The first at once."""
        if self._pace is not None and self._call is None:
            self._beat(self._pace)

    def stop(self) -> None:
        """No more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _beat(self, pace: float) -> None:
        self._call = self._clock.callLater(pace, self._beat, pace)
        self._alive()

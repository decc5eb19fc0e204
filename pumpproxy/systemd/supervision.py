"""What the service tells its supervisor, from its start to its end; the one object that the service knows of it all.

May not: do anything where nobody supervises.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from pumpproxy.systemd import watchdog
from pumpproxy.systemd.notify import Notifier
from pumpproxy.systemd.status import counted, refusal, status
from pumpproxy.systemd.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from twisted.internet.interfaces import IDelayedCall

    from pumpproxy.interfaces import Reactor
    from pumpproxy.policy.runtime import Runtime

PACE = 3.0
"""Seconds from one look at what has changed to the next: systemd tells each status to all who listen to it."""
SPARE = 10.0
"""Seconds beyond the grace until systemd may take the end for one that hangs."""


class Supervision:
    """`trouble` is said first in each status, until a reload is taken."""

    def __init__(
        self, reactor: Reactor, runtime: Runtime, notifier: Notifier | None = None, *, main: bool = True
    ) -> None:
        """`notifier`: without one, that of the process; `main`: False for a successor, whom nobody hears at first."""
        self._reactor = reactor
        self._runtime = runtime
        self._notifier = Notifier.of_process() if notifier is None else notifier
        self.store = Store(self._notifier, heard=main)
        self._main = main
        self.trouble = ""
        self._refusal = ""
        self._said = ""
        self._ends = False
        self._grace = 0.0
        self._call: IDelayedCall | None = None
        self._watchdog = watchdog.Watchdog(reactor, watchdog.pace(os.environ, os.getpid()), self._notifier.alive)

    def start(self) -> None:
        """The listeners accept, as soon as the reactor runs; then it is said."""
        if self._main and self._notifier.listened_to:
            self._reactor.callWhenRunning(self._ready)

    @contextlib.contextmanager
    def reload(self) -> Iterator[None]:
        """A reload, within which `refused` may be said."""
        self._refusal = ""
        self._notifier.reloading()
        failed = "reload failed: see the log"
        try:
            yield
            failed = self._refusal
        finally:
            self.trouble = failed
            self._say_ready()

    def refused(self, problems: Sequence[object]) -> None:
        """The reload that is under way is not taken."""
        self._refusal = refusal(problems)

    def stopping(self, grace: float) -> None:
        """The end begins; running connections have so many seconds."""
        self._ends = True
        self._grace = grace
        self._said = self._now()
        self._notifier.stopping(self._said, grace + SPARE)

    def stop(self) -> None:
        """It is over: no signs of life, no status."""
        self._ends = True
        self._watchdog.stop()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def main_pid(self, pid: int) -> None:
        """That process is the service from now on."""
        self._notifier.main_pid(pid)

    def silence(self) -> None:
        """Say nothing any more: another process speaks for the service."""
        self.stop()
        self._notifier.silence()

    def took_over(self) -> None:
        """From now on this process is the service, and serves."""
        self._main = True
        if self._notifier.listened_to:
            self.store.tell_all()
            self._ready()

    def _ready(self) -> None:
        if self._ends:
            return
        self._say_ready()
        self._watchdog.start()
        self._call = self._reactor.callLater(PACE, self._look)

    def _say_ready(self) -> None:
        self._said = self._now()
        self._notifier.ready(self._said)

    def _look(self) -> None:
        self._call = self._reactor.callLater(PACE, self._look)
        text = self._now()
        if text != self._said:
            self._said = text
            self._notifier.status(text)

    def _now(self) -> str:
        if self._ends and self._grace > 0:
            return f"waiting for {counted(self._runtime.connections, 'connection')}"
        if self._ends:
            return "ending"
        return status(self._runtime, self.trouble)

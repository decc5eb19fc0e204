"""Where ended connections and requests are told, one access log line each, and with them all else that is logged.

With `log = twistd` that is twistd's log, which is as fast as the file or terminal behind it; else an outlet of our own
(`stats.outlets`), beside it. Lines are made for all records of some milliseconds at once: one by one, between the
system calls of connections, they cost three times as much. May not: block, or raise.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed
from twisted.logger import ILogObserver, Logger, globalLogPublisher
from zope.interface import implementer

from pumpproxy.model import Config, LogSink
from pumpproxy.policy.outcome import Outcome
from pumpproxy.stats.accesslog import line
from pumpproxy.stats.losses import UNCOUNTED
from pumpproxy.stats.notices import ACCESS, OwnLog, journal_is_stderr, told
from pumpproxy.stats.outlets import outlet_for

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall
    from twisted.logger import LogEvent

    from pumpproxy.interfaces import Reactor
    from pumpproxy.model import LogTarget
    from pumpproxy.policy.records import SessionRecord
    from pumpproxy.stats.losses import Losses
    from pumpproxy.stats.outlets import Outlet


GATHER = 0.02
"""Seconds from a record to its line."""


@implementer(ILogObserver)
class AccessLog:
    """An ISessionSink that follows the file: `log`, `log-format`, `dontlognull`. It also observes Twisted's log."""

    _log = Logger(namespace=ACCESS)

    def __init__(self, config: Config, reactor: Reactor) -> None:
        self._reactor = reactor
        self._target: LogTarget = LogSink.NONE
        self._outlet: Outlet | None = None
        self._losses: Losses | None = None
        self._thread: int | None = None
        self._records: list[SessionRecord] = []
        self._due: IDelayedCall | None = None
        self.declare(config)

    def declare(self, config: Config) -> None:
        """Follow this file from now on. Frontends that it took away keep their layout until their last line."""
        self._write()
        layouts = {frontend.name: (frontend.log_format, frontend.dontlognull) for frontend in config.frontends}
        self._layouts = getattr(self, "_layouts", {}) | layouts
        self.wants_records = config.log is not LogSink.NONE
        if config.log != self._target:
            self._close()
            self._target = config.log
            made = outlet_for(config.log, self._reactor, systemd=journal_is_stderr())
            self._outlet, self._losses = made or (None, None)
            if self._thread is not None:
                self._open()

    def start(self) -> None:
        """Write, from this thread; nothing may be forked from now on."""
        self._thread = threading.get_ident()
        self._open()

    def reopen(self) -> None:
        """Whoever rotates files has moved ours."""
        if self._outlet is not None:
            self._outlet.reopen()

    def stop(self) -> Deferred[None]:
        """Nothing comes any more; fires when it is all written, or given up."""
        self._thread = None
        return self._close()

    def ended(self, record: SessionRecord) -> None:
        """Write the line, unless the file wants none."""
        if not self.wants_records:
            return
        layout, dontlognull = self._layouts[record.frontend]
        # One too many is refused before anything is read: whether it said something nobody knows.
        if dontlognull and record.bytes_in == 0 and record.outcome is not Outcome.TOO_MANY:
            return
        if self._outlet is None:
            self._log.info("{line}", line=line(record, layout))
            return
        self._records.append(record)
        if self._due is None:
            self._due = self._reactor.callLater(GATHER, self._write)

    def _write(self) -> None:
        """The lines of what has ended."""
        if self._due is None:
            return
        if self._due.active():
            self._due.cancel()
        records, self._due, self._records = self._records, None, []
        outlet = self._outlet
        if outlet is not None:
            for record in records:
                outlet.ended(line(record, self._layouts[record.frontend][0]), record)

    def __call__(self, event: LogEvent) -> None:
        """A notice, in whatever thread: the outlets are the reactor's."""
        if self._outlet is None or event.get("log_namespace") == ACCESS:
            return
        text, severity = told(event)
        if not text:
            return
        counted = UNCOUNTED not in event
        if threading.get_ident() == self._thread:
            self._notice(text, severity, counted=counted)
        else:
            self._reactor.callFromThread(lambda: self._notice(text, severity, counted=counted))

    def _notice(self, text: str, severity: int, *, counted: bool) -> None:
        """After the lines of what was before it."""
        self._write()
        if self._outlet is not None:
            self._outlet.notice(text, severity, counted=counted)

    # The outlet

    def _open(self) -> None:
        if self._outlet is not None:
            globalLogPublisher.addObserver(self)
            self._mute(self._target)
            self._outlet.start()

    def _close(self) -> Deferred[None]:
        """Let go of the outlet, which writes what it has; fires when it has."""
        self._write()
        self._mute(LogSink.NONE)
        outlet, losses = self._outlet, self._losses
        self._outlet = self._losses = None
        if outlet is None or losses is None:
            return succeed(None)
        globalLogPublisher.removeObserver(self)
        return outlet.stop().addCallback(lambda _: losses.stop())

    @staticmethod
    def _mute(target: LogTarget) -> None:
        """Keep twistd's own log silent while what we write here is in the same place."""
        if OwnLog.running is not None:
            OwnLog.running.muted = OwnLog.running.place is target

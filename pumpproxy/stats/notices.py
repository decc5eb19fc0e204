"""Whatever is logged by twisted.logger, as text with a severity; and an observer for twistd's own log.

`twistd --logger=pumpproxy.stats.notices.observer` writes to the journal where systemd has connected standard error to
it, else to standard error, and neither ever makes the process wait. May not: need a reactor; it is there before.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import stat
from typing import TYPE_CHECKING, ClassVar

from twisted.logger import ILogObserver, LogLevel, eventAsText
from zope.interface import implementer

from pumpproxy.model import LogSink
from pumpproxy.stats import outlets, textlines
from pumpproxy.stats.datagrams import connected
from pumpproxy.stats.losses import lost
from pumpproxy.stats.outlets import journal_notice, stderr_notice
from pumpproxy.stats.textlines import CRITICAL, DEBUG, ERROR, INFO, WARNING, Head

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.logger import LogEvent

STDERR = 2
ACCESS = "pumpproxy.access"
"""The namespace of access log lines in twistd's log."""
_SEVERITIES = {
    LogLevel.debug: DEBUG,
    LogLevel.info: INFO,
    LogLevel.warn: WARNING,
    LogLevel.error: ERROR,
    LogLevel.critical: CRITICAL,
}


def told(event: LogEvent) -> tuple[str, int]:
    """The text, with a traceback where there is one, and the severity. Empty for an event that says nothing."""
    text = eventAsText(event, includeTimestamp=False, includeSystem=False).strip("\n")
    return text, _SEVERITIES.get(event.get("log_level", LogLevel.info), INFO)


def journal_is_stderr() -> bool:
    """Whether systemd has connected standard error to its journal (systemd.exec(5), $JOURNAL_STREAM)."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    with contextlib.suppress(OSError):
        found = os.fstat(STDERR)
        return (device, inode) == (str(found.st_dev), str(found.st_ino))
    return False


@implementer(ILogObserver)
class OwnLog:
    """twistd's log while ours is the observer. What cannot be written at once is lost, counted and told."""

    running: ClassVar[OwnLog | None] = None
    """The one of this process."""

    def __init__(self, place: LogSink, form: Callable[[str, int], bytes], write: Callable[[bytes], None]) -> None:
        """`write` may raise OSError: whatever it was, that is lost."""
        self.place = place
        """JOURNAL or STDERR."""
        self.muted = False
        """Whether the service writes there by itself."""
        self._form = form
        self._write = write
        self._lost = 0
        self._torn = b""

    def __call__(self, event: LogEvent) -> None:
        """Write it, unless that is done elsewhere."""
        text, severity = told(event)
        if self.muted or not text:
            return
        try:
            if self._lost:
                told_of = self._form(lost(self._lost, self.place.value, "it could not be written"), WARNING)
                self._write(self._torn + told_of)
                self._lost, self._torn = 0, b""
            self._write(self._form(text, severity))
        except OSError as error:
            self._lost += 1
            # What follows half a line begins on another.
            self._torn = self._torn or (b"\n" if getattr(error, "characters_written", 0) else b"")


def observer() -> OwnLog:
    """The observer for `twistd --logger`, of which a process has one."""
    if journal_is_stderr():
        made = OwnLog(LogSink.JOURNAL, journal_notice, _Journal().write)
    else:
        head = Head(textlines.for_people)

        def form(text: str, severity: int) -> bytes:
            return stderr_notice(text, severity, head(), prefixed=False)

        made = OwnLog(LogSink.STDERR, form, _stderr())
    OwnLog.running = made
    return made


class _Journal:
    """Where entries go, found again where journald was restarted."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def write(self, data: bytes) -> None:
        if self._socket is None:
            self._socket = connected(outlets.JOURNAL)
        try:
            self._socket.send(data)
        except BlockingIOError:
            raise
        except OSError:
            self._socket.close()
            self._socket = None
            self._socket = connected(outlets.JOURNAL)
            self._socket.send(data)


def _stderr() -> Callable[[bytes], None]:
    """What writes to standard error without waiting; raises OSError where that cannot be done at once."""
    try:
        kind = os.fstat(STDERR).st_mode
    except OSError:
        # It is closed: whoever started us wants to hear nothing.
        return lambda _: None
    if stat.S_ISSOCK(kind):
        stream = socket.socket(fileno=os.dup(STDERR))
        return lambda data: _whole(stream.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL), data)
    if stat.S_ISREG(kind):
        return lambda data: _whole(os.write(STDERR, data), data)
    try:
        # Opened anew, O_NONBLOCK is ours alone: on a descriptor that is only copied it would be everybody's.
        own = os.open(f"/proc/self/fd/{STDERR}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return _when_there_is_room
    return lambda data: _whole(os.write(own, data), data)


def _when_there_is_room(data: bytes) -> None:
    """For who may not open it (another user's terminal): a pipe that has room takes a line whole (pipe(7))."""
    room = select.poll()
    room.register(STDERR, select.POLLOUT)
    if not room.poll(0):
        raise BlockingIOError
    _whole(os.write(STDERR, data), data)


def _whole(sent: int, data: bytes) -> None:
    if sent < len(data):
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), sent)

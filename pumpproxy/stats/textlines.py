"""How lines look where they are text: what stands before them, and notices of several lines.

    Nov 27 23:19:05 host pumpproxy[1234]: line      in a file, as a syslog daemon writes it: what reads HAProxy's
                                                    log (halog, GoAccess, fail2ban) reads this one
    2026-11-27T23:19:05+0000 line                   on standard error
    <6>line                                         there, where systemd reads it (sd-daemon(3))

A JSON object stands alone: it has its own time. What is a control character in a notice is written as #XX, so that none
breaks a line or forges one. May not: decide where lines go.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from pumpproxy.wire.syslogmessage import LocalTime, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "pumpproxy"
"""What we are called in a log that others write to, too."""

CRITICAL, ERROR, WARNING, INFO, DEBUG = 2, 3, 4, 6, 7
"""Severities of RFC 3164, section 4.1.1, table 2, and of the journal."""
WORDS = {CRITICAL: "critical", ERROR: "error", WARNING: "warn", INFO: "info", DEBUG: "debug"}

_CONTROLS = {code: f"#{code:02X}" for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029) if code != ord("\t")}


class Head:
    """What begins a line and has the time in it: made once a second."""

    def __init__(self, make: Callable[[time.struct_time], str], wall: Callable[[], float] = time.time) -> None:
        self._make = make
        self._wall = wall
        self._second = -1
        self._text = ""

    def __call__(self) -> str:
        """As of now."""
        second = int(self._wall())
        if second != self._second:
            self._second = second
            self._text = self._make(time.localtime(second))
        return self._text


def _stamp(at: time.struct_time) -> str:
    return timestamp(LocalTime(at.tm_mon, at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec))


def for_syslog(at: time.struct_time) -> str:
    """What stands between the priority and the text. The process is asked for each time: twistd forks."""
    return f"{_stamp(at)} {NAME}[{os.getpid()}]: "


def for_file(at: time.struct_time) -> str:
    """As a syslog daemon writes the same, with the host (RFC 3164, section 4.1.2: without its domain)."""
    return f"{_stamp(at)} {os.uname().nodename.partition('.')[0]} {NAME}[{os.getpid()}]: "


def for_people(at: time.struct_time) -> str:
    """As twistd writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z ", at)


def is_json(line: str) -> bool:
    """Whether an access log line is an object: in the other layouts it begins with an address."""
    return line.startswith("{")


def plain_lines(text: str) -> list[str]:
    """A notice as lines that are none but its own: one at least, none empty but for the first."""
    first, *more = [line.translate(_CONTROLS) for line in text.split("\n")]
    return [first, *filter(None, more)]

"""Where a file's `log` leads, as frozen values; `model` names these too. May not: open or write anything."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from pumpproxy.places import TcpAddress, UnixAddress

DEV_LOG = UnixAddress("/dev/log")
"""Where a host's own syslog daemon receives."""


class LogSink(enum.Enum):
    """Targets that one word says."""

    NONE = "none"
    TWISTD = "twistd"
    """twistd's own log: that has everything else, too."""
    JOURNAL = "journal"
    """systemd's, with fields."""
    STDERR = "stderr"


@dataclass(frozen=True, slots=True)
class SyslogTarget:
    """A syslog daemon, by datagrams."""

    facility: str
    """HAProxy's word for it, `local2`."""
    address: UnixAddress | TcpAddress = DEV_LOG
    """Where it receives: a socket in the file system, or an IP literal and a port (UDP)."""

    def __str__(self) -> str:
        if self.address == DEV_LOG:
            return f"syslog:{self.facility}"
        kind = "udp:" if isinstance(self.address, TcpAddress) else ""
        return f"syslog:{self.facility}@{kind}{self.address}"


@dataclass(frozen=True, slots=True)
class FileTarget:
    """A file that lines are appended to."""

    path: str
    """Absolute."""

    def __str__(self) -> str:
        return f"file:{self.path}"


LogTarget = LogSink | SyslogTarget | FileTarget

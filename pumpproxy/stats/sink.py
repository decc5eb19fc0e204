"""Where ended connections and requests are told: one access log line each, into twistd's log.

May not: block, or raise; twistd's log is as fast as the file or terminal behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from pumpproxy.model import Config, LogSink
from pumpproxy.policy.outcome import Outcome
from pumpproxy.stats.accesslog import line

if TYPE_CHECKING:
    from pumpproxy.policy.records import SessionRecord


class AccessLog:
    """An ISessionSink that follows the file: `log`, `log-format`, `dontlognull`."""

    _log = Logger(namespace="pumpproxy.access")

    def __init__(self, config: Config) -> None:
        self.declare(config)

    def declare(self, config: Config) -> None:
        """Follow this file from now on. Frontends that it took away keep their layout until their last line."""
        self.wants_records = config.log is LogSink.TWISTD
        layouts = {frontend.name: (frontend.log_format, frontend.dontlognull) for frontend in config.frontends}
        self._layouts = getattr(self, "_layouts", {}) | layouts

    def ended(self, record: SessionRecord) -> None:
        """Write the line, unless the file wants none."""
        if not self.wants_records:
            return
        layout, dontlognull = self._layouts[record.frontend]
        # One too many is refused before anything is read: whether it said something nobody knows.
        if not (dontlognull and record.bytes_in == 0) or record.outcome is Outcome.TOO_MANY:
            self._log.info("{line}", line=line(record, layout))

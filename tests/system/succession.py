"""Proxies that hand over to each other: whoever is started becomes this process' child, and all are ended by number."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.system.daemon import PATIENCE, Daemon

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER, prctl(2): orphans below become our children, as a supervisor's."""


@contextlib.contextmanager
def adopting() -> Iterator[None]:
    """Be the one that orphans come to, so that their ends can be waited for."""
    libc = ctypes.CDLL(None)
    libc.prctl(SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(SUBREAPER, 0, 0, 0, 0)


class Succession(Daemon):
    """A proxy, its successor, and so on; `pids` are their numbers, the last is who serves."""

    def __init__(  # noqa: PLR0913 - its base's, and one more
        self,
        folder: Path,
        text: str,
        *options: str,
        twistd: Sequence[str] = ("-n", "--pidfile="),
        environment: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
        kept: Sequence[int] = (),
        pid_file: Path | None = None,
    ) -> None:
        """`pid_file`: of a daemon."""
        self._adopting = adopting()
        self._adopting.__enter__()
        super().__init__(folder, text, *options, twistd=twistd, environment=environment, before=before, kept=kept)
        self._pid_file = pid_file
        self.pids = [self.process.pid]
        self.statuses: dict[int, int] = {}
        """How each ended that has."""

    def __enter__(self) -> Self:
        self.wait_for("serving")
        if self._pid_file is not None:
            # What was started only waited for the daemon's start.
            assert self.process.wait(PATIENCE) == 0
            self.pids = [int(self._pid_file.read_text())]
        self._wait_for_its_reactor()
        return self

    def __exit__(self, *exception: object) -> None:
        for pid in self.pids:
            if not self.has_ended(pid):
                os.kill(pid, signal.SIGTERM)
        for pid in self.pids:
            self.wait_for_end(pid)
        super().__exit__(*exception)
        self._adopting.__exit__(None, None, None)

    @property
    def pid(self) -> int:
        """Who serves."""
        return self.pids[-1]

    def hand_over(self) -> int:
        """Have the one that serves be succeeded; the number of the successor."""
        after = len(self.log)
        os.kill(self.pid, signal.SIGUSR2)
        log = self.wait_for_line(r"process (\d+) is the main one now", after=after)
        self.wait_for_line(r"hand-over: process (\d+) serves now", after=after)
        self.pids.append(int(log[1]))
        return self.pid

    def wait_for(self, text: str, *, after: int = 0) -> str:
        """As a Daemon's, whoever of them goes on."""
        self.wait_for_line(re.escape(text), after=after)
        return self.log[after:]

    def wait_for_line(self, pattern: str, *, after: int = 0) -> re.Match[str]:
        """Wait until the log, from character `after` on, has this."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = re.search(pattern, self.log[after:])
            if found is not None:
                return found
            time.sleep(0.02)
        msg = f"no {pattern!r} in the log:\n{self.log}"
        raise AssertionError(msg)

    def has_ended(self, pid: int) -> bool:
        """Whether that process is over; its status is noted then."""
        if pid in self.statuses:
            return True
        if pid == self.process.pid:
            status = self.process.poll()
            if status is not None:
                self.statuses[pid] = status
            return status is not None
        try:
            gone, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return not Path(f"/proc/{pid}").exists()
        if gone:
            self.statuses[pid] = os.waitstatus_to_exitcode(status)
        return bool(gone)

    def wait_for_end(self, pid: int) -> int | None:
        """How that process ended; None where its status is not ours to know."""
        end = time.monotonic() + PATIENCE
        while not self.has_ended(pid):
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
                msg = f"process {pid} goes on:\n{self.log}"
                raise AssertionError(msg)
            time.sleep(0.02)
        return self.statuses.get(pid)


def descriptors_of(pid: int) -> list[str]:
    """What a process has open."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(str(link.readlink()))
    return found


def has_at_most(pid: int, most: int) -> bool:
    """Whether a process comes to have no more descriptors than that, once its last connections are closed."""
    end = time.monotonic() + PATIENCE
    while len(descriptors_of(pid)) > most:
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True

"""Pipes for splice(2): enlarged, pooled, and never more than the system bears.

A pipe is borrowed while bytes are in flight. Those of stalled relays count, so that slow readers cannot hold more
than `MOST`; whoever gets none uses read and write. May not: move bytes.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, NamedTuple

from twisted.logger import Logger

from pumpproxy.flow.idle import NOWHERE

if TYPE_CHECKING:
    from pumpproxy.flow.idle import Sweep

SIZE = 1 << 20
"""Bytes: the most that an unprivileged process may have in one pipe (pipe(7), /proc/sys/fs/pipe-max-size)."""
LEAST = 1 << 16
"""A pipe that could not be enlarged: the kernel's own size. A smaller one is not worth its system calls."""
MOST = 256
"""Pipes in use at once."""
IDLE = 32
"""Pipes kept for the next who asks..."""
KEPT = 5.0
"""...for so many seconds after the last was given back."""


class Pipe(NamedTuple):
    """Its two ends, and how much it holds."""

    reader: int
    writer: int
    size: int


class Pipes:
    """The pool of a process. `refused` counts how often somebody got none; `small` how many could not be enlarged."""

    log = Logger()

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._last = 0.0
        self.tick = NOWHERE
        self._idle: list[Pipe] = []
        self.in_use = 0
        self.refused = 0
        self.small = 0

    def borrow(self) -> Pipe | None:
        """An empty pipe; None where there is none to be had, which is no failure."""
        if self._idle:
            self.in_use += 1
            return self._idle.pop()
        if self.in_use >= MOST:
            self._refuse("all are in use")
            return None
        try:
            reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            self._refuse(str(error.strerror))
            return None
        size = self._enlarge(writer)
        if size < LEAST:
            os.close(reader)
            os.close(writer)
            self._refuse("the system gives this user no more of a useful size")
            return None
        self.in_use += 1
        return Pipe(reader, writer, size)

    def give_back(self, pipe: Pipe, *, empty: bool) -> None:
        """Done with it; one that is not `empty` is closed, and its bytes with it."""
        self.in_use -= 1
        if empty and len(self._idle) < IDLE:
            self._last = self._sweep.now()
            if not self._idle:
                self._sweep.watch(self)
            self._idle.append(pipe)
        else:
            os.close(pipe.reader)
            os.close(pipe.writer)

    def close(self) -> None:
        """Close those that nobody uses."""
        self._sweep.forget(self)
        while self._idle:
            pipe = self._idle.pop()
            os.close(pipe.reader)
            os.close(pipe.writer)

    def deadline(self) -> float | None:
        """For the sweep."""
        return self._last + KEPT

    def expired(self, _now: float) -> None:
        """Nobody has needed one for a while."""
        self.close()

    def _enlarge(self, writer: int) -> int:
        try:
            return fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, SIZE)
        except OSError:
            # EPERM: this user's pipes hold too much already (/proc/sys/fs/pipe-user-pages-soft).
            self.small += 1
            if self.small == 1:
                self.log.info("a pipe could not be enlarged: large transfers cost a little more from now on")
            return fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)

    def _refuse(self, reason: str) -> None:
        self.refused += 1
        if self.refused == 1:
            self.log.info("no pipe for a relay ({reason}): it copies instead", reason=reason)

"""Lines into a file, a pipe or a terminal, by a thread of its own: all of these may block for as long as they like.

The reactor's side only appends to a list. The thread takes at once what has come in a tenth of a second; where it
cannot write it tries again each second, and lines wait, up to a bound. May not: run before the process is a daemon.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed

from pumpproxy.stats.losses import MOST, RESERVE

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall

    from pumpproxy.interfaces import Reactor
    from pumpproxy.stats.losses import Losses

GATHER = 0.1
"""Seconds from a line to the write that has it: on a busy proxy one for some hundred lines."""
RETRY = 1.0
"""Seconds between two tries where nothing can be written."""
FLUSH = 1.0
"""Seconds that what is there has at the end."""
MODE = 0o640
"""Of a file that is made: for its owner, and for a group of those who read logs."""


def open_file(path: str) -> int:
    """A descriptor that appends; the file is made where there is none, whatever the umask is. Raises OSError."""
    # Not to wait for the reader of a FIFO, and a terminal does not become ours.
    flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, MODE)
        os.fchmod(descriptor, MODE)
    os.set_blocking(descriptor, True)
    return descriptor


def open_stderr() -> int:
    """A descriptor of standard error that may be closed."""
    return os.dup(2)


class Writer:
    """One place. `start` once the process is what it stays, `put`, `stop`; `reopen` in between."""

    def __init__(self, reactor: Reactor, open_: Callable[[], int], losses: Losses) -> None:
        """`open_` is called in the thread, and may raise OSError."""
        self._reactor = reactor
        self._open = open_
        self._losses = losses
        self._news = threading.Condition(threading.Lock())
        self._started = False
        # Of both sides, under the lock.
        self._lines: list[bytes] = []
        self._size = 0
        self._wanted = True
        """That it be opened, again if it is."""
        self._stopping = False
        # The thread's own.
        self._descriptor: int | None = None
        self._rest = b""
        self._failing = False
        # The reactor's.
        self._flushed: Deferred[None] | None = None
        self._deadline: IDelayedCall | None = None

    def start(self) -> None:
        """Begin to write. twistd forks before this, and a thread would be left behind."""
        self._started = True
        threading.Thread(target=self._run, name="pumpproxy log", daemon=True).start()

    def put(self, line: bytes, *, counted: bool = True) -> None:
        """Write it, with its end, some time soon; or lose it, where that is `counted`."""
        news = self._news
        with news:
            if self._size + len(line) <= (MOST if counted else MOST + RESERVE):
                self._size += len(line)
                self._lines.append(line)
                if len(self._lines) == 1:
                    news.notify()
                return
        if counted:
            self._losses.add("it does not keep up")

    def reopen(self) -> None:
        """Open it by its name again; what is not written yet goes there."""
        with self._news:
            self._wanted = True
            self._news.notify()

    def stop(self) -> Deferred[None]:
        """Take no more; fires once all is written, or is lost because it would take too long."""
        if not self._started:
            return succeed(None)
        self._flushed = Deferred()
        self._deadline = self._reactor.callLater(FLUSH, self._give_up)
        with self._news:
            self._stopping = True
            self._news.notify()
        return self._flushed

    def _give_up(self) -> None:
        with self._news:
            # What it is at now is of unknown fate, and so lost.
            left = self._size and max(1, len(self._lines))
        self._ended(left)

    def _ended(self, left: int) -> None:
        """In the reactor: the thread is done, or waited for no more."""
        flushed, self._flushed = self._flushed, None
        if flushed is None:
            return
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        if left:
            self._losses.add("it did not take them before the end", left)
        flushed.callback(None)

    # The thread

    def _run(self) -> None:
        stopping = False
        while not stopping:
            with self._news:
                stopping = self._gather()
                lines, self._lines = self._lines, []
                wanted, self._wanted = self._wanted, False
            opened = not wanted or self._open_anew()
            before = len(self._rest) + sum(map(len, lines))
            if self._write(self._rest + b"".join(lines)) and opened:
                self._works()
            with self._news:
                self._size -= before - len(self._rest)
        if self._descriptor is not None:
            os.close(self._descriptor)
        left = self._rest.count(b"\n")
        self._tell(lambda: self._ended(left))

    def _gather(self) -> bool:
        """Wait until there is something to do, and a little for more of it; whether it is the end."""
        while not (self._lines or self._failing or self._wanted or self._stopping):
            self._news.wait()
        self._news.wait_for(lambda: self._wanted or self._stopping, RETRY if self._failing else GATHER)
        self._wanted |= self._failing
        return self._stopping

    def _open_anew(self) -> bool:
        """Whether it could be opened; if not, what is open stays so."""
        try:
            descriptor = self._open()
        except OSError as error:
            self._fails(error)
            return False
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = descriptor
        return True

    def _write(self, data: bytes) -> bool:
        """Whether all of it is written; the rest is kept."""
        view = memoryview(data)
        try:
            while view and self._descriptor is not None:
                try:
                    view = view[os.write(self._descriptor, view) :]
                except BlockingIOError:
                    # Somebody who shares the terminal or the pipe does not want to wait there.
                    room = select.poll()
                    room.register(self._descriptor, select.POLLOUT)
                    room.poll()
        except OSError as error:
            self._fails(error)
        self._rest = bytes(view)
        return not self._rest

    def _fails(self, error: OSError) -> None:
        self._failing = True
        why = error.strerror or str(error)
        self._tell(lambda: self._losses.stuck(why))

    def _works(self) -> None:
        if self._failing:
            self._failing = False
            self._tell(self._losses.flows)

    def _tell(self, call: Callable[[], None]) -> None:
        # The reactor may be gone: then nobody is there who wants to know.
        with contextlib.suppress(RuntimeError):
            self._reactor.callFromThread(call)

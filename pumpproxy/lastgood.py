"""The last configuration that was good, for a start at which the file is not.

The bytes that were checked are kept, so what is kept was good. May not: stop anything, or make it wait for a disk;
where nothing can be kept, the log says so.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twisted.logger import Logger

from pumpproxy.config.problems import ConfigError
from pumpproxy.flow.relaykind import load_fit

if TYPE_CHECKING:
    from pathlib import Path

    from pumpproxy.config.load import Loaded
    from pumpproxy.config.problems import Problem
    from pumpproxy.interfaces import Reactor

NAME = "last-good.ini"
"""Of the file in the directory."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """Why the last good configuration is served, and not the file."""

    problems: tuple[Problem, ...]
    """Of the file."""
    date: str
    """When the last good one was kept, in local time."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What a start serves."""

    loaded: Loaded
    fallback: Fallback | None = None
    """None: it is the file's."""


def begin(path: str, folder: Path | None) -> Begun:
    """The file, fit for this system, else what `folder` has (None: nothing). Raises ConfigError with both's."""
    try:
        return Begun(load_fit(path))
    except ConfigError as refused:
        if folder is None:
            raise
        kept = folder / NAME
        try:
            loaded = load_fit(str(kept))
        except ConfigError as error:
            raise ConfigError((*refused.problems, *error.problems)) from refused
        date = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(kept.stat().st_mtime))
        return Begun(loaded, Fallback(refused.problems, date))


def store(folder: Path, raw: bytes) -> None:
    """Keep these bytes, for their owner alone: whole, whatever fails meanwhile, or not at all. Raises OSError."""
    path, new = folder / NAME, folder / f"{NAME}.new"
    if _is_there(path, raw):
        return
    # A name that is always the same: of writers that were killed there is one file left at most, whosever it is.
    new.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with open(new, "wb", opener=lambda name, _: os.open(name, flags, 0o600)) as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _is_there(path: Path, raw: bytes) -> bool:
    """One that somebody else has kept, and nobody else can read, is not."""
    try:
        return path.read_bytes() == raw
    except OSError:
        return False


class LastGood:
    """What a running service keeps, and whether it lives on what was kept."""

    log = Logger()

    def __init__(self, reactor: Reactor, folder: Path | None, fallback: Fallback | None) -> None:
        """`folder`: None to keep nothing; `fallback`: as the start has found it."""
        self._reactor = reactor
        self._folder = folder
        self._fallback = fallback
        self._lock = threading.Lock()
        self._next: bytes | None = None
        self._writing = False

    @property
    def in_use(self) -> str:
        """One phrase for whoever asks how the service is, where it serves the last good configuration; else empty."""
        return "" if self._fallback is None else f"serving the last good configuration of {self._fallback.date}"

    def started(self, loaded: Loaded) -> str:
        """The service has begun with this. It is told loudly where that is not what the file says.

        Returns what whoever looks at the service must know, `in_use`; empty for nothing.
        """
        if self._fallback is None:
            self.took(loaded)
            return ""
        for problem in self._fallback.problems:
            self.log.error("{problem}", problem=str(problem))
        file = self._fallback.problems[0].file
        self.log.error("{in_use}: {file} is refused, and read again by a reload", in_use=self.in_use, file=file)
        return self.in_use

    def took(self, loaded: Loaded) -> None:
        """The file was good, and is in force: it is kept soon, by a thread that the end waits for."""
        self._fallback = None
        if self._folder is None:
            return
        with self._lock:
            self._next = loaded.raw
            if self._writing:
                return
            self._writing = True
        self._reactor.callInThread(self._write, self._folder)

    def _write(self, folder: Path) -> None:
        """In a thread: the newest, until there is none."""
        while (raw := self._taken()) is not None:
            try:
                store(folder, raw)
            except OSError as error:
                self._reactor.callFromThread(self._failed, error)

    def _taken(self) -> bytes | None:
        with self._lock:
            raw, self._next = self._next, None
            self._writing = raw is not None
            return raw

    def _failed(self, error: OSError) -> None:
        self.log.warn("the configuration is not kept as the last good one: {why}", why=str(error))

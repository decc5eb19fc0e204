"""How this process was started, and another like it.

The other becomes a child of process 1 (or of whoever adopts orphans here), as systemd will have it of a main process;
and it gets its descriptors as from systemd, sd_listen_fds(3). May not: wait for it, or know what it does.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pumpproxy.flow.inherited import FIRST_INHERITED, start_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHELL = "/bin/sh"
# The first shell ends at once, so that what it started in the background is an orphan. That is a shell of its own: `$$`
# of a mere subshell would be the number of the first.
_OUTER = 'cd -- "$1" || exit; shift; ' + SHELL + ' -c "$0" sh "$@" &'
_INNER = 'echo "pid $$" >&3; LISTEN_PID=$$; export LISTEN_PID; exec "$@"'
_NAME_MOST = 15
"""Bytes of a process' name that the kernel keeps: TASK_COMM_LEN, and a zero."""
# What Python ignores, and a program that it starts would go on ignoring.
_IGNORED = (signal.SIGPIPE, signal.SIGXFSZ)


@dataclass(frozen=True, slots=True)
class Launch:
    """A command, its working directory and its environment."""

    command: tuple[str, ...]
    folder: str
    environment: Mapping[str, str]

    @classmethod
    def of_process(cls) -> Self:
        """Our own. To be asked before the working directory changes, as a daemon's does.

        A program is named by its path, not by its file: what is there then may be a newer one. So is the directory,
        where its name (PWD) says more than what it is: a link to the release in use.
        """
        environment = {
            name: value
            for name, value in start_environment().items()
            if not name.startswith("LISTEN_") and name != "WATCHDOG_PID"
        }
        return cls(_command(), _folder(environment.get("PWD", "")), environment)

    def start(self, handed: Sequence[tuple[str, int]]) -> int:
        """Start it, with these descriptors by their names, the first of which it says its number to.

        Returns the number of the shell between, which the caller has to wait for. Raises OSError.
        """
        # What a relative path of the command means must not depend on where a shell ends up instead.
        Path(self.folder).stat()
        names = ":".join(name for name, _ in handed)
        environment = {**self.environment, "LISTEN_FDS": str(len(handed)), "LISTEN_FDNAMES": names}
        command = ["sh", "-c", _OUTER, _INNER, self.folder, *self.command]
        # First out of the way of each other, then to the places that they have to have.
        beyond = FIRST_INHERITED + len(handed)
        copies: list[int] = []
        try:
            copies += (fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, beyond) for _, descriptor in handed)
            moves = [(os.POSIX_SPAWN_DUP2, copy, FIRST_INHERITED + place) for place, copy in enumerate(copies)]
            return os.posix_spawn(SHELL, command, environment, file_actions=moves, setsigdef=_IGNORED)
        finally:
            for copy in copies:
                os.close(copy)


def _command() -> tuple[str, ...]:
    """A script is called as such again: the process has its name (pidof, journald's _COMM), not the interpreter's."""
    words = sys.orig_argv
    with suppress(OSError):
        name = Path("/proc/self/comm").read_text().rstrip("\n")
        # The interpreter's line may have an option between.
        for place, word in enumerate(words[1:3], 1):
            if "/" in word and Path(word).name[:_NAME_MOST] == name:
                return tuple(words[place:])
    return (sys.executable or words[0], *words[1:])


def _folder(named: str) -> str:
    """The working directory, by the name that the shell had for it where that is still right."""
    with suppress(OSError):
        if named.startswith("/") and Path(named).samefile("."):
            return named
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return named or "/"

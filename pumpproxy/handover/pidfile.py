"""twistd's pid file at a hand-over: the successor writes its own in the same place, and will not find ours there.

twistd refuses to start where the file names a process that runs, and removes it at its end, whosever it is by then.
So ours steps aside, and is removed in its new place. May not: write one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

OPTION = "pidfile"


class PidFile:
    """The file, if there is one."""

    def __init__(self, options: MutableMapping[str, object]) -> None:
        """`options`: twistd's own, which it looks at again when it ends."""
        self._options = options
        self._before = ""

    def step_aside(self) -> None:
        """Make way for a successor's. Raises OSError where that is not allowed."""
        path = Path(str(self._options.get(OPTION) or ""))
        if not path.is_absolute() or not _is_ours(path):
            return
        aside = path.with_name(f"{path.name}.{os.getpid()}")
        path.rename(aside)
        self._before = str(path)
        self._options[OPTION] = str(aside)

    def come_back(self) -> None:
        """Nobody came. What a successor wrote before it failed is replaced."""
        if self._before:
            Path(str(self._options[OPTION])).rename(self._before)
            self._options[OPTION] = self._before
            self._before = ""


def _is_ours(path: Path) -> bool:
    try:
        return path.read_text() == str(os.getpid())
    except (OSError, ValueError):
        return False

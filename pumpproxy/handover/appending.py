"""Log files that two processes write to: while a predecessor finishes, its lines and the successor's go side by side.

twistd opens its log to write on from where the end was then, so that each would overwrite what the other has written.
May not: open a file, or know which is whose.
"""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path

OPEN = Path("/proc/self/fd")


def append() -> None:
    """Have everything that this process writes to plain files go to their ends, whoever else writes there."""
    with suppress(OSError):
        for descriptor in [int(entry.name) for entry in OPEN.iterdir()]:
            # The listing's own is gone by now.
            with suppress(OSError):
                _append(descriptor)


def _append(descriptor: int) -> None:
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    if flags & os.O_ACCMODE != os.O_RDONLY and stat.S_ISREG(os.fstat(descriptor).st_mode):
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_APPEND)

"""What the kernel says of a running process and its children (proc(5)). May not: start or end one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def family(pid: int, proc: Path = PROC) -> list[int]:
    """The process and all that it has started: nginx works in a child."""
    found = [pid]
    with suppress(FileNotFoundError):
        for child in (proc / f"{pid}/task/{pid}/children").read_text("ascii").split():
            found += family(int(child), proc)
    return found


def cpu_seconds(pid: int, proc: Path = PROC) -> float:
    """User and system time of a process and its children so far.

    Exact to the nanosecond where the kernel keeps schedstat; else to a tick, which is 10 ms nearly everywhere.
    """
    return sum(_exact(one, proc) for one in family(pid, proc))


def _exact(pid: int, proc: Path) -> float:
    """The first field of each thread's schedstat: nanoseconds on a CPU (Documentation/scheduler/sched-stats)."""
    try:
        threads = list((proc / f"{pid}/task").iterdir())
        spent = sum(int((thread / "schedstat").read_text("ascii").split()[0]) for thread in threads)
    except (FileNotFoundError, NotADirectoryError):
        spent = 0
    return spent / 1e9 if spent else _by_ticks(pid, proc)


def _by_ticks(pid: int, proc: Path) -> float:
    """Fields 14 and 15 of stat, after the name in brackets, which may hold anything."""
    fields = (proc / f"{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def anonymous(pid: int, proc: Path = PROC) -> int:
    """Bytes of resident memory of a process and its children that belong to no file: what it holds for its work."""
    return sum(_kib((proc / f"{one}/status").read_text("ascii"), "RssAnon") for one in family(pid, proc)) * 1024


def _kib(text: str, name: str) -> int:
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0])
    return 0


def descriptors(pid: int, proc: Path = PROC) -> int:
    """How many descriptors a process has open."""
    return sum(1 for _ in (proc / f"{pid}/fd").iterdir())


def available_memory(proc: Path = PROC) -> int:
    """Bytes that the machine could give without swapping."""
    return _kib((proc / "meminfo").read_text("ascii"), "MemAvailable") * 1024


def total_memory(proc: Path = PROC) -> int:
    """Bytes of memory that the machine has."""
    return _kib((proc / "meminfo").read_text("ascii"), "MemTotal") * 1024

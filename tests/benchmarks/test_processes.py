"""What is read from /proc: in a tree made for the test, and of this very process."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks import processes

if TYPE_CHECKING:
    from pathlib import Path

STAT = "{} (a name) with) brackets) S 1 1 1 0 -1 0 0 0 0 0 {} {} 0 0 20 0 1 0 100 0 0"


def process(
    proc: Path, pid: int, children: str = "", ticks: tuple[int, int] = (0, 0), exact: tuple[int, ...] = ()
) -> None:
    """Write a process; `exact` are its threads' nanoseconds."""
    threads = exact or (0,)
    for at, spent in enumerate(threads):
        thread = proc / f"{pid}/task/{pid + at}"
        thread.mkdir(parents=True)
        (thread / "children").write_text(children if at == 0 else "")
        if exact:
            (thread / "schedstat").write_text(f"{spent} 7 9\n")
    (proc / f"{pid}/stat").write_text(STAT.format(pid, *ticks))
    (proc / f"{pid}/status").write_text(f"Name:\tx\nVmRSS:\t  900 kB\nRssAnon:\t  {pid} kB\n")
    (proc / f"{pid}/fd").mkdir()
    for number in range(3):
        (proc / f"{pid}/fd/{number}").touch()


def test_a_family_is_all_generations(tmp_path: Path) -> None:
    """Children and theirs; one that has just gone is no error."""
    process(tmp_path, 100, "200 300 ")
    process(tmp_path, 200, "400 ")
    process(tmp_path, 400)
    assert processes.family(100, tmp_path) == [100, 200, 400, 300]


def test_cpu_time_is_exact_where_the_kernel_keeps_it(tmp_path: Path) -> None:
    """The nanoseconds of all threads of all processes."""
    process(tmp_path, 100, "200 ", ticks=(5, 5), exact=(1_500_000_000, 250_000_000))
    process(tmp_path, 200, exact=(1_000,))
    assert processes.cpu_seconds(100, tmp_path) == pytest.approx(1.750001)


def test_cpu_time_is_counted_in_ticks_else(tmp_path: Path) -> None:
    """User and system time, found behind a name with brackets and blanks."""
    process(tmp_path, 100, ticks=(30, 12))
    assert processes.cpu_seconds(100, tmp_path) == 42 / processes.TICKS


def test_memory_is_the_anonymous_part(tmp_path: Path) -> None:
    """Of the whole family, in bytes; pages of files are not what a relay costs."""
    process(tmp_path, 100, "200 ")
    process(tmp_path, 200)
    assert processes.anonymous(100, tmp_path) == 300 * 1024


def test_descriptors_are_counted(tmp_path: Path) -> None:
    """One entry a descriptor."""
    process(tmp_path, 100)
    assert processes.descriptors(100, tmp_path) == 3


def test_the_machines_memory(tmp_path: Path) -> None:
    """In bytes; 0 where the kernel says nothing of it."""
    (tmp_path / "meminfo").write_text("MemTotal:       2048 kB\nMemFree:  1 kB\n")
    assert (processes.total_memory(tmp_path), processes.available_memory(tmp_path)) == (2048 * 1024, 0)


def test_a_real_process() -> None:
    """The one that runs this has used the CPU, holds memory, and has descriptors open."""
    if sys.platform != "linux":
        pytest.skip("machine: reads /proc")
    pid = os.getpid()
    before = processes.cpu_seconds(pid)
    assert sum(range(3_000_000)) > 0
    assert processes.cpu_seconds(pid) > before > 0
    assert processes.anonymous(pid) > 1 << 20
    assert processes.descriptors(pid) >= 3

"""`make bench` measures what it says it does; its figures themselves are nobody's assertion."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks import figures, page
from benchmarks.__main__ import MODES, asked

ROOT = Path(__file__).parents[2]
TINY = {
    "compare": [
        "--rounds",
        "1",
        "--connections",
        "50",
        "--mib",
        "1",
        "--trips",
        "50",
        "--requests",
        "50",
        "--idle",
        "8",
    ],
    "log": ["--rounds", "1", "--connections", "50"],
    "scale": ["--relays", "60", "--connections", "50", "--rest", "0.1"],
}


def run(*words: str) -> str:
    """The command to its end; what it printed."""
    command = [sys.executable, "-m", "benchmarks", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.system
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.usefixtures("compiler")
def test_each_mode_gives_every_figure(mode: str, tmp_path: Path) -> None:
    """A small run against a real daemon: each figure is printed and stored, and no client saw an error."""
    path = tmp_path / "figures.json"
    printed = run(mode, "--only", "pumpproxy", "--json", str(path), *TINY[mode])
    section = figures.stored(path)[mode]
    assert section.notes == []
    rows = MODES[mode][2]
    assert [row.key for row in rows if section.median("pumpproxy", row) is None] == []
    assert [row.title for row in rows if row.title not in printed] == []
    assert section.versions["pumpproxy"].startswith("0.")


@pytest.mark.system
@pytest.mark.usefixtures("compiler")
def test_it_ends_when_it_is_told_to(tmp_path: Path) -> None:
    """SIGTERM in the middle of a measurement: the daemon and the servers end with it, and no folder stays."""
    words = ["--only", "pumpproxy", "--relays", "8", "--connections", "8", "--rest", "600"]
    command = [sys.executable, "-m", "benchmarks", "scale", *words]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
        started = wait_for_relays(tmp_path)
        process.terminate()
        assert process.wait(60) != 0
    assert list(tmp_path.iterdir()) == []
    assert not Path(f"/proc/{started}").exists()


def wait_for_relays(folder: Path) -> int:
    """The client's process, once it holds its relays."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if re.search(rb"/client\0-k\0", path.read_bytes()) and bytes(folder) in path.read_bytes():
                    return int(path.parent.name)
        time.sleep(0.05)
    pytest.fail("no client runs")


def test_the_page_is_written_from_its_figures(tmp_path: Path) -> None:
    """Whoever runs `report` on the figures of the checkout gets the page and the plot of the checkout."""
    copy = tmp_path / "benchmarks.md"
    shutil.copy(ROOT / "docs" / "benchmarks.md", copy)
    page.report(ROOT / "docs" / "benchmarks.json", copy)
    for file in (copy, copy.with_suffix(".svg")):
        assert file.read_text("utf-8") == (ROOT / "docs" / file.name).read_text("utf-8")


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_asks_for_its_numbers(mode: str) -> None:
    """The options of a mode are those of its Effort, with its defaults."""
    given = vars(asked([mode]))
    effort = MODES[mode][1]()
    assert {name: given[name] for name in vars(effort)} == vars(effort)


def test_options_alone_mean_the_comparison() -> None:
    """`make bench ARGS="--rounds 5"` need not say `compare`."""
    assert asked(["--rounds", "5"]) == asked(["compare", "--rounds", "5"])
    assert asked([]) == asked(["compare"])

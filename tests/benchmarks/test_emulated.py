"""The script around an emulated machine, as far as it goes without one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "emulated.sh"
BASH = shutil.which("bash")

pytestmark = pytest.mark.skipif(BASH is None, reason="needs bash")


def run(*words: str, path: Path) -> subprocess.CompletedProcess[str]:
    """The script, with nothing on its path but what this folder has."""
    assert BASH is not None
    command = [BASH, str(SCRIPT), *words]
    return subprocess.run(command, env={"PATH": str(path)}, capture_output=True, text=True, check=False, timeout=60)


def test_it_says_how_it_is_called(tmp_path: Path) -> None:
    """Without a file for the figures nothing is started: a whole run would be for nothing."""
    done = run(path=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: benchmarks/emulated.sh FIGURES.json")


def test_it_names_what_it_needs(tmp_path: Path) -> None:
    """Where QEMU is missing the line that installs it is printed, and no file is made."""
    figures = tmp_path / "figures.json"
    done = run(str(figures), path=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "sudo apt-get install --no-install-recommends qemu-system-x86" in done.stderr
    assert not figures.exists()

"""The skips' own rule: where CI=true only the machine itself excuses a test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

MODULE = """
import pytest

def test_runs():
    pass

@pytest.mark.skip(reason="{reason}")
def test_is_skipped():
    pass
"""


def exit_status(folder: Path, reason: str, ci: str) -> int:
    """What pytest exits with for a module of one passing and one skipped test."""
    (folder / "conftest.py").write_text(CONFTEST.read_text("utf-8"), "utf-8")
    (folder / "test_it.py").write_text(MODULE.format(reason=reason), "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(folder), "-p", "no:cacheprovider", str(folder)]
    return subprocess.run(
        command, env={**os.environ, "CI": ci}, cwd=folder, capture_output=True, check=False
    ).returncode


@pytest.mark.parametrize(
    ("reason", "ci", "status"),
    [
        ("needs lighttpd", "true", 1),
        ("machine: no IPv6", "true", 0),
        ("needs lighttpd", "false", 0),
    ],
)
def test_a_skip_that_a_package_cures_fails_only_ci(tmp_path: Path, reason: str, ci: str, status: int) -> None:
    """A missing package fails CI and excuses a person's run; a property of the machine excuses both."""
    assert exit_status(tmp_path, reason, ci) == status

"""`make bench` measures what it says it does; its figures themselves are nobody's assertion."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import load

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
SMALL = ["--rounds", "1", "--connections", "32", "--idle", "8", "--mib", "8"]


def test_every_figure_is_printed() -> None:
    """A small run, against a real daemon, gives one figure a measurement."""
    if sys.platform != "linux":
        pytest.skip("machine: reads /proc")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *SMALL], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"^  an? .* +-?\d+\.\d\d$", done.stdout, re.MULTILINE)) == 5


def test_the_hello_is_a_real_one() -> None:
    """One TLS record with the name that the measured frontends route by."""
    assert load.HELLO[:2] == b"\x16\x03"
    assert int.from_bytes(load.HELLO[3:5], "big") == len(load.HELLO) - 5
    assert load.NAME.encode("ascii") in load.HELLO

"""`make run`, whole: stand-ins, the real proxy, every printed line; and nothing is left behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "demo"]
PATIENCE = 120
"""Seconds; only a demonstration that hangs gets there."""


def test_every_printed_line_shows_what_it_should(tmp_path: Path) -> None:
    """`python -m demo --try` runs its own lines as printed, and cleans up after itself."""
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [*COMMAND, "--try"], cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_ends_when_asked_to(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, or the end of the session or of the terminal, ends the proxy too, and removes the file and the keys."""
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    # A run in the background ignores SIGINT and SIGHUP (as nohup and a shell's `&` have it), and its children with it.
    command = ["env", "--default-signal", *COMMAND]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        try:
            seen = []
            for line in demo.stdout:
                seen.append(line)
                if "Ctrl-C ends it" in line:
                    break
            text = "".join(seen)
            proxy = re.search(r"kill -HUP (\d+)", text)
            assert proxy is not None, text
            demo.send_signal(number)
            demo.communicate(timeout=PATIENCE)
        finally:
            demo.kill()
    assert not Path("/proc", proxy[1]).exists()
    assert list(tmp_path.iterdir()) == []

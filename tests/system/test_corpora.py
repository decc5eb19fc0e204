"""The recorded cases against a running twistd: recording servers behind it see what they must, and nothing else.

The replay scripts stand beside the checkout, where the project is developed; their ports are fixed, so that everything
runs in a network namespace of its own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.system.daemon import ROOT, TWISTD
from tests.system.servers import needs

if TYPE_CHECKING:
    from pathlib import Path

CASES = ROOT.parent / "shared" / "cases"
IN_A_NAMESPACE = """
ip link set lo up
"$TWISTD" -n --pidfile= pumpproxy -c "$1/proxy.ini" >"$1/log" 2>&1 &
proxy=$!
trap 'kill $proxy; wait $proxy' EXIT
for _ in $(seq 300); do grep -q serving "$1/log" && break; sleep 0.1; done
shift
"$@"
"""


def replay(folder: Path, script: str, *arguments: str) -> str:
    """What a replay script says of the proxy with the configuration that it expects."""
    if not CASES.exists():
        pytest.skip("machine: no recorded cases beside the checkout")
    if os.geteuid() != 0:
        pytest.skip("needs root, for a network namespace")
    needs("ip", "unshare")
    program = [sys.executable, str(CASES / script)]
    configuration = subprocess.run([*program, "config", "pumpproxy"], capture_output=True, text=True, check=True)
    (folder / "proxy.ini").write_text("[global]\nlog = twistd\n" + configuration.stdout)
    command = ["unshare", "-n", "--", "bash", "-c", IN_A_NAMESPACE, "bash", str(folder), *program, "run", *arguments]
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env=os.environ | {"TWISTD": TWISTD}
    )
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in (folder / "log").read_text()
    return result.stdout


@pytest.mark.parametrize("mode", ["whole", "segments"])
def test_every_recorded_hello_is_right(tmp_path: Path, mode: str) -> None:
    """Each row's outcome is one of its `ok`, and no server is connected to without a hello for it."""
    said = replay(tmp_path, "replay_hellos.py", "--modes", mode, "--show")
    found = re.search(r"pass (\d+)/(\d+).*unclaimed backend connections (\d+)", said)
    assert found, said
    assert found[1] == found[2], said
    assert found[3] == "0", said


def test_every_recorded_request_is_right(tmp_path: Path) -> None:
    """Each row's outcome is one that it allows, and nothing ambiguous was forwarded."""
    said = replay(tmp_path, "replay_http.py", "--show")
    found = re.search(r"cases (\d+)  passed (\d+)  best \d+  safe (\d+)", said)
    assert found, said
    assert found[1] == found[2] == found[3], said

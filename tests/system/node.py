"""Servers and clients of node's: a site with WebSockets, which notes what it sees, and a client that counts echoes."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import LOOPBACK
from tests.system.servers import PATIENCE, needs

HERE = Path(__file__).parent
MODULES = Path("/usr/share/nodejs")
"""Where Debian's packages put node's libraries, as its own node knows, and no other."""
MIB = 1 << 20


def needs_node() -> None:
    """Skip where node or its library of WebSockets is not installed."""
    needs("nodejs")
    if not (MODULES / "ws").is_dir():
        pytest.skip("ws is not installed (Debian's node-ws)")


def command(script: str, *arguments: str) -> list[str]:
    """What runs a script of this folder, given `environment`."""
    return ["nodejs", str(HERE / script), *arguments]


def environment() -> dict[str, str]:
    """Ours, and where the libraries are."""
    return {**os.environ, "NODE_PATH": str(MODULES)}


class Node:
    """The site of `site.js`."""

    def __init__(self, folder: Path) -> None:
        self._notes = folder / "notes"
        with self._notes.open("wb") as notes:
            self.process = subprocess.Popen(command("site.js"), stdout=notes, env=environment())
        self.port = int(self.noted("port")["port"])

    @property
    def notes(self) -> list[dict[str, Any]]:
        """All that it noted so far."""
        return [json.loads(line) for line in self._notes.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def noted(self, fact: str, **facts: object) -> dict[str, Any]:
        """Wait for a note that tells `fact`, and has these values."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for note in self.notes:
                if fact in note and facts.items() <= note.items():
                    return note
            assert self.process.poll() is None, "it ended"
            time.sleep(0.02)
        msg = f"node noted no {fact} of {facts}"
        raise AssertionError(msg)

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(PATIENCE)


def echoes(port: int, host: str, target: str, count: int) -> dict[str, Any]:
    """What `echoes.js` tells of so many messages through the proxy at this port."""
    arguments = [f"ws://{LOOPBACK}:{port}{target}", host, str(count)]
    ran = subprocess.run(
        command("echoes.js", *arguments), env=environment(), capture_output=True, timeout=120, check=True
    )
    told: dict[str, Any] = json.loads(ran.stdout)
    return told

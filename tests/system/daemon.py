"""A real `twistd pumpproxy` for a test: started, reloaded and ended by its process id, its log at hand."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]
_BESIDE = Path(sys.executable).parent
TWISTD = str(_BESIDE / ("twistd" if (_BESIDE / "twistd").exists() else "twistd3"))
"""As pip calls it, or as Debian's python3-twisted does."""
PATIENCE = 30.0
"""Seconds for a start or a stop: they take a third of one."""


class Daemon:
    """One proxy. `path` is its file, which a test may write again before `reload`."""

    def __init__(
        self,
        folder: Path,
        text: str,
        *options: str,
        twistd: Sequence[str] = ("-n", "--pidfile="),
        environment: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
        kept: Sequence[int] = (),
    ) -> None:
        """`environment`: what is added to ours; `before`: what starts twistd; `kept`: descriptors that it gets."""
        self.path = folder / "proxy.ini"
        self.path.write_text(text)
        self.log_path = folder / "twistd.log"
        command = [*before, *self.command(self.path, options, twistd)]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=folder,
                env={**os.environ, **(environment or {})},
                pass_fds=kept,
            )

    @staticmethod
    def command(path: Path, options: Sequence[str], twistd: Sequence[str]) -> list[str]:
        """What is started."""
        return [TWISTD, *twistd, "pumpproxy", "-c", str(path), *options]

    def __enter__(self) -> Self:
        self.wait_for("serving")
        self._wait_for_its_reactor()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    @property
    def log(self) -> str:
        """All that it said so far."""
        return self.log_path.read_text(errors="replace")

    def wait_for(self, text: str, *, after: int = 0) -> str:
        """Wait until the log, from character `after` on, has this text; that part of the log."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            log = self.log[after:]
            if text in log:
                return log
            assert self.process.poll() is None or text in self.log[after:], f"it ended:\n{self.log}"
            time.sleep(0.02)
        msg = f"no {text!r} in the log:\n{self.log}"
        raise AssertionError(msg)

    def _wait_for_its_reactor(self) -> None:
        """The services start before it runs; what it opens for itself then (its wakers' pipes) is there afterwards."""
        end = time.monotonic() + PATIENCE
        status = Path(f"/proc/{self.process.pid}/status")
        while time.monotonic() < end and self.process.poll() is None:
            caught = re.search(r"^SigCgt:\s*(\w+)$", status.read_text(), re.MULTILINE)
            if caught is not None and int(caught[1], 16) >> (signal.SIGCHLD - 1) & 1:
                return
            time.sleep(0.02)

    def reload(self, text: str | None = None) -> str:
        """Write the file, if one is given, and send SIGHUP; what the log says of it."""
        if text is not None:
            self.path.write_text(text)
        after = len(self.log)
        self.process.send_signal(signal.SIGHUP)
        return self.wait_for("reload", after=after)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it, and wait; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return int(self.process.returncode)

    @property
    def resident(self) -> int:
        """Anonymous resident memory, bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("RssAnon:"))
        return int(line.split()[1]) * 1024

    @property
    def descriptors(self) -> int:
        """How many it has open."""
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())


def run_twistd(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`twistd` to its end."""
    return subprocess.run(
        [TWISTD, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
    )

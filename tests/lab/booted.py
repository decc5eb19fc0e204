"""One Debian release, booted with systemd as PID 1 by `tests/lab/lab`, and what is done inside it.

May not: touch the machine itself; everything goes through the lab's script.
"""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
LAB = str(HERE / "lab")
UNIT = "pumpproxy.service"
CERTIFICATE = "/etc/lab/cert.pem"
FILE = "/etc/pumpproxy/proxy.ini"
PATIENCE = 60.0
AROUND = 2.0
"""Seconds of load before and after what is done under it."""


class CommandFailedError(AssertionError):
    """A command inside ended with another status than it should."""


class Load:
    """What the visitors of one step met."""

    def __init__(self, report: str) -> None:
        told = json.loads(report)
        self.visits: int = told["visits"]
        self.ends: dict[str, int] = told["ends"]
        self.slowest: float = max(told["slowest"].values())
        self.p99: float = told["p99"]
        self.median: float = told["median"]

    @property
    def refused(self) -> int:
        """Connections that nobody took."""
        return self.ends.get("refused", 0)

    @property
    def broken(self) -> dict[str, int]:
        """What was neither refused nor good."""
        return {end: number for end, number in self.ends.items() if end not in {"good", "refused"}}

    def __str__(self) -> str:
        broken = ", ".join(f"{number} {end}" for end, number in self.broken.items()) or "0 broken"
        return f"{self.visits} visits, {self.refused} refused, {broken}, slowest {self.slowest:.2f} s"


class Talk:
    """What became of the WebSockets of one step."""

    def __init__(self, report: str) -> None:
        self.ends: dict[str, dict[str, float | str]] = json.loads(report)

    @property
    def lived(self) -> bool:
        """Whether both went on to the end."""
        return all(not end["error"] and end["echoes"] for end in self.ends.values())

    def __str__(self) -> str:
        return ", ".join(
            f"{name}: {end['echoes']} echoes, longest wait {float(end['longest']):.2f} s"
            + (f", ended: {end['error']}" if end["error"] else "")
            for name, end in self.ends.items()
        )


class Booted:
    """A booted release. Everything raises CommandFailedError with what was printed, unless told otherwise."""

    def __init__(self, suite: str) -> None:
        self.suite = suite

    def __enter__(self) -> Self:
        self.lab("stop", self.suite)
        self.lab("boot", self.suite)
        return self

    def __exit__(self, *_exception: object) -> None:
        self.lab("stop", self.suite)

    def lab(self, *arguments: str) -> str:
        """A command of the lab's script."""
        done = subprocess.run([LAB, *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode:
            message = f"lab {' '.join(arguments)}: status {done.returncode}\n{done.stdout}{done.stderr}"
            raise CommandFailedError(message)
        return done.stdout + done.stderr

    def install(self, *what: str) -> str:
        """Packages by name, or files, with what they depend on."""
        return self.lab("install", self.suite, "--no-install-recommends", *what)

    def ask(self, *command: str, text: str = "", seconds: float = 180) -> subprocess.CompletedProcess[str]:
        """A command inside, whatever its status; standard error is part of the output."""
        return subprocess.run(
            [LAB, "run", self.suite, *command],
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=seconds,
        )

    def run(self, *command: str, text: str = "", seconds: float = 180) -> str:
        """A command inside that must succeed; what it printed."""
        done = self.ask(*command, text=text, seconds=seconds)
        if done.returncode:
            message = f"{' '.join(command)}: status {done.returncode}\n{done.stdout}"
            raise CommandFailedError(message)
        return done.stdout.rstrip("\n")

    def shell(self, script: str) -> str:
        """A line of shell inside."""
        return self.run("sh", "-ec", script)

    def write(self, path: str, text: str) -> None:
        """A file inside, its folder made."""
        self.shell(f"mkdir -p {Path(path).parent}")
        self.run("tee", path, text=text)

    def put(self, path: Path, folder: str = "/etc/lab") -> str:
        """A file of this machine inside; its path there."""
        inside = f"{folder}/{path.name}"
        self.shell(f"mkdir -p {folder}")
        with path.open("rb") as file:
            done = subprocess.run(
                [LAB, "run", self.suite, "tee", inside], stdin=file, stdout=subprocess.DEVNULL, check=False
            )
        assert done.returncode == 0, f"{path} cannot be written inside"
        return inside

    def show(self, name: str, unit: str = UNIT) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", unit, "--property", name, "--value")

    @property
    def pid(self) -> int:
        """The daemon's main process, as systemd sees it."""
        return int(self.show("MainPID"))

    def moment(self) -> str:
        """From when on the journal is read: the beginning of a second, which this waits for.

        A cursor would not do: beside a match `--after-cursor` leaves out the first entry.
        """
        return self.run("sh", "-c", "sleep $(python3 -c 'import time; print(1 - time.time() % 1)'); date +@%s")

    def journal(self, since: str, *matches: str, output: str = "cat") -> str:
        """What the unit logged since then."""
        return self.run("journalctl", "--quiet", f"--output={output}", f"--since={since}", "-u", UNIT, *matches)

    def wait_for(self, what: str, script: str, seconds: float = PATIENCE) -> float:
        """Until a shell condition holds inside; the seconds that it took."""
        begun = time.monotonic()
        while self.ask("sh", "-c", script).returncode:
            if time.monotonic() > begun + seconds:
                status = self.ask("systemctl", "status", "--no-pager", "-n", "30", UNIT).stdout
                message = f"not within {seconds:.0f} s: {what}\n{status}"
                raise CommandFailedError(message)
            time.sleep(0.1)
        return time.monotonic() - begun

    def wait_for_another(self, pid: int, seconds: float = PATIENCE) -> int:
        """Until the service is active and its main process is not `pid`; who it is."""
        condition = (
            f"test $(systemctl is-active {UNIT}) = active && p=$(systemctl show {UNIT} -p MainPID --value) "
            f"&& test $p != 0 && test $p != {pid}"
        )
        self.wait_for(f"another main process than {pid}", condition, seconds)
        return self.pid

    @contextmanager
    def load(self, rate: float = 100, *, query: int = 0) -> Iterator[list[Load]]:
        """Visitors while the block runs, and a while around it; their report is in the list afterwards.

        `query`: bytes by which their requests, and the lines of the log, are longer.
        """
        found: list[Load] = []
        with self._beside(HERE / "load.py", str(rate), CERTIFICATE, str(query)) as process:
            time.sleep(AROUND)
            yield found
            time.sleep(AROUND)
            found.append(Load(self._end(process)))

    @contextmanager
    def sockets(self) -> Iterator[list[Talk]]:
        """WebSockets while the block runs; their report is in the list afterwards."""
        found: list[Talk] = []
        with self._beside(HERE / "sockets.py", "talk", CERTIFICATE) as process:
            time.sleep(1)
            yield found
            time.sleep(1)
            found.append(Talk(self._end(process)))

    @contextmanager
    def _beside(self, script: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        path = f"/etc/lab/{script.name}"
        self.write(path, script.read_text())
        process = subprocess.Popen(
            [LAB, "run", self.suite, "python3", path, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> str:
        """End its input, and take its last line."""
        said, _ = process.communicate(timeout=PATIENCE * 2)
        assert process.returncode == 0, said
        return said.splitlines()[-1]

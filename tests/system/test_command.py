"""The command `pumpproxy` as systemd and a person at a shell meet it: a process, its statuses, its signals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fakes import LOOPBACK, unused_port
from tests.system.daemon import PATIENCE, ROOT, Daemon
from tests.system.servers import naming_server
from tests.system.test_command_line import site

if TYPE_CHECKING:
    from collections.abc import Sequence

PUMPPROXY = str(Path(sys.executable).parent / "pumpproxy")
SHIPPED = str(ROOT / "etc" / "proxy.ini")


class Foreground(Daemon):
    """A `pumpproxy run`."""

    @staticmethod
    def command(path: Path, options: Sequence[str], _twistd: Sequence[str]) -> list[str]:
        """The subcommand's words."""
        return [PUMPPROXY, "run", "-c", str(path), *options]


def pumpproxy(*words: str) -> subprocess.CompletedProcess[str]:
    """A subcommand, to its end."""
    return subprocess.run([PUMPPROXY, *words], capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=ROOT)


def served_by(port: int) -> bytes:
    """Who answers there."""
    with socket.create_connection((LOOPBACK, port), PATIENCE) as connection:
        connection.sendall(b"\n")
        return connection.recv(100)


def tcp(port: int, server: int) -> str:
    """A site that reads nothing of its clients."""
    return site(port, server).replace("mode = tls", "mode = tcp")


def test_it_serves_reloads_and_ends(tmp_path: Path) -> None:
    """One process from the start to the end; a reload that is refused changes nothing."""
    port = unused_port()
    with naming_server(b"one") as one, naming_server(b"two") as two, Foreground(tmp_path, tcp(port, one)) as running:
        assert served_by(port) == b"one"
        assert "reload: " in running.reload(tcp(port, two))
        assert served_by(port) == b"two"
        assert "reload refused" in running.reload("[frontend f]\n")
        assert served_by(port) == b"two"
        assert Path(f"/proc/{running.process.pid}/stat").exists()
        assert running.stop() == -signal.SIGTERM
    assert list(tmp_path.glob("*.pid")) == []


@pytest.mark.parametrize(
    ("text", "options", "status"),
    [
        ("[frontend f]\n", [], 78),
        (None, ["--grace", "fast"], 2),
        (None, ["--no-such"], 2),
    ],
)
def test_a_start_that_fails(tmp_path: Path, text: str | None, options: list[str], status: int) -> None:
    """The statuses are those of `twistd pumpproxy`."""
    file = tmp_path / "proxy.ini"
    file.write_text(text or tcp(unused_port(), 1))
    result = pumpproxy("run", "-c", str(file), *options)
    assert result.returncode == status
    assert "Traceback" not in result.stderr
    assert result.stderr


def test_a_busy_port(tmp_path: Path) -> None:
    """71, and one line."""
    file = tmp_path / "proxy.ini"
    with socket.create_server((LOOPBACK, 0)) as busy:
        file.write_text(tcp(busy.getsockname()[1], 1))
        result = pumpproxy("run", "-c", str(file))
    assert (result.returncode, len(result.stderr.splitlines())) == (71, 1)


def test_the_last_good_one(tmp_path: Path) -> None:
    """What was taken last is served by a start with a bad file, loudly, until a reload finds the file good."""
    kept = tmp_path / "last-good.ini"
    port = unused_port()
    options = ("--last-good", str(tmp_path))
    with naming_server(b"one") as one, naming_server(b"two") as two:
        with Foreground(tmp_path, tcp(port, one), *options) as running:
            running.reload(tcp(port, two))
            running.reload("[frontend f]\n")
            assert running.stop() == -signal.SIGTERM
        # Whoever writes ends before the process does.
        assert kept.read_text() == tcp(port, two)
        assert kept.stat().st_mode & 0o777 == 0o600
        running.log_path.unlink()
        with Foreground(tmp_path, "[frontend f]\n", *options) as running:
            running.wait_for("serving the last good configuration of ")
            assert f"{running.path}:1: [frontend f] has no mode" in running.log
            assert served_by(port) == b"two"
            assert "reload refused" in running.reload("[frontend g]\n")
            assert served_by(port) == b"two"
            running.reload(tcp(port, one))
            assert served_by(port) == b"one"
    assert kept.read_text() == tcp(port, one)


def test_strict_refuses_all_the_same(tmp_path: Path) -> None:
    """78, with the file's problems alone; without it and with nothing good the kept one's, too."""
    file, kept = tmp_path / "proxy.ini", tmp_path / "last-good.ini"
    file.write_text("[frontend f]\n")
    kept.write_text(tcp(unused_port(), 1))
    result = pumpproxy("run", "-c", str(file), "--last-good", str(tmp_path), "--strict")
    assert result.returncode == 78
    assert str(kept) not in result.stderr
    kept.write_text("[frontend g]\n")
    result = pumpproxy("run", "-c", str(file), "--last-good", str(tmp_path))
    assert result.returncode == 78
    assert f"{file}:1: [frontend f]" in result.stderr
    assert f"{kept}:1: [frontend g]" in result.stderr


def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    """A warning, and it serves."""
    port = unused_port()
    with naming_server(b"one") as one, Foreground(tmp_path, tcp(port, one), "--last-good", "/proc/no/such") as running:
        running.wait_for("is not kept as the last good one: ")
        assert served_by(port) == b"one"


def test_check_and_route_of_the_shipped_file() -> None:
    """As README shows them; nothing is on standard error, and nothing is coloured."""
    checked = pumpproxy("check", "-c", SHIPPED)
    assert (checked.returncode, checked.stderr) == (0, "")
    routed = pumpproxy("route", "pump2.thisshitistemp.com", "-c", SHIPPED)
    assert (routed.returncode, routed.stderr) == (0, "")
    assert "wins " in routed.stdout
    assert "\x1b" not in checked.stdout + routed.stdout


def test_colours_on_a_terminal(tmp_path: Path) -> None:
    """Unless NO_COLOR says otherwise."""
    file = tmp_path / "bad.ini"
    file.write_text("[frontend f]\n")
    said = []
    for more in ({}, {"NO_COLOR": "1"}):
        ours, theirs = os.openpty()
        environ = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        try:
            subprocess.run(
                [PUMPPROXY, "check", "-q", "-c", str(file)],
                stderr=theirs, env={**environ, "TERM": "xterm", **more}, check=False, timeout=PATIENCE,
            )  # fmt: skip
            said.append(os.read(ours, 4096))
        finally:
            os.close(ours)
            os.close(theirs)
    assert b"\x1b[31merror:\x1b[0m" in said[0]
    assert b"\x1b" not in said[1]
    assert b"error:" in said[1]

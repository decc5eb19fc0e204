"""`twistd pumpproxy` as a person at a terminal meets it: checks, versions, usage, ports, privileges."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pumpproxy import __version__
from tests.fakes import LOOPBACK, unused_port
from tests.system.daemon import PATIENCE, ROOT, TWISTD, Daemon, run_twistd
from tests.system.servers import echo_server, naming_server

if TYPE_CHECKING:
    from collections.abc import Callable

FIVE_MISTAKES = """\
[global]
maxcon = 4000

[frontend web]
mode = tls
bind = *:99999
timeout-client = 5000
default-backend = nowhere

[backend here]
server one 127.0.0.1:8443
"""


def site(port: int, server: int, *lines: str) -> str:
    """A `tls` frontend on a port, before one server."""
    return "\n".join(
        (
            "[global]",
            "log = twistd",
            "[frontend f]",
            "mode = tls",
            f"bind = {LOOPBACK}:{port}",
            "default-backend = b",
            *lines,
            "[backend b]",
            f"server s = {LOOPBACK}:{server}",
            "",
        )
    )


def test_check_of_the_shipped_file_prints_one_line() -> None:
    """Exit status 0, one line, nothing on stderr."""
    result = run_twistd("-n", "pumpproxy", "-c", str(ROOT / "etc" / "proxy.ini"), "--check")
    assert (result.returncode, result.stderr) == (0, "")
    assert len(result.stdout.splitlines()) == 1


def test_check_shows_all_problems_with_their_lines(tmp_path: Path) -> None:
    """Five different mistakes are five lines on stderr, each with file, line and key; exit status 1."""
    file = tmp_path / "bad.ini"
    file.write_text(FIVE_MISTAKES)
    result = run_twistd("-n", "pumpproxy", "-c", str(file), "--check")
    assert result.returncode == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    starts = [2, 6, 7, 8, 11]
    assert [line for line in lines if "warning" not in line and "refers to" not in line.split(": ", 2)[-1]]
    for number in starts:
        assert any(line.startswith(f"{file}:{number}: ") for line in lines), (number, result.stderr)
    assert "did you mean 'maxconn'" in result.stderr
    assert "5s" in result.stderr


def test_check_does_not_mind_a_running_daemon(tmp_path: Path) -> None:
    """The pid file of a daemon that runs does not stop a check."""
    (tmp_path / "twistd.pid").write_text(f"{os.getpid()}\n")
    file = tmp_path / "proxy.ini"
    file.write_text(site(unused_port(), 1))
    result = run_twistd("pumpproxy", "-c", str(file), "--check", cwd=tmp_path)
    assert result.returncode == 0, result.stderr


def test_the_version_is_ours() -> None:
    """Not Twisted's."""
    result = run_twistd("pumpproxy", "--version")
    assert (result.returncode, result.stdout) == (0, f"pumpproxy {__version__}\n")


@pytest.mark.parametrize("wrong", [("--chek",), ("word",), ("--grace", "5"), ("-c",)])
def test_wrong_usage_is_exit_status_2_and_one_line(wrong: tuple[str, ...]) -> None:
    """Twisted alone would print the whole help and exit with 1."""
    result = run_twistd("pumpproxy", *wrong)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def test_a_file_with_problems_starts_nothing(tmp_path: Path) -> None:
    """Every problem is shown, and the exit status is EX_CONFIG."""
    file = tmp_path / "bad.ini"
    file.write_text(FIVE_MISTAKES)
    result = run_twistd("-n", "--pidfile=", "pumpproxy", "-c", str(file))
    assert result.returncode == 78
    assert f"{file}:6: " in result.stderr


@pytest.mark.parametrize("options", [("-n", "--pidfile="), ("--pidfile=",)])
def test_a_busy_port_is_one_line_and_a_failure(tmp_path: Path, options: tuple[str, ...]) -> None:
    """In the foreground and as a daemon alike: one line on stderr, no traceback, exit status EX_OSERR."""
    with socket.create_server((LOOPBACK, 0)) as busy:
        file = tmp_path / "proxy.ini"
        port = busy.getsockname()[1]
        file.write_text(site(port, 1))
        result = run_twistd(*options, "pumpproxy", "-c", str(file), cwd=tmp_path)
    assert result.returncode == 71
    assert result.stderr == f"pumpproxy: cannot listen on {LOOPBACK}:{port}: address already in use\n"


def ask(port: int, hello: bytes) -> bytes:
    """What a server behind the proxy answers to a hello."""
    with socket.create_connection((LOOPBACK, port), PATIENCE) as connection:
        connection.settimeout(PATIENCE)
        connection.sendall(hello)
        answer = b""
        while data := connection.recv(100):
            answer += data
        return answer


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a fact, for a bounded time."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_daemon_binds_as_root_and_serves_as_somebody_else(tmp_path: Path, hello: bytes) -> None:
    """Twistd's --uid and --gid: a port below 1024 is bound, and the process is nobody's afterwards."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    tmp_path.chmod(0o755)
    # pytest's own two folders; the one above them is the system's, and not ours to change.
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    port = next(port for port in range(700, 1000) if _is_free(port))
    with naming_server(b"served") as server:
        file, pid_file = tmp_path / "proxy.ini", tmp_path / "proxy.pid"
        file.write_text(site(port, server))
        options = ("--pidfile", str(pid_file), "--logfile", str(tmp_path / "log"), "--uid", "65534", "--gid", "65534")
        result = run_twistd(*options, "pumpproxy", "-c", str(file), cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        pid = int(pid_file.read_text())
        try:
            assert ask(port, hello) == b"served"
            status = Path(f"/proc/{pid}/status").read_text()
            assert "Uid:\t65534\t65534\t65534\t65534" in status
            assert "Gid:\t65534\t65534\t65534\t65534" in status
            os.kill(pid, signal.SIGHUP)
            wait_until(lambda: "nothing changed" in (tmp_path / "log").read_text())
            assert ask(port, hello) == b"served"
        finally:
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not Path(f"/proc/{pid}").exists())


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) != 0


def test_a_socket_of_systemd_is_served(tmp_path: Path, hello: bytes) -> None:
    """`systemd:NAME` takes the descriptor that was handed over under this name."""
    with naming_server(b"inherited") as server, socket.create_server((LOOPBACK, 0)) as listening:
        file = tmp_path / "proxy.ini"
        file.write_text(site(1, server).replace(f"{LOOPBACK}:1\n", "systemd:tls\n"))
        # A shell between us and twistd sets LISTEN_PID to the process that twistd becomes, as systemd does.
        script = f'exec 3<&{listening.fileno()}; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=tls exec "$@"'
        command = ["bash", "-c", script, "bash", TWISTD, "-n", "--pidfile=", "pumpproxy", "-c", str(file)]
        log = tmp_path / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, pass_fds=(listening.fileno(),))
        try:
            wait_until(lambda: "serving" in log.read_text() or process.poll() is not None)
            assert ask(listening.getsockname()[1], hello) == b"inherited", log.read_text()
        finally:
            process.terminate()
            process.wait(PATIENCE)


def test_a_unix_socket_is_served(tmp_path: Path, hello: bytes) -> None:
    """`bind = unix:PATH`; the path goes with the daemon."""
    path = tmp_path / "front.sock"
    with naming_server(b"by path") as server:
        text = site(1, server).replace(f"{LOOPBACK}:1\n", f"unix:{path}\n")
        with Daemon(tmp_path, text) as daemon:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(PATIENCE)
                connection.connect(str(path))
                connection.sendall(hello)
                assert connection.recv(100) == b"by path"
            daemon.wait_for("unix:0 [")
    assert not path.exists()


def test_descriptors_that_run_out_are_survived(tmp_path: Path, hello: bytes) -> None:
    """More clients than descriptors: said once, nobody refused, and served when some are back."""
    with naming_server(b"served") as server:
        port = unused_port()
        twistd = ("-n", "--pidfile=")
        text = site(port, server, "inspect-delay = 1m").replace("log = twistd", "log = twistd\nmaxconn = 1000")
        file = tmp_path / "proxy.ini"
        file.write_text(text)
        log = tmp_path / "log"
        command = [TWISTD, *twistd, "pumpproxy", "-c", str(file)]
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            wait_until(lambda: "serving" in log.read_text() or process.poll() is not None)
            # Only now: at its start it looks how many there are, and takes no more clients than they suffice for.
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (60, 60))
            waiting = [socket.create_connection((LOOPBACK, port), PATIENCE) for _ in range(100)]
            wait_until(lambda: "cannot accept" in log.read_text())
            for connection in waiting:
                connection.settimeout(PATIENCE)
            for connection in waiting[:60]:
                connection.close()
            for connection in waiting[60:]:
                connection.sendall(hello)
                assert connection.recv(100) == b"served"
                connection.close()
            assert ask(port, hello) == b"served"
            text = log.read_text()
            assert text.count("cannot accept") <= 3, "said once, not once a second"
            assert "accepting again" in text
            assert "Traceback" not in text
        finally:
            process.terminate()
            process.wait(PATIENCE)


def test_sigterm_ends_at_once_without_grace(tmp_path: Path, hello: bytes) -> None:
    """A running relay is cut, and its line says SHUTDOWN."""
    with echo_server(b"w") as server:
        port = unused_port()
        with Daemon(tmp_path, site(port, server)) as daemon, socket.create_connection((LOOPBACK, port)) as connection:
            connection.settimeout(PATIENCE)
            connection.sendall(hello)
            assert connection.recv(1) == b"w"
            daemon.stop()
            assert "outcome=shutdown" in daemon.log
            with pytest.raises(ConnectionResetError):
                connection.recv(1)


def test_sigterm_with_grace_lets_relays_finish(tmp_path: Path, hello: bytes) -> None:
    """Nobody new is accepted, the running relay goes on, and the daemon ends with it."""
    with echo_server(b"w") as server:
        port = unused_port()
        with Daemon(tmp_path, site(port, server), "--grace", "1m") as daemon:
            with socket.create_connection((LOOPBACK, port)) as connection:
                connection.settimeout(PATIENCE)
                connection.sendall(hello)
                assert connection.recv(1) == b"w"
                daemon.process.send_signal(signal.SIGTERM)
                daemon.wait_for("waiting for 1 connection")
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection((LOOPBACK, port))
                connection.sendall(b"still there?")
                assert connection.recv(100) == b"still there?"
            daemon.process.wait(PATIENCE)
        assert "outcome=completed" in daemon.log


def test_a_second_sigterm_cuts_the_grace_short(tmp_path: Path, hello: bytes) -> None:
    """Who asks twice does not want to wait."""
    port = unused_port()
    with (
        echo_server(b"w") as server,
        Daemon(tmp_path, site(port, server), "--grace", "1h") as daemon,
        socket.create_connection((LOOPBACK, port)) as connection,
    ):
        connection.settimeout(PATIENCE)
        connection.sendall(hello)
        assert connection.recv(1) == b"w"
        daemon.process.send_signal(signal.SIGTERM)
        daemon.wait_for("waiting for 1 connection")
        daemon.process.send_signal(signal.SIGTERM)
        daemon.process.wait(PATIENCE)
        assert "outcome=shutdown" in daemon.log
        assert "Traceback" not in daemon.log

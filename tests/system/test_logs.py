"""Logs of our own while files are rotated, and while nobody reads: no line is lost unseen, and nobody waits."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.fakes import LOOPBACK, client_hello, unused_port
from tests.stats.journald import Journald
from tests.stats.reactors import until
from tests.system.daemon import Daemon
from tests.system.servers import PATIENCE, naming_server

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HELLO = client_hello("pump2.example.test")
OTHER = client_hello("other.example.test")
AT_ONCE = 4
TWISTD_WITH = (
    "from pumpproxy.model import UnixAddress\n"
    "from pumpproxy.stats import datagrams, outlets\n"
    "outlets.JOURNAL, datagrams.MOST = UnixAddress({path!r}), 50_000\n"
    "from twisted.scripts.twistd import run\n"
    "run()"
)
"""What stands for twistd where journald is at a path of the test's; little is kept."""
SYSTEMD = "import os\nos.environ['JOURNAL_STREAM'] = '%d:%d' % (os.fstat(2).st_dev, os.fstat(2).st_ino)\n"
"""As systemd starts it."""


class BesideJournald(Daemon):
    """A proxy whose journald is at `journal` in its folder."""

    start = TWISTD_WITH

    @classmethod
    def command(cls, path: Path, options: Sequence[str], twistd: Sequence[str]) -> list[str]:
        """What is started."""
        program = cls.start.format(path=str(path.parent / "journal"))
        return [sys.executable, "-c", program, *twistd, "pumpproxy", "-c", str(path), *options]


class UnderSystemd(BesideJournald):
    """... and where its standard error leads to, as it is told."""

    start = SYSTEMD + TWISTD_WITH


def file(port: int, behind: int, log: str) -> str:
    """One route to one server."""
    return (
        f"[global]\nlog = {log}\n[frontend f]\nmode = tls\nbind = {LOOPBACK}:{port}\ndefault-backend = b\n"
        f"unknown-sni = b\n[backend b]\nserver s = {LOOPBACK}:{behind}\n"
    )


def name_of(port: int, hello: bytes = HELLO) -> bytes:
    """What the server behind says; the connection is over then."""
    with socket.create_connection((LOOPBACK, port), PATIENCE) as connection:
        connection.sendall(hello)
        found = b""
        while data := connection.recv(100):
            found += data
        return found


class Visitors:
    """Connections one after the other, some at a time, until there were enough."""

    def __init__(self, port: int, each: int) -> None:
        self.served = 0
        self.slowest = 0.0
        self._lock = threading.Lock()
        self._port, self._each = port, each
        self._threads = [threading.Thread(target=self._come) for _ in range(AT_ONCE)]
        for thread in self._threads:
            thread.start()

    def _come(self) -> None:
        for _ in range(self._each):
            began = time.monotonic()
            served = name_of(self._port) == b"one"
            with self._lock:
                self.served += served
                self.slowest = max(self.slowest, time.monotonic() - began)

    def join(self) -> None:
        """Wait for all of them."""
        for thread in self._threads:
            thread.join()


def test_a_file_is_rotated_under_load(tmp_path: Path) -> None:
    """As logrotate does it: moved away, SIGUSR1. Every connection has its line in one of the files, and only there."""
    port, log = unused_port(), tmp_path / "log"
    log.mkdir()
    path = log / "access.log"
    rotations, each = 6, 150
    with naming_server(b"one") as behind, Daemon(tmp_path, file(port, behind, f"file:{path}")) as daemon:
        visitors = Visitors(port, each)
        for number in range(rotations):
            until(path.exists)
            path.rename(log / f"access.log.{number}")
            daemon.process.send_signal(signal.SIGUSR1)
            time.sleep(0.1)
        visitors.join()
        assert daemon.stop() == -signal.SIGTERM
    assert visitors.served == each * AT_ONCE
    texts = [one.read_text() for one in log.iterdir()]
    assert len(texts) == rotations + 1
    assert all(text.endswith("\n") for text in texts if text)
    clients = re.findall(rf": {LOOPBACK}:(\d+) \[[^]]*\] f b/s .* outcome=completed$", "".join(texts), re.MULTILINE)
    assert len(clients) == visitors.served
    assert "is written again" not in daemon.log


def test_without_a_file_sigusr1_is_no_end(tmp_path: Path) -> None:
    """Logrotate does not know what the file says."""
    port = unused_port()
    with naming_server(b"one") as behind, Daemon(tmp_path, file(port, behind, "twistd")) as daemon:
        daemon.process.send_signal(signal.SIGUSR1)
        assert name_of(port) == b"one"
        assert daemon.process.poll() is None


def test_twistds_own_file_is_rotated_too(tmp_path: Path) -> None:
    """By twistd, as without us; ours is opened anew by the same signal."""
    port, path, own = unused_port(), tmp_path / "access.log", tmp_path / "own.log"
    options = ("-n", "--pidfile=", f"--logfile={own}")
    with naming_server(b"one") as behind:
        daemon = Daemon(tmp_path, file(port, behind, f"file:{path}"), twistd=options)
        try:
            until(lambda: own.exists() and "serving" in own.read_text() and path.exists())
            daemon._wait_for_its_reactor()
            assert name_of(port) == b"one"
            path.rename(tmp_path / "access.log.1")
            daemon.process.send_signal(signal.SIGUSR1)
            until(lambda: (tmp_path / "own.log.1").exists() and path.exists())
        finally:
            daemon.stop()
    assert "serving" in (tmp_path / "own.log.1").read_text()
    assert "Server Shut Down" in own.read_text()


@pytest.mark.parametrize("observer", [False, True])
def test_a_journal_that_nobody_reads_makes_nobody_wait(tmp_path: Path, observer: bool) -> None:  # noqa: FBT001
    """Connections go on; what is kept comes when it is read, the rest is counted, and together that is everything."""
    port, each = unused_port(), 150
    journald = Journald(tmp_path / "journal")
    twistd = ("-n", "--pidfile=", *(["--logger=pumpproxy.stats.notices.observer"] if observer else []))
    with (
        naming_server(b"one") as behind,
        BesideJournald(tmp_path, file(port, behind, "journal"), twistd=twistd) as daemon,
    ):
        assert name_of(port, OTHER) == b"one"
        visitors = Visitors(port, each)
        visitors.join()
        assert visitors.served == each * AT_ONCE
        assert visitors.slowest < PATIENCE / 2
        daemon.wait_for(" log lines were lost: journal: it does not keep up")
        entries = []

        def read() -> bool:
            entries.extend(journald.entries())
            return any("lines were lost" in entry["MESSAGE"] for entry in entries)

        until(read)
        assert name_of(port) == b"one"
        daemon.stop()
    entries += journald.entries()
    lost = sum(map(int, re.findall(r"(\d+) log lines were lost: journal", daemon.log)))
    told = [entry for entry in entries if entry.get("PUMPPROXY_OUTCOME") == "completed"]
    assert lost
    assert len(told) + lost == visitors.served + 2
    assert [entry["PUMPPROXY_SNI"] for entry in told].count("other.example.test") == 1
    assert "serving" in "".join(entry["MESSAGE"] for entry in entries)
    journald.close()


def test_under_systemd_everything_is_in_the_journal_once(tmp_path: Path) -> None:
    """With our observer twistd's log is the journal, too, from its first line to its last; losses are told there."""
    port = unused_port()
    journald = Journald(tmp_path / "journal")
    entries: list[dict[str, str]] = []

    def said(text: str) -> bool:
        entries.extend(journald.entries())
        return any(text in entry["MESSAGE"] for entry in entries)

    with naming_server(b"one") as behind:
        options = ("-n", "--pidfile=", "--logger=pumpproxy.stats.notices.observer")
        daemon = UnderSystemd(tmp_path, file(port, behind, "journal"), twistd=options)
        try:
            until(lambda: said("serving"))
            Visitors(port, 50).join()
            until(lambda: said(" log lines were lost: journal: it does not keep up"))
        finally:
            daemon.stop()
    assert said("Server Shut Down.")
    assert daemon.log == ""
    messages = [entry["MESSAGE"] for entry in entries if "PUMPPROXY_OUTCOME" not in entry]
    assert messages[0].startswith("twistd ")
    assert len(set(messages)) == len(messages)
    lost = sum(map(int, re.findall(r"(\d+) log lines were lost", "\n".join(messages))))
    assert len(entries) - len(messages) + lost == 50 * AT_ONCE
    journald.close()


def test_the_last_lines_are_there_at_the_end(tmp_path: Path) -> None:
    """Of connections that the end cut, in the journal too."""
    port = unused_port()
    journald = Journald(tmp_path / "journal")
    with naming_server(b"one") as behind, BesideJournald(tmp_path, file(port, behind, "journal")) as daemon:
        with socket.create_connection((LOOPBACK, port), PATIENCE) as connection:
            connection.sendall(HELLO[:20])
            time.sleep(0.2)
            daemon.stop()
        entries = journald.entries()
    assert [entry["PUMPPROXY_OUTCOME"] for entry in entries if "PUMPPROXY_OUTCOME" in entry] == ["shutdown"]
    journald.close()


def test_a_place_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    """It is said loudly, at the start and at a reload; connections are served."""
    port = unused_port()
    with naming_server(b"one") as behind, Daemon(tmp_path, file(port, behind, "file:/nowhere/log")) as daemon:
        told = daemon.wait_for("/nowhere/log cannot be written")
        assert "#error] log: file:/nowhere/log cannot be written (No such file or directory)" in told
        assert name_of(port) == b"one"
        told = daemon.reload(file(port, behind, "syslog:local2@unix:/nowhere/log.sock"))
        daemon.wait_for("#error] log: syslog:local2@unix:/nowhere/log.sock cannot be written")
        assert name_of(port) == b"one"
    assert re.search(r"[1-9]\d* log lines? w\w+ lost: file:/nowhere/log: it did not take them", daemon.log)


def test_a_daemon_writes_from_the_process_that_it_becomes(tmp_path: Path) -> None:
    """Nothing of ours is lost by twistd's fork: the thread, and the number in the lines."""
    port, path, pid = unused_port(), tmp_path / "access.log", tmp_path / "twistd.pid"
    with naming_server(b"one") as behind:
        daemon = Daemon(tmp_path, file(port, behind, f"file:{path}"), twistd=(f"--pidfile={pid}", "--umask=077"))
        assert daemon.process.wait(PATIENCE) == 0
        number = int(pid.read_text())
        try:
            assert name_of(port) == b"one"
            until(lambda: path.exists() and "outcome=completed" in path.read_text())
        finally:
            os.kill(number, signal.SIGTERM)
            until(lambda: not pid.exists())
    assert f" pumpproxy[{number}]: {LOOPBACK}:" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o640

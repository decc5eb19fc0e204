"""A real rsyslogd gets our lines, and a real halog counts them."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.fakes import LOOPBACK, unused_port
from tests.stats.reactors import until
from tests.system.daemon import Daemon
from tests.system.rsyslog import Rsyslog, halog
from tests.system.servers import PATIENCE, needs, tcp_server
from tests.system.test_logs import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\none"


@pytest.fixture
def rsyslog(tmp_path: Path) -> Iterator[Rsyslog]:
    """A real one."""
    needs("rsyslogd", "halog")
    made = Rsyslog(tmp_path)
    yield made
    made.stop()


def serve(connection: socket.socket) -> None:
    """A page, whatever is asked."""
    connection.recv(65536)
    connection.sendall(PAGE)


class Ports:
    """A tls and an http frontend before one server."""

    def __init__(self, behind: int, gone: int) -> None:
        self.tls, self.http = unused_port(), unused_port()
        self._site = (
            f"[frontend https]\nmode = tls\nbind = {LOOPBACK}:{self.tls}\nunknown-sni = b\ndefault-backend = b\n"
            f"[frontend http]\nmode = http\nbind = {LOOPBACK}:{self.http}\nroute a.example = web\n"
            "route old.example = redirect https\n"
            f"[backend b]\nserver raw = {LOOPBACK}:{behind}\n"
            f"[backend web]\nmode = http\nserver www = {LOOPBACK}:{behind}\n"
            f"server spare = {LOOPBACK}:{gone} check inter=1s\n"
        )

    def file(self, log: str) -> str:
        """With this log."""
        return f"[global]\nlog = {log}\n{self._site}"

    def get(self, host: str, path: str) -> bytes:
        """The answer to one request."""
        with socket.create_connection((LOOPBACK, self.http), PATIENCE) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            return connection.recv(65536)


@pytest.mark.parametrize("kind", ["unix", "udp"])
def test_halog_counts_our_lines(tmp_path: Path, rsyslog: Rsyslog, kind: str) -> None:
    """Requests by status, server and path; connections by server; a server that is DOWN stands with the errors."""
    place = f"unix:{rsyslog.socket}" if kind == "unix" else f"udp:{LOOPBACK}:{rsyslog.port}"
    with tcp_server(serve) as behind:
        ports = Ports(behind, unused_port())
        with Daemon(tmp_path, ports.file(f"syslog:local2@{place}")) as daemon:
            daemon.wait_for("web/spare is DOWN")
            for _ in range(7):
                assert ports.get("a.example", "/page").endswith(b"one")
            for _ in range(3):
                assert b" 301 " in ports.get("old.example", "/old")
            for _ in range(5):
                assert name_of(ports.tls) == PAGE
            lines = rsyslog.wait_for(15, " outcome=")
            until(lambda: "web/spare is DOWN" in rsyslog.errors.read_text())
    assert all(f" pumpproxy[{daemon.process.pid}]: " in line for line in lines)
    assert len(rsyslog.errors.read_text().splitlines()) == 1
    requests = {(row[0], row[7]) for row in halog(rsyslog.lines, "-H", "-srv")}
    assert requests == {("web/www", "7"), ("http/<NOSRV>", "3")}
    assert halog(rsyslog.lines, "-H", "-st") == [["200", "7"], ["301", "3"]]
    assert {(row[-1], row[0]) for row in halog(rsyslog.lines, "-u")} == {("/page", "7"), ("/old", "3")}
    assert "b/raw" in {row[0] for row in halog(rsyslog.lines, "-srv")}


def test_a_syslog_daemon_that_restarts_misses_nothing(tmp_path: Path, rsyslog: Rsyslog) -> None:
    """What is logged while it is away comes when it is back; its absence is said."""
    with tcp_server(serve) as behind:
        ports = Ports(behind, unused_port())
        with Daemon(tmp_path, ports.file(f"syslog:local2@unix:{rsyslog.socket}")) as daemon:
            ports.get("a.example", "/before")
            rsyslog.wait_for(1, "/before")
            rsyslog.stop()
            for number in range(20):
                ports.get("a.example", f"/meanwhile-{number}")
            daemon.wait_for("cannot be written")
            rsyslog.start()
            ports.get("a.example", "/after")
            lines = rsyslog.wait_for(1, "/after")
            daemon.wait_for("is written again")
    paths = [line.partition('"GET ')[2].partition(" ")[0] for line in lines if '"GET ' in line]
    assert paths == ["/before", *(f"/meanwhile-{number}" for number in range(20)), "/after"]
    assert "lost" not in daemon.log


def test_halog_reads_our_own_file(tmp_path: Path) -> None:
    """With the head that a syslog daemon writes, so without options."""
    needs("halog")
    path = tmp_path / "access.log"
    with tcp_server(serve) as behind:
        ports = Ports(behind, unused_port())
        with Daemon(tmp_path, ports.file(f"file:{path}")):
            for _ in range(4):
                ports.get("a.example", "/page")
    assert halog(path, "-H", "-st") == [["200", "4"]]

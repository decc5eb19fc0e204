"""A real nameserver for the daemon."""

from __future__ import annotations

import getpass
import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.fakes import LOOPBACK, unused_port
from tests.system.servers import PATIENCE, wait_for_port

if TYPE_CHECKING:
    from pathlib import Path


class Dnsmasq:
    """Answers from lines of its own configuration: `host-record=NAME,ADDRESS`, `srv-host=NAME,HOST,PORT,...`."""

    def __init__(self, folder: Path) -> None:
        self.port = unused_port()
        self.log_path = folder / "dnsmasq.log"
        self._path = folder / "dnsmasq.conf"
        self._process: subprocess.Popen[bytes] | None = None

    def serve(self, *lines: str, ttl: int = 0) -> None:
        """These, from now on; it is started anew, on the same port."""
        self.stop()
        own = [
            f"port={self.port}",
            f"listen-address={LOOPBACK}",
            "bind-interfaces",
            "no-resolv",
            "no-hosts",
            f"local-ttl={ttl}",
            f"user={getpass.getuser()}",
            "pid-file",
            "log-queries",
            f"log-facility={self.log_path}",
        ]
        self._path.write_text("\n".join([*own, *lines, ""]))
        program = shutil.which("dnsmasq") or "/usr/sbin/dnsmasq"
        self._process = subprocess.Popen([program, "--keep-in-foreground", "--conf-file=" + str(self._path)])
        wait_for_port(self.port, self._process)

    def stop(self) -> None:
        """Nobody answers any more."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process = None

    @property
    def asked(self) -> list[str]:
        """What it was asked, as `query[TYPE] NAME`."""
        lines = self.log_path.read_text().splitlines()
        return [" ".join(line[line.index("query[") :].split()[:2]) for line in lines if "query[" in line]

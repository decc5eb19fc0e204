"""A real rsyslogd, with a socket, a port and files of its own; and halog, which counts what is in them."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

from tests.fakes import LOOPBACK, unused_port
from tests.system.servers import PATIENCE


class Rsyslog:
    """It writes what comes at local2 to `lines`, and of that what is an error or worse to `errors`, too."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "log.sock"
        self.port = unused_port()
        self.lines = folder / "lines"
        self.errors = folder / "errors"
        self._configuration = folder / "rsyslog.conf"
        self._configuration.write_text(f"""
            global(workDirectory="{folder}")
            module(load="builtin:omfile" Template="RSYSLOG_TraditionalFileFormat")
            module(load="imuxsock" SysSock.Use="off")
            module(load="imudp")
            input(type="imuxsock" Socket="{self.socket}")
            input(type="imudp" address="{LOOPBACK}" port="{self.port}")
            local2.* action(type="omfile" file="{self.lines}")
            local2.err action(type="omfile" file="{self.errors}")
        """)
        self.start()

    def start(self) -> None:
        """Run, until it receives."""
        program = shutil.which("rsyslogd") or "/usr/sbin/rsyslogd"
        self.process = subprocess.Popen([program, "-n", "-iNONE", "-f", str(self._configuration)])
        end = time.monotonic() + PATIENCE
        # It binds them in this order: the socket in the file system, then the port.
        while not (self.socket.exists() and f":{self.port:04X} " in _udp()):
            assert time.monotonic() < end, "it does not listen"
            assert self.process.poll() is None, "it ended"
            time.sleep(0.02)

    def wait_for(self, count: int, text: str) -> list[str]:
        """All its lines, once so many have this text."""
        end = time.monotonic() + PATIENCE
        while True:
            found = self.lines.read_text().splitlines() if self.lines.exists() else []
            if sum(text in line for line in found) >= count:
                return found
            assert time.monotonic() < end, found
            time.sleep(0.02)

    def stop(self) -> None:
        """End it; it removes its socket."""
        self.process.terminate()
        self.process.wait(PATIENCE)


def _udp() -> str:
    return Path("/proc/net/udp").read_text()


def halog(path: Path, *options: str) -> list[list[str]]:
    """Its table, without the head and without what it says of its speed."""
    with path.open("rb") as log:
        command = [shutil.which("halog") or "/usr/bin/halog", "-q", *options]
        told = subprocess.run(command, stdin=log, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
    return [re.split(r"\s+", line.strip()) for line in told.splitlines() if not line.startswith("#")]

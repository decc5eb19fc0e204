"""Servers that are checked: that stop and start again, keep what they are asked, and log what they make of it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
import time
from typing import TYPE_CHECKING

from tests.fakes import LOOPBACK, unused_port
from tests.system.nginx import DEFAULTS
from tests.system.servers import PATIENCE, wait_for_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Recording:
    """Keeps all that is said on each connection to it; answers with `reply`, and then with what it is sent: an echo."""

    def __init__(self, reply: bytes = b"") -> None:
        self.reply = reply
        self.port = unused_port()
        self.heard: list[bytes] = []
        self._listening: socket.socket | None = None
        self._open: list[socket.socket] = []

    def start(self) -> Recording:
        """Listen."""
        self._listening = socket.create_server((LOOPBACK, self.port), backlog=64)
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Listen no more; what is open is left open."""
        if self._listening is not None:
            with contextlib.suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._listening = None

    def end(self) -> None:
        """The end of all of it."""
        self.stop()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        number = len(self.heard)
        self.heard.append(b"")
        with contextlib.suppress(OSError):
            connection.settimeout(PATIENCE * 4)
            while data := connection.recv(65536):
                self.heard[number] += data
                connection.sendall(self.reply or data)
            connection.shutdown(socket.SHUT_WR)

    def wait_for(self, count: int, text: bytes = b"") -> list[bytes]:
        """The first so many of what was said to it that have this text."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = [heard for heard in self.heard if text in heard]
            if len(found) >= count:
                return found[:count]
            time.sleep(0.02)
        raise AssertionError(self.heard)


@contextlib.contextmanager
def s_server(pem: Path) -> Iterator[tuple[int, subprocess.Popen[bytes], Path]]:
    """`openssl s_server`: its port, its process, and what it says."""
    port = unused_port()
    said = pem.with_name(f"s_server-{port}.log")
    command: list[str | Path] = [
        "openssl",
        "s_server",
        "-accept",
        f"{LOOPBACK}:{port}",
        "-cert",
        pem,
        "-key",
        pem,
        "-www",
    ]
    with said.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        wait_for_port(port, process)
        # What came of that look is not what is looked for.
        time.sleep(0.1)
        said.write_bytes(b"")
        yield port, process, said
    finally:
        process.kill()
        process.wait(PATIENCE)


class TlsNginx:
    """nginx with one TLS site; its error log tells of everything from `info` on."""

    def __init__(self, folder: Path, pem: Path, listen: str = "") -> None:
        self.port = unused_port()
        self.error_log = folder / "error.log"
        paths = "".join(f"{name}_temp_path {folder}/{name};" for name in DEFAULTS.split())
        configuration = folder / "nginx.conf"
        configuration.write_text(f"""
            daemon off;
            master_process off;
            pid {folder}/nginx.pid;
            error_log {self.error_log} info;
            events {{ worker_connections 256; }}
            http {{
                access_log off;
                {paths}
                server {{
                    listen {LOOPBACK}:{self.port} ssl {listen};
                    ssl_certificate {pem};
                    ssl_certificate_key {pem};
                    return 200 "nginx";
                }}
            }}
        """)
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        command = [program, "-e", str(self.error_log), "-p", str(folder), "-c", str(configuration)]
        self.process = subprocess.Popen(command)
        wait_for_port(self.port, self.process)

    def complaints(self) -> list[str]:
        """The levels of the lines about connections, one each."""
        lines = self.error_log.read_text().splitlines()
        return [line.split("[", 1)[1].split("]", 1)[0] for line in lines if ", client: " in line]

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(PATIENCE)

"""A real nginx behind the proxy."""

from __future__ import annotations

import shutil
import subprocess
import time
from typing import TYPE_CHECKING

from tests.fakes import LOOPBACK, unused_port
from tests.system.servers import PATIENCE, wait_for_port

if TYPE_CHECKING:
    from pathlib import Path

DEFAULTS = "client_body proxy fastcgi uwsgi scgi"


class Nginx:
    """Static files that may be uploaded (PUT); its access log has the connection's number before each request.

    Below /narrow/ no body may have more than a KiB; below /closing/ each response is the connection's last.
    """

    def __init__(self, folder: Path) -> None:
        self.port = unused_port()
        self.root = folder / "site"
        self.root.mkdir()
        self.access_log = folder / "access.log"
        # One process, without other users' rights and folders.
        configuration = folder / "nginx.conf"
        configuration.write_text(f"""
            daemon off;
            master_process off;
            pid {folder}/nginx.pid;
            error_log {folder}/error.log;
            events {{ worker_connections 2048; }}
            http {{
                log_format seen "$connection $request_method $request_uri $status";
                access_log {self.access_log} seen;
                default_type text/plain;
                {"".join(f"{name}_temp_path {folder}/{name};" for name in DEFAULTS.split())}
                server {{
                    listen {LOOPBACK}:{self.port};
                    root {self.root};
                    client_max_body_size 0;
                    dav_methods PUT;
                    location /narrow/ {{ client_max_body_size 1k; }}
                    location /closing/ {{ alias {self.root}/; keepalive_timeout 0; }}
                }}
            }}
        """)
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        command = [program, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(configuration)]
        self.process = subprocess.Popen(command)
        wait_for_port(self.port, self.process)

    def carriers(self, text: str, count: int) -> list[str]:
        """The connections of `count` requests whose targets have this text, which are waited for: it logs them late."""
        end = time.monotonic() + PATIENCE
        found: list[str] = []
        while len(found) < count and time.monotonic() < end:
            time.sleep(0.02)
            lines = (line.split() for line in self.access_log.read_text().splitlines())
            found = [line[0] for line in lines if text in line[2]]
        assert len(found) == count
        return found

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(PATIENCE)

"""A web application that knows its visitors by a cookie, as a process of its own: `python sessionserver.py NAME PORT`.

Its answers say who it is, and how often it has seen the visitor. It shares no code with ours: the standard library
reads the cookies.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections import Counter
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

COOKIE = "JSESSIONID"
PATIENCE = 30.0


class SessionServer:
    """One of them, running; `stop` and `start` as one likes, at the same port."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self.start()

    def start(self) -> None:
        """Run, and wait until it listens. Its sessions are new."""
        command = [sys.executable, str(Path(__file__)), self.name, str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def stop(self) -> None:
        """End it, and its sessions with it."""
        self._process.kill()
        self._process.communicate(timeout=PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()


class Visit(BaseHTTPRequestHandler):
    """One visitor's connection."""

    protocol_version = "HTTP/1.1"
    # Head and page are two segments: on a connection that is kept, the second would wait for an acknowledgement.
    disable_nagle_algorithm = True
    name = ""
    visits: Counter[str] = Counter()  # noqa: RUF012 - the process has one

    def do_GET(self) -> None:
        """Say who is here, and how often the visitor was."""
        cookies: SimpleCookie = SimpleCookie(self.headers.get("Cookie", ""))
        session = cookies[COOKIE].value if COOKIE in cookies else ""
        is_new = session not in self.visits
        if is_new:
            session = secrets.token_hex(8)
        self.visits[session] += 1
        page = f"{self.name} {self.visits[session]}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        if is_new:
            self.send_header("Set-Cookie", f"{COOKIE}={session}; Path=/")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


def main() -> None:
    """Serve until it is ended."""
    Visit.name = sys.argv[1]
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Visit)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()

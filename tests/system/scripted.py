"""A server that does with each request what a test says, and a daemon that keeps its connections."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from tests.fakes import LOOPBACK, unused_port
from tests.system.daemon import Daemon
from tests.system.servers import tcp_server
from tests.system.visitors import next_head

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\n"


class Scripted:
    """A server in threads that notes each request, with the number of its connection, and answers as a test says."""

    def __init__(self, answer: Callable[[socket.socket, int, bytes], bool]) -> None:
        """`answer`: what is done about the nth request of a connection; whether the connection is kept."""
        self._answer = answer
        self._lock = threading.Lock()
        self._connections = 0
        self.seen: list[tuple[int, bytes]] = []

    def __call__(self, connection: socket.socket) -> None:
        """One connection."""
        with self._lock:
            number = self._connections
            self._connections += 1
        with connection.makefile("rb") as stream:
            count = 0
            while (head := next_head(stream)) is not None:
                body = stream.read(4) if b"Content-Length: 4" in head else b""
                self.seen.append((number, b" ".join(head.split(b" ")[:2]) + body))
                if not self._answer(connection, count, head):
                    return
                count += 1

    @property
    def connections(self) -> list[int]:
        """Which carried each request."""
        return [number for number, _ in self.seen]


def page(connection: socket.socket, _count: int, head: bytes) -> bool:
    """Answer with the target."""
    target = head.split(b" ")[1]
    connection.sendall(OK + b"Content-Length: %d\r\n\r\n%b" % (len(target), target))
    return True


class Keeper(Daemon):
    """A daemon that keeps connections of one server, which is another for each test."""

    def __init__(self, folder: Path) -> None:
        self.port = unused_port()
        super().__init__(folder, self._text(unused_port()))

    def _text(self, server: int) -> str:
        return (
            f"[global]\nlog = twistd\n[frontend f]\nmode = http\nbind = {LOOPBACK}:{self.port}\ndefault-backend = b\n"
            f"connection = keep-alive\n[backend b]\nmode = http\nserver s = {LOOPBACK}:{server}\n"
        )

    @contextlib.contextmanager
    def before(self, server: Scripted) -> Iterator[int]:
        """The frontend's port, while this server is behind it."""
        with tcp_server(server) as behind:
            assert f"-> {LOOPBACK}:{behind}" in self.reload(self._text(behind))
            yield self.port
        assert "Traceback" not in self.log

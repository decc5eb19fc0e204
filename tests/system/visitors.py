"""Clients of http frontends: curl, and one that sends what it is told and reads answers by their framing."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from typing import TYPE_CHECKING, NamedTuple, Self

from tests.fakes import LOOPBACK
from tests.system.daemon import PATIENCE
from tests.system.servers import needs

if TYPE_CHECKING:
    from io import BufferedReader

CODES_AND_CONNECTIONS = ("-w", r"%{http_code} %{num_connects}\n")
"""Of each transfer its status, and how many connections it took."""


def curl_command(port: int, *options: str) -> list[str]:
    """A curl that goes to this port whatever the URL names."""
    needs("curl")
    return ["curl", "-sS", "--noproxy", "*", "--max-time", "60", "--connect-to", f"::{LOOPBACK}:{port}", *options]


def curl(port: int, *options: str, check: bool = True) -> bytes:
    """What curl prints; `check`: it must be content."""
    ran = subprocess.run(curl_command(port, *options), capture_output=True, timeout=90, check=False)
    assert not check or ran.returncode == 0, ran
    return ran.stdout


def told(printed: bytes) -> list[str]:
    """The lines that CODES_AND_CONNECTIONS made."""
    return printed.decode().split("\n")[:-1]


def next_head(stream: BufferedReader) -> bytes | None:
    """For a server of a test: the next request's head; None at the end."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return None
        head += line
    return head


class Answer(NamedTuple):
    """One response. Fields by lower-case name, the last of a name."""

    status: int
    fields: dict[bytes, bytes]
    body: bytes
    trailers: dict[bytes, bytes]


class Cut(Exception):  # noqa: N818 - a test may want it
    """The connection ended within a response, and this is the part of it that came."""


class Visitor:
    """One connection to a frontend."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((LOOPBACK, port), PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream: BufferedReader = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave."""
        self._stream.close()
        self._socket.close()

    def send(self, data: bytes) -> None:
        """As it is."""
        self._socket.sendall(data)

    def ask(self, target: str, host: str = "a.example", *lines: str, method: str = "GET") -> None:
        """Send a head, with these lines besides the usual."""
        head = [f"{method} {target} HTTP/1.1", f"Host: {host}", *lines, "", ""]
        self.send("\r\n".join(head).encode())

    def get(self, target: str, host: str = "a.example", *lines: str) -> Answer:
        """Ask, and read the answer."""
        self.ask(target, host, *lines)
        return self.answer()

    def head(self) -> tuple[int, dict[bytes, bytes]]:
        """The next head, which may be an interim one: its status and its fields."""
        return int(self._line().split(b" ")[1]), self._fields()

    def some(self) -> bytes:
        """What there is beyond a head; there must be something."""
        data = self._stream.read1()
        assert data, "it ended"
        return data

    @property
    def is_told(self) -> bool:
        """Whether anything has come that was not read yet."""
        self._socket.settimeout(0)
        try:
            return bool(self._stream.peek(1))
        finally:
            self._socket.settimeout(PATIENCE)

    def answer(self, method: str = "GET") -> Answer:
        """The next response to a request of this method; interim ones are passed over."""
        status, fields = self.head()
        while status < 200:
            status, fields = self.head()
        if method == "HEAD" or status in (204, 304):
            return Answer(status, fields, b"", {})
        if fields.get(b"transfer-encoding") == b"chunked":
            return Answer(status, fields, self._chunks(), self._fields())
        if b"content-length" in fields:
            return Answer(status, fields, self._exactly(int(fields[b"content-length"])), {})
        return Answer(status, fields, self._stream.read(), {})

    def rest(self) -> bytes:
        """Everything until the end, however it ends."""
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while part := self._stream.read1():
                data += part
        return data

    def _line(self) -> bytes:
        line = self._stream.readline(65537)
        if not line.endswith(b"\r\n"):
            raise Cut(line)
        return line[:-2]

    def _fields(self) -> dict[bytes, bytes]:
        fields = {}
        while line := self._line():
            name, _, value = line.partition(b":")
            fields[name.lower()] = value.strip()
        return fields

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self._line(), 16):
            body += self._exactly(size)
            assert self._line() == b""
        return body

    def _exactly(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) < size:
            raise Cut(data)
        return data

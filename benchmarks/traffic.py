"""The clients and the servers of the measurements: programs in C, built when they are needed.

May not: talk to anything but the loopback address, or run without end: every count is an argument, and both programs
have an alarm set.
"""

from __future__ import annotations

import json
import shutil
import signal
import struct
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.texts import LOOPBACK, NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
HELLO_SIZE = 517
"""Bytes of the hello with its record: what browsers padded theirs to for years (RFC 7685)."""
SMALL = 64
"""Bytes of a message or a page: a chat line, a WebSocket ping."""
ANSWER = 1024
"""Bytes that a short connection's server answers."""
AT_ONCE = 50
"""Clients at a time: enough to keep a proxy busy."""
STREAMS = 4
"""Transfers at a time."""
MARK = "\x04"
"""The last byte of a page, and nowhere else in an answer: a client need not parse to know the end."""
PATIENCE = 620
"""Seconds; above the programs' own alarms."""

REQUEST = f"GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode("ascii")
PAGE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % SMALL
    + b"x" * (SMALL - 1)
    + MARK.encode("ascii")
)


def client_hello(name: str = NAME, size: int = HELLO_SIZE) -> bytes:
    """A TLS 1.2 and 1.3 ClientHello of exactly `size` bytes, its record's head included; the same on every machine.

    RFC 8446, 4.1.2. It is padded by the extension of RFC 7685; who answers it is never a real TLS server.
    """

    def extension(kind: int, data: bytes) -> bytes:
        return struct.pack(">HH", kind, len(data)) + data

    host = name.encode("ascii")
    extensions = (
        extension(0, struct.pack(">HBH", len(host) + 3, 0, len(host)) + host)  # server_name, RFC 6066, 3
        + extension(10, bytes.fromhex("0004 001d 0017"))  # supported_groups
        + extension(13, bytes.fromhex("0006 0403 0804 0401"))  # signature_algorithms
        + extension(16, b"\x00\x0c\x02h2\x08http/1.1")  # ALPN, RFC 7301
        + extension(43, bytes.fromhex("04 0304 0303"))  # supported_versions
        + extension(51, struct.pack(">HHH", 36, 0x1D, 32) + bytes(range(32)))  # key_share
    )
    before = b"\x03\x03" + bytes(range(32)) + b"\x20" + bytes(range(32)) + bytes.fromhex("0006 1301 1302 c02f 01 00")
    # Heads: 5 of the record, 4 of the handshake message, 2 of the list of extensions, 4 of the padding.
    extensions += extension(21, bytes(size - 15 - len(before) - len(extensions)))
    body = before + struct.pack(">H", len(extensions)) + extensions
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack(">H", len(message)) + message


@dataclass(frozen=True)
class Outcome:
    """What a client has seen. `errors` are connections that broke, ended early, or got what was not their answer."""

    connections: int
    exchanges: int
    bytes: int
    errors: int
    seconds: float


class Tools:
    """The two programs, built into a folder, with the messages that they send beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            sys.exit("A C compiler is needed for the clients:  sudo apt-get install gcc libc6-dev")
        for program in ("client", "server"):
            command = [compiler, "-std=gnu11", "-O2", "-o", str(folder / program), str(HERE / f"{program}.c")]
            built = subprocess.run(command, check=False, capture_output=True, text=True)
            if built.returncode != 0:
                sys.exit(f"{built.stderr}\nThe C library's headers may be missing:  sudo apt-get install libc6-dev")
        self.hello = self._file("hello", client_hello())
        self.message = self._file("message", bytes(SMALL))
        self.request = self._file("request", REQUEST)
        self.page = self._file("page", PAGE)

    def _file(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    @contextmanager
    def serving(self, *roles: str) -> Iterator[Servers]:
        """The servers of these roles (server.c names them); they end with the block."""
        command = [str(self.folder / "server"), *roles]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                ports = [process.stdout.readline() for _ in roles]
                if not ports[-1]:
                    sys.exit("the servers do not start")
                yield Servers(process, tuple(map(int, ports)))
            finally:
                end(process)

    def connections(self, port: int, count: int) -> Outcome:
        """Open, send a hello, read ANSWER bytes, reset; `count` times."""
        return self._run(port, "-n", count, "-c", AT_ONCE, "-f", self.hello, "-e", ANSWER)

    def transfer(self, port: int, size: int) -> Outcome:
        """Read `size` bytes over each of STREAMS connections."""
        return self._run(port, "-n", STREAMS, "-c", STREAMS, "-f", self.hello, "-e", size)

    def round_trips(self, port: int, count: int) -> Outcome:
        """SMALL bytes there and back, `count` times in all, over AT_ONCE connections. The hello's echo is one more."""
        messages = ("-F", self.message, "-E", SMALL, "-t", max(count // AT_ONCE, 1))
        return self._run(port, "-n", AT_ONCE, "-c", AT_ONCE, "-f", self.hello, "-e", HELLO_SIZE, *messages)

    def requests(self, port: int, count: int) -> Outcome:
        """HTTP requests over AT_ONCE kept connections, `count` in all."""
        messages = ("-f", self.request, "-F", self.request, "-m", MARK, "-t", max(count // AT_ONCE, 1) - 1)
        return self._run(port, "-n", AT_ONCE, "-c", AT_ONCE, *messages)

    @contextmanager
    def idle(self, port: int, count: int, sources: int = 0) -> Iterator[Outcome]:
        """`count` relays that have nothing to say, while the block runs, from so many loopback addresses.

        Each has carried a hello and its echo. One source has some 28,000 ports.
        """
        options = ("-k", "-n", count, "-c", AT_ONCE, "-s", sources, "-f", self.hello, "-e", HELLO_SIZE)
        pipe = subprocess.PIPE
        with subprocess.Popen(self._command(port, *options), stdin=pipe, stdout=pipe, text=True) as process:
            try:
                assert process.stdout is not None
                yield outcome(process.stdout.readline())
            finally:
                end(process)

    def _command(self, port: int, *options: object) -> list[str]:
        return [str(self.folder / "client"), *map(str, options), f"{LOOPBACK}:{port}"]

    def _run(self, port: int, *options: object) -> Outcome:
        done = subprocess.run(
            self._command(port, *options), check=False, stdout=subprocess.PIPE, text=True, timeout=PATIENCE
        )
        return outcome(done.stdout)


class Servers:
    """Running servers. `ports` in the order of their roles."""

    def __init__(self, process: subprocess.Popen[str], ports: tuple[int, ...]) -> None:
        self._process = process
        self.ports = ports

    def datagrams(self) -> int:
        """End them; how many datagrams the sink got."""
        assert self._process.stdout is not None
        self._process.send_signal(signal.SIGTERM)
        counted: int = json.loads(self._process.stdout.readline() or '{"datagrams": 0}')["datagrams"]
        return counted


def outcome(line: str) -> Outcome:
    """The client's line. SystemExit where it has ended without one; what it said of that stands above."""
    if not line:
        sys.exit("the client has failed")
    return Outcome(**json.loads(line))


def end(process: subprocess.Popen[str]) -> None:
    """Ask a process to end, insist after a while, and return when it has ended."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

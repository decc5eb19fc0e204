"""What one source may have, through the daemon: who is refused, what it sees, and who is served meanwhile."""

from __future__ import annotations

import re
import socket
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.fakes import LOOPBACK, unused_port
from tests.flow.peers import has_ipv6, read_exactly
from tests.system.daemon import PATIENCE, Daemon
from tests.system.servers import echo_server, tcp_server
from tests.system.visitors import curl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ONE, OTHER = "127.0.0.2", "127.0.0.3"
FLOOD = 2000
RATE = 50


def page(connection: socket.socket) -> None:
    """A server of one page a connection."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nyes")


class Limited(Daemon):
    """A tls, a tcp and an http frontend with these limits."""

    def __init__(self, folder: Path, limits: str, relay: str = "auto") -> None:
        self._stack = ExitStack()
        self._servers = (self._stack.enter_context(echo_server(b"hi")), self._stack.enter_context(tcp_server(page)))
        self.ports = {mode: unused_port() for mode in ("tls", "tcp", "http")}
        self._relay = relay
        super().__init__(folder, self.text(limits))

    def text(self, limits: str) -> str:
        """The file."""
        echoes, pages = self._servers
        return "".join(
            (
                f"[global]\nlog = twistd\nrelay = {self._relay}\n[defaults]\ndontlognull = yes\n{limits}\n",
                *(
                    f"[frontend {mode}]\nmode = {mode}\nbind = *:{port}\n"
                    f"default-backend = {'web' if mode == 'http' else 'echo'}\n"
                    for mode, port in self.ports.items()
                ),
                f"[backend echo]\nserver s = {LOOPBACK}:{echoes}\n",
                f"[backend web]\nmode = http\nserver s = {LOOPBACK}:{pages}\n",
            )
        )

    def change(self, limits: str, said: str) -> None:
        """Reload with these limits; the last line that the log has of it."""
        after = len(self.log)
        self.reload(self.text(limits))
        self.wait_for(f"reload: frontend http: max-per-source: {said}\n", after=after)

    def stop(self, *arguments: int) -> int:
        """With its servers."""
        self._stack.close()
        return super().stop(*arguments)

    def refused(self, mode: str) -> list[str]:
        """The log lines of those."""
        return [line for line in self.log.splitlines() if f"] {mode} {mode}/" in line and "outcome=too-many" in line]

    def wait_until_over(self, mode: str, source: str, count: int) -> None:
        """Until so many connections of a source have their line, refused ones aside."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            lines = re.findall(rf"#info\] {source}:\d+ \[[^]]+\] {mode} .* outcome=(?!too-many)", self.log)
            if len(lines) >= count:
                return
            time.sleep(0.02)
        raise AssertionError(self.log)


@contextmanager
def client(port: int, source: str, hello: bytes) -> Iterator[socket.socket | None]:
    """One that was greeted; None: it was reset."""
    there = LOOPBACK if source != "::1" else source
    try:
        connection = socket.create_connection((there, port), PATIENCE, (source, 0))
    except ConnectionResetError:
        yield None
        return
    with connection:
        try:
            connection.sendall(hello)
            greeted = read_exactly(connection, 2) == b"hi"
        except (ConnectionResetError, BrokenPipeError):
            greeted = False
        yield connection if greeted else None


def served(port: int, source: str, hello: bytes) -> bool:
    """Whether one more is."""
    with client(port, source, hello) as connection:
        return connection is not None


@pytest.mark.parametrize("relay", ["splice", "portable"])
@pytest.mark.parametrize("mode", ["tls", "tcp"])
def test_a_source_has_its_limit_and_others_theirs(tmp_path: Path, hello: bytes, mode: str, relay: str) -> None:
    """Two each: the third is reset and has its line; it is served when one of the two has ended."""
    with Limited(tmp_path, "max-per-source = 2", relay) as daemon, ExitStack() as others:
        port = daemon.ports[mode]
        with client(port, ONE, hello) as first, client(port, ONE, hello) as second:
            assert first is not None
            assert second is not None
            assert [served(port, ONE, hello) for _ in range(3)] == [False] * 3
            for _ in range(2):
                assert others.enter_context(client(port, OTHER, hello)) is not None
            first.sendall(b"on")
            assert read_exactly(first, 2) == b"on"
            first.close()
            daemon.wait_until_over(mode, ONE, 1)
            assert served(port, ONE, hello)
        line = daemon.refused(mode)[0]
        assert f"{ONE}:" in line
        assert re.search(
            r'/<NOSRV> -1/-1/\d+ 0 PR .* outcome=too-many detail="its source has too many connections"', line
        )
        assert len(daemon.refused(mode)) == 3
        assert "Traceback" not in daemon.log


def test_ipv6_counts_too(tmp_path: Path, hello: bytes) -> None:
    """::1 beside IPv4 on the same socket."""
    if not has_ipv6():
        pytest.skip("machine: no IPv6")
    with Limited(tmp_path, "max-per-source = 1") as daemon:
        port = daemon.ports["tls"]
        with client(port, "::1", hello) as first:
            assert first is not None
            assert not served(port, "::1", hello)
            assert served(port, ONE, hello)
        daemon.wait_until_over("tls", "::1", 1)
        assert served(port, "::1", hello)


def test_curl_is_told_when_to_come_again(tmp_path: Path) -> None:
    """429 with Retry-After, and a page; who comes from elsewhere is served."""
    with Limited(tmp_path, "rate-per-source = 3") as daemon:
        port, url = daemon.ports["http"], "http://site.example/"
        for _ in range(3):
            assert curl(port, "--interface", ONE, url) == b"yes"
        answer = curl(port, "--interface", ONE, "-i", url)
        assert answer.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
        assert (found := re.search(rb"\r\nRetry-After: (\d+)\r\n", answer)) is not None
        assert 1 <= int(found[1]) <= 20
        assert answer.endswith(b"</html>\n")
        assert curl(port, "--interface", ONE, "-I", url).startswith(b"HTTP/1.1 429 ")
        assert (
            curl(port, "--interface", ONE, "-d", "x" * 100_000, "-o", "/dev/null", "-w", "%{http_code}", url) == b"429"
        )
        assert curl(port, "--interface", OTHER, url) == b"yes"
        assert [
            re.search(r" 429 \d+ - - PR-- .* \"<BADREQ>\" ", line) is not None for line in daemon.refused("http")
        ] == [True] * 3


def test_a_reload_keeps_the_counts(tmp_path: Path, hello: bytes) -> None:
    """A higher limit lets one more in, a lower one nobody, and ends nobody; without any all are served."""
    with Limited(tmp_path, "max-per-source = 1") as daemon, ExitStack() as there:
        port = daemon.ports["tls"]
        assert there.enter_context(client(port, ONE, hello)) is not None
        assert not served(port, ONE, hello)
        daemon.change("max-per-source = 2", "1 -> 2")
        running = there.enter_context(client(port, ONE, hello))
        assert running is not None
        assert not served(port, ONE, hello)
        daemon.change("max-per-source = 1", "2 -> 1")
        assert not served(port, ONE, hello)
        assert served(port, OTHER, hello)
        daemon.change("", "1 -> none")
        assert served(port, ONE, hello)
        running.sendall(b"on")
        assert read_exactly(running, 2) == b"on"


@pytest.mark.parametrize("mode", ["tls", "http"])
def test_a_flood_of_one_source_leaves_the_others_alone(tmp_path: Path, hello: bytes, mode: str) -> None:
    """Thousands are refused, each with a line, while somebody else is served; nothing is left of them."""
    with Limited(tmp_path, f"rate-per-source = {RATE}") as daemon:
        port = daemon.ports[mode]

        def fine() -> bool:
            if mode == "http":
                return curl(port, "--interface", OTHER, "http://site.example/") == b"yes"
            return served(port, OTHER, hello)

        assert fine()
        daemon.wait_until_over(mode, OTHER, 1)
        before, began = daemon.descriptors, time.monotonic()
        for number in range(FLOOD):
            with socket.socket() as connection:
                connection.bind((ONE, 0))
                connection.setblocking(False)
                connection.connect_ex((LOOPBACK, port))
                if number % 400 == 399:
                    assert fine()
        end = time.monotonic() + PATIENCE
        least = FLOOD - RATE - 1 - int((time.monotonic() - began) * RATE / 60)
        while len(daemon.refused(mode)) < least and time.monotonic() < end:
            time.sleep(0.05)
        assert least <= len(daemon.refused(mode)) <= FLOOD - RATE
        while daemon.descriptors > before and time.monotonic() < end:
            time.sleep(0.05)
        assert daemon.descriptors <= before
        assert "Traceback" not in daemon.log

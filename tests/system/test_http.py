"""HTTP through the daemon: a WebSocket in the clear, uploads and downloads, keep-alive, servers that fail."""

from __future__ import annotations

import hashlib
import random
import socket
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from tests.fakes import LOOPBACK, unused_port
from tests.system.daemon import PATIENCE, Daemon
from tests.system.servers import WebSocketClient, WebSocketServer, needs, tcp_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.servers import Lighttpd


def site(port: int, *servers: int, extra: str = "") -> str:
    """An http frontend before these servers; ws.example goes to the last."""
    backends = "".join(
        f"[backend b{n}]\nmode = http\nserver s = {LOOPBACK}:{server}\n" for n, server in enumerate(servers)
    )
    return (
        f"[global]\nlog = twistd\n[frontend web]\nmode = http\nbind = {LOOPBACK}:{port}\nforwardfor = yes\n"
        f"default-backend = b0\nroute ws.example = b{len(servers) - 1}\n{extra}{backends}"
    )


def some_of(connection: socket.socket) -> bytes:
    """What there is; there must be something."""
    data = connection.recv(65536)
    assert data, "it ended"
    return data


def read_to_end(connection: socket.socket) -> bytes:
    """Everything until FIN."""
    data = b""
    while part := connection.recv(65536):
        data += part
    return data


@pytest.fixture
def plain_websocket() -> Iterator[WebSocketServer]:
    """A WebSocket server without TLS."""
    running = WebSocketServer(None)
    yield running
    running.stop()


def test_a_websocket_in_the_clear(tmp_path: Path, lighttpd: Lighttpd, plain_websocket: WebSocketServer) -> None:
    """Upgrade becomes a relay, which outlives a reload; its log line says 101."""
    port = unused_port()
    with Daemon(tmp_path, site(port, lighttpd.http, plain_websocket.port)) as daemon:
        client = WebSocketClient(port, "ws.example", None)
        for number in range(100):
            text = "x" * (number * 997 % 20000)
            assert client.echo(text) == text
        daemon.reload(site(port, lighttpd.http, lighttpd.http))
        assert client.echo("after a reload") == "after a reload"
        client.close()
        assert " 101 " in daemon.wait_for("sockjs/websocket")


def test_a_download_of_size_is_whole(tmp_path: Path, lighttpd: Lighttpd) -> None:
    """Curl gets 200 MB from lighttpd; the hash is right, and the daemon's memory small."""
    needs("curl")
    payload = random.Random(4).randbytes(1 << 20) * 200
    (lighttpd.root / "large.bin").write_bytes(payload)
    port = unused_port()
    with Daemon(tmp_path, site(port, lighttpd.http)) as daemon:
        before = daemon.resident
        command = ["curl", "-sS", "--noproxy", "*", "--limit-rate", "200M", f"http://{LOOPBACK}:{port}/large.bin"]
        got = subprocess.run(command, capture_output=True, timeout=120, check=True).stdout
        assert hashlib.sha256(got).digest() == hashlib.sha256(payload).digest()
        assert daemon.resident - before < 16 * 2**20
    (lighttpd.root / "large.bin").unlink()


def hash_of_the_body(connection: socket.socket) -> None:
    """Answer a chunked or counted POST with the hash of its body, after reading it by an independent reader."""
    stream = connection.makefile("rb")
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return
        head += line.lower()
    body = hashlib.sha256()
    if b"transfer-encoding: chunked" in head:
        while size := int(stream.readline().split(b";")[0], 16):
            body.update(stream.read(size))
            assert stream.readline() == b"\r\n"
        assert stream.readline() == b"\r\n"
    else:
        length = next(int(line.split(b":")[1]) for line in head.splitlines() if line.startswith(b"content-length"))
        body.update(stream.read(length))
    page = body.hexdigest().encode()
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(page), page))


@pytest.mark.parametrize(
    "framing", [("-H", "Transfer-Encoding: chunked"), ("-H", "Expect: 100-continue"), ("-H", "Expect:")]
)
def test_an_upload_is_whole(tmp_path: Path, framing: tuple[str, ...]) -> None:
    """Chunked, counted, with Expect (which this server never answers) and without."""
    needs("curl")
    payload = random.Random(5).randbytes(30_000_000)
    file = tmp_path / "payload"
    file.write_bytes(payload)
    port = unused_port()
    with tcp_server(hash_of_the_body) as server, Daemon(tmp_path, site(port, server)):
        url = f"http://{LOOPBACK}:{port}/upload"
        command = ["curl", "-sS", "--noproxy", "*", *framing, "--data-binary", f"@{file}", url]
        answer = subprocess.run(command, capture_output=True, timeout=120, check=True).stdout
    assert answer.decode() == hashlib.sha256(payload).hexdigest()


def test_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    """A hundred at once, each by a server connection of its own, and the answers in the order of the requests."""

    def serve(connection: socket.socket) -> None:
        head = connection.recv(65536)
        page = head.split(b" ")[1]
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(page), page))

    port = unused_port()
    with tcp_server(serve) as server, Daemon(tmp_path, site(port, server)):
        requests = [
            b"GET /%d HTTP/1.1\r\nHost: a.example\r\n%b\r\n" % (n, b"Connection: close\r\n" * (n == 99))
            for n in range(100)
        ]
        with socket.create_connection((LOOPBACK, port), PATIENCE) as client:
            client.sendall(b"".join(requests))
            answers = read_to_end(client)
    bodies = [answer.split(b"\r\n\r\n")[1] for answer in answers.split(b"HTTP/1.1 ")[1:]]
    assert bodies == [b"/%d" % n for n in range(100)]


def test_a_client_that_leaves_cancels_its_request(tmp_path: Path) -> None:
    """The server is told at once, and does not work for nobody."""
    told = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        try:
            if connection.recv(1) == b"":
                told.set()
        except ConnectionResetError:
            told.set()

    port = unused_port()
    with tcp_server(serve) as server, Daemon(tmp_path, site(port, server)) as daemon:
        with socket.create_connection((LOOPBACK, port), PATIENCE) as client:
            client.sendall(b"GET /long HTTP/1.1\r\nHost: a.example\r\n\r\n")
            threading.Event().wait(0.3)
        assert told.wait(PATIENCE)
        assert "outcome=client-left" in daemon.wait_for("GET /long")


@pytest.mark.parametrize(
    ("answer", "status", "outcome"),
    [
        (b"", b"502", "server-left"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", b"502", "server-left"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", b"502", "bad-response"),
        (b"not HTTP at all\r\n\r\n", b"502", "bad-response"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
            b"502",
            "bad-response",
        ),
    ],
)
def test_a_server_that_answers_badly_is_a_502(tmp_path: Path, answer: bytes, status: bytes, outcome: str) -> None:
    """The client gets a page of ours, never the server's bytes."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    port = unused_port()
    with tcp_server(serve) as server, Daemon(tmp_path, site(port, server)) as daemon:
        with socket.create_connection((LOOPBACK, port), PATIENCE) as client:
            client.sendall(b"GET /x HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
            assert read_to_end(client).startswith(b"HTTP/1.1 " + status + b" ")
        assert f"outcome={outcome}" in daemon.wait_for("GET /x")


def wait_in_vain(_connection: socket.socket) -> None:
    """Answer nothing."""
    threading.Event().wait(PATIENCE)


def test_timeouts_and_their_pages(tmp_path: Path) -> None:
    """408 for a head that does not end, 504 for a server that does not answer, 503 where nobody listens."""
    port = unused_port()
    extra = "timeout-http-request = 500ms\nroute nobody.example = nobody\n"
    silent = f"[backend nobody]\nmode = http\nretries = 0\nserver s = {LOOPBACK}:{unused_port()}\n"
    with tcp_server(wait_in_vain) as server:
        text = (
            site(port, server, extra=extra).replace("[backend b0]\n", "[backend b0]\ntimeout-server = 500ms\n") + silent
        )
        with Daemon(tmp_path, text):
            for request, status in (
                (b"GET /slow HTTP/1.1\r\nHost: a.exam", b"408"),
                (b"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n", b"504"),
                (b"GET /x HTTP/1.1\r\nHost: nobody.example\r\n\r\n", b"503"),
            ):
                with socket.create_connection((LOOPBACK, port), PATIENCE) as client:
                    client.settimeout(PATIENCE)
                    client.sendall(request)
                    assert client.recv(65536).startswith(b"HTTP/1.1 " + status + b" "), request


def test_a_stream_reaches_the_client_as_it_comes(tmp_path: Path) -> None:
    """Long polling: each piece of an endless answer is there before the next is sent."""
    following = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(5):
            connection.sendall(b"2\r\n%d\n\r\n" % number)
            following.wait(PATIENCE)
            following.clear()
        connection.sendall(b"0\r\n\r\n")

    port = unused_port()
    with (
        tcp_server(serve) as server,
        Daemon(tmp_path, site(port, server)),
        socket.create_connection((LOOPBACK, port), PATIENCE) as client,
    ):
        client.settimeout(PATIENCE)
        client.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        data = b""
        for number in range(5):
            while b"%d\n" % number not in data.partition(b"\r\n\r\n")[2]:
                data += some_of(client)
            following.set()
        while not data.endswith(b"0\r\n\r\n"):
            data += some_of(client)
        assert data.startswith(b"HTTP/1.1 200 ")

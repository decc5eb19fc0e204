"""A client on an `http` frontend, over real sockets: what it, the server and the log see."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest_twisted
from twisted.internet.defer import ensureDeferred, gatherResults

from pumpproxy.flow.httpfront import HttpFront
from pumpproxy.flow.socketstream import SocketStream
from pumpproxy.model import Config, TcpAddress, UnixAddress
from pumpproxy.policy.outcome import Outcome, Phase
from tests.fakes import LOOPBACK, unused_port
from tests.flow.peers import Proxied, pause, read_all, read_exactly, reset, server
from tests.playbook import GET, OK, SENT, site

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pumpproxy.model import ServerAddress

CLOSING = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
CLOSED = OK.replace(b"2\r\n", b"2\r\nConnection: close\r\n")
UPGRADE = b"GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
LARGE = bytes(range(256)) * 4096 * 16
"""16 MiB: more than all buffers of the kernel and of ours together."""


def behind(address: int | ServerAddress, **frontend: object) -> Config:
    """The site of the playbooks, its servers at that port or address."""
    place = TcpAddress(LOOPBACK, address) if isinstance(address, int) else address
    config = site(**frontend)  # type: ignore[arg-type]
    backends = tuple(
        replace(backend, retries=0, servers=tuple(replace(s, address=place) for s in backend.servers))
        for backend in config.backends
    )
    return replace(config, backends=backends)


def head_of(connection: socket.socket) -> bytes:
    """The head that comes."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        part = connection.recv(1)
        assert part, data
        data += part
    return data


def answers(reply: bytes) -> Callable[[socket.socket], None]:
    """A server that reads a head, gives that reply, and closes."""

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(reply)

    return serve


@pytest_twisted.ensureDeferred
async def test_requests_on_one_connection() -> None:
    """Some at once, some one by one; each at a connection of its own."""
    seen: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        seen.append(head_of(connection))
        connection.sendall(OK)

    def talk(connection: socket.socket) -> bytes:
        connection.sendall(GET * 3)
        got = read_exactly(connection, 3 * len(OK))
        connection.sendall(GET)
        got += read_exactly(connection, len(OK))
        connection.sendall(CLOSING)
        return got + read_all(connection)

    with server(serve) as port:
        proxied = Proxied(behind(port), HttpFront)
        assert await proxied.client(talk) == OK * 4 + CLOSED
        await proxied.quiet()
    assert seen == [SENT] * 5
    assert [record.outcome for record in proxied.sink.records] == [Outcome.COMPLETED] * 5


@pytest_twisted.ensureDeferred
async def test_a_large_answer_to_a_slow_reader() -> None:
    """All of it arrives, and meanwhile no more than a few buffers are held."""
    most = 0

    def talk(connection: socket.socket) -> str:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        connection.sendall(CLOSING)
        started.set()
        going_on.wait(10)
        got = read_all(connection)
        return hashlib.sha256(got.partition(b"\r\n\r\n")[2]).hexdigest()

    started, going_on = threading.Event(), threading.Event()
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(LARGE) + LARGE
    with server(answers(reply)) as port:
        proxied = Proxied(behind(port), HttpFront)
        result = ensureDeferred(proxied.client(talk))
        for _ in range(30):
            await pause(0.01)
            for connection in proxied.environment.connections:
                transport = connection.transport  # type: ignore[attr-defined]
                if isinstance(transport, SocketStream):
                    most = max(most, len(transport._out))
                else:
                    most = max(most, len(transport.dataBuffer) + transport._tempDataLen)
        going_on.set()
        assert await result == hashlib.sha256(LARGE).hexdigest()
        await proxied.quiet()
    # What the kernel moves is never held by us.
    assert most < 65536 * 4
    assert proxied.environment.poller is not None or most > 65536
    record = proxied.sink.only
    assert record.outcome is Outcome.COMPLETED
    assert record.bytes_out > len(LARGE)


@pytest_twisted.ensureDeferred
async def test_a_large_body_to_a_slow_server() -> None:
    """By chunks, and by length: all of it arrives, and the answer comes back."""
    digests = []

    def serve(connection: socket.socket) -> None:
        head = head_of(connection)
        digest = hashlib.sha256()
        threading.Event().wait(0.2)
        left = len(LARGE)
        while left:
            if b"chunked" in head:
                size = int(_line(connection), 16)
                digest.update(read_exactly(connection, size))
                read_exactly(connection, 2)
                left -= size
            else:
                data = connection.recv(65536)
                digest.update(data)
                left -= len(data)
        if b"chunked" in head:
            assert read_exactly(connection, 5) == b"0\r\n\r\n"
        digests.append(digest.hexdigest())
        connection.sendall(OK)

    def by_length(connection: socket.socket) -> bytes:
        head = b"POST / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        connection.sendall(head % len(LARGE) + LARGE)
        return read_all(connection)

    def by_chunks(connection: socket.socket) -> bytes:
        connection.sendall(
            b"POST / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for at in range(0, len(LARGE), 100_000):
            piece = LARGE[at : at + 100_000]
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        connection.sendall(b"0\r\n\r\n")
        return read_all(connection)

    with server(serve) as port:
        proxied = Proxied(behind(port), HttpFront)
        assert await proxied.client(by_length) == CLOSED
        assert await proxied.client(by_chunks) == CLOSED
        await proxied.quiet()
    assert digests == [hashlib.sha256(LARGE).hexdigest()] * 2


def _line(connection: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\r\n"):
        data += read_exactly(connection, 1)
    return data


@pytest_twisted.ensureDeferred
async def test_an_early_answer_arrives() -> None:
    """Though the client goes on sending a body that nobody reads."""

    def talk(connection: socket.socket) -> bytes:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\n" + b"x" * 1000)
        got = read_exactly(connection, len(OK))
        with contextlib.suppress(OSError):
            connection.sendall(b"x" * 1000)
        return got + read_all(connection)

    with server(answers(OK)) as port:
        proxied = Proxied(behind(port), HttpFront)
        assert await proxied.client(talk) == OK
        await proxied.quiet()
    assert proxied.sink.only.outcome is Outcome.COMPLETED


@pytest_twisted.ensureDeferred
async def test_a_client_that_leaves_cancels_its_request() -> None:
    """The server sees a reset at once, after a FIN as well as after a reset."""
    ends: list[str] = []

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        try:
            ends.append("more" if connection.recv(1) else "FIN")
        except ConnectionResetError:
            ends.append("RST")

    def finish(connection: socket.socket) -> None:
        connection.sendall(GET)
        threading.Event().wait(0.1)

    def vanish(connection: socket.socket) -> None:
        finish(connection)
        reset(connection)

    with server(serve) as port:
        proxied = Proxied(behind(port), HttpFront)
        await proxied.client(finish)
        await proxied.client(vanish)
        await proxied.ended(2)
        await proxied.quiet()
        await pause(0.05)
    assert ends == ["RST", "RST"]
    assert {(r.outcome, r.phase) for r in proxied.sink.records} == {(Outcome.CLIENT_LEFT, Phase.HEAD)}


@pytest_twisted.ensureDeferred
async def test_a_cut_answer_is_seen_to_be_cut() -> None:
    """Whatever the server's end looks like."""

    def dies(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhalf")
        threading.Event().wait(0.1)
        reset(connection)

    def new(connection: socket.socket) -> bytes:
        connection.sendall(GET)
        return read_all(connection)

    def old(connection: socket.socket) -> bytes:
        connection.sendall(b"GET / HTTP/1.0\r\nHost: a.example\r\n\r\n")
        try:
            return read_all(connection)
        except ConnectionResetError:
            return b"RST"

    with server(dies) as port:
        proxied = Proxied(behind(port), HttpFront)
        assert (await proxied.client(new)).endswith(b"\r\n\r\n4\r\nhalf\r\n")
        assert await proxied.client(old) == b"RST"
        await proxied.quiet()
    assert {record.outcome for record in proxied.sink.records} == {Outcome.SERVER_LEFT}


@pytest_twisted.ensureDeferred
async def test_a_websocket() -> None:
    """Bytes both ways, and FINs, once the server has agreed."""

    def echo(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(SWITCH + b"hello")
        while data := connection.recv(65536):
            connection.sendall(data)

    def talk(connection: socket.socket) -> bytes:
        connection.sendall(UPGRADE + b"early ")
        got = read_exactly(connection, len(SWITCH) + 11)
        connection.sendall(b"late")
        got += read_exactly(connection, 4)
        connection.shutdown(socket.SHUT_WR)
        return got + read_all(connection)

    with server(echo) as port:
        proxied = Proxied(behind(port), HttpFront)
        assert await proxied.client(talk) == SWITCH + b"helloearly late"
        await proxied.quiet()
    record = proxied.sink.only
    assert record.outcome is Outcome.COMPLETED
    assert (record.bytes_in, record.bytes_out) == (len(UPGRADE) + 10, len(SWITCH) + 15)


@pytest_twisted.ensureDeferred
async def test_refusals_arrive() -> None:
    """A bad request, nobody there, and a silent client, each with what belongs to it."""

    def bad(connection: socket.socket) -> bytes:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + b"x" * 30_000)
        return read_all(connection)[:12]

    def good(connection: socket.socket) -> bytes:
        connection.sendall(GET)
        return read_all(connection)[:12]

    def slow(connection: socket.socket) -> bytes:
        connection.sendall(GET[:-2])
        return read_all(connection)[:12]

    proxied = Proxied(behind(unused_port(), timeout_http_request=0.3), HttpFront)
    clients = [proxied.client(bad), proxied.client(good), proxied.client(slow), proxied.client(read_all)]
    got = await gatherResults([ensureDeferred(one) for one in clients])
    assert got == [b"HTTP/1.1 400", b"HTTP/1.1 503", b"HTTP/1.1 408", b""]
    await proxied.quiet()
    assert sorted(record.outcome.word for record in proxied.sink.records) == sorted(
        ["bad-request", "connect-failed", "client-silent", "client-silent"]
    )


@pytest_twisted.ensureDeferred
async def test_a_server_at_a_unix_socket(tmp_path: Path) -> None:
    """As any other."""
    path = str(tmp_path / "app.sock")

    def talk(connection: socket.socket) -> bytes:
        connection.sendall(CLOSING)
        return read_all(connection)

    with server(answers(OK), family=socket.AF_UNIX, path=path):
        proxied = Proxied(behind(UnixAddress(path)), HttpFront)
        assert await proxied.client(talk) == CLOSED
        await proxied.quiet()


@pytest_twisted.ensureDeferred
async def test_many_at_once() -> None:
    """A hundred clients, three requests each: every answer is that of its request, and all counts are zero again."""

    def serve(connection: socket.socket) -> None:
        path = head_of(connection).split(b" ")[1]
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(path), path)
        )

    def talk(connection: socket.socket, number: int) -> bool:
        for turn in range(3):
            path = b"/%d/%d" % (number, turn)
            connection.sendall(b"GET %b HTTP/1.1\r\nHost: a.example\r\n\r\n" % path)
            head_of(connection)
            if read_exactly(connection, len(path) + 10) != b"%x\r\n%b\r\n0\r\n\r\n" % (len(path), path):
                return False
        return True

    with server(serve) as port:
        proxied = Proxied(behind(port), HttpFront)
        clients = [proxied.client(lambda c, n=number: talk(c, n)) for number in range(100)]  # type: ignore[misc]
        assert all(await gatherResults([ensureDeferred(one) for one in clients]))
        await proxied.quiet()
    assert len(proxied.sink.records) == 300
    assert all(record.outcome is Outcome.COMPLETED for record in proxied.sink.records)

"""A body that is moved in the kernel: all of it arrives, nothing beyond it is touched, and nothing stays behind."""

from __future__ import annotations

import hashlib
import socket
import threading
from typing import TYPE_CHECKING

import pytest
import pytest_twisted
from twisted.internet.defer import ensureDeferred

from pumpproxy.flow.haul import Haul
from pumpproxy.flow.straighthttp import StraightHttpFront
from pumpproxy.model import ConnectionMode, RelayKind
from pumpproxy.policy.outcome import Outcome
from tests.flow.peers import Proxied, pause, read_all, read_exactly, reset, server, until
from tests.flow.test_httpfront_sockets import CLOSING, LARGE, answers, behind, head_of
from tests.playbook import GET, OK

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumpproxy.flow.pipes import Pipes

RELAYS = [RelayKind.SPLICE]
"""Portable transports read and write, as the tests of the front show."""
DIGEST = hashlib.sha256(LARGE).hexdigest()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(LARGE)
POST = b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n" % len(LARGE)


class Hauled:
    """How many hauls there were, and how much they moved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = self.moved = 0
        start, moved = Haul.start, Haul._moved

        def counted_start(haul: Haul) -> None:
            self.begun += 1
            start(haul)

        def counted(haul: Haul, size: int, out: int) -> None:
            self.moved += size
            moved(haul, size, out)

        monkeypatch.setattr(Haul, "start", counted_start)
        monkeypatch.setattr(Haul, "_moved", counted)


@pytest.fixture
def hauled(monkeypatch: pytest.MonkeyPatch) -> Hauled:
    """From the beginning of the test."""
    return Hauled(monkeypatch)


def proxied_to(port: int, **frontend: object) -> Proxied:
    """Servers' connections are kept."""
    return Proxied(behind(port, connection=ConnectionMode.KEEP_ALIVE, **frontend), StraightHttpFront)


def ask_once(connection: socket.socket) -> bytes:
    """All that comes."""
    connection.sendall(CLOSING)
    return read_all(connection)


def digest(data: bytes) -> str:
    """Of what came behind a head."""
    return hashlib.sha256(data.partition(b"\r\n\r\n")[2]).hexdigest()


@pytest_twisted.ensureDeferred
async def test_a_download(hauled: Hauled) -> None:
    """Nearly all of it moves so, twice on the same two connections, the second time from the short way."""

    def serve(connection: socket.socket) -> None:
        for _ in range(2):
            head_of(connection)
            connection.sendall(HEAD + LARGE)

    def talk(connection: socket.socket) -> list[str]:
        found = []
        for _ in range(2):
            connection.sendall(GET)
            found.append(digest(read_exactly(connection, len(HEAD + LARGE))))
        return found

    with server(serve) as port:
        proxied = proxied_to(port)
        assert await proxied.client(talk) == [DIGEST] * 2
        await proxied.quiet()
    assert hauled.begun == 2
    assert hauled.moved > 1.8 * len(LARGE)
    assert [(one.outcome, one.bytes_out) for one in proxied.sink.records] == [
        (Outcome.COMPLETED, len(HEAD + LARGE))
    ] * 2


@pytest_twisted.ensureDeferred
async def test_an_upload(hauled: Hauled) -> None:
    """The next request, right behind it, is not taken for a part of it."""
    seen: list[str] = []

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        seen.append(hashlib.sha256(read_exactly(connection, len(LARGE))).hexdigest())
        connection.sendall(OK)
        seen.append(head_of(connection).decode())
        connection.sendall(OK)

    def talk(connection: socket.socket) -> bytes:
        connection.sendall(POST + LARGE + GET)
        return read_exactly(connection, 2 * len(OK))

    with server(serve) as port:
        proxied = proxied_to(port)
        assert await proxied.client(talk) == OK * 2
        await proxied.quiet()
    assert seen == [DIGEST, GET.decode()]
    assert hauled.begun == 1
    assert hauled.moved > 0.9 * len(LARGE)
    assert [one.bytes_in for one in proxied.sink.records] == [len(POST + LARGE), len(GET)]


@pytest.mark.parametrize("old", [True, False])
@pytest_twisted.ensureDeferred
async def test_a_body_until_the_server_closes(hauled: Hauled, *, old: bool) -> None:
    """As it is for HTTP/1.0, and as chunks for a client that knows them."""
    request = CLOSING.replace(b"1.1", b"1.0") if old else GET

    def talk(connection: socket.socket) -> str:
        connection.sendall(request)
        if old:
            return digest(read_all(connection))
        connection.settimeout(10)
        data = b""
        while not data.endswith(b"\r\n0\r\n\r\n"):
            data += connection.recv(1 << 20)
        body, rest = b"", data.partition(b"\r\n\r\n")[2]
        while rest:
            line, _, rest = rest.partition(b"\r\n")
            size = int(line, 16)
            body += rest[:size]
            assert rest[size : size + 2] == b"\r\n"
            rest = rest[size + 2 :]
        return hashlib.sha256(body).hexdigest()

    with server(answers(b"HTTP/1.1 200 OK\r\n\r\n" + LARGE)) as port:
        proxied = proxied_to(port)
        assert await proxied.client(talk) == DIGEST
        await proxied.quiet()
    assert hauled.begun == 1
    assert hauled.moved > 0.9 * len(LARGE)
    assert proxied.sink.only.outcome is Outcome.COMPLETED
    assert proxied.sink.only.bytes_out >= len(LARGE)


@pytest_twisted.ensureDeferred
async def test_a_short_body_is_not_hauled(hauled: Hauled) -> None:
    """It would cost more than it saves."""
    with server(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)) as port:
        proxied = proxied_to(port)
        assert len(await proxied.client(ask_once)) > 100_000
        await proxied.quiet()
    assert hauled.begun == 0


@pytest.mark.parametrize("end", [socket.socket.close, reset])
@pytest_twisted.ensureDeferred
async def test_a_server_that_ends_in_the_middle(hauled: Hauled, end: Callable[[socket.socket], None]) -> None:
    """The client sees that its answer was cut."""

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(HEAD + LARGE[: len(LARGE) // 2])
        end(connection)

    def talk(connection: socket.socket) -> int:
        connection.sendall(GET)
        got = 0
        try:
            while part := connection.recv(1 << 20):
                got += len(part)
        except ConnectionResetError:
            return -1
        return got

    with server(serve) as port:
        proxied = proxied_to(port)
        assert await proxied.client(talk) < len(HEAD + LARGE)
        await proxied.quiet()
    assert hauled.begun == 1
    assert proxied.sink.only.outcome is Outcome.SERVER_LEFT
    assert 0 < proxied.sink.only.bytes_out < len(HEAD + LARGE)


@pytest.mark.parametrize("old", [False, True])
@pytest_twisted.ensureDeferred
async def test_a_reset_is_not_the_end_of_a_body_until_the_server_closes(hauled: Hauled, *, old: bool) -> None:
    """Linux tells of a reset once, and then of an end that looks clean: the client must not take a part for all."""
    arrived = threading.Event()
    asked = GET.replace(b"1.1", b"1.0") if old else GET

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + LARGE)
        arrived.wait(10)
        reset(connection)

    def talk(connection: socket.socket) -> str:
        connection.sendall(asked)
        got = read_exactly(connection, len(LARGE))
        arrived.set()
        try:
            while part := connection.recv(1 << 20):
                got += part
        except ConnectionResetError:
            return "reset"
        return "cut" if not old and not got.endswith(b"\r\n0\r\n\r\n") else "whole"

    with server(serve) as port:
        proxied = proxied_to(port)
        assert await proxied.client(talk) in ({"reset"} if old else {"reset", "cut"})
        await proxied.quiet()
    assert hauled.begun == 1
    assert proxied.sink.only.outcome is Outcome.SERVER_LEFT


@pytest_twisted.ensureDeferred
async def test_a_client_that_leaves_in_the_middle(hauled: Hauled) -> None:
    """Its server's connection is reset, and no pipe stays behind."""
    told: list[str] = []

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        # More than all buffers on the way together take, so that it cannot have passed before the client leaves.
        pieces = 2**30 // len(LARGE)
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (pieces * len(LARGE)))
            for _ in range(pieces):
                connection.sendall(LARGE)
        except (ConnectionResetError, BrokenPipeError):
            told.append("reset")

    def talk(connection: socket.socket) -> None:
        connection.sendall(GET)
        read_exactly(connection, len(LARGE) // 2)
        reset(connection)

    with server(serve) as port:
        proxied = proxied_to(port)
        await proxied.client(talk)
        await until(lambda: bool(told))
        await proxied.quiet()
    assert hauled.begun == 1
    assert proxied.sink.only.outcome is Outcome.CLIENT_LEFT


@pytest_twisted.ensureDeferred
async def test_a_slow_client_stops_the_server(hauled: Hauled) -> None:
    """Little is in flight meanwhile; all of it arrives in the end."""
    started, going_on = threading.Event(), threading.Event()
    sent = [0]
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (4 * len(LARGE))

    def serve(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        head_of(connection)
        data = head + LARGE * 4
        for at in range(0, len(data), 65536):
            connection.sendall(data[at : at + 65536])
            sent[0] = at

    def talk(connection: socket.socket) -> str:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        connection.sendall(CLOSING)
        read_exactly(connection, len(head))
        started.set()
        going_on.wait(10)
        return hashlib.sha256(read_all(connection)).hexdigest()

    with server(serve) as port:
        proxied = proxied_to(port)
        result = ensureDeferred(proxied.client(talk))
        await until(started.is_set)
        await pause(0.5)
        assert sent[0] < 2 * len(LARGE)
        going_on.set()
        assert await result == hashlib.sha256(LARGE * 4).hexdigest()
        await proxied.quiet()
    assert hauled.begun == 1
    assert proxied.sink.only.outcome is Outcome.COMPLETED


@pytest_twisted.ensureDeferred
async def test_who_takes_nothing_is_given_up(hauled: Hauled) -> None:
    """After `timeout-client`, and blamed for it."""

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        try:
            connection.sendall(HEAD + LARGE * 4)
        except OSError:
            return

    def talk(connection: socket.socket) -> bytes:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        connection.sendall(GET)
        head = read_exactly(connection, len(HEAD))
        ended.wait(10)
        return head

    ended = threading.Event()
    with server(serve) as port:
        proxied = proxied_to(port, timeout_client=0.5)
        result = ensureDeferred(proxied.client(talk))
        await proxied.ended(1)
        ended.set()
        await result
        await proxied.quiet()
    assert hauled.begun == 1
    assert proxied.sink.only.outcome is Outcome.CLIENT_IDLE


@pytest_twisted.ensureDeferred
async def test_without_a_pipe_it_is_read_and_written(hauled: Hauled, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ever."""

    def none(_pipes: Pipes) -> None:
        return None

    monkeypatch.setattr("pumpproxy.flow.pipes.Pipes.borrow", none)
    with server(answers(HEAD + LARGE)) as port:
        proxied = proxied_to(port)
        assert digest(await proxied.client(ask_once)) == DIGEST
        await proxied.quiet()
    assert (hauled.begun, hauled.moved) == (1, 0)
    assert proxied.sink.only.outcome is Outcome.COMPLETED

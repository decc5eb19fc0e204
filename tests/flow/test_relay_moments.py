"""Moments that a relay must not miss, on real sockets: what the transfers of tests/system came upon."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import pytest_twisted

from pumpproxy.flow.front import FrontProtocol
from pumpproxy.policy.outcome import Outcome
from tests.fakes import client_hello, tls_config
from tests.flow.peers import Proxied, pause, read_all, read_exactly, reset, server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HELLO = client_hello()
SOON = 5.0
"""Seconds in which a side must learn what happened to the other; every timeout of these relays is far longer."""


@contextlib.asynccontextmanager
async def proxied_to(port: int, **timeouts: float) -> AsyncIterator[Proxied]:
    """A listener that leaves nothing behind, whatever the test finds."""
    proxied = Proxied(tls_config(port, **timeouts), FrontProtocol)
    try:
        yield proxied
    finally:
        for connection in list(proxied.environment.connections):
            connection.shut_down()
        await proxied.quiet()


def end_of_a_flood(connection: socket.socket) -> str:
    """What ends the sending of whatever the peer takes: its reset, or nothing for some time."""
    connection.settimeout(SOON)
    try:
        while True:
            connection.send(bytes(1 << 20))
    except (ConnectionResetError, BrokenPipeError):
        return "reset"
    except TimeoutError:
        return "nothing"


@pytest_twisted.ensureDeferred
async def test_a_client_that_finished_and_resets_while_all_is_full() -> None:
    """The server, which waits for room, sees the reset too, and not only when its time is over."""
    seen: list[str] = []
    begun, stuck, over = threading.Event(), threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        read_exactly(connection, len(HELLO))
        begun.set()
        assert read_all(connection) == b""
        connection.settimeout(1.0)
        with contextlib.suppress(TimeoutError):
            while True:
                connection.send(bytes(1 << 20))
        stuck.set()
        seen.append(end_of_a_flood(connection))
        over.set()

    def talk(connection: socket.socket) -> None:
        connection.sendall(HELLO)
        assert begun.wait(20)
        connection.shutdown(socket.SHUT_WR)
        assert stuck.wait(20)
        reset(connection)
        assert over.wait(20)

    with server(serve) as port:
        async with proxied_to(port) as proxied:
            await proxied.client(talk)
    assert seen == ["reset"]
    assert proxied.sink.only.outcome is Outcome.CLIENT_LEFT


@pytest_twisted.ensureDeferred
async def test_a_tunnels_time_may_be_shorter_than_the_others() -> None:
    """From the moment when the second side has spoken for the first time, `timeout-tunnel` alone counts."""

    def serve(connection: socket.socket) -> None:
        read_exactly(connection, len(HELLO))
        threading.Event().wait(0.3)
        connection.sendall(b"hello")
        connection.recv(1)

    def talk(connection: socket.socket) -> None:
        connection.sendall(HELLO)
        assert read_exactly(connection, 5) == b"hello"
        connection.settimeout(SOON)
        with contextlib.suppress(ConnectionResetError):
            connection.recv(1)

    with server(serve) as port:
        async with proxied_to(port, timeout_client=60.0, timeout_tunnel=0.5) as proxied:
            await proxied.client(talk)
            await pause(0.1)
    assert proxied.sink.only.outcome in {Outcome.CLIENT_IDLE, Outcome.SERVER_IDLE}


@pytest_twisted.ensureDeferred
async def test_a_client_that_finished_and_takes_nothing_has_its_own_time() -> None:
    """The server's, which is longer, held until the client was full: then `timeout-client-fin` does."""
    seen: list[str] = []
    begun = threading.Event()

    def serve(connection: socket.socket) -> None:
        read_exactly(connection, len(HELLO))
        begun.set()
        assert read_all(connection) == b""
        seen.append(end_of_a_flood(connection))

    def talk(connection: socket.socket) -> None:
        connection.sendall(HELLO)
        assert begun.wait(20)
        connection.shutdown(socket.SHUT_WR)
        for _ in range(200):
            if seen:
                return
            threading.Event().wait(0.1)

    with server(serve) as port:
        async with proxied_to(port, timeout_client_fin=0.5) as proxied:
            await proxied.client(talk)
    assert seen == ["reset"]
    assert proxied.sink.only.outcome is Outcome.CLIENT_IDLE

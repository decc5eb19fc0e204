"""`on-down = close`: what runs at a server that goes DOWN ends, and what runs elsewhere does not."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import pytest_twisted
from twisted.internet.defer import ensureDeferred

from pumpproxy.flow.front import FrontProtocol
from pumpproxy.flow.straighthttp import StraightHttpFront
from pumpproxy.model import Config, ConnectionMode, OnDown, Server, TcpAddress
from pumpproxy.policy.outcome import Outcome, Phase
from tests.fakes import LOOPBACK, client_hello, tls_config
from tests.flow.peers import Proxied, read_exactly, server, until
from tests.flow.test_httpfront_sockets import SWITCH, UPGRADE, behind, head_of
from tests.playbook import GET, OK

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

HELLO = client_hello()


def closing(config: Config) -> Config:
    """The same, where nothing goes on at a server that is DOWN."""
    return replace(config, backends=tuple(replace(one, on_down=OnDown.CLOSE) for one in config.backends))


def down(proxied: Proxied, backend: str, name: str) -> None:
    """That server goes DOWN."""
    pool = proxied.environment.runtime.pools[backend]
    pool.turned(pool.servers[name], up=False)
    proxied.environment.went_down(pool, pool.servers[name])


def end_of(connection: socket.socket) -> str:
    """How the connection ends, after nothing."""
    try:
        return "FIN" if connection.recv(1) == b"" else "data"
    except ConnectionResetError:
        return "RST"


def greet(connection: socket.socket) -> None:
    """Read a hello, answer, and wait for the end."""
    read_exactly(connection, len(HELLO))
    connection.sendall(b"hi")
    connection.recv(1)


@pytest_twisted.ensureDeferred
async def test_a_relay_ends() -> None:
    """Both sides are reset, and the log says why; the relay to another server goes on."""
    seen: dict[str, str] = {}

    def talk(connection: socket.socket) -> None:
        connection.sendall(HELLO)
        read_exactly(connection, 2)
        seen[f"{connection.getsockname()[1]}"] = "there"
        seen[f"{connection.getsockname()[1]}"] = end_of(connection)

    with server(greet) as port, server(greet) as other:
        config = closing(tls_config(port))
        (backend,) = config.backends
        both = (*backend.servers, Server("t", TcpAddress(LOOPBACK, other)))
        proxied = Proxied(replace(config, backends=(replace(backend, servers=both),)), FrontProtocol)
        clients = [ensureDeferred(proxied.client(talk)) for _ in range(2)]
        await until(lambda: list(seen.values()) == ["there"] * 2)
        down(proxied, "b", "s")
        await until(lambda: sorted(seen.values()) == ["RST", "there"], seen)
        await proxied.ended(1)
        record = proxied.sink.only
        assert (record.server, record.outcome, record.phase) == ("s", Outcome.SERVER_DOWN, Phase.DATA)
        assert record.bytes_out == 2
        down(proxied, "b", "t")
        for client in clients:
            await client
        await proxied.quiet()
    assert list(seen.values()) == ["RST"] * 2


@pytest_twisted.ensureDeferred
async def test_otherwise_a_relay_goes_on() -> None:
    """DOWN means that nobody new gets there."""

    def talk(connection: socket.socket) -> bytes:
        connection.sendall(HELLO)
        there = read_exactly(connection, 2)
        seen.append(there)
        return read_exactly(connection, 3)

    def serve(connection: socket.socket) -> None:
        read_exactly(connection, len(HELLO))
        connection.sendall(b"hi")
        gone.wait(20)
        connection.sendall(b"bye")

    seen: list[bytes] = []
    gone = threading.Event()
    with server(serve) as port:
        proxied = Proxied(tls_config(port), FrontProtocol)
        client = ensureDeferred(proxied.client(talk))
        await until(lambda: bool(seen))
        down(proxied, "b", "s")
        gone.set()
        assert await client == b"bye"
        await proxied.quiet()
    assert proxied.sink.only.outcome is not Outcome.SERVER_DOWN


BEGUN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"


def after(*replies: bytes) -> Callable[[socket.socket], None]:
    """A server that gives these replies to one request each, and then waits for the end."""

    def serve(connection: socket.socket) -> None:
        for reply in replies:
            head_of(connection)
            connection.sendall(reply)
        while connection.recv(65536):
            pass

    return serve


async def asked(
    *, replies: tuple[bytes, ...], requests: int = 1, request: bytes = GET, wait: int = 0
) -> tuple[Proxied, bytes, str]:
    """What a client gets whose requests get these replies, when its server goes DOWN then; and how it ends."""
    got = b""
    ready: list[bool] = []

    def talk(connection: socket.socket) -> str:
        nonlocal got
        for number in range(requests):
            connection.sendall(request)
            if number < len(replies):
                got += read_exactly(connection, len(replies[number]))
        ready.append(True)
        try:
            while part := connection.recv(65536):
                got += part
        except ConnectionResetError:
            return "RST"
        return "FIN"

    with server(after(*replies)) as port:
        proxied = Proxied(closing(behind(port, connection=ConnectionMode.KEEP_ALIVE)), StraightHttpFront)
        client = ensureDeferred(proxied.client(talk))
        environment = proxied.environment
        await until(lambda: bool(ready) and environment.runtime.pools["a"].connections == (wait or 1))
        await until(lambda: any(one._exchange.engaged_at for one in environment.connections))  # type: ignore[attr-defined]
        down(proxied, "a", "a1")
        end = await client
        await proxied.quiet()
    return proxied, got, end


@pytest_twisted.ensureDeferred
async def test_a_request_is_answered_by_us() -> None:
    """Where nothing of a response has come; also on the short way, which takes over a request like one before."""
    for requests in (1, 2):
        proxied, got, end = await asked(replies=(OK,) * (requests - 1), requests=requests)
        assert got.startswith(OK * (requests - 1) + b"HTTP/1.1 503 ")
        assert end == "FIN"
        record = proxied.sink.records[-1]
        assert (record.outcome, record.phase) == (Outcome.SERVER_DOWN, Phase.HEAD)


@pytest_twisted.ensureDeferred
async def test_a_response_is_cut() -> None:
    """So that it never looks whole."""
    proxied, got, _ = await asked(replies=(BEGUN,))
    assert got == BEGUN
    record = proxied.sink.records[-1]
    assert (record.outcome, record.phase) == (Outcome.SERVER_DOWN, Phase.DATA)


@pytest_twisted.ensureDeferred
async def test_a_tunnel_ends() -> None:
    """A WebSocket is a relay too."""
    proxied, got, end = await asked(replies=(SWITCH,), request=UPGRADE)
    assert (got, end) == (SWITCH, "RST")
    assert proxied.sink.records[-1].outcome is Outcome.SERVER_DOWN


@pytest.mark.parametrize("on_down", OnDown)
@pytest_twisted.ensureDeferred
async def test_idle_connections_to_it_end(on_down: OnDown) -> None:
    """Either way. A client between two requests notices nothing; its next one goes where the pool says: to nobody."""
    ended: list[str] = []
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(OK)
        ended.append(end_of(connection))
        over.set()

    def talk(connection: socket.socket) -> bytes:
        connection.sendall(GET)
        got = read_exactly(connection, len(OK))
        over.wait(20)
        connection.sendall(GET)
        return got + read_exactly(connection, 12)

    with server(serve) as port:
        config = behind(port, connection=ConnectionMode.KEEP_ALIVE)
        backends = tuple(replace(one, on_down=on_down) for one in config.backends)
        proxied = Proxied(replace(config, backends=backends), StraightHttpFront)
        client = ensureDeferred(proxied.client(talk))
        kept = proxied.environment.kept
        await until(lambda: len(kept) == 1)
        down(proxied, "a", "a1")
        assert await client == OK + b"HTTP/1.1 503"
        await proxied.quiet()
    assert ended == ["RST"]

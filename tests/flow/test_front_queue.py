"""Clients that wait for a server, over real sockets: `tls` and `http`, with both relays."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest_twisted
from twisted.internet.defer import gatherResults

from pumpproxy.flow.front import FrontProtocol
from pumpproxy.flow.straighthttp import StraightHttpFront
from pumpproxy.model import Backend, Check, Config, Frontend, Mode, Server, TcpAddress
from pumpproxy.policy.admission import HelloBudget
from pumpproxy.policy.outcome import Outcome, Phase
from tests.fakes import LOOPBACK, client_hello, tls_config
from tests.flow.peers import Proxied, pause, read_all, read_exactly, reset, server, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumpproxy.policy.pool import Pool

HELLO = client_hello()
GET = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def declared(config: Config, one: dict[str, object], **fields: object) -> Config:
    """The same, its one server and its backend with these fields."""
    (backend,) = config.backends
    (only,) = backend.servers
    changed = replace(backend, servers=(replace(only, **one),), **fields)  # type: ignore[arg-type]
    return replace(config, backends=(changed,))


def http_config(port: int) -> Config:
    """One `http` frontend whose only backend is one server on this loopback port."""
    front = Frontend("f", Mode.HTTP, (TcpAddress(LOOPBACK, 1),), default_backend="b")
    return Config((front,), (Backend("b", Mode.HTTP, servers=(Server("s", TcpAddress(LOOPBACK, port)),)),))


def pool(proxied: Proxied) -> Pool:
    """The only one."""
    return proxied.environment.runtime.pools["b"]


class Busy:
    """A server that counts those who are with it at the same time, and gives back what comes until FIN."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.now = self.most = 0

    def __call__(self, connection: socket.socket) -> None:
        """Serve one."""
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            while data := connection.recv(65536):
                connection.sendall(data)
        finally:
            # Before our own FIN: whoever is let in by it must not be counted beside us.
            with self._lock:
                self.now -= 1


def echoed(connection: socket.socket) -> bytes:
    """Say hello, hear it, stay a moment, leave."""
    connection.sendall(HELLO)
    heard = read_exactly(connection, len(HELLO))
    threading.Event().wait(0.02)
    connection.shutdown(socket.SHUT_WR)
    return heard + read_all(connection)


@pytest_twisted.ensureDeferred
async def test_a_server_never_has_more_than_it_takes_and_all_are_served() -> None:
    """Thirty at once, three at a time."""
    busy = Busy()
    with server(busy) as port:
        proxied = Proxied(declared(tls_config(port), {"maxconn": 3}), FrontProtocol)
        heard = await gatherResults([proxied.client_deferred(echoed) for _ in range(30)])
        assert list(heard) == [HELLO] * 30
        await proxied.quiet()
    assert busy.most <= 3
    assert {record.outcome for record in proxied.sink.records} == {Outcome.COMPLETED}
    assert max(record.backend_queue for record in proxied.sink.records) > 0
    assert pool(proxied).waiting == 0


@pytest_twisted.ensureDeferred
async def test_a_request_waits_for_the_one_before_it() -> None:
    """On a server that takes one at a time; its connection is not kept, or kept, either way."""

    def answers(connection: socket.socket) -> None:
        while read_head(connection):
            threading.Event().wait(0.02)
            connection.sendall(OK)

    def ask(connection: socket.socket) -> bytes:
        connection.sendall(GET)
        return read_exactly(connection, len(OK))

    with server(answers) as port:
        proxied = Proxied(declared(http_config(port), {"maxconn": 1}), StraightHttpFront)
        assert list(await gatherResults([proxied.client_deferred(ask) for _ in range(12)])) == [OK] * 12
        proxied.environment.kept.clear()
        await proxied.quiet()
    assert max(record.queued or 0.0 for record in proxied.sink.records) > 0.0


def read_head(connection: socket.socket) -> bytes:
    """One request without a body; b"" at the end."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    return data


def turned(proxied: Proxied, *, up: bool) -> None:
    """The only server's checks say so."""
    pool(proxied).turned(pool(proxied).servers["s"], up=up)


@pytest_twisted.ensureDeferred
async def test_a_held_client_gets_its_server_when_it_is_up() -> None:
    """Hello and early data and all, `tls` and `http` alike."""
    for make, build, said, heard in (
        (tls_config, FrontProtocol, HELLO + b"early", HELLO + b"early"),
        (http_config, StraightHttpFront, GET, OK),
    ):

        def serve(connection: socket.socket, said: bytes = said, heard: bytes = heard) -> None:
            if said == GET:
                read_head(connection)
            else:
                read_exactly(connection, len(said))
            connection.sendall(heard)

        def talk(connection: socket.socket, said: bytes = said, heard: bytes = heard) -> bytes:
            connection.sendall(said)
            return read_exactly(connection, len(heard))

        with server(serve) as port:
            proxied = Proxied(declared(make(port), {"check": Check()}, hold=True), build)
            turned(proxied, up=False)
            talking = proxied.client_deferred(talk)
            await until(lambda proxied=proxied: pool(proxied).waiting == 1)  # type: ignore[misc]
            await pause(0.3)
            turned(proxied, up=True)
            assert await talking == heard
            proxied.environment.kept.clear()
            await proxied.quiet()
        (record,) = proxied.sink.records
        assert record.queued is not None
        assert record.queued >= 0.3


@pytest_twisted.ensureDeferred
async def test_a_client_that_gives_up_waiting_is_forgotten() -> None:
    """By FIN or by reset; nothing of it is left, and the server hears of neither."""
    goodbyes: tuple[Callable[[socket.socket], object], ...] = (reset, lambda connection: connection.close())
    for goodbye in goodbyes:
        with server(lambda connection: connection.close()) as port:
            proxied = Proxied(declared(tls_config(port), {"check": Check()}, hold=True), FrontProtocol)
            turned(proxied, up=False)

            def talk(connection: socket.socket, goodbye: Callable[[socket.socket], object] = goodbye) -> None:
                connection.sendall(HELLO)
                threading.Event().wait(0.2)
                goodbye(connection)

            await proxied.client(talk)
            await proxied.ended(1)
            assert pool(proxied).waiting == 0
            turned(proxied, up=True)
            await proxied.quiet()
        assert (proxied.sink.only.outcome, proxied.sink.only.phase) == (Outcome.CLIENT_LEFT, Phase.QUEUE)


@pytest_twisted.ensureDeferred
async def test_waiting_ends_by_timeout_queue() -> None:
    """With the words for nobody, at about that time."""
    with server(lambda connection: connection.close()) as port:
        config = declared(tls_config(port), {"check": Check()}, hold=True, timeout_queue=0.3)
        proxied = Proxied(config, FrontProtocol)
        turned(proxied, up=False)

        def talk(connection: socket.socket) -> bytes:
            connection.sendall(HELLO)
            return read_all(connection)

        assert (await proxied.client(talk))[:1] == b"\x15"
        await proxied.quiet()
    record = proxied.sink.only
    assert (record.outcome, record.phase) == (Outcome.QUEUE_TIMEOUT, Phase.QUEUE)
    assert 0.3 <= record.total < 10


@pytest_twisted.ensureDeferred
async def test_those_who_wait_hold_no_more_than_the_unfinished_may() -> None:
    """The one that holds the most is refused, the others go on waiting, and all is given back in the end."""
    with server(lambda connection: connection.sendall(read_exactly(connection, len(HELLO)))) as port:
        proxied = Proxied(declared(tls_config(port), {"check": Check()}, hold=True), FrontProtocol)
        proxied.environment.hellos = HelloBudget(4 * len(HELLO))
        turned(proxied, up=False)
        waiting = [proxied.client_deferred(ask) for _ in range(2)]
        await until(lambda: pool(proxied).waiting == 2)

        def greedy(connection: socket.socket) -> bytes:
            connection.sendall(HELLO + b"x" * 3 * len(HELLO))
            return read_all(connection)

        assert (await proxied.client(greedy))[:1] == b"\x15"
        assert pool(proxied).waiting == 2
        turned(proxied, up=True)
        assert list(await gatherResults(waiting)) == [HELLO] * 2
        await proxied.quiet()
    assert proxied.environment.hellos.total == 0
    assert proxied.sink.records[0].outcome is Outcome.OVERLOAD


def ask(connection: socket.socket) -> bytes:
    """Say hello, and hear it."""
    connection.sendall(HELLO)
    return read_exactly(connection, len(HELLO))

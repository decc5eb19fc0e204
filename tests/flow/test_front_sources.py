"""Clients whose source is limited, over real sockets: `tls`, `tcp` and `http`, with both relays."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from pumpproxy.flow.front import FrontProtocol
from pumpproxy.flow.httpfront import HttpFront
from pumpproxy.flow.straighthttp import StraightHttpFront
from pumpproxy.model import Config, Frontend, Mode, TcpAddress
from pumpproxy.policy.outcome import Outcome, Phase
from tests.fakes import LOOPBACK, client_hello, tls_config, unused_port
from tests.flow.peers import PATIENCE, Proxied, black_hole, has_ipv6, read_all, read_exactly, reset, server, until
from tests.playbook import GET, OK, site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twisted.internet.defer import Deferred

HELLO = client_hello()
OTHER = "127.0.0.2"
UPGRADE = b"GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


def tcp_config(port: int, **frontend: object) -> Config:
    """One `tcp` frontend whose backend is one server on this loopback port."""
    whole = tls_config(port)
    fields = {"default_backend": "b", **frontend}
    return replace(whole, frontends=(Frontend("f", Mode.TCP, (TcpAddress(LOOPBACK, 1),), **fields),))  # type: ignore[arg-type]


def http_config(port: int, **frontend: object) -> Config:
    """The site of the playbooks, its servers on this loopback port."""
    whole = site(**frontend)  # type: ignore[arg-type]
    there = TcpAddress(LOOPBACK, port)
    backends = tuple(
        replace(one, retries=0, servers=tuple(replace(server, address=there) for server in one.servers))
        for one in whole.backends
    )
    return replace(whole, backends=backends)


@contextmanager
def connected(proxied: Proxied, source: str = LOOPBACK) -> Iterator[socket.socket]:
    """A client of that address."""
    with socket.socket() as client:
        client.settimeout(PATIENCE)
        client.bind((source, 0))
        client.connect((LOOPBACK, proxied.port))
        yield client


def visit(proxied: Proxied, said: bytes, heard: bytes, source: str = LOOPBACK) -> Deferred[bytes]:
    """One client that says that and hears that, or whatever it is instead; b"RST" for a reset."""

    def run() -> bytes:
        # Even connect(2) may tell of the reset.
        try:
            with connected(proxied, source) as client:
                client.sendall(said)
                got = read_exactly(client, len(heard))
                client.shutdown(socket.SHUT_WR)
                return got + read_all(client)
        except (ConnectionResetError, BrokenPipeError):
            return b"RST"

    return deferToThread(run)


def echo(connection: socket.socket) -> None:
    """Give back what comes, until FIN."""
    while data := connection.recv(65536):
        connection.sendall(data)


def switches(connection: socket.socket) -> None:
    """A server that agrees to a WebSocket, and gives back what comes."""
    connection.recv(65536)
    connection.sendall(SWITCH)
    echo(connection)


def nobody_counts(proxied: Proxied) -> bool:
    """Whether no source is remembered: all places were given back."""
    limited = proxied.environment.runtime.frontends["f"].sources
    return limited is not None and len(limited) == 0 and limited.told == 0


@pytest.mark.parametrize("config", [tls_config, tcp_config], ids=["tls", "tcp"])
@pytest_twisted.ensureDeferred
async def test_one_too_many_is_reset_and_others_are_served(config: Callable[..., Config]) -> None:
    """The one that is there goes on, another address is served, and the first again once its own is over."""
    with server(echo) as port:
        proxied = Proxied(config(port, max_per_source=1), FrontProtocol)
        with connected(proxied) as first:
            await deferToThread(first.sendall, HELLO)
            assert await deferToThread(read_exactly, first, len(HELLO)) == HELLO
            assert await visit(proxied, HELLO, HELLO) == b"RST"
            assert await visit(proxied, HELLO, HELLO, OTHER) == HELLO
            assert await visit(proxied, HELLO, HELLO) == b"RST"
            await deferToThread(first.sendall, b"more")
            assert await deferToThread(read_exactly, first, 4) == b"more"
        await proxied.ended(4)
        assert await visit(proxied, HELLO, HELLO) == HELLO
        await proxied.quiet()
    assert nobody_counts(proxied)
    outcomes = [record.outcome for record in proxied.sink.records]
    assert outcomes.count(Outcome.TOO_MANY) == 2
    assert outcomes.count(Outcome.COMPLETED) == 3
    assert {record.phase for record in proxied.sink.records if record.outcome is Outcome.TOO_MANY} == {Phase.REQUEST}


@pytest_twisted.ensureDeferred
async def test_one_too_many_is_told_so_by_http() -> None:
    """A whole 429 that arrives, though its request was not read; others are served, with their kept connections."""

    def ask(client: socket.socket) -> bytes:
        client.sendall(GET)
        return read_exactly(client, len(OK))

    def serve(connection: socket.socket) -> None:
        while connection.recv(65536):
            connection.sendall(OK)

    with server(serve) as port:
        for build in (HttpFront, StraightHttpFront):
            proxied = Proxied(http_config(port, max_per_source=1), build)
            with connected(proxied) as first:
                assert await deferToThread(ask, first) == OK
                page = await visit(proxied, GET + bytes(20_000), b"HTTP/1.1 429 Too Many Requests\r\n")
                assert b"\r\nRetry-After: 10\r\n" in page
                assert b"\r\nConnection: close\r\n" in page
                assert page.endswith(b"</html>\n")
                assert await visit(proxied, GET, OK, OTHER) == OK
                assert [await deferToThread(ask, first) for _ in range(3)] == [OK] * 3
            await until(lambda proxied=proxied: nobody_counts(proxied))  # type: ignore[misc]
            assert await visit(proxied, GET, OK) == OK
            proxied.environment.kept.clear()
            await proxied.quiet()
            assert nobody_counts(proxied)
            (refused,) = (record for record in proxied.sink.records if record.outcome is Outcome.TOO_MANY)
            assert (refused.phase, refused.bytes_in, refused.bytes_out) == (Phase.REQUEST, 0, len(page))


@pytest_twisted.ensureDeferred
async def test_new_ones_a_minute() -> None:
    """As many at once; the next is refused, though none is there any more, and another address is served."""
    with server(echo) as port:
        proxied = Proxied(tls_config(port, rate_per_source=3), FrontProtocol)
        assert [await visit(proxied, HELLO, HELLO) for _ in range(5)] == [HELLO] * 3 + [b"RST"] * 2
        assert await visit(proxied, HELLO, HELLO, OTHER) == HELLO
        await proxied.quiet()
    assert [record.outcome for record in proxied.sink.records].count(Outcome.TOO_MANY) == 2


def finishes(connection: socket.socket) -> None:
    """A FIN, and then whatever comes."""
    connection.shutdown(socket.SHUT_WR)
    read_all(connection)


def cuts(connection: socket.socket) -> None:
    """A server that resets after the first words."""
    connection.recv(65536)
    reset(connection)


def vanishes(connection: socket.socket) -> None:
    """A reset, while something may be under way."""
    threading.Event().wait(0.05)
    reset(connection)


@pytest_twisted.ensureDeferred
async def test_every_end_gives_its_place_back() -> None:
    """Whoever ends it, however, and whenever: the next of the same address is let in each time."""

    def talk(said: bytes, goodbye: Callable[[socket.socket], object]) -> None:
        # A reset may be told by any call, connect(2) among them.
        with suppress(ConnectionResetError, BrokenPipeError), connected(proxied) as client:
            client.sendall(said)
            goodbye(client)

    with server(echo) as echoes, server(cuts) as cutting, black_hole() as nowhere:
        nobody = unused_port()
        for config, port, said, goodbye in (
            (tls_config, echoes, HELLO, finishes),
            (tls_config, echoes, HELLO, vanishes),
            (tls_config, echoes, HELLO[:100], finishes),
            (tls_config, echoes, HELLO[:100], vanishes),
            (tls_config, echoes, b"", finishes),
            (tls_config, echoes, b"GET / HTTP/1.1\r\n\r\n", read_all),
            (tls_config, echoes, b"\x16\x03\x01\x00\x04\x01\x00\x00\x00", read_all),
            (tls_config, cutting, HELLO + bytes(100_000), read_all),
            (tls_config, nobody, HELLO, read_all),
            (tls_config, nowhere, HELLO, finishes),
            (tls_config, nowhere, HELLO, vanishes),
            (tcp_config, echoes, b"x", finishes),
            (tcp_config, echoes, b"", vanishes),
            (tcp_config, cutting, b"x", read_all),
            (tcp_config, nobody, b"", read_all),
            (tcp_config, nowhere, b"x", vanishes),
            (http_config, echoes, b"", finishes),
            (http_config, echoes, GET, read_all),
            (http_config, cutting, GET, read_all),
            (http_config, nobody, GET, read_all),
            (http_config, nowhere, GET, vanishes),
            (http_config, nowhere, b"what\r\n\r\n", read_all),
        ):
            whole = config(port, max_per_source=1)
            whole = replace(whole, backends=tuple(replace(one, retries=0) for one in whole.backends))
            proxied = Proxied(whole, HttpFront if config is http_config else FrontProtocol)
            for turn in (1, 2):
                await deferToThread(talk, said, goodbye)
                await proxied.ended(turn)
                await until(lambda proxied=proxied: nobody_counts(proxied))  # type: ignore[misc]
            await proxied.quiet()
            assert len(proxied.sink.records) == 2
            assert Outcome.TOO_MANY not in {record.outcome for record in proxied.sink.records}


@pytest_twisted.ensureDeferred
async def test_the_end_of_the_service_gives_places_back() -> None:
    """Before the hello, with a relay, and in a tunnel."""
    with server(echo) as echoes, server(switches) as tunnels:
        for config, build, said, heard in (
            (tls_config(echoes, max_per_source=1), FrontProtocol, b"", b""),
            (tls_config(echoes, max_per_source=1), FrontProtocol, HELLO, HELLO),
            (tcp_config(echoes, max_per_source=1), FrontProtocol, b"x", b"x"),
            (http_config(tunnels, max_per_source=1), HttpFront, b"", b""),
            (http_config(tunnels, max_per_source=1), HttpFront, UPGRADE, SWITCH),
        ):
            proxied = Proxied(config, build)
            with connected(proxied) as client:
                await deferToThread(client.sendall, said)
                assert await deferToThread(read_exactly, client, len(heard)) == heard
                await until(lambda proxied=proxied: bool(proxied.environment.connections))  # type: ignore[misc]
                assert not nobody_counts(proxied)
                for connection in list(proxied.environment.connections):
                    connection.shut_down()
                await proxied.quiet()
            assert nobody_counts(proxied)
            assert proxied.sink.only.outcome is Outcome.SHUTDOWN


@pytest_twisted.ensureDeferred
async def test_a_tunnel_counts_until_it_ends() -> None:
    """A WebSocket holds its place after its request is over."""
    with server(switches) as port:
        proxied = Proxied(http_config(port, max_per_source=1), HttpFront)
        with connected(proxied) as first:
            await deferToThread(first.sendall, UPGRADE)
            assert await deferToThread(read_exactly, first, len(SWITCH)) == SWITCH
            assert (await visit(proxied, GET, b"HTTP/1.1 429")).startswith(b"HTTP/1.1 429")
        await until(lambda: nobody_counts(proxied))
        assert await visit(proxied, UPGRADE, SWITCH) == SWITCH
        await proxied.quiet()
    assert nobody_counts(proxied)


@pytest_twisted.ensureDeferred
async def test_a_reload_brings_and_takes_limits() -> None:
    """Who came by the short way, before there was one, goes on and does not count; later ones do."""
    with server(echo) as port:
        proxied = Proxied(tls_config(port), FrontProtocol)
        runtime = proxied.environment.runtime
        with connected(proxied) as first:
            await deferToThread(first.sendall, HELLO)
            assert await deferToThread(read_exactly, first, len(HELLO)) == HELLO
            runtime.reload(tls_config(port, max_per_source=1), 100)
            proxied.listener.serve(runtime.frontends["f"])
            with connected(proxied) as second:
                await deferToThread(second.sendall, HELLO)
                assert await deferToThread(read_exactly, second, len(HELLO)) == HELLO
                assert await visit(proxied, HELLO, HELLO) == b"RST"
                runtime.reload(tls_config(port), 100)
                assert await visit(proxied, HELLO, HELLO) == HELLO
        await proxied.quiet()
    assert len(proxied.sink.records) == 4


@pytest_twisted.ensureDeferred
async def test_ipv6_and_ipv4_on_one_socket() -> None:
    """::1 is one source, and each IPv4 address one of its own."""
    if not has_ipv6():
        pytest.skip("machine: no IPv6")

    def by_ipv6() -> bytes:
        with socket.socket(socket.AF_INET6) as client:
            client.settimeout(PATIENCE)
            client.connect(("::1", proxied.port))
            try:
                client.sendall(HELLO)
                return read_exactly(client, len(HELLO))
            except (ConnectionResetError, BrokenPipeError):
                return b"RST"

    with server(echo) as port:
        proxied = Proxied(tls_config(port, rate_per_source=2), FrontProtocol, "*")
        assert [await deferToThread(by_ipv6) for _ in range(3)] == [HELLO, HELLO, b"RST"]
        assert [await visit(proxied, HELLO, HELLO) for _ in range(3)] == [HELLO, HELLO, b"RST"]
        assert await visit(proxied, HELLO, HELLO, OTHER) == HELLO
        await proxied.quiet()

"""The relay in the kernel: what is its own. What both relays do is in test_front.py, which runs against both."""

from __future__ import annotations

import hashlib
import os
import random
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_twisted
from twisted.internet.defer import ensureDeferred, gatherResults

from pumpproxy.flow import pipes as pipes_module
from pumpproxy.flow.front import FrontProtocol
from pumpproxy.model import RelayKind
from pumpproxy.policy.outcome import Outcome
from tests.fakes import client_hello, tls_config
from tests.flow.peers import Proxied, read_all, read_exactly, reset, server, until

if TYPE_CHECKING:
    from collections.abc import Callable

HELLO = client_hello()
RELAYS = [RelayKind.SPLICE]
"""The portable relay has no pipes."""
pytestmark = pytest.mark.skipif(not hasattr(os, "splice"), reason="machine: no splice(2)")


def descriptors() -> int:
    """How many this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def echo(connection: socket.socket) -> None:
    """Give back what comes, until FIN."""
    while data := connection.recv(65536):
        connection.sendall(data)


@pytest_twisted.ensureDeferred
async def test_a_large_transfer_borrows_a_pipe_and_gives_it_back() -> None:
    """While bytes are in flight there is one a direction; an idle relay holds none."""
    body = random.Random(1).randbytes(20_000_000)
    most = [0]

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(body)
        connection.recv(1)

    with server(serve) as port:
        proxied = Proxied(tls_config(port), FrontProtocol)
        pool = proxied.environment.pipes

        def talk(connection: socket.socket) -> bytes:
            connection.sendall(HELLO)
            data = read_exactly(connection, 1_000_000)
            threading.Event().wait(0.2)
            most[0] = pool.in_use
            data += read_exactly(connection, len(body) - len(data))
            threading.Event().wait(0.2)
            assert pool.in_use == 0, "idle again"
            return data

        assert hashlib.sha256(await proxied.client(talk)).digest() == hashlib.sha256(body).digest()
        await proxied.quiet()
    assert most[0] == 1


@pytest.mark.parametrize("fault", ["none left", "too small"])
@pytest_twisted.ensureDeferred
async def test_without_pipes_it_copies(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost where no pipe is to be had, or none of a useful size."""
    if fault == "none left":
        monkeypatch.setattr(pipes_module, "MOST", 0)
    else:
        monkeypatch.setattr(pipes_module, "LEAST", 1 << 30)
    body = random.Random(2).randbytes(5_000_000)

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(body)

    with server(serve) as port:
        proxied = Proxied(tls_config(port), FrontProtocol)

        def talk(connection: socket.socket) -> bytes:
            connection.sendall(HELLO)
            return read_all(connection)

        assert await proxied.client(talk) == body
        assert proxied.environment.pipes.refused > 0
        await proxied.quiet()


def random_transfer(seed: int) -> tuple[bytes, bytes]:
    """What a client sends behind its hello, and what the server answers."""
    chance = random.Random(seed)
    sizes = [0, 1, 1000, 16384, 65536, 1_000_000, 3_000_000]
    return chance.randbytes(chance.choice(sizes)), chance.randbytes(chance.choice(sizes))


@pytest_twisted.ensureDeferred
async def test_many_transfers_at_once_lose_nothing() -> None:
    """Random sizes both ways with random pauses and half-closes: every byte before a FIN arrives, nothing is left."""
    count = 60
    before = descriptors()
    received: dict[int, bytes] = {}

    def serve(connection: socket.socket) -> None:
        read_exactly(connection, len(HELLO))
        seed = int.from_bytes(read_exactly(connection, 4), "big")
        connection.sendall(b"!")
        upload, download = random_transfer(seed)
        chance = random.Random(seed + 1000)
        if chance.random() < 0.5:
            received[seed] = read_all(connection)
            connection.sendall(download)
        else:
            sender = threading.Thread(target=connection.sendall, args=(download,))
            sender.start()
            threading.Event().wait(chance.random() * 0.2)
            received[seed] = read_all(connection)
            sender.join(20)
        assert received[seed] == upload

    with server(serve) as port:
        proxied = Proxied(tls_config(port), FrontProtocol)

        def talker(seed: int) -> Callable[[socket.socket], bool]:
            upload, download = random_transfer(seed)
            chance = random.Random(seed)

            def talk(connection: socket.socket) -> bool:
                connection.sendall(HELLO + seed.to_bytes(4, "big"))
                read_exactly(connection, 1)

                def send() -> None:
                    half = len(upload) // 2
                    connection.sendall(upload[:half])
                    threading.Event().wait(chance.random() * 0.1)
                    connection.sendall(upload[half:])
                    connection.shutdown(socket.SHUT_WR)

                sender = threading.Thread(target=send)
                sender.start()
                got = read_all(connection)
                sender.join(20)
                return got == download

            return talk

        results = await gatherResults([ensureDeferred(proxied.client(talker(seed))) for seed in range(count)])
        assert results == [True] * count
        await proxied.ended(count)
        await proxied.quiet()
    assert sorted(received) == list(range(count))
    assert all(received[seed] == random_transfer(seed)[0] for seed in received)
    assert {record.outcome for record in proxied.sink.records} == {Outcome.COMPLETED}
    # Threads of the pool keep none; what the reactor and the pool themselves opened meanwhile is a handful.
    await until(lambda: descriptors() <= before + 5)


@pytest_twisted.ensureDeferred
async def test_a_stalled_relays_pipe_goes_with_its_connection() -> None:
    """A client that resets in the middle of a transfer leaves no pipe behind."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(bytes(30_000_000))

    with server(serve) as port:
        proxied = Proxied(tls_config(port), FrontProtocol)

        def talk(connection: socket.socket) -> None:
            connection.sendall(HELLO)
            read_exactly(connection, 100_000)
            threading.Event().wait(0.2)
            assert proxied.environment.pipes.in_use == 1
            reset(connection)

        await proxied.client(talk)
        await proxied.quiet()
    assert proxied.sink.only.outcome is Outcome.CLIENT_LEFT

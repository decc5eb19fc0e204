"""A GiB from a fast server to a client that pauses: the daemon holds a few buffers of it, and loses nothing."""

from __future__ import annotations

import hashlib
import socket
import time
from typing import TYPE_CHECKING

from tests.fakes import LOOPBACK, unused_port
from tests.system.daemon import PATIENCE, Daemon
from tests.system.servers import tcp_server

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = hashlib.shake_256(b"back-pressure").digest(1 << 20)
BLOCKS = 1024
MOST_GROWTH = 16 * 2**20


def send_a_gib(connection: socket.socket) -> None:
    """Numbered blocks, so that a swap would change the hash."""
    connection.recv(65536)
    for number in range(BLOCKS):
        connection.sendall(number.to_bytes(8, "big") + BLOCK[8:])


def test_a_gib_to_a_client_that_pauses(tmp_path: Path, hello: bytes) -> None:
    """Resident memory stays within 16 MiB of the start, while it pauses and while it reads; the hash is right."""
    port = unused_port()
    expected = hashlib.blake2b()
    for number in range(BLOCKS):
        expected.update(number.to_bytes(8, "big"))
        expected.update(BLOCK[8:])
    got = hashlib.blake2b()
    with tcp_server(send_a_gib) as server:
        text = (
            f"[frontend f]\nmode = tls\nbind = {LOOPBACK}:{port}\ndefault-backend = b\n"
            f"[backend b]\nserver s = {LOOPBACK}:{server}\n"
        )
        with Daemon(tmp_path, text) as daemon, socket.create_connection((LOOPBACK, port)) as client:
            client.settimeout(PATIENCE)
            start = most = daemon.resident
            client.sendall(hello)
            total = 0
            buffer = bytearray(1 << 20)
            pauses = {10 << 20: 2.0, 500 << 20: 1.0}
            while size := client.recv_into(buffer):
                got.update(memoryview(buffer)[:size])
                total += size
                for at in [at for at in pauses if total >= at]:
                    end = time.monotonic() + pauses.pop(at)
                    while time.monotonic() < end:
                        most = max(most, daemon.resident)
                        time.sleep(0.1)
                if total % (32 << 20) < size:
                    most = max(most, daemon.resident)
            assert total == BLOCKS << 20
            assert got.digest() == expected.digest()
            assert most - start < MOST_GROWTH, f"{(most - start) >> 20} MiB"

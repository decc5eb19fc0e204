"""A daemon among clients that mean no good: what it holds is given back, and nothing that they send reads as ours."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import struct
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

from tests.fakes import LOOPBACK, client_hello, unused_port
from tests.system import daemon as daemon_module
from tests.system.conftest import PUMP
from tests.system.daemon import PATIENCE, TWISTD, Daemon
from tests.system.servers import naming_server, tcp_server

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

CONNECTIONS = 600
AT_ONCE = 20


def site(tls: int, http: int, behind: int, *lines: str) -> str:
    """A `tls` and an `http` frontend before one server, and impatient timeouts; `lines` stand in `[global]`."""
    text = [
        "[global]",
        "log = twistd",
        *lines,
        "[defaults]",
        *(f"timeout-{name} = 500ms" for name in ("client", "server", "tunnel", "http-request", "http-keep-alive")),
        *("timeout-client-fin = 500ms", "timeout-server-fin = 500ms", "retries = 0"),
        f"[frontend t]\nmode = tls\nbind = {LOOPBACK}:{tls}\ninspect-delay = 500ms\ndefault-backend = b",
        f"route dead.example = dead\n[backend dead]\nserver s = {LOOPBACK}:{unused_port()}",
        f"[backend b]\nserver s = {LOOPBACK}:{behind}",
        f"[frontend h]\nmode = http\nbind = {LOOPBACK}:{http}\nlog-format = json\ndefault-backend = w",
        f"[backend w]\nmode = http\nserver s = {LOOPBACK}:{behind}",
    ]
    return "\n".join(text) + "\n"


def reset(connection: socket.socket) -> None:
    """Close it with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def some_ending(connection: socket.socket) -> None:
    """A server that is as likely to answer as to leave in any way."""
    draw = random.Random(connection.getpeername()[1])
    data = connection.recv(65536)
    with contextlib.suppress(OSError):
        if draw.random() < 0.5:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" if data[:1] != b"\x16" else data)
        if draw.random() < 0.3:
            reset(connection)
        elif draw.random() < 0.5:
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(2)
            connection.recv(65536)


def misbehave(draw: random.Random, tls: int, http: int, hellos: tuple[bytes, ...]) -> None:
    """One client: some of something, then any ending."""
    requests = (
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n" + b"x" * 50000,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    )
    port = draw.choice((tls, http))
    data = draw.choice((*hellos, b"GET / HTTP/1.0\r\n\r\n", b"\x00") if port == tls else requests)
    connection = socket.create_connection((LOOPBACK, port), PATIENCE)
    with connection, contextlib.suppress(OSError):
        connection.settimeout(2)
        connection.sendall(data[: draw.choice((0, 1, len(data) // 2, len(data), len(data)))])
        end = draw.randrange(4)
        if end == 0:
            connection.shutdown(socket.SHUT_WR)
        if end <= 1:
            while connection.recv(65536):
                pass
        elif end == 2:
            reset(connection)


def test_every_descriptor_comes_back(tmp_path: Path) -> None:
    """However hundreds of connections end, on whichever side, with reloads meanwhile: none is left, and none twice."""
    tls, http = unused_port(), unused_port()
    hellos = (client_hello(PUMP), client_hello("dead.example"), client_hello(PUMP) + b"early" * 20000)
    with tcp_server(some_ending) as behind, Daemon(tmp_path, site(tls, http, behind)) as daemon:
        before = daemon.descriptors

        def some(number: int) -> None:
            draw = random.Random(number)
            for turn in range(CONNECTIONS // AT_ONCE):
                if number == 0 and turn % 10 == 0:
                    daemon.path.write_text(site(tls, http, behind, f"maxconn = {100 + turn}"))
                    daemon.process.send_signal(signal.SIGHUP)
                misbehave(draw, tls, http, hellos)

        threads = [threading.Thread(target=some, args=(number,)) for number in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        end = time.monotonic() + PATIENCE
        while daemon.descriptors > before and time.monotonic() < end:
            time.sleep(0.1)
        assert daemon.descriptors <= before
        assert "Traceback" not in daemon.log
        # Nobody is counted any more: this one's line says that it is alone.
        with socket.create_connection((LOOPBACK, tls), PATIENCE) as last:
            after = len(daemon.log)
            last.sendall(b"\x00")
            last.recv(1)
        assert " 1/1/0/0/0 0/0" in daemon.wait_for("outcome=not-tls", after=after)


def test_a_reload_within_the_grace_lets_nobody_in(tmp_path: Path) -> None:
    """SIGHUP after SIGTERM: the listeners stay closed, and the end comes with the last connection."""
    tls, http = unused_port(), unused_port()
    with naming_server(b"one") as behind:
        daemon = Daemon(tmp_path, site(tls, http, behind).replace("500ms", "20s"), "--grace", "20s")
        daemon.wait_for("serving")
        with socket.create_connection((LOOPBACK, tls), PATIENCE) as connection:
            connection.sendall(client_hello(PUMP)[:10])
            time.sleep(0.2)
            daemon.process.send_signal(signal.SIGTERM)
            daemon.wait_for("waiting for 1 connections")
            assert "reload ignored" in daemon.reload()
            with socket.socket() as probe:
                assert probe.connect_ex((LOOPBACK, tls)) != 0
        daemon.process.wait(10)
        assert "Traceback" not in daemon.log


def test_a_fifo_for_a_file_stops_nobody(tmp_path: Path) -> None:
    """A reload refuses what it might have to wait for."""
    tls, http = unused_port(), unused_port()
    with naming_server(b"one") as behind, Daemon(tmp_path, site(tls, http, behind)) as daemon:
        daemon.path.unlink()
        os.mkfifo(daemon.path)
        assert "not a plain file" in daemon.reload()
        with socket.create_connection((LOOPBACK, tls), PATIENCE) as connection:
            connection.sendall(client_hello(PUMP))
            assert connection.recv(100) == b"one"


def test_a_maxconn_beyond_the_descriptors_refuses_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 128 descriptors 32 are served at a time; four times as many wait their turn, and none is turned away."""
    limited = tmp_path / "limited"
    limited.write_text(f'#!/bin/sh\nulimit -n 128\nexec "{TWISTD}" "$@"\n')
    limited.chmod(0o755)
    monkeypatch.setattr(daemon_module, "TWISTD", str(limited))
    tls, http = unused_port(), unused_port()
    hello = client_hello(PUMP)
    seen: Counter[bytes] = Counter()

    def slow(connection: socket.socket) -> None:
        connection.recv(65536)
        time.sleep(0.2)
        connection.sendall(b"one")

    def ask() -> None:
        with socket.create_connection((LOOPBACK, tls), PATIENCE) as connection:
            connection.sendall(hello)
            seen[connection.recv(100)] += 1

    text = site(tls, http, 1, "maxconn = 4000").replace("500ms", "20s")
    with (
        tcp_server(slow) as behind,
        Daemon(tmp_path, text.replace(f"{LOOPBACK}:1\n", f"{LOOPBACK}:{behind}\n")) as daemon,
    ):
        threads = [threading.Thread(target=ask) for _ in range(128)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == {b"one": 128}
        assert "cannot accept" not in daemon.log


def test_nothing_that_a_client_sends_forges_a_line(tmp_path: Path) -> None:
    """Line ends, terminal controls, braces and quotes: one line a connection, and all of it readable."""
    tls, http = unused_port(), unused_port()
    said = [
        (tls, client_hello(PUMP, ("\n2026-01-01 forged",))),
        (tls, client_hello(PUMP, ("outcome=forged",))),
        (tls, client_hello(PUMP, ("{line}", "%s", "\x1b[31m", "a b,c", '"},{"forged":1'))),
        (http, b'GET /{line}%s"}, HTTP/1.1\r\nHost: a\r\n\r\n'),
        (http, b"GET /\x1b[31m HTTP/1.1\r\nHost: a\r\n\r\n"),
        (http, b"GET / HTTP/1.1\r\nHost: a\nforged\r\n\r\n"),
        (http, b"\nforged\n"),
    ]
    behind = naming_server(b"HTTP/1.1 200 {line}\r\nContent-Length: 0\r\n\r\n")
    with behind as server, Daemon(tmp_path, site(tls, http, server)) as daemon:
        after = len(daemon.log)
        for port, data in said:
            with socket.create_connection((LOOPBACK, port), PATIENCE) as connection:
                connection.sendall(data)
                while connection.recv(65536):
                    pass
        time.sleep(0.2)
        lines = daemon.log_path.read_bytes()[after:].splitlines()
    lines = [line for line in lines if b"AccessLog" in line or b"pumpproxy.access" in line or b"forged" in line]
    assert len(lines) == len(said)
    forged = (b"2026-01-01 forged", b"=forged")
    assert not any(line.startswith(b"forged") or any(word in line for word in forged) for line in lines)
    assert all(byte == 9 or 32 <= byte < 127 for line in lines for byte in line)
    assert all(json.loads(line[line.index(b"{") :]) for line in lines if b'"client"' in line)

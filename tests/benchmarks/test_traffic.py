"""The clients and the servers, speaking to each other without a proxy between them."""

from __future__ import annotations

import shutil
import socket
from typing import TYPE_CHECKING

import pytest

from benchmarks import traffic
from benchmarks.texts import LOOPBACK, NAME
from benchmarks.traffic import ANSWER, AT_ONCE, HELLO_SIZE, PAGE, SMALL, STREAMS, client_hello, outcome
from pumpproxy.wire.helloreader import HelloReader

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.traffic import Tools


def test_the_hello_is_a_real_one() -> None:
    """Strictly read it is one whole hello of 517 bytes, for the name that the routes have."""
    raw = client_hello()
    assert len(raw) == HELLO_SIZE
    reader = HelloReader()
    hello = reader.feed(raw)
    assert hello is not None
    assert (hello.server_name, hello.wire_length) == (NAME, HELLO_SIZE)
    assert hello.versions == (0x0304, 0x0303)


def test_the_page_ends_with_its_mark() -> None:
    """And has it nowhere else, so that a client sees the end where it is."""
    assert PAGE.count(traffic.MARK.encode("ascii")) == 1
    head, _, body = PAGE.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode("ascii") in head


@pytest.mark.system
def test_connections(tools: Tools) -> None:
    """Each one gets its whole answer."""
    with tools.serving(f"answer={ANSWER}") as servers:
        done = tools.connections(servers.ports[0], 120)
    assert (done.connections, done.exchanges, done.bytes, done.errors) == (120, 120, 120 * ANSWER, 0)


@pytest.mark.system
def test_transfers(tools: Tools) -> None:
    """Every byte of each stream is counted."""
    size = 5 << 20
    with tools.serving(f"pour={size}") as servers:
        done = tools.transfer(servers.ports[0], size)
    assert (done.connections, done.bytes, done.errors) == (STREAMS, STREAMS * size, 0)


@pytest.mark.system
def test_round_trips(tools: Tools) -> None:
    """One more than asked for on each connection: the hello's own echo."""
    with tools.serving("echo") as servers:
        done = tools.round_trips(servers.ports[0], 4 * AT_ONCE)
    assert (done.exchanges, done.errors) == (5 * AT_ONCE, 0)
    assert done.bytes == AT_ONCE * (HELLO_SIZE + 4 * SMALL)


@pytest.mark.system
def test_requests(tools: Tools) -> None:
    """Answers of which the client knows only the last byte."""
    with tools.serving(f"http={tools.page}") as servers:
        done = tools.requests(servers.ports[0], 3 * AT_ONCE)
    assert (done.exchanges, done.bytes, done.errors) == (3 * AT_ONCE, 3 * AT_ONCE * len(PAGE), 0)


@pytest.mark.system
def test_a_server_closes_when_asked_to(tools: Tools) -> None:
    """As a proxy asks that keeps no connections; a head may come in pieces."""
    request = traffic.REQUEST.removesuffix(b"\r\n") + b"Connection: close\r\n\r\n"
    with tools.serving(f"http={tools.page}") as servers, socket.create_connection((LOOPBACK, servers.ports[0])) as one:
        one.settimeout(20)
        one.sendall(request[:20])
        one.sendall(request[20:])
        received = b""
        while data := one.recv(65536):
            received += data
    assert received == PAGE


@pytest.mark.system
def test_relays_stay_while_the_block_runs(tools: Tools) -> None:
    """They have carried their hello, from as many addresses as wanted, and go all at once."""
    with tools.serving("echo") as servers, tools.idle(servers.ports[0], 90, sources=3) as held:
        assert (held.connections, held.bytes, held.errors) == (90, 90 * HELLO_SIZE, 0)


@pytest.mark.system
def test_an_answer_that_is_cut_is_an_error(tools: Tools) -> None:
    """A proxy that loses bytes gets no figure."""
    with tools.serving(f"pour={ANSWER - 1}") as servers:
        done = tools.connections(servers.ports[0], 60)
    assert (done.connections, done.errors) == (0, 60)


@pytest.mark.system
def test_nobody_there_is_an_error(tools: Tools) -> None:
    """Each refused connection counts."""
    with socket.create_server((LOOPBACK, 0)) as gone:
        port = gone.getsockname()[1]
    assert tools.connections(port, 3).errors == 3


@pytest.mark.system
def test_datagrams_are_counted(tools: Tools) -> None:
    """What stands for a syslog listener knows how many lines came."""
    with tools.serving("echo", "sink") as servers, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(40):
            sender.sendto(b"<150>a line", (LOOPBACK, servers.ports[1]))
        assert servers.datagrams() == 40


def test_a_client_that_failed_ends_the_measurement() -> None:
    """It has said why; a figure would be wrong."""
    with pytest.raises(SystemExit, match="client has failed"):
        outcome("")


def test_a_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the line that installs it."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(SystemExit, match="sudo apt-get install gcc libc6-dev"):
        traffic.Tools(tmp_path)

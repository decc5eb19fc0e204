"""Servers whose responses can be read in two ways, or that speak unasked: the client gets one answer, or 502."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from tests.fakes import LOOPBACK, unused_port
from tests.system.conftest import KEEPING
from tests.system.daemon import PATIENCE, Daemon
from tests.system.servers import tcp_server
from tests.system.visitors import Cut, Visitor, next_head

if TYPE_CHECKING:
    from collections.abc import Iterator

SECOND = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-From: nobody\r\n\r\nforged"
"""What an attacker wants another client to see."""
OK = b"HTTP/1.1 200 OK\r\n"

AMBIGUOUS = {
    "two lengths": OK + b"Content-Length: 0\r\nContent-Length: 67\r\n\r\n" + SECOND,
    "two lengths in one field": OK + b"Content-Length: 0, 67\r\n\r\n" + SECOND,
    "both framings": OK + b"Content-Length: 67\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND,
    "chunked, and not last": OK + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SECOND,
    "a sign before the length": OK + b"Content-Length: +5\r\n\r\nhello" + SECOND,
    "CR in a value": OK + b"X-Echo: a\rContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello" + SECOND,
    "LF in a value": OK + b"X-Echo: a\nContent-Length: 0\n\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" + SECOND,
    "NUL in a value": OK + b"X-Echo: a\0b\r\nContent-Length: 5\r\n\r\nhello",
    "CR in the reason": b"HTTP/1.1 200 O\rK\r\nContent-Length: 5\r\n\r\nhello",
    "no head": b"hello" + SECOND,
    "a version of its own": b"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello" + SECOND,
    "a 101 that nobody asked for": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"
    + SECOND,
}
"""What cannot be understood in one way only."""

SURPLUS = {
    "a second response": OK + b"Content-Length: 5\r\n\r\nhello" + SECOND,
    "a response split in a redirection": b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n" + SECOND,
    "a body of 204": b"HTTP/1.1 204 No Content\r\n\r\n" + SECOND,
    "a body of 304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 67\r\n\r\n" + SECOND,
    "more than the chunks": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + SECOND,
}
"""What is one response, and something behind it that nobody asked for."""

CUT = {
    "a length that is not reached": OK + b"Content-Length: 500\r\n\r\nhello",
    "chunks without an end": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "a size that is none": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n-1\r\n" + SECOND,
    "more in a chunk than its size": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloHTTP/1.1 200 OK\r\n0\r\n\r\n",
}
"""What begins as one response, and does not end as one."""

ANSWERS = {name.replace(" ", "-").replace(",", ""): answer for name, answer in (AMBIGUOUS | SURPLUS | CUT).items()}
ANSWERED, UNASKED = threading.Event(), threading.Event()
"""The client has its answer; and the server has said, on the idle connection, what nobody asked for."""


def target(name: str) -> str:
    """What asks for the answer of this name."""
    return "/" + name.replace(" ", "-").replace(",", "")


def lie(connection: socket.socket) -> None:
    """Answer each request as its target says; a connection ends behind what is cut, or where the other side ends it."""
    # So that what it says is there when it has said it, and not with the next request's acknowledgement.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = connection.makefile("rb")
    while (head := next_head(stream)) is not None:
        name = head.split(b" ")[1].decode().lstrip("/")
        page = f"page of {name}".encode()
        connection.sendall(ANSWERS.get(name, OK + b"Content-Length: %d\r\n\r\n%b" % (len(page), page)))
        if name == "then-unasked":
            ANSWERED.wait(PATIENCE)
            connection.sendall(SECOND)
            UNASKED.set()
        if target(name) in map(target, CUT):
            return


@pytest.fixture(scope="module", params=KEEPING)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Daemon]]:
    """The frontend's port, and the daemon before that server."""
    port = unused_port()
    with tcp_server(lie) as server:
        text = (
            f"[global]\nlog = twistd\n[frontend f]\nmode = http\nbind = {LOOPBACK}:{port}\ndefault-backend = b\n"
            f"connection = {request.param}\n[backend b]\nmode = http\nserver s = {LOOPBACK}:{server}\n"
        )
        with Daemon(tmp_path_factory.mktemp("lies"), text) as daemon:
            yield port, daemon


def nobody_is_forged(port: int, visitor: Visitor | None = None) -> None:
    """Whoever asks next, on this connection or another, on as many as may have been kept, gets what it asked for."""
    for number in range(3):
        with Visitor(port) as other:
            assert other.get(f"/honest-{number}").body == b"page of honest-%d" % number
    if visitor is not None:
        assert visitor.get("/honest").body == b"page of honest"
        assert not visitor.is_told


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_can_be_read_in_two_ways_is_a_502(site: tuple[int, Daemon], name: str) -> None:
    """Our page, the end of the connection, and not a byte of the server's."""
    port, daemon = site
    with Visitor(port) as visitor:
        visitor.ask(target(name))
        said = visitor.rest()
    assert said.startswith(b"HTTP/1.1 502 ")
    assert b"forged" not in said
    assert said.count(b"HTTP/1.1") == 1
    assert "outcome=bad-response" in daemon.wait_for(f"GET {target(name)} ")
    nobody_is_forged(port)


@pytest.mark.parametrize("name", SURPLUS)
def test_what_is_behind_a_response_reaches_nobody(site: tuple[int, Daemon], name: str) -> None:
    """The client gets the first response and goes on; what follows is not its next answer, nor another's."""
    port, _ = site
    with Visitor(port) as visitor:
        answer = visitor.get(target(name))
        assert answer.status == int(SURPLUS[name].split(b" ")[1])
        assert answer.body == (b"hello" if answer.status == 200 else b"")
        nobody_is_forged(port, visitor)


def test_a_body_behind_the_answer_to_a_head_reaches_nobody(site: tuple[int, Daemon]) -> None:
    """The same, where it is the request that forbids a body."""
    port, _ = site
    with Visitor(port) as visitor:
        visitor.ask("/head", method="HEAD")
        assert visitor.answer("HEAD").fields[b"content-length"] == b"12"
        nobody_is_forged(port, visitor)


@pytest.mark.parametrize("name", CUT)
def test_what_does_not_end_looks_cut(site: tuple[int, Daemon], name: str) -> None:
    """A 502 where nothing of it is passed on yet; else it is seen, by the framing or a reset, that something lacks."""
    port, daemon = site
    with Visitor(port) as visitor:
        visitor.ask(target(name))
        with contextlib.suppress(Cut, ConnectionResetError):
            assert visitor.answer().status == 502
        assert b"forged" not in visitor.rest()
    assert "outcome=" in daemon.wait_for(f"GET {target(name)} ")
    nobody_is_forged(port)


def test_what_is_said_on_an_idle_connection_reaches_nobody(site: tuple[int, Daemon]) -> None:
    """A response that comes when nobody has asked: not for the client that was there, nor for the next."""
    port, _ = site
    ANSWERED.clear()
    UNASKED.clear()
    with Visitor(port) as visitor:
        assert visitor.get("/then-unasked").body == b"page of then-unasked"
        ANSWERED.set()
        assert UNASKED.wait(PATIENCE)
        nobody_is_forged(port, visitor)

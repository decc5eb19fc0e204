"""The short way of a request over real sockets: what the client, the server and the log see."""

from __future__ import annotations

import hashlib
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest_twisted

from pumpproxy.flow.straighthttp import StraightHttpFront
from pumpproxy.flow.stream import acknowledge
from pumpproxy.model import ConnectionMode, RelayKind
from pumpproxy.policy.outcome import Outcome
from pumpproxy.policy.records import RequestRecord
from pumpproxy.policy.straightexchange import StraightExchange
from pumpproxy.policy.straightrequest import StraightRequest
from tests.flow.peers import Proxied, read_all, read_exactly, reset, server, until
from tests.flow.test_httpfront_sockets import CLOSING, LARGE, behind, head_of
from tests.logs import logged
from tests.playbook import GET, OK

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from pumpproxy.flow.stream import Stream
    from pumpproxy.model import Config

RELAYS = [RelayKind.SPLICE]
"""The short way is that of lean transports."""
ASKED = 10


def keeping(port: int, **frontend: object) -> Config:
    """A site that keeps its server's connections."""
    return behind(port, connection=ConnectionMode.KEEP_ALIVE, **frontend)


def serve_all(reply: bytes = OK) -> tuple[list[int], object]:
    """How many requests each connection had, and who serves them."""
    served: list[int] = []

    def serve(connection: socket.socket) -> None:
        mine = len(served)
        served.append(0)
        while connection.recv(1, socket.MSG_PEEK):
            head_of(connection)
            served[mine] += 1
            connection.sendall(reply)

    return served, serve


def ask(connection: socket.socket, count: int = ASKED, size: int = len(OK)) -> bytes:
    """One after another."""
    got = b""
    for _ in range(count):
        connection.sendall(GET)
        got += read_exactly(connection, size)
    return got


class Counted:
    """How many requests began the short way, and went it to the end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = self.ended = 0
        begin, end = StraightExchange.begin_straight, StraightExchange.end_straight

        def begin_straight(exchange: StraightExchange, data: bytes, now: float) -> StraightRequest | None:
            straight = begin(exchange, data, now)
            self.begun += straight is not None
            return straight

        def end_straight(exchange: StraightExchange, straight: StraightRequest, now: float) -> None:
            self.ended += 1
            end(exchange, straight, now)

        monkeypatch.setattr(StraightExchange, "begin_straight", begin_straight)
        monkeypatch.setattr(StraightExchange, "end_straight", end_straight)


@pytest_twisted.ensureDeferred
async def test_all_but_the_first_go_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """On one connection to the server; the log tells of each."""
    counted = Counted(monkeypatch)
    served, serve = serve_all()
    with server(serve) as port:  # type: ignore[arg-type]
        proxied = Proxied(keeping(port), StraightHttpFront)
        assert await proxied.client(ask) == OK * ASKED
        await proxied.quiet()
    assert served == [ASKED]
    assert (counted.begun, counted.ended) == (ASKED - 1, ASKED - 1)
    records = [one for one in proxied.sink.records if isinstance(one, RequestRecord)]
    lines = {(one.outcome, one.status, one.request_line, one.bytes_in, one.bytes_out) for one in records}
    assert lines == {(Outcome.COMPLETED, 200, b"GET / HTTP/1.1", len(GET), len(OK))}
    assert len(records) == ASKED


@pytest_twisted.ensureDeferred
async def test_clients_take_turns_on_a_connection() -> None:
    """What one left is the next one's."""
    served, serve = serve_all()
    with server(serve) as port:  # type: ignore[arg-type]
        proxied = Proxied(keeping(port), StraightHttpFront)
        for _ in range(3):
            assert await proxied.client(ask) == OK * ASKED
        await proxied.quiet()
    assert served == [3 * ASKED]


@pytest_twisted.ensureDeferred
async def test_a_server_that_closes_when_it_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    """After each third answer, without a word: no client notices."""
    counted = Counted(monkeypatch)

    def serve(connection: socket.socket) -> None:
        for _ in range(3):
            head_of(connection)
            connection.sendall(OK)

    with server(serve) as port:
        proxied = Proxied(keeping(port), StraightHttpFront)
        assert await proxied.client(lambda connection: ask(connection, 30)) == OK * 30
        await proxied.quiet()
    assert {record.outcome for record in proxied.sink.records} == {Outcome.COMPLETED}
    assert counted.begun >= 20


@pytest_twisted.ensureDeferred
async def test_a_server_that_dies_with_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """It read it on a connection that was kept, and answers not a word: it is sent once more, on a new one."""
    counted = Counted(monkeypatch)
    served: list[int] = []

    def serve(connection: socket.socket) -> None:
        served.append(0)
        head_of(connection)
        connection.sendall(OK)
        if len(served) == 1:
            head_of(connection)
            reset(connection)

    with server(serve) as port:
        proxied = Proxied(keeping(port), StraightHttpFront)
        assert await proxied.client(lambda connection: ask(connection, 2)) == OK * 2
        await proxied.quiet()
    assert len(served) == 2
    assert (counted.begun, counted.ended) == (1, 0)
    assert [record.outcome for record in proxied.sink.records] == [Outcome.COMPLETED] * 2


@pytest_twisted.ensureDeferred
async def test_a_large_answer_to_a_slow_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """The long way takes over where the client does not keep up; all of it arrives."""
    counted = Counted(monkeypatch)
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(LARGE) + LARGE
    replies: Iterator[bytes] = iter([OK, reply])

    def serve(connection: socket.socket) -> None:
        for answer in replies:
            head_of(connection)
            connection.sendall(answer)

    def talk(connection: socket.socket) -> str:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        ask(connection, 1)
        connection.sendall(GET)
        connection.recv(1, socket.MSG_PEEK)
        got = read_exactly(connection, len(reply))
        return hashlib.sha256(got[-len(LARGE) :]).hexdigest()

    with server(serve) as port:
        proxied = Proxied(keeping(port), StraightHttpFront)
        assert await proxied.client(talk) == hashlib.sha256(LARGE).hexdigest()
        await proxied.quiet()
    assert (counted.begun, counted.ended) == (1, 0)
    assert [record.bytes_out for record in proxied.sink.records] == [len(OK), len(reply)]


@pytest_twisted.ensureDeferred
async def test_a_client_that_leaves_cancels_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its server sees a reset, and nobody gets the answer."""
    counted = Counted(monkeypatch)
    saw: list[object] = []

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(OK)
        head_of(connection)
        try:
            saw.append(connection.recv(1))
        except ConnectionResetError:
            saw.append("reset")

    def talk(connection: socket.socket) -> None:
        ask(connection, 1)
        connection.sendall(GET)

    with server(serve) as port:
        proxied = Proxied(keeping(port), StraightHttpFront)
        await proxied.client(talk)
        await until(lambda: bool(saw))
        await proxied.quiet()
    assert saw == ["reset"]
    assert counted.begun == 1
    assert [record.outcome for record in proxied.sink.records] == [Outcome.COMPLETED, Outcome.CLIENT_LEFT]


@pytest_twisted.ensureDeferred
async def test_what_is_pipelined_behind_it_is_answered_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that comes while one is under way waits for its turn."""
    counted = Counted(monkeypatch)
    served, serve = serve_all()
    with server(serve) as port:  # type: ignore[arg-type]
        proxied = Proxied(keeping(port), StraightHttpFront)

        def talk(connection: socket.socket) -> bytes:
            ask(connection, 1)
            connection.sendall(GET)
            connection.sendall(GET)
            connection.sendall(CLOSING)
            return read_all(connection)

        assert (await proxied.client(talk)).count(b"200 OK") == 3
        await proxied.quiet()
    assert sum(served) == 4
    assert counted.begun >= 1


@pytest_twisted.ensureDeferred
async def test_a_server_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After `timeout-server`, though the client might have waited longer between two requests."""
    counted = Counted(monkeypatch)

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(OK)
        read_all(connection)

    def talk(connection: socket.socket) -> bytes:
        ask(connection, 1)
        connection.sendall(GET)
        return read_all(connection)

    with server(serve) as port:
        config = keeping(port)
        backends = tuple(replace(backend, timeout_server=0.3) for backend in config.backends)
        proxied = Proxied(replace(config, backends=backends), StraightHttpFront)
        assert (await proxied.client(talk)).startswith(b"HTTP/1.1 504 ")
        await proxied.quiet()
    assert counted.begun == 1
    assert proxied.sink.records[1].outcome is Outcome.SERVER_IDLE


@pytest_twisted.ensureDeferred
async def test_a_defect_ends_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is logged once, and the next client is served."""
    served, serve = serve_all()

    def broken(_straight: StraightRequest, _data: bytes, _now: float) -> bytes | None:
        raise ZeroDivisionError

    def talk(connection: socket.socket) -> bytes:
        ask(connection, 1)
        connection.sendall(GET)
        try:
            return read_all(connection)
        except ConnectionResetError:
            return b"reset"

    with server(serve) as port:  # type: ignore[arg-type]
        proxied = Proxied(keeping(port), StraightHttpFront)
        with logged() as lines, monkeypatch.context() as patch:
            patch.setattr(StraightRequest, "answered", broken)
            assert await proxied.client(talk) == b"reset"
            await proxied.ended(2)
        assert sum("ended by a defect" in line for line in lines) == 1
        assert await proxied.client(lambda connection: ask(connection, 2)) == OK * 2
        await proxied.quiet()
    outcomes = [record.outcome for record in proxied.sink.records]
    assert outcomes == [Outcome.COMPLETED, Outcome.INTERNAL, Outcome.COMPLETED, Outcome.COMPLETED]
    assert len(served) == 2


@pytest_twisted.ensureDeferred
async def test_an_idle_client_goes_after_its_time() -> None:
    """Counted from the last answer."""
    _, serve = serve_all()

    def talk(connection: socket.socket) -> bytes:
        ask(connection, 3)
        return read_all(connection)

    with server(serve) as port:  # type: ignore[arg-type]
        proxied = Proxied(keeping(port, timeout_http_keep_alive=0.3), StraightHttpFront)
        assert await proxied.client(talk) == b""
        await proxied.quiet()
    assert [record.outcome for record in proxied.sink.records] == [Outcome.COMPLETED] * 3


@pytest_twisted.ensureDeferred
async def test_a_server_that_waits_for_an_acknowledgement(monkeypatch: pytest.MonkeyPatch) -> None:
    """It sends a head, and the page when that is acknowledged: at once, once a request, on a kept connection."""
    acknowledged: list[object] = []

    def noted(transport: object) -> None:
        acknowledged.append(transport)
        acknowledge(cast("Stream", transport))

    monkeypatch.setattr("pumpproxy.flow.httpserver.acknowledge", noted)

    def serve(connection: socket.socket) -> None:
        for _ in range(ASKED):
            head_of(connection)
            connection.sendall(OK[:-2])
            connection.sendall(OK[-2:])

    with server(serve) as port:
        proxied = Proxied(keeping(port), StraightHttpFront)
        assert await proxied.client(ask) == OK * ASKED
        await proxied.quiet()
    assert 0 < len(acknowledged) < ASKED

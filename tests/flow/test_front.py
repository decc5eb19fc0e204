"""A client on a `tls` frontend, over real sockets: what it, the server and the log see."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import pytest_twisted
from twisted.internet.defer import ensureDeferred, gatherResults

from pumpproxy.flow.front import FrontProtocol
from pumpproxy.model import Action, Backend, Config, Frontend, Mode, Redispatch, Server, TcpAddress, UnixAddress
from pumpproxy.policy.admission import HelloBudget
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.wire.alert import AlertDescription, alert_record
from tests.fakes import LOOPBACK, client_hello, tls_config, unused_port
from tests.flow.peers import Proxied, black_hole, pause, read_all, read_exactly, reset, server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HELLO = client_hello()


def echo(connection: socket.socket) -> None:
    """Give back what comes, until FIN."""
    while data := connection.recv(65536):
        connection.sendall(data)


@pytest_twisted.ensureDeferred
async def test_the_hello_and_early_data_reach_the_server_unchanged() -> None:
    """Everything that the client sends arrives in order, first the hello; the answer and both FINs come back."""
    with server(echo) as port:
        proxied = Proxied(tls_config(port), FrontProtocol)

        def talk(connection: socket.socket) -> bytes:
            connection.sendall(HELLO + b"early data")
            connection.sendall(b" and more")
            data = read_exactly(connection, len(HELLO) + 19)
            connection.shutdown(socket.SHUT_WR)
            return data + read_all(connection)

        assert await proxied.client(talk) == HELLO + b"early data and more"
        await proxied.quiet()
    record = proxied.sink.only
    assert record.outcome is Outcome.COMPLETED
    assert (record.backend, record.server) == ("b", "s")
    assert record.bytes_in == record.bytes_out == len(HELLO) + 19
    assert record.hello is not None
    assert record.hello.server_name == "pump2.example.test"


@pytest_twisted.ensureDeferred
async def test_a_fin_after_a_request_still_gets_the_whole_reply() -> None:
    """Half-close passes both ways: the server sees the FIN, and what it sends afterwards arrives whole."""
    answer = random.Random(1).randbytes(3_000_000)

    def serve(connection: socket.socket) -> None:
        assert read_all(connection) == HELLO
        connection.sendall(answer)

    with server(serve) as port:
        proxied = Proxied(tls_config(port), FrontProtocol)

        def talk(connection: socket.socket) -> bytes:
            connection.sendall(HELLO)
            read_nothing_for(connection, 0.2)
            connection.shutdown(socket.SHUT_WR)
            return read_all(connection)

        assert await proxied.client(talk) == answer
        await proxied.quiet()
    assert proxied.sink.only.outcome is Outcome.COMPLETED


def read_nothing_for(connection: socket.socket, seconds: float) -> None:
    """Make sure that nothing comes for so long (the relay is established by then)."""
    connection.settimeout(seconds)
    with pytest.raises(TimeoutError):
        connection.recv(1)
    connection.settimeout(20)


@pytest_twisted.ensureDeferred
async def test_a_servers_reset_is_a_reset_for_the_client() -> None:
    """A cut does not look like an end."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"half of it")
        connection.recv(65536)
        reset(connection)

    with server(serve) as port:
        proxied = Proxied(tls_config(port), FrontProtocol)

        def talk(connection: socket.socket) -> str:
            connection.sendall(HELLO)
            read_exactly(connection, 10)
            connection.sendall(b"on")
            with contextlib.suppress(ConnectionResetError):
                connection.recv(1)
                return "FIN"
            return "RST"

        assert await proxied.client(talk) == "RST"
        await proxied.quiet()
    record = proxied.sink.only
    assert (record.outcome, record.phase) == (Outcome.SERVER_LEFT, Phase.DATA)


@pytest_twisted.ensureDeferred
async def test_a_clients_reset_is_a_reset_for_the_server() -> None:
    """The server sees RST, not FIN."""
    seen: list[str] = []
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"x")
        try:
            seen.append("FIN" if connection.recv(1) == b"" else "data")
        except ConnectionResetError:
            seen.append("RST")
        over.set()

    with server(serve) as port:
        proxied = Proxied(tls_config(port), FrontProtocol)

        def talk(connection: socket.socket) -> None:
            connection.sendall(HELLO)
            read_exactly(connection, 1)
            reset(connection)
            over.wait(20)

        await proxied.client(talk)
        await proxied.quiet()
    assert seen == ["RST"]
    assert proxied.sink.only.outcome is Outcome.CLIENT_LEFT


@pytest_twisted.ensureDeferred
async def test_what_a_server_sent_before_it_closed_arrives_although_it_then_resets() -> None:
    """A server that closes while the client still talks resets; its whole answer arrives nevertheless."""
    answer = random.Random(2).randbytes(600_000)
    closed = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)
        connection.close()
        closed.set()

    with server(serve) as port:
        proxied = Proxied(tls_config(port), FrontProtocol)

        def talk(connection: socket.socket) -> bytes:
            connection.sendall(HELLO)
            assert closed.wait(20)
            # The server's kernel must have got rid of everything: it throws away what it holds when it resets.
            threading.Event().wait(0.3)
            for _ in range(3):
                connection.sendall(b"close_notify")
                threading.Event().wait(0.05)
            return read_all(connection)

        assert await proxied.client(talk) == answer
        await proxied.quiet()
    assert proxied.sink.only.outcome is Outcome.COMPLETED


def refused_with(connection: socket.socket, *data: bytes) -> bytes:
    """Everything that comes back after `data`, until FIN."""
    for part in data:
        connection.sendall(part)
    return read_all(connection)


@pytest.mark.parametrize(
    ("data", "policy", "reply", "outcome"),
    [
        (HELLO, {"unknown_sni": Action.REJECT}, alert_record(112), Outcome.REFUSED),
        (HELLO, {"unknown_sni": Action.DROP}, b"", Outcome.REFUSED),
        (client_hello(None), {"no_sni": Action.REJECT}, alert_record(112), Outcome.REFUSED),
        (
            b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
            {},
            alert_record(AlertDescription.DECODE_ERROR),
            Outcome.BAD_HELLO,
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", {}, b"", Outcome.NOT_TLS),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_refusal_arrives(data: bytes, policy: dict[str, object], reply: bytes, outcome: Outcome) -> None:
    """TLS peers get an alert and then FIN, even where they sent more than was read; no server sees anything."""
    proxied = Proxied(tls_config(unused_port(), **policy), FrontProtocol)
    assert await proxied.client(lambda connection: refused_with(connection, data, b"more" * 2000)) == reply
    await proxied.quiet()
    assert proxied.sink.only.outcome is outcome
    assert proxied.sink.only.server is None


@pytest_twisted.ensureDeferred
async def test_plain_http_gets_a_readable_answer() -> None:
    """The default of `not-tls` is `explain`: a 400 that says what to do."""
    proxied = Proxied(tls_config(unused_port()), FrontProtocol)
    answer = await proxied.client(lambda c: refused_with(c, b"GET / HTTP/1.1\r\nHost: pump2.example.test\r\n\r\n"))
    assert isinstance(answer, bytes)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"https://" in answer
    await proxied.quiet()


@pytest_twisted.ensureDeferred
async def test_a_client_without_a_whole_hello_is_dropped_after_the_inspect_delay() -> None:
    """`silent` is `drop`: a FIN, no word, and no server."""
    proxied = Proxied(tls_config(unused_port(), inspect_delay=0.3), FrontProtocol)
    assert await proxied.client(lambda connection: refused_with(connection, HELLO[:-1])) == b""
    await proxied.quiet()
    assert (proxied.sink.only.outcome, proxied.sink.only.phase) == (Outcome.CLIENT_SILENT, Phase.REQUEST)


@pytest_twisted.ensureDeferred
async def test_a_client_that_leaves_before_its_hello_is_forgotten() -> None:
    """A FIN in the middle of the hello ends it at once."""
    proxied = Proxied(tls_config(unused_port()), FrontProtocol)
    await proxied.client(lambda connection: connection.sendall(HELLO[:50]))
    await proxied.quiet()
    assert proxied.sink.only.outcome is Outcome.CLIENT_LEFT


def two_servers(first: int, second: int, **backend: object) -> Config:
    """A `tls` frontend before two servers, of which the second is tried only when the first fails."""
    fields: dict[str, object] = {"retries": 1, "redispatch": Redispatch.YES, "timeout_connect": 0.5} | backend
    servers = (Server("s1", TcpAddress(LOOPBACK, first), 256), Server("s2", TcpAddress(LOOPBACK, second), 1))
    return Config(
        (Frontend("f", Mode.TLS, (TcpAddress(LOOPBACK, 1),), default_backend="b", unknown_sni="b"),),
        (Backend("b", servers=servers, **fields),),  # type: ignore[arg-type]
    )


@pytest_twisted.ensureDeferred
async def test_a_refusing_server_is_passed_over_at_once() -> None:
    """With `redispatch` the retry goes to another server, and the log says so."""
    with server(echo) as port:
        proxied = Proxied(two_servers(unused_port(), port), FrontProtocol)

        def talk(connection: socket.socket) -> bytes:
            connection.sendall(HELLO)
            return read_exactly(connection, len(HELLO))

        assert await proxied.client(talk) == HELLO
        await proxied.quiet()
    record = proxied.sink.only
    assert (record.server, record.retries, record.redispatched) == ("s2", 1, True)


@pytest_twisted.ensureDeferred
async def test_nobody_left_is_an_internal_error_alert() -> None:
    """Every attempt failed: the alert internal_error, then FIN."""
    proxied = Proxied(two_servers(unused_port(), unused_port()), FrontProtocol)
    reply = await proxied.client(lambda connection: refused_with(connection, HELLO))
    assert reply == alert_record(AlertDescription.INTERNAL_ERROR)
    await proxied.quiet()
    record = proxied.sink.only
    assert (record.outcome, record.phase) == (Outcome.CONNECT_FAILED, Phase.CONNECT)
    assert record.retries == 1


def tcp_config(port: int, **frontend: object) -> Config:
    """A `tcp` frontend before one server."""
    return Config(
        (Frontend("f", Mode.TCP, (TcpAddress(LOOPBACK, 1),), default_backend="b", **frontend),),  # type: ignore[arg-type]
        (Backend("b", servers=(Server("s", TcpAddress(LOOPBACK, port)),), retries=0),),
    )


@pytest_twisted.ensureDeferred
async def test_a_tcp_client_is_reset_where_nobody_is_left() -> None:
    """There is no word for it in a protocol that is not read; it may come before connect() has returned."""
    proxied = Proxied(tcp_config(unused_port()), FrontProtocol)
    with pytest.raises(ConnectionResetError):
        await proxied.client(lambda connection: connection.recv(1))
    await proxied.quiet()
    assert proxied.sink.only.outcome is Outcome.CONNECT_FAILED


@pytest_twisted.ensureDeferred
async def test_a_tcp_server_may_speak_first() -> None:
    """A `tcp` frontend connects without waiting for the client."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"220 hello\r\n")
        assert read_all(connection) == b"QUIT\r\n"
        connection.sendall(b"221 bye\r\n")

    with server(serve) as port:
        proxied = Proxied(tcp_config(port), FrontProtocol)

        def talk(connection: socket.socket) -> bytes:
            greeting = read_exactly(connection, 11)
            connection.sendall(b"QUIT\r\n")
            connection.shutdown(socket.SHUT_WR)
            return greeting + read_all(connection)

        assert await proxied.client(talk) == b"220 hello\r\n221 bye\r\n"
        await proxied.quiet()


@pytest_twisted.ensureDeferred
async def test_a_request_and_fin_before_the_server_is_there_are_delivered() -> None:
    """On a `tcp` frontend a FIN while we connect ends the request, not the connection."""
    with server(lambda connection: connection.sendall(read_all(connection)[::-1])) as port:
        proxied = Proxied(tcp_config(port), FrontProtocol)

        def talk(connection: socket.socket) -> bytes:
            connection.sendall(b"request")
            connection.shutdown(socket.SHUT_WR)
            return read_all(connection)

        for _ in range(20):
            assert await proxied.client(talk) == b"tseuqer"
        await proxied.quiet()


@pytest_twisted.ensureDeferred
async def test_a_client_that_leaves_while_we_connect_cancels_the_attempt() -> None:
    """Its FIN is seen while the server does not answer, and nothing is left of it."""
    with black_hole() as port:
        proxied = Proxied(tls_config(port), FrontProtocol)

        def talk(connection: socket.socket) -> None:
            connection.sendall(HELLO)
            read_nothing_for(connection, 0.3)

        await proxied.client(talk)
        await proxied.quiet()
    record = proxied.sink.only
    assert (record.outcome, record.phase) == (Outcome.CLIENT_LEFT, Phase.CONNECT)
    assert record.total < 5, "it did not wait for the connect timeout"


@pytest_twisted.ensureDeferred
async def test_a_server_that_does_not_answer_is_given_up_after_timeout_connect() -> None:
    """The attempt ends, another server takes the connection."""
    with black_hole() as hole, server(echo) as port:
        proxied = Proxied(two_servers(hole, port), FrontProtocol)

        def talk(connection: socket.socket) -> bytes:
            connection.sendall(HELLO)
            return read_exactly(connection, len(HELLO))

        assert await proxied.client(talk) == HELLO
        await proxied.quiet()
    assert proxied.sink.only.redispatched


@pytest_twisted.ensureDeferred
async def test_a_client_that_sends_much_while_we_connect_is_paused() -> None:
    """What it sends is bounded by the kernel's buffers and 64 KiB, and arrives in order afterwards."""
    body = random.Random(3).randbytes(8_000_000)
    received: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        received.append(read_all(connection))

    with black_hole() as hole, server(serve) as port:
        proxied = Proxied(two_servers(hole, port), FrontProtocol)

        def talk(connection: socket.socket) -> None:
            connection.sendall(HELLO + body)
            connection.shutdown(socket.SHUT_WR)
            read_all(connection)

        await proxied.client(talk)
        await proxied.quiet()
    assert received == [HELLO + body]


@pytest_twisted.ensureDeferred
async def test_an_idle_client_is_cut_after_timeout_client() -> None:
    """Before both sides have spoken, the client's silence counts; the cut is a reset."""
    with server(read_all_quietly) as port:
        proxied = Proxied(tls_config(port, timeout_client=0.4), FrontProtocol)

        def talk(connection: socket.socket) -> None:
            connection.sendall(HELLO)
            with pytest.raises(ConnectionResetError):
                connection.recv(1)

        await proxied.client(talk)
        await proxied.quiet()
    assert (proxied.sink.only.outcome, proxied.sink.only.phase) == (Outcome.CLIENT_IDLE, Phase.DATA)


def read_all_quietly(connection: socket.socket) -> None:
    """Take everything, say nothing."""
    read_all(connection)


@pytest_twisted.ensureDeferred
async def test_a_tunnel_outlives_timeout_client() -> None:
    """Once both have spoken, `timeout-tunnel` alone counts."""
    with server(echo) as port:
        proxied = Proxied(tls_config(port, timeout_client=0.3, timeout_tunnel=30.0), FrontProtocol)

        def talk(connection: socket.socket) -> bytes:
            connection.sendall(HELLO)
            read_exactly(connection, len(HELLO))
            read_nothing_for(connection, 1.0)
            connection.sendall(b"still here")
            return read_exactly(connection, 10)

        assert await proxied.client(talk) == b"still here"
        await proxied.quiet()


@pytest_twisted.ensureDeferred
async def test_a_slow_reader_stops_the_fast_writer() -> None:
    """While the client reads nothing, the server can write no more than buffers hold; then everything arrives."""
    size = 192_000_000
    written = [0]

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        block = bytes(range(256)) * 256
        while written[0] < size:
            connection.sendall(block)
            written[0] += len(block)

    with server(serve) as port:
        proxied = Proxied(tls_config(port), FrontProtocol)

        def talk(connection: socket.socket) -> tuple[int, int]:
            connection.sendall(HELLO)
            read_exactly(connection, 1)
            threading.Event().wait(1.0)
            return written[0], 1 + len(read_all(connection))

        paused_at, total = await proxied.client(talk)
        await proxied.quiet()
    assert paused_at < size / 2
    assert total == written[0]


@pytest_twisted.ensureDeferred
async def test_a_server_on_a_unix_socket(tmp_path: Path) -> None:
    """`unix:` addresses are relayed to like any other."""
    path = str(tmp_path / "app.sock")
    with server(echo, family=socket.AF_UNIX, path=path):
        config = replace(tls_config(1), backends=(Backend("b", servers=(Server("s", UnixAddress(path)),)),))
        proxied = Proxied(config, FrontProtocol)

        def talk(connection: socket.socket) -> bytes:
            connection.sendall(HELLO)
            return read_exactly(connection, len(HELLO))

        assert await proxied.client(talk) == HELLO
        await proxied.quiet()


@pytest_twisted.ensureDeferred
async def test_maxconn_holds_by_not_accepting() -> None:
    """The third client waits in the backlog, and is served when another leaves; nobody is refused."""
    with server(echo) as port:
        proxied = Proxied(tls_config(port, maxconn=2), FrontProtocol)
        most = [0]

        def talk(connection: socket.socket) -> bytes:
            connection.sendall(HELLO)
            answer = read_exactly(connection, len(HELLO))
            most[0] = max(most[0], proxied.environment.runtime.connections)
            return answer

        talks = [proxied.client(talk) for _ in range(30)]
        answers = await gatherResults([ensureDeferred(talk) for talk in talks])
        assert answers == [HELLO] * 30
        await proxied.quiet()
    assert most[0] <= 2
    assert len(proxied.sink.records) == 30


@pytest_twisted.ensureDeferred
async def test_the_largest_unfinished_hello_goes_when_all_hold_too_much() -> None:
    """A budget for all of them: the largest is refused, the others may go on."""
    proxied = Proxied(tls_config(unused_port()), FrontProtocol)
    proxied.environment.hellos = HelloBudget(limit=20_000)
    large = b"\x16\x03\x01\x40\x00\x01\x00\x60\x00" + b"\x03\x03" + bytes(32) + b"\x00" + b"\x50\x00"

    def hold(size: int) -> Callable[[socket.socket], bytes]:
        return lambda connection: refused_with(connection, large + bytes(size))

    first = ensureDeferred(proxied.client(hold(15_000)))
    await pause(0.3)
    second = ensureDeferred(proxied.client(hold(6_000)))
    assert await first == alert_record(AlertDescription.INTERNAL_ERROR)
    await proxied.ended(1)
    assert proxied.sink.only.outcome is Outcome.OVERLOAD
    for connection in list(proxied.environment.connections):
        connection.shut_down()
    await second
    await proxied.quiet()
    assert proxied.environment.hellos.total == 0

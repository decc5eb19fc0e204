"""A connection that must begin with a PROXY header, over real sockets: what its client, the server and the log see."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest
import pytest_twisted
from twisted.internet.defer import gatherResults

from pumpproxy.flow.front import FrontProtocol
from pumpproxy.flow.fronts import build_front
from pumpproxy.flow.proxied import ProxiedFront
from pumpproxy.model import Config, ConnectionMode, ForwardFor, Mode, SendProxy
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.records import ClientAddress, RequestRecord
from pumpproxy.wire.proxyheader import ProxyHeader
from pumpproxy.wire.proxyprotocol import read_header
from tests.fakes import LOOPBACK, client_hello, tls_config
from tests.flow.peers import Proxied, read_exactly, reset, server, until
from tests.flow.test_httpfront_sockets import behind
from tests.flow.test_introduce import Client, Server, wanting
from tests.playbook import GET, OK
from tests.wire.proxyheaders import BLOCK4, CLIENT4, INET, LINE4, LOCAL, OURS4, block, checked, tlv

if TYPE_CHECKING:
    from collections.abc import Callable

HELLO = client_hello()
BELIEVED = (ip_network("127.0.0.0/8"),)
NOT_HERE = (ip_network("10.0.0.0/8"),)
HEADERS = [LINE4, checked(BLOCK4)]
CLIENT = ClientAddress(*CLIENT4)


def believing(made: Config, networks: tuple[object, ...] = BELIEVED, **frontend: object) -> Config:
    """The same, whose clients come from these networks by others."""
    fields = {"accept_proxy": networks} | frontend
    return replace(made, frontends=tuple(replace(one, **fields) for one in made.frontends))  # type: ignore[arg-type]


# Over real sockets --------------------------------------------------------------------------------------------------


class Echo:
    """Reads this much, gives it back, and closes."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __call__(self, connection: socket.socket) -> None:
        """One connection."""
        connection.sendall(read_exactly(connection, self._size))


@pytest.mark.parametrize("mode", [Mode.TLS, Mode.TCP])
@pytest.mark.parametrize("header", HEADERS)
@pytest_twisted.ensureDeferred
async def test_the_client_is_the_one_of_the_header(mode: Mode, header: bytes) -> None:
    """In the log; the server gets what stands behind the header, and nothing of that."""
    with server(Echo(len(HELLO) + 5)) as port:
        proxied = Proxied(believing(tls_config(port), mode=mode), build_front)
        assert await proxied.client(Client(header + HELLO + b"early", len(HELLO) + 5)) == HELLO + b"early"
        await proxied.quiet()
    record = proxied.sink.only
    assert (record.client, record.outcome) == (CLIENT, Outcome.COMPLETED)
    assert record.bytes_in == record.bytes_out == len(HELLO) + 5
    assert proxied.environment.runtime.frontends["f"].accepted == 1


@pytest.mark.parametrize("header", HEADERS)
@pytest_twisted.ensureDeferred
async def test_it_may_be_cut_anywhere(header: bytes) -> None:
    """At each byte of it, into segments that come one after another; the hello is cut along with it."""

    def cut_at(at: int) -> Callable[[socket.socket], bytes]:
        def talk(connection: socket.socket) -> bytes:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            whole = header + HELLO
            connection.sendall(whole[:at])
            connection.settimeout(0.02)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            connection.settimeout(20)
            connection.sendall(whole[at:])
            return read_exactly(connection, len(HELLO))

        return talk

    with server(Echo(len(HELLO))) as port:
        proxied = Proxied(believing(tls_config(port)), build_front)
        cuts = range(1, len(header) + 6)
        talks = [proxied.client_deferred(cut_at(at)) for at in cuts]
        assert await gatherResults(talks) == [HELLO] * len(talks)
        await proxied.quiet()
    assert [record.client for record in proxied.sink.records] == [CLIENT] * len(cuts)


@pytest_twisted.ensureDeferred
async def test_requests_are_the_clients_of_the_header() -> None:
    """All on one connection; servers are told of it, and of the port that it came to."""
    got: list[bytes] = []

    def answers(connection: socket.socket) -> None:
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            data += connection.recv(65536)
        got.append(data)
        connection.sendall(OK)

    with server(answers) as port:
        made = behind(port, connection=ConnectionMode.SERVER_CLOSE, forwardfor=ForwardFor(), forwarded_port=True)
        proxied = Proxied(believing(made), build_front)
        header = LINE4.replace(b" 443", b" 8080")
        assert await proxied.client(Client(header + GET * 2, 2 * len(OK))) == OK * 2
        await proxied.quiet()
    assert len(got) == 2
    for data in got:
        assert b"\r\nX-Forwarded-For: 192.0.2.1\r\n" in data
        assert b"\r\nX-Forwarded-Port: 8080\r\n" in data
    assert [record.client for record in proxied.sink.records] == [CLIENT] * 2


@pytest.mark.parametrize("version", SendProxy)
@pytest_twisted.ensureDeferred
async def test_a_header_is_passed_on(version: SendProxy) -> None:
    """The server is told of the client that we were told of, and of where that had connected to."""
    serve = Server(HELLO)
    with server(serve) as port:
        proxied = Proxied(believing(wanting(tls_config(port), version)), build_front)
        given = block(0x21, 0x11, INET + tlv(0x05, b"theirs") + tlv(0x02, b"not.ours"))
        assert await proxied.client(Client(given + HELLO)) == b"answer"
        await proxied.quiet()
    found = read_header(serve.got[0])
    assert found is not None
    theirs = b"theirs" if version is SendProxy.V2 else b""
    assert found == ProxyHeader(found.size, known=True, client=CLIENT4, local=OURS4, unique_id=theirs)
    assert proxied.sink.only.unique_id == b"theirs"


@pytest.mark.parametrize("header", [LOCAL, b"PROXY UNKNOWN\r\n"])
@pytest_twisted.ensureDeferred
async def test_a_header_of_nobody_is_of_who_connected(header: bytes) -> None:
    """Its own addresses are told to the server, too."""
    serve, talk = Server(HELLO), Client(header + HELLO)
    with server(serve) as port:
        proxied = Proxied(believing(wanting(tls_config(port), SendProxy.V1)), build_front)
        assert await proxied.client(talk) == b"answer"
        await proxied.quiet()
    (client,) = talk.seen
    assert proxied.sink.only.client == client
    found = read_header(serve.got[0])
    assert found is not None
    assert (found.client, found.local) == (client, (LOOPBACK, proxied.port))


def refused_by(data: bytes) -> Callable[[socket.socket], bytes]:
    """A client that sends that and gets an end, whatever it is like; what it is told before."""

    def talk(connection: socket.socket) -> bytes:
        told = b""
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
            while part := connection.recv(65536):
                told += part
        return told

    return talk


def refused(made: Config, data: bytes) -> tuple[Proxied, Callable[[socket.socket], bytes]]:
    """A proxy, and such a client."""
    return Proxied(made, build_front), refused_by(data)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("data", [HELLO, GET, b"PROXY TCP4 1\r\n", checked(BLOCK4, wrong=1) + HELLO])
@pytest_twisted.ensureDeferred
async def test_anything_else_is_closed_without_a_word(mode: Mode, data: bytes) -> None:
    """Before any server is asked; the log tells who connected."""
    made = behind(1) if mode is Mode.HTTP else tls_config(1)
    proxied, talk = refused(believing(made, mode=mode), data)
    assert await proxied.client(talk) == b""
    await proxied.quiet()
    record = proxied.sink.only
    assert (record.client.host, record.outcome, record.phase) == (LOOPBACK, Outcome.BAD_PROXY_HEADER, Phase.REQUEST)
    assert isinstance(record, RequestRecord) == (mode is Mode.HTTP)


@pytest.mark.parametrize("mode", Mode)
@pytest_twisted.ensureDeferred
async def test_one_that_is_not_completed_is_closed_without_a_word(mode: Mode) -> None:
    """When its time is over."""
    made = behind(1) if mode is Mode.HTTP else tls_config(1)
    proxied, talk = refused(believing(made, mode=mode, inspect_delay=0.3, timeout_http_request=0.3), LINE4[:20])
    assert await proxied.client(talk) == b""
    await proxied.quiet()
    assert (proxied.sink.only.outcome, proxied.sink.only.bytes_in) == (Outcome.CLIENT_SILENT, 20)


@pytest.mark.parametrize("leave", [socket.socket.close, reset])
@pytest_twisted.ensureDeferred
async def test_who_leaves_in_the_middle_of_it(leave: Callable[[socket.socket], None]) -> None:
    """By a FIN or a reset."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(LINE4[:20])
        leave(connection)

    proxied = Proxied(believing(tls_config(1)), build_front)
    await proxied.client(talk)
    await proxied.quiet()
    assert (proxied.sink.only.outcome, proxied.sink.only.client.host) == (Outcome.CLIENT_LEFT, LOOPBACK)


@pytest.mark.parametrize("header", [LINE4, BLOCK4, LOCAL])
@pytest_twisted.ensureDeferred
async def test_from_elsewhere_a_header_is_no_request_and_no_hello(header: bytes) -> None:
    """An http one answers 400; a tls frontend closes, also where other noise has a backend; neither asks a server."""
    proxied, talk = refused(believing(behind(1), NOT_HERE), header + GET)
    assert (await proxied.client(talk)).startswith(b"HTTP/1.1 400 ")
    await proxied.quiet()
    assert proxied.sink.only.outcome is Outcome.BAD_REQUEST
    proxied, talk = refused(believing(tls_config(1), NOT_HERE, not_tls="b"), header + HELLO)
    assert await proxied.client(talk) == b""
    await proxied.quiet()
    record = proxied.sink.only
    assert (record.outcome, record.detail, record.backend) == (Outcome.NOT_TLS, "proxy", None)


@pytest_twisted.ensureDeferred
async def test_from_elsewhere_clients_are_served_as_ever() -> None:
    """On a tls or http frontend; a tcp one, which reads nothing of them, refuses them."""
    with server(Echo(len(HELLO))) as port:
        proxied = Proxied(believing(tls_config(port), NOT_HERE), build_front)
        assert await proxied.client(Client(HELLO, len(HELLO))) == HELLO
        await proxied.quiet()
        assert proxied.sink.only.client.host == LOOPBACK
        proxied, talk = refused(believing(tls_config(port), NOT_HERE, mode=Mode.TCP), LINE4)
        assert await proxied.client(talk) == b""
        await proxied.quiet()
    assert (proxied.sink.only.outcome, proxied.sink.only.backend) == (Outcome.REFUSED, None)


@pytest.mark.parametrize("mode", [Mode.TLS, Mode.HTTP])
@pytest_twisted.ensureDeferred
async def test_the_source_is_the_one_of_the_header(mode: Mode) -> None:
    """A limit of sources holds for each client of a balancer by itself, and not for that."""
    asked = GET if mode is Mode.HTTP else HELLO
    made = behind(1) if mode is Mode.HTTP else tls_config(1)
    proxied = Proxied(believing(made, max_per_source=1), build_front)
    headers = [LINE4.replace(b"192.0.2.1 ", b"192.0.2.%d " % number) for number in range(1, 6)]
    with contextlib.ExitStack() as stack:
        for header in headers:
            stay = stack.enter_context(socket.create_connection((LOOPBACK, proxied.port)))
            stay.sendall(header)
        await until(lambda: proxied.environment.runtime.frontends["f"].accepted == len(headers))
        await until(lambda: not any(isinstance(one, ProxiedFront) for one in proxied.environment.connections))
        said = await proxied.client(refused_by(headers[2] + asked))
        assert said.startswith(b"HTTP/1.1 429 ") == (mode is Mode.HTTP)
        record = proxied.sink.only
        assert (record.client.host, record.outcome) == ("192.0.2.3", Outcome.TOO_MANY)
    await proxied.ended(len(headers) + 1)
    await proxied.quiet()


@pytest_twisted.ensureDeferred
async def test_who_is_waited_for_has_a_place() -> None:
    """It counts from the accept, and once: with `maxconn` = 1 the next is accepted when it has gone."""
    with server(Echo(len(HELLO))) as port:
        proxied = Proxied(believing(tls_config(port), maxconn=1), build_front)
        runtime = proxied.environment.runtime
        with socket.create_connection((LOOPBACK, proxied.port)) as first:
            await until(lambda: runtime.connections == 1)
            later = proxied.client_deferred(Client(LINE4 + HELLO, len(HELLO)))
            first.sendall(LINE4)
            await until(lambda: any(isinstance(one, FrontProtocol) for one in proxied.environment.connections))
            assert (runtime.connections, runtime.frontends["f"].accepted) == (1, 1)
        assert await later == HELLO
        await proxied.quiet()
    assert runtime.frontends["f"].accepted == 2
    outcomes = [record.outcome for record in proxied.sink.records]
    assert outcomes == [Outcome.CLIENT_LEFT, Outcome.COMPLETED]

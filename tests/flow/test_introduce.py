"""What is found out of a client for a server's PROXY header, and when."""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import pytest
import pytest_twisted
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.threads import deferToThread

from pumpproxy.flow.front import FrontProtocol
from pumpproxy.flow.introduce import ID_SIZE, introduce, local_address
from pumpproxy.flow.straighthttp import StraightHttpFront
from pumpproxy.model import Config, ConnectionMode, Mode, SendProxy, UnixAddress
from pumpproxy.policy.outcome import Outcome
from pumpproxy.policy.records import ClientAddress
from pumpproxy.policy.serverstate import ServerState
from pumpproxy.wire.proxyheader import ProxyHeader
from pumpproxy.wire.proxyprotocol import read_header
from pumpproxy.wire.proxywriter import v2
from tests.fakes import LOOPBACK, client_hello, tls_config
from tests.flow.peers import PATIENCE, Proxied, has_ipv6, read_exactly, server
from tests.flow.test_httpfront_sockets import behind
from tests.playbook import GET, OK, SENT
from tests.policy import declared

if TYPE_CHECKING:
    from pathlib import Path

    from pumpproxy.flow.stream import Stream

HELLO = client_hello(alpn=("h2", "http/1.1"))
VERSIONS = list(SendProxy)


@dataclass
class Told:
    """What is known of a client."""

    local: ClientAddress | None = None
    unique_id: bytes = b""


class Transport:
    """Of a connection that came to that address of ours."""

    def __init__(self, host: object) -> None:
        self._host = host
        self.asked = 0

    def getHost(self) -> object:
        """Ours."""
        self.asked += 1
        return self._host

    @property
    def real(self) -> Stream:
        """For whoever wants a transport."""
        return cast("Stream", self)


def told_to(version: SendProxy | None) -> ServerState:
    """A server that wants this."""
    return ServerState(declared.server("s", send_proxy=version))


@pytest.mark.parametrize(
    ("address", "local"),
    [
        (IPv4Address("TCP", "192.0.2.254", 443), ClientAddress("192.0.2.254", 443)),
        (IPv6Address("TCP", "2001:db8::1", 443), ClientAddress("2001:db8::1", 443)),
        (IPv6Address("TCP", "::ffff:192.0.2.254", 443), ClientAddress("192.0.2.254", 443)),
        (UNIXAddress("/run/p"), None),
    ],
)
def test_our_address(address: object, local: ClientAddress | None) -> None:
    """As the log has its clients'; a unix socket has none."""
    assert local_address(Transport(address).real) == local


def test_nothing_is_asked_for_a_server_that_is_told_nothing() -> None:
    """Nor where there is no server."""
    transport, known = Transport(IPv4Address("TCP", "192.0.2.254", 443)), Told()
    introduce(known, transport.real, told_to(None))
    introduce(known, transport.real, None)
    assert (transport.asked, known) == (0, Told())


def test_an_id_is_made_where_it_is_told() -> None:
    """Once for a connection, and each has its own; version 1 cannot tell it."""
    transport, one, other = Transport(IPv4Address("TCP", "192.0.2.254", 443)), Told(), Told()
    introduce(one, transport.real, told_to(SendProxy.V1))
    assert one == Told(ClientAddress("192.0.2.254", 443))
    for known in (one, other):
        introduce(known, transport.real, told_to(SendProxy.V2))
    assert one.unique_id != other.unique_id
    assert len(one.unique_id) == ID_SIZE * 4 // 3
    assert one.unique_id.isascii()
    before = replace(one)
    introduce(one, transport.real, told_to(SendProxy.V2))
    assert one == before


def test_what_a_header_told_stays() -> None:
    """Its client came to another address than ours, and has a name."""
    transport = Transport(IPv4Address("TCP", "192.0.2.254", 443))
    known = Told(ClientAddress("203.0.113.1", 8443), b"id")
    introduce(known, transport.real, told_to(SendProxy.V2))
    assert (known, transport.asked) == (Told(ClientAddress("203.0.113.1", 8443), b"id"), 0)


# Over real sockets --------------------------------------------------------------------------------------------------


class Server:
    """Reads a header and that, answers and closes; `got` is what each connection brought."""

    def __init__(self, behind: bytes, answer: bytes = b"answer") -> None:
        self._behind = behind
        self._answer = answer
        self.got: list[bytes] = []

    def __call__(self, connection: socket.socket) -> None:
        """One connection."""
        data = b""
        while (header := read_header(data)) is None or data[header.size :] != self._behind:
            part = connection.recv(65536)
            assert part, data
            data += part
        self.got.append(data)
        connection.sendall(self._answer)


class Client:
    """Sends that, and takes an answer of this length; `seen` is who it was each time."""

    def __init__(self, data: bytes, size: int = len(b"answer")) -> None:
        self._data = data
        self._size = size
        self.seen: list[tuple[str, int]] = []

    def __call__(self, connection: socket.socket) -> bytes:
        """One connection."""
        self.seen.append(connection.getsockname())
        connection.sendall(self._data)
        return read_exactly(connection, self._size)


def wanting(config: Config, version: SendProxy) -> Config:
    """The same, its servers told of their clients."""
    backends = tuple(
        replace(one, servers=tuple(replace(each, send_proxy=version) for each in one.servers))
        for one in config.backends
    )
    return replace(config, backends=backends)


def behind_header(data: bytes, version: SendProxy, client: tuple[str, int], port: int, unique_id: bytes) -> bytes:
    """What stands behind the header, which tells the truth in this version."""
    found = read_header(data)
    assert found is not None
    told = ProxyHeader(found.size, known=True, client=client, local=(LOOPBACK, port), unique_id=unique_id)
    assert found == told
    assert data.startswith(b"PROXY TCP4 ") == (version is SendProxy.V1)
    assert bool(unique_id) == (version is SendProxy.V2)
    return data[found.size :]


@pytest.mark.parametrize("version", VERSIONS)
@pytest_twisted.ensureDeferred
async def test_a_tls_server_is_told_before_the_hello(version: SendProxy) -> None:
    """Each connection of its own client, and in version 2 what that asked for; only its bytes count as the client's."""
    serve, talk = Server(HELLO), Client(HELLO)
    with server(serve) as port:
        proxied = Proxied(wanting(tls_config(port), version), FrontProtocol)
        for _ in range(3):
            assert await proxied.client(talk) == b"answer"
        await proxied.quiet()
    # They are written as they end: the first may still be closed when the next is answered.
    records = sorted(proxied.sink.records, key=lambda record: record.started)
    for data, client, record in zip(serve.got, talk.seen, records, strict=True):
        assert behind_header(data, version, client, proxied.port, record.unique_id) == HELLO
        assert (record.outcome, record.bytes_in, record.bytes_out) == (Outcome.COMPLETED, len(HELLO), 6)
        if version is SendProxy.V2:
            tlvs = [(1, b"h2"), (2, b"pump2.example.test"), (5, record.unique_id)]
            assert data == v2(client, (LOOPBACK, proxied.port), tlvs) + HELLO


@pytest.mark.parametrize("version", VERSIONS)
@pytest_twisted.ensureDeferred
async def test_a_tcp_server_may_speak_first(version: SendProxy) -> None:
    """It is told at once of a client that has said nothing; and who has said nothing has not counted a byte."""
    serve = Server(b"", b"220 hello\r\n")
    with server(serve) as port:
        config = wanting(tls_config(port), version)
        config = replace(config, frontends=tuple(replace(one, mode=Mode.TCP) for one in config.frontends))
        proxied = Proxied(config, FrontProtocol)
        talk = Client(b"", len(b"220 hello\r\n"))
        assert await proxied.client(talk) == b"220 hello\r\n"
        await proxied.quiet()
    record = proxied.sink.only
    assert behind_header(serve.got[0], version, talk.seen[0], proxied.port, record.unique_id) == b""
    assert (record.bytes_in, record.bytes_out) == (0, len(b"220 hello\r\n"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest_twisted.ensureDeferred
async def test_an_http_server_is_told_before_each_request(version: SendProxy) -> None:
    """A client's connection is kept, a server's carries one; the client is the same each time, and called the same."""
    serve, talk = Server(SENT, OK), Client(GET * 3, 3 * len(OK))
    with server(serve) as port:
        config = wanting(behind(port, connection=ConnectionMode.KEEP_ALIVE), version)
        proxied = Proxied(config, StraightHttpFront)
        assert await proxied.client(talk) == OK * 3
        await proxied.quiet()
    assert len(serve.got) == 3
    for data, record in zip(serve.got, proxied.sink.records, strict=True):
        assert behind_header(data, version, talk.seen[0], proxied.port, record.unique_id) == SENT
    assert len({record.unique_id for record in proxied.sink.records}) == 1


@pytest_twisted.ensureDeferred
async def test_a_server_on_a_unix_socket_is_told_alike(tmp_path: Path) -> None:
    """Its connection is another, and the client the same."""
    path = str(tmp_path / "s")
    serve, talk = Server(HELLO), Client(HELLO)
    config = wanting(tls_config(1), SendProxy.V1)
    (declared_,) = config.backends
    servers = tuple(replace(one, address=UnixAddress(path)) for one in declared_.servers)
    config = replace(config, backends=(replace(declared_, servers=servers),))
    with server(serve, family=socket.AF_UNIX, path=path):
        proxied = Proxied(config, FrontProtocol)
        assert await proxied.client(talk) == b"answer"
        await proxied.quiet()
    assert behind_header(serve.got[0], SendProxy.V1, talk.seen[0], proxied.port, b"") == HELLO


@pytest_twisted.ensureDeferred
async def test_an_ipv6_client() -> None:
    """Both addresses are of its family."""
    if not has_ipv6():
        pytest.skip("machine: no ::1")
    serve = Server(HELLO)
    with server(serve) as port:
        proxied = Proxied(wanting(tls_config(port), SendProxy.V1), FrontProtocol, "::1")

        def talk() -> tuple[str, int]:
            with socket.create_connection(("::1", proxied.port), PATIENCE) as connection:
                connection.sendall(HELLO)
                assert read_exactly(connection, 6) == b"answer"
                host, port, *_ = connection.getsockname()
                return host, port

        client = await deferToThread(talk)
        await proxied.quiet()
    assert read_header(serve.got[0]) == ProxyHeader(
        len(serve.got[0]) - len(HELLO), known=True, client=client, local=("::1", proxied.port)
    )

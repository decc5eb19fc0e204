"""The short way, over real sockets: whoever may take it, and what the long way does in its place, is alike.

Each test runs by both ways, and by neither is anything left of a connection; see batches.py.
"""

from __future__ import annotations

import errno
import os
import random
import socket
import threading
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, cast

import pytest
import pytest_twisted
from twisted.internet.defer import ensureDeferred, gatherResults
from twisted.internet.threads import deferToThread

from pumpproxy.flow import connect, straight
from pumpproxy.flow.arrival import FIRST_WORDS
from pumpproxy.flow.front import FrontProtocol
from pumpproxy.flow.listener import BATCH
from pumpproxy.flow.relay import Relay
from pumpproxy.flow.splice import SpliceRelay
from pumpproxy.flow.straight import StraightRelay
from pumpproxy.model import (
    Action,
    Backend,
    Config,
    Frontend,
    Mode,
    Redispatch,
    RelayKind,
    SendProxy,
    Server,
    TcpAddress,
)
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.wire.alert import AlertDescription, alert_record
from tests.fakes import LOOPBACK, client_hello, tls_config, unused_port
from tests.flow.batches import Batch, batch, reads, reads_on, sees
from tests.flow.peers import Proxied, has_ipv6, pause, read_all, read_exactly, reset, server, until
from tests.logs import logged
from tests.wire.hellos import extension, hello, record

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable

    from pumpproxy.policy.records import SessionRecord
    from pumpproxy.policy.runtime import FrontendState

RELAYS = [RelayKind.SPLICE]
"""The short way begins on a poller; see conftest.py for the long one."""
HELLO = client_hello()
INTERNAL = alert_record(AlertDescription.INTERNAL_ERROR)
DEFECT = "critical: a connection ended by a defect"


def echo(connection: socket.socket) -> None:
    """Give back what comes, until FIN."""
    while data := connection.recv(65536):
        connection.sendall(data)


def takes_all(connection: socket.socket) -> None:
    """Read until FIN, and say nothing."""
    read_all(connection)


def firsts(lines: list[str]) -> list[str]:
    """The first line of each, without a traceback."""
    return [line.splitlines()[0] for line in lines]


# A batch ------------------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_all_kinds_of_clients_in_one_batch() -> None:
    """Each gets what it is due: nobody waits for another, and no byte is lost or comes twice."""
    with server(echo) as port:
        async with batch(tls_config(port)) as here:
            whole = [here.comes(HELLO + b"early %d" % number) for number in range(3)]
            pieces, silent, garbage = here.comes(HELLO[:100]), here.comes(), here.comes(b"SSH-2.0-OpenSSH_9.2\r\n")
            left, cut = here.comes(), here.comes(HELLO)
            left.close()
            reset(cut)
            for number, client in enumerate(whole):
                assert await reads(client, len(HELLO) + 7) == HELLO + b"early %d" % number
            assert here.straight == len(whole) * Proxied.short
            pieces.sendall(HELLO[100:])
            assert await reads(pieces, len(HELLO)) == HELLO
            silent.sendall(HELLO)
            assert await reads(silent, len(HELLO)) == HELLO
            assert await reads_on(garbage) == b""
            assert await here.told(3) == ["CLIENT_LEFT", "CLIENT_LEFT", "NOT_TLS"]
            for client in (*whole, pieces, silent):
                client.shutdown(socket.SHUT_WR)
                assert await reads_on(client) == b""
            assert (await here.told(8))[2:] == ["COMPLETED"] * 5 + ["NOT_TLS"]


@pytest_twisted.ensureDeferred
async def test_more_than_one_batch_holds() -> None:
    """All are served, in turns."""
    with server(echo) as port:
        async with batch(tls_config(port)) as here:
            clients = [here.comes(HELLO + b"%03d" % number) for number in range(2 * BATCH + 5)]
            for number, client in enumerate(clients):
                assert await reads(client, len(HELLO) + 3) == HELLO + b"%03d" % number
            assert here.straight == len(clients) * Proxied.short


@pytest_twisted.ensureDeferred
async def test_who_is_refused_is_told_why() -> None:
    """That is not for the short way; those beside it take it."""
    with server(echo) as port:
        async with batch(tls_config(port, no_sni=Action.REJECT)) as here:
            refused, served = here.comes(client_hello(None)), here.comes(HELLO)
            assert await reads_on(refused) == alert_record(AlertDescription.UNRECOGNIZED_NAME)
            assert await reads(served, len(HELLO)) == HELLO
            refused.close()
            assert await here.told(1) == ["REFUSED"]


@pytest_twisted.ensureDeferred
async def test_the_records_of_both_ways_say_the_same() -> None:
    """Who, where, how much and how it ended."""
    with server(echo) as port:
        async with batch(tls_config(port)) as here:
            client = here.comes(HELLO + b"early")
            name = client.getsockname()
            assert await reads(client, len(HELLO) + 5) == HELLO + b"early"
            client.shutdown(socket.SHUT_WR)
            assert await reads_on(client) == b""
            await here.told(1)
            told: SessionRecord = here.proxied.sink.only
    assert (tuple(told.client), told.frontend, told.backend, told.server) == (name, "f", "b", "s")
    assert (told.outcome, told.phase, told.detail) == (Outcome.COMPLETED, Phase.DONE, "")
    assert (told.retries, told.redispatched, told.queued) == (0, False, 0.0)
    assert told.bytes_in == told.bytes_out == len(HELLO) + 5
    assert told.load == (1, 1, 0, 0)
    assert told.connected is not None
    assert told.hello is not None
    assert told.hello.server_name == "pump2.example.test"


@pytest_twisted.ensureDeferred
async def test_where_nobody_wants_records() -> None:
    """All that counts is given back nevertheless."""
    with server(echo) as port:
        async with batch(tls_config(port)) as here:
            here.proxied.sink.wants_records = False
            clients = [here.comes(HELLO) for _ in range(3)]
            for client in clients:
                assert await reads(client, len(HELLO)) == HELLO
                client.shutdown(socket.SHUT_WR)
                assert await reads_on(client) == b""
            await until(lambda: not here.environment.connections)
            assert here.proxied.sink.records == []


@pytest.mark.parametrize("host", [LOOPBACK, "::1"])
@pytest_twisted.ensureDeferred
async def test_a_client_of_a_socket_for_both_families(host: str) -> None:
    """Is known by its address as it would write it."""
    if not has_ipv6():
        pytest.skip("machine: no IPv6")
    with server(echo) as port, socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as client:
        async with batch(tls_config(port), "*") as here:
            client.settimeout(20)
            client.connect((host, here.proxied.port))
            client.sendall(HELLO)
            assert await reads(client, len(HELLO)) == HELLO
            assert here.straight == Proxied.short
            client.close()
            await here.told(1)
            assert here.proxied.sink.only.client.host == host


@pytest_twisted.ensureDeferred
async def test_a_tcp_frontend_has_no_short_way() -> None:
    """Nobody's first words are read there before its server is asked."""
    config = Config(
        (Frontend("f", Mode.TCP, (TcpAddress(LOOPBACK, 1),), default_backend="b"),),
        (Backend("b", servers=(Server("s", TcpAddress(LOOPBACK, 1)),)),),
    )
    with server(echo) as port:
        backend = replace(config.backends[0], servers=(Server("s", TcpAddress(LOOPBACK, port)),))
        async with batch(replace(config, backends=(backend,))) as here:
            client = here.comes(HELLO)
            assert await reads(client, len(HELLO)) == HELLO
            assert here.straight == 0


@pytest.mark.parametrize("accept_proxy", [(), (ip_network("192.0.2.0/24"),)])
@pytest_twisted.ensureDeferred
async def test_a_frontend_that_wants_headers_has_no_short_way(accept_proxy: tuple[object, ...]) -> None:
    """Who its client is, is asked before anything else; also of those who are of no such network. A reload counts."""
    with server(echo) as port:
        async with batch(tls_config(port, accept_proxy=accept_proxy)) as here:
            client = here.comes(HELLO)
            assert await reads(client, len(HELLO)) == HELLO
            assert here.straight == (Proxied.short and not accept_proxy)
            here.proxied.environment.runtime.reload(tls_config(port), 100)
            client = here.comes(HELLO)
            assert await reads(client, len(HELLO)) == HELLO
            assert here.straight == Proxied.short * (1 if accept_proxy else 2)


@pytest_twisted.ensureDeferred
async def test_a_server_that_wants_a_header_has_no_short_way() -> None:
    """What it is told takes the long way to find out."""
    config = tls_config(1)
    with server(echo) as port:
        told = Server("s", TcpAddress(LOOPBACK, port), send_proxy=SendProxy.V1)
        async with batch(replace(config, backends=(Backend("b", servers=(told,)),))) as here:
            client = here.comes(HELLO)
            host, at = client.getsockname()
            line = f"PROXY TCP4 {host} {LOOPBACK} {at} {here.proxied.port}\r\n".encode()
            assert await reads(client, len(line + HELLO)) == line + HELLO
            assert here.straight == 0


# Descriptors run out ------------------------------------------------------------------------------------------------


class Hindered:
    """A listening socket whose accept(2) fails once, after so many."""

    def __init__(self, listening: socket.socket, after: int) -> None:
        self._listening = listening
        self._left = after

    def _accept(self) -> object:
        self._left -= 1
        if self._left == -1:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return self._listening._accept()  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self._listening, name)


@pytest_twisted.ensureDeferred
async def test_descriptors_that_run_out_in_the_middle_of_a_batch() -> None:
    """Those before are served, and the others when there are some again; it is said once each."""
    with server(echo) as port:
        async with batch(tls_config(port)) as here:
            listener = here.proxied.listener
            listener._socket = cast("socket.socket", Hindered(listener._socket, 2))
            clients = [here.comes(HELLO) for _ in range(5)]
            with logged() as lines:
                for client in clients[:2]:
                    assert await reads(client, len(HELLO)) == HELLO
                assert listener.accepted == 2
                clients[0].close()
                for client in clients[2:]:
                    assert await reads(client, len(HELLO)) == HELLO
            assert [line.split(": ", 2)[2] for line in lines] == [
                "cannot accept (Too many open files): connections wait until it is possible again",
                "accepting again",
            ]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS])
@pytest_twisted.ensureDeferred
async def test_no_descriptor_or_port_for_the_servers_side(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client is told, and the log says overload; who has one goes on."""
    real, left = connect.opened, [1]

    def opened(address: TcpAddress, **how: bool) -> socket.SocketType:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(number, os.strerror(number))
        return real(address, **how)

    monkeypatch.setattr(connect, "opened", opened)
    monkeypatch.setattr(straight, "opened", opened)
    with server(echo) as port:
        config = tls_config(port)
        async with batch(replace(config, backends=(replace(config.backends[0], retries=0),))) as here:
            served, other = here.comes(HELLO), here.comes(HELLO)
            assert await reads_on(other) == INTERNAL
            assert await reads(served, len(HELLO)) == HELLO
            other.close()
            await here.told(1)
            told = here.proxied.sink.only
            assert (told.outcome, told.phase, told.retries) == (Outcome.OVERLOAD, Phase.CONNECT, 0)


@pytest_twisted.ensureDeferred
async def test_a_port_that_is_had_at_the_second_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """The attempts are those of the long way, whoever made the first."""
    real, fails = connect.opened, [True]

    def opened(address: TcpAddress, **how: bool) -> socket.SocketType:
        if fails:
            fails.pop()
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        return real(address, **how)

    monkeypatch.setattr(connect, "opened", opened)
    monkeypatch.setattr(straight, "opened", opened)
    with server(echo) as port:
        async with batch(before(port, unused_port(), timeout_connect=0.2, redispatch=Redispatch.NO)) as here:
            client = here.comes(HELLO)
            assert await reads(client, len(HELLO)) == HELLO
            client.close()
            await here.told(1)
            told = here.proxied.sink.only
            assert (told.server, told.retries, told.redispatched) == ("s1", 1, False)


# Servers that are not there at once ---------------------------------------------------------------------------------


def before(first: int, second: int, **fields: object) -> Config:
    """A `tls` frontend before two servers, of which the second is tried only when the first fails."""
    servers = (Server("s1", TcpAddress(LOOPBACK, first), 256), Server("s2", TcpAddress(LOOPBACK, second), 1))
    return Config(
        (Frontend("f", Mode.TLS, (TcpAddress(LOOPBACK, 1),), default_backend="b", unknown_sni="b", no_sni="b"),),
        (Backend("b", servers=servers, **({"retries": 1, "redispatch": Redispatch.YES} | fields)),),  # type: ignore[arg-type]
    )


class Full:
    """A server whose backlog is full, until it accepts."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self.listening = stack.enter_context(socket.socket())
        self.listening.bind((LOOPBACK, 0))
        self.listening.listen(0)
        self.port = self.listening.getsockname()[1]
        self._fillers = [stack.enter_context(socket.socket()) for _ in range(4)]
        for filler in self._fillers:
            filler.setblocking(False)
            filler.connect_ex(self.listening.getsockname())

    def empties(self) -> None:
        """Those who filled it go, those who are in it are taken, and there is room for many."""
        names = [filler.getsockname() for filler in self._fillers]
        for filler in self._fillers:
            filler.close()
        self.listening.listen(100)
        self.listening.settimeout(20)
        self._names = names

    def accepts(self) -> socket.socket:
        """The next who is none of those."""
        while True:
            connection, name = self.listening.accept()
            self._stack.enter_context(connection)
            connection.settimeout(20)
            if name not in self._names:
                return connection


@pytest_twisted.ensureDeferred
async def test_a_server_whose_backlog_is_full_gets_each_hello_once() -> None:
    """It is waited for as on the long way; what comes meanwhile goes behind."""
    async with batch(tls_config(1)) as here:
        full = Full(here.stack)
        config = tls_config(full.port)
        here.environment.runtime.reload(config, 1000)
        here.proxied.listener.serve(here.environment.runtime.frontends["f"])
        clients = [here.comes(HELLO + b"early %d" % number) for number in range(3)]
        await until(lambda: len(here.environment.connections) == 3)
        await pause(0.1)
        assert here.straight == 0
        for number, client in enumerate(clients):
            client.sendall(b" and more %d" % number)
        await pause(0.1)
        full.empties()
        size = len(HELLO + b"early 0 and more 0")
        found = []
        for _ in clients:
            connection = await deferToThread(full.accepts)
            found.append(await reads(connection, size))
            connection.sendall(found[-1][-1:])
            connection.close()
        assert sorted(found) == [HELLO + b"early %d and more %d" % (number, number) for number in range(3)]
        for number, client in enumerate(clients):
            assert await reads_on(client) == b"%d" % number
            client.close()
        assert await here.told(3) == ["COMPLETED"] * 3
        for told in here.proxied.sink.records:
            assert (told.retries, told.bytes_in, told.bytes_out) == (0, size, 1)
            assert told.connected is not None
            assert told.connected > 0.1, "it is the established connection that counts"


@pytest_twisted.ensureDeferred
async def test_a_server_whose_backlog_stays_full() -> None:
    """It is given up after `timeout-connect`, and another one gets the hello."""
    with server(echo) as port:
        async with batch(tls_config(1)) as here:
            full = Full(here.stack)
            here.environment.runtime.reload(before(full.port, port, timeout_connect=0.3), 1000)
            here.proxied.listener.serve(here.environment.runtime.frontends["f"])
            client = here.comes(HELLO + b"early")
            assert await reads(client, len(HELLO) + 5) == HELLO + b"early"
            client.close()
            await here.told(1)
            told = here.proxied.sink.only
            assert (told.server, told.retries, told.redispatched) == ("s2", 1, True)


@pytest.mark.parametrize("leaves", ["FIN", "reset", "the service ends"])
@pytest_twisted.ensureDeferred
async def test_the_end_of_who_waits_for_a_full_server(leaves: str) -> None:
    """Nothing is left of it, and the server is asked no more."""
    async with batch(tls_config(1)) as here:
        full = Full(here.stack)
        here.environment.runtime.reload(tls_config(full.port), 1000)
        here.proxied.listener.serve(here.environment.runtime.frontends["f"])
        client = here.comes(HELLO)
        await until(lambda: bool(here.environment.connections))
        await pause(0.05)
        if leaves == "FIN":
            client.shutdown(socket.SHUT_WR)
        elif leaves == "reset":
            reset(client)
        else:
            here.shut_down()
        await here.told(1)
        told = here.proxied.sink.only
        expected = Outcome.SHUTDOWN if leaves == "the service ends" else Outcome.CLIENT_LEFT
        assert (told.outcome, told.phase) == (expected, Phase.CONNECT)


@pytest_twisted.ensureDeferred
async def test_a_server_that_refuses_is_passed_over() -> None:
    """As on the long way, at once, with what was said so far; the log says so."""
    with server(echo) as port:
        async with batch(before(unused_port(), port)) as here:
            clients = [here.comes(HELLO + b"early") for _ in range(3)]
            for client in clients:
                assert await reads(client, len(HELLO) + 5) == HELLO + b"early"
                client.close()
            await here.told(3)
            for told in here.proxied.sink.records:
                assert (told.server, told.retries, told.redispatched) == ("s2", 1, True)


@pytest_twisted.ensureDeferred
async def test_where_every_server_refuses() -> None:
    """The client is told, after as many attempts as on the long way."""
    async with batch(before(unused_port(), unused_port())) as here:
        client = here.comes(HELLO)
        assert await reads_on(client) == INTERNAL
        client.close()
        await here.told(1)
        told = here.proxied.sink.only
    assert (told.outcome, told.phase, told.retries) == (Outcome.CONNECT_FAILED, Phase.CONNECT, 1)
    assert (told.detail, told.connected) == ("refused", None)


@pytest.mark.parametrize("number", [errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE, errno.ETIMEDOUT])
@pytest_twisted.ensureDeferred
async def test_a_server_that_is_gone_before_the_hello_is_sent(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent to it, so that another is asked."""
    if not Proxied.short:
        return
    fails = [True]

    def write(descriptor: int, data: bytes) -> int:
        if fails:
            fails.pop()
            raise OSError(number, os.strerror(number))
        return os.write(descriptor, data)

    monkeypatch.setattr(straight, "write", write)
    with server(takes_all) as gone, server(echo) as port:
        async with batch(before(gone, port)) as here:
            client, other = here.comes(HELLO), here.comes(HELLO)
            assert await reads(client, len(HELLO)) == HELLO
            client.close()
            other.close()
            await here.told(2)
            retried = [(told.server, told.redispatched) for told in here.proxied.sink.records if told.retries]
            assert retried == [("s2", True)]


# The first words ----------------------------------------------------------------------------------------------------


def large_hello() -> bytes:
    """One of the largest that fit into a record."""
    return record(hello(extension(21, bytes(15_000))))


@pytest.mark.parametrize("taken", [0, 1, 100, 15_000])
@pytest_twisted.ensureDeferred
async def test_a_large_hello_of_which_a_server_takes_a_part(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest follows when there is room, before everything else."""
    words = large_hello()
    monkeypatch.setattr(straight, "write", lambda descriptor, data: taken and os.write(descriptor, data[:taken]))
    with server(echo) as port:
        async with batch(tls_config(port)) as here:
            client = here.comes(words)
            client.sendall(b"behind")
            assert await reads(client, len(words) + 6) == words + b"behind"
            client.shutdown(socket.SHUT_WR)
            assert await reads_on(client) == b""
            await here.told(1)
            assert here.proxied.sink.only.bytes_in == len(words) + 6


@pytest.mark.parametrize("size", [FIRST_WORDS - len(HELLO), FIRST_WORDS, 300_000])
@pytest_twisted.ensureDeferred
async def test_early_data_of_any_size_behind_the_hello(size: int) -> None:
    """It arrives in order, whether it was read with the hello or not; the FIN behind it too."""
    body = random.Random(size).randbytes(size)
    with server(lambda connection: connection.sendall(read_all(connection))) as port:
        async with batch(tls_config(port)) as here:
            client = here.comes(HELLO + body)
            await until(lambda: here.straight == 1 or not Proxied.short)
            if not Proxied.short:
                await until(lambda: any(pool.connections for pool in here.environment.runtime.pools.values()))
                await pause(0.1)
            client.shutdown(socket.SHUT_WR)
            assert await reads_on(client) == HELLO + body
            assert await here.told(1) == ["COMPLETED"]


@pytest_twisted.ensureDeferred
async def test_a_fin_right_behind_the_hello() -> None:
    """Both are delivered: the server is there before anybody looks for more."""
    seen: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        seen.append(read_all(connection))
        connection.sendall(b"an answer")

    with server(serve) as port:
        async with batch(tls_config(port)) as here:
            client = here.comes(HELLO)
            client.shutdown(socket.SHUT_WR)
            assert await reads_on(client) == b"an answer"
            assert await here.told(1) == ["COMPLETED"]
    assert seen == [HELLO]


@pytest_twisted.ensureDeferred
async def test_a_client_that_is_reset_between_its_accept_and_its_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server sees a reset too, and not an end."""
    real = connect.opened
    cut: list[socket.socket] = []
    seen: list[str] = []

    def opened(address: TcpAddress, **how: bool) -> socket.SocketType:
        if cut:
            reset(cut.pop())
        return real(address, **how)

    def serve(connection: socket.socket) -> None:
        try:
            seen.append("FIN" if read_exactly(connection, len(HELLO)) and not connection.recv(1) else "words")
        except (ConnectionResetError, AssertionError):
            seen.append("reset")

    monkeypatch.setattr(connect, "opened", opened)
    monkeypatch.setattr(straight, "opened", opened)
    with server(serve) as port:
        async with batch(tls_config(port)) as here:
            cut.append(here.comes(HELLO))
            assert await here.told(1) == ["CLIENT_LEFT"]
            if Proxied.short:
                await until(lambda: bool(seen))
                assert seen == ["reset"]


# Servers ------------------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_a_server_that_speaks_first_and_at_once() -> None:
    """Its words arrive, though nobody was told of them; so does its FIN."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"hello yourself")
        assert read_exactly(connection, len(HELLO)) == HELLO
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection) == b"bye"

    with server(serve) as port:
        async with batch(tls_config(port)) as here:
            client = here.comes(HELLO)
            assert await reads_on(client) == b"hello yourself"
            client.sendall(b"bye")
            client.shutdown(socket.SHUT_WR)
            assert await here.told(1) == ["COMPLETED"]


@pytest.mark.parametrize("how", ["closes", "resets", "closes half"])
@pytest_twisted.ensureDeferred
async def test_a_server_that_ends_at_once(how: str) -> None:
    """Every client learns of it, whatever was under way; nobody hangs."""

    def serve(connection: socket.socket) -> None:
        if how == "closes":
            connection.close()
        elif how == "resets":
            reset(connection)
        else:
            connection.shutdown(socket.SHUT_WR)
            read_all(connection)

    with server(serve) as port:
        async with batch(before(port, port, timeout_connect=0.2)) as here:
            clients = [here.comes(HELLO) for _ in range(20)]
            for client in clients:
                assert await sees(client) in ({"FIN"} if how == "closes half" else {"FIN", "reset"})
                client.close()
            outcomes = set(await here.told(20))
    if how == "closes half":
        assert outcomes == {"COMPLETED"}
    else:
        assert outcomes <= {"COMPLETED", "SERVER_LEFT", "CONNECT_FAILED", "CLIENT_LEFT"}


# Room ---------------------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_a_batch_never_goes_over_maxconn() -> None:
    """Neither a frontend's own nor the one of all, with several listeners in one batch; all are served in turn."""
    most = [0, 0]
    with server(echo) as port:
        config = tls_config(port, maxconn=3)
        second = replace(config.frontends[0], name="g", maxconn=None)
        async with batch(replace(config, frontends=(config.frontends[0], second), maxconn=5)) as here:
            runtime = here.environment.runtime
            counted = runtime.accepted

            def accepted(frontend: FrontendState, count: int = 1) -> None:
                counted(frontend, count)
                most[0] = max(most[0], runtime.connections)
                most[1] = max(most[1], runtime.frontends["f"].connections)

            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(type(runtime), "accepted", lambda _self, *of: accepted(*of))
                other, other_port = here.proxied.listen(frontend="g")
                other.start()
                clients = [here.comes(HELLO, (0, other_port)[number % 2]) for number in range(24)]

                async def talk(client: socket.socket) -> bytes:
                    answer = await reads(client, len(HELLO))
                    client.close()
                    return answer

                assert await gatherResults([ensureDeferred(talk(one)) for one in clients]) == [HELLO] * 24
                await here.told(24)
            other.close(drain=False)
            assert (runtime.frontends["f"].accepted, runtime.frontends["g"].accepted) == (12, 12)
    assert most == [5, 3]


@pytest_twisted.ensureDeferred
async def test_closing_serves_who_waits() -> None:
    """Outside of a batch, whatever `maxconn` says: they are served when `close` returns."""
    with server(echo) as port:
        async with batch(tls_config(port, maxconn=2)) as here:
            clients = [here.comes(HELLO) for _ in range(5)]
            here.proxied.listener.close(drain=True)
            assert len(here.environment.connections) == 5
            assert here.straight == 5 * Proxied.short
            for client in clients:
                assert await reads(client, len(HELLO)) == HELLO
            with pytest.raises(ConnectionRefusedError):
                here.comes()


@pytest_twisted.ensureDeferred
async def test_closing_serves_who_waits_for_a_full_server() -> None:
    """They wait on."""
    async with batch(tls_config(1)) as here:
        full = Full(here.stack)
        here.environment.runtime.reload(tls_config(full.port), 1000)
        here.proxied.listener.serve(here.environment.runtime.frontends["f"])
        client = here.comes(HELLO)
        here.proxied.listener.close(drain=True)
        assert len(here.environment.connections) == 1
        full.empties()
        connection = await deferToThread(full.accepts)
        assert await reads(connection, len(HELLO)) == HELLO
        connection.close()
        assert await sees(client) == "FIN"
        client.close()
        assert await here.told(1) == ["COMPLETED"]


# The end ------------------------------------------------------------------------------------------------------------


def finish_up(here: Batch) -> None:
    """What is asked of a connection before the end."""
    for connection in here.environment.connections:
        connection.finish_up()
        if isinstance(connection, StraightRelay):
            connection.evict()


@pytest.mark.parametrize("talks", [True, False])
@pytest_twisted.ensureDeferred
async def test_the_end_of_the_service_is_a_reset_for_both(talks: bool) -> None:  # noqa: FBT001 - a table's column
    """So that a cut does not look like an end; what is asked before only changes nothing."""
    seen: list[str] = []
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        read_exactly(connection, len(HELLO))
        connection.sendall(b"!")
        if not talks:
            connection.shutdown(socket.SHUT_WR)
        try:
            seen.append("words" if connection.recv(1) else "FIN")
        except ConnectionResetError:
            seen.append("reset")
        over.set()

    with server(serve) as port:
        async with batch(tls_config(port)) as here:
            client = here.comes(HELLO)
            assert await reads(client, 1) == b"!"
            if not talks:
                assert await reads_on(client) == b""
            finish_up(here)
            await pause(0.05)
            assert seen == []
            here.shut_down()
            if talks:
                assert await sees(client) == "reset"
            await until(over.is_set)
            await here.told(1)
            told = here.proxied.sink.only
            assert (told.outcome, told.phase) == (Outcome.SHUTDOWN, Phase.DATA if talks else Phase.LAST)
    assert seen == ["reset"]


# Defects ------------------------------------------------------------------------------------------------------------


def fails_once(real: Callable[..., Any], calls: int = 1) -> Callable[..., Any]:
    """As `real`, but this call raises."""
    left = [calls]

    def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it is
        left[0] -= 1
        if left[0] == 0:
            raise ZeroDivisionError
        return real(*arguments, **named)

    return call


async def served(here: Batch) -> int:
    """How many of three clients in one batch are served; who comes later is."""
    found = 0
    for client in [here.comes(HELLO) for _ in range(3)]:
        try:
            found += await reads(client, len(HELLO)) == HELLO
        except (AssertionError, ConnectionResetError):
            continue
    late = here.comes(HELLO)
    assert await reads(late, len(HELLO)) == HELLO
    return found


@pytest.mark.parametrize(
    ("where", "name"),
    [(straight, "read_whole"), (straight, "begin"), (straight, "opened"), (straight, "write")],
)
@pytest_twisted.ensureDeferred
async def test_a_defect_before_anything_was_sent(where: object, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is logged, and the client goes the long way; the others of the batch do not even notice."""
    if not Proxied.short:
        return
    with server(echo) as port:
        config = before(port, port, timeout_connect=0.2)
        async with batch(config, tidy=False) as here:
            monkeypatch.setattr(where, name, fails_once(getattr(where, name), 2))
            with logged() as lines:
                assert await served(here) == 3
            assert firsts(lines) == ["critical: a connection goes the long way after a defect"]
            assert here.straight == 3
            monkeypatch.undo()


@pytest.mark.parametrize("fails", [3, 4])
@pytest_twisted.ensureDeferred
async def test_a_relay_that_cannot_begin(fails: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel takes no more descriptors into an epoll: it is logged, and ends this client alone."""
    if not Proxied.short:
        return
    with server(echo) as port:
        async with batch(tls_config(port), tidy=False) as here:
            poller = here.environment.poller
            assert poller is not None
            monkeypatch.setattr(poller, "_register", fails_once(poller._register, fails))
            with logged() as lines:
                assert await served(here) == 2
            assert firsts(lines) == [DEFECT]
            assert (await here.told(1)) == ["INTERNAL"]


@pytest_twisted.ensureDeferred
async def test_a_defect_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that cannot be told: it is logged, and everybody else goes on."""
    with server(echo) as port:
        async with batch(tls_config(port), tidy=False) as here:
            clients = [here.comes(HELLO) for _ in range(3)]
            for client in clients:
                assert await reads(client, len(HELLO)) == HELLO
            monkeypatch.setattr(here.proxied.sink, "ended", fails_once(here.proxied.sink.ended))
            with logged() as lines:
                for client in clients:
                    client.shutdown(socket.SHUT_WR)
                for client in clients:
                    assert await reads_on(client) == b""
                assert await here.told(2) == ["COMPLETED"] * 2
            assert firsts(lines) == [DEFECT]
            late = here.comes(HELLO)
            assert await reads(late, len(HELLO)) == HELLO


# Reloads ------------------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_who_comes_after_a_reload_follows_it() -> None:
    """Who is there stays where it is."""
    with server(echo) as port, server(lambda connection: connection.sendall(b"another")) as other:
        async with batch(tls_config(port)) as here:
            client = here.comes(HELLO)
            assert await reads(client, len(HELLO)) == HELLO
            runtime = here.environment.runtime
            runtime.reload(tls_config(other), 1000)
            here.proxied.listener.serve(runtime.frontends["f"])
            here.proxied.listener.resume()
            late = here.comes(HELLO)
            assert await reads(late, 7) == b"another"
            client.sendall(b"still here")
            assert await reads(client, 10) == b"still here"


@pytest_twisted.ensureDeferred
async def test_a_frontend_that_a_reload_makes_another_mode() -> None:
    """A `tcp` one asks its client nothing, and a `tls` one again."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"first")
        echo(connection)

    with server(serve) as port:
        config = tls_config(port)
        as_tcp = Frontend("f", Mode.TCP, config.frontends[0].binds, default_backend="b")
        async with batch(config) as here:
            runtime, listener = here.environment.runtime, here.proxied.listener
            for made, words, short in ((as_tcp, b"", False), (config.frontends[0], HELLO, True)):
                old = runtime.frontends["f"]
                runtime.reload(replace(config, frontends=(made,)), 1000)
                listener.serve(runtime.frontends["f"])
                listener.resume()
                client = here.comes(words)
                assert await reads(client, 5 + len(words)) == b"first" + words
                assert here.straight == (short and Proxied.short)
                here.shut_down()
                await until(lambda: not here.environment.connections)
                assert old.connections == 0


def relays(here: Batch) -> list[str]:
    """The kinds of the relays that run."""
    found = []
    for one in here.environment.connections:
        relay = one._relay if isinstance(one, FrontProtocol) else one
        found.append("splice" if isinstance(relay, SpliceRelay) else "portable" if isinstance(relay, Relay) else "none")
    return sorted(found)


@pytest_twisted.ensureDeferred
async def test_a_reload_that_changes_the_relay() -> None:
    """Who comes from then on gets the other one, also from a listener that stays; who is there keeps the old one."""
    with server(echo) as port:
        # The portable relay's protocols know each other until they are collected.
        async with batch(tls_config(port), tidy=False) as here:
            environment, listener = here.environment, here.proxied.listener
            poller = environment.poller
            clients = [here.comes(HELLO)]
            assert await reads(clients[0], len(HELLO)) == HELLO
            assert relays(here) == ["splice"]
            environment.poller = None
            listener.resume()
            clients += [here.comes(HELLO), here.comes(HELLO)]
            for client in clients[1:]:
                assert await reads(client, len(HELLO)) == HELLO
            assert relays(here) == ["portable", "portable", "splice"]
            environment.poller = poller
            listener.resume()
            clients.append(here.comes(HELLO))
            assert await reads(clients[3], len(HELLO)) == HELLO
            assert relays(here) == ["portable", "portable", "splice", "splice"]
            for client in clients:
                client.sendall(b"still here")
                assert await reads(client, 10) == b"still here"
                client.shutdown(socket.SHUT_WR)
                assert await reads_on(client) == b""
            assert await here.told(4) == ["COMPLETED"] * 4

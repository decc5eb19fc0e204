"""Checks of real sockets that answer, lie, stall, reset and dribble; by both ways that connections are made."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import sys
import threading
import time
from typing import TYPE_CHECKING, cast

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from pumpproxy.checks.probes import Probes
from pumpproxy.flow.dial import Dial
from pumpproxy.flow.idle import Sweep
from pumpproxy.flow.poll import Poller
from pumpproxy.flow.resolve import Resolver
from pumpproxy.model import Backend, Check, CheckKind, DnsAddress, SendProxy, Server, TcpAddress, UnixAddress
from tests.checks.tlspeers import DAY, NAME, NOW, Certificates, server_context
from tests.fakes import LOOPBACK, unused_port
from tests.flow.peers import black_hole, pause, reset, server, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from twisted.internet import protocol

    from pumpproxy.interfaces import Reactor
    from pumpproxy.model import ServerAddress
    from pumpproxy.policy.attempts import ConnectFailure
    from pumpproxy.policy.health import Result

HAS_EPOLL = hasattr(select, "epoll")
SOON = 0.3
"""Seconds for an answer, in tests of servers that have none."""


class Checking:
    """Checks by one of the ways; `open` counts what is left of them."""

    def __init__(self, *, lean: bool) -> None:
        self._reactor = cast("Reactor", reactor)
        self._resolver = Resolver(self._reactor)
        self.poller = Poller(self._reactor, time.monotonic) if lean else None
        self._sweep = Sweep(self._reactor, time.monotonic)
        self._probes = Probes(self._reactor, self._dialling, time.monotonic)

    def _dialling(self, build: Callable[[], protocol.Protocol], failed: Callable[[ConnectFailure], None]) -> Dial:
        lean = None if self.poller is None else (self.poller, self._sweep)
        dial = Dial(self._reactor, self._resolver, build, failed, lean)
        dial.speaks = True
        return dial

    async def check(
        self,
        kind: CheckKind,
        to: int | ServerAddress,
        *,
        answer: float = 20.0,
        send_proxy: SendProxy | None = None,
        **check: object,
    ) -> Result:
        """What comes of it."""
        done: Deferred[Result] = Deferred()
        address = TcpAddress(LOOPBACK, to) if isinstance(to, int) else to
        backend = Backend("b", timeout_connect=20.0, timeout_check=answer)
        fields = {"inter": 20.0} | check
        asked = Check(kind, **fields)  # type: ignore[arg-type]
        self._probes.start(backend, Server("s", address, send_proxy=send_proxy), asked, done.callback)
        return await done

    async def quiet(self) -> None:
        """No connection is left."""
        poller = self.poller
        if poller is not None:
            await until(lambda: not len(poller))
            await until(lambda: not len(self._sweep))
            poller.stop()


@pytest.fixture(params=[False, True], ids=["portable", "lean"])
def checking(request: pytest.FixtureRequest) -> Checking:
    """By Twisted's connectors, and on an epoll of our own."""
    if request.param and not HAS_EPOLL:
        pytest.skip("machine: it has no epoll(7)")
    return Checking(lean=request.param)


def word(result: Result) -> tuple[str, str]:
    """What it is, in HAProxy's word and in ours."""
    return result.answer.status.value, result.answer.text


class Listening:
    """A server that keeps what it sees of each connection, as far as its program sees one."""

    def __init__(self, answer: Callable[[socket.socket], None] | None = None) -> None:
        self.heard: list[bytes] = []
        self.ends: list[str] = []
        self._answer = answer

    def __call__(self, connection: socket.socket) -> None:
        """Serve one."""
        data = b""
        try:
            if self._answer is not None:
                data = connection.recv(65536)
                self._answer(connection)
            while part := connection.recv(65536):
                data += part
            end = "FIN"
        except ConnectionResetError:
            end = "RST"
        self.heard.append(data)
        self.ends.append(end)


def says(*parts: bytes, then: Callable[[socket.socket], None] | None = None) -> Callable[[socket.socket], None]:
    """An answer in these parts."""

    def answer(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
            time.sleep(0.01)
        if then is not None:
            then(connection)

    return answer


@pytest_twisted.ensureDeferred
async def test_a_tcp_check_is_a_connection(checking: Checking) -> None:
    """Nothing is sent. On Linux, by the lean way, the server's program sees no connection at all; else a reset."""
    listening = Listening()
    with server(listening) as port:
        assert word(await checking.check(CheckKind.TCP, port)) == ("L4OK", "connected")
        await pause(0.3)
    if checking.poller is not None and sys.platform == "linux":
        assert listening.ends == []
    else:
        assert listening.ends == ["RST"]
        assert listening.heard == [b""]
    await checking.quiet()


@pytest_twisted.ensureDeferred
async def test_nobody_listens(checking: Checking, tmp_path: Path) -> None:
    """On a port, at a path, at a name that has no address."""
    refused = ("L4CON", "refused")
    assert word(await checking.check(CheckKind.HTTP, unused_port())) == refused
    assert word(await checking.check(CheckKind.TCP, UnixAddress(str(tmp_path / "none.sock")))) == refused
    nowhere = DnsAddress("nowhere.invalid", 80)
    assert word(await checking.check(CheckKind.TCP, nowhere)) == ("L4CON", "its name has no address")
    await checking.quiet()


@pytest_twisted.ensureDeferred
async def test_a_backlog_that_is_full(checking: Checking) -> None:
    """It takes no connection in time."""
    with black_hole() as port:
        result = await checking.check(CheckKind.TCP, port, inter=SOON)
    assert word(result) == ("L4TOUT", "timed out")
    assert SOON * 0.5 < result.seconds < 20
    await checking.quiet()


@pytest_twisted.ensureDeferred
async def test_a_unix_socket(checking: Checking, tmp_path: Path) -> None:
    """As any other."""
    path = str(tmp_path / "app.sock")
    listening = Listening(says(b"HTTP/1.1 204 No Content\r\n\r\n"))
    with server(listening, family=socket.AF_UNIX, path=path):
        assert word(await checking.check(CheckKind.HTTP, UnixAddress(path))) == ("L7OK", "status 204")
        assert word(await checking.check(CheckKind.TCP, UnixAddress(path))) == ("L4OK", "connected")
        await until(lambda: bool(listening.heard))
    assert any(b"\r\nHost: localhost\r\n" in heard for heard in listening.heard)
    await checking.quiet()


ALERT = b"\x15\x03\x03\x00\x02\x02\x28"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (says(ALERT), ("L6OK", "answered in TLS")),
        (says(b"\x16", b"\x03\x03"), ("L6OK", "answered in TLS")),
        (says(b"220 mail.example ESMTP\r\n"), ("L6RSP", "answered, but not in TLS")),
        (says(then=lambda connection: connection.close()), ("L6RSP", "closed without an answer to the hello")),
        (says(then=reset), ("L6RSP", "reset without an answer to the hello")),
    ],
    ids=["alert", "handshake in bytes", "text", "closed", "reset"],
)
@pytest_twisted.ensureDeferred
async def test_tls_hello(
    checking: Checking, answer: Callable[[socket.socket], None], expected: tuple[str, str]
) -> None:
    """Whatever a server answers a hello."""
    with server(Listening(answer)) as port:
        assert word(await checking.check(CheckKind.TLS_HELLO, port, sni=NAME)) == expected
    await checking.quiet()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (CheckKind.TLS_HELLO, ("L6TOUT", "no answer to the hello in time")),
        (CheckKind.TLS, ("L6TOUT", "no whole handshake in time")),
        (CheckKind.HTTP, ("L7TOUT", "no response in time")),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_server_that_does_not_answer(checking: Checking, kind: CheckKind, expected: tuple[str, str]) -> None:
    """It takes the connection, and is reset when its time is over. One that does not even accept looks the same."""
    listening = Listening()
    with server(listening) as port:
        assert word(await checking.check(kind, port, answer=SOON)) == expected
        await until(lambda: listening.ends == ["RST"], listening.ends)
    with socket.create_server((LOOPBACK, 0)) as stopped:
        assert word(await checking.check(kind, stopped.getsockname()[1], answer=SOON)) == expected
    await checking.quiet()


@contextlib.contextmanager
def tls_server(pem: Path, log: list[str], highest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> Iterator[int]:
    """A server that does a handshake, and notes how the connection ended after it."""
    context = server_context(pem, highest)

    def serve(connection: socket.socket) -> None:
        try:
            with context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=False) as stream:
                log.append("close_notify" if stream.recv(1) == b"" else "data")
                # The other half of it, as servers say it, and then nothing follows but a FIN.
                log.append("FIN" if stream.unwrap().recv(1) == b"" else "data")
        except OSError as problem:
            log.append(f"{problem}")

    with server(serve) as port:
        yield port


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda version: version.name)
@pytest_twisted.ensureDeferred
async def test_a_handshake_ends_well(checking: Checking, tmp_path: Path, version: ssl.TLSVersion) -> None:
    """The server sees a close_notify and a FIN behind a whole handshake, and nothing that were an error."""
    log: list[str] = []
    with tls_server(Certificates(tmp_path).issue(NAME), log, version) as port:
        result = await checking.check(CheckKind.TLS, port, sni=NAME)
        await until(lambda: bool(log))
        await checking.quiet()
    assert word(result) == ("L6OK", f"a whole handshake, {version.name.replace('_', '.')}")
    assert result.answer.certificate is not None
    assert result.answer.certificate.fits
    assert log[0] == "close_notify"


@pytest_twisted.ensureDeferred
async def test_a_certificate_that_must_be_good(
    checking: Checking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own name, or by the one of its address; or it is said what is wrong with it."""
    made, old = Certificates(tmp_path), Certificates(tmp_path, NOW - 9 * DAY)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    log: list[str] = []
    with tls_server(made.issue(NAME, "localhost"), log) as port, tls_server(old.issue(NAME), log) as ended:
        assert (await checking.check(CheckKind.TLS, port, sni=NAME, verify=True)).passed
        assert (await checking.check(CheckKind.TLS, DnsAddress("localhost", port), verify=True)).passed
        other = await checking.check(CheckKind.TLS, port, sni="else.example", verify=True)
        nobody = await checking.check(CheckKind.TLS, port, verify=True)
        strange = await checking.check(CheckKind.TLS, ended, sni=NAME, verify=True)
        unasked = await checking.check(CheckKind.TLS, ended, sni=NAME)
        await checking.quiet()
    assert word(other) == ("L6RSP", "its certificate will not do: it is not for else.example")
    assert word(nobody) == ("L6RSP", "its certificate will not do: no name is known that it is to be for")
    assert strange.answer.status.value == "L6RSP"
    assert unasked.passed


@pytest_twisted.ensureDeferred
async def test_a_handshake_that_dribbles(checking: Checking) -> None:
    """A byte now and then gains no time; nor does text gain a handshake."""

    def dribble(connection: socket.socket) -> None:
        for byte in b"\x16\x03\x03\x02\x00\x02\x00\x01\xf0" + b"\x03" * 400:
            connection.sendall(bytes((byte,)))
            time.sleep(0.02)

    with server(Listening(dribble)) as port, server(Listening(says(b"HTTP/1.1 400 Bad Request\r\n\r\n"))) as text:
        result = await checking.check(CheckKind.TLS, port, answer=SOON)
        assert word(result) == ("L6TOUT", "no whole handshake in time")
        assert word(await checking.check(CheckKind.TLS, text)) == ("L6RSP", "no handshake: wrong version number")
        await checking.quiet()


@pytest_twisted.ensureDeferred
async def test_http(checking: Checking) -> None:
    """What is asked, and how it ends: the server closes when it has said all, and meets no reset."""
    listening = Listening(says(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"hel", b"lo", then=finish))
    with server(listening) as port:
        assert word(await checking.check(CheckKind.HTTP, port, path="/health")) == ("L7OK", "status 200")
        await until(lambda: bool(listening.ends))
    assert listening.heard == [
        b"GET /health HTTP/1.1\r\nHost: %s:%d\r\nUser-Agent: pumpproxy\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        % (LOOPBACK.encode(), port)
    ]
    assert listening.ends == ["FIN"]
    await checking.quiet()


def finish(connection: socket.socket) -> None:
    """Close one's half."""
    connection.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (says(b"HTTP/1.1 503 Service Unavailable\r\n\r\n"), ("L7STS", "status 503")),
        (says(b"HT", b"TP/1.1 2", b"00 OK\r", b"\n\r\n"), ("L7OK", "status 200")),
        (says(b"\x15\x03\x03\x00\x02\x02\x28\r\n\r\n"), ("L7RSP", "control byte")),
        (says(b"HTTP/1.1 200 OK\r\n", then=finish), ("L7RSP", "closed within its response")),
        (says(then=finish), ("L7RSP", "closed without a response")),
        (says(then=reset), ("L7RSP", "reset without a response")),
        (says(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40_000), ("L7RSP", "too many fields, or too large together")),
    ],
    ids=["503", "in pieces", "an alert", "half", "closed", "reset", "endless"],
)
@pytest_twisted.ensureDeferred
async def test_answers_to_a_get(
    checking: Checking, answer: Callable[[socket.socket], None], expected: tuple[str, str]
) -> None:
    """Whatever a server answers."""
    with server(Listening(answer)) as port:
        assert word(await checking.check(CheckKind.HTTP, port)) == expected
        await checking.quiet()


@pytest_twisted.ensureDeferred
async def test_a_large_page(checking: Checking) -> None:
    """The answer is its status; the page is not waited for, and its server is reset."""
    ended = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 50_000_000)
        except (ConnectionResetError, BrokenPipeError):
            ended.set()

    with server(serve) as port:
        assert word(await checking.check(CheckKind.HTTP, port)) == ("L7OK", "status 200")
        await until(ended.is_set)
        await checking.quiet()


@pytest.mark.parametrize(
    ("send_proxy", "header"),
    [(SendProxy.V1, b"PROXY UNKNOWN\r\n"), (SendProxy.V2, b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00")],
)
@pytest_twisted.ensureDeferred
async def test_a_header_of_the_proxy_protocol(checking: Checking, send_proxy: SendProxy, header: bytes) -> None:
    """It stands before what is asked, in one segment with it."""
    listening = Listening(says(b"HTTP/1.1 200 OK\r\n\r\n", then=finish))
    with server(listening) as port:
        await checking.check(CheckKind.HTTP, port, send_proxy=send_proxy)
        await until(lambda: bool(listening.heard))
    assert listening.heard[0].startswith(header + b"GET / HTTP/1.1\r\n")
    await checking.quiet()

"""When a server's connection may carry one more request, and which request may go on one that did."""

from __future__ import annotations

from math import inf

import pytest

from pumpproxy.model import Backend, ConnectionMode, Frontend, Mode, SendProxy, Server, TcpAddress
from pumpproxy.policy.pool import Pool
from pumpproxy.policy.reuse import SURELY_OPEN, is_private, keeps, longest_idle
from pumpproxy.wire.http1 import RequestReader, ResponseReader

KEEP, SERVER_CLOSE, CLOSE = ConnectionMode.KEEP_ALIVE, ConnectionMode.SERVER_CLOSE, ConnectionMode.CLOSE


@pytest.mark.parametrize(
    ("frontend", "backend", "kept"),
    [
        (KEEP, None, True),
        (SERVER_CLOSE, None, False),
        (CLOSE, None, False),
        (KEEP, CLOSE, False),
        (KEEP, SERVER_CLOSE, False),
        (CLOSE, KEEP, True),
    ],
)
def test_the_backend_has_the_last_word(frontend: ConnectionMode, backend: ConnectionMode | None, *, kept: bool) -> None:
    """Where it says nothing, the frontend's holds for servers too."""
    assert keeps(Frontend("f", Mode.HTTP, (), connection=frontend), Pool(Backend("b", connection=backend))) is kept


@pytest.mark.parametrize("version", SendProxy)
def test_a_connection_that_is_said_to_be_one_clients_is_not_kept(version: SendProxy) -> None:
    """One such server in the backend is enough, since the request is written before a server is chosen."""
    address = TcpAddress("127.0.0.1", 8080)
    servers = (Server("a", address), Server("b", address, send_proxy=version))
    assert not keeps(Frontend("f", Mode.HTTP, ()), Pool(Backend("b", servers=servers, connection=KEEP)))
    assert keeps(Frontend("f", Mode.HTTP, ()), Pool(Backend("b", servers=servers[:1])))


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"])
def test_what_can_be_repeated_goes_on_any_kept_connection(method: bytes) -> None:
    """A server that closes just then costs nobody anything."""
    assert longest_idle(method) == inf


@pytest.mark.parametrize("method", [b"POST", b"PATCH", b"get", b"FROB"])
def test_what_cannot_be_repeated_goes_on_one_that_no_server_closes_yet(method: bytes) -> None:
    """Methods that nobody knows among it; letter case matters."""
    assert longest_idle(method) == SURELY_OPEN


@pytest.mark.parametrize(
    ("request_line", "response_line", "status", "private"),
    [
        (b"", b"WWW-Authenticate: NTLM", 401, True),
        (b"", b"www-authenticate: Negotiate", 401, True),
        (b"", b"WWW-Authenticate: Basic realm=x\r\nWWW-Authenticate: negotiate", 401, True),
        (b"", b"WWW-Authenticate: Basic realm=NTLM", 401, False),
        (b"", b"WWW-Authenticate: NTLM", 200, False),
        (b"Authorization: NTLM TlRM", b"X: y", 200, True),
        (b"authorization: Negotiate YII", b"X: y", 404, True),
        (b"Authorization: Bearer ntlm", b"X: y", 200, False),
        (b"X: y", b"X: y", 200, False),
    ],
)
def test_whom_a_server_knows_by_the_connection(
    request_line: bytes, response_line: bytes, status: int, *, private: bool
) -> None:
    """NTLM and Negotiate authenticate a connection: whoever else used it would be taken for that client."""
    lines = request_line + b"\r\n" if request_line else b""
    request = RequestReader().feed(b"GET / HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n")
    response = ResponseReader().feed(b"HTTP/1.1 %d X\r\n%b\r\n\r\n" % (status, response_line))
    assert request is not None
    assert response is not None
    assert is_private(request, response) is private

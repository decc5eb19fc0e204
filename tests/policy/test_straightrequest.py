"""What the short way keeps of a request, and what it passes on of an answer."""

from __future__ import annotations

import pytest

from pumpproxy.model import Backend, Frontend, Mode
from pumpproxy.policy.runtime import Runtime
from pumpproxy.policy.straightrequest import KnownSection, StraightRequest, known_section
from pumpproxy.wire.http1 import RequestReader
from tests.playbook import GET, site

FRONTEND = Frontend("f", Mode.HTTP, ())
BACKEND = Backend("b", Mode.HTTP)


def known(request: bytes, *, plain: bool = True) -> KnownSection | None:
    """What is kept of it; its server was sent the same."""
    head = RequestReader().feed(request)
    assert head is not None
    return known_section(head, request, FRONTEND, BACKEND, plain=plain)


def test_what_is_kept_of_a_section() -> None:
    """Whom it names, and what a server gets behind the request line."""
    assert known(GET) == KnownSection(FRONTEND, BACKEND, "a.example", "a.example", b"Host: a.example\r\n\r\n")
    assert known(GET, plain=False) is None


def test_an_address_is_nobodys_name() -> None:
    """It is led by the default, as on the long way."""
    kept = known(GET.replace(b"a.example", b"192.0.2.1"))
    assert kept is not None
    assert (kept.host, kept.name) == ("192.0.2.1", None)


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Length: 0",
        b"Transfer-Encoding: chunked",
        b"Upgrade: websocket\r\nConnection: Upgrade",
        b"Connection: upgrade",
        b"Authorization: Negotiate YII",
    ],
)
def test_what_is_not_kept(line: bytes) -> None:
    """Whatever needs more than its first line looked at."""
    assert known(GET[:-2] + line + b"\r\n\r\n") is None


def test_what_names_no_host_is_not_kept() -> None:
    """HTTP/1.0."""
    assert known(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n") is None
    assert known(b"GET http://a/ HTTP/1.0\r\n\r\n") is None


def straight() -> StraightRequest:
    """One that was sent."""
    pool = Runtime(site(), 9).pools["a"]
    section = known(GET)
    server = pool.take(None)
    assert section is not None
    assert server is not None
    return StraightRequest(b"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n", section, pool, server, 0.0)


def test_what_the_server_gets() -> None:
    """The new request's line, before what was kept of the section."""
    assert straight().outgoing == b"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n"


def test_an_answer_in_pieces() -> None:
    """Passes as it comes; lines that concern the connection do not."""
    one = straight()
    head = b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\nKeep-Alive: x\r\n\r\n"
    assert one.answered(head + b"h", 1.0) == b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nh"
    assert not one.done
    assert one.answered(b"ell", 2.0) == b"ell"
    assert one.answered(b"o", 3.0) == b"o"
    assert one.done
    assert (one.status, one.answered_at, one.active, one.answer) == (200, 1.0, 3.0, head)
    assert one.bytes_out == len(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy", b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n", b"HTTP/1.1 2"]
)
def test_what_is_not_passed(data: bytes) -> None:
    """More than the answer, one without a length, half of a head: nothing has changed then."""
    one = straight()
    assert one.answered(data, 1.0) is None
    assert (one.status, one.bytes_out, one.active, one.answer) == (0, 0, 0.0, b"")


def test_a_body_that_does_not_end_is_not_passed() -> None:
    """What is beyond its length is nobody's answer."""
    one = straight()
    assert one.answered(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx", 1.0) is not None
    assert one.answered(b"yz", 2.0) is None
    assert one.left == 1

"""Where a request leads, and what is answered without a server."""

from __future__ import annotations

import pytest

from pumpproxy.model import Action, Target
from pumpproxy.policy.answers import SILENCE, led, named, own_answer
from pumpproxy.policy.outcome import Outcome
from pumpproxy.policy.runtime import Runtime
from pumpproxy.wire.http1 import RequestHead, RequestReader
from tests.playbook import site

ROUTES: dict[str, Target] = {
    "a.example": "a",
    "b.example": "b",
    "b.example/api/": "a",
    "pump.example": Action.REDIRECT_HTTPS,
    "own.example": Action.REDIRECT_HTTPS,
    "own.example/.well-known/acme-challenge/": "b",
    "no.example": Action.REJECT,
    "127.0.0.1": "b",
}
CHALLENGE = "/.well-known/acme-challenge/token"


def request(target: str, host: str | None, method: str = "GET") -> RequestHead:
    """The head of a request for that."""
    start = f"{method} {target} HTTP/1.0\r\n" if host is None else f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n"
    head = RequestReader().feed(f"{start}\r\n".encode())
    assert head is not None
    return head


@pytest.mark.parametrize(
    ("target", "host", "expected", "without_default"),
    [
        ("/", "a.example", "a", "a"),
        ("/", "A.EXAMPLE.:8080", "a", "a"),
        ("/", "b.example", "b", "b"),
        ("/api/x", "b.example", "a", "a"),
        ("/", "nobody.example", "a", Action.REJECT),
        ("/", None, "a", Action.REJECT),
        ("/", "127.0.0.1", "a", Action.REJECT),
        ("/", "[::1]", "a", Action.REJECT),
        ("/", "no.example", Action.REJECT, Action.REJECT),
        ("/", "pump.example", Action.REDIRECT_HTTPS, Action.REDIRECT_HTTPS),
        (CHALLENGE, "pump.example", "a", Action.REDIRECT_HTTPS),
        (CHALLENGE, "own.example", "b", "b"),
        (CHALLENGE, "no.example", Action.REJECT, Action.REJECT),
    ],
)
def test_where_a_request_leads(
    target: str, host: str | None, expected: str | Action, without_default: str | Action
) -> None:
    """By name and path; an IP literal is nobody's name, and an ACME challenge is not redirected."""
    head = request(target, host)
    for default, right in (("a", expected), (None, without_default)):
        frontend = Runtime(site(routes=dict(ROUTES), default_backend=default), 10).frontends["f"]
        assert led(frontend, named(head), head.path) == right


def test_servers_answer_what_leads_to_a_backend() -> None:
    """There is no answer of ours then."""
    assert own_answer("a", request("/", "a.example"), close=False) is None


@pytest.mark.parametrize(
    ("method", "target", "status", "location"),
    [
        ("GET", "/x?q=1&r=/", 301, "https://pump.example/x?q=1&amp;r=/"),
        ("HEAD", "/x", 301, "https://pump.example/x"),
        ("POST", "/x", 308, "https://pump.example/x"),
        ("OPTIONS", "*", 308, "https://pump.example/"),
        ("GET", "http://pump.example:80/x", 301, "https://pump.example/x"),
        ("GET", "/<script>", 301, "https://pump.example/&lt;script&gt;"),
    ],
)
def test_redirections_keep_host_path_and_query(method: str, target: str, status: int, location: str) -> None:
    """The host in its one spelling, without port 80; a POST stays a POST."""
    answer = own_answer(Action.REDIRECT_HTTPS, request(target, "Pump.example:80", method), close=False)
    assert answer is not None
    assert (answer.status, answer.outcome) == (status, Outcome.REDIRECTED)
    head, _, body = answer.reply.partition(b"\r\n\r\n")
    assert b"\r\nLocation: " in head
    assert b"Connection: close" not in head
    if method == "HEAD":
        assert not body
    else:
        assert location.encode() in body


def test_a_rejected_name_is_misdirected() -> None:
    """421, and the connection ends only where it must."""
    answer = own_answer(Action.REJECT, request("/", "no.example"), close=True)
    assert answer is not None
    assert answer.reply.startswith(b"HTTP/1.1 421 ")
    assert b"\r\nConnection: close\r\n" in answer.reply
    assert answer.outcome is Outcome.REFUSED


def test_a_dropped_one_gets_no_word() -> None:
    """Not even a status."""
    assert own_answer(Action.DROP, request("/", "no.example"), close=False) == SILENCE


def test_whoever_asks_for_the_last_hop_gets_it() -> None:
    """Max-Forwards: 0 stops here, wherever the name leads (RFC 9110, section 7.6.2)."""
    head = RequestReader().feed(b"OPTIONS * HTTP/1.1\r\nHost: a.example\r\nMax-Forwards: 0\r\n\r\n")
    assert head is not None
    answer = own_answer("a", head, close=False)
    assert answer is not None
    assert answer.status == 501

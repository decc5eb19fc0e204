"""The answers that are ours: whole, closed in themselves, and free of what a peer sent."""

from __future__ import annotations

import h11
import pytest

from pumpproxy.policy import pages

ERRORS = [400, 405, 408, 414, 421, 429, 431, 500, 501, 502, 503, 504, 505]


def parsed(answer: bytes, method: str = "GET") -> tuple[h11.Response, bytes]:
    """What an independent reader makes of it; nothing may be left over, and nothing missing."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(answer)
    response = connection.next_event()
    assert isinstance(response, h11.Response)
    body = b""
    while isinstance(event := connection.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert connection.trailing_data == (b"", False)
    return response, body


def fields(response: h11.Response) -> dict[bytes, bytes]:
    """Its fields; none may stand twice."""
    found = dict(response.headers)
    assert len(found) == len(list(response.headers))
    return found


@pytest.mark.parametrize("status", ERRORS)
@pytest.mark.parametrize("close", [True, False])
def test_an_error_is_a_whole_small_page(status: int, close: bool) -> None:  # noqa: FBT001 - a table's column
    """Content-Length, no-cache, `Connection: close` where we close, and a page that says what is wrong."""
    response, body = parsed(pages.error_page(status, close=close))
    found = fields(response)
    assert response.status_code == status
    assert response.reason == pages.REASONS[status].encode()
    assert found[b"content-length"] == str(len(body)).encode()
    assert found[b"cache-control"] == b"no-cache"
    assert found[b"content-type"] == b"text/html; charset=utf-8"
    assert found.get(b"connection") == (b"close" if close else None)
    assert body.startswith(b"<!DOCTYPE html>\n")
    assert body.endswith(b"</html>\n")
    assert f"<h1>{status} {pages.REASONS[status]}</h1>".encode() in body
    assert len(body) < 500


@pytest.mark.parametrize("status", ERRORS)
def test_head_gets_the_same_head_and_no_body(status: int) -> None:
    """RFC 9110 section 9.3.2."""
    whole = pages.error_page(status, close=False)
    head = pages.error_page(status, close=False, body=False)
    assert head == whole[: whole.index(b"\r\n\r\n") + 4]
    assert parsed(head, "HEAD")[1] == b""


def test_405_says_what_is_allowed() -> None:
    """RFC 9110 section 15.5.6: the origin server MUST generate Allow; CONNECT is not in it."""
    allow = fields(parsed(pages.error_page(405))[0])[b"allow"].split(b", ")
    assert {b"GET", b"HEAD", b"POST"} <= set(allow)
    assert b"CONNECT" not in allow
    assert [status for status in ERRORS if b"Allow:" in pages.error_page(status)] == [405]


def test_429_says_when_to_come_again() -> None:
    """RFC 6585 section 4, in seconds (RFC 9110 section 10.2.3); a whole page, and the end of the connection."""
    response, body = parsed(pages.too_many(12))
    found = fields(response)
    assert (response.status_code, found[b"retry-after"], found[b"connection"]) == (429, b"12", b"close")
    assert found[b"content-length"] == str(len(body)).encode()
    assert b"<h1>429 Too Many Requests</h1>" in body


@pytest.mark.parametrize("status", [301, 308])
def test_a_redirection_leads_there(status: int) -> None:
    """Location, and a link for a person."""
    response, body = parsed(pages.redirection(status, "https://x.example/a?b=c&d=e", close=False))
    assert response.status_code == status
    assert fields(response)[b"location"] == b"https://x.example/a?b=c&d=e"
    assert b'<a href="https://x.example/a?b=c&amp;d=e">https://x.example/a?b=c&amp;d=e</a>' in body


def test_a_redirections_page_is_escaped() -> None:
    """The path is the peer's: it may hold `<`, `>`, `"` and `'`, and must not become markup."""
    location = """https://x.example/"><script>alert('1')</script>"""
    answer = pages.redirection(301, location, close=True)
    response, body = parsed(answer)
    assert fields(response)[b"location"] == location.encode()
    assert b"<script" not in body
    assert body.count(b"<a ") == body.count(b"</a>") == 1
    assert pages.redirection(301, location, close=True, body=False) == answer[: -len(body)]


def test_plain_http_on_a_tls_port_is_told_what_to_do() -> None:
    """A 400 that a browser shows."""
    response, body = parsed(pages.explain_tls())
    assert response.status_code == 400
    assert b"https://" in body
    assert fields(response)[b"connection"] == b"close"

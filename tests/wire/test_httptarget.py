"""The request line, and whom a request is for."""

from __future__ import annotations

import pytest

from pumpproxy.wire.errors import HttpError
from pumpproxy.wire.framing import HTTP_10, HTTP_11
from pumpproxy.wire.httptarget import parse_authority, parse_request_line, parse_target, resolve


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (b"GET / HTTP/1.1", (b"GET", b"/", HTTP_11)),
        (b"get /x?y HTTP/1.0", (b"get", b"/x?y", HTTP_10)),
        (b"M-SEARCH * HTTP/1.2", (b"M-SEARCH", b"*", HTTP_11)),
        (b"!#$%&'*+-.^_`|~09azAZ / HTTP/1.9", (b"!#$%&'*+-.^_`|~09azAZ", b"/", HTTP_11)),
        (b'GET /~u?"<>[]{}|\\^` HTTP/1.1', (b"GET", b'/~u?"<>[]{}|\\^`', HTTP_11)),
    ],
)
def test_request_lines(line: bytes, parts: tuple[bytes, bytes, tuple[int, int]]) -> None:
    """Any token is a method, any visible ASCII but "#" may be in a target, any 1.x above 1.0 is read as 1.1."""
    assert parse_request_line(line) == parts


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        (b"", 400, "more than one empty line before the request line"),
        (b"GET /", 400, "HTTP/0.9"),
        (b"GET /x#y HTTP/1.1", 400, "fragment in the target"),
        (b"GET /caf\xe9 HTTP/1.1", 400, "8-bit byte in the request line"),
        (b"GE\xe9T / HTTP/1.1", 400, "8-bit byte in the request line"),
        (b"GET", 400, "malformed request line"),
        (b" / HTTP/1.1", 400, "malformed request line"),
        (b" GET / HTTP/1.1", 400, "malformed request line"),
        (b"GET  / HTTP/1.1", 400, "malformed request line"),
        (b"GET /  HTTP/1.1", 400, "malformed request line"),
        (b"GET / HTTP/1.1 ", 400, "malformed request line"),
        (b"GET\t/ HTTP/1.1", 400, "malformed request line"),
        (b"GET  HTTP/1.1", 400, "malformed request line"),
        (b"GET /x y HTTP/1.1", 400, "malformed request line"),
        (b"GET / HTTP/1.1 HTTP/1.1", 400, "malformed request line"),
        (b"G=ET / HTTP/1.1", 400, "malformed request line"),
        (b"GET / HTTP/1", 400, "malformed request line"),
        (b"GET / HTTP/1.", 400, "malformed request line"),
        (b"GET / HTTP/1.10", 400, "malformed request line"),
        (b"GET / HTTP/01.1", 400, "malformed request line"),
        (b"GET / HTTP/1,1", 400, "malformed request line"),
        (b"GET / http/1.1", 400, "malformed request line"),
        (b"GET / ICY/1.1", 400, "malformed request line"),
        (b"GET / HTTP/3.0", 505, "HTTP version not supported"),
        (b"GET / HTTP/0.9", 505, "HTTP version not supported"),
        (b"PRI * HTTP/2.0", 505, "HTTP/2 with prior knowledge"),
        (b"CONNECT a.example:443 HTTP/1.1", 405, "CONNECT"),
        (b"CONNECT / HTTP/1.0", 405, "CONNECT"),
        (b"CONNECT / HTTP/2.0", 505, "HTTP version not supported"),
    ],
)
def test_refused_request_lines(line: bytes, status: int, reason: str) -> None:
    """Each fault has its status."""
    with pytest.raises(HttpError) as caught:
        parse_request_line(line)
    assert (caught.value.status, caught.value.reason) == (status, reason)


@pytest.mark.parametrize(
    ("method", "target", "path", "authority"),
    [
        (b"GET", b"/", b"/", None),
        (b"GET", b"/a/../b/./c?d", b"/a/../b/./c?d", None),
        (b"GET", b"//b.example/x", b"//b.example/x", None),
        (b"GET", b"/http://b.example/", b"/http://b.example/", None),
        (b"OPTIONS", b"*", b"*", None),
        (b"GET", b"http://a.example/x?q", b"/x?q", b"a.example"),
        (b"GET", b"HTTP://A.example:80", b"/", b"A.example:80"),
        (b"GET", b"http://a.example?q=/", b"/?q=/", b"a.example"),
        (b"OPTIONS", b"http://a.example", b"*", b"a.example"),
        (b"OPTIONS", b"http://a.example/", b"/", b"a.example"),
        (b"OPTIONS", b"http://a.example?q", b"/?q", b"a.example"),
        (b"GET", b"http:///x", b"/x", b""),
        (b"GET", b"http://u@a.example/", b"/", b"u@a.example"),
    ],
)
def test_targets(method: bytes, target: bytes, path: bytes, authority: bytes | None) -> None:
    """A path is forwarded as it came, an absolute-form target without its scheme and authority."""
    assert parse_target(method, target) == (path, authority)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        (b"GET", b"*"),
        (b"options", b"*"),
        (b"OPTIONS", b"**"),
        (b"GET", b"x"),
        (b"GET", b"?q"),
        (b"GET", b"@b.example/x"),
        (b"GET", b":80/x"),
        (b"GET", b"a.example:80"),
        (b"GET", b"http:/x"),
        (b"GET", b"://a.example/"),
        (b"GET", b"https://a.example/"),
        (b"GET", b"ftp://a.example/"),
    ],
)
def test_refused_targets(method: bytes, target: bytes) -> None:
    """What is in none of the forms for its method, or of another scheme, is invalid."""
    with pytest.raises(HttpError) as caught:
        parse_target(method, target)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("raw", "authority"),
    [
        (b"a.example", ("a.example", None)),
        (b"A.Example.:8080", ("a.example", 8080)),
        (b"a.example:", ("a.example", None)),
        (b"a.example:00080", ("a.example", 80)),
        (b"a_b.example:65535", ("a_b.example", 65535)),
        (b"xn--bcher-kva.example", ("xn--bcher-kva.example", None)),
        (b"localhost:1", ("localhost", 1)),
        (b"127.0.0.1:80", ("127.0.0.1", 80)),
        (b"127.0.0.1.", ("127.0.0.1", None)),
        (b"[::1]", ("[::1]", None)),
        (b"[FE80::A]:81", ("[fe80::a]", 81)),
        (b"[::ffff:1.2.3.4]", ("[::ffff:1.2.3.4]", None)),
    ],
)
def test_authorities(raw: bytes, authority: tuple[str, int | None]) -> None:
    """Names in the one spelling, IP literals as they are, and the port."""
    assert parse_authority(raw) == authority


@pytest.mark.parametrize(
    "raw",
    [
        b"", b":80", b".", b"a..example", b".example", b"a.example/x", b"a.example, b.example", b"a,b",
        b"user@a.example", b"a.example:abc", b"a.example:99999", b"a.example:65536", b"a.example:0", b"a.example:-1",
        b"a.example:+1", b"a.example:000080", b"a.example:80:80", b"a\texample", b"a example", b"[::1", b"::1",
        b"[::1]x",
        b"[1.2.3.4]", b"[fe80::1%25eth0]", b"[v1.x]", b"[]", b'"a.example"', b"http://a.example", b"\xe4.example",
        b"a%2eexample", b"a!b", b"*.example", b"a" * 64 + b".example", b".".join([b"a" * 60] * 5), b"a.example\n",
    ],
)  # fmt: skip
def test_refused_authorities(raw: bytes) -> None:
    """Whatever could name another host at another reader names none here."""
    with pytest.raises(HttpError) as caught:
        parse_authority(raw)
    assert (caught.value.status, caught.value.reason) == (400, "invalid Host")


@pytest.mark.parametrize(
    ("version", "hosts", "authority", "answer"),
    [
        (HTTP_11, [b"a.example"], None, ("a.example", None)),
        (HTTP_10, [b"a.example:81"], None, ("a.example", 81)),
        (HTTP_10, [], None, (None, None)),
        (HTTP_10, [b""], None, (None, None)),
        (HTTP_10, [], b"a.example", ("a.example", None)),
        (HTTP_10, [b""], b"a.example:81", ("a.example", 81)),
        (HTTP_11, [b"a.example"], b"A.EXAMPLE.:80", ("a.example", None)),
        (HTTP_11, [b"a.example:80"], b"a.example", ("a.example", 80)),
        (HTTP_11, [b"a.example:81"], b"a.example:81", ("a.example", 81)),
        (HTTP_11, [b"[::1]"], b"[::1]:80", ("[::1]", None)),
    ],
)
def test_whom_a_request_is_for(
    version: tuple[int, int], hosts: list[bytes], authority: bytes | None, answer: tuple[str | None, int | None]
) -> None:
    """Host says it; an absolute-form target must agree, and says it alone where HTTP/1.0 sends no Host."""
    assert resolve(version, hosts, authority) == answer


@pytest.mark.parametrize(
    ("version", "hosts", "authority", "reason"),
    [
        (HTTP_11, [], None, "missing Host"),
        (HTTP_11, [], b"a.example", "missing Host"),
        (HTTP_11, [b""], None, "invalid Host"),
        (HTTP_11, [b"a.example", b"a.example"], None, "repeated Host"),
        (HTTP_10, [b"a.example", b"b.example"], None, "repeated Host"),
        (HTTP_11, [b"a.example"], b"b.example", "target and Host differ"),
        (HTTP_11, [b"a.example"], b"a.example:81", "target and Host differ"),
        (HTTP_11, [b"a.example:81"], b"a.example", "target and Host differ"),
        (HTTP_10, [b"a.example"], b"b.example", "target and Host differ"),
        (HTTP_11, [b"a.example"], b"", "invalid Host"),
        (HTTP_11, [b"a.example"], b"u@a.example", "invalid Host"),
        (HTTP_10, [], b"", "invalid Host"),
        (HTTP_10, [b"a.example/x"], None, "invalid Host"),
    ],
)
def test_requests_for_nobody(
    version: tuple[int, int], hosts: list[bytes], authority: bytes | None, reason: str
) -> None:
    """Host is there once, is valid, and agrees; else 400."""
    with pytest.raises(HttpError) as caught:
        resolve(version, hosts, authority)
    assert (caught.value.status, caught.value.reason) == (400, reason)

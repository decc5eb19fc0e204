"""Which fields pass, and which of ours are added."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from pumpproxy.model import ForwardFor, Frontend, Mode
from pumpproxy.policy.headers import (
    Origin,
    dropped,
    forwarded_for,
    passing_trailers,
    request_drops,
    response_drops,
    wants_trailers,
)
from pumpproxy.policy.records import ClientAddress

NOBODY: frozenset[bytes] = frozenset()


def origin(host: str = "192.0.2.7", *trusted: str) -> Origin:
    """A client at that address, before a frontend that trusts those networks."""
    frontend = Frontend("f", Mode.HTTP, (), trusted_proxies=tuple(ip_network(net) for net in trusted))
    return Origin.of(ClientAddress(host, 1), frontend)


@pytest.mark.parametrize(
    ("name", "stranger", "proxy"),
    [
        (b"connection", False, False),
        (b"keep-alive", False, False),
        (b"proxy-connection", False, False),
        (b"te", False, False),
        (b"transfer-encoding", False, False),
        (b"upgrade", False, False),
        (b"http2-settings", False, False),
        (b"x-forwarded-for", False, True),
        (b"x-forwarded-proto", False, True),
        (b"x-forwarded-host", False, True),
        (b"x-forwarded-port", False, True),
        (b"x-real-ip", False, True),
        (b"forwarded", False, True),
        (b"x_forwarded_for", False, True),
        (b"x-forwarded_proto", False, True),
        (b"x_real_ip", False, True),
        (b"host", True, True),
        (b"content-length", True, True),
        (b"content_length", False, False),
        (b"cookie", True, True),
        (b"authorization", True, True),
        (b"proxy-authorization", True, True),
        (b"expect", True, True),
        (b"upgrade-insecure-requests", True, True),
        (b"x_custom_field", True, True),
    ],
)
def test_what_passes_of_a_request(name: bytes, stranger: bool, proxy: bool) -> None:  # noqa: FBT001
    """What concerns the connection passes from nobody; what vouches for a client, from trusted proxies alone."""
    assert dropped(name, request_drops(NOBODY, origin(), [])) is not stranger
    assert dropped(name, request_drops(NOBODY, origin("192.0.2.7", "192.0.2.0/24"), [])) is not proxy


def test_connection_names_fields_that_do_not_pass() -> None:
    """In a request and in a response, save those that frame or route the message."""
    options = frozenset({b"close", b"x-hop", b"host", b"content-length", b"transfer-encoding"})
    for drops in (request_drops(options, origin(), []), response_drops(options)):
        assert b"x-hop" in drops
        assert not drops & {b"host", b"content-length"}
        assert b"cookie" not in drops


def test_a_field_of_another_name_is_guarded_too() -> None:
    """`forwardfor header X-Client`: a stranger's X-Client does not pass, a trusted proxy's does."""
    rules = [ForwardFor(header="X-Client")]
    assert dropped(b"x-client", request_drops(NOBODY, origin(), rules))
    assert dropped(b"x_client", request_drops(NOBODY, origin(), rules))
    assert not dropped(b"x-client", request_drops(NOBODY, origin("10.1.1.1", "10.0.0.0/8"), rules))


@pytest.mark.parametrize(
    ("host", "trusted", "expected"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("192.0.2.7", "10.0.0.0/8", False),
        ("2001:db8::1", "2001:db8::/32", True),
        ("2001:db8::1", "0.0.0.0/0", False),
        ("unix", "0.0.0.0/0", False),
    ],
)
def test_whom_a_frontend_trusts(host: str, trusted: str, expected: bool) -> None:  # noqa: FBT001
    """An address in one of the networks, of the same family; never a unix socket."""
    assert origin(host, trusted).trusted is expected


LOOPBACK = (ip_network("127.0.0.0/8"),)


@pytest.mark.parametrize(
    ("host", "rules", "expected"),
    [
        ("192.0.2.7", [], None),
        ("192.0.2.7", [ForwardFor()], ("X-Forwarded-For", "192.0.2.7")),
        ("2001:db8::1", [ForwardFor()], ("X-Forwarded-For", "2001:db8::1")),
        ("unix", [ForwardFor()], None),
        ("127.0.0.1", [ForwardFor(networks=LOOPBACK)], None),
        ("127.0.0.1", [ForwardFor(networks=LOOPBACK), ForwardFor()], None),
        ("127.0.0.1", [ForwardFor(), ForwardFor(networks=LOOPBACK)], None),
        ("192.0.2.7", [ForwardFor(networks=LOOPBACK), ForwardFor()], ("X-Forwarded-For", "192.0.2.7")),
        ("192.0.2.7", [ForwardFor(header="X-Client")], ("X-Client", "192.0.2.7")),
        ("192.0.2.7", [ForwardFor(header="X-Client"), ForwardFor()], ("X-Client", "192.0.2.7")),
        ("192.0.2.7", [ForwardFor(header="X-Front"), ForwardFor(header="X-Back")], ("X-Back", "192.0.2.7")),
    ],
)
def test_who_is_told_the_address(host: str, rules: list[ForwardFor], expected: tuple[str, str] | None) -> None:
    """One line where frontend or backend wants it, none where either excepts the client."""
    assert forwarded_for((), origin(host), rules) == expected


def test_if_none_minds_what_a_trusted_proxy_sent() -> None:
    """It leaves a trusted proxy's line alone; a stranger's never passes, so that ours is added."""
    fields = ((b"x-forwarded-FOR", b"198.51.100.1"),)
    quiet, always = ForwardFor(if_none=True), ForwardFor()
    proxy, stranger = origin("10.1.1.1", "10.0.0.0/8"), origin("10.1.1.1")
    assert forwarded_for(fields, proxy, [quiet]) is None
    assert forwarded_for((), proxy, [quiet]) == ("X-Forwarded-For", "10.1.1.1")
    assert forwarded_for(fields, stranger, [quiet]) == ("X-Forwarded-For", "10.1.1.1")
    assert forwarded_for(fields, proxy, [quiet, always]) == ("X-Forwarded-For", "10.1.1.1")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"trailers", True), (b"gzip, Trailers", True), (b"trailers;q=0.5", False), (b"gzip", False), (b"", False)],
)
def test_te_says_whether_trailers_are_wanted(value: bytes, expected: bool) -> None:  # noqa: FBT001
    """Only that member of TE concerns the message, and not the connection."""
    assert wants_trailers(value) is expected


def test_trailers_that_come_too_late_do_not_pass() -> None:
    """Nothing that frames, routes, authenticates or vouches is taken from a trailer."""
    passing = (b"X-Checksum", b"1"), (b"Server-Timing", b"db;dur=1")
    barred = [
        (b"Content-Length", b"1"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Transfer_Encoding", b"chunked"),
        (b"Host", b"b.example"),
        (b"Authorization", b"Basic x"),
        (b"Cookie", b"a=1"),
        (b"Set-Cookie", b"a=1"),
        (b"X-Forwarded-For", b"6.6.6.6"),
        (b"Connection", b"close"),
    ]
    trailers = (passing[0], *barred, passing[1])
    assert passing_trailers(trailers, request_drops(NOBODY, origin(), [])) == list(passing)

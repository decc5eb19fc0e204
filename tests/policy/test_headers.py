"""Which fields pass."""

from __future__ import annotations

import pytest

from pumpproxy.model import ForwardFor
from pumpproxy.policy.headers import dropped, passing_trailers, request_drops, response_drops, wants_trailers

NOBODY: frozenset[bytes] = frozenset()


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
        (b"x.real.ip", False, True),
        (b"Transfer.Encoding", False, False),
        (b"content.length", False, False),
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
    assert dropped(name, request_drops(NOBODY, [], trusted=False)) is not stranger
    assert dropped(name, request_drops(NOBODY, [], trusted=True)) is not proxy


def test_connection_names_fields_that_do_not_pass() -> None:
    """In a request and in a response, save those that frame or route the message."""
    options = frozenset({b"close", b"x-hop", b"host", b"content-length", b"transfer-encoding"})
    for drops in (request_drops(options, [], trusted=False), response_drops(options)):
        assert b"x-hop" in drops
        assert not drops & {b"host", b"content-length"}
        assert b"cookie" not in drops


def test_a_field_of_another_name_is_guarded_too() -> None:
    """`forwardfor header X-Client`: a stranger's X-Client does not pass, a trusted proxy's does."""
    rules = [ForwardFor(header="X-Client")]
    assert dropped(b"x-client", request_drops(NOBODY, rules, trusted=False))
    assert dropped(b"x_client", request_drops(NOBODY, rules, trusted=False))
    assert not dropped(b"x-client", request_drops(NOBODY, rules, trusted=True))


@pytest.mark.parametrize("told", ["X-Client-IP", "X_Client_IP", "X.Client-IP"])
@pytest.mark.parametrize("said", [b"x-client-ip", b"X_CLIENT_IP", b"x-client_ip", b"X.Client.IP", b"X~Client|IP"])
def test_a_guarded_name_is_guarded_in_every_spelling(told: str, said: bytes) -> None:
    """The file's name may have signs as well: to some server all of these are one variable."""
    rules = [ForwardFor(), ForwardFor(header=told)]
    assert dropped(said, request_drops(NOBODY, rules, trusted=False))
    assert not dropped(said + b"2", request_drops(NOBODY, rules, trusted=False))


@pytest.mark.parametrize("option", [b"content_length", b"content.length", b"transfer_encoding", b"host"])
def test_no_spelling_of_an_option_takes_the_framing_away(option: bytes) -> None:
    """Content-Length and Host pass whatever Connection names."""
    drops = request_drops(frozenset({option}), [], trusted=False)
    assert not dropped(b"Content-Length", drops)
    assert not dropped(b"Host", drops)


def test_an_option_takes_its_look_alikes_along() -> None:
    """Whatever its sign is, in the option and in the field."""
    for option in (b"x-hop", b"x_hop"):
        drops = response_drops(frozenset({option}))
        assert [dropped(name, drops) for name in (b"X-Hop", b"X_Hop", b"X.Hop", b"XHop")] == [True, True, True, False]


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
        (b"X.Real.IP", b"6.6.6.6"),
        (b"Connection", b"close"),
    ]
    trailers = (passing[0], *barred, passing[1])
    assert passing_trailers(trailers, request_drops(NOBODY, [], trusted=False)) == list(passing)

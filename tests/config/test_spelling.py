"""Tests of values back to the words of the file."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.config import persistence, servers, values
from pumpproxy.config.spelling import route_key, section_line, server_line, spelled
from pumpproxy.model import (
    Action,
    Backend,
    Check,
    CookieMode,
    ForwardFor,
    Frontend,
    LogFormat,
    Mode,
    PersistenceCookie,
    RegexHost,
    Route,
    Server,
    TcpAddress,
    UnixAddress,
    WildcardHost,
)
from tests.config.reading import faults_of

ADDRESS = TcpAddress("::1", 80)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (True, "yes"),
        (False, "no"),
        (3, "3"),
        ("b", "b"),
        (0.25, "250ms"),
        (5.0, "5s"),
        (0.0, "no"),
        (90.0, "90s"),
        (60.0, "1m"),
        (3600.0, "1h"),
        (86400.0, "1d"),
        (LogFormat.JSON, "json"),
        (Action.REDIRECT_HTTPS, "redirect https"),
        ((ADDRESS, UnixAddress("/a")), "[::1]:80 unix:/a"),
        ((), "none"),
        (PersistenceCookie("J", CookieMode.PREFIX), "J prefix"),
        (ForwardFor(), "yes"),
        (ForwardFor("X", (ip_network("10.0.0.0/8"),), if_none=True), "except 10.0.0.0/8 header X if-none"),
    ],
)
def test_a_value_is_spelt_as_the_file_has_it(value: object, text: str) -> None:
    """Every kind of value of the model."""
    assert spelled(value) == text


@given(st.integers(1, 2_147_483_647))
def test_a_duration_is_read_back(milliseconds: int) -> None:
    """Whatever its unit."""
    assert values.duration(spelled(milliseconds / 1000)) == milliseconds / 1000


@pytest.mark.parametrize("text", ["yes", "except 10.0.0.0/8 ::1/128", "header X-Client if-none"])
def test_forwardfor_is_read_back(text: str) -> None:
    """Word for word."""
    assert spelled(values.forwardfor(text)) == text


@pytest.mark.parametrize(
    "text",
    ["J rewrite", "S insert", "S insert indirect nocache httponly secure maxidle 30m maxlife 8h", "S insert secure"],
)
def test_a_cookie_is_read_back(text: str) -> None:
    """Word for word."""
    assert spelled(persistence.cookie(text)) == text


@pytest.mark.parametrize(
    "line",
    [
        "a.example:80 weight=256 cookie=A backup disabled drain maxconn=9 maxqueue=8 send-proxy=v2",
        "srv:_https._tcp.a.example check=tls inter=5s fastinter=1s downinter=10s rise=1 fall=100",
        "unix:/s check inter=100ms",
        "unix:/s check inter=100ms fastinter=50ms downinter=2s",
        "unix:/s check fastinter=2s",
        "[::1]:80 check=tls-hello check-sni=a.example",
        "[::1]:80 check=tls check-sni=a.example check-verify",
        "[::1]:80 send-proxy=v1 check=http check-path=/up?a=b check-host=a.example:8080 check-status=204",
        "[::1]:80 check=http check-status=200-299",
    ],
)
def test_a_server_is_read_back(line: str) -> None:
    """Word for word: what is written is what differs from a line without it."""
    assert server_line(servers.server("s", line)) == line


WORDS = [
    "weight=0", "cookie=A", "backup", "disabled", "drain", "maxconn=2", "maxqueue=3", "send-proxy=v1", "inter=100ms",
    "inter=9s", "fastinter=50ms", "fastinter=1s", "downinter=2s", "rise=1", "fall=9", "check-sni=a.example",
    "check-verify", "check-path=/x", "check-host=a", "check-status=201", "check-status=200-299",
]  # fmt: skip


@given(
    st.sampled_from(["", "check", "check=tls-hello", "check=tls", "check=http"]),
    st.lists(st.sampled_from(WORDS), max_size=6, unique_by=lambda word: word.partition("=")[0]),
)
def test_any_words_are_a_server_that_is_read_back_or_their_faults(check: str, words: list[str]) -> None:
    """What is spelt declares the same server, whatever goes together."""
    line = " ".join(["127.0.0.1:80", *filter(None, [check]), *words])
    if not faults_of(servers.server, "s", line):
        found = servers.server("s", line)
        assert servers.server("s", server_line(found)) == found


def test_what_is_said_by_default_is_not_spelt() -> None:
    """As it makes no difference."""
    line = "[::1]:80 weight=1 check=tcp inter=2s fastinter=250ms downinter=2000ms rise=2 fall=3"
    assert server_line(servers.server("s", line)) == "[::1]:80 check"
    assert server_line(servers.server("s", "[::1]:80 check inter=100ms fastinter=100ms downinter=100ms")) == (
        "[::1]:80 check inter=100ms"
    )
    assert server_line(servers.server("s", "[::1]:80 check=http check-path=/ check-status=200-399")) == (
        "[::1]:80 check=http"
    )


def test_lines() -> None:
    """A server's words, a route's key, a section in few words."""
    assert server_line(Server("s", ADDRESS)) == "[::1]:80"
    assert server_line(Server("s", ADDRESS, 0, disabled=True, drain=True)) == "[::1]:80 weight=0 disabled drain"
    assert server_line(Server("s", ADDRESS, cookie="A", drain=True)) == "[::1]:80 cookie=A drain"
    assert server_line(Server("s", ADDRESS, check=Check())) == "[::1]:80 check"
    assert route_key(Route(WildcardHost("a", apex=True), "/x", None, "b")) == "route .a/x"
    assert route_key(Route(RegexHost("a+"), "", "h2", "b")) == "route ~a+ if alpn h2"
    assert section_line(Frontend("f", Mode.TLS, (ADDRESS,))) == "tls on [::1]:80"
    assert section_line(Backend("b", servers=(Server("s", ADDRESS),))) == "tcp to [::1]:80"

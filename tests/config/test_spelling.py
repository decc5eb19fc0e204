"""Tests of values back to the words of the file."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.config import persistence, values
from pumpproxy.config.spelling import route_key, section_line, server_line, spelled
from pumpproxy.model import (
    Action,
    Backend,
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


def test_lines() -> None:
    """A server's words, a route's key, a section in few words."""
    assert server_line(Server("s", ADDRESS)) == "[::1]:80"
    assert server_line(Server("s", ADDRESS, 0, disabled=True, drain=True)) == "[::1]:80 weight=0 disabled drain"
    assert server_line(Server("s", ADDRESS, cookie="A", drain=True)) == "[::1]:80 cookie=A drain"
    assert route_key(Route(WildcardHost("a", apex=True), "/x", None, "b")) == "route .a/x"
    assert route_key(Route(RegexHost("a+"), "", "h2", "b")) == "route ~a+ if alpn h2"
    assert section_line(Frontend("f", Mode.TLS, (ADDRESS,))) == "tls on [::1]:80"
    assert section_line(Backend("b", servers=(Server("s", ADDRESS),))) == "tcp to [::1]:80"

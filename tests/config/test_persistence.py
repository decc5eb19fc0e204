"""Tests of the values of persistence."""

from __future__ import annotations

import pytest

from pumpproxy.config.persistence import cookie, server_value
from pumpproxy.config.problems import BadValue
from pumpproxy.model import CookieMode, PersistenceCookie
from tests.config.reading import faults_of

INSERT = CookieMode.INSERT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("JSESSIONID prefix", PersistenceCookie("JSESSIONID", CookieMode.PREFIX)),
        ("a.b-c_d rewrite", PersistenceCookie("a.b-c_d", CookieMode.REWRITE)),
        ("SRV insert", PersistenceCookie("SRV", INSERT)),
        ("SRV insert indirect nocache", PersistenceCookie("SRV", INSERT, indirect=True, nocache=True)),
        ("SRV secure insert httponly", PersistenceCookie("SRV", INSERT, httponly=True, secure=True)),
        ("SRV insert maxidle 30m maxlife 8h", PersistenceCookie("SRV", INSERT, maxidle=1800.0, maxlife=28800.0)),
        ("SRV maxlife 366d insert", PersistenceCookie("SRV", INSERT, maxlife=366 * 86400.0)),
        ("insert insert", PersistenceCookie("insert", INSERT)),
    ],
)
def test_a_cookie_is_a_name_a_mode_and_options(text: str, expected: PersistenceCookie) -> None:
    """In any order after the name, as HAProxy has it."""
    assert cookie(text) == expected


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("SRV", ["says neither prefix, insert nor rewrite (for example JSESSIONID prefix, or SRV insert indirect)"]),
        ("SRV nocache",
         ["says neither prefix, insert nor rewrite (for example JSESSIONID prefix, or SRV insert indirect)"]),
        ("SRV prefix insert", ["'insert' does not go with 'prefix' (choose one)"]),
        ("SRV rewrite prefix", ["'rewrite' does not go with 'prefix' (choose one)"]),
        ("SRV prefix indirect", ["'indirect' does not go with 'prefix' (only an inserted cookie is ours to set)"]),
        ("SRV rewrite indirect", ["'indirect' does not go with 'rewrite' (only an inserted cookie is ours to set)"]),
        ("SRV prefix nocache secure",
         ["'nocache' does not go with 'prefix' (only an inserted cookie is ours to set)",
          "'secure' does not go with 'prefix' (only an inserted cookie is ours to set)"]),
        ("SRV rewrite httponly", ["'httponly' does not go with 'rewrite' (only an inserted cookie is ours to set)"]),
        ("SRV rewrite maxidle 5s maxlife 1h",
         ["'maxidle' does not go with 'rewrite' (only an inserted cookie is ours to set)",
          "'maxlife' does not go with 'rewrite' (only an inserted cookie is ours to set)"]),
        ("SRV insert insert", ["'insert' stands here twice"]),
        ("SRV insert secure secure", ["'secure' stands here twice"]),
        ("SRV insert maxidle", ["'maxidle' is followed by no duration (for example maxidle 30m)"]),
        ("SRV insert maxidle 1800", ["'1800' is not a duration (HAProxy reads it as seconds: add an s)"]),
        ("SRV insert maxlife 367d", ["'367d' is out of range (from 1ms to 366d)"]),
        ("SRV insert maxidle indirect",
         ["'indirect' is not a duration (a whole number and a unit, for example 250ms, 5s, 1m, 1h or 1d)"]),
        ("SRV insert indirekt", ["'indirekt' is not known here (did you mean 'indirect'?)"]),
        ("SRV insert postonly", ["'postonly' is not known here (HAProxy's 'postonly' is not supported)"]),
        ("A=B prefix", ["'A=B' is not a cookie's name (letters, digits and !#$%&'*+-.^_`|~ only)"]),
        ("A,B prefix zz", ["'A,B' is not a cookie's name (letters, digits and !#$%&'*+-.^_`|~ only)",
                           "'zz' is not known here"]),
        ("J\u00e4 prefix", ["'J\u00e4' is not a cookie's name (letters, digits and !#$%&'*+-.^_`|~ only)"]),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_a_fault(text: str, faults: list[str]) -> None:
    """All of it at once; also what HAProxy accepts, and then does not do."""
    found = [f"{fault.message} ({fault.hint})".removesuffix(" ()") for fault in faults_of(cookie, text)]
    assert found == faults


@pytest.mark.parametrize("text", ["A", "server-1", "10.0.0.1:80", "a=b", "!#$%&'()*+-./:<=>?@[]^_`{}", "0"])
def test_a_servers_value_is_what_a_cookie_may_have(text: str) -> None:
    """RFC 6265's cookie-octets."""
    assert server_value(text) == text


@pytest.mark.parametrize("text", ["", '"A"', "A;B", "A,B", "A\\B", "A B", "A\tB", "A\x00", "A\x7f", "\u00e9"])
def test_no_other_value_is_a_cookies(text: str) -> None:
    """Quotes, separators, controls, letters of other scripts."""
    with pytest.raises(BadValue) as caught:
        server_value(text)
    assert caught.value.faults[0].message == f"'{text}' cannot be a cookie's value"


@pytest.mark.parametrize("text", ["A~B", "~", "A|", "|A"])
def test_what_ends_a_value_is_not_in_it(text: str) -> None:
    """The application's value follows a `~`, dates a `|`."""
    (fault,) = faults_of(server_value, text)
    assert fault.message == f"'{text}' has '~' or '|', which end a server's value in a cookie"

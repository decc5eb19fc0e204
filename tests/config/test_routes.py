"""Tests of route lines and targets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.config import routes
from pumpproxy.config.problems import BadValue
from pumpproxy.model import Action, ExactHost, HostPattern, RegexHost, Route, WildcardHost
from tests.config.reading import faults_of

AN_ADDRESS = "who names no host, or an address, goes to no-sni (tls) or to default-backend (http)"


def faults(argument: str, value: str = "b") -> list[tuple[str, str]]:
    """(what is wrong, hint) of a route line."""
    with pytest.raises(BadValue) as caught:
        routes.route(argument, value)
    return [(fault.message, fault.hint) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Example.ORG.", ExactHost("example.org")),
        ("bücher.example", ExactHost("xn--bcher-kva.example")),
        ("*.Example.org", WildcardHost("example.org", apex=False)),
        ("*.bücher.example", WildcardHost("xn--bcher-kva.example", apex=False)),
        (".example.org", WildcardHost("example.org", apex=True)),
        ("*.org", WildcardHost("org", apex=False)),
        (r"~[a-z]+\.example\.org", RegexHost(r"[a-z]+\.example\.org")),
    ],
)
def test_a_host_is_a_name_a_wildcard_or_a_pattern(text: str, host: HostPattern) -> None:
    """Names in their one spelling, patterns as they stand."""
    assert routes.route(text, "b") == Route(host, "", None, "b")


@pytest.mark.parametrize(
    ("argument", "path", "alpn"),
    [
        ("a.example/", "/", None),
        ("a.example/.well-known/acme-challenge/", "/.well-known/acme-challenge/", None),
        ("a.example/%C3%A9;x=1@b", "/%C3%A9;x=1@b", None),
        ("a.example if alpn acme-tls/1", "", "acme-tls/1"),
        ("a.example/x if alpn h2", "/x", "h2"),
    ],
)
def test_a_path_and_a_condition_may_follow(argument: str, path: str, alpn: str | None) -> None:
    """In their own letters; whether the mode has them is the frontend's question."""
    assert routes.route(argument, "b") == Route(ExactHost("a.example"), path, alpn, "b")


def test_a_pattern_ends_where_the_path_begins() -> None:
    """No name has a slash, so the first one is the path's."""
    assert routes.route(r"~a\.b/c", "b") == Route(RegexHost(r"a\.b"), "/c", None, "b")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("b", "b"),
        ("Reject", "Reject"),
        ("reject", Action.REJECT),
        ("drop", Action.DROP),
        ("explain", Action.EXPLAIN),
        ("redirect  https", Action.REDIRECT_HTTPS),
    ],
)
def test_a_target_is_an_action_or_a_backend(text: str, target: str | Action) -> None:
    """What is no action is a backend's name, in its letters."""
    assert routes.target(text) == target


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("redirect http", ("'redirect http' is not a target", "the only redirect is 'redirect https'")),
        ("redirect", ("'redirect' is not a target", "the only redirect is 'redirect https'")),
        ("b c", ("'b c' is not a target", "one backend or action")),
        ("b # c", ("'b # c' is not a target", "no comments beside a route by regular expression")),
        ("b/c", ("'b/c' is not a name", "letters, digits and _ . : - only")),
    ],
)
def test_what_is_no_target(text: str, fault: tuple[str, str]) -> None:
    """One word, but for the one action that has two."""
    assert faults("a.example", text) == [fault]


def test_a_default_is_a_backend() -> None:
    """An action there is answered by how to get what was meant."""
    assert routes.backend("b") == "b"
    hints = []
    for text in ("reject", "redirect https", "drop"):
        with pytest.raises(BadValue) as caught:
            routes.backend(text)
        hints.append(caught.value.faults[0].hint)
    assert hints == ["without a default-backend all else is rejected", "write route ~.* = redirect https", ""]


@pytest.mark.parametrize(
    ("argument", "fault"),
    [
        ("*", ("'*' is not a host name", "default-backend is for every other name")),
        ("a*.example", ("'a*.example' has '*' elsewhere than in front", "*.NAME, .NAME or ~REGEX")),
        ("*.*.example", ("'*.*.example' has '*' elsewhere than in front", "*.NAME, .NAME or ~REGEX")),
        ("*.", ("'' is not a host name", "")),
        (".", ("'' is not a host name", "")),
        ("a.example:80", ("'a.example:80' is not a host name", "a route has no port and no IPv6 address")),
        ("[::1]", ("'[::1]' is not a host name", "a route has no port and no IPv6 address")),
        ("a..b", ("'a..b' is not a host name", "")),
        ("192.0.2.1", ("'192.0.2.1' is an address, not a host name", AN_ADDRESS)),
        ("192.0.2.1.", ("'192.0.2.1.' is an address, not a host name", AN_ADDRESS)),
        ("127.1", ("'127.1' is an address, not a host name", AN_ADDRESS)),
        ("*.1", ("'*.1' is an address, not a host name", AN_ADDRESS)),
        ("~", ("no pattern after '~'", "")),
        ("~(", ("the pattern does not compile: missing ), unterminated subpattern at position 0", "")),
        ("a.example/x?y", ("'/x?y' is not a path", "the path alone: neither ? nor #, other characters as %XX")),
        ("a.example/é", ("'/é' is not a path", "the path alone: neither ? nor #, other characters as %XX")),
        ("a.example/%4", ("'/%4' is not a path", "the path alone: neither ? nor #, other characters as %XX")),
        ("a.example/x*", ("'/x*' ends in '*'", "a path is a prefix already")),
        ("a.example if sni x", ("'if sni x' is not a condition", "the only one is 'if alpn PROTO'")),
        ("a.example if alpn", ("'if alpn' is not a condition", "the only one is 'if alpn PROTO'")),
        ("a.example b.example", ("'b.example' is not a condition", "the only one is 'if alpn PROTO'")),
        ("a.example if alpn hé", ("'hé' is not a protocol", "ASCII, 255 characters at most")),
        ("/x", ("'' is not a host name", "")),
    ],
)
def test_what_is_no_route(argument: str, fault: tuple[str, str]) -> None:
    """Each part has its own words."""
    assert faults(argument) == [fault]


def test_all_parts_of_a_route_are_looked_at() -> None:
    """A host, a path, a condition and a target that are wrong are four faults."""
    assert len(faults("*/? if x", "a b")) == 4


@given(st.text("ab.*~/ :%?()[]+1é", min_size=1, max_size=12), st.text("ab ./#", min_size=1, max_size=6))
def test_any_text_is_a_route_or_its_faults(argument: str, value: str) -> None:
    """Nothing but BadValue is raised, and what is accepted has a host that can be met."""
    argument, value = " ".join(argument.split()), value.strip()
    if not argument or not value:
        return
    if not faults_of(routes.route, argument, value):
        route = routes.route(argument, value)
        assert str(route.host)
        assert route.path == "" or route.path.startswith("/")

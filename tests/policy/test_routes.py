"""Which route wins: one sentence, whatever the order in the file."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.hostnames import is_below
from pumpproxy.model import Action, ExactHost, RegexHost, Route, WildcardHost
from pumpproxy.policy.routes import RouteTable
from tests.policy.declared import host, route

TABLE = [
    route("example.org", "exact"),
    route("www.example.org", "exact-www"),
    route("*.example.org", "star"),
    route(".example.org", "dot"),
    route("*.www.example.org", "star-www"),
    route(".org", "dot-org"),
    route("~[a-z]+\\.example\\.(org|net)", "regex"),
    route("site.test", "site"),
    route("site.test", "site-app", path="/app/"),
    route("site.test", "site-app-deep", path="/app/deep/"),
    route("site.test", "site-app-alpn", path="/app/", alpn="acme-tls/1"),
    route("site.test", "site-alpn", alpn="acme-tls/1"),
    route("only.test", "only-path", path="/here/"),
    route("cond.test", "cond-alpn", alpn="h2"),
    route("*.test", "star-test"),
    route("*.test", "star-test-path", path="/app/"),
]

QUESTIONS = [
    ("example.org", (), b"", "exact"),
    ("www.example.org", (), b"", "exact-www"),
    ("other.example.org", (), b"", "star"),
    ("a.b.example.org", (), b"", "star"),
    ("a.www.example.org", (), b"", "star-www"),
    ("a.b.www.example.org", (), b"", "star-www"),
    ("elsewhere.org", (), b"", "dot-org"),
    ("org", (), b"", "dot-org"),
    ("abc.example.net", (), b"", "regex"),
    ("abc1.example.net", (), b"", None),
    ("x.abc.example.net", (), b"", None),
    ("badexample.org", (), b"", "dot-org"),
    ("site.test", (), b"", "site"),
    ("site.test", (), b"/", "site"),
    ("site.test", (), b"/app", "site"),
    ("site.test", (), b"/app/", "site-app"),
    ("site.test", (), b"/app/x?y", "site-app"),
    ("site.test", (), b"/app/deep/x", "site-app-deep"),
    ("site.test", (b"h2", b"acme-tls/1"), b"", "site-alpn"),
    ("site.test", (b"acme-tls/1",), b"/app/", "site-app-alpn"),
    ("site.test", (b"acme-tls/1",), b"/app/deep/", "site-app-deep"),
    ("site.test", (b"acme-tls/10",), b"", "site"),
    ("only.test", (), b"/here/x", "only-path"),
    ("only.test", (), b"/there", "star-test"),
    ("only.test", (), b"/app/", "star-test-path"),
    ("cond.test", (b"h2",), b"", "cond-alpn"),
    ("cond.test", (b"http/1.1",), b"", "star-test"),
    ("test", (), b"", None),
    ("", (), b"", None),
]


@pytest.mark.parametrize("seed", range(10))
def test_precedence_does_not_depend_on_the_order_in_the_file(seed: int) -> None:
    """Exact, longest wildcard, first regex; then longest path; then a condition before none."""
    routes = list(TABLE)
    random.Random(seed).shuffle(routes)
    table = RouteTable(routes)
    assert [table.lookup(name, alpn, path) for name, alpn, path, _ in QUESTIONS] == [found for *_, found in QUESTIONS]


def test_among_regexes_the_first_in_the_file_wins() -> None:
    """They alone are asked in order."""
    first, second = route("~a.*", "first"), route("~.*b", "second")
    assert RouteTable([first, second]).lookup("ab") == "first"
    assert RouteTable([second, first]).lookup("ab") == "second"


def test_a_regex_whose_path_does_not_fit_leaves_the_next_its_turn() -> None:
    """A route fits as a whole, or not at all."""
    table = RouteTable([route("~a.*", "first", path="/x/"), route("~.*b", "second")])
    assert table.lookup("ab", (), b"/x/1") == "first"
    assert table.lookup("ab", (), b"/y") == "second"


def test_a_regex_is_matched_whole_and_in_ascii() -> None:
    r"""A part of a name is not the name; `\d` is a digit, and `$` no line's end."""
    table = RouteTable([route(r"~host\d", "found")])
    assert table.lookup("host1") == "found"
    assert table.lookup("xhost1") is None
    assert table.lookup("host1.example") is None
    assert table.lookup("host1\n") is None
    assert table.lookup("host\u0661") is None


def test_star_beats_dot_of_the_same_suffix() -> None:
    """The one that means fewer names; the name itself is the dot's alone."""
    table = RouteTable([route(".x.test", "dot"), route("*.x.test", "star")])
    assert [table.lookup(name) for name in ("a.x.test", "x.test")] == ["star", "dot"]


def test_the_longest_wildcard_is_the_one_with_the_most_labels() -> None:
    """Also where the shorter one is written with a dot."""
    table = RouteTable([route(".test", "short"), route("*.a.test", "long")])
    assert [table.lookup(name) for name in ("b.a.test", "a.test", "test")] == ["long", "short", "short"]


def test_a_condition_beats_none_only_within_the_same_path() -> None:
    """The longest path comes first."""
    table = RouteTable([route("x.test", "alpn", alpn="h2"), route("x.test", "path", path="/p/")])
    assert table.lookup("x.test", (b"h2",), b"/p/") == "path"
    assert table.lookup("x.test", (b"h2",), b"/") == "alpn"
    assert table.lookup("x.test", (), b"/") is None


def test_actions_are_targets_like_any_other() -> None:
    """`reject` and its like come back as they stand."""
    table = RouteTable([route("x.test", Action.REJECT), route("*.x.test", Action.DROP)])
    assert [table.lookup(name) for name in ("x.test", "a.x.test")] == [Action.REJECT, Action.DROP]


def test_no_routes_answer_nothing() -> None:
    """The default is for the caller."""
    assert RouteTable(()).lookup("x.test") is None


LABELS = st.sampled_from(["a", "b", "www"])
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
REGEXES = st.sampled_from(["~a.*", r"~.*\.b", "~www"])
PATTERNS = st.one_of(NAMES, NAMES.map("*.".__add__), NAMES.map(".".__add__), REGEXES)


def fits(pattern: Route, name: str) -> bool:
    """The rules of `configuration.md`, written a second time."""
    match pattern.host:
        case ExactHost(exact):
            return name == exact
        case WildcardHost(suffix, apex):
            return is_below(name, suffix) or (apex and name == suffix)
        case RegexHost(regex):
            return re.fullmatch(regex, name) is not None


def rank(pattern: Route, index: int) -> tuple[int, int, int, int, int, int]:
    """How much a route wins, more first; `index` counts among regexes only."""
    match pattern.host:
        case ExactHost(_):
            kind, length, apex, place = 3, 0, 0, 0
        case WildcardHost(suffix, is_apex):
            kind, length, apex, place = 2, len(suffix), 0 if is_apex else 1, 0
        case RegexHost(_):
            kind, length, apex, place = 1, 0, 0, -index
    return kind, length, apex, place, len(pattern.path), 0 if pattern.alpn is None else 1


@given(
    st.lists(st.tuples(PATTERNS, st.sampled_from(["", "/p/", "/p/q/"]), st.sampled_from([None, "h2"])), max_size=12),
    NAMES,
    st.sampled_from([(), (b"h2",), (b"http/1.1",)]),
    st.sampled_from([b"", b"/", b"/p/", b"/p/q/r"]),
)
def test_the_table_agrees_with_the_sentence(
    lines: list[tuple[str, str, str | None]], name: str, alpn: tuple[bytes, ...], path: bytes
) -> None:
    """A naive search over all routes finds the same target."""
    # The same regex written twice is asked where it stands first.
    places = list(dict.fromkeys(pattern for pattern, _, _ in lines))
    routes = [
        Route(host(pattern), prefix, condition, f"{pattern} {prefix} {condition}")
        for pattern, prefix, condition in dict.fromkeys(lines)
    ]
    fitting = [
        (rank(one, places.index(str(one.target).split(" ")[0])), one)
        for one in routes
        if fits(one, name) and path.startswith(one.path.encode()) and (one.alpn is None or one.alpn.encode() in alpn)
    ]
    best = max(fitting, key=lambda pair: pair[0])[1].target if fitting else None
    assert RouteTable(routes).lookup(name, alpn, path) == best


@pytest.mark.parametrize("order", [("h2", "http/1.1"), ("http/1.1", "h2")])
def test_of_two_conditions_that_hold_the_first_in_the_alphabet_wins(order: tuple[str, str]) -> None:
    """Whatever the order in the file, and in the hello."""
    table = RouteTable([Route(ExactHost("x.example"), "", alpn, f"b-{alpn}") for alpn in order])
    assert table.lookup("x.example", (b"http/1.1", b"h2")) == "b-h2"

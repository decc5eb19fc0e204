"""Tests of a section's entries to the values of its keys."""

from __future__ import annotations

from pumpproxy.config import backendrows, frontendrows, globalrows, ini, sections
from pumpproxy.config.option import Kind
from pumpproxy.config.problems import Problems
from pumpproxy.config.sections import Defaults, Values
from pumpproxy.model import ExactHost, Mode, Route


def read(kind: Kind, text: str, defaults: str = "") -> tuple[Values, list[str]]:
    """The values of one section, whose header is line 1, and the problems; `defaults` is one key a line."""
    problems = Problems("f")
    inherited = (
        sections.read_defaults(section(f"[defaults]\n{defaults}", problems), problems) if defaults else Defaults()
    )
    values = sections.read(kind, section(f"[{kind.value} x]\n{text}", problems), inherited, problems)
    return values, [str(problem).removeprefix("f:") for problem in problems.by_line()]


def section(text: str, problems: Problems) -> ini.Section:
    """The only section of a text."""
    (only,) = ini.read(text.split("\n"), problems)
    return only


def test_what_is_given_is_found_with_its_place() -> None:
    """An option's value, its line and section; and for what is not given its default, or None."""
    values, problems = read(Kind.BACKEND, "retries = 7\ntimeout-connect =\n  2s")
    assert problems == []
    given = values.given(backendrows.RETRIES)
    assert given is not None
    assert (given.value, given.place.line, given.place.section, given.place.key) == (7, 2, "backend x", "retries")
    assert given.at("2s").line == 2
    connect = values.given(backendrows.TIMEOUT_CONNECT)
    assert connect is not None
    assert (connect.place.line, connect.at("2s").line) == (3, 4)
    assert (values.find(backendrows.RETRIES), values.get(backendrows.RETRIES)) == (7, 7)
    assert (values.find(backendrows.TIMEOUT_SERVER), values.get(backendrows.TIMEOUT_SERVER)) == (None, 60.0)


def test_named_keys_keep_their_order() -> None:
    """Each with what stands before its `=`; the first word's case does not matter, a name's does."""
    values, problems = read(Kind.FRONTEND, "route b.example = B\nROUTE a.example = b\nMode = http")
    assert problems == []
    routes = [Route(ExactHost(f"{name}.example"), "", None, target) for name, target in (("b", "B"), ("a", "b"))]
    assert [given.value for given in values.each(frontendrows.ROUTE)] == routes
    assert values.find(frontendrows.FRONTEND_MODE) is Mode.HTTP
    assert values.each(frontendrows.ROUTE)[1].place.key == "ROUTE a.example"


def test_every_key_is_said_to_be_wrong_in_its_own_way() -> None:
    """Unknown, repeated, without a value, without a name, with one too many, not readable: all at once."""
    text = "frob = 1\nretries = 1\nRetries = 2\nbalance =\nserver = a\nmode x = tcp\ntimeout-server = 5\nserver a = b c"
    values, problems = read(Kind.BACKEND, text)
    assert problems == [
        "2: [backend x] frob: is not a key of [backend]",
        "4: [backend x] Retries: stands in this section twice (first in line 3)",
        "5: [backend x] balance: has no value (write balance = roundrobin, leastconn, source, first or random)",
        ("6: [backend x] server: has nothing between the key and '=' (write server NAME = ADDRESS [WORD...])"),
        "7: [backend x] mode x: has something between the key and '=' (write mode = tcp or http)",
        "8: [backend x] timeout-server: '5' is not a duration (HAProxy reads 5 as milliseconds: write 5s or 5ms)",
        (
            "9: [backend x] server a: 'b' is not an address "
            "(192.0.2.1:8080, [2001:db8::1]:8080, name.example:8080 or unix:/PATH)"
        ),
        "9: [backend x] server a: 'c' is not known on a server's line",
    ]
    assert [entry.line for entry in values.refused] == [4, 2, 5, 6, 7, 8, 9]


def test_a_fault_of_a_list_has_its_own_line() -> None:
    """Each word of a list is found where it stands."""
    _, problems = read(Kind.FRONTEND, "bind = *:80\n  *:0\n  *:81 *:99999")
    assert problems == [
        "3: [frontend x] bind: '0' is not a port (from 1 to 65535)",
        "4: [frontend x] bind: '99999' is not a port (from 1 to 65535)",
    ]


def test_what_is_there_but_wrong_is_not_missed() -> None:
    """A key that could not be read, or was misspelt, is not complained of as lacking."""
    values, _ = read(Kind.FRONTEND, "mode = tsl\nbindd = *:80\nroute a b = c")
    assert not values.lacks(frontendrows.FRONTEND_MODE)
    assert not values.lacks(frontendrows.BIND)
    assert not values.lacks(frontendrows.ROUTE)
    assert values.lacks(frontendrows.DEFAULT_BACKEND)


def test_defaults_are_inherited_by_whoever_knows_the_key() -> None:
    """A section's own value goes first; a key of the other kind is not its own; the place is the default's line."""
    defaults = "retries = 1\ntimeout-connect = 1s\ntimeout-client = 1s"
    values, problems = read(Kind.BACKEND, "retries = 2", defaults)
    assert problems == []
    assert values.get(backendrows.RETRIES) == 2
    connect = values.given(backendrows.TIMEOUT_CONNECT)
    assert connect is not None
    assert (connect.value, connect.inherited, connect.place.line, connect.place.section) == (1.0, True, 3, "backend x")
    assert values.find(frontendrows.TIMEOUT_CLIENT) is None
    values, _ = read(Kind.GLOBAL, "", "maxconn = 5")
    assert values.find(globalrows.GLOBAL_MAXCONN) is None


def test_a_default_for_one_kind_alone_is_right() -> None:
    """`mode = tls` is a frontend's; a backend that inherits it is at its own default."""
    values, problems = read(Kind.BACKEND, "", "mode = tls")
    assert problems == []
    assert values.get(backendrows.BACKEND_MODE) is Mode.TCP
    values, problems = read(Kind.FRONTEND, "", "mode = tls")
    assert values.find(frontendrows.FRONTEND_MODE) is Mode.TLS


def test_what_is_wrong_in_defaults_is_said_once() -> None:
    """However many sections inherit it; and what makes no sense to inherit is refused."""
    defaults = (
        "timeout-client = 5\nbind = *:80\nserver a = b\nlog = none\nmode = tsl\nmode x = tls\nfrob = 1\nretries ="
    )
    _, problems = read(Kind.FRONTEND, "", defaults)
    assert problems == [
        "2: [defaults] timeout-client: '5' is not a duration (HAProxy reads 5 as milliseconds: write 5s or 5ms)",
        "3: [defaults] bind: is not a key of [defaults] (it belongs in [frontend])",
        "4: [defaults] server a: is not a key of [defaults] (it belongs in [backend])",
        "5: [defaults] log: is not a key of [defaults] (it belongs in [global])",
        "6: [defaults] mode: 'tsl' is not one of tls, tcp, http (did you mean 'tls'?)",
        "7: [defaults] mode x: has something between the key and '=' (write mode = tls, tcp or http)",
        "8: [defaults] frob: is not a key of [defaults]",
        "9: [defaults] retries: has no value (write retries = NUMBER)",
    ]


def test_a_key_of_another_mode_is_wrong_where_it_is_written() -> None:
    """And is not used, without a word, where it was inherited."""
    values, _ = read(Kind.FRONTEND, "forwardfor = yes\nroute a.example = b", "silent = drop\ntimeout-tunnel = 1s")
    problems = Problems("f")
    sections.keep_mode(values, Mode.TCP, problems)
    assert [str(problem) for problem in problems.found] == [
        "f:2: [frontend x] forwardfor: is for mode = http, and this section has mode = tcp",
        "f:3: [frontend x] route a.example: is for mode = http or tls, and this section has mode = tcp",
    ]
    assert values.find(frontendrows.SILENT) is None
    assert values.find(frontendrows.TIMEOUT_TUNNEL) == 1.0
    assert values.each(frontendrows.ROUTE) == []
    # Nobody is to miss what was meant; what was inherited is simply not there.
    assert not values.lacks(frontendrows.FRONTEND_FORWARDFOR)
    assert values.lacks(frontendrows.SILENT)

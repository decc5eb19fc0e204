"""Tests of the check of a server's line."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.config import checks, servers
from pumpproxy.config.problems import BadValue
from pumpproxy.model import Check, CheckKind
from pumpproxy.wire.framing import HTTP_11
from pumpproxy.wire.httptarget import parse_request_line
from tests.config.reading import faults_of

FORMS_OF_A_HOST = "for example www.example.org or www.example.org:8080"
FORMS_OF_A_STATUS = "for example 200 or 200-399, from 200 to 599"


def check(words: str) -> Check | None:
    """What a server's line with these words declares of its check."""
    return servers.server("s", f"127.0.0.1:1 {words}").check


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", None),
        ("check", Check()),
        ("check=tcp", Check(CheckKind.TCP)),
        ("check=tls-hello check-sni=A.example.", Check(CheckKind.TLS_HELLO, sni="a.example")),
        ("check-verify check-sni=bücher.example check=tls",
         Check(CheckKind.TLS, sni="xn--bcher-kva.example", verify=True)),
        ("check=http check-path=/up?full=1 check-host=a.example:8080 check-status=204",
         Check(CheckKind.HTTP, path="/up?full=1", host="a.example:8080", status=(204, 204))),
        ("check rise=1 fall=100", Check(rise=1, fall=100)),
        ("check inter=5s", Check(inter=5.0, downinter=5.0)),
        ("check inter=100ms", Check(inter=0.1, fastinter=0.1, downinter=0.1)),
        ("check inter=5s fastinter=5s downinter=1m", Check(inter=5.0, fastinter=5.0, downinter=60.0)),
        ("check downinter=1s", Check(downinter=1.0)),
    ],
)  # fmt: skip
def test_a_check_is_its_words(words: str, found: Check | None) -> None:
    """In any order; the other paces follow `inter`, and only the fast one is never slower."""
    assert check(words) == found


@pytest.mark.parametrize("kind", CheckKind)
@pytest.mark.parametrize("word", checks.KINDS)
def test_a_word_goes_with_its_kinds_alone(kind: CheckKind, word: str) -> None:
    """And with no other, and never without a check."""
    setting = {"check-path": "=/", "check-host": "=a", "check-status": "=200", "check-sni": "=a", "check-verify": ""}
    text = word + setting.get(word, "=2s" if word.endswith("inter") else "=3")
    faults = faults_of(servers.server, "s", f"127.0.0.1:1 {text} check={kind.value}")
    if kind in checks.KINDS[word]:
        assert faults == ()
    else:
        (fault,) = faults
        assert (fault.message, fault.word) == (f"'{word}' does not go with check={kind.value}", text)
        assert fault.hint.startswith("it is for check=")
    (fault,) = faults_of(servers.server, "s", f"127.0.0.1:1 {text}")
    assert (fault.message, fault.word) == (f"'{word}' needs 'check'", text)


def test_a_hint_names_every_kind() -> None:
    """That the word is for."""
    (fault,) = faults_of(servers.server, "s", "127.0.0.1:1 check check-sni=a")
    assert fault.hint == "it is for check=tls-hello or check=tls"


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("check fastinter=3s", True),
        ("check fastinter=3s inter=2999ms", True),
        ("check fastinter=3s inter=3s", False),
        ("check inter=1ms", False),
    ],
)
def test_the_fast_pace_is_not_the_slower_one(words: str, *, wrong: bool) -> None:
    """Of `inter` as it is given, or by default."""
    found = [fault.message for fault in faults_of(servers.server, "s", f"127.0.0.1:1 {words}")]
    assert found == (["'fastinter' is longer than 'inter'"] if wrong else [])


def test_nothing_is_said_of_a_pace_that_could_not_be_read() -> None:
    """One mistake is one fault."""
    faults = faults_of(servers.server, "s", "127.0.0.1:1 check inter=5 fastinter=3s")
    assert [fault.word for fault in faults] == ["inter=5"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("up", "'up' is not a path"),
        ("http://a/", "'http://a/' is not a path"),
        ("/a#b", "'/a#b' is not a path"),
        ("/ü", "'/ü' is not a path"),
        ("", "'' is not a path"),
    ],
)
def test_what_is_no_path(text: str, fault: str) -> None:
    """What could not be asked for as it stands."""
    assert [(one.message, one.hint) for one in faults_of(checks.path, text)] == [
        (fault, "from its / on, visible ASCII without #")
    ]


@given(st.text(max_size=12))
def test_a_path_is_one_that_we_would_take(text: str) -> None:
    """Whatever is accepted makes a request that our own reader, which is strict, accepts."""
    if not faults_of(checks.path, f"/{text}"):
        line = f"GET {checks.path(f'/{text}')} HTTP/1.1".encode("ascii")
        assert parse_request_line(line) == (b"GET", f"/{text}".encode("ascii"), HTTP_11)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("A.Example.", "a.example"),
        ("a.example:8080", "a.example:8080"),
        ("bücher.example:81", "xn--bcher-kva.example:81"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]:80", "[::1]:80"),
    ],
)
def test_a_host_is_a_name_or_an_address(text: str, host: str) -> None:
    """In its one spelling, with a port where one is given."""
    assert checks.host(text) == host


@pytest.mark.parametrize("text", ["", "a..b", "a b", "a/b", "::1", "a:0", "a:65536", "ü:x", "ß.example", "\ud800"])
def test_what_is_no_host(text: str) -> None:
    """Whatever a Host line may not have."""
    with pytest.raises(BadValue) as caught:
        checks.host(text)
    assert [(one.message, one.hint) for one in caught.value.faults] == [(f"'{text}' is not a host", FORMS_OF_A_HOST)]


@pytest.mark.parametrize(("text", "found"), [("200", (200, 200)), ("200-399", (200, 399)), ("500-599", (500, 599))])
def test_statuses_are_one_or_a_range(text: str, found: tuple[int, int]) -> None:
    """Both ends are good."""
    assert checks.status(text) == found


@pytest.mark.parametrize(
    "text", ["", "2xx", "100-200", "199", "600", "399-200", "200,204", "200-", "0200", "\u0662" * 3]
)
def test_what_is_no_status(text: str) -> None:
    """No list, no range upside down, and no interim response, which is no answer."""
    assert [(one.message, one.hint) for one in faults_of(checks.status, text)] == [
        (f"'{text}' is neither a status nor a range", FORMS_OF_A_STATUS)
    ]


def test_the_usual_check_is_the_models() -> None:
    """Another pace is one of all three, but for the fast one."""
    assert checks.usual(CheckKind.HTTP) == Check(CheckKind.HTTP)
    assert checks.usual(CheckKind.TCP, 9.0) == replace(Check(), inter=9.0, downinter=9.0)

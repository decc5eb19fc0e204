"""Tests of a backend's values to a Backend."""

from __future__ import annotations

import pytest

from pumpproxy.model import (
    Backend,
    Balance,
    Check,
    CheckKind,
    ConnectionMode,
    CookieMode,
    ForwardFor,
    Mode,
    OnDown,
    PersistenceCookie,
    Redispatch,
    Server,
    TcpAddress,
    UnixAddress,
)
from tests.config.reading import HTTP, TLS, B, H, backend, problems

USED = TLS + "default-backend = b\n"
"""Four lines; the backend's header is the fifth."""


def test_all_that_a_backend_can_say() -> None:
    """Every key, and the order of the file."""
    text = (
        "[backend h]\nmode = http\nbalance = leastconn\nserver one = 127.0.0.1:81 weight=0 cookie=A\n"
        "server two = unix:/two check=tls\n"
        "use-server one = a.example\n  B.example\nforwardfor = header X-Client\nconnection = close\nretries = 0\n"
        "redispatch = 2\ntimeout-connect = 1s\ntimeout-server = 2s\ntimeout-server-fin = 3s\ncookie = J prefix\n"
        "timeout-queue = 4s\ntimeout-check = 5s\nhold = yes\non-down = close\nslow-start = 6s\nwarn-days = 7\n"
    )
    assert backend(HTTP + "default-backend = h\n" + text) == Backend(
        name="h",
        mode=Mode.HTTP,
        balance=Balance.LEASTCONN,
        servers=(
            Server("one", TcpAddress("127.0.0.1", 81), weight=0, cookie="A"),
            Server("two", UnixAddress("/two"), check=Check(CheckKind.TLS)),
        ),
        use_server=(("a.example", "one"), ("b.example", "one")),
        forwardfor=ForwardFor("X-Client"),
        connection=ConnectionMode.CLOSE,
        retries=0,
        redispatch=2,
        timeout_connect=1.0,
        timeout_server=2.0,
        timeout_server_fin=3.0,
        timeout_queue=4.0,
        timeout_check=5.0,
        hold=True,
        on_down=OnDown.CLOSE,
        slow_start=6.0,
        warn_days=7,
        cookie=PersistenceCookie("J", CookieMode.PREFIX),
    )


def test_without_a_word_all_is_the_models_default() -> None:
    """A backend of two lines."""
    assert backend(USED + B) == Backend("b", servers=(Server("s", TcpAddress("127.0.0.1", 8443)),))


def test_defaults_reach_a_backend() -> None:
    """What it knows, of its own mode."""
    defaults = "[defaults]\nredispatch = yes\nforwardfor = yes\nmode = http\n"
    assert backend(defaults + HTTP + "default-backend = b\n" + B) == Backend(
        "b",
        mode=Mode.HTTP,
        servers=(Server("s", TcpAddress("127.0.0.1", 8443)),),
        forwardfor=ForwardFor(),
        redispatch=Redispatch.YES,
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("retries = 3", ["5: [backend b] has no server (write server NAME = ADDRESS)"]),
        ("forwardfor = yes\nserver s = 127.0.0.1:1",
         ["6: [backend b] forwardfor: is for mode = http, and this section has mode = tcp"]),
        ("server s = 127.0.0.1:1\nuse-server z = a.example",
         ["7: [backend b] use-server z: there is no server 'z' here"]),
        ("server s = srv:_https._tcp.web.example\nuse-server s = a.example",
         ["7: [backend b] use-server s: 's' may be many servers (give the service a backend of its own)"]),
        ("server one = 127.0.0.1:1\nuse-server onne = a.example",
         ["7: [backend b] use-server onne: there is no server 'onne' here (did you mean 'one'?)"]),
        ("server s = 127.0.0.1:1\nuse-server s = a.example\n  A.example",
         ["7: [backend b] use-server s: names 'a.example' twice"]),
        ("server s = 127.0.0.1:1\nserver t = 127.0.0.1:2\nuse-server s = a.example\nuse-server t = a.example",
         ["9: [backend b] use-server t: names 'a.example' for 's' too"]),
        ("server s = 127.0.0.1:1\nserver s = 127.0.0.1:2",
         ["7: [backend b] server s: stands in this section twice (first in line 6)"]),
        ("server s = 127.0.0.1\nuse-server s = a.example",
         [("6: [backend b] server s: '127.0.0.1' is not an address "
          "(192.0.2.1:8080, [2001:db8::1]:8080, name.example:8080 or unix:/PATH)")]),
        ("balance = uri\nserver s = 127.0.0.1:1\n  maxqueue=3\n  inter=5",
         ["6: [backend b] balance: 'uri' is not one of roundrobin, leastconn, source, first, random",
          "8: [backend b] server s: 'maxqueue' needs 'maxconn' (nobody waits for a server that takes any number)",
          "9: [backend b] server s: inter: '5' is not a duration (HAProxy reads 5 as milliseconds: write 5s or 5ms)",
          "9: [backend b] server s: 'inter' needs 'check' (nobody checks this server)"]),
        ("server s = 127.0.0.1:1 check=tls\nslow-start = 0s\nwarn-days = 366\non-down = shutdown\nhold = 5s",
         ["7: [backend b] slow-start: '0s' is out of range (from 1ms to 24d)",
          "8: [backend b] warn-days: 366 is out of range (from 0 to 365)",
          "9: [backend b] on-down: 'shutdown' is not one of keep, close",
          "10: [backend b] hold: '5s' is neither yes nor no (write yes or no)"]),
        ("mode = tls\nserver s = 127.0.0.1:1", ["6: [backend b] mode: 'tls' is not one of tcp, http"]),
    ],
)  # fmt: skip
def test_what_does_not_go_together(text: str, found: list[str]) -> None:
    """What is missing, of another mode, or names what is not there; nothing is said twice."""
    assert problems(f"{USED}[backend b]\n{text}\n") == found


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("server s = 127.0.0.1:1 weight=0\nserver t = 127.0.0.1:2 drain", True),
        ("server s = 127.0.0.1:1 disabled\nuse-server s = a.example", True),
        ("server s = 127.0.0.1:1 weight=0\nuse-server s = a.example", False),
        ("server s = 127.0.0.1:1 disabled\nserver t = 127.0.0.1:2", False),
        ("server s = 127.0.0.1:1 disabled\nserver t = 127.0.0.1:2 backup", False),
        ("server s = 127.0.0.1:1 backup", False),
        ("server s = 127.0.0.1:1 backup drain", True),
    ],
)
def test_a_backend_that_nobody_serves_is_warned_of(text: str, *, warned: bool) -> None:
    """Where balancing chooses nobody and no use-server does either."""
    warning = "5: [backend b] has no server that can be chosen (all are disabled, drained or of weight 0)"
    assert problems(f"{USED}[backend b]\n{text}\n") == ([warning] if warned else [])


NEEDS_CHECKS = "hold = yes\non-down = close\nslow-start = 30s\ntimeout-check = 1s\nwarn-days = 30\n"


def test_what_comes_of_checks_is_warned_of_where_there_is_none() -> None:
    """Each key that means nothing then, and why."""
    assert problems(f"{USED}[backend b]\nserver s = 127.0.0.1:1\n{NEEDS_CHECKS}") == [
        "7: [backend b] hold: none of the servers has a check (nobody tells when one is DOWN, and when it is back)",
        "8: [backend b] on-down: none of the servers has a check (so none ever goes DOWN)",
        "9: [backend b] slow-start: none of the servers has a check (so none ever comes UP)",
        "10: [backend b] timeout-check: none of the servers has a check (so nobody waits for an answer)",
        "11: [backend b] warn-days: none of the servers has a check (so nobody sees a certificate)",
    ]


@pytest.mark.parametrize("kind", ["tcp", "tls-hello", "http"])
def test_certificates_are_seen_by_one_kind_of_check(kind: str) -> None:
    """The others do not get that far; everything else works with each."""
    assert problems(f"{USED}[backend b]\nserver s = 127.0.0.1:1 check={kind}\n{NEEDS_CHECKS}") == [
        "11: [backend b] warn-days: none of the servers has check=tls (so nobody sees a certificate)"
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"{USED}[backend b]\nserver s = 127.0.0.1:1\nserver t = 127.0.0.1:2 check=tls\n{NEEDS_CHECKS}",
        f"{USED}{B}hold = no\non-down = keep\nslow-start = no\nwarn-days = 14\n",
        f"[defaults]\n{NEEDS_CHECKS}{USED}{B}",
    ],
)
def test_one_check_is_enough_and_what_is_asked_of_nobody_needs_none(text: str) -> None:
    """Nor does what `[defaults]` says for other backends, or what turns something off."""
    assert problems(text) == []


def test_a_server_that_could_not_be_read_may_have_had_a_check() -> None:
    """One mistake is one problem."""
    assert len(problems(f"{USED}[backend b]\nserver s = 127.0.0.1:1 chekc\n{NEEDS_CHECKS}")) == 1


def test_a_backend_may_undo_what_all_others_say() -> None:
    """`slow-start = no` beside one in [defaults]."""
    defaults = "[defaults]\nslow-start = 30s\n"
    assert backend(f"{defaults}{USED}{B}").slow_start == 30.0
    assert backend(f"{defaults}{USED}{B}slow-start = no\n").slow_start == 0.0


def test_use_server_and_cookies_go_with_backups() -> None:
    """A backup is a server like the others to who is led there."""
    text = "mode = http\ncookie = J prefix\nserver s = 127.0.0.1:1 cookie=A backup\nuse-server s = a.example\n"
    assert backend(f"{HTTP}default-backend = h\n[backend h]\n{text}").servers[0].backup


def test_defaults_may_hold_a_cookie() -> None:
    """Of every http backend, whose servers then may have a value each, or none."""
    defaults = "[defaults]\ncookie = SRV insert indirect\nmode = http\n"
    found = backend(defaults + HTTP + "default-backend = b\n[backend b]\nserver s = 127.0.0.1:1 cookie=A\n")
    assert found.cookie == PersistenceCookie("SRV", CookieMode.INSERT, indirect=True)
    assert backend(defaults + HTTP + "default-backend = b\n" + B).cookie == found.cookie
    assert backend(defaults.replace("mode = http\n", "") + USED + B).cookie is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mode = http\nserver s = 127.0.0.1:1\n  cookie=A",
         [("8: [backend h] server s: has cookie=A, and this backend no cookie "
          "(write cookie = NAME prefix, insert or rewrite)")]),
        ("mode = http\ncookie = J prefix\nserver s = 127.0.0.1:1 cookie=A\nserver u = 127.0.0.1:3\n  cookie=A",
         ["10: [backend h] server u: has cookie=A, as 's' has (each server needs its own)"]),
        ("mode = http\ncookie = J prefix nocache\nserver s = 127.0.0.1:1 cookie=A",
         ["7: [backend h] cookie: 'nocache' does not go with 'prefix' (only an inserted cookie is ours to set)"]),
        ("mode = http\ncookei = J prefix\nserver s = 127.0.0.1:1 cookie=A",
         ["7: [backend h] cookei: is not a key of [backend] (did you mean 'cookie'?)"]),
        ("mode = http\ncookie = J prefix\nserver s = 127.0.0.1:1",
         ["7: [backend h] cookie: leads to no server (none of them has cookie=VALUE)"]),
        ("mode = http\ncookie = J prefix\nserver s = 127.0.0.1:1 cookie=A~",
         [("8: [backend h] server s: cookie: 'A~' has '~' or '|', which end a server's value in a cookie")]),
    ],
)  # fmt: skip
def test_a_cookie_and_its_servers_go_together(text: str, found: list[str]) -> None:
    """A value is its server's alone, and nothing without a cookie; nothing is said twice."""
    assert problems(f"{HTTP}default-backend = h\n[backend h]\n{text}\n") == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("cookie = J prefix\nserver s = 127.0.0.1:1 cookie=A",
         ["6: [backend b] cookie: is for mode = http, and this section has mode = tcp"]),
        ("server s = 127.0.0.1:1 cookie=A",
         ["6: [backend b] server s: has cookie=A, and this backend no cookie (it is for mode = http)"]),
    ],
)  # fmt: skip
def test_only_http_has_cookies(text: str, found: list[str]) -> None:
    """Elsewhere nobody could read one."""
    assert problems(f"{USED}[backend b]\n{text}\n") == found


@pytest.mark.parametrize("name", ["reject", "drop", "explain"])
def test_a_backend_is_not_called_as_an_action(name: str) -> None:
    """Its name as a target would not be it."""
    text = f"{HTTP}default-backend = h\n{H}[backend {name}]\nserver s = 127.0.0.1:1\n"
    assert f"8: [backend {name}] '{name}' is an action, and cannot be a backend's name" in problems(text)

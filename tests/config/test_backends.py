"""Tests of a backend's values to a Backend."""

from __future__ import annotations

import pytest

from pumpproxy.model import (
    Backend,
    ConnectionMode,
    CookieMode,
    ForwardFor,
    Mode,
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
        "[backend h]\nmode = http\nbalance = roundrobin\nserver one = 127.0.0.1:81 weight=0 cookie=A\n"
        "server two = unix:/two\n"
        "use-server one = a.example\n  B.example\nforwardfor = header X-Client\nconnection = close\nretries = 0\n"
        "redispatch = 2\ntimeout-connect = 1s\ntimeout-server = 2s\ntimeout-server-fin = 3s\ncookie = J prefix\n"
    )
    assert backend(HTTP + "default-backend = h\n" + text) == Backend(
        name="h",
        mode=Mode.HTTP,
        servers=(
            Server("one", TcpAddress("127.0.0.1", 81), weight=0, cookie="A"),
            Server("two", UnixAddress("/two")),
        ),
        use_server=(("a.example", "one"), ("b.example", "one")),
        forwardfor=ForwardFor("X-Client"),
        connection=ConnectionMode.CLOSE,
        retries=0,
        redispatch=2,
        timeout_connect=1.0,
        timeout_server=2.0,
        timeout_server_fin=3.0,
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
    ],
)
def test_a_backend_that_nobody_serves_is_warned_of(text: str, *, warned: bool) -> None:
    """Where balancing chooses nobody and no use-server does either."""
    warning = "5: [backend b] has no server that can be chosen (all are disabled, drained or of weight 0)"
    assert problems(f"{USED}[backend b]\n{text}\n") == ([warning] if warned else [])


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
         [("8: [backend h] server s: 'A~' has '~' or '|', which end a server's value in a cookie")]),
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

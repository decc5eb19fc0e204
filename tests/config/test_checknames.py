"""Tests of the names that checks ask for where the file does not say."""

from __future__ import annotations

import pytest

from tests.config.reading import HTTP, TLS, config

CHECKED = "[backend b]\nserver s = 127.0.0.1:1 check=tls\n"


def names(text: str) -> list[str | None]:
    """What the checks of the backend `b` ask for; None for no name, and for no check."""
    (backend,) = (backend for backend in config(text).backends if backend.name == "b")
    return [server.check.sni if server.check is not None else None for server in backend.servers]


@pytest.mark.parametrize("kind", ["tls-hello", "tls"])
def test_the_one_name_that_is_routed_there_is_asked_for(kind: str) -> None:
    """In every hello."""
    text = f"{TLS}route A.example = b\nroute b.example = drop\n{CHECKED}".replace("=tls", f"={kind}")
    assert names(text) == ["a.example"]


@pytest.mark.parametrize(
    "use",
    [
        "default-backend = b",
        "route *.example = b",
        "route ~a.example = b",
        "route a.example = b\nroute b.example = b",
        "route a.example = drop\nno-sni = b",
    ],
)
def test_a_pattern_is_no_name_and_of_two_none_is_chosen(use: str) -> None:
    """Which of them the server has a certificate for is not for us to guess."""
    assert names(f"{TLS}{use}\n{CHECKED}") == [None]


def test_one_name_of_several_frontends_is_one() -> None:
    """Whatever else is routed there by pattern, or under a condition."""
    other = TLS.replace("frontend f", "frontend g").replace("443", "8443")
    text = f"{TLS}route a.example = b\nroute *.example = b\n{other}route a.example if alpn h2 = b\n{CHECKED}"
    assert names(text) == ["a.example"]


def test_what_the_file_says_holds() -> None:
    """`check-sni` comes before every route."""
    assert names(f"{TLS}route a.example = b\n{CHECKED.replace('=tls', '=tls check-sni=c.example')}") == ["c.example"]


@pytest.mark.parametrize("words", ["", " check", " check=http"])
def test_other_checks_have_no_name(words: str) -> None:
    """They say no hello."""
    assert names(f"{TLS}route a.example = b\n{CHECKED.replace(' check=tls', words)}") == [None]


def test_use_server_says_which_server_has_which_name() -> None:
    """Each server is asked for its own; what is left is of the others."""
    servers = "".join(f"server {name} = 127.0.0.1:{port} check=tls\n" for port, name in enumerate("xyz", 1))
    routes = "".join(f"route {name}.example = b\n" for name in "abc")
    text = f"{TLS}{routes}[backend b]\n{servers}"
    assert names(text) == [None, None, None]
    two = "use-server x = a.example\nuse-server y = b.example\n"
    assert names(f"{text}{two}") == ["a.example", "b.example", "c.example"]
    assert names(f"{text}use-server x = a.example b.example\n") == [None, "c.example", "c.example"]


def test_a_name_of_use_server_needs_no_route() -> None:
    """It is what comes there, by whatever way."""
    assert names(f"{TLS}default-backend = b\n{CHECKED}use-server s = a.example\n") == ["a.example"]


def test_names_of_http_frontends_are_in_no_hello() -> None:
    """A Host is asked for in the clear."""
    backend = CHECKED.replace("[backend b]", "[backend b]\nmode = http")
    assert names(f"{HTTP}route a.example = b\n{backend}") == [None]

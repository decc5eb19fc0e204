"""Tests of what can only be said of several sections together."""

from __future__ import annotations

import pytest

from tests.config.reading import HTTP, TCP, TLS, B, H, problems


def test_a_name_that_is_not_declared() -> None:
    """Wherever a frontend uses it, with the name that was probably meant; that one is not called unused."""
    text = f"{TLS}default-backend = pump-sll\nroute a.example = xyzzy\nnot-tls = rejct\n[backend pump-ssl]\n"
    assert problems(f"{text}server s = 127.0.0.1:1\n") == [
        "4: [frontend f] default-backend: there is no backend 'pump-sll' (did you mean 'pump-ssl'?)",
        "5: [frontend f] route a.example: there is no backend 'xyzzy'",
        "6: [frontend f] not-tls: there is no backend 'rejct' (did you mean 'reject'?)",
    ]


def test_an_inherited_name_is_complained_of_where_it_stands() -> None:
    """At the line of `[defaults]`, for each frontend that uses it."""
    text = (
        "[defaults]\ndefault-backend = x\n[frontend f]\nmode = tls\nbind = *:1\n[frontend g]\nmode = tls\nbind = *:2\n"
    )
    assert problems(text) == [
        "2: [frontend f] default-backend: there is no backend 'x'",
        "2: [frontend g] default-backend: there is no backend 'x'",
    ]


@pytest.mark.parametrize(
    ("front", "back", "name", "message"),
    [
        (HTTP, B, "b", "backend 'b' has mode = tcp, and this frontend http (write mode = http in [backend b])"),
        (TLS, H, "h", ("backend 'h' has mode = http, and this frontend tls "
         "(its servers would get what nobody has read: name a tcp backend)")),
        (TCP, H, "h", ("backend 'h' has mode = http, and this frontend tcp "
         "(its servers would get what nobody has read: name a tcp backend)")),
        (HTTP, H, "h", ""),
        (TLS, B, "b", ""),
        (TCP, B, "b", ""),
    ],
)  # fmt: skip
def test_frontend_and_backend_speak_the_same(front: str, back: str, name: str, message: str) -> None:
    """Requests to http backends, bytes to tcp backends."""
    found = problems(f"{front}default-backend = {name}\n{back}")
    assert found == ([f"4: [frontend f] default-backend: {message}"] if message else [])


def test_plain_http_on_tls_goes_to_no_http_backend() -> None:
    """`not-tls` relays what came, unread, as every target of `mode = tls` does."""
    assert problems(f"{TLS}not-tls = h\n{H}")[0].startswith("4: [frontend f] not-tls: backend 'h' has mode = http")


def test_a_backend_that_nobody_names_is_a_warning() -> None:
    """Whatever else names it, only a frontend uses it."""
    text = f"{TLS}default-backend = b\n{B}[backend spare]\nserver b = 127.0.0.1:1\n"
    assert problems(text) == ["7: [backend spare] is used by no frontend"]


@pytest.mark.parametrize(
    "use",
    [
        "default-backend = b",
        "route a.example = b",
        "no-sni = b",
        "unknown-sni = b",
        "not-tls = b",
        "silent = b",
    ],
)
def test_every_way_to_name_a_backend_uses_it(use: str) -> None:
    """A default, a route, and the four targets."""
    assert problems(f"{TLS}{use}\n{B}") == []


@pytest.mark.parametrize(
    "use",
    [
        "route a..example = b",
        "default_backend = b",
        "route a.example = drop\nroute a.example = b",
        "route x if sni = b",
    ],
)
def test_one_mistake_is_one_problem(use: str) -> None:
    """A backend whose only use could not be read is not called unused as well."""
    assert len(problems(f"{TLS}{use}\n{B}")) == 1


@pytest.mark.parametrize("header", ["[backnd b]", "[backend b", "[listen b]"])
def test_a_backends_header_that_is_wrong_is_one_problem(header: str) -> None:
    """What it declares is not said to be missing."""
    assert len(problems(f"{TLS}default-backend = b\n{header}\nserver s = 127.0.0.1:1\n")) == 1


@pytest.mark.parametrize("header", ["[fronted f]", "[frontend f", "[listen f]"])
def test_a_frontends_header_that_is_wrong_is_one_problem(header: str) -> None:
    """What it uses is not said to be unused, and the file not to have no frontend."""
    assert len(problems(f"{header}\nmode = tls\nbind = *:1\ndefault-backend = b\n{B}")) == 1


def bound(*binds: str) -> list[str]:
    """The problems of frontends with these addresses; each is of six lines, its bind is the third."""
    return problems("".join(
        f"[frontend f{n}]\nmode = tcp\nbind = {bind}\n\n\ndefault-backend = b\n" for n, bind in enumerate(binds)
    ) + B)  # fmt: skip


@pytest.mark.parametrize(
    ("binds", "found"),
    [
        (["*:443", "*:443"], ["9: [frontend f1] bind: *:443 is bound twice (in line 3, [frontend f0])"]),
        (["*:443", "0.0.0.0:443"],
         ["9: [frontend f1] bind: 0.0.0.0:443 overlaps *:443 (in line 3, [frontend f0])"]),
        (["127.0.0.1:443", "*:443"],
         ["9: [frontend f1] bind: *:443 overlaps 127.0.0.1:443 (in line 3, [frontend f0])"]),
        (["*:80\n  [::1]:81", "*:82\n  *:81"],
         ["11: [frontend f1] bind: *:81 overlaps [::1]:81 (in line 4, [frontend f0])"]),
        (["*:443 *:443"], ["3: [frontend f0] bind: *:443 is bound twice (in line 3, [frontend f0])"]),
        (["unix:/a", "unix:/a"], ["9: [frontend f1] bind: unix:/a is bound twice (in line 3, [frontend f0])"]),
        (["0.0.0.0:443", "[::]:443"], []),
        (["127.0.0.1:443", "127.0.0.2:443", "*:80"], []),
    ],
)  # fmt: skip
def test_an_address_is_bound_once(binds: list[str], found: list[str]) -> None:
    """Also as a part of another, and within one frontend."""
    assert bound(*binds) == found


def test_a_server_that_is_ourselves_is_a_warning() -> None:
    """A chain of two frontends can be meant; one that feeds itself cannot."""
    text = f"{TLS}default-backend = b\n[backend b]\nserver s = 127.0.0.1:443\nserver t = 127.0.0.1:444\n"
    assert problems(text) == [
        "6: [backend b] server s: 127.0.0.1:443 is our own address: connections come back to us (*:443 of [frontend f])"
    ]

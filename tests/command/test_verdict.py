"""Where a question leads, and by what."""

from __future__ import annotations

import pytest

from pumpproxy.command.verdict import Reason, pinned, reachable
from pumpproxy.model import Action
from tests.command.asking import BACKENDS, FRONTENDS, asked, verdict_of


@pytest.mark.parametrize(
    ("words", "frontends"),
    [
        (["www.example.org"], "web secure plain"),
        (["https://www.example.org/"], "secure plain"),
        (["https://www.example.org:8443/"], "secure plain"),
        (["http://www.example.org/"], "web plain"),
        (["www.example.org", "--alpn", "h2"], "secure plain"),
        (["www.example.org", "--http"], "web plain"),
        (["www.example.org", "--port", "443"], "secure plain"),
        (["www.example.org", "--port", "81"], "plain"),
    ],
)
def test_where_a_client_may_come(words: list[str], frontends: str) -> None:
    """By the port, where one is asked for, else by what is spoken. A socket of systemd's may have any port."""
    assert [name for name, one in FRONTENDS.items() if reachable(one, asked(*words))] == frontends.split()


@pytest.mark.parametrize(
    ("frontend", "words", "reason", "target"),
    [
        ("secure", ["www.example.org"], Reason.EXACT, "shop-tls"),
        ("secure", ["www.example.org", "--alpn", "h2,acme-tls/1"], Reason.EXACT, "certbot"),
        ("secure", ["other.example.org"], Reason.WILDCARD, "wild"),
        ("secure", ["elsewhere.org"], Reason.REGEX, "regex"),
        ("secure", ["example.com"], Reason.UNKNOWN_SNI, Action.REJECT),
        ("secure", ["192.0.2.1"], Reason.NO_SNI, Action.DROP),
        ("secure", ["www.example.org", "--http"], Reason.NOT_TLS, Action.EXPLAIN),
        ("web", ["www.example.org"], Reason.EXACT, Action.REDIRECT_HTTPS),
        ("web", ["http://www.example.org/shop?item=1"], Reason.EXACT, "shop"),
        ("web", ["http://www.example.org/.well-known/acme-challenge/x"], Reason.CHALLENGE, "rest"),
        ("web", ["web.example.org"], Reason.REGEX, "rest"),
        ("web", ["gone.example.org"], Reason.EXACT, Action.DROP),
        ("web", ["example.com"], Reason.DEFAULT, "rest"),
        ("web", ["192.0.2.1"], Reason.DEFAULT, "rest"),
        ("web", ["www.example.org", "--port", "80", "--alpn", "h2"], Reason.NOT_HTTP, None),
        ("plain", ["www.example.org"], Reason.DEFAULT, "wild"),
    ],
)
def test_a_verdict(frontend: str, words: list[str], reason: Reason, target: str | Action | None) -> None:
    """What the policy does with such a client, and the kind of rule by which it does."""
    found = verdict_of(frontend, *words)
    assert (found.reason, found.target) == (reason, target)
    assert found.arrives == (isinstance(target, str) or target is Action.REDIRECT_HTTPS)


@pytest.mark.parametrize(
    ("frontend", "words", "routes"),
    [
        ("secure", ["www.example.org", "--alpn", "acme-tls/1"], "certbot shop-tls wild regex"),
        ("secure", ["www.example.org"], "shop-tls wild regex"),
        ("web", ["http://www.example.org/shop"], "shop redirect rest"),
        ("web", ["http://www.example.org/"], "redirect rest"),
        ("web", ["example.com"], ""),
    ],
)
def test_what_it_beats(frontend: str, words: list[str], routes: str) -> None:
    """The one that wins first, then each that would win without those before it; none that does not fit."""
    found = verdict_of(frontend, *words)
    fitting = [*([] if found.route is None else [found.route]), *found.beaten]
    targets = [str(getattr(route.target, "value", route.target)).split()[0] for route in fitting]
    assert targets == routes.split()
    assert found.route is None or found.route.target == found.target


def test_a_challenge_beats_a_redirection() -> None:
    """Which is told as what it beats."""
    found = verdict_of("web", "http://www.example.org/.well-known/acme-challenge/x")
    assert found.route is None
    assert found.beaten[0].target is Action.REDIRECT_HTTPS


@pytest.mark.parametrize(
    ("frontend", "backend", "words", "server"),
    [
        ("secure", "shop-tls", ["www.example.org"], "two"),
        ("secure", "shop-tls", ["other.example.org"], None),
        ("secure", "shop-tls", ["192.0.2.1"], None),
        ("secure", "shop-tls", ["www.example.org", "--http"], None),
        ("plain", "shop-tls", ["www.example.org"], None),
    ],
)
def test_use_server(frontend: str, backend: str, words: list[str], server: str | None) -> None:
    """It is the pool's choice, of a name that the frontend has read."""
    found = pinned(BACKENDS[backend], verdict_of(frontend, *words), asked(*words))
    assert (None if found is None else found.name) == server

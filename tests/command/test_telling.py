"""A verdict, told."""

from __future__ import annotations

import json

import pytest

from pumpproxy.command.places import Places
from pumpproxy.command.telling import described, entries
from tests.command.asking import BACKENDS, asked, verdict_of
from tests.command.files import SITE

LINES = SITE.splitlines()
PLACES = Places(LINES)


def told(frontend: str, *words: str) -> list[str]:
    """All lines of it, each with its first word."""
    found = described(verdict_of(frontend, *words), asked(*words), BACKENDS, PLACES)
    return [f"{entry.word}: {entry.text}" for entry in entries(found)]


def test_a_backend() -> None:
    """The frontend, the rule that wins, those that it beats, and who serves."""
    assert told("secure", "www.example.org") == [
        "frontend: [frontend secure] mode = tls, bind = *:443 [::1]:8443",
        "wins: route www.example.org = shop-tls  (exact name)",
        "beats: route *.example.org = wild",
        "beats: route ~.*\\.org = regex",
        "backend: [backend shop-tls]",
        "picks: use-server two = www.example.org",
        "server: server two = 127.0.0.1:8444 weight=0",
    ]


def test_servers() -> None:
    """All that may be chosen; of the others, why they are not."""
    assert told("web", "http://www.example.org/shop")[-4:] == [
        "backend: [backend shop]  (balance = roundrobin)",
        "server: server one = 127.0.0.1:8082",
        "server: server old = 127.0.0.1:8083 disabled  (never chosen)",
        "server: server fading = 127.0.0.1:8084 drain  (never chosen by balancing)",
    ]
    assert told("web", "example.com")[1:] == [
        "wins: default-backend = rest  (default-backend)",
        "backend: [backend rest]  (balance = roundrobin, a client with the cookie SERVERID stays)",
        "server: server one = 127.0.0.1:8080 cookie=1",
        "server: server two = 127.0.0.1:8081 cookie=2 backup  (only where no other is there)",
    ]


@pytest.mark.parametrize(
    ("frontend", "words", "rule", "end"),
    [
        (
            "secure",
            ["example.com"],
            "unknown-sni = reject  (unknown-sni)",
            "is the TLS alert unrecognized_name",
        ),
        ("secure", ["192.0.2.1"], "no-sni = drop  (no-sni)", "the answer is nothing: the connection is closed"),
        ("secure", ["a.org", "--http"], "no line says otherwise  (not-tls)", "400 Bad Request, which explains"),
        ("web", ["www.example.org"], "= redirect https  (exact name)", "redirected to https://www.example.org/"),
        ("web", ["gone.example.org"], "= drop  (exact name)", "the answer is nothing: the connection is closed"),
        ("web", ["a.org", "--port", "80", "--alpn", "h2"], "(not HTTP)", "the answer is 400 Bad Request"),
        ("web", ["http://www.example.org/.well-known/acme-challenge/x"], "default-backend = rest  (an ACME", "backup"),
    ],
)
def test_rules_and_answers(frontend: str, words: list[str], rule: str, end: str) -> None:
    """The line of the file that says it, else that none does; and what the client sees."""
    lines = told(frontend, *words)
    assert rule in lines[1]
    assert end in lines[-1]


def test_each_line_is_the_files() -> None:
    """What is told with a line stands on it."""
    found = described(verdict_of("secure", "www.example.org"), asked("www.example.org"), BACKENDS, PLACES)
    for entry in entries(found):
        line = LINES[entry.line - 1]
        assert entry.text.startswith((line.partition("  ")[0], line))


def test_it_is_fit_for_json() -> None:
    """Words, numbers and nothing else."""
    words = ("http://www.example.org/shop",)
    found = json.loads(json.dumps(described(verdict_of("web", *words), asked(*words), BACKENDS, PLACES)))
    assert (found["frontend"], found["reason"], found["arrives"]) == ("web", "exact name", True)
    assert found["backend"]["name"] == "shop"
    assert [server["admin"] for server in found["backend"]["servers"]] == ["ready", "maint", "drain"]

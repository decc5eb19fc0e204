"""Tests of what to write in place of an unknown word."""

from __future__ import annotations

import pytest

from pumpproxy.config import hints
from pumpproxy.config.option import INHERITING, Kind


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("fronted", "did you mean 'frontend'?"),
        ("Backend", "did you mean 'backend'?"),
        ("stats", "comes with a later version"),
        ("listen", "HAProxy's 'listen' is here: a [frontend NAME] and a [backend NAME]"),
        ("xyzzy", "there are global, defaults, frontend, backend"),
    ],
)
def test_for_a_section(word: str, hint: str) -> None:
    """A near miss, a later one, HAProxy's, or what there is."""
    assert hints.for_section(word) == hint


@pytest.mark.parametrize(
    ("key", "kinds", "hint", "meant"),
    [
        ("default_backend", (Kind.FRONTEND,), "did you mean 'default-backend'?", "default-backend"),
        ("timeout client", (Kind.FRONTEND,), "did you mean 'timeout-client'?", "timeout-client"),
        ("timout-client", (Kind.FRONTEND,), "did you mean 'timeout-client'?", "timeout-client"),
        ("option httplog", (Kind.FRONTEND,), "HAProxy's 'option httplog' is here: log-format = httplog", ""),
        ("timeout queue", (Kind.BACKEND,), "did you mean 'timeout-queue'?", "timeout-queue"),
        (
            "hash-type",
            (Kind.BACKEND,),
            "HAProxy's 'hash-type' is here: none: balance = source moves as few clients as it can",
            "",
        ),
        ("server x", (Kind.FRONTEND,), "it belongs in [backend]", ""),
        ("mode", (Kind.GLOBAL,), "it belongs in [frontend] or [backend]", ""),
        ("log", INHERITING, "it belongs in [global]", ""),
        ("bind", INHERITING, "it belongs in [frontend]", ""),
        ("retires", INHERITING, "did you mean 'retries'?", "retries"),
        ("bnd", INHERITING, "", ""),
        ("xyzzy", (Kind.GLOBAL,), "", ""),
    ],
)
def test_for_a_key(key: str, kinds: tuple[Kind, ...], hint: str, meant: str) -> None:
    """One of another section, HAProxy's, a near miss of what may stand there, or nothing."""
    word = key.partition(" ")[0]
    assert hints.for_key(word, key, kinds) == hint
    assert hints.meant(word, key, kinds) == meant

"""Tests of the words of a server's line."""

from __future__ import annotations

from dataclasses import fields

import pytest

from pumpproxy.config import checks, serverwords
from pumpproxy.config.serverwords import BY_KEY, OF_CHECKS, OF_SERVERS, WORDS, Word
from pumpproxy.model import Check, CheckKind, SendProxy, Server, TcpAddress

SERVER = Server("s", TcpAddress("127.0.0.1", 1))


def test_these_are_the_words_of_this_version() -> None:
    """A word that no code obeys is not accepted."""
    assert sorted(BY_KEY) == [
        "backup", "check", "check-host", "check-path", "check-sni", "check-status", "check-verify", "cookie",
        "disabled", "downinter", "drain", "fall", "fastinter", "inter", "maxconn", "maxqueue", "rise", "send-proxy",
        "weight",
    ]  # fmt: skip
    assert len(BY_KEY) == len(WORDS)


def test_every_word_is_a_field_of_the_model() -> None:
    """And the other way round: nothing of a server or its check is out of the file's reach."""
    said = {word.field for word in OF_SERVERS} | {serverwords.CHECK.field}
    assert said == {field.name for field in fields(Server)} - {"name", "address"}
    assert {word.field for word in OF_CHECKS} == {field.name for field in fields(Check)} - {"kind"}
    assert {word.key for word in OF_CHECKS} == set(checks.KINDS)


@pytest.mark.parametrize("word", [word for word in WORDS if word.default], ids=lambda word: word.key)
def test_a_default_is_the_models_default(word: Word) -> None:
    """What the documentation says and what the model has are one value."""
    assert word.parse is not None
    assert word.parse(word.default) == getattr(Check() if word in OF_CHECKS else SERVER, word.field)


@pytest.mark.parametrize("word", [word for word in WORDS if not word.default], ids=lambda word: word.key)
def test_without_a_default_the_documentation_says_what_holds(word: Word) -> None:
    """In words."""
    assert word.unset


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.key)
def test_every_word_is_documented_in_sentences(word: Word) -> None:
    """A capital or a number at the start, a full stop at the end; and it says something, alone or by a value."""
    assert word.doc[0].isupper() or word.doc[0].isdecimal()
    assert word.doc.endswith(".")
    assert (word.parse is None) == (not word.value)
    assert word.parse is not None or word.alone is not None


@pytest.mark.parametrize(
    ("key", "form", "stem"),
    [
        ("weight", "weight=N", "weight="),
        ("drain", "drain", "drain"),
        ("check", "check[=tcp|tls-hello|tls|http]", "check"),
        ("send-proxy", "send-proxy=v1|v2", "send-proxy="),
    ],
)
def test_a_word_says_how_it_is_written(key: str, form: str, stem: str) -> None:
    """With what follows the `=`, alone, or both ways; and what a misspelt one is compared with."""
    assert (BY_KEY[key].form, BY_KEY[key].stem) == (form, stem)


@pytest.mark.parametrize(
    ("key", "value", "text", "spelt"),
    [
        ("drain", True, "yes", "drain"),
        ("check", CheckKind.TCP, "tcp", "check"),
        ("check", CheckKind.TLS, "tls", "check=tls"),
        ("send-proxy", SendProxy.V1, "v1", "send-proxy=v1"),
    ],
)
def test_a_value_is_spelt_as_shortly_as_it_can_be(key: str, value: object, text: str, spelt: str) -> None:
    """Alone where that says it."""
    assert BY_KEY[key].spelled(value, text) == spelt

"""What is asked of `pumpproxy route`."""

from __future__ import annotations

import pytest

from pumpproxy.command.question import NoQuestionError, Question, Speech
from tests.command.asking import asked


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("www.example.org", "www.example.org"),
        ("WWW.Example.ORG.", "www.example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("192.0.2.1", None),
        ("[2001:db8::1]", None),
        ("2001:db8::1", None),
    ],
)
def test_a_name_is_in_the_one_spelling(text: str, name: str | None) -> None:
    """An address is none."""
    assert asked(text) == Question(name, text)


@pytest.mark.parametrize(
    ("url", "speech", "port", "path"),
    [
        ("https://www.example.org", Speech.TLS, 443, "/"),
        ("wss://www.example.org:8443/chat", Speech.TLS, 8443, "/chat"),
        ("http://www.example.org/a/b?c=d#e", Speech.HTTP, 80, "/a/b?c=d"),
        ("ws://www.example.org:8080/ü", Speech.HTTP, 8080, "/%C3%BC"),
        ("HTTPS://www.example.org/%41", Speech.TLS, 443, "/%41"),
    ],
)
def test_a_url_says_more(url: str, speech: Speech, port: int, path: str) -> None:
    """Its scheme is the language and the port, its path and query are what a browser sends."""
    assert asked(url) == Question("www.example.org", "www.example.org", speech, port, path)


def test_options_say_more_than_a_url() -> None:
    """Where both say something."""
    assert asked("https://a.example/x", "--port", "8443", "--path", "/y") == Question(
        "a.example", "a.example", Speech.TLS, 8443, "/y"
    )


def test_protocols() -> None:
    """With commas or one by one; who offers any speaks TLS."""
    found = asked("a.example", "--alpn", "h2,http/1.1", "--alpn", "acme-tls/1")
    assert (found.speech, found.alpn) == (Speech.TLS, ("h2", "http/1.1", "acme-tls/1"))


def test_plain_http() -> None:
    """Where it is asked for."""
    assert asked("a.example", "--http").speech is Speech.HTTP
    assert asked("http://a.example", "--http").speech is Speech.HTTP


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["foo..bar"], "'foo..bar' is not a host name"),
        (["a.example/x"], "for a URL write https://"),
        (["a.example:443"], "for a port write --port"),
        (["ftp://a.example"], "of no scheme"),
        (["https://"], "names no host"),
        (["https://a.example:99999/"], "is not a URL"),
        (["https://[::1/"], "is not a URL"),
        (["https://a.example", "--http"], "is not asked for by --http"),
        (["a.example", "--http", "--alpn", "h2"], "--alpn is for TLS"),
        (["http://a.example", "--alpn", "h2"], "--alpn is for TLS"),
        (["a" * 64], "is not a host name"),
    ],
)
def test_what_nobody_could_ask(words: list[str], complaint: str) -> None:
    """One line that says why."""
    with pytest.raises(NoQuestionError) as refused:
        asked(*words)
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("words", [["--port", "0"], ["--port", "65536"], ["--port", "x"], ["--path", "x"]])
def test_options_that_are_none(words: list[str]) -> None:
    """Argparse tells it: exit status 2."""
    with pytest.raises(SystemExit) as exit_:
        asked("a.example", *words)
    assert exit_.value.code == 2

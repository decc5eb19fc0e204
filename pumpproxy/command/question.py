"""What is asked of `pumpproxy route`: a name, and what else of a connection a route may look at.

May not: know the file.
"""

from __future__ import annotations

import argparse
import enum
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

from pumpproxy import hostnames

_MOST = 65535
"""The highest port."""
_PATH = "/%:@!$&'()*+,;=~?-._"
"""What stands in a path, or a query, as it is."""


class Speech(enum.Enum):
    """What a client speaks."""

    TLS = "tls"
    HTTP = "http"


SCHEMES = {
    "https": (Speech.TLS, 443),
    "wss": (Speech.TLS, 443),
    "http": (Speech.HTTP, 80),
    "ws": (Speech.HTTP, 80),
}


class NoQuestionError(Exception):
    """Nobody could ask so; its text is one line for a person."""


@dataclass(frozen=True, slots=True)
class Question:
    """A connection that might come, as far as routes can see it."""

    name: str | None
    """In the one spelling; None: an address stands in its place."""
    asked: str
    """The host as it was written."""
    speech: Speech | None = None
    """None: of each frontend the language that it reads."""
    port: int | None = None
    """None: whichever."""
    path: str = ""
    """With the query, as on the wire; empty for none."""
    alpn: tuple[str, ...] = ()


def define(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("name", metavar="NAME", help="a host name, or a URL, whose scheme, port and path then count")
    parser.add_argument("--port", type=_port, metavar="N", help="only frontends that listen on this port")
    text = "the client offers these protocols; commas between them"
    parser.add_argument("--alpn", action="append", metavar="PROTOCOL", help=text, default=[])
    parser.add_argument("--path", type=_path, metavar="PATH", help="of an HTTP request")
    parser.add_argument("--http", action="store_true", help="the client speaks HTTP, not TLS")


def ask(arguments: argparse.Namespace) -> Question:
    """The question that was put. Raises NoQuestionError."""
    found = _of_url(arguments.name) if "://" in arguments.name else _of_name(arguments.name)
    alpn = tuple(word for words in arguments.alpn for word in words.split(",") if word)
    if arguments.http and found.speech is Speech.TLS:
        message = f"{arguments.name} is not asked for by --http"
        raise NoQuestionError(message)
    if alpn and (arguments.http or found.speech is Speech.HTTP):
        message = "--alpn is for TLS: a client that speaks HTTP offers nothing"
        raise NoQuestionError(message)
    speech = Speech.HTTP if arguments.http else Speech.TLS if alpn else found.speech
    return replace(
        found, speech=speech, port=arguments.port or found.port, path=arguments.path or found.path, alpn=alpn
    )


def _of_url(text: str) -> Question:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        message = f"{text} is not a URL: {error}"
        raise NoQuestionError(message) from error
    known = SCHEMES.get(parts.scheme)
    if known is None:
        message = f"{text} is of no scheme that is routed here: there are {', '.join(SCHEMES)}"
        raise NoQuestionError(message)
    if not parts.hostname:
        message = f"{text} names no host"
        raise NoQuestionError(message)
    # The fragment is never sent (RFC 9110 section 7.1).
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    speech, usual = known
    return replace(_of_name(parts.hostname), speech=speech, port=port or usual, path=quote(path, safe=_PATH))


def _of_name(text: str) -> Question:
    if hostnames.is_ip_literal(text.encode("utf-8")):
        return Question(None, text)
    try:
        return Question(hostnames.from_text(text), text)
    except ValueError as error:
        hint = "; for a URL write https://" if "/" in text else "; for a port write --port" if ":" in text else ""
        message = f"{error}{hint}"
        raise NoQuestionError(message) from error


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= _MOST:
        message = f"{text!r} is not a port, from 1 to {_MOST}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _path(text: str) -> str:
    if not text.startswith("/"):
        message = f"{text!r} does not begin with '/'"
        raise argparse.ArgumentTypeError(message)
    return quote(text, safe=_PATH)

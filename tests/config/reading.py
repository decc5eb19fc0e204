"""Short ways to read a file that a test has written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.config.load import Loaded, load_text
from pumpproxy.config.problems import BadValue, ConfigError, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumpproxy.model import Backend, Config, Frontend

SOURCE = "t.ini"

TLS = "[frontend f]\nmode = tls\nbind = *:443\n"
"""A frontend whose keys a test goes on with; its next line is line 4."""
HTTP = "[frontend f]\nmode = http\nbind = *:80\n"
TCP = "[frontend f]\nmode = tcp\nbind = *:22\n"
B = "[backend b]\nserver s = 127.0.0.1:8443\n"
"""A tcp backend, at the end of a file that uses it."""
H = "[backend h]\nmode = http\nserver s = 127.0.0.1:8080\n"


def load(text: str | bytes) -> Loaded:
    """What the text declares."""
    return load_text(text, SOURCE)


def config(text: str) -> Config:
    """The configuration of a text that is right in every way."""
    loaded = load(text)
    assert loaded.warnings == ()
    return loaded.config


def frontend(text: str) -> Frontend:
    """The only frontend of a text that is right in every way."""
    (only,) = config(text).frontends
    return only


def backend(text: str) -> Backend:
    """The only backend of a text that is right in every way."""
    (only,) = config(text).backends
    return only


def problems(text: str | bytes) -> list[str]:
    """Every problem of a text as `LINE: ...`, errors and warnings; empty where it is right."""
    read = outcome(text)
    found = read.problems if isinstance(read, ConfigError) else read.warnings
    assert any(problem.error for problem in found) == isinstance(read, ConfigError)
    return [str(problem).removeprefix(f"{SOURCE}:").strip() for problem in found]


def outcome(text: str | bytes) -> Loaded | ConfigError:
    """What the text declares, or why it does not."""
    try:
        return load(text)
    except ConfigError as error:
        return error


def faults_of(parse: Callable[..., object], *texts: str) -> tuple[Fault, ...]:
    """What a parser says against a value; empty where it returns one. A BadValue without a fault fails."""
    try:
        parse(*texts)
    except BadValue as bad:
        return bad.faults or (Fault("no fault"),)
    return ()

"""Values back to the words of the file, for messages.

May not: be needed to understand a configuration; what is written here is read by people.
"""

from __future__ import annotations

import enum
from dataclasses import replace
from typing import TYPE_CHECKING

from pumpproxy.config import checks, serverwords
from pumpproxy.model import Backend, Check, ForwardFor, Frontend, PersistenceCookie, Route, Server

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pumpproxy.config.serverwords import Word

_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))


def spelled(value: object) -> str:
    """A value of the model as the file would have it; `none` for one that is not given."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return _duration(value) if value else "no"
        case enum.Enum():
            return str(value.value)
        case tuple():
            return " ".join(map(spelled, value)) or "none"
        case ForwardFor():
            return _forwardfor(value)
        case PersistenceCookie():
            return _cookie(value)
        case _:
            return str(value)


def _duration(seconds: float) -> str:
    """The largest unit that holds it whole; what is below a millisecond cannot be written."""
    milliseconds = round(seconds * 1000)
    unit, size = next((unit, size) for unit, size in _UNITS if milliseconds % size == 0)
    return f"{milliseconds // size}{unit}"


def _forwardfor(value: ForwardFor) -> str:
    words = ["except", *map(str, value.networks)] if value.networks else []
    words += ["header", value.header] if value.header != ForwardFor().header else []
    words += ["if-none"] if value.if_none else []
    return " ".join(words) or "yes"


def _cookie(value: PersistenceCookie) -> str:
    words = [value.name, value.mode.value]
    words += [flag for flag in ("indirect", "nocache", "httponly", "secure") if getattr(value, flag)]
    words += ["maxidle", _duration(value.maxidle)] if value.maxidle is not None else []
    words += ["maxlife", _duration(value.maxlife)] if value.maxlife is not None else []
    return " ".join(words)


def server_line(server: Server) -> str:
    """What stands after the `=` of a server."""
    words = [str(server.address), *_words(server, Server(server.name, server.address), serverwords.OF_SERVERS)]
    if server.check is not None:
        check, pace = server.check, checks.usual(server.check.kind).inter
        words += [serverwords.CHECK.spelled(check.kind, spelled(check.kind))]
        words += _words(check, replace(checks.usual(check.kind, check.inter), inter=pace), serverwords.OF_CHECKS)
    return " ".join(words)


def _words(declared: Server | Check, plain: Server | Check, words: Iterable[Word]) -> Iterator[str]:
    """Those by which it differs from what a line without them declares."""
    for word in words:
        value = getattr(declared, word.field)
        if value != getattr(plain, word.field):
            yield word.spelled(value, _status(value) if isinstance(value, tuple) else spelled(value))


def _status(statuses: tuple[int, int]) -> str:
    low, high = statuses
    return str(low) if low == high else f"{low}-{high}"


def route_key(route: Route) -> str:
    """What stands before the `=` of a route."""
    condition = f" if alpn {route.alpn}" if route.alpn is not None else ""
    return f"route {route.host}{route.path}{condition}"


def section_line(section: Frontend | Backend) -> str:
    """A section in a few words, for the line that says it has come or gone."""
    if isinstance(section, Frontend):
        return f"{section.mode.value} on {spelled(section.binds)}"
    return f"{section.mode.value} to {spelled(tuple(server.address for server in section.servers))}"

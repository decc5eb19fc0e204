"""The values of persistence: a backend's `cookie`, and the `cookie=` of a server.

As HAProxy's `cookie`; what HAProxy takes there and then ignores is a fault here. May not: know if they go together.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pumpproxy.config import values
from pumpproxy.config.problems import BadValue, Fault, Faults, did_you_mean, quoted
from pumpproxy.model import CookieMode, PersistenceCookie

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 366 * 86400.0
"""Seconds of the longest age of a cookie: no timer waits for it, and no session of a browser lasts a year."""

_MODES = {mode.value: mode for mode in CookieMode}
_FLAGS = ("indirect", "nocache", "httponly", "secure")
_AGES = ("maxidle", "maxlife")
_ELSEWHERE = frozenset({"attr", "domain", "dynamic", "postonly", "preserve"})
"""HAProxy's other words."""

# RFC 6265 section 4.1.1: cookie-name = token, and cookie-octet = %x21 / %x23-2B / %x2D-3A / %x3C-5B / %x5D-7E.
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]+")
_ENDS = re.compile(r"[~|]")
"""What ends a server's value in a cookie."""


def cookie(text: str) -> PersistenceCookie:
    """`NAME MODE` and, for `insert`, its options in any order."""
    faults = Faults()
    name, *words = text.split()
    if _NAME.fullmatch(name) is None:
        faults.add(f"{quoted(name)} is not a cookie's name", "letters, digits and !#$%&'*+-.^_`|~ only", name)
    seen: set[str] = set()
    ages: dict[str, float] = {}
    rest = iter(words)
    for word in rest:
        if word in seen:
            faults.add(f"{quoted(word)} stands here twice", word=word)
        elif word not in _MODES and word not in _FLAGS and word not in _AGES:
            faults.add(f"{quoted(word)} is not known here", _hint(word), word)
        if word in _AGES:
            ages[word] = faults.attempt(_age(word), next(rest, ""))
        seen.add(word)
    mode = _mode(seen, faults)
    faults.check()
    flags = {flag: flag in seen for flag in _FLAGS}
    return PersistenceCookie(name, mode, **flags, maxidle=ages.get("maxidle"), maxlife=ages.get("maxlife"))


def _mode(seen: set[str], faults: Faults) -> CookieMode:
    """The one mode among the words; what it does not go with is a fault."""
    modes = [word for word in _MODES if word in seen]
    if not modes:
        faults.add("says neither prefix, insert nor rewrite", "for example JSESSIONID prefix, or SRV insert indirect")
        return CookieMode.INSERT
    for other in modes[1:]:
        faults.add(f"'{other}' does not go with '{modes[0]}'", "choose one", other)
    if "insert" not in modes:
        for word in (*_FLAGS, *_AGES):
            if word in seen:
                faults.add(f"'{word}' does not go with '{modes[0]}'", "only an inserted cookie is ours to set", word)
    return _MODES[modes[0]]


def _hint(word: str) -> str:
    if word in _ELSEWHERE:
        return f"HAProxy's '{word}' is not supported"
    return did_you_mean(word, (*_MODES, *_FLAGS, *_AGES))


def _age(word: str) -> Callable[[str], float]:
    def parse(text: str) -> float:
        if not text:
            raise BadValue(Fault(f"'{word}' is followed by no duration", f"for example {word} 30m", word))
        if text.isdecimal():
            raise BadValue(Fault(f"{quoted(text)} is not a duration", "HAProxy reads it as seconds: add an s", text))
        return values.duration(text, LONGEST)

    return parse


def server_value(text: str) -> str:
    """What stands for a server in a cookie."""
    if _VALUE.fullmatch(text) is None:
        hint = "visible ASCII without quotes, commas, semicolons and backslashes"
        raise BadValue(Fault(f"{quoted(text)} cannot be a cookie's value", hint))
    if _ENDS.search(text) is not None:
        raise BadValue(Fault(f"{quoted(text)} has '~' or '|', which end a server's value in a cookie"))
    return text

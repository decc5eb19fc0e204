"""Single values: the text after `=` to what it stands for.

A parser takes the whole value, stripped, and returns it or raises BadValue with every fault of it. May not: know the
key, the section or the rest of the file. Addresses, routes and server lines have their own modules.
"""

from __future__ import annotations

import contextlib
import enum
import ipaddress
import re
from typing import TYPE_CHECKING, TypeVar

from pumpproxy import hostnames
from pumpproxy.config.problems import BadValue, Fault, Faults, did_you_mean, quoted
from pumpproxy.model import ForwardFor, Network, Redispatch
from pumpproxy.wire.httpfields import likeness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")
E = TypeVar("E", bound=enum.Enum)

LONGEST = 2_147_483.647
"""Seconds of the longest duration: HAProxy's limit, 2^31 - 1 milliseconds, which is also epoll's."""

LARGEST_COUNT = 2**31 - 1
"""HAProxy's counts are of this size too; no kernel gives more descriptors."""

MOST_RETRIES = 1000
"""One a second: longer than any client waits."""

LATER = "comes with a later version"

_DURATION = re.compile(r"([0-9]{1,15})(ms|s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_NUMBER = re.compile(r"[0-9]{1,15}")
_SIZE = re.compile(r"([0-9]{1,15})([km]?)")
_BYTES = {"": 1, "k": 1024, "m": 1024 * 1024}
_NAME = re.compile(r"[A-Za-z0-9_.:-]+")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110 section 5.6.2
_YES = frozenset({"yes", "true", "on"})
_NO = frozenset({"no", "false", "off"})

# What frames or routes a message; adding one would break it (RFC 9112 section 6, RFC 9110 sections 7.2 and 7.6).
_RESERVED_FIELDS = frozenset(
    {"connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)


def duration(text: str, longest: float = LONGEST) -> float:
    """Seconds, of a whole number with a unit: `250ms`, `5s`, `1m`, `1h`, `1d`. Zero is refused: it has no meaning."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise BadValue(Fault(f"{quoted(text)} is not a duration", _duration_hint(text)))
    number = int(match[1])
    seconds = number / 1000 if match[2] == "ms" else float(number * _SECONDS[match[2]])
    if not 0 < seconds <= longest:
        raise BadValue(Fault(f"{quoted(text)} is out of range", f"from 1ms to {longest // 86400:.0f}d"))
    return seconds


def duration_or_no(text: str) -> float:
    """A duration, or `no` (zero)."""
    return 0.0 if text.lower() in _NO else duration(text)


def _duration_hint(text: str) -> str:
    if _NUMBER.fullmatch(text):
        number = int(text)
        seconds = number // 1000 if number and number % 1000 == 0 else number
        return f"HAProxy reads {number} as milliseconds: write {seconds}s or {number}ms"
    return "a whole number and a unit, for example 250ms, 5s, 1m, 1h or 1d"


def number(least: int, most: int) -> Callable[[str], int]:
    """A parser of a whole decimal number within these bounds."""

    def parse(text: str) -> int:
        if not _NUMBER.fullmatch(text):
            raise BadValue(Fault(f"{quoted(text)} is not a whole number", word=text))
        value = int(text)
        if not least <= value <= most:
            raise BadValue(Fault(f"{text} is out of range", f"from {least} to {most}", text))
        return value

    return parse


count = number(1, LARGEST_COUNT)
"""A parser of how many there may be."""


def size(least: int, most: int) -> Callable[[str], int]:
    """A parser of bytes within these bounds: a whole number, alone or with `k` (1024) or `m` (1024 times 1024)."""

    def parse(text: str) -> int:
        match = _SIZE.fullmatch(text.lower())
        if match is None:
            raise BadValue(Fault(f"{quoted(text)} is not a size", "a whole number of bytes, or as 64k or 1m"))
        value = int(match[1]) * _BYTES[match[2]]
        if not least <= value <= most:
            raise BadValue(Fault(f"{quoted(text)} is out of range", f"from {_size(least)} to {_size(most)}"))
        return value

    return parse


def _size(value: int) -> str:
    unit = next(unit for unit in ("m", "k", "") if value % _BYTES[unit] == 0)
    return f"{value // _BYTES[unit]}{unit}"


def boolean(text: str) -> bool:
    """`yes`, `true`, `on` and their opposites, in any letter case."""
    word = text.lower()
    if word not in _YES and word not in _NO:
        raise BadValue(Fault(f"{quoted(text)} is neither yes nor no", "write yes or no"))
    return word in _YES


def redispatch(text: str) -> Redispatch | int:
    """A boolean, or the N of "every Nth attempt"."""
    if _NUMBER.fullmatch(text):
        return number(1, MOST_RETRIES)(text)
    return Redispatch.YES if boolean(text) else Redispatch.NO


def choice(members: Iterable[E], *later: str) -> Callable[[str], E]:
    """A parser of the values of these members; `later` are the words before any `:` that a later version takes."""
    known = {member.value: member for member in members}

    def parse(text: str) -> E:
        if text in known:
            return known[text]
        hint = LATER if text.partition(":")[0] in later else did_you_mean(text, known)
        raise BadValue(Fault(f"{quoted(text)} is not one of {', '.join(known)}", hint))

    return parse


def each(parse: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    """A parser of a list, separated by white space, each of its words by `parse`."""

    def parse_all(text: str) -> tuple[T, ...]:
        faults = Faults()
        found = tuple(faults.attempt(parse, word) for word in text.split())
        faults.check()
        return found

    return parse_all


def name(text: str) -> str:
    """A name of ours (of a section, a server): letters, digits and `_ . : -`, as HAProxy has it, so fit for a log."""
    if _NAME.fullmatch(text) is None:
        raise BadValue(Fault(f"{quoted(text)} is not a name", "letters, digits and _ . : - only", text))
    return text


def host(text: str) -> str:
    """A host name in its one spelling (see `hostnames`)."""
    if "*" in text or text.startswith("."):
        raise BadValue(Fault(f"{quoted(text)} is not one host name", "wildcards are for routes", text))
    if hostnames.is_ip_literal(text.encode("utf-8")):
        raise BadValue(Fault(f"{quoted(text)} is an address, not a host name", word=text))
    try:
        return hostnames.from_text(text)
    except ValueError as error:
        raise BadValue(Fault(str(error), word=text)) from error


def network(text: str) -> Network:
    """An address, or a network `ADDRESS/BITS` without bits set beyond its mask."""
    if "%" in text:
        raise BadValue(Fault(f"{quoted(text)} has a zone, which a network has not", word=text))
    with contextlib.suppress(ValueError):
        return ipaddress.ip_network(text)
    try:
        wide = ipaddress.ip_network(text, strict=False)
    except ValueError:
        hint = "separate networks by white space" if "," in text else "for example 10.0.0.0/8 or 2001:db8::/32"
        raise BadValue(Fault(f"{quoted(text)} is not a network", hint, text)) from None
    address = text.partition("/")[0]
    hint = f"write {wide} for the network, {address} for the one address"
    raise BadValue(Fault(f"{quoted(text)} has bits set beyond its mask", hint, text))


def forwardfor(text: str) -> ForwardFor | None:
    """`yes`, `no` (None), or `[except NET...] [header NAME] [if-none]` in any order."""
    words = text.split()
    if len(words) == 1 and words[0].lower() in _YES | _NO:
        return ForwardFor() if boolean(words[0]) else None
    faults = Faults()
    groups = _by_keyword(words, ("except", "header", "if-none"), faults)
    networks = [faults.attempt(network, word) for word in groups.get("except", ())]
    headers = [faults.attempt(field_name, word) for word in groups.get("header", ())]
    if "except" in groups and not networks:
        faults.add("'except' is followed by no network", "for example except 127.0.0.0/8", "except")
    if "header" in groups and len(headers) != 1:
        faults.add("'header' is followed by one name", "for example header X-Client-IP", "header")
    for word in groups.get("if-none", ()):
        faults.add(f"{quoted(word)} after 'if-none'", word=word)
    faults.check()
    header = headers[0] if headers else ForwardFor().header
    return ForwardFor(header, tuple(networks), "if-none" in groups)


def _by_keyword(words: list[str], keywords: tuple[str, ...], faults: Faults) -> dict[str, list[str]]:
    """The words after each keyword; what stands before the first, and a keyword that stands twice, is a fault."""
    groups: dict[str, list[str]] = {}
    group: list[str] | None = None
    for word in words:
        if word in keywords:
            if word in groups:
                faults.add(f"'{word}' stands here twice", word=word)
            group = groups.setdefault(word, [])
        elif group is None:
            hint = did_you_mean(word, keywords) or "yes, no, or [except NET...] [header NAME] [if-none]"
            faults.add(f"{quoted(word)} is not known here", hint, word)
        else:
            group.append(word)
    return groups


def pseudonym(text: str) -> str | None:
    """The name of a proxy in `Via` (RFC 9110, section 7.6.3), or `no` (None)."""
    if text.lower() in _NO:
        return None
    if text.lower() in _YES:
        raise BadValue(Fault("no name is given", "write the name that is to stand in Via"))
    if _TOKEN.fullmatch(text) is None:
        raise BadValue(Fault(f"{quoted(text)} is not a pseudonym", "one word without : / ( ) , ; and the like"))
    return text


def field_name(text: str) -> str:
    """An HTTP field name that may be added to a request without breaking it."""
    if _TOKEN.fullmatch(text) is None:
        raise BadValue(Fault(f"{quoted(text)} is not a header name", word=text))
    if likeness(text.encode("ascii")).decode("ascii") in _RESERVED_FIELDS:
        raise BadValue(Fault(f"{quoted(text)} frames or routes the request", "choose another header", text))
    return text

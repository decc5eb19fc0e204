"""The check of a server's line: its values, and what its words say of each other.

May not: know the rest of the line, or which name is routed to the server (`checknames`).
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pumpproxy import hostnames
from pumpproxy.config.problems import BadValue, Fault, quoted
from pumpproxy.model import Check, CheckKind
from pumpproxy.wire.errors import HttpError
from pumpproxy.wire.httptarget import parse_authority

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pumpproxy.config.problems import Faults

MOST = 100
"""Checks in a row, of `rise` and `fall`: minutes at the usual pace, in which nobody wants to wait for a verdict."""

TLS_KINDS = (CheckKind.TLS_HELLO, CheckKind.TLS)
_EVERY = tuple(CheckKind)
_HTTP = (CheckKind.HTTP,)

KINDS: dict[str, tuple[CheckKind, ...]] = {
    "inter": _EVERY,
    "fastinter": _EVERY,
    "downinter": _EVERY,
    "rise": _EVERY,
    "fall": _EVERY,
    "check-sni": TLS_KINDS,
    "check-verify": (CheckKind.TLS,),
    "check-path": _HTTP,
    "check-host": _HTTP,
    "check-status": _HTTP,
}
"""The words that say how to check, and of which kinds each is."""

# RFC 9112 section 3.2.1: origin-form. As the wire takes it: visible ASCII, and no fragment, which is never sent.
_PATH = re.compile(r'/[!"$-~]*')
_STATUS = re.compile(r"([0-9]{3})(?:-([0-9]{3}))?")
_LEAST_STATUS, _LAST_STATUS = 200, 599
"""RFC 9110 section 15: an interim response, 1xx, is no answer."""


def path(text: str) -> str:
    """The path, and query, that a check asks for."""
    if _PATH.fullmatch(text) is None:
        raise BadValue(Fault(f"{quoted(text)} is not a path", "from its / on, visible ASCII without #"))
    return text


def host(text: str) -> str:
    """The Host that a check asks for: a name or an address, with its port where that is to be said."""
    name, colon, port = text.partition(":")
    try:
        raw = text if text.isascii() else hostnames.from_text(name) + colon + port
        found, number = parse_authority(raw.encode("ascii"))
    except (HttpError, ValueError) as error:
        hint = "for example www.example.org or www.example.org:8080"
        raise BadValue(Fault(f"{quoted(text)} is not a host", hint)) from error
    return found if number is None else f"{found}:{number}"


def status(text: str) -> tuple[int, int]:
    """One status, or the range `LOW-HIGH` of them."""
    match = _STATUS.fullmatch(text)
    low, high = (int(match[1]), int(match[2] or match[1])) if match is not None else (0, 0)
    if not _LEAST_STATUS <= low <= high <= _LAST_STATUS:
        hint = f"for example 200 or 200-399, from {_LEAST_STATUS} to {_LAST_STATUS}"
        raise BadValue(Fault(f"{quoted(text)} is neither a status nor a range", hint))
    return low, high


def usual(kind: CheckKind, inter: float | None = None) -> Check:
    """The check of a line that says no more than this; `inter` in seconds, None for the default."""
    check = Check(kind)
    inter = check.inter if inter is None else inter
    return replace(check, inter=inter, fastinter=min(inter, check.fastinter), downinter=inter)


def build(said: Mapping[str, Any], written: Mapping[str, str], faults: Faults) -> Check | None:
    """The check that a line declares, or None; what does not go together is a fault.

    `said`: the values that could be read, by field of Check, and the kind as `check`; `written`: every word of the
    line, by its key.
    """
    kind: CheckKind | None = said.get("check")
    for key, word in written.items():
        if key in KINDS and "check" not in written:
            faults.add(f"{quoted(key)} needs 'check'", "nobody checks this server", word)
        elif key in KINDS and kind is not None and kind not in KINDS[key]:
            faults.add(f"{quoted(key)} does not go with check={kind.value}", f"it is for {_named(KINDS[key])}", word)
    if kind is None:
        return None
    check = replace(usual(kind, said.get("inter")), **{key: value for key, value in said.items() if key != "check"})
    if check.fastinter > check.inter and ("inter" in said or "inter" not in written):
        hint = "a state in doubt is looked at more often, not less"
        faults.add("'fastinter' is longer than 'inter'", hint, written["fastinter"])
    return check


def _named(kinds: Iterable[CheckKind]) -> str:
    return " or ".join(f"check={kind.value}" for kind in kinds)

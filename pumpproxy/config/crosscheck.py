"""What can only be said of several sections together: names, modes, addresses.

May not: read a value; everything here has been read.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from pumpproxy.config import addresses, backendrows, backends, frontendrows, frontends, routes
from pumpproxy.config.problems import Place, Problems, nearest, quoted
from pumpproxy.model import BindAddress, Mode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pumpproxy.config.ini import Entry
    from pumpproxy.config.sections import Values


_HINTS = 50
"""Undeclared names that are compared with the declared ones, at some milliseconds each; the rest get no hint."""


@dataclass(frozen=True, slots=True)
class Unread:
    """What was a problem already, and so may not be missed a second time."""

    entries: Sequence[Entry]
    """Of frontends and of `[defaults]`."""
    headers: Sequence[str]
    """Of sections of no kind."""


@dataclass(frozen=True, slots=True)
class _Listener:
    place: Place
    address: BindAddress


def check(fronts: Mapping[str, Values], backs: Mapping[str, Values], unread: Unread, problems: Problems) -> None:
    """Find what the sections, by name, say against each other."""
    used = {word for entry in unread.entries for word in entry.value.split()}
    _check_references(fronts, backs, unread, used, problems)
    for name, values in backs.items():
        if name not in used and not unread.headers:
            problems.warning(values.place, "is used by no frontend")
    _check_loops(_listeners(fronts, problems), backs, problems)


def _check_references(
    fronts: Mapping[str, Values], backs: Mapping[str, Values], unread: Unread, used: set[str], problems: Problems
) -> None:
    meant: dict[str, str] = {}
    lost = {header.rpartition(" ")[2] for header in unread.headers}
    for values in fronts.values():
        for reference in frontends.references(values):
            used.add(reference.backend)
            if reference.backend in backs:
                _check_modes(reference, backends.mode_of(backs[reference.backend]), problems)
            elif reference.backend not in lost:
                if reference.backend not in meant and len(meant) < _HINTS:
                    meant[reference.backend] = nearest(reference.backend, chain(backs, routes.ACTIONS))
                near = meant.get(reference.backend, "")
                used.add(near)
                hint = f"did you mean {quoted(near)}?" if near else ""
                problems.error(reference.place, f"there is no backend {quoted(reference.backend)}", hint)


def _check_modes(reference: frontends.Reference, mode: Mode | None, problems: Problems) -> None:
    if mode is None or reference.mode is None or (mode is Mode.HTTP) == (reference.mode is Mode.HTTP):
        return
    name, own = reference.backend, reference.mode.value
    hint = "its servers would get what nobody has read: name a tcp backend"
    if mode is Mode.TCP:
        hint = f"write mode = http in [backend {name}]"
    message = f"backend {quoted(name)} has mode = {mode.value}, and this frontend {own}"
    problems.error(reference.place, message, hint)


_Listeners = dict[object, list[_Listener]]
"""By what addresses have in common that meet (see `addresses.slot`)."""


def _listeners(fronts: Mapping[str, Values], problems: Problems) -> _Listeners:
    """All addresses of the file; two that the kernel would not give at once are a problem of the later one."""
    found: _Listeners = {}
    for values in fronts.values():
        given = values.given(frontendrows.BIND)
        if given is None:
            continue
        for word, address in zip(given.entry.value.split(), given.value, strict=True):
            place = given.at(word)
            same = found.setdefault(addresses.slot(address), [])
            for other in same:
                if addresses.overlap(address, other.address):
                    where = f"in line {other.place.line}, [{other.place.section}]"
                    what = "is bound twice" if address == other.address else f"overlaps {other.address}"
                    problems.error(place, f"{address} {what}", where)
                    break
            same.append(_Listener(place, address))
    return found


def _check_loops(listeners: _Listeners, backs: Mapping[str, Values], problems: Problems) -> None:
    for values in backs.values():
        for given in values.each(backendrows.SERVER):
            for listener in listeners.get(addresses.slot(given.value.address), ()):
                if addresses.leads_to(given.value.address, listener.address):
                    message = f"{given.value.address} is our own address: connections come back to us"
                    problems.warning(given.place, message, f"{listener.address} of [{listener.place.section}]")
                    break

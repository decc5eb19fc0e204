"""What a reload changes: two configurations to a list of changes, and what stands in its way.

Sections, routes and servers are told apart by name, as their counters are. May not: look at anything live; whether an
address can be opened is found out by opening it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from pumpproxy.config import addresses
from pumpproxy.config.spelling import route_key, section_line, server_line, spelled
from pumpproxy.model import Backend, Frontend, RegexHost

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pumpproxy.model import BindAddress, Config

_PIECEWISE = frozenset({"name", "binds", "routes", "servers", "use_server"})
"""Fields that are compared piece by piece."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `before` is None for what is added, `after` for what is removed; both are the file's words."""

    section: str
    """`global`, `frontend NAME` or `backend NAME`."""
    what: str
    """A key, with its name where it has one; empty for the section as a whole."""
    before: str | None
    after: str | None

    def __str__(self) -> str:
        subject = f"{self.section}: {self.what}".removesuffix(": ")
        if self.before is None:
            return f"{subject} added: {self.after}" if self.after else f"{subject} added"
        if self.after is None:
            return f"{subject} removed"
        return f"{subject}: {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class Changes:
    """All differences between two configurations, in the order of the new one's sections."""

    items: tuple[Change, ...]
    blocked: tuple[tuple[BindAddress, BindAddress], ...]
    """(new, old): addresses that cannot be opened while the old one is, which a reload closes last."""

    def lines(self) -> list[str]:
        """One line for the log of each change; empty where nothing changed."""
        return list(map(str, self.items))

    def needs_restart(self) -> list[str]:
        """Why a reload cannot do it, one sentence a reason; empty where it can."""
        return [
            f"bind: {new} overlaps {old}, which is open until the new one is: restart instead of reloading"
            for new, old in self.blocked
        ]


def changes(old: Config, new: Config) -> Changes:
    """The differences, and the new addresses that a reload cannot open."""
    items = [
        *_changed("global", _global(old), _global(new)),
        *_sections("frontend", {one.name: one for one in old.frontends}, {one.name: one for one in new.frontends}),
        *_sections("backend", {one.name: one for one in old.backends}, {one.name: one for one in new.backends}),
    ]
    return Changes(tuple(items), tuple(_blocked(_binds(old), _binds(new))))


def _sections(
    kind: str, old: Mapping[str, Frontend | Backend], new: Mapping[str, Frontend | Backend]
) -> Iterator[Change]:
    for name, section in new.items():
        title = f"{kind} {name}"
        if name not in old:
            yield Change(title, "", None, section_line(section))
            continue
        yield from _changed(title, _facts(old[name]), _facts(section))
        before, after = _ordered(old[name]), _ordered(section)
        yield from _reordered(title, before, after)
    for name, section in old.items():
        if name not in new:
            yield Change(f"{kind} {name}", "", section_line(section), None)


def _changed(section: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for what, after in new.items():
        before = old.get(what)
        if before != after:
            yield Change(section, what, before, after)
    for what, before in old.items():
        if what not in new:
            yield Change(section, what, before, None)


def _reordered(section: str, old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    both = set(old) & set(new)
    before, after = [one for one in old if one in both], [one for one in new if one in both]
    if before != after:
        yield Change(section, "order", " ".join(before), " ".join(after))


def _global(config: Config) -> dict[str, str]:
    return {key: spelled(getattr(config, key)) for key in ("maxconn", "log", "relay", "nameservers")}


def _facts(section: Frontend | Backend) -> dict[str, str]:
    """All that a section says: a key, with its name where it has one -> its value; a list is a key for each."""
    found = {
        one.name.replace("_", "-"): spelled(getattr(section, one.name))
        for one in fields(section)
        if one.name not in _PIECEWISE
    }
    if isinstance(section, Backend):
        found |= {f"server {server.name}": server_line(server) for server in section.servers}
        found |= {f"use-server for {host}": server for host, server in section.use_server}
        return found
    found |= {f"bind {address}": "" for address in section.binds}
    found |= {route_key(route): spelled(route.target) for route in section.routes}
    return found


def _ordered(section: Frontend | Backend) -> list[str]:
    """What the order of the file decides: of patterns the first that matches wins; servers take turns."""
    if isinstance(section, Backend):
        return [server.name for server in section.servers]
    return [route_key(route) for route in section.routes if isinstance(route.host, RegexHost)]


def _binds(config: Config) -> list[BindAddress]:
    return [address for frontend in config.frontends for address in frontend.binds]


def _blocked(old: Sequence[BindAddress], new: Sequence[BindAddress]) -> Iterator[tuple[BindAddress, BindAddress]]:
    closing: dict[object, list[BindAddress]] = {}
    open_already = set(old)
    for address in open_already - set(new):
        closing.setdefault(addresses.slot(address), []).append(address)
    for address in new:
        if address not in open_already:
            for other in sorted(closing.get(addresses.slot(address), ()), key=str):
                if addresses.overlap(address, other):
                    yield address, other

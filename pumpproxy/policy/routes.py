"""Which target a name, a path and an ALPN list lead to; the order in the file never matters (but among regexes).

An exact name beats the longest wildcard, which beats the first regex that matches, which beats the default; among
routes of one name the longest path wins, and one with a condition beats one without. `*.x` beats `.x`; of two
conditions that both hold, the protocol that comes first in the alphabet wins.
May not: see a socket, or know what a target does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from pumpproxy.model import ExactHost, RegexHost, WildcardHost

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pumpproxy.model import Route, Target


class _Rule(NamedTuple):
    path: bytes
    alpn: bytes | None
    target: Target

    def fits(self, path: bytes, alpn: Sequence[bytes]) -> bool:
        return path.startswith(self.path) and (self.alpn is None or self.alpn in alpn)


def _rules(routes: Iterable[Route]) -> tuple[_Rule, ...]:
    """Most particular first, so that the first that fits is the one that wins."""
    rules = [_Rule(r.path.encode(), None if r.alpn is None else r.alpn.encode(), r.target) for r in routes]
    rules.sort(key=lambda rule: (-len(rule.path), rule.alpn is None, rule.alpn or b""))
    return tuple(rules)


def _grouped(pairs: Iterable[tuple[str, Route]]) -> dict[str, tuple[_Rule, ...]]:
    groups: dict[str, list[Route]] = {}
    for key, route in pairs:
        groups.setdefault(key, []).append(route)
    return {key: _rules(routes) for key, routes in groups.items()}


class RouteTable:
    """The routes of one frontend, ready for look-ups. Immutable; a reload makes another.

    `plain`: names whose target depends on nothing else; where one is there, it is what `lookup` says.
    """

    __slots__ = ("_apexes", "_below", "_exact", "_regexes", "plain")

    def __init__(self, routes: Iterable[Route]) -> None:
        routes = tuple(routes)
        exact = _grouped((r.host.name, r) for r in routes if isinstance(r.host, ExactHost))
        # Nearly every route is one unconditional name: those are answered by one look-up.
        self.plain: dict[str | None, Target] = {
            name: rules[0].target for name, rules in exact.items() if not rules[0].path and rules[0].alpn is None
        }
        self._exact = {name: rules for name, rules in exact.items() if name not in self.plain}
        wild = [(r.host, r) for r in routes if isinstance(r.host, WildcardHost)]
        self._below = _grouped((host.suffix, r) for host, r in wild if not host.apex)
        self._apexes = _grouped((host.suffix, r) for host, r in wild if host.apex)
        patterns = dict.fromkeys(r.host.pattern for r in routes if isinstance(r.host, RegexHost))
        self._regexes = [
            (
                re.compile(pattern, re.ASCII),
                _rules(r for r in routes if isinstance(r.host, RegexHost) and r.host.pattern == pattern),
            )
            for pattern in patterns
        ]

    def lookup(self, name: str, alpn: Sequence[bytes] = (), path: bytes = b"") -> Target | None:
        """The target for a name in the one spelling; None where no route fits, which is for the default to answer."""
        target = self.plain.get(name)
        if target is not None:
            return target
        for rules in self._candidates(name):
            for rule in rules:
                if rule.fits(path, alpn):
                    return rule.target
        return None

    def _candidates(self, name: str) -> Iterator[tuple[_Rule, ...]]:
        """Groups of rules whose host fits, the most particular host first."""
        if name in self._exact:
            yield self._exact[name]
        if self._below or self._apexes:
            if name in self._apexes:
                yield self._apexes[name]
            dot = name.find(".")
            while dot >= 0:
                suffix = name[dot + 1 :]
                if suffix in self._below:
                    yield self._below[suffix]
                if suffix in self._apexes:
                    yield self._apexes[suffix]
                dot = name.find(".", dot + 1)
        for regex, rules in self._regexes:
            if regex.fullmatch(name):
                yield rules

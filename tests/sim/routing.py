"""The sentence on which route wins, read as naively as it is written: for comparison, and sharing no code with us.

"An exact name beats the longest wildcard, which beats the first regex that matches, which beats the default; among
routes of one name the longest path wins, and one with a condition beats one without."
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pumpproxy.model import ExactHost, RegexHost, WildcardHost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pumpproxy.model import Route, Target


def winners(routes: Sequence[Route], name: str, alpn: Sequence[bytes] = (), path: str = "") -> set[Target]:
    """The targets of the routes that nothing beats; several where only their conditions differ, none for no route."""
    best: tuple[int, ...] = ()
    found: set[Target] = set()
    hosts = [route.host for route in routes]
    for route in routes:
        rank = _rank(route, name, hosts.index(route.host))
        meets = route.alpn is None or route.alpn.encode() in alpn
        if not rank or not meets or not path.startswith(route.path):
            continue
        rank = (*rank, len(route.path), int(route.alpn is not None))
        if rank > best:
            best, found = rank, set()
        if rank == best:
            found.add(route.target)
    return found


def _rank(route: Route, name: str, place: int) -> tuple[int, ...]:
    """How well the host fits, more being better; empty where it does not. `place`: where the host stands first."""
    host = route.host
    match host:
        case ExactHost():
            return (3,) if host.name == name else ()
        case WildcardHost():
            labels, suffix = name.split("."), host.suffix.split(".")
            below = len(labels) > len(suffix) and labels[-len(suffix) :] == suffix
            # Of `*.x` and `.x`, which are as long, the first is the more particular one.
            return (2, len(suffix), int(not host.apex)) if below or (host.apex and labels == suffix) else ()
        case RegexHost():
            return (1, -place) if re.fullmatch(host.pattern, name) else ()

"""The server names that checks ask for where the file does not say: those that are routed to the server.

May not: overrule `check-sni`, or guess: of two names neither is taken, and a pattern is no name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pumpproxy.config import checks
from pumpproxy.model import ExactHost, Mode

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pumpproxy.model import Backend, Frontend, Server


def named(frontends: Iterable[Frontend], backends: Iterable[Backend]) -> tuple[Backend, ...]:
    """The backends, with the names that their TLS checks ask for."""
    routed: dict[str, set[str]] = {}
    for frontend in frontends:
        for route in frontend.routes:
            if frontend.mode is Mode.TLS and isinstance(route.host, ExactHost) and isinstance(route.target, str):
                routed.setdefault(route.target, set()).add(route.host.name)
    return tuple(_named(backend, routed.get(backend.name, set())) for backend in backends)


def _named(backend: Backend, routed: Collection[str]) -> Backend:
    if all(server.check is None for server in backend.servers):
        return backend
    used: dict[str, list[str]] = {}
    for name, server in backend.use_server:
        used.setdefault(server, []).append(name)
    rest = set(routed).difference(*used.values())
    return replace(backend, servers=tuple(_asking(one, used.get(one.name, rest)) for one in backend.servers))


def _asking(server: Server, names: Collection[str]) -> Server:
    """The server, whose check asks for the one name of these, if it is one and the file says no other."""
    check = server.check
    if check is None or check.kind not in checks.TLS_KINDS or check.sni is not None or len(names) != 1:
        return server
    (name,) = names
    return replace(server, check=replace(check, sni=name))

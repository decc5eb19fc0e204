"""What `systemctl status` says of the service, in one line made of what lives. May not: send it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pumpproxy.policy.runtime import Runtime

NAMED = 3
"""Servers that are named where they are not there; of more only the number is told."""


def status(runtime: Runtime, trouble: str = "") -> str:
    """`trouble` first, where there is any: it is what whoever looks must know."""
    routes = sum(len(frontend.declared.routes) for frontend in runtime.frontends.values())
    servers = [(pool, server) for pool in runtime.pools.values() for server in pool.servers.values()]
    away = [f"{pool.backend.name}/{server.name}" for pool, server in servers if not server.usable]
    relays = sum(pool.connections for pool in runtime.pools.values())
    waiting = sum(pool.waiting for pool in runtime.pools.values())
    parts = [
        counted(routes, "route"),
        f"{len(servers) - len(away)} of {counted(len(servers), 'server')} up{_names(away)}",
        counted(relays, "relay"),
    ]
    if waiting:
        parts.append(f"{waiting} waiting for a server")
    text = ", ".join(parts)
    return f"{trouble}; {text}" if trouble else text


def refusal(problems: Sequence[object]) -> str:
    """The trouble of a reload that was refused: its first problem, and how many more there are; no warnings."""
    errors = [problem for problem in problems if getattr(problem, "error", True)]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"reload refused: {errors[0] if errors else 'see the log'}{more}"


def counted(number: int, what: str) -> str:
    """`1 route`, `2 routes`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _names(away: Sequence[str]) -> str:
    if not away:
        return ""
    more = f" and {len(away) - NAMED} more" if len(away) > NAMED else ""
    return f" (without {', '.join(away[:NAMED])}{more})"

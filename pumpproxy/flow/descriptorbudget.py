"""How many clients the limit of file descriptors carries, and what it is shared out to.

May not: count what is open.
"""

from __future__ import annotations

import resource

RESERVED = 64
"""For the log, the resolver, the reactor's own, and files of the interpreter."""
MOST_DESCRIPTORS = 1_048_576
"""The most that are asked for: the kernel's own default ceiling (fs.nr_open)."""
MOST_KEPT = 1024
"""Idle connections to servers that wait for the next request: of all servers, and no more than..."""
KEPT_SHARE = 16
"""...one in so many descriptors."""


def descriptor_limit() -> int:
    """Raise the soft limit to the hard one, as far as it makes sense; what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return most
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):
        return soft
    return most


class DescriptorBudget:
    """Of a process with this limit: two a client, some for kept servers' connections, and a reserve."""

    __slots__ = ("clients", "kept", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.kept = min(MOST_KEPT, limit // KEPT_SHARE)
        self.clients = max(1, (limit - RESERVED - self.kept) // 2)

    def beside(self, checks: int) -> int:
        """How many clients it carries, where so many servers may be checked at a time: one descriptor each."""
        return max(1, self.clients - (checks + 1) // 2)

    def needed(self, clients: int) -> int:
        """The limit that so many clients would need."""
        return 2 * clients + RESERVED + self.kept

    def shortage(self, maxconn: int | None) -> str | None:
        """What there is to be said of a `maxconn` that does not fit."""
        if maxconn is None or maxconn <= self.clients:
            return None
        needs = f"maxconn = {maxconn} needs {self.needed(maxconn)} descriptors, and the limit is {self.limit}"
        return f"{needs}: connections will wait"

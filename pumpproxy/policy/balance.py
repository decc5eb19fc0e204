"""Which of several servers comes next.

May not: know why a server is eligible. `pool` asks with the ones that are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pumpproxy.policy.pool import ServerState


def roundrobin(servers: Sequence[ServerState]) -> ServerState | None:
    """Smooth weighted round robin, as nginx does it: of weights 5, 1, 1 no five come in a row.

    Every candidate gains its weight, the richest is chosen and pays for all. Ties go to the first in the file.
    """
    if len(servers) == 1:
        return servers[0]
    best: ServerState | None = None
    total = 0
    for server in servers:
        weight = server.weight
        total += weight
        server.credit += weight
        if best is None or server.credit > best.credit:
            best = server
    if best is not None:
        best.credit -= total
    return best

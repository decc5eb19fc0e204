"""Which of several servers comes next, for each `balance` of the file.

May not: know why a server is eligible. `pool` asks with the ones that are; an empty choice has no next one.
"""

from __future__ import annotations

from hashlib import blake2b
from math import log
from typing import TYPE_CHECKING

from pumpproxy.model import Balance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pumpproxy.policy.serverstate import ServerState

    Choice = Callable[[Sequence[ServerState], str, "Chance"], ServerState | None]
    """Of these servers, for a client at this address ("" where nobody knows)."""

_MASK = (1 << 64) - 1


class Chance:
    """Numbers by chance, from a seed: xorshift64* (Marsaglia; Vigna 2014). Good for spreading, not for secrets."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = (seed & _MASK) or 1

    def below(self, limit: int) -> int:
        """One of 0, 1, ..., `limit` - 1."""
        state = self._state
        state ^= state >> 12
        state ^= (state << 25) & _MASK
        state ^= state >> 27
        self._state = state
        return ((state * 0x2545F4914F6CDD1D & _MASK) >> 32) * limit >> 32


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


def load(server: ServerState) -> float:
    """Connections to one part of its weight, those that wait for it too."""
    return (server.connections + len(server.queue)) / server.weight


def leastconn(servers: Sequence[ServerState]) -> ServerState | None:
    """Who has the fewest connections for its weight; in turn among those."""
    if not servers:
        return None
    least = min(map(load, servers))
    return roundrobin([server for server in servers if load(server) == least])


def source_key(text: str) -> int:
    """64 bits that stand for a server's name or a client's address, the same in every process."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _mixed(value: int) -> int:
    """The last step of splitmix64 (Steele, Lea, Flood 2014): each bit of the result depends on all of `value`."""
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return value ^ (value >> 31)


def source(servers: Sequence[ServerState], client: str) -> ServerState | None:
    """By the client's address, weighted rendezvous hashing (Thaler, Ravishankar 1998; Schindelhauer 2005).

    Each server draws a number for each client, by both their names alone, and the highest wins. So one that comes takes
    its share from all the others, one that goes leaves its clients to all of them, and nobody else moves.
    """
    if len(servers) == 1:
        return servers[0]
    key = source_key(client)
    best: ServerState | None = None
    highest = 0.0
    for server in servers:
        drawn = (_mixed(key ^ server.key) + 0.5) / 2.0**64
        score = server.weight / -log(drawn) if drawn < 1.0 else 2.0**64
        if best is None or score > highest:
            best, highest = server, score
    return best


def random(servers: Sequence[ServerState], chance: Chance) -> ServerState | None:
    """The less busy of two that are drawn by their weights (Mitzenmacher 2001)."""
    if not servers:
        return None
    one, other = _drawn(servers, chance), _drawn(servers, chance)
    return other if load(other) < load(one) else one


def _drawn(servers: Sequence[ServerState], chance: Chance) -> ServerState:
    left = chance.below(sum(server.weight for server in servers))
    for server in servers:
        left -= server.weight
        if left < 0:
            return server
    return servers[-1]


CHOICES: dict[Balance, Choice] = {
    Balance.ROUNDROBIN: lambda servers, _client, _chance: roundrobin(servers),
    Balance.LEASTCONN: lambda servers, _client, _chance: leastconn(servers),
    Balance.SOURCE: lambda servers, client, _chance: source(servers, client),
    Balance.FIRST: lambda servers, _client, _chance: servers[0] if servers else None,
    Balance.RANDOM: lambda servers, _client, chance: random(servers, chance),
}

"""The servers of a pool as its file and their health would have them, and which of several `balance` allows."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from pumpproxy.model import Admin, Balance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pumpproxy.model import Server
    from pumpproxy.policy.serverstate import ServerState

REMEMBERED = 30
"""Choices by source that are compared with a new one."""


@dataclass
class Member:
    """One server: its declaration in force, its health, and what its administrator wants."""

    state: ServerState
    said: Server
    admin: Admin
    up: bool = True
    share: float = 1.0
    """Of its weight."""

    @property
    def usable(self) -> bool:
        """By name at least."""
        return self.up and self.admin is not Admin.MAINT

    @property
    def balanced(self) -> bool:
        """By balancing too, if no other one is before it."""
        return self.up and self.admin is Admin.READY and self.said.weight > 0


class Choices:
    """Those of one pool. What follows from a starting server's share of its weight is left to other tests."""

    def __init__(self) -> None:
        self._sources: dict[str, list[tuple[dict[str, int], str]]] = {}

    def favourites(
        self, balance: Balance, members: Sequence[Member], loads: Mapping[str, int], client: str
    ) -> Sequence[Member]:
        """Those of these servers, in the file's order, that may be chosen; `loads`: connections, by name."""
        if balance is Balance.FIRST:
            return members[:1]
        if any(member.share < 1 for member in members):
            return members
        if balance is Balance.LEASTCONN:
            shares = [Fraction(loads[member.said.name], member.said.weight) for member in members]
            return [member for member, share in zip(members, shares, strict=True) if share == min(shares)]
        if balance is Balance.SOURCE:
            weights = {member.said.name: member.said.weight for member in members}
            return [member for member in members if self._agrees(member.said.name, weights, client)]
        return members

    def _agrees(self, chosen: str, weights: Mapping[str, int], client: str) -> bool:
        """Whether nobody was preferred to it when both could be had, at the same weights."""
        for others, other in self._sources.get(client, []):
            both = {chosen, other}
            shared = both <= others.keys() & weights.keys() and all(others[one] == weights[one] for one in both)
            if shared and other != chosen:
                return False
        return True

    def remember(self, chosen: str, members: Sequence[Member], client: str) -> None:
        """By its source a client got this one of those."""
        if all(member.share == 1 for member in members):
            weights = {member.said.name: member.said.weight for member in members}
            self._sources.setdefault(client, []).append((weights, chosen))
            del self._sources[client][:-REMEMBERED]

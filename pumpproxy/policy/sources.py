"""How many connections one source has at a frontend, and how fast new ones come: who is refused.

A source is an IPv4 address, or the 64-bit network of an IPv6 one: a customer has at least that to choose from
(RFC 6177), and a client changes its address within it (RFC 8981). Clients of unix sockets have none, and do not count.
May not: see a clock, or know what a connection is.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address
from typing import NamedTuple

MINUTE = 60.0
MOST_RESTING = 65_536
"""Sources remembered that have no connection, only a rate which they have used; some 16 MiB. Beyond that who has been
away the longest is forgotten, and begins anew: whoever owns so many addresses is not to be held by any one of them."""
FORGOTTEN = 4
"""... in one go, once they have rested: more than can be added in it, and no pause."""
MOST_TOLD = 64
"""Refused clients that stay for an answer, of all sources: they take the places that the limits are to keep free."""
_NEARLY = 1e-6
"""Of a connection: what is lost by reckoning."""


class Refusal(NamedTuple):
    """One connection too many. `wait`: seconds until the next is one too many no more; None: nobody knows."""

    detail: str
    wait: float | None = None


_CROWDED = Refusal("its source has too many connections")


def source_of(host: str) -> str | int | None:
    """What a client's address, as `ClientAddress` has it, counts by."""
    if ":" not in host:
        return None if host == "unix" else host
    address = IPv6Address(host)
    mapped = address.ipv4_mapped
    return int(address) >> 64 if mapped is None else str(mapped)


class Source:
    """One of them. It has spent so much of its rate `at` that time."""

    __slots__ = ("_among", "at", "connections", "key", "spent")

    def __init__(self, among: Sources, key: str | int, now: float) -> None:
        self._among = among
        self.key = key
        self.connections = 0
        self.spent = 0.0
        self.at = now

    def leave(self) -> None:
        """A connection of it is over."""
        self.connections -= 1
        if not self.connections:
            self._among.rests(self)

    def spend(self, rate: int, now: float) -> float:
        """Take one new connection of `rate` a minute; where there is none left, how long until there is, else 0."""
        # What it had spent beyond a rate that was lowered since is remitted: nobody waits longer than for one.
        spent = min(max(0.0, self.spent - (now - self.at) * rate / MINUTE), rate)
        lacks = spent + 1 - rate
        self.at = now
        self.spent = spent if lacks > _NEARLY else spent + 1
        return lacks * MINUTE / rate if lacks > _NEARLY else 0.0

    def has_rested(self, rate: int | None, now: float) -> bool:
        """Whether it has all its rate again."""
        return rate is None or self.spent <= (now - self.at) * rate / MINUTE


class Sources:
    """Those of one frontend. `most` and `rate`: its limits, None for none; `told`: who stays for an answer."""

    __slots__ = ("_present", "_resting", "most", "rate", "told")

    def __init__(self, most: int | None, rate: int | None) -> None:
        self.most = most
        self.rate = rate
        self.told = 0
        self._present: dict[str | int, Source] = {}
        """Who has a connection: no more than there are connections."""
        self._resting: OrderedDict[str | int, Source] = OrderedDict()
        """Who has none, and was heard of last comes last."""

    def __len__(self) -> int:
        return len(self._present) + len(self._resting)

    def arrive(self, host: str, now: float) -> Source | Refusal | None:
        """Count a client in, until its source is told to `leave`; or say why not. None: it counts nowhere."""
        self._forget(now)
        key = source_of(host)
        if key is None:
            return None
        source = self._present.get(key)
        if source is None:
            source = self._resting.get(key) or Source(self, key, now)
        elif self.most is not None and source.connections >= self.most:
            return _CROWDED
        wait = 0.0 if self.rate is None else source.spend(self.rate, now)
        if wait:
            if not source.connections:
                self._resting.move_to_end(key)
            return Refusal("its source makes too many connections a minute", wait)
        if not source.connections:
            self._resting.pop(key, None)
            self._present[key] = source
        source.connections += 1
        return source

    def rests(self, source: Source) -> None:
        """From a source: its last connection is over."""
        del self._present[source.key]
        if self.rate is not None:
            self._resting[source.key] = source
            if len(self._resting) > MOST_RESTING:
                self._resting.popitem(last=False)

    def tell(self) -> bool:
        """Whether a refused client may stay for an answer, until `was_told`."""
        if self.told >= MOST_TOLD:
            return False
        self.told += 1
        return True

    def was_told(self) -> None:
        """It has gone."""
        self.told -= 1

    def _forget(self, now: float) -> None:
        for _ in range(FORGOTTEN):
            oldest = next(iter(self._resting.values()), None)
            if oldest is None or not oldest.has_rested(self.rate, now):
                return
            self._resting.popitem(last=False)

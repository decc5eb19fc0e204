"""What all hellos that are unfinished, or wait for a server, may hold together, and who goes when it is too much.

May not: know what a holder is; it is a token that comes back as the one to end.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Holder = TypeVar("Holder")

MAX_HELD = 64 * 1024 * 1024
"""Bytes in all; 150 peers that each send the largest hello that is taken, or 4,000 that stall in a browser's."""


class HelloBudget(Generic[Holder]):
    """Bytes held by connections whose hello is not complete. Holders are hashable, and told apart by identity."""

    __slots__ = ("_classes", "_held", "_limit", "total")

    def __init__(self, limit: int = MAX_HELD) -> None:
        self._limit = limit
        self._held: dict[Holder, int] = {}
        # Holders by the bit length of what they hold: the largest is found without looking at all of them.
        self._classes: dict[int, set[Holder]] = {}
        self.total = 0

    def holds(self, holder: Holder, size: int) -> Holder | None:
        """`holder` now holds `size` bytes.

        Returns the largest holder where the limit is passed: it must be ended, and must give up what it holds
        (`releases`).
        """
        old = self._held.get(holder, 0)
        self._held[holder] = size
        self.total += size - old
        if old.bit_length() != size.bit_length() or not old:
            self._forget_class(holder, old)
            self._classes.setdefault(size.bit_length(), set()).add(holder)
        if self.total <= self._limit:
            return None
        return max(self._classes[max(self._classes)], key=self._held.__getitem__)

    def releases(self, holder: Holder) -> None:
        """`holder` holds nothing any more. One that never held anything is fine."""
        size = self._held.pop(holder, None)
        if size is not None:
            self.total -= size
            self._forget_class(holder, size)

    def _forget_class(self, holder: Holder, size: int) -> None:
        members = self._classes.get(size.bit_length())
        if members is not None:
            members.discard(holder)
            if not members:
                del self._classes[size.bit_length()]

"""When an exchange must be looked at again, and whether a slow peer lives.

May not: know what a deadline is for.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from pumpproxy.flow.idle import NOWHERE

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumpproxy.flow.idle import Sweep
    from pumpproxy.policy.exchange import Exchange
    from pumpproxy.policy.transaction import Side


class Watch:
    """The sweep's entry for one exchange. `taken`: bytes that a side has acknowledged, None where nobody knows."""

    __slots__ = (
        "_exchange",
        "_looks_at",
        "_passed",
        "_renew",
        "_renewing",
        "_sweep",
        "_taken",
        "_taken_before",
        "tick",
    )

    def __init__(
        self,
        sweep: Sweep,
        exchange: Exchange,
        taken: Callable[[Side], int | None],
        renew: Callable[[], None],
        passed: Callable[[], None],
    ) -> None:
        """`renew` is called before the sweep is answered: what the exchange was not told of yet is told then.

        `passed` is called when the deadline has passed, and nobody made progress.
        """
        self._renew = renew
        self._renewing = False
        self._sweep = sweep
        self.tick = NOWHERE
        self._exchange = exchange
        self._taken = taken
        self._passed = passed
        self._looks_at = inf
        self._taken_before: int | None = None

    def look(self) -> None:
        """The deadline may be another: see that it is not missed."""
        deadline = self._exchange.deadline()
        # A later one is found when the sweep looks; this is asked after each event, and costs next to nothing.
        if deadline is not None and deadline < self._looks_at:
            self._sweep.watch(self)

    def stalls(self, side: Side | None) -> None:
        """From now on that side's progress counts; None: both keep up."""
        self._taken_before = None if side is None else self._taken(side)

    def forget(self) -> None:
        """There is nothing to look at any more."""
        self._sweep.forget(self)

    def deadline(self) -> float | None:
        """For the sweep, which looks at that time."""
        if not self._renewing:
            # What is told then may have the sweep ask again, which must not begin anew.
            self._renewing = True
            try:
                self._renew()
            finally:
                self._renewing = False
        deadline = self._exchange.deadline()
        self._looks_at = inf if deadline is None else deadline
        return deadline

    def expired(self, now: float) -> None:
        """The deadline has passed, unless the kernel knows better of a slow reader."""
        self._looks_at = inf
        if self._progressed():
            self._exchange.progressed(now)
            self.look()
        else:
            self._passed()

    def _progressed(self) -> bool:
        slow = self._exchange.slow
        if slow is None:
            return False
        taken, before = self._taken(slow), self._taken_before
        self._taken_before = taken
        return taken is not None and (before is None or taken > before)

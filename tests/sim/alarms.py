"""The timer of one talk, as `flow.watch`: a peer that takes what it is sent, if slowly, is not silent."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from pumpproxy.policy.transaction import Side

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim.talks import Talk
    from tests.sim.timeline import Timeline


class Alarm:
    """`passed` is called when the exchange's deadline has passed and nobody made progress."""

    def __init__(self, talk: Talk, time: Timeline, passed: Callable[[], None]) -> None:
        self._talk = talk
        self._time = time
        self._passed = passed
        self._rings = inf
        self._taken = 0

    def look(self) -> None:
        """The deadline may be another."""
        due = None if self._talk.closed else self._talk.exchange.deadline()
        if due is not None and due < self._rings:
            self._rings = due
            self._time.at(due, self._ring)

    def ring_early(self) -> None:
        """A timer over many connections may come too soon, which changes nothing."""
        due = self._talk.exchange.deadline()
        if due is None or due > self._time.now:
            assert self._talk.exchange.deadline_passed(self._time.now) == ()

    def _ring(self) -> None:
        exchange, now = self._talk.exchange, self._time.now
        if now < self._rings:
            return
        self._rings = inf
        due = None if self._talk.closed else exchange.deadline()
        if due is not None and due <= now:
            before, self._taken = self._taken, self._taken_now()
            if self._taken > before:
                self._talk.turns.moved()
                assert exchange.progressed(now) == ()
            else:
                self._passed()
        self.look()

    def _taken_now(self) -> int:
        """Bytes that the slow side has acknowledged."""
        slow, peer = self._talk.exchange.slow, self._talk.peer
        if slow is Side.SERVER and peer is not None:
            return peer.outlet.taken
        return self._talk.outlet.taken if slow is Side.CLIENT else 0

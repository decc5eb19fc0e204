"""What one simulated client of an `http` frontend sends, and when: ahead of the answers or after them, in any pieces.

What nobody reads waits in its kernel, the FIN too.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.sim.asks import ask
from tests.sim.flights import segments

if TYPE_CHECKING:
    from tests.sim.asks import Ask
    from tests.sim.exchanges import Exchanges
    from tests.sim.talks import Talk


def conversation(world: Exchanges) -> list[Ask]:
    """Requests on one connection; one that is to be refused, or an upgrade, is the last."""
    chance = world.chance
    made = [ask(chance)]
    while not made[-1].statuses and not made[-1].upgrade and chance.random() < 0.6:
        made.append(ask(chance))
    return made


class Asker:
    """The client's side of one talk. `paused`: it is not read from; `finished`: it has closed its half."""

    def __init__(self, world: Exchanges, talk: Talk, asks: list[Ask]) -> None:
        self._world = world
        self._talk = talk
        self._asks = asks
        self._polite = world.chance.random() < 0.5
        self._stalls = world.chance.random() < 0.07
        self._kernel: list[bytes] = []
        self.paused = False
        self.finished = False

    def begin(self) -> None:
        """It is connected."""
        chance, time = self._world.chance, self._world.time
        if self._polite:
            self.answered(0)
        elif chance.random() < 0.5:
            self._send(segments(b"".join(ask.data for ask in self._asks), chance), time.now)
        else:
            at = time.now
            for number in range(len(self._asks)):
                at = self._plan(number, at)
        match chance.randrange(10):
            case 0:
                time.after(chance.random() * 6, self._finishes)
            case 1:
                time.after(chance.random() * 6, self._talk.vanishes)
            case _:
                pass

    def answered(self, count: int) -> None:
        """So many were answered: a polite client sends the next one, leaves, or waits until it is sent away."""
        chance, time = self._world.chance, self._world.time
        if self._polite and count < len(self._asks):
            self._plan(count, time.now + chance.choice([0.0, 0.1]))
        elif self._polite and chance.random() < 0.5:
            time.after(chance.random(), self._finishes)

    def pause(self, *, paused: bool) -> None:
        """It is read from, or not any more."""
        assert paused is not self.paused
        self.paused = paused
        if not paused:
            self._world.time.after(0.0, self._send_waiting)

    def _plan(self, number: int, at: float) -> float:
        """Send a request from `at` on; when it is sent."""
        chance, ask = self._world.chance, self._asks[number]
        if ask.rest and chance.random() < 0.5:
            pieces = [*segments(ask.head, chance), *segments(ask.rest, chance)]
        else:
            pieces = segments(ask.data, chance)
        if self._stalls and number == len(self._asks) - 1:
            pieces = pieces[: chance.randrange(len(pieces))]
        return self._send(pieces, at)

    def _send(self, pieces: list[bytes], at: float) -> float:
        chance = self._world.chance
        delay = chance.choice([0.0, 0.0, 0.02, 0.6])
        for piece in pieces:
            at += delay * chance.random()
            self._world.time.at(at, partial(self._sends, piece))
        return at

    def _sends(self, data: bytes) -> None:
        if self._talk.over or self.finished:
            return
        if self.paused or self._kernel:
            self._kernel.append(data)
        else:
            self._talk.hears(data)

    def _send_waiting(self) -> None:
        while self._kernel and not (self.paused or self._talk.over):
            self._talk.hears(self._kernel.pop(0))

    def _finishes(self) -> None:
        if not (self._talk.over or self.finished or self.paused or self._kernel):
            self.finished = True
            self._talk.half_closed()

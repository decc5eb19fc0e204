"""A simulated server's connection: it gets a request, and answers as it was made to, whatever that is."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pumpproxy.policy import httpsteps
from tests.sim import strict
from tests.sim.flights import segments
from tests.sim.outlet import BRISK, PROMPT, SLOW, STUCK, Outlet
from tests.sim.replies import After, End

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumpproxy.policy.httpsteps import HttpStep
    from tests.sim.replies import Reply
    from tests.sim.talks import Talk


class Peer:
    """One connection for one request. It tells its talk what it does, until it is closed."""

    def __init__(self, talk: Talk, reply: Reply, *, reused: bool) -> None:
        """`reused`: the connection was kept, and its server thinks that it has carried others before."""
        self._talk = talk
        self.reused = reused
        self._world = talk.world
        self.reply = reply
        self.got = bytearray()
        chance = self._world.chance
        pace = chance.choices([PROMPT, BRISK, SLOW, STUCK], weights=[10, 3, 1, 2])[0]
        self.outlet = Outlet(self._world.time, pace, self._full, self._ready)
        self.closed = False
        self.paused = False
        self._queue: list[Callable[[], None]] = []
        self._answering = False
        self.said_all = False
        """The reply's last byte was told (what follows is surplus)."""
        self.said = self.said_surplus = False
        """A byte was told, and one of the surplus."""
        if reply.after is After.NOTHING:
            self._answer()

    def does(self, step: HttpStep) -> None:
        """What the exchange wants done to it."""
        match step:
            case httpsteps.SendServer(data):
                self._gets(data)
            case httpsteps.PauseServer():
                assert not self.paused
                self.paused = True
            case httpsteps.ResumeServer():
                assert self.paused
                self.paused = False
                self._world.time.after(0.0, self._say_queued)
            case other:
                raise AssertionError(other)

    def _gets(self, data: bytes) -> None:
        assert data
        self.got += data
        request = strict.request(bytes(self.got))
        assert request is not None
        if request.whole or self.reply.after is After.HEAD:
            self._answer()
        self.outlet.write(len(data))

    def close(self) -> None:
        """Nobody hears or tells it anything any more."""
        assert not self.closed
        self.closed = True
        self.outlet.close()

    # What it does

    def _answer(self) -> None:
        """Begin, once: the interim responses, a while later the rest."""
        if self._answering:
            return
        self._answering = True
        chance, reply = self._world.chance, self.reply
        delay = chance.choice([0.0, 0.01, 0.5])
        pieces = segments(reply.interims, chance) if reply.interims and chance.random() < 0.5 else []
        rest = reply.data if pieces else reply.interims + reply.data
        pieces += segments(rest, chance)
        if pieces and reply.surplus and chance.random() < 0.5:
            pieces[-1] += reply.surplus
        elif reply.surplus:
            pieces.append(reply.surplus)
        at, said = self._world.time.now, 0
        last = len(reply.interims) + len(reply.data)
        for piece in pieces:
            at += delay * chance.random()
            said += len(piece)
            self._plan(at, partial(self._says, piece, done=said >= last, surplus=said > last))
        match reply.end:
            case End.FIN:
                self._plan(at, self._talk.server_finished)
            case End.RESET:
                self._plan(at, self._talk.server_lost)
            case End.STAY:
                pass

    def _plan(self, when: float, action: Callable[[], None]) -> None:
        def happen() -> None:
            self._queue.append(action)
            self._say_queued()

        self._world.time.at(when, happen)

    def _says(self, data: bytes, *, done: bool, surplus: bool) -> None:
        self.said = True
        self.said_all = self.said_all or done
        self.said_surplus = surplus
        self._talk.server_received(data)

    def _say_queued(self) -> None:
        while self._queue and not self.paused and not self.closed:
            self._queue.pop(0)()

    def _full(self) -> None:
        self._talk.tell("server_full", self._talk.exchange.server_full)

    def _ready(self) -> None:
        if not self.closed:
            self._talk.turns.moved()
            self._talk.tell("server_ready", self._talk.exchange.server_ready)

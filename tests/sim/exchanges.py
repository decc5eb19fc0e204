"""A service for HTTP whose clients and servers are made up: many exchanges at a time on one Runtime, under reloads."""

from __future__ import annotations

import random
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from pumpproxy.model import Mode
from pumpproxy.policy.attempts import ConnectFailure
from pumpproxy.policy.runtime import Runtime
from tests.sim import probes
from tests.sim.checks import Checks
from tests.sim.ledger import Ledger
from tests.sim.sites import Site
from tests.sim.talks import Talk
from tests.sim.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumpproxy.policy.attempts import Attempt
    from pumpproxy.policy.outcome import Outcome
    from pumpproxy.policy.runtime import FrontendState
    from pumpproxy.policy.serverstate import ServerState

START = 1000.0
"""The clock of a world's beginning, in seconds."""
LASTS = (0.5, 30.0)
"""Seconds in which clients come: all at once, or hardly two at a time."""


class Exchanges:
    """One world. All that chance decides is decided by its seed."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = random.Random(seed)
        self.trace: list[tuple[object, ...]] = []
        self.time = Timeline(START)
        self._site = Site(chance, (Mode.HTTP, Mode.HTTP, Mode.HTTP, chance.choice([Mode.HTTP, Mode.TCP])))
        self._config = self._site.first()
        self._limit = chance.choice([1000, 1000, 12, 5])
        self.runtime = Runtime(self._config, self._limit)
        self.ledger = Ledger(self.runtime, self._limit)
        self.ledger.loaded(self._config)
        self._ill: dict[ServerState, float] = {}
        self._checks = Checks(self)
        self.talks: list[Talk] = []

    # The whole life

    def run(self) -> Counter[Outcome]:
        """Live until everything has drained; how the requests ended."""
        chance = self.chance
        narrow = self._site.narrow
        lasts = 3.0 if narrow else chance.choice(LASTS)
        for _ in range(chance.randint(30, 60) if narrow else chance.randint(10, 30)):
            self.time.after(chance.random() * lasts, self._knocks)
        for _ in range(chance.choice([0, 1, 3, 6])):
            self.time.after(chance.random() * lasts, self._reload)
        for _ in range(chance.choice([0, 0, 3])):
            self.time.after(chance.random() * lasts, self._server_goes_down)
        if chance.random() < 0.3:
            end = chance.random() * (lasts + 5)
            self.time.after(end, partial(self._each, Talk.finish_up))
            self.time.after(end + chance.choice([0.0, 3.0]), partial(self._each, Talk.shut_down))
        self._checks.follow()
        self._checks.begin(lasts)
        self.time.run()
        self.ledger.check_drained()
        assert all(talk.closed for talk in self.talks)
        return Counter(record.outcome for talk in self.talks for record in talk.turns.records)

    def note(self, *what: object) -> None:
        """Write it into the trace."""
        self.trace.append((f"{self.time.now - START:9.4f}", *what))

    # Clients

    def _knocks(self) -> None:
        states = [state for state in self.runtime.frontends.values() if self._reads(state)]
        if states:
            state = self.chance.choice(states)
            if self.runtime.room(state) > 0:
                self._accept(state)

    def _reads(self, state: FrontendState) -> bool:
        return self.ledger.fronts[state].declared.mode is Mode.HTTP

    def _accept(self, state: FrontendState) -> None:
        talk = Talk(self, len(self.talks), state)
        self.talks.append(talk)
        self.note(talk.number, "accepted at", state.declared.name, [ask.line[:40] for ask in talk.asks])
        self.runtime.accepted(state)
        self.ledger.entered(state)
        talk.opened()
        if self.chance.random() < 0.03:
            self.time.after(self.chance.random() * 3, talk.breaks)

    def pester(self, talk: Talk) -> None:
        """Its exchange is over; at times it is told more all the same."""
        if self.chance.random() < 0.2:
            self.time.after(0.0, partial(probes.pester, talk))

    def leaves(self, talk: Talk) -> None:
        """Nothing is left of it."""
        self.runtime.left(talk.state)
        self.ledger.left(talk.state)
        self.ledger.check()

    # Servers

    def fate(self, attempt: Attempt) -> tuple[float, ConnectFailure | None]:
        """How long an attempt takes, and what comes of it: some servers are ill."""
        chance = self.chance
        if not self.is_ill(attempt.server):
            return chance.choice([0.0, 0.001, 2.0 if self._site.narrow else 0.3]) * chance.random(), None
        failure = chance.choice([ConnectFailure.REFUSED, *ConnectFailure])
        if failure is ConnectFailure.TIMED_OUT:
            return attempt.timeout, failure
        return chance.choice([0.0, 0.001]), failure

    def is_ill(self, server: ServerState) -> bool:
        """Whether it takes no connection now."""
        if server not in self._ill or self.chance.random() < 0.05:
            self._ill[server] = self.chance.choice([0.0, 0.0, 0.0, 0.1, 0.5, 0.9])
        return self.chance.random() < self._ill[server]

    def _server_goes_down(self) -> None:
        """As far as running connections are concerned: new ones still come, as if it were UP again."""
        servers = [server for pool in self.runtime.pools.values() for server in pool.servers.values()]
        server = self.chance.choice(servers)
        self.note("down", server.name)
        for talk in list(self.talks):
            talk.server_went_down(server)

    # What an operator does

    def _reload(self) -> None:
        old = dict(self.runtime.frontends)
        self._config = self._site.edited(self._config)
        self.note("reload", [(one.name, one.mode.value) for one in self._config.frontends])
        self.runtime.reload(self._config, self._limit)
        self.ledger.loaded(self._config)
        self.ledger.check()
        self._checks.follow()
        for state in old.values():
            if state not in self.runtime.frontends.values() and self._reads(state) and self.chance.random() < 0.5:
                self._accept(state)

    def _each(self, what: Callable[[Talk], None]) -> None:
        self.note(what.__name__)
        for talk in list(self.talks):
            what(talk)

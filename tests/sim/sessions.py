"""A service whose clients are made up: many sessions at a time on one Runtime, under reloads, on a virtual clock."""

from __future__ import annotations

import random
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from pumpproxy.model import Mode
from pumpproxy.policy.admission import HelloBudget
from pumpproxy.policy.attempts import ConnectFailure
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.records import Load
from pumpproxy.policy.runtime import Runtime
from tests.sim import flights
from tests.sim.checks import Checks
from tests.sim.ledger import Ledger
from tests.sim.sites import Site
from tests.sim.timeline import Timeline
from tests.sim.visits import Visit

if TYPE_CHECKING:
    from pumpproxy.policy.attempts import Attempt
    from pumpproxy.policy.runtime import FrontendState
    from pumpproxy.policy.serverstate import ServerState

START = 1000.0
"""The clock of a world's beginning, in seconds."""
LASTS = (0.5, 5.0, 40.0, 40.0)
"""Seconds in which clients come: all at once, or hardly two at a time."""

_RELAY_ENDS = (
    (Outcome.COMPLETED, Phase.DONE),
    (Outcome.CLIENT_LEFT, Phase.DATA),
    (Outcome.SERVER_LEFT, Phase.DATA),
    (Outcome.CLIENT_IDLE, Phase.DATA),
    (Outcome.SERVER_IDLE, Phase.LAST),
    (Outcome.SERVER_DOWN, Phase.DATA),
)


class Sessions:
    """One world. All that chance decides is decided by its seed."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = random.Random(seed)
        self.trace: list[tuple[object, ...]] = []
        self.time = Timeline(START)
        self._site = Site(chance, (Mode.TLS, Mode.TLS, Mode.TCP))
        self._config = self._site.first()
        limit = chance.choice([5, 30, 1000])
        self.runtime = Runtime(self._config, limit)
        self._limit = limit
        self.ledger = Ledger(self.runtime, limit)
        self.ledger.loaded(self._config)
        self._budget_limit = chance.choice([400, 2_000, 70_000, 1_000_000])
        self._budget: HelloBudget[Visit] = HelloBudget(self._budget_limit)
        self._held: dict[Visit, int] = {}
        self._illness = chance.choice([(0.0, 0.0, 0.1, 0.5, 1.0), (0.0, 0.0, 0.1, 0.5, 1.0), (0.5, 0.9, 1.0)])
        self._ill: dict[ServerState, float] = {}
        self._checks = Checks(self)
        self._visits: list[Visit] = []
        self._backlog: list[tuple[str, flights.Flight]] = []

    # The whole life

    def run(self) -> Counter[Outcome]:
        """Live until everything has drained; how the sessions ended."""
        chance = self.chance
        lasts = chance.choice(LASTS[:2] if self._site.narrow else LASTS)
        for _ in range(chance.randint(20, 60)):
            self.time.after(chance.random() * lasts, self._knocks)
        for _ in range(chance.choice([0, 1, 3, 6])):
            self.time.after(chance.random() * lasts, self._reload)
        if chance.random() < 0.3:
            self.time.after(chance.random() * (lasts + 5), self._shut_down)
        self._checks.follow()
        self._checks.begin(lasts)
        self.time.run()
        self.ledger.check_drained()
        assert all(visit.closed for visit in self._visits)
        assert self._budget.total == 0
        assert not self._held
        return Counter(visit.outcome for visit in self._visits)

    def note(self, *what: object) -> None:
        """Write it into the trace."""
        self.trace.append((f"{self.time.now - START:9.4f}", *what))

    # Clients

    def _knocks(self) -> None:
        """A client comes to one of the frontends of now, and is accepted where there is room."""
        state = self.chance.choice(list(self.runtime.frontends.values()))
        assert self.runtime.room(state) == self.ledger.room(state)
        if self.runtime.room(state) > 0:
            self._accept(state)
        else:
            self.note("no room at", state.declared.name)

    def _accept(self, state: FrontendState) -> None:
        chance = self.chance
        flight = flights.flight(chance)
        visit = Visit(self, len(self._visits), state, flight)
        self._visits.append(visit)
        self.note(visit.number, "accepted at", state.declared.name, state.declared.mode.value, len(flight.data))
        self.runtime.accepted(state)
        self.ledger.entered(state)
        visit.opened()
        visit.watch()
        delay = chance.choice([0.0, 0.0, 0.01, 0.5])
        at = self.time.now
        for segment in flights.segments(flight.data, chance):
            at += delay * chance.random()
            self.time.at(at, partial(visit.sends, segment))
        match chance.randrange(8):
            case 0:
                self.time.after(chance.random() * 3, visit.finishes)
            case 1:
                self.time.after(chance.random() * 3, visit.vanishes)
            case 2:
                self.time.at(at, visit.finishes)
            case 3:
                self.time.at(at, visit.vanishes)
            case 4 if chance.random() < 0.3:
                self.time.after(chance.random() * 3, visit.fails)
            case _:
                pass

    def relays(self, visit: Visit) -> None:
        """Its relay has started, and will end."""
        outcome, phase = self.chance.choice(_RELAY_ENDS)
        self.time.after(self.chance.random() * 20, lambda: visit.relay_ends(outcome, phase))

    def pester(self, visit: Visit) -> None:
        """Its session is over; at times it is told more all the same."""
        if self.chance.random() < 0.2:
            self.time.after(0.0, visit.pester)

    def leaves(self, visit: Visit) -> None:
        """Nothing is left of it."""
        self.runtime.left(visit.state)
        self.ledger.left(visit.state)
        if visit.course is not None:
            visit.course.release()

    def load(self, visit: Visit) -> Load:
        """What its record must say of the others."""
        course, ledger = visit.course, self.ledger
        backend = server = 0
        if course is not None:
            backend = ledger.at_pool[course.pool] - (course.place is not None)
            if course.server is not None:
                server = ledger.at_server[course.server] - (course.place is course.server)
        return Load(ledger.clients, ledger.fronts[visit.state].clients, backend, server)

    # Servers

    def fate(self, attempt: Attempt) -> tuple[float, ConnectFailure | None]:
        """How long an attempt takes, and what comes of it: some servers are ill for a while."""
        chance = self.chance
        if not self.is_ill(attempt.server):
            return chance.choice([0.0, 0.001, 0.3, 2.0]) * chance.random(), None
        failure = chance.choice([ConnectFailure.REFUSED, *ConnectFailure])
        if failure is ConnectFailure.TIMED_OUT:
            return attempt.timeout, failure
        return chance.choice([0.0, 0.001]), failure

    def is_ill(self, server: ServerState) -> bool:
        """Whether it takes no connection now."""
        if server not in self._ill or self.chance.random() < 0.05:
            self._ill[server] = self.chance.choice(self._illness)
        return self.chance.random() < self._ill[server]

    # What an operator does

    def _reload(self) -> None:
        """Another file, now. Who waited at a frontend that is gone is still served."""
        old = dict(self.runtime.frontends)
        self._config = self._site.edited(self._config)
        self.note("reload", [(one.name, one.mode.value) for one in self._config.frontends])
        self.runtime.reload(self._config, self._limit)
        self.ledger.loaded(self._config)
        self.ledger.check()
        self._checks.follow()
        for state in old.values():
            if state not in self.runtime.frontends.values() and self.chance.random() < 0.5:
                self._accept(state)

    def _shut_down(self) -> None:
        """Nobody waits any longer."""
        self.note("shutdown")
        for visit in self._visits:
            if not visit.closed:
                visit.shut_down()

    # What all unfinished hellos hold

    def hold(self, visit: Visit) -> None:
        """It holds more now."""
        largest = self._budget.holds(visit, visit.held)
        self._held[visit] = visit.held
        if sum(self._held.values()) <= self._budget_limit:
            assert largest is None
            return
        assert largest is not None
        assert self._held[largest] == max(self._held.values())
        largest.evict()
        assert sum(self._held.values()) <= self._budget_limit

    def forget(self, visit: Visit) -> None:
        """It holds nothing any more."""
        self._budget.releases(visit)
        self._held.pop(visit, None)

    # What must hold after each input

    def check(self, visit: Visit) -> None:
        """Everything counts as it should."""
        if visit.held and visit.held != self._held.get(visit):
            self.hold(visit)
        self.ledger.check()
        assert self._budget.total == sum(self._held.values())

"""One simulated client of a `tls` or `tcp` frontend, and the shell that does for it what its session says.

The shell is `flow.front` without a network: it tells facts in the order in which a transport can tell them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pumpproxy.model import Mode
from pumpproxy.policy.attempts import ConnectFailure
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.records import ClientAddress
from pumpproxy.policy.session import STALL_SIZE, STALL_TIME, Session
from pumpproxy.policy.steps import Abandon, Await, Connect, Pause, Refuse, Reset, StartRelay, Wait
from tests.sim.sites import HOSTS
from tests.sim.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumpproxy.policy.attempts import Attempt
    from pumpproxy.policy.queue import Ticket
    from pumpproxy.policy.runtime import FrontendState
    from pumpproxy.policy.steps import Step
    from tests.sim.courses import Course
    from tests.sim.flights import Flight
    from tests.sim.sessions import Sessions

EPOCH = 1e9
"""What lies between the two clocks."""


class Visit:
    """From the accept to the record."""

    def __init__(self, world: Sessions, number: int, state: FrontendState, flight: Flight) -> None:
        self._world = world
        self.number = number
        self.state = state
        self._front = world.ledger.fronts[state]
        self._tls = self._front.declared.mode is Mode.TLS
        self._started = self._heard = world.time.now
        self._client = ClientAddress(world.chance.choice(HOSTS), number)
        self.session = Session(world.runtime, state, self._client, world.time.now)
        self._verdict = Verdict(self.session, flight, world.ledger, self._front, tls=self._tls)
        self._paused = False
        self._waiting: list[bytes] = []
        self._sent = 0
        self._dial = 0
        self._routed_at: float | None = None
        self._connecting_at: float | None = None
        self._connected_at: float | None = None
        self.relaying = self.over = self.closed = False

    def __hash__(self) -> int:
        """Not by its place in memory, so that of several that hold as much the same one is evicted each time."""
        return self.number

    @property
    def course(self) -> Course | None:
        """Its attempts, once it is led to a backend."""
        return self._verdict.course

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        return self.session.outcome or Outcome.INTERNAL

    @property
    def held(self) -> int:
        """Bytes of a hello that is unfinished, or waits with what came behind it."""
        verdict = self._verdict
        if self.over or (verdict.decided and not verdict.waits):
            return 0
        return len(verdict.fed)

    # Facts of the client ----------------------------------------------------------------------------------------------

    def opened(self) -> None:
        """Accepted."""
        self._tell("opened", lambda: self.session.opened(self._world.time.now), self._verdict.opened)

    def sends(self, data: bytes) -> None:
        """Bytes arrive, or wait in the kernel while nobody reads."""
        verdict, now = self._verdict, self._world.time.now
        if self.closed or verdict.finished or (self.over and not self.relaying):
            return
        if self._paused:
            self._waiting.append(data)
            return
        verdict.fed += data
        if self.relaying:
            return
        if verdict.decided:
            verdict.early += len(data)
        else:
            self._heard = now
        self._tell(f"received {len(data)}", lambda: self.session.received(data, now), verdict.received)

    def finishes(self) -> None:
        """It closes its half, which nobody sees while nobody reads."""
        if self.closed or self._verdict.finished or self._paused:
            return
        self._verdict.finished = True
        if not (self.relaying or self.over):
            self._tell("finished", self.session.finished, self._verdict.half_closed)

    def vanishes(self) -> None:
        """Its connection is gone."""
        if self.relaying:
            self.relay_ends(Outcome.CLIENT_LEFT, Phase.DATA)
        elif not self.closed:
            self._tell("lost", self.session.lost, self._verdict.departed)
            self._close()

    def expires(self) -> None:
        """The timer that was set for the session's deadline."""
        due, now = None if self.closed else self.session.deadline(), self._world.time.now
        if due is not None and due > now:
            self.watch()
        elif due is not None:
            self._tell("deadline_passed", lambda: self.session.deadline_passed(now), self._verdict.late)

    def watch(self) -> None:
        """Set a timer for the deadline; as a sweep over many it may come late."""
        due = self.session.deadline()
        if due is not None:
            self._world.time.at(due + self._world.chance.choice([0.0, 0.0, 0.2]), self.expires)

    # Facts of ours ----------------------------------------------------------------------------------------------------

    def evict(self) -> None:
        """All unfinished hellos hold too much, and this one the most."""
        self._tell("evicted", self.session.evicted, self._verdict.evicted)

    def fails(self) -> None:
        """Something of ours raised: the transport gives the client up."""
        if not (self.closed or self.relaying):
            if not self.over:
                self._verdict.expect(Outcome.INTERNAL)
            self.over = True
            self.session.failed("ValueError")
            self._release()
            self.vanishes()

    def shut_down(self) -> None:
        """The service ends."""
        if self.relaying:
            self.relay_ends(Outcome.SHUTDOWN, Phase.DATA)
        elif self.over:
            self.vanishes()
        else:
            self._tell("shut_down", self.session.shut_down, self._verdict.shut_down)

    def relay_ends(self, outcome: Outcome, phase: Phase) -> None:
        """Both connections are gone."""
        if self.relaying and not self.closed:
            self._world.note(self.number, "relayed", outcome.word)
            self._verdict.expected = (outcome, phase)
            self.over = True
            self._sent = self._world.chance.randrange(100_000)
            self.session.relayed(len(self._verdict.fed), self._sent, outcome, phase)
            self._close()

    # Facts of a queue -------------------------------------------------------------------------------------------------

    def _await(self, ticket: Ticket) -> None:
        if self._verdict.waits_since is None:
            self._verdict.waits_since = self._world.time.now
        ticket.wake = partial(self._woken, ticket)
        self.watch()

    def _woken(self, ticket: Ticket) -> None:
        """As `Environment.soon`; other things may come first."""
        self._world.ledger.woken(ticket)
        self._world.time.after(self._world.chance.choice([0.0, 0.0, 0.01]), self._served)

    def _served(self) -> None:
        now = self._world.time.now
        self._tell("served", lambda: self.session.served(now), self._verdict.served)

    # Facts of the server ----------------------------------------------------------------------------------------------

    def _connect(self, attempt: Attempt) -> None:
        self._dial += 1
        answer = partial(self._answered, self._dial)
        took, failure = self._world.fate(attempt)
        if attempt.after == 0 and took == 0:
            answer(failure)
        else:
            self._world.time.after(attempt.after + took, partial(answer, failure))

    def _answered(self, dial: int, failure: ConnectFailure | None) -> None:
        if dial != self._dial or self.over:
            return
        if failure is None:
            now = self._connected_at = self._world.time.now
            self._tell("connected", lambda: self.session.connected(now), self._verdict.connected)
        else:
            self._tell(
                f"connect_failed {failure.value}",
                lambda: self.session.connect_failed(failure, self._world.time.now),
                lambda step: self._verdict.connect_failed(step, failure),
            )

    # Steps ------------------------------------------------------------------------------------------------------------

    def _tell(self, fact: str, tell: Callable[[], Step], judge: Callable[[Step], None]) -> None:
        """A fact in, one Step out, which is judged, then done; then everything must count as it should."""
        world = self._world
        world.note(self.number, fact)
        step = tell()
        world.note(self.number, "   ", type(step).__name__)
        if self.over:
            assert step == (Abandon() if fact == "connected" else Wait()), "a step after the end"
        else:
            judge(step)
            world.ledger.settle()
            if self.course is not None and self._routed_at is None:
                self._routed_at = world.time.now
            self._follow(step)
        self._check()
        world.check(self)

    def _follow(self, step: Step) -> None:
        match step:
            case Wait():
                return
            case Pause():
                self._paused = True
            case Connect(attempt):
                self._world.forget(self)
                self._connecting_at = self._connecting_at or self._world.time.now
                self._connect(attempt)
            case Await(ticket):
                self._world.forget(self)
                self._connecting_at = None
                self._await(ticket)
            case StartRelay():
                self.relaying = True
                self._paused = False
                self._world.relays(self)
                for data in self._waiting:
                    self.sends(data)
            case Refuse(reply):
                self._sent = len(reply)
                self._end(self._world.chance.choice([0.0, 0.1, 1.0]))
            case Reset() | Abandon():
                self._end(0.0)

    def _end(self, lingers: float) -> None:
        """It is over; its connection ends so many seconds later."""
        assert self._verdict.expected is not None
        self.over = True
        self._release()
        self._world.forget(self)
        self._world.pester(self)
        self._world.time.after(lingers, self.vanishes)

    def _release(self) -> None:
        if self.course is not None:
            self.course.release()

    def pester(self) -> None:
        """Tell it what nobody tells after the end, or what was under way by then: nothing may change."""
        if self.closed:
            return
        now, session = self._world.time.now, self.session
        facts: dict[str, Callable[[], Step]] = {
            "received": partial(session.received, b"late", now),
            "finished": session.finished,
            "deadline_passed": partial(session.deadline_passed, now),
            "evicted": session.evicted,
            "served": partial(session.served, now),
            "connected": partial(session.connected, now),
            "shut_down": session.shut_down,
        }
        facts |= {f"connect_failed {why.value}": partial(session.connect_failed, why, now) for why in ConnectFailure}
        for fact, tell in facts.items():
            self._tell(fact, tell, self._verdict.departed)

    def _check(self) -> None:
        """What must hold of one session after each fact."""
        session, verdict = self.session, self._verdict
        assert session.held == self.held
        assert (session.outcome is not None) == self.over
        if verdict.decided or self.over:
            assert session.deadline() == (verdict.due if verdict.waits else None)
            return
        due = self._started + self._front.declared.inspect_delay
        if len(verdict.fed) > STALL_SIZE:
            due = min(due, self._heard + STALL_TIME)
        assert session.deadline() == due

    def _close(self) -> None:
        """Nothing is left of it: the one record is made."""
        world, now = self._world, self._world.time.now
        self.closed = self.over = True
        world.forget(self)
        load = world.load(self)
        record = self.session.close(now, EPOCH + now)
        world.leaves(self)
        self._verdict.recorded(record, self._sent)
        assert record.client == self._client
        assert record.load == load
        assert abs(record.started - EPOCH - self._started) < 1e-3
        assert record.total == now - self._started
        begun, connected = self._connecting_at, self._connected_at
        assert record.queued == (None if self._routed_at is None else (begun or now) - self._routed_at)
        assert record.connected == (None if begun is None or connected is None else connected - begun)
        world.check(self)

"""What one session must say: decided from what its client meant and from the declarations in force, Step by Step.

A Step is judged before it is done. May not: do anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.model import Action
from pumpproxy.policy import pages
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.passage import MAX_ALPN_KEPT
from pumpproxy.policy.session import MAX_EARLY
from pumpproxy.policy.steps import Abandon, Await, Connect, Pause, Refuse, Reset, StartRelay, Wait
from tests.sim.courses import Course
from tests.sim.flights import naive_reading
from tests.sim.routing import winners

if TYPE_CHECKING:
    from pumpproxy.model import Frontend, Target
    from pumpproxy.policy.attempts import Attempt, ConnectFailure
    from pumpproxy.policy.queue import Ticket
    from pumpproxy.policy.records import SessionRecord
    from pumpproxy.policy.session import Session
    from pumpproxy.policy.steps import Step
    from tests.sim.flights import Flight
    from tests.sim.ledger import Front, Ledger

ALERT = b"\x15\x03\x01\x00\x02\x02"
UNRECOGNIZED_NAME = Refuse(ALERT + b"\x70")
INTERNAL_ERROR = Refuse(ALERT + b"\x50")


def _attempt(step: Step) -> Attempt | None:
    return step.attempt if isinstance(step, Connect) else None


def _ticket(step: Step) -> Ticket | None:
    return step.ticket if isinstance(step, Await) else None


class Verdict:
    """The judge of one session; `front` is its frontend in the ledger, `tls` whether a hello is awaited."""

    def __init__(self, session: Session, flight: Flight, ledger: Ledger, front: Front, *, tls: bool) -> None:
        self._session = session
        self._flight = flight
        self._ledger = ledger
        self._front = front
        self._tls = tls
        self._spoke_tls = False
        self.decided = not tls
        """Nothing more is read before it is led somewhere."""
        self.fed = bytearray()
        """All that the client sent and that was read."""
        self.early = 0
        """Bytes of it beyond those that decided."""
        self.finished = False
        """The client has closed its half."""
        self.course: Course | None = None
        self.waits_since: float | None = None
        """When it first had to wait for a server."""
        self.expected: tuple[Outcome, Phase] | None = None
        """How it must end, once that is settled."""

    @property
    def _declared(self) -> Frontend:
        return self._front.declared

    @property
    def waits(self) -> bool:
        """Whether it waits for a server."""
        return self.course is not None and self.course.ticket is not None

    @property
    def due(self) -> float | None:
        """When it has waited long enough, by the file as it is now."""
        if self.course is None or self.waits_since is None:
            return None
        return self.waits_since + self.course.group.declared.timeout_queue

    def expect(self, outcome: Outcome) -> None:
        """It ends now, and in this way."""
        asked = Phase.QUEUE if self.waits else Phase.CONNECT
        self.expected = (outcome, Phase.REQUEST if self.course is None else asked)

    # After facts of the client ----------------------------------------------------------------------------------------

    def opened(self, step: Step) -> None:
        """A `tcp` frontend leads at once."""
        if self._tls:
            assert step == Wait()
        else:
            self._led(step, {self._declared.default_backend or Action.DROP}, None, Outcome.REFUSED)

    def received(self, step: Step) -> None:
        """What came belongs to the hello, or comes early."""
        if self.decided:
            assert step == (Pause() if self.early > MAX_EARLY else Wait())
        else:
            self._read(step)

    def half_closed(self, step: Step) -> None:
        """A TLS client still had to answer the ServerHello; whoever else has said something may wait for the answer."""
        if self.course is not None and not self._spoke_tls and self.fed:
            assert step == Wait()
        else:
            self.departed(step)

    def departed(self, step: Step) -> None:
        """It is gone."""
        assert step == Abandon()
        self.expect(Outcome.CLIENT_LEFT)

    def late(self, step: Step) -> None:
        """No complete hello came in time, or no server."""
        if self.waits:
            self._without_server(step, Outcome.QUEUE_TIMEOUT, Phase.QUEUE)
            return
        assert not self.decided
        self.decided = True
        self._led(step, {self._declared.silent}, None, Outcome.CLIENT_SILENT)

    # After other facts ------------------------------------------------------------------------------------------------

    def evicted(self, step: Step) -> None:
        """It held too much."""
        if self.waits:
            self._without_server(step, Outcome.OVERLOAD, Phase.QUEUE)
            return
        assert not self.decided
        assert step == INTERNAL_ERROR
        self.expect(Outcome.OVERLOAD)

    def shut_down(self, step: Step) -> None:
        """The service ends."""
        assert step == Abandon()
        self.expect(Outcome.SHUTDOWN)

    def connected(self, step: Step) -> None:
        """The server gets exactly what the client sent."""
        assert step == StartRelay(bytes(self.fed), self.finished)

    def connect_failed(self, step: Step, failure: ConnectFailure) -> None:
        """Another attempt where there may be one, else the end."""
        assert self.course is not None
        self._follows(step, self.course.failed(failure, _attempt(step), _ticket(step)))

    def served(self, step: Step) -> None:
        """Its waiting is over."""
        assert self.course is not None
        self._follows(step, self.course.served(_attempt(step), _ticket(step)))

    def _follows(self, step: Step, refusal: Outcome) -> None:
        """A server is tried, or waited for; else it must end so."""
        if not isinstance(step, Connect | Await):
            self._without_server(step, refusal, Phase.QUEUE if refusal is Outcome.QUEUE_FULL else Phase.CONNECT)

    def _without_server(self, step: Step, outcome: Outcome, phase: Phase) -> None:
        assert step == (INTERNAL_ERROR if self._spoke_tls else Reset())
        self.expected = (outcome, phase)

    # What the client meant --------------------------------------------------------------------------------------------

    def _read(self, step: Step) -> None:
        flight, session = self._flight, self._session
        if step == Wait():
            assert not flight.known or len(self.fed) < (flight.end or len(flight.data) + (flight.other is None))
            return
        self.decided = True
        assert flight.end is None or len(self.fed) >= flight.end
        if session.outcome is Outcome.BAD_HELLO:
            assert not flight.known
            assert isinstance(step, Refuse)
            assert step.reply.startswith(ALERT)
            self.expect(Outcome.BAD_HELLO)
        elif session.hello is None:
            assert not flight.known or flight.other is not None
            self._not_tls(step)
        else:
            self._spoke_tls = True
            self._named(step)

    def _named(self, step: Step) -> None:
        flight, hello, declared = self._flight, self._session.hello, self._declared
        assert hello is not None
        name, alpn = naive_reading(self.fed)
        if hello.ip_literal:
            name = None
        assert (hello.server_name, hello.alpn) == (name, alpn[:MAX_ALPN_KEPT])
        if flight.known:
            assert (name, alpn, hello.wire_length) == (flight.name, flight.alpn, flight.end)
        found = {declared.no_sni} if name is None else winners(declared.routes, name, alpn)
        self._led(step, found or {declared.unknown_sni}, name, Outcome.REFUSED)

    def _not_tls(self, step: Step) -> None:
        target, kind = self._declared.not_tls, self._session.detail
        if isinstance(target, str):
            self._led(step, {target}, None, Outcome.NOT_TLS)
            return
        assert kind == self._flight.other or not self._flight.known
        self.expect(Outcome.NOT_TLS)
        if kind != "http" or target is Action.DROP:
            assert step == Refuse(b"")
        else:
            assert step == Refuse(pages.explain_tls() if target is Action.EXPLAIN else pages.error_page(421))

    def _led(self, step: Step, targets: set[Target], host: str | None, refused: Outcome) -> None:
        """It must be led to one of `targets`; `refused`: its outcome where that is an action."""
        pool = self._session.pool
        if pool is None:
            allowed = {Action.REJECT: UNRECOGNIZED_NAME if self._tls else Refuse(b""), Action.DROP: Refuse(b"")}
            assert step in [allowed[target] for target in targets if isinstance(target, Action)]
            self.expect(refused)
            return
        assert pool in [self._front.pools[target] for target in targets if isinstance(target, str)]
        self.course = Course(self._ledger, pool, host, self._session.client.host)
        self._follows(step, self.course.first(_attempt(step), _ticket(step)))

    # At the end -------------------------------------------------------------------------------------------------------

    def recorded(self, record: SessionRecord, sent: int) -> None:
        """The one record says what happened; `sent`: bytes that the client was sent."""
        course = self.course
        assert (record.outcome, record.phase) == self.expected
        assert record.frontend == self._declared.name
        assert record.backend == (None if course is None else course.name)
        assert record.server == (None if course is None else course.last)
        assert record.retries == (0 if course is None else course.retries)
        assert record.redispatched == (course is not None and course.redispatched)
        assert (record.queued is None) == (course is None)
        assert (record.server_queue, record.backend_queue) == ((0, 0) if course is None else course.ahead)
        assert (record.bytes_in, record.bytes_out) == (len(self.fed), sent)

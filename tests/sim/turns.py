"""Request after request of one client: what must become of each, decided from what was meant, and compared.

Each `Ended` needs a cause that the shell saw; what the servers got and what the client got is read back by `strict`.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from pumpproxy.model import Action, ConnectionMode
from pumpproxy.policy.records import Load
from pumpproxy.policy.upload import MAX_EARLY
from tests.sim import causes, readback, strict
from tests.sim.courses import Course
from tests.sim.replies import Worth
from tests.sim.routing import winners

if TYPE_CHECKING:
    from pumpproxy.model import Target
    from pumpproxy.policy.attempts import Attempt, ConnectFailure
    from pumpproxy.policy.outcome import Outcome
    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.queue import Ticket
    from pumpproxy.policy.records import RequestRecord
    from pumpproxy.policy.request import Ending
    from tests.sim.asks import Ask
    from tests.sim.ledger import Front
    from tests.sim.peers import Peer
    from tests.sim.talks import Talk

_CHALLENGE = b"/.well-known/acme-challenge/"
_REPEATABLE = (b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE")
"""Methods of requests that may be sent twice (RFC 9110, section 9.2.2)."""


@dataclass
class Turn:
    """What is known of one request until its record."""

    ask: Ask
    start: int
    """Where it begins in what the client sends."""
    targets: set[Target] = field(default_factory=set)
    """Where it must be led, once that is decided: a backend or an action."""
    answers: frozenset[int] = frozenset()
    """Statuses of an answer of ours that was decided on."""
    course: Course | None = None
    origin: readback.Origin | None = None
    """What a server was to be told of the client when the head was written."""
    patience: float = 0.0
    """Seconds that a server has, as the file said then..."""
    queue_patience: float = 0.0
    """...and the queue."""
    waits_since: float | None = None
    """When it first had to wait for a server."""
    routed_at: float | None = None
    connecting_at: float | None = None
    """When it was led to a server, after the last waiting."""
    connected_at: float | None = None
    gives_cookies: bool = False
    """The file says so."""
    cookie: str | None = None
    """What stands for the server that it is at."""
    may_persist: bool = False
    """The connection might live on, as far as the file was concerned."""
    keeps: bool = False
    """So might the server's."""
    stale: bool = False
    """The server gave up the kept connection that the request was sent on, as it was told just now."""
    record_why: str = ""
    """The fact upon which it ended."""
    cut_short: bool = False
    """It was answered before all of it was read."""
    told_to_close: bool = False
    """The client's answer said that nothing follows it."""
    peer: Peer | None = None
    mark: bytes = b""
    """The head of that server's answer has it."""
    record: RequestRecord | None = None

    @property
    def leaves_open(self) -> bool:
        """Whether a request may follow it."""
        ended = self.told_to_close or self.cut_short or self.record is None or self.record.status is None
        return not ended and self.record_why == "client_drained"

    @property
    def decided(self) -> bool:
        """Whether its head was read and found good."""
        return bool(self.targets or self.answers)


class Turns:
    """The judge of one talk."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self._world = talk.world
        self._began = self.active = talk.world.time.now
        """When it was accepted; when a byte moved last that anybody waits for."""
        self.records: list[RequestRecord] = []
        self.failure: ConnectFailure | None = None
        self.tunnel_ending: Ending | None = None
        self.ending_soon = False
        starts = [0]
        for ask in talk.asks:
            starts.append(starts[-1] + len(ask.data))
        self.turns = [Turn(ask, start) for ask, start in zip(talk.asks, starts, strict=False)]

    @property
    def _turn(self) -> Turn:
        return self.turns[len(self.records)]

    @property
    def ask(self) -> Ask:
        """Of the request under way."""
        return self._turn.ask

    @property
    def front(self) -> Front:
        """The client's frontend, as the ledger has it."""
        return self._world.ledger.fronts[self.talk.state]

    def moved(self) -> None:
        """A byte came, or went."""
        self.active = self._world.time.now

    @property
    def has_all(self) -> bool:
        """Whether the request under way is there; what comes then is another one's."""
        return self.has_sent(self._turn, len(self.ask.data))

    @property
    def awaits_another(self) -> bool:
        """Whether the request under way must be sent once more, on a new connection."""
        return self._turn.stale

    @property
    def ahead(self) -> int:
        """Bytes beyond the request under way, where one is."""
        turn = self._turn
        return len(self.talk.fed) - turn.start - len(turn.ask.data) if turn.decided else 0

    @property
    def early(self) -> int:
        """Bytes of the body so far."""
        turn = self._turn
        return len(self.talk.fed) - turn.start - len(turn.ask.head)

    @property
    def framing(self) -> int:
        """Bytes of it that are no body."""
        return len(self.ask.rest) - len(self.ask.body)

    def has_sent(self, turn: Turn, size: int) -> bool:
        """Whether the client has sent so much of a request, as far as we have read."""
        return len(self.talk.fed) >= turn.start + size

    # Decisions --------------------------------------------------------------------------------------------------------

    def decide(self) -> Turn:
        """A head was read: where it must be led, as the declarations say now."""
        turn = self._turn
        ask, declared = turn.ask, self.front.declared
        if turn.decided:
            return turn
        assert not ask.statuses or ask.bad_rest, "what is to be refused was taken"
        assert self.has_sent(turn, len(ask.head))
        there = self._world.runtime.frontends.get(declared.name) is self.talk.state
        turn.may_persist = there and declared.connection is not ConnectionMode.CLOSE
        if ask.last_hop:
            turn.answers = frozenset({501})
            return turn
        default = declared.default_backend
        found: set[Target] = set()
        if ask.host is not None and not ask.is_address:
            found = winners(declared.routes, ask.host, (), ask.path.decode())
        if not found or (found == {Action.REDIRECT_HTTPS} and default and ask.path.startswith(_CHALLENGE)):
            found = {default} if default is not None else found or {Action.REJECT}
        turn.targets = found
        if Action.REDIRECT_HTTPS in found:
            turn.answers = frozenset({301 if ask.method in (b"GET", b"HEAD") else 308})
        elif found & {Action.REJECT}:
            turn.answers = frozenset({421})
        return turn

    def attempts(self, attempt: Attempt | None, ticket: Ticket | None, why: str) -> Outcome | None:
        """A server is to be asked, or waited for; neither: it must end so."""
        turn = self.decide()
        if turn.course is None:
            course = self._begin(turn, self._pool(turn))
            return course.first(attempt, ticket)
        if turn.stale:
            turn.stale = False
            assert attempt is not None
            assert (attempt.server, attempt.after) == (turn.course.server, 0)
            return None
        if why == "served":
            return turn.course.served(attempt, ticket)
        assert why == "connect_failed"
        assert self.failure is not None
        return turn.course.failed(self.failure, attempt, ticket)

    def _begin(self, turn: Turn, pool: Pool) -> Course:
        turn.routed_at = self._world.time.now
        course = turn.course = Course(self._world.ledger, pool, turn.ask.host, self.talk.client.host, turn.ask.servers)
        turn.origin = self._origin(pool)
        backend = course.group.declared
        turn.gives_cookies = backend.cookie is not None
        turn.patience, turn.queue_patience = backend.timeout_server, backend.timeout_queue
        mode = backend.connection or self.front.declared.connection
        turn.keeps = mode is ConnectionMode.KEEP_ALIVE and turn.ask.host is not None
        return course

    def _pool(self, turn: Turn) -> Pool:
        (target,) = turn.targets
        assert isinstance(target, str), "a server is asked for what is ours to answer"
        return self.front.pools[target]

    def _origin(self, pool: Pool) -> readback.Origin:
        declared, host = self.front.declared, self.talk.client.host
        rules = [declared.forwardfor, self._world.ledger.groups[pool].declared.forwardfor]
        trusted = any(ipaddress.ip_address(host) in network for network in declared.trusted_proxies)
        return readback.Origin(host, trusted, [rule for rule in rules if rule is not None])

    def connected(self, peer: Peer, mark: bytes) -> None:
        """A server's connection is there, for the request under way."""
        self.moved()
        turn = self._turn
        turn.peer, turn.mark, turn.connected_at = peer, mark, self._world.time.now
        if turn.course is not None:
            member = turn.course.member
            turn.cookie = None if member is None else member.said.cookie

    def writes(self) -> None:
        """The client is sent something: a server's answer, or ours, which is decided on at the latest now."""
        turn = self._turn
        if (
            turn.peer is None
            and turn.course is None
            and not turn.ask.statuses
            and self.has_sent(turn, len(turn.ask.head))
        ):
            self.decide()

    def reaches(self, attempt: Attempt, idle: float, why: str) -> None:
        """An attempt, by a kept connection if it was idle for so long at most: nothing may be lost by that."""
        stale = self._turn.stale
        self.attempts(attempt, None, why)
        turn = self._turn
        if turn.connecting_at is None:
            turn.connecting_at = self._world.time.now
        assert idle == (0 if stale or not turn.keeps else inf if turn.ask.method in _REPEATABLE else 1)

    def waits(self, ticket: Ticket, why: str) -> None:
        """A place in a queue."""
        self.attempts(None, ticket, why)
        turn = self._turn
        turn.connecting_at = None
        if turn.waits_since is None:
            turn.waits_since = self._world.time.now

    @property
    def due(self) -> float | None:
        """When the request under way has waited long enough, if it waits."""
        turn = self._turn
        if turn.course is None or turn.course.ticket is None or turn.waits_since is None:
            return None
        return turn.waits_since + turn.queue_patience

    def check_waiting(self) -> None:
        """Waiting has an end."""
        assert self.due is None or self.talk.exchange.deadline() == self.due

    def closes(self, peer: Peer) -> None:
        """A server's end: of a connection that was kept, and not said a word on, it is no fault of anybody's."""
        turn = self._turn
        body = len(peer.got) - peer.got.find(b"\r\n\r\n") - 4
        lost_nothing = turn.ask.method in _REPEATABLE or not self.has_all
        turn.stale = turn.peer is peer and peer.reused and not peer.said and lost_nothing and body <= MAX_EARLY

    def leaves(self, *, keeps: bool) -> None:
        """The server is let go in peace, or kept: all was said and heard."""
        turn = self._turn
        assert turn.peer is not None
        assert keeps is (turn.keeps and turn.peer.reply.lasting)
        assert not turn.peer.said_surplus
        assert turn.peer.reply.worth is Worth.WHOLE
        request = strict.request(bytes(turn.peer.got))
        assert request is not None
        assert request.whole
        self.released()

    def released(self) -> None:
        """The server counts no more."""
        course = self._turn.course
        if course is not None:
            course.release()

    def switches(self, to_server: bytes, to_client: bytes) -> None:
        """A tunnel begins with what each side was ahead."""
        turn = self._turn
        assert turn.ask.upgrade
        assert turn.peer is not None
        assert turn.peer.reply.worth is Worth.SWITCH
        assert to_server == self.talk.fed[turn.start + len(turn.ask.data) :]
        head, _end, rest = to_client.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert turn.peer.reply.payload.startswith(rest)

    # Records ----------------------------------------------------------------------------------------------------------

    def ended(self, record: RequestRecord, why: str) -> None:
        """A request is over: for a reason that there is, and once."""
        turn = self._turn
        assert turn.record is None
        turn.record, turn.record_why = record, why
        turn.cut_short = not self.has_all
        causes.check(self, turn, record, why)
        if turn.course is None and turn.ask.bad_rest and record.backend is not None:
            # The fault was in the first bytes of a body: the backend was known, and nobody was asked yet.
            turn.course = Course(self._world.ledger, self.front.pools[record.backend], None, "")
        self.released()
        self._world.ledger.settle()
        self._check_record(turn, record)
        self.records.append(record)
        if len(self.records) == len(self.turns):
            # A record beyond the last request would need one to belong to.
            self.turns.append(Turn(readback.NOTHING, turn.start + len(turn.ask.data)))

    def _check_record(self, turn: Turn, record: RequestRecord) -> None:
        course, ask = turn.course, turn.ask
        assert (record.client, record.frontend) == (self.talk.client, self.front.declared.name)
        asked: tuple[str | None, str | None, int, bool] = (None, None, 0, False)
        if course is not None:
            asked = (course.name, course.last, course.retries, course.redispatched)
            assert (record.server_queue, record.backend_queue) == course.ahead
        assert (record.backend, record.server, record.retries, record.redispatched) == asked
        assert record.load == self._load(turn)
        if turn.routed_at is not None:
            begun, connected = turn.connecting_at, turn.connected_at
            assert record.queued == (begun or self._world.time.now) - turn.routed_at
            assert record.connected == (None if begun is None or connected is None else connected - begun)
        assert self._began - 1e-3 <= record.started - 1e9 <= self._world.time.now + 1e-3
        if turn.decided:
            assert (record.request_line, record.host) == (ask.line, ask.host)
        if turn.decided and not ask.bad_rest and self.tunnel_ending is None:
            read = min(len(self.talk.fed) - turn.start, len(ask.data))
            assert record.bytes_in == (read if course is not None else min(read, len(ask.head)))

    def _load(self, turn: Turn) -> Load:
        ledger, course = self._world.ledger, turn.course
        backend = server = 0
        if course is not None:
            backend = ledger.at_pool[course.pool] - (course.place is not None)
            if course.server is not None:
                server = ledger.at_server[course.server] - (course.place is course.server)
        return Load(ledger.clients, ledger.fronts[self.talk.state].clients, backend, server)

    # What was seen at both ends ---------------------------------------------------------------------------------------

    def _check_end(self, latest: Turn | None) -> None:
        """A connection that may live on does, and what came behind the latest request was begun to be read."""
        if self.ending_soon or self.talk.asker.finished or self.tunnel_ending is not None:
            return
        if latest is None or latest.leaves_open:
            assert not self.talk.fed[self.turns[len(self.records)].start :].strip(b"\r\n")
            assert self.talk.left_why != "client_drained"

    def check_request(self, peer: Peer) -> None:
        """A server's connection is over: what it got is what was meant."""
        turn = next(turn for turn in self.turns if turn.peer is peer)
        assert turn.origin is not None
        sent = self.has_sent(turn, len(turn.ask.data))
        readback.check_request(bytes(peer.got), turn.ask, turn.origin, sent=sent, keeps=turn.keeps)

    def check_all(self) -> None:
        """Nothing is left of the client: what it got is what each record says, and nothing else."""
        assert len(self.records) >= sum(turn.decided for turn in self.turns)
        rest = bytes(self.talk.wire)
        done = [turn for turn in self.turns if turn.record is not None]
        for turn in done:
            rest = readback.check_response(rest, turn, self.talk, last=turn is done[-1])
        assert not rest or self.tunnel_ending is not None
        self._check_end(done[-1] if done else None)

"""Two copies of one live state: at one every client goes the long way, at the other the short way where it may.

After every fact both must have answered alike, and stand alike: counts, places in the round, all that a session knows.
"""

from __future__ import annotations

from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING

from pumpproxy.model import TcpAddress
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.passage import MAX_ALPN_KEPT, Passage, Stage
from pumpproxy.policy.pool import Pool
from pumpproxy.policy.records import ClientAddress
from pumpproxy.policy.runtime import Runtime
from pumpproxy.policy.steps import Await, Connect, StartRelay
from pumpproxy.policy.straight import StraightSession, begin
from pumpproxy.wire.wholehello import read_whole
from tests.policy.sessionbook import ACCEPTED, CLIENT, WALL, SessionPlay, connects, leaves, sends

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumpproxy.model import Config
    from pumpproxy.policy.attempts import Attempts
    from pumpproxy.policy.queue import Ticket
    from pumpproxy.policy.records import SessionRecord
    from pumpproxy.policy.serverstate import ServerState
    from pumpproxy.policy.session import Session
    from pumpproxy.policy.steps import Step
    from tests.policy.sessionbook import Fact

LIMIT = 1000
CLIENTS = (CLIENT, *(ClientAddress(f"198.51.100.{number}", 5000 + number) for number in range(4)))
_PLAIN = set(Passage.__slots__) - {"_runtime", "_sniffer", "attempts", "frontend", "pool", "server"}


def straight(
    live: Runtime, data: bytes, now: float = ACCEPTED, client: ClientAddress = CLIENT
) -> StraightSession | None:
    """The session that a client with this first segment begins the short way, if any; not counted in yet."""
    hello = read_whole(data)
    begun = None if hello is None else begin(live.frontends["f"], client, hello, now)
    return None if begun is None else StraightSession(*begun)


def standing(live: Runtime) -> list[object]:
    """Every count, every server's place in the round, who may be chosen, and what chance says next."""
    counts: list[object] = [live.connections]
    counts += [(name, one.connections, one.accepted) for name, one in live.frontends.items()]
    for name, pool in live.pools.items():
        counts.append((name, pool.connections, pool.waiting, pool._chance._state))
        for one in pool.servers.values():
            counts.append((one.name, one.connections, one.credit, one.weight, one.usable, len(one.queue)))
    return counts


def known_of(session: Session) -> dict[str, object]:
    """All that it knows and holds, by value."""
    sniffer, pool = session._sniffer, session.pool
    return {name: getattr(session, name) for name in _PLAIN} | {
        "_sniffer": None if sniffer is None else (sniffer.raw, sniffer.held, sniffer.heard),
        "attempts": None if session.attempts is None else _known_of_attempts(session.attempts),
        "frontend": session.frontend.declared,
        "pool": None if pool is None else (pool.backend, pool.connections),
        "server": _known_of_server(session.server),
    }


def _known_of_attempts(attempts: Attempts) -> dict[str, object]:
    plain = (
        *("_client", "_host", "backend_queue", "counts", "failure", "full", "pinned", "redispatched", "retries"),
        "server_queue",
    )
    return {name: getattr(attempts, name) for name in plain} | {
        "server": _known_of_server(attempts.server),
        "ticket": None if attempts.ticket is None else _known_of_ticket(attempts.ticket),
        "tried": [_known_of_server(one) for one in attempts._tried],
    }


def _known_of_ticket(ticket: Ticket) -> tuple[object, ...]:
    plain = (ticket.host, ticket.client, ticket.serial, ticket.ahead, ticket.alone, ticket.served)
    return (*plain, _known_of_server(ticket.server))


def _known_of_server(server: ServerState | None) -> tuple[object, ...] | None:
    return None if server is None else (server.declared, server.weight, server.connections, server.credit)


def _told(step: Step | None) -> object:
    """A step by value: the twins' servers are alike, and not the same."""
    if isinstance(step, Connect):
        return (_known_of_server(step.attempt.server), step.attempt.after, step.attempt.timeout)
    return _known_of_ticket(step.ticket) if isinstance(step, Await) else step


def _is_nearby(pool: Pool | None) -> bool:
    addresses = [] if pool is None else [one.declared.address for one in pool.servers.values()]
    return all(isinstance(one, TcpAddress) and ip_address(one.host).is_loopback for one in addresses)


def is_short(play: SessionPlay, step: Step | None, data: bytes) -> bool:
    """Whether one who was led the long way to this step with its first segment has to be led the short way.

    Not where it comes to another server than the one it is meant for, because too many wait for that.
    """
    hello, pool = read_whole(data), play.session.pool
    if hello is None or len(hello.alpn) > MAX_ALPN_KEPT or not isinstance(step, Connect) or not _is_nearby(pool):
        return False
    meant = None if pool is None else pool.pinned(hello.server_name)
    return meant is None or meant is step.attempt.server


class Pair:
    """One client, twice. Not counted out before `over`."""

    def __init__(self, twins: Twins, long: SessionPlay, short: SessionPlay) -> None:
        self._twins = twins
        self._long = long
        self._short = short

    @property
    def stage(self) -> Stage:
        """Where both are."""
        return self._long.session.stage

    @property
    def server(self) -> str | None:
        """The name of the server that both have."""
        server = self._short.session.server
        return None if server is None else server.name

    def __rshift__(self, fact: Fact) -> Pair:
        self.asks(fact)
        return self

    def asks(self, fact: Fact) -> Step | None:
        """What follows from this fact."""
        self._long.now = self._short.now = self._twins.now
        steps = fact(self._long), fact(self._short)
        assert _told(steps[1]) == _told(steps[0])
        self.agrees()
        return steps[1]

    def agrees(self) -> None:
        """Check that both know the same, and count the same; both will hear when their waiting is over."""
        for play, woken in ((self._long, self._twins.woken[0]), (self._short, self._twins.woken[1])):
            ticket = None if play.session.attempts is None else play.session.attempts.ticket
            if ticket is not None:
                ticket.wake = partial(woken.append, ticket.serial)
        assert known_of(self._short.session) == known_of(self._long.session)
        self._twins.agree()

    def relayed(self, bytes_in: int, bytes_out: int, outcome: Outcome, phase: Phase) -> Pair:
        """Its relay is over."""
        for play in (self._long, self._short):
            play.relayed(bytes_in, bytes_out, outcome, phase)
        self.agrees()
        return self

    def over(self, *, told: bool = True) -> SessionRecord | None:
        """Both connections are gone; the record, if anybody is to be told."""
        twins = self._twins
        records = [self._over(play, told=told) for play in (self._long, self._short)]
        assert records[1] == records[0]
        twins.agree()
        twins.pairs.remove(self)
        return records[1]

    def _over(self, play: SessionPlay, *, told: bool) -> SessionRecord | None:
        now, session = self._twins.now, play.session
        record = session.close(now, WALL + now - ACCEPTED) if told else None
        if not told:
            session.release()
        play.runtime.left(play.frontend)
        return record


class Twins:
    """Two live states of one Config; `taken` counts who was led the short way."""

    def __init__(self, declared: Config) -> None:
        self.long = Runtime(declared, LIMIT)
        self.short = Runtime(declared, LIMIT)
        self.now = ACCEPTED
        self.pairs: list[Pair] = []
        self.taken = 0
        self.woken: tuple[list[int], list[int]] = ([], [])
        self._seen: set[Pool | ServerState] = set()

    def agree(self) -> None:
        """Check that both count the same."""
        assert standing(self.short) == standing(self.long)
        assert self.woken[1] == self.woken[0]

    def comes(self, data: bytes, *, turns_back: bool = False) -> Pair:
        """A client whose first segment this is. `turns_back`: not even the short way's server is there at once."""
        client = CLIENTS[(len(self.pairs) + self.taken) % len(CLIENTS)]
        long = SessionPlay(self.long, self.now, client)
        step = sends(data)(long) if long.frontend.tls else long.step
        before = standing(self.short)
        begun = straight(self.short, data, self.now, client) if long.frontend.tls else None
        assert (begun is not None) == (long.frontend.tls and is_short(long, step, data)), data.hex()
        if begun is None:
            assert standing(self.short) == before
        short = SessionPlay(self.short, self.now, client)
        if begun is None:
            assert _told(sends(data)(short) if short.frontend.tls else short.step) == _told(step)
        else:
            short.begins(begun, data)
            assert begun.pool in self.short.pools.values()
            assert begun.server in begun.pool.servers.values()
            self.taken += 1
            if turns_back:
                assert _told(short.turns_back(data)) == _told(step)
            else:
                assert connects(long) == StartRelay(data, client_finished=False)
        pair = Pair(self, long, short)
        self.pairs.append(pair)
        pair.agrees()
        return pair if long.frontend.tls else pair >> sends(data)

    def reload(self, declared: Config) -> None:
        """Both follow another file."""
        self._note()
        self.long.reload(declared, LIMIT)
        self.short.reload(declared, LIMIT)
        self.agree()

    def tends(self, place: int, what: Callable[[Pool, ServerState], None]) -> None:
        """Something happens to one of the servers."""
        for live in (self.long, self.short):
            servers = [(pool, one) for pool in live.pools.values() for one in pool.servers.values()]
            if servers:
                what(*servers[place % len(servers)])
        self.agree()

    def drain(self) -> None:
        """Everybody leaves; nobody counts anywhere any more, nor at what a reload took away."""
        for pair in self.pairs.copy():
            if pair.stage is Stage.RELAYING:
                pair.relayed(7, 9, Outcome.CLIENT_LEFT, Phase.DATA)
            else:
                pair >> leaves
            pair.over()
        self._note()
        assert [one for one in self._seen if one.connections] == []
        assert [one for one in self._seen if isinstance(one, Pool) and one.waiting] == []
        assert self.long.connections == self.short.connections == 0
        assert [one for one in self.short.frontends.values() if one.connections] == []

    def _note(self) -> None:
        for live in (self.long, self.short):
            for pool in live.pools.values():
                self._seen |= {pool, *pool.servers.values()}

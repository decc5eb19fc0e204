"""A connection on a `tls` or `tcp` frontend, told as a conversation: `>>` a fact, `<<` the Step that follows.

Each fact has exactly one Step, which must be named before the next fact. What is alike in an http connection stands in
`tests.playbook`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pumpproxy.policy.records import ClientAddress, Load
from pumpproxy.policy.session import Session
from pumpproxy.policy.steps import WAIT, Connect, Refuse, StartRelay
from tests.playbook import Like
from tests.policy.declared import backend, runtime
from tests.wire.hellos import alpn, hello, host, record, server_name, versions

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumpproxy.policy.attempts import ConnectFailure
    from pumpproxy.policy.httpsteps import HttpStep
    from pumpproxy.policy.outcome import Outcome, Phase
    from pumpproxy.policy.records import SessionRecord
    from pumpproxy.policy.runtime import Runtime
    from pumpproxy.policy.steps import Step
    from pumpproxy.policy.straight import StraightSession

    Fact = Callable[["SessionPlay"], Step | None]

CLIENT = ClientAddress("192.0.2.7", 51234)
WALL = 1_700_000_000.0
ACCEPTED = 5000.0
"""The monotonic clock when the client was accepted: no test may rely on zero."""


def hello_for(name: str | None, *protocols: str) -> bytes:
    """A whole ClientHello in one record."""
    asked = (server_name(host(name.encode())),) if name is not None else ()
    offered = (alpn(*(one.encode() for one in protocols)),) if protocols else ()
    return record(hello(*asked, *offered, versions(0x0304)))


class SessionPlay:
    """One connection, accepted `now`; without a runtime, at a frontend whose names all lead to server s."""

    def __init__(self, live: Runtime | None = None, now: float = ACCEPTED, client: ClientAddress = CLIENT) -> None:
        self.runtime = live if live is not None else runtime(backend("s"))
        self.frontend = self.runtime.frontends["f"]
        self.runtime.accepted(self.frontend)
        self.now = now
        self.session = Session(self.runtime, self.frontend, client, self.now)
        self.begun: StraightSession | None = None
        """Where it goes the short way."""
        self.step: Step | None = self.session.opened(self.now)
        if self.step == WAIT:
            self.step = None

    def __rshift__(self, fact: Fact) -> SessionPlay:
        assert self.step is None, f"nobody named {self.step}"
        self.step = fact(self)
        return self

    def __lshift__(self, expected: Step | Like) -> SessionPlay:
        step, self.step = self.step, None
        assert step is not None, f"no step, where {expected} was expected"
        if isinstance(expected, Like):
            assert expected.fits(cast("HttpStep", step)), f"{step} is not {expected.what}"
        else:
            assert step == expected
        return self

    def begins(self, begun: StraightSession, data: bytes) -> None:
        """It goes the short way, with this first segment; its session is what this one stands for."""
        self.begun = begun
        self.session = begun.whole(self.runtime, len(data))

    def turns_back(self, data: bytes) -> Step:
        """Its server was not there at once."""
        assert self.begun is not None
        self.session, attempt = self.begun.turn_back(self.runtime, data)
        self.begun = None
        return Connect(attempt)

    def relayed(self, bytes_in: int, bytes_out: int, outcome: Outcome, phase: Phase) -> None:
        """Its relay is over. On the short way nobody has asked for the session before."""
        if self.begun is not None and self.session.outcome is None:
            self.session = self.begun.whole(self.runtime, bytes_in)
        self.session.relayed(bytes_in, bytes_out, outcome, phase)

    def over(self, outcome: Outcome, phase: Phase) -> SessionRecord:
        """The connection's record; it ended so, and counts nowhere any more."""
        assert self.step is None, f"nobody named {self.step}"
        record = self.session.close(self.now, WALL + self.now - ACCEPTED)
        self.runtime.left(self.frontend)
        assert (record.outcome, record.phase) == (outcome, phase)
        assert self.session.deadline() is None
        assert self.session.held == 0
        pools = self.runtime.pools.values()
        assert not any(pool.connections or any(one.connections for one in pool.servers.values()) for pool in pools)
        assert self.runtime.connections == self.frontend.connections == 0
        return record


def tells_all(ended: SessionRecord, *, connected: float, total: float) -> None:
    """Check the record of a client that asked server s for x.example by h2, and moved 1000 and 2000 bytes."""
    assert (ended.client, ended.frontend, ended.backend, ended.server) == (CLIENT, "f", "b", "s")
    assert (ended.started, ended.queued, ended.connected, ended.total) == (WALL, 0.0, connected, total)
    assert (ended.bytes_in, ended.bytes_out) == (1000, 2000)
    assert (ended.retries, ended.redispatched, ended.detail) == (0, False, "")
    assert ended.load == Load(1, 1, 0, 0)
    assert ended.hello is not None
    assert (ended.hello.server_name, ended.hello.alpn) == ("x.example", (b"h2",))


# Steps --------------------------------------------------------------------------------------------------------------


def relay(preamble: bytes, *, client_finished: bool = False) -> StartRelay:
    """The relay starts, and the server gets this first."""
    return StartRelay(preamble, client_finished)


def last_words(start: bytes) -> Like:
    """The client is refused, with words that begin so."""
    return Like(f"a refusal with {start!r}", lambda step: isinstance(step, Refuse) and step.reply.startswith(start))


# Facts --------------------------------------------------------------------------------------------------------------


def sends(data: bytes) -> Fact:
    """The client sends that."""
    return lambda play: play.session.received(data, play.now)


def passes(seconds: float) -> Fact:
    """Time passes, and nothing happens."""

    def fact(play: SessionPlay) -> Step | None:
        play.now += seconds
        deadline = play.session.deadline()
        return None if deadline is None or deadline > play.now else play.session.deadline_passed(play.now)

    return fact


def fails(failure: ConnectFailure) -> Fact:
    """The attempt fails."""
    return lambda play: play.session.connect_failed(failure, play.now)


def relayed(bytes_in: int, bytes_out: int, outcome: Outcome, phase: Phase) -> Fact:
    """The relay is over."""
    return lambda play: play.relayed(bytes_in, bytes_out, outcome, phase)


def connects(play: SessionPlay) -> Step:
    """The server's connection is there."""
    return play.session.connected(play.now)


def finishes(play: SessionPlay) -> Step:
    """The client closes its half."""
    return play.session.finished()


def leaves(play: SessionPlay) -> Step:
    """The client's connection is gone."""
    return play.session.lost()


def is_evicted(play: SessionPlay) -> Step:
    """It holds too much of a hello."""
    return play.session.evicted()


def hears(play: SessionPlay) -> Step | None:
    """It hears that its waiting is over, if it is."""
    ticket = None if play.session.attempts is None else play.session.attempts.ticket
    return None if ticket is None or not ticket.served else play.session.served(play.now)


def is_shut_down(play: SessionPlay) -> Step:
    """The service ends."""
    return play.session.shut_down()

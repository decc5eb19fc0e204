"""Where a connection stands, and when it leaves its place at a server to others.

What each fact leads to is told in `test_session`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pumpproxy.model import Check
from pumpproxy.policy.attempts import Attempts, ConnectFailure
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.passage import MAX_ALPN_KEPT, Stage
from pumpproxy.policy.steps import Await, Connect
from tests.policy.declared import backend, config, runtime, server
from tests.policy.sessionbook import (
    ACCEPTED,
    WALL,
    SessionPlay,
    connects,
    fails,
    finishes,
    hello_for,
    is_shut_down,
    leaves,
    passes,
    sends,
)

if TYPE_CHECKING:
    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.runtime import Runtime
    from pumpproxy.policy.steps import Step
    from tests.policy.sessionbook import Fact

HELLO = hello_for("x.example", "h2")
REFUSED = ConnectFailure.REFUSED


def is_late(play: SessionPlay) -> Step:
    """Its deadline has passed."""
    return play.session.deadline_passed(play.now)


def breaks(play: SessionPlay) -> None:
    """A defect of ours."""
    play.session.failed("ZeroDivisionError")


def is_served(play: SessionPlay) -> Step:
    """Its ticket is."""
    return play.session.served(play.now)


def comes(live: Runtime, *facts: Fact) -> SessionPlay:
    """A client with its hello, and what happens to it then."""
    play = SessionPlay(live)
    for fact in (sends(HELLO), *facts):
        play.step = fact(play)
    return play


def one_place(**fields: object) -> tuple[Runtime, Pool]:
    """A server that takes one connection at a time."""
    live = runtime(backend(server("s", 1, maxconn=1, check=Check()), retries=0, **fields))
    return live, live.pools["b"]


ENDS = [(leaves, Outcome.CLIENT_LEFT), (finishes, Outcome.CLIENT_LEFT), (is_shut_down, Outcome.SHUTDOWN)]


@pytest.mark.parametrize(
    ("fact", "outcome"), [*ENDS, (fails(REFUSED), Outcome.CONNECT_FAILED), (breaks, Outcome.INTERNAL)]
)
def test_who_ends_while_it_connects_leaves_its_place_at_once(fact: Fact, outcome: Outcome) -> None:
    """However long its last words take: the next one has it, and it counts once."""
    live, pool = one_place()
    first, second = comes(live), comes(live)
    assert isinstance(first.step, Connect)
    assert isinstance(second.step, Await)
    fact(first)
    assert second.step.ticket.served
    assert (pool.connections, pool.servers["s"].connections, pool.waiting) == (1, 1, 0)
    record = first.session.close(first.now, WALL)
    assert (record.outcome, record.phase, record.load.backend) == (outcome, Phase.CONNECT, 1)
    assert (pool.connections, pool.servers["s"].connections) == (1, 1)


@pytest.mark.parametrize(("fact", "outcome"), [*ENDS, (is_late, Outcome.QUEUE_TIMEOUT), (breaks, Outcome.INTERNAL)])
def test_who_ends_while_it_waits_is_not_served_any_more(fact: Fact, outcome: Outcome) -> None:
    """The one behind it is, and has room in the queue before it is all over."""
    live, pool = one_place()
    first, second, third = comes(live), comes(live), comes(live)
    assert pool.waiting == 2
    fact(second)
    assert pool.waiting == 1
    leaves(first)
    assert isinstance(third.step, Await)
    assert third.step.ticket.served
    record = second.session.close(second.now, WALL)
    assert (record.outcome, record.phase, record.server) == (outcome, Phase.QUEUE, None)
    assert pool.connections == 1


def test_who_was_served_and_ends_before_it_hears_of_it_passes_its_place_on() -> None:
    """And does not count in its own record."""
    live, pool = one_place()
    first, second, third = comes(live), comes(live), comes(live)
    leaves(first)
    leaves(second)
    assert isinstance(third.step, Await)
    assert third.step.ticket.served
    assert second.session.close(second.now, WALL).load.backend == 1
    leaves(third)
    assert third.session.close(third.now, WALL).load.backend == 0
    assert (pool.connections, pool.waiting) == (0, 0)


def test_a_relay_keeps_its_place_until_both_connections_are_gone() -> None:
    """A defect on the way does not give it to another while the server has it."""
    live, pool = one_place()
    first, second = comes(live, connects), comes(live)
    breaks(first)
    assert isinstance(second.step, Await)
    assert not second.step.ticket.served
    first.session.close(first.now, WALL)
    assert second.step.ticket.served
    assert pool.connections == 1


def test_waiting_counts_from_its_beginning() -> None:
    """Attempts in between do not begin it anew; the time to connect is that of the last ones."""
    live, pool = one_place(hold=True, timeout_queue=9.0)
    pool.turned(pool.servers["s"], up=False)
    play = comes(live, passes(2.0))
    for pause in (3.0, 1.0):
        pool.turned(pool.servers["s"], up=True)
        play.step = is_served(play)
        assert play.session.deadline() is None
        play.now += pause
        play.step = fails(REFUSED)(play)
        assert (play.session.stage, play.session.deadline()) == (Stage.WAITING, ACCEPTED + 9.0)
    pool.passed(pool.servers["s"])
    is_served(play)
    play.now += 0.5
    connects(play)
    record = play.session.close(play.now, WALL)
    assert (record.queued, record.connected, record.retries) == (6.0, 0.5, 2)


@pytest.mark.parametrize(
    ("failed", "outcome"), [(True, Outcome.CONNECT_FAILED), (False, Outcome.NO_SERVER)], ids=["refused", "nobody"]
)
def test_waiting_in_vain_ends_as_if_it_had_not_waited(failed: bool, outcome: Outcome) -> None:  # noqa: FBT001
    """There is nobody to wait for any more: whether anybody was tried makes the difference."""
    live, pool = one_place(hold=True)
    if not failed:
        pool.turned(pool.servers["s"], up=False)
    play = comes(live, *([fails(REFUSED)] if failed else []))
    assert play.session.stage is Stage.WAITING
    live.reload(config(backend()), 100)
    play.step = is_served(play)
    record = play.session.close(play.now, WALL)
    assert (record.outcome, record.phase) == (outcome, Phase.CONNECT)
    assert record.server == ("s" if failed else None)


@pytest.mark.parametrize("refused", [True, False])
def test_too_many_wait_already(refused: bool) -> None:  # noqa: FBT001
    """Those that a server refused, too."""
    live, pool = one_place(hold=True)
    pool.most = 1
    first = Attempts(pool, None)
    if refused:
        first.first()
        first.failed(REFUSED)
    else:
        assert pool.take(None) is not None
        first.first()
    play = comes(live, *([fails(REFUSED)] if refused else []))
    record = play.session.close(play.now, WALL)
    assert (record.outcome, record.phase) == (Outcome.QUEUE_FULL, Phase.QUEUE)
    assert pool.waiting == 1


def test_few_protocols_are_kept_of_many() -> None:
    """For the log; what the server gets is what the client sent."""
    many = [f"p{number}" for number in range(MAX_ALPN_KEPT + 5)]
    play = SessionPlay() >> sends(hello_for("x.example", *many))
    assert play.session.hello is not None
    assert play.session.hello.alpn == tuple(name.encode() for name in many[:MAX_ALPN_KEPT])

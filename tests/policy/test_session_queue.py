"""A connection that waits for a server: in a queue, or until one is UP."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pumpproxy.model import Check, Mode
from pumpproxy.policy.attempts import Attempts, ConnectFailure
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.steps import ABANDON, RESET, WAIT, Await, Refuse
from pumpproxy.wire.alert import AlertDescription, alert_record
from tests.playbook import Like, connect
from tests.policy.declared import backend, runtime, server
from tests.policy.sessionbook import (
    ACCEPTED,
    SessionPlay,
    connects,
    fails,
    finishes,
    hello_for,
    is_evicted,
    is_shut_down,
    leaves,
    passes,
    relay,
    sends,
)

if TYPE_CHECKING:
    from pumpproxy.policy.runtime import Runtime
    from pumpproxy.policy.steps import Step
    from tests.policy.sessionbook import Fact

HELLO = hello_for("x.example", "h2")
INTERNAL = Refuse(alert_record(AlertDescription.INTERNAL_ERROR))
REFUSED = ConnectFailure.REFUSED


def crowded(**fields: object) -> Runtime:
    """One server, which has all the connections that it may have."""
    live = runtime(backend(server("s", 1, maxconn=1), **fields))
    assert live.pools["b"].take(None) is not None
    return live


def makes_room(play: SessionPlay) -> None:
    """Another connection ends."""
    pool = play.runtime.pools["b"]
    pool.leave(pool.servers["s"])


def is_served(play: SessionPlay) -> Step:
    """The ticket is."""
    return play.session.served(play.now)


WAITS = Like("a place in a queue", lambda step: isinstance(step, Await))


def test_who_finds_no_place_waits_and_goes_on_with_all_that_it_said() -> None:
    """Its time in the queue is in the log, and how many were before it; what it says meanwhile is kept."""
    live = crowded()
    before = Attempts(live.pools["b"], None)
    before.first()
    play = SessionPlay(live) >> sends(HELLO) << WAITS
    before.release()
    assert play.session.deadline() == ACCEPTED + 60
    play = play >> passes(7.5) >> sends(b"early") << WAIT
    makes_room(play)
    play = play >> is_served << connect("s") >> is_served << WAIT >> passes(0.5) >> connects << relay(HELLO + b"early")
    play.session.relayed(10, 20, Outcome.COMPLETED, Phase.DONE)
    ended = play.over(Outcome.COMPLETED, Phase.DONE)
    assert (ended.queued, ended.connected, ended.total) == (7.5, 0.5, 8.0)
    assert (ended.server_queue, ended.backend_queue, ended.retries) == (0, 1, 0)


def test_what_waits_counts_with_the_unfinished_hellos() -> None:
    """With all that came behind it, however the hello came; who holds the most of all is refused."""
    whole = SessionPlay(crowded()) >> sends(HELLO) << WAITS >> sends(b"early") << WAIT
    assert whole.session.held == len(HELLO) + 5
    cut = SessionPlay(crowded()) >> sends(HELLO[:20]) << WAIT >> sends(HELLO[20:]) << WAITS
    assert cut.session.held >= len(HELLO)
    cut = cut >> is_evicted << INTERNAL
    makes_room(cut)
    cut.over(Outcome.OVERLOAD, Phase.QUEUE)
    makes_room(whole)
    whole = whole >> is_served << connect("s")
    assert whole.session.held == 0


@pytest.mark.parametrize("mode", [Mode.TLS, Mode.TCP])
def test_waiting_has_an_end(mode: Mode) -> None:
    """The words are those for nobody; it is told from a server that does not answer."""
    live = crowded(timeout_queue=4.0)
    live.frontends["f"].declare(replace(live.frontends["f"].declared, mode=mode), live.pools)
    play = SessionPlay(live)
    play = play >> sends(HELLO) << WAITS if mode is Mode.TLS else play << WAITS
    play = play >> passes(3.9) >> passes(0.1) << (INTERNAL if mode is Mode.TLS else RESET)
    makes_room(play)
    ended = play.over(Outcome.QUEUE_TIMEOUT, Phase.QUEUE)
    assert (ended.server, ended.queued, ended.connected) == (None, 4.0, None)


@pytest.mark.parametrize("goes", [leaves, finishes])
def test_who_gives_up_waiting_is_forgotten_at_once(goes: Fact) -> None:
    """Its place in the queue too."""
    live = crowded()
    play = SessionPlay(live) >> sends(HELLO) << WAITS >> passes(1.0) >> goes << ABANDON
    assert live.pools["b"].waiting == 0
    live.pools["b"].leave(live.pools["b"].servers["s"])
    assert play.over(Outcome.CLIENT_LEFT, Phase.QUEUE).queued == 1.0


def test_a_full_queue_takes_nobody() -> None:
    """At once."""
    live = runtime(backend(server("s", 1, maxconn=1, maxqueue=0)))
    assert live.pools["b"].take(None) is not None
    play = SessionPlay(live) >> sends(HELLO) << INTERNAL
    makes_room(play)
    play.over(Outcome.QUEUE_FULL, Phase.QUEUE)


def held(**fields: object) -> SessionPlay:
    """A client whose only server is DOWN, and waited for."""
    live = runtime(backend(server("s", 1, check=Check()), hold=True, **fields))
    live.pools["b"].turned(live.pools["b"].servers["s"], up=False)
    return SessionPlay(live) >> sends(HELLO) << WAITS


def test_a_held_connection_goes_on_when_its_server_is_up() -> None:
    """And where it is refused then, it waits again, within the same time."""
    play = held(timeout_queue=10.0) >> passes(6.0)
    pool = play.runtime.pools["b"]
    pool.turned(pool.servers["s"], up=True)
    play = play >> is_served << connect("s") >> fails(REFUSED) << WAITS
    assert play.session.deadline() == ACCEPTED + 10
    play = play >> passes(1.0)
    pool.passed(pool.servers["s"])
    play = play >> is_served << connect("s") >> passes(0.25) >> connects << relay(HELLO)
    play.session.relayed(10, 20, Outcome.COMPLETED, Phase.DONE)
    ended = play.over(Outcome.COMPLETED, Phase.DONE)
    assert (ended.queued, ended.connected, ended.retries) == (7.0, 0.25, 1)


def test_a_held_connection_without_a_server_in_the_end() -> None:
    """By time, and where a reload leaves nobody to wait for."""
    held(timeout_queue=2.0).__rshift__(passes(2.0)).__lshift__(INTERNAL).over(Outcome.QUEUE_TIMEOUT, Phase.QUEUE)
    play = held() >> passes(1.0)
    play.runtime.pools["b"].dissolve()
    play = play >> is_served << INTERNAL
    play.over(Outcome.NO_SERVER, Phase.CONNECT)


def test_a_service_that_ends_waits_for_nobody() -> None:
    """Nor does a defect leave a place behind."""
    play = held() >> is_shut_down << ABANDON
    play.over(Outcome.SHUTDOWN, Phase.QUEUE)

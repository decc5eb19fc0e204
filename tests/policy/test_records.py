"""What is known of an ended connection: the facts of its session, and times as differences."""

from __future__ import annotations

import pytest

from pumpproxy.model import Action, Redispatch
from pumpproxy.policy.attempts import ConnectFailure
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.records import Load, SessionRecord, session_record
from pumpproxy.policy.steps import ABANDON, WAIT, Refuse
from pumpproxy.wire.wholehello import read_whole
from tests.playbook import connect
from tests.policy.declared import backend, runtime
from tests.policy.sessionbook import (
    ACCEPTED,
    CLIENT,
    WALL,
    SessionPlay,
    connects,
    fails,
    hello_for,
    leaves,
    passes,
    relay,
    relayed,
    sends,
)

HELLO = hello_for("x.example", "h2")
LOAD = Load(9, 8, 7, 6)


def record_of(play: SessionPlay, now: float | None = None) -> SessionRecord:
    """Its record, under that load, `WALL` being the moment of the accept."""
    now = play.now if now is None else now
    return session_record(play.session, LOAD, now, WALL + now - ACCEPTED)


def test_every_field_of_a_relayed_connection() -> None:
    """Names, not states; the load is the caller's."""
    live = runtime(backend("s1", "s2", redispatch=Redispatch.YES))
    play = SessionPlay(live) >> passes(0.5) >> sends(HELLO) << connect("s1") >> passes(0.25)
    play = play >> fails(ConnectFailure.REFUSED) << connect("s2") >> passes(0.5) >> connects << relay(HELLO)
    play = play >> passes(2.0) >> relayed(1000, 2000, Outcome.SERVER_LEFT, Phase.LAST)
    assert record_of(play) == SessionRecord(
        client=CLIENT,
        frontend="f",
        backend="b",
        server="s2",
        outcome=Outcome.SERVER_LEFT,
        phase=Phase.LAST,
        started=WALL,
        queued=0.0,
        connected=0.75,
        total=3.25,
        bytes_in=1000,
        bytes_out=2000,
        load=LOAD,
        retries=1,
        redispatched=True,
        detail="",
        hello=read_whole(HELLO),
    )


def test_what_was_never_reached_is_none() -> None:
    """Before a backend was chosen, and before a server was connected."""
    play = SessionPlay(runtime(backend("s"), unknown_sni=Action.DROP)) >> sends(HELLO) << Refuse(b"")
    ended = record_of(play)
    assert (ended.backend, ended.server, ended.queued, ended.connected, ended.retries) == (None, None, None, None, 0)
    play = SessionPlay() >> sends(HELLO[:9]) << WAIT >> leaves << ABANDON
    assert record_of(play).hello is None
    play = SessionPlay() >> sends(HELLO) << connect("s") >> leaves << ABANDON
    ended = record_of(play)
    assert (ended.backend, ended.server, ended.queued, ended.connected) == ("b", "s", 0.0, None)


@pytest.mark.parametrize("back", [0.0, 0.5, 3.0])
def test_no_time_is_below_zero(back: float) -> None:
    """Whatever the clock that it is told ends with."""
    play = SessionPlay() >> sends(HELLO) << connect("s") >> passes(-back) >> connects << relay(HELLO)
    play = play >> relayed(1, 2, Outcome.COMPLETED, Phase.DONE)
    ended = record_of(play)
    assert (ended.connected, ended.total) == (0.0, 0.0)
    assert ended.started == WALL - back


def test_one_that_nobody_ended_is_a_defect_of_ours() -> None:
    """In the phase where it was."""
    play = SessionPlay()
    assert (record_of(play).outcome, record_of(play).phase) == (Outcome.INTERNAL, Phase.REQUEST)
    play = play >> sends(HELLO) << connect("s")
    assert (record_of(play).outcome, record_of(play).phase) == (Outcome.INTERNAL, Phase.CONNECT)
    play = play >> connects << relay(HELLO)
    assert (record_of(play).outcome, record_of(play).phase) == (Outcome.INTERNAL, Phase.DATA)

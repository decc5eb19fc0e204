"""Why a request may end as it did: each outcome needs something that the shell saw, or that was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.model import Action
from pumpproxy.policy.outcome import Outcome, Phase
from tests.sim.replies import Worth

if TYPE_CHECKING:
    from pumpproxy.policy.records import RequestRecord
    from tests.sim.turns import Turn, Turns

_FACTS = {
    Outcome.BAD_RESPONSE: {"server_received"},
    Outcome.SERVER_LEFT: {"server_finished", "server_lost"},
    Outcome.CLIENT_LEFT: {"client_finished", "client_lost"},
    Outcome.CLIENT_SILENT: {"deadline_passed"},
    Outcome.CLIENT_IDLE: {"deadline_passed"},
    Outcome.SERVER_IDLE: {"deadline_passed"},
    Outcome.CONNECT_FAILED: {"connect_failed", "served"},
    Outcome.CONNECT_TIMEOUT: {"connect_failed", "served"},
    Outcome.QUEUE_TIMEOUT: {"deadline_passed"},
    Outcome.OVERLOAD: {"connect_failed"},
    Outcome.SERVER_DOWN: {"server_went_down"},
    Outcome.SHUTDOWN: {"shut_down", "finish_up"},
    Outcome.INTERNAL: {"broke_off"},
}
"""Upon which facts alone; the others come with whatever lets us read on."""


def check(turns: Turns, turn: Turn, record: RequestRecord, why: str) -> None:
    """There is a cause for this record; `why`: the fact upon which it was made."""
    if turns.tunnel_ending is not None:
        assert (record.outcome, record.phase) == (turns.tunnel_ending.outcome, turns.tunnel_ending.phase)
        assert record.status == 101
        return
    assert why in _FACTS.get(record.outcome, {why})
    match record.outcome:
        case Outcome.COMPLETED:
            _completed(turns, turn, record, why)
        case Outcome.REDIRECTED | Outcome.REFUSED:
            _own_answer(turns, turn, record)
        case Outcome.BAD_REQUEST:
            assert turn.ask.statuses
            assert record.status in turn.ask.statuses or _begun(turn, record)
        case Outcome.BAD_RESPONSE | Outcome.SERVER_LEFT:
            assert turn.peer is not None
            assert turn.peer.reply.worth is (Worth.BAD if record.outcome is Outcome.BAD_RESPONSE else Worth.CUT)
            assert record.status == 502 or _begun(turn, record)
        case Outcome.SERVER_DOWN:
            assert turn.peer is not None
            assert record.status == 503 or _begun(turn, record)
        case Outcome.CLIENT_SILENT | Outcome.CLIENT_IDLE | Outcome.SERVER_IDLE:
            _silence(turns, turn, record)
        case Outcome.CONNECT_FAILED | Outcome.CONNECT_TIMEOUT | Outcome.OVERLOAD | Outcome.NO_SERVER:
            _without_server(turns, record, why, Phase.CONNECT)
        case Outcome.QUEUE_FULL:
            _without_server(turns, record, why, Phase.QUEUE)
        case Outcome.QUEUE_TIMEOUT:
            assert (record.status, record.phase) == (503, Phase.QUEUE)
            assert turns.due is not None
            assert turns.talk.world.time.now >= turns.due
        case Outcome.CLIENT_LEFT | Outcome.SHUTDOWN | Outcome.INTERNAL:
            pass
        case other:
            raise AssertionError(other)


def _begun(turn: Turn, record: RequestRecord) -> bool:
    """Whether a server's final response was passed on before it failed."""
    return turn.peer is not None and record.status is not None and turn.peer.reply.status == record.status


def _completed(turns: Turns, turn: Turn, record: RequestRecord, why: str) -> None:
    assert why == "client_drained"
    assert record.phase is Phase.DONE
    assert turn.peer is not None
    assert turn.peer.reply.worth is Worth.WHOLE
    assert record.status == turn.peer.reply.status
    assert turns.talk.outlet.left == 0


def _own_answer(turns: Turns, turn: Turn, record: RequestRecord) -> None:
    turns.decide()
    assert turn.course is None
    if turn.answers:
        assert record.status in turn.answers
    else:
        assert turn.targets == {Action.DROP}
        assert record.status is None
    assert (record.outcome is Outcome.REDIRECTED) == bool(turn.answers & {301, 308})


def _without_server(turns: Turns, record: RequestRecord, why: str, phase: Phase) -> None:
    assert (record.status, record.phase) == (503, phase)
    assert record.outcome is turns.attempts(None, None, why)


def _silence(turns: Turns, turn: Turn, record: RequestRecord) -> None:
    """The one that is blamed was to do something, and did nothing for as long as it may."""
    declared, outlet, peer = turns.front.declared, turns.talk.outlet, turn.peer
    silent = turns.talk.world.time.now - turns.active + 1e-6
    unsent = not turns.has_sent(turn, len(turn.ask.data))
    if record.outcome is Outcome.CLIENT_SILENT:
        assert not turn.decided
        assert record.total + 1e-6 >= declared.timeout_http_request
        assert record.status == (408 if turns.has_sent(turn, 1) else None)
    elif record.outcome is Outcome.CLIENT_IDLE:
        assert silent >= declared.timeout_client
        assert outlet.left or unsent
        assert outlet.left or peer is None or not peer.outlet.full, "the server takes nothing"
    else:
        assert silent >= turn.patience
        assert peer is not None
        assert not outlet.full, "the client takes nothing"
        assert peer.outlet.full or not unsent or turn.ask.waits
        assert not (peer.said_all and peer.reply.worth is Worth.WHOLE)

"""What is tried on any talk: facts after its end, and whether the right ones are read from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.policy.attempts import ConnectFailure
from pumpproxy.policy.pressure import MAX_PIPELINED
from pumpproxy.policy.upload import MAX_EARLY

if TYPE_CHECKING:
    from tests.sim.talks import Talk


def pester(talk: Talk) -> None:
    """Tell it what nobody tells after the end, or what was under way by then: nothing may follow."""
    if talk.closed:
        return
    exchange = talk.exchange
    talk.tell("client_received", lambda now: exchange.client_received(b"GET / HTTP/1.1\r\n", now))
    talk.tell("server_received", lambda now: exchange.server_received(b"HTTP/1.1 200 OK\r\n\r\n", now))
    talk.tell("connect_failed", lambda now: exchange.connect_failed(ConnectFailure.REFUSED, now))
    client = (exchange.client_finished, exchange.client_full, exchange.client_ready, exchange.client_drained)
    server = (exchange.server_finished, exchange.server_lost, exchange.server_full, exchange.server_ready)
    ours = (exchange.served, exchange.connected, exchange.deadline_passed, exchange.finish_up, exchange.shut_down)
    for fact in (*client, *server, *ours):
        talk.tell(fact.__name__, fact)


def check_pressure(talk: Talk) -> None:
    """Whoever is ahead of a slow peer is not read from, and nobody else."""
    peer = talk.peer
    assert peer is None or peer.paused is talk.outlet.full
    ahead, unsent = talk.turns.ahead, not talk.turns.has_all
    early, reaching = talk.turns.early, talk.dialling is not None or talk.turns.due is not None
    if unsent and reaching and MAX_EARLY < early <= MAX_EARLY + talk.turns.framing:
        # What is kept is the body alone, and what came of it may be less.
        return
    reasons = [
        ahead > MAX_PIPELINED,
        unsent and talk.draining,
        unsent and peer is not None and peer.outlet.full,
        unsent and reaching and early > MAX_EARLY,
    ]
    # What comes behind the last request is not read on, sooner or later.
    closing = talk.draining and ahead > 0 and talk.exchange.closing
    assert closing or talk.asker.paused is any(reasons), reasons

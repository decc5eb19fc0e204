"""A connection on an `http` frontend that limits what one source may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pumpproxy.policy.exchange import Exchange
from pumpproxy.policy.httpsteps import RESET_CLIENT, FinishClient
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.sources import MOST_TOLD
from tests.playbook import (
    CLIENT,
    EPOCH,
    GET,
    OK,
    Playbook,
    answer,
    client,
    client_fin,
    client_gone,
    connect,
    connected,
    ended,
    finish_up,
    server,
    shut_down,
    site,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pumpproxy.policy.httpsteps import HttpStep

ENDED = ended(Outcome.TOO_MANY, Phase.REQUEST, 429)


def opens(play: Playbook) -> Sequence[HttpStep]:
    """The client's connection is there."""
    return play.exchange.opened(play.now)


def beside(play: Playbook) -> Playbook:
    """Another client of the same address, and the same moment, on the same frontend."""
    other = Playbook(site())
    other.runtime, other.frontend, other.now = play.runtime, play.frontend, play.now
    other.exchange = Exchange(play.runtime, play.frontend, CLIENT, play.now, EPOCH)
    return other


def retry_after(play: Playbook) -> int:
    """What it is told, as its next step."""
    step = play.steps[0]
    assert isinstance(step, FinishClient)
    head, _, _ = step.reply.partition(b"\r\n\r\n")
    (value,) = (line.removeprefix(b"Retry-After: ") for line in head.split(b"\r\n") if line.startswith(b"Retry-After:"))
    return int(value)


def test_one_too_many_is_told_so_at_once() -> None:
    """429, before anything is read; the one that is there is served, and a next one once it has gone."""
    first = Playbook(site(max_per_source=1)) >> opens
    second = beside(first) >> opens
    assert retry_after(second) == 10
    (second << answer(429) << ENDED).done()
    assert second.record.request_line is None
    assert second.record.bytes_out > 0
    first >> client(GET) << connect("a1") >> connected
    second.exchange.release()
    (beside(first) >> opens << answer(429) << ENDED).done()
    first.exchange.release()
    (beside(first) >> opens).done()


@pytest.mark.parametrize(
    ("rate", "passed", "told"), [(1, 0.0, 60), (1, 0.5, 60), (7, 0.0, 9), (7, 8.0, 1), (900, 0.0, 1)]
)
def test_one_too_many_a_minute_is_told_when_to_come_again(rate: int, passed: float, told: int) -> None:
    """In whole seconds, rounded up, so that it does not come too early."""
    play = Playbook(site(rate_per_source=rate)) >> opens
    for _ in range(rate - 1):
        (beside(play) >> opens).done()
    play.now += passed
    play = beside(play) >> opens
    assert retry_after(play) == told
    (play << answer(429) << ENDED).done()
    play.now += told
    (beside(play) >> opens).done()


@pytest.mark.parametrize(("keep_alive", "told"), [(0.2, 1), (2.5, 3), (3600.0, 60)])
def test_where_nobody_knows_when_idle_connections_say_it(keep_alive: float, told: int) -> None:
    """They make room after `timeout-http-keep-alive`; nobody is sent away for longer than a minute."""
    play = Playbook(site(max_per_source=1, timeout_http_keep_alive=keep_alive)) >> opens
    assert retry_after(beside(play) >> opens) == told


def test_a_refused_client_is_not_heard() -> None:
    """Whatever it does, and whatever happens: it was told all there is."""
    first = Playbook(site(max_per_source=1)) >> opens
    second = beside(first) >> opens << answer(429) << ENDED
    for fact in (client(GET), client_fin, finish_up, shut_down, wait(3600.0), client_gone):
        (second >> fact).done()
    assert second.exchange.deadline() is None
    assert first.idle()


def test_a_crowd_is_not_told() -> None:
    """It would take the places that the limit keeps free: beyond a few at a time they are reset."""
    first = Playbook(site(max_per_source=1)) >> opens
    told = [beside(first) for _ in range(MOST_TOLD)]
    for play in told:
        play >> opens << answer(429) << ENDED
    (crowd := beside(first)) >> opens << RESET_CLIENT << ended(Outcome.TOO_MANY, Phase.REQUEST)
    assert crowd.record.status is None
    crowd.exchange.release()
    beside(first) >> opens << RESET_CLIENT << ended(Outcome.TOO_MANY)
    told[0].exchange.release()
    beside(first) >> opens << answer(429) << ENDED


def test_a_connection_counts_once_whatever_it_asks() -> None:
    """Requests are not connections: a kept one asks as often as it likes."""
    play = Playbook(site(max_per_source=1, rate_per_source=1)) >> opens
    for _ in range(5):
        play >> client(GET) << connect("a1") >> connected
        play.steps.clear()
        play >> server(OK)
        play.steps.clear()
        play >> (lambda play: play.exchange.client_drained(play.now)) << ended(Outcome.COMPLETED)


def test_without_limits_nothing_happens() -> None:
    """And nothing is given back."""
    play = Playbook() >> opens
    play.done()
    play.exchange.release()
    assert play.frontend.sources is None

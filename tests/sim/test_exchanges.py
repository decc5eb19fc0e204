"""Thousands of HTTP requests against the pure policy: whatever comes, each is answered once and rightly."""

from __future__ import annotations

import pytest

from pumpproxy.policy.outcome import Outcome
from tests.sim import seeds
from tests.sim.exchanges import Exchanges

WORLDS = 110
"""About 2,000 requests."""
TLS_ALONE = {Outcome.NOT_TLS, Outcome.BAD_HELLO}
NEVER = {Outcome.TOO_MANY, Outcome.BAD_PROXY_HEADER}
"""No source is limited in these worlds, and nobody has to introduce another."""


def test_exchanges_end_once_and_everything_drains() -> None:
    """Under random cuts, pipelining, bad requests, lying and failing servers, slow peers, departures and reloads.

    A server gets exactly what was meant for it or its visible beginning, a client gets a server's answer whole or
    visibly cut, each request ends in one record that has a cause, and nothing follows the end. Servers turn, are full
    or taken away meanwhile; who waits for one does so by the rules that hold for sessions.
    """
    ended = seeds.live(Exchanges, seeds.usual(WORLDS), "exchanges")
    assert seeds.replaying() or ended.total() > 1_800
    assert seeds.replaying() or set(ended) == set(Outcome) - TLS_ALONE - NEVER


@pytest.mark.soak
@pytest.mark.skipif(seeds.replaying(), reason="machine: one seed is replayed")
def test_exchanges_of_fresh_seeds() -> None:
    """The same of seeds that nobody has seen."""
    seeds.live(Exchanges, seeds.fresh(2_000), "exchanges")

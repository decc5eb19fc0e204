"""Thousands of sessions against the pure policy: whatever anybody does, each ends once and rightly."""

from __future__ import annotations

import pytest

from pumpproxy.policy.outcome import Outcome
from tests.sim import seeds
from tests.sim.sessions import Sessions

WORLDS = 110
"""About 3,000 sessions."""
HTTP_ALONE = {Outcome.REDIRECTED, Outcome.BAD_REQUEST, Outcome.BAD_RESPONSE}
NEVER = {Outcome.TOO_MANY, Outcome.BAD_PROXY_HEADER}
"""No source is limited in these worlds, and nobody has to introduce another."""


def test_sessions_end_once_and_everything_drains() -> None:
    """Under random cuts, corrupted bytes, failing servers, departures and reloads; servers turn or are full.

    After each input the counts are those of books kept by hand, the route is the one that a naive reading of the file
    gives, nothing follows an end, and the server is sent exactly what the client sent. Nobody has a place beyond
    `maxconn`, nobody waits while there is one, who came first is served first, and nobody waits for ever.
    """
    ended = seeds.live(Sessions, seeds.usual(WORLDS), "sessions")
    assert seeds.replaying() or ended.total() > 2_500
    assert seeds.replaying() or set(ended) == set(Outcome) - HTTP_ALONE - NEVER


@pytest.mark.soak
@pytest.mark.skipif(seeds.replaying(), reason="machine: one seed is replayed")
def test_sessions_of_fresh_seeds() -> None:
    """The same of seeds that nobody has seen."""
    seeds.live(Sessions, seeds.fresh(2_000), "sessions")

"""What makes a figure of work, and when there is none."""

from __future__ import annotations

import pytest

from benchmarks import compare
from benchmarks.compare import Measured
from benchmarks.figures import CONNECTION, Section
from benchmarks.proxies import PEERS
from benchmarks.traffic import Outcome


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    """HAProxy, whose CPU time grows by two seconds from one look to the next."""
    seconds = iter(range(10, 100, 2))
    monkeypatch.setattr(compare, "cpu_seconds", lambda _: next(seconds))
    monkeypatch.setattr(compare, "SETTLE", 0)
    return Measured(1, PEERS[0], Section({}, {}))


def outcome(errors: int) -> Outcome:
    """What a client saw."""
    return Outcome(connections=50, exchanges=50, bytes=0, errors=errors, seconds=1)


def test_a_cost_is_what_the_work_took(measured: Measured) -> None:
    """The difference of two looks, in the figure's unit."""
    measured.cost(CONNECTION, 1e6 / 50, lambda: outcome(0))
    assert measured.section.rounds == {"haproxy": {"connection": [40_000.0]}}
    assert measured.section.notes == []


def test_work_with_errors_gives_no_figure(measured: Measured) -> None:
    """What was not done costs nothing: it is told, and not averaged."""
    measured.cost(CONNECTION, 1e6 / 50, lambda: outcome(3))
    assert measured.section.rounds == {}
    assert measured.section.notes == ["HAProxy: 3 errors, no figure: CPU a connection"]

"""Servers are killed, stopped, refuse, swallow and reset, files change, and constant traffic knows what it must get.

Every connection ends in one outcome that fits what happened, none reaches a wrong server, no byte is lost on those that
succeeded, and the log tells the same story as the clients. Every run plays a share of a fixed seed; `make soak` plays
one that no run saw before. A failure tells the seed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.sim.seeds import fresh, replaying, usual
from tests.system.faultcourse import draw
from tests.system.faultjudge import amiss
from tests.system.faultsite import GROUPS
from tests.system.faultstage import Stage
from tests.system.servers import make_certificate, needs

if TYPE_CHECKING:
    from pathlib import Path

SHARE = 10.0
"""Seconds of a share."""
WHOLE = 65.0
"""... of the whole, on each relay."""
MOST_GROWTH = 32 * 2**20
"""Bytes of memory: buffers of a few hundred clients at a time, and what the allocator keeps."""
SHOWN = 10


def play(folder: Path, seed: int, seconds: float, relay: str) -> None:
    """The course of this seed, and everything that must hold then."""
    needs("openssl")
    certificate = make_certificate(folder, "sealed.example")
    stage = Stage(folder, draw(seed, seconds), relay, certificate)
    try:
        asyncio.run(stage.play(judge))
    except BaseException as error:
        error.add_note(
            f"replay: PUMPPROXY_SEED={seed} python -m pytest tests/system/test_faults.py"
            + (f" -m soak -k {relay}" if seconds == WHOLE else "")
        )
        raise


def judge(stage: Stage) -> None:
    """It is over, and the daemon still runs."""
    history, lines = stage.history, stage.lines()
    wrong = amiss(history, lines, stage.ledger.read_text().splitlines())
    ended = Counter(str(line["outcome"]) for told in lines.values() for line in told)
    print(f"\nseed {stage.course.seed}: {len(history.visits)} clients, {dict(ended)}")  # noqa: T201
    assert not wrong, "\n".join([f"{len(wrong)} things are amiss", *wrong[:SHOWN]])
    assert stage.descriptors_left <= stage.descriptors
    grown = stage.daemon.resident - stage.memory
    assert grown < MOST_GROWTH, f"{grown >> 10} KiB more"
    for word in ("Traceback", "defect", "Unhandled"):
        assert word not in stage.daemon.log
    assert {visit.visiting.group for visit in history.visits} == set(GROUPS)


@pytest.mark.parametrize("seed", usual(1))
def test_failing_servers_cost_only_what_they_must(tmp_path: Path, seed: int) -> None:
    """A share of it."""
    play(tmp_path, seed, SHARE, "splice")


@pytest.mark.soak
@pytest.mark.parametrize("relay", ["splice", "portable"])
def test_failing_servers_cost_only_what_they_must_for_minutes(tmp_path: Path, relay: str) -> None:
    """All of it, on both relays, with faults that no run saw before."""
    play(tmp_path, next(iter(usual(1) if replaying() else fresh(1))), WHOLE, relay)

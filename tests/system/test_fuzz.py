"""Drawn streams of requests through a daemon to servers that record what they hear: nothing but what was meant.

A run sends the same streams each time; `make soak` fresh ones. PUMPPROXY_SEED=n sends those of that seed alone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.fakes import LOOPBACK, unused_port
from tests.sim import seeds
from tests.system.daemon import PATIENCE, Daemon
from tests.system.judge import Case
from tests.system.recorder import Ledger, listen
from tests.system.talker import converse, plan
from tests.system.wanted import ROUTES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.talker import Talker

STREAMS = 2_000
"""A seed."""
SOAKED = 10
"""Seeds of `make soak`."""
AT_ONCE = 80
MOST_GROWTH = 16 * 2**20
"""Bytes of memory: a buffer of 64 KiB each way for each of those, twice, and what the allocator keeps."""
MODES = ("server-close", "keep-alive")


def site(port: int, behind: dict[str, int], mode: str) -> str:
    """A frontend before these servers."""
    timeouts = ("client", "server", "http-request", "http-keep-alive")
    return "\n".join(
        [
            "[global]\nlog = twistd\n[defaults]\nlog-format = json\nretries = 0",
            *(f"timeout-{name} = 3s" for name in timeouts),
            f"[frontend web]\nmode = http\nbind = {LOOPBACK}:{port}\nconnection = {mode}\nforwardfor = yes",
            "default-backend = a\nroute a.example/d = d",
            *(f"route {name.decode()} = {backend}" for name, backend in ROUTES.items()),
            *(f"[backend {name}]\nmode = http\nserver s = {LOOPBACK}:{server}" for name, server in behind.items()),
        ]
    )


def send(folder: Path, seed: int, mode: str) -> Ledger:
    """A daemon, the streams of this seed through it, and everything that must hold then; a failure tells the seed."""
    try:
        return asyncio.run(_send(folder, seed, mode))
    except BaseException as error:
        error.add_note(f"replay: PUMPPROXY_SEED={seed} python -m pytest tests/system/test_fuzz.py -k {mode}")
        raise


async def _send(folder: Path, seed: int, mode: str) -> Ledger:
    ledger = Ledger(seed)
    servers, behind = await listen("abcd", ledger)
    port = unused_port()
    with Daemon(folder, site(port, behind, mode)) as daemon:
        # Once, so that what is made at first use is there before it is measured.
        await converse([plan(seed, STREAMS)], port, 1)
        before, memory = daemon.descriptors, daemon.resident
        talkers = await converse((plan(seed, number) for number in range(STREAMS)), port, AT_ONCE)
        await quiet(daemon, before)
        judge(talkers, ledger, mode)
        assert daemon.descriptors <= before
        grown = daemon.resident - memory
        assert grown < MOST_GROWTH, f"{grown >> 10} KiB more"
        log = daemon.log
    for server in servers:
        server.close()
    for word in ("Traceback", "defect", '"internal"'):
        assert word not in log
    return ledger


async def quiet(daemon: Daemon, before: int) -> None:
    """Wait until it holds no more descriptors than before: idle connections to servers are kept for 4 s."""
    for _ in range(int(PATIENCE * 10)):
        if daemon.descriptors <= before:
            return
        await asyncio.sleep(0.1)


def judge(talkers: list[Talker], ledger: Ledger, mode: str) -> None:
    """Every stream, and what servers heard of nobody's."""
    wrong = [
        f"{what}\n  {talker.plan}\n  got {talker.got[:300]!r}, end {talker.end!r}"
        for talker in talkers
        for what in Case(talker, ledger, keeps=mode == "keep-alive").amiss()
    ]
    assert len(ledger.raced) <= 3, "nobody looks before a kept connection is used"
    assert not ledger.faults, "\n".join(ledger.faults[:10])
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:5])
    known = {talker.plan.who for talker in talkers}
    assert set(ledger.heard) - known <= {plan(ledger.seed, STREAMS).who}, "a request of nobody"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", seeds.usual(1))
def test_servers_hear_what_was_meant(tmp_path: Path, seed: int, mode: str) -> None:
    """And nothing else; each client gets its own answers, or sees that it does not; nothing is left of it."""
    ledger = send(tmp_path, seed, mode)
    assert sum(map(len, ledger.heard.values())) > STREAMS / 2
    assert (ledger.kept > STREAMS / 10) is (mode == "keep-alive")


@pytest.mark.soak
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.skipif(seeds.replaying(), reason="machine: one seed is replayed")
def test_servers_hear_what_was_meant_by_fresh_streams(tmp_path_factory: pytest.TempPathFactory, mode: str) -> None:
    """The same of streams that nobody has seen."""
    for seed in seeds.fresh(SOAKED):
        send(tmp_path_factory.mktemp("fuzz"), seed, mode)

"""The daemon beside its peers, on the same work, in turn, in one run. May not: know how a proxy is configured."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.figures import CONNECTION, GIB, IDLE, REQUEST, ROUND_TRIP, Figure, Section
from benchmarks.machine import facts
from benchmarks.processes import anonymous, cpu_seconds
from benchmarks.proxies import Proxy, free_ports, running, version
from benchmarks.texts import Site
from benchmarks.traffic import ANSWER, STREAMS, Outcome, Tools

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WARM = 1000
"""Connections before the first that count: the first ones fill caches."""
SETTLE = 0.3
"""Seconds until a proxy has freed, or noticed, what a client left it."""


@dataclass(frozen=True)
class Effort:
    """How much a round does."""

    rounds: int = 3
    connections: int = 10_000
    mib: int = 512
    """A transfer's size; STREAMS of them go at a time."""
    trips: int = 50_000
    requests: int = 20_000
    idle: int = 2_000


def section_for(proxies: list[Proxy]) -> Section:
    """An empty section that knows where it is taken, and with what."""
    return Section(facts(), {proxy.title.partition(",")[0]: version(proxy) for proxy in proxies})


def compare(proxies: list[Proxy], effort: Effort, folder: Path) -> Section:
    """Every figure of every proxy."""
    section = section_for(proxies)
    section.work = {
        "rounds": effort.rounds,
        CONNECTION.key: effort.connections,
        GIB.key: STREAMS * effort.mib,
        ROUND_TRIP.key: effort.trips,
        REQUEST.key: effort.requests,
        IDLE.key: effort.idle,
    }
    tools = Tools(folder)
    size = effort.mib << 20
    roles = ("answer", "pour", "echo", "http")
    with tools.serving(f"answer={ANSWER}", f"pour={size}", "echo", f"http={tools.page}") as servers:
        ports: dict[str, tuple[int, ...]] = {role: (port,) for role, port in zip(roles, servers.ports, strict=True)}
        for turn in range(effort.rounds):
            for proxy in proxies:
                tell(f"round {turn + 1} of {effort.rounds}: {proxy.title}")
                fronts = dict(zip(roles, free_ports(len(roles)), strict=True))
                site = Site(fronts, ports, folder, connections=max(4000, effort.idle + 100))
                with running(proxy, site) as pid:
                    measure(Measured(pid, proxy, section), tools, fronts, effort)
    tell("")
    return section


@dataclass(frozen=True)
class Measured:
    """A running proxy, and where its figures go."""

    pid: int
    proxy: Proxy
    section: Section

    def cost(self, figure: Figure, scale: float, work: Callable[[], Outcome]) -> None:
        """Add the CPU seconds that the proxy spends on this work, times `scale`; no figure where the work failed."""
        before = cpu_seconds(self.pid)
        done = work()
        time.sleep(SETTLE)
        spent = cpu_seconds(self.pid) - before
        if done.errors:
            self.section.notes.append(f"{self.proxy.title}: {done.errors} errors, no figure: {figure.title}")
        else:
            self.section.add(self.proxy.name, figure, spent * scale)


def measure(one: Measured, tools: Tools, fronts: dict[str, int], effort: Effort) -> None:
    """One round of every figure of one proxy."""
    # Asked first: later a proxy uses again what connections have left it.
    before = anonymous(one.pid)
    with tools.idle(fronts["echo"], effort.idle) as held:
        time.sleep(SETTLE)
        if held.errors:
            one.section.notes.append(f"{one.proxy.title}: {held.errors} errors, no figure: {IDLE.title}")
        else:
            one.section.add(one.proxy.name, IDLE, (anonymous(one.pid) - before) / effort.idle / 1024)
    time.sleep(SETTLE)
    tools.connections(fronts["answer"], min(WARM, effort.connections))
    one.cost(CONNECTION, 1e6 / effort.connections, lambda: tools.connections(fronts["answer"], effort.connections))
    moved = STREAMS * effort.mib / 1024
    one.cost(GIB, 1 / moved, lambda: tools.transfer(fronts["pour"], effort.mib << 20))
    one.cost(ROUND_TRIP, 1e6 / effort.trips, lambda: tools.round_trips(fronts["echo"], effort.trips))
    if one.proxy.speaks_http:
        one.cost(REQUEST, 1e6 / effort.requests, lambda: tools.requests(fronts["http"], effort.requests))


def tell(text: str) -> None:
    """What is done now, on one line that the next one replaces; nothing where nobody watches."""
    if os.isatty(sys.stderr.fileno()):
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

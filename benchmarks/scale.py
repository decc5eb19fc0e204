"""Tens of thousands of idle relays at once: what each holds, what they cost at rest, what a new one costs then.

May not: run where the limits do not allow it: it takes what they allow, and says so.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.compare import SETTLE, WARM, Measured, section_for, tell
from benchmarks.figures import EMPTY, FULL, IDLE, OPENING, RESTING, Section
from benchmarks.machine import relays_allowed
from benchmarks.processes import anonymous, cpu_seconds, descriptors
from benchmarks.proxies import Proxy, free_ports, running
from benchmarks.texts import Site
from benchmarks.traffic import ANSWER, AT_ONCE, Tools

if TYPE_CHECKING:
    from pathlib import Path

A_PAIR = 6_000
"""Relays between two addresses. It could be some 28,000 (net.ipv4.ip_local_port_range), but where many of the ports
are taken the kernel searches long for a free one, and that would be measured."""
CLOSING = 30.0
"""Seconds in which all relays must be gone after their clients."""


@dataclass(frozen=True)
class Effort:
    """How much is done."""

    relays: int = 50_000
    connections: int = 5_000
    rest: float = 10.0
    """Seconds for which nothing happens."""


def scale(proxies: list[Proxy], effort: Effort, folder: Path) -> Section:
    """The daemon, and whoever else is asked for, with this many relays open, or as many as the machine allows."""
    section = section_for(proxies)
    count, reason = relays_allowed(effort.relays)
    if reason:
        section.notes.append(f"{count:,} idle relays instead of {effort.relays:,}: {reason}")
        print(reason, file=sys.stderr)
    section.work = {"rounds": 1, IDLE.key: count, EMPTY.key: effort.connections, FULL.key: effort.connections}
    pairs = 1 + count // A_PAIR
    tools = Tools(folder)
    with tools.serving(f"answer={ANSWER}", *["echo"] * pairs) as servers:
        ports = {"answer": servers.ports[:1], "echo": servers.ports[1:]}
        for proxy in proxies:
            fronts = dict(zip(ports, free_ports(len(ports)), strict=True))
            site = Site(fronts, ports, folder, connections=count + 2 * AT_ONCE)
            with running(proxy, site) as pid:
                measure(Measured(pid, proxy, section), tools, fronts, count, effort)
    tell("")
    return section


def measure(one: Measured, tools: Tools, fronts: dict[str, int], count: int, effort: Effort) -> None:
    """Every figure of one proxy."""
    add, name = one.section.add, one.proxy.name
    tools.connections(fronts["answer"], min(WARM, effort.connections))
    one.cost(EMPTY, 1e6 / effort.connections, lambda: tools.connections(fronts["answer"], effort.connections))
    open_before, held_before, spent_before = descriptors(one.pid), anonymous(one.pid), cpu_seconds(one.pid)
    tell(f"{one.proxy.title}: {count} relays")
    with tools.idle(fronts["echo"], count, sources=1 + count // A_PAIR) as held:
        if held.errors:
            one.section.notes.append(f"{one.proxy.title}: {held.errors:,} of {count:,} relays could not be opened")
        time.sleep(SETTLE)
        opened = max(held.connections, 1)
        add(name, OPENING, (cpu_seconds(one.pid) - spent_before) / opened * 1e6)
        add(name, IDLE, (anonymous(one.pid) - held_before) / opened / 1024)
        tell(f"{one.proxy.title}: {effort.rest:.0f} s of rest")
        add(name, RESTING, at_rest(one.pid, effort.rest) * 100)
        tell(f"{one.proxy.title}: new connections")
        one.cost(FULL, 1e6 / effort.connections, lambda: tools.connections(fronts["answer"], effort.connections))
    limit = time.monotonic() + CLOSING
    while (left := descriptors(one.pid) - open_before) > 0 and time.monotonic() < limit:
        time.sleep(SETTLE)
    if left > 0:
        one.section.notes.append(f"{one.proxy.title}: {left} descriptors are left when all clients are gone")


def at_rest(pid: int, seconds: float) -> float:
    """The share of a core that a process uses while nobody asks it anything."""
    begun, before = time.monotonic(), cpu_seconds(pid)
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / (time.monotonic() - begun)

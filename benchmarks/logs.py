"""What a line in the access log costs a connection. May not: judge what the line says.

Ours goes to a file through twistd (`log = twistd`, --logfile); HAProxy's, which writes no files, to a syslog listener
that counts datagrams; nginx's to a file.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.compare import SETTLE, WARM, Measured, section_for, tell
from benchmarks.figures import LOGGED, SILENT, Section
from benchmarks.proxies import Proxy, free_ports, running
from benchmarks.texts import LOOPBACK, Site
from benchmarks.traffic import ANSWER, Tools

if TYPE_CHECKING:
    from pathlib import Path

ROLE = "answer"


@dataclass(frozen=True)
class Effort:
    """How much a round does."""

    rounds: int = 3
    connections: int = 10_000


def compare_logs(proxies: list[Proxy], effort: Effort, folder: Path) -> Section:
    """CPU a connection without and with a line, for those proxies whose log is known here."""
    proxies = [proxy for proxy in proxies if proxy.logs]
    section = section_for(proxies)
    section.work = {"rounds": effort.rounds, SILENT.key: effort.connections, LOGGED.key: effort.connections}
    tools = Tools(folder)
    for turn in range(effort.rounds):
        for proxy in proxies:
            for logged in (False, True):
                tell(f"round {turn + 1} of {effort.rounds}: {proxy.title}, {'a line each' if logged else 'no log'}")
                one_round(proxy, tools, section, effort.connections, logged=logged)
    tell("")
    return section


def one_round(proxy: Proxy, tools: Tools, section: Section, count: int, *, logged: bool) -> None:
    """One figure. Lines that did not come are told: a log that loses them is cheap."""
    warm = min(WARM, count)
    folder = tools.folder / ("logged" if logged else "silent")
    for old in folder.glob(f"{proxy.name}/*.log*"):
        old.unlink()
    folder.mkdir(exist_ok=True)
    with tools.serving(f"answer={ANSWER}", "sink") as servers:
        server, sink = servers.ports
        (port,) = free_ports(1)
        site = Site({ROLE: port}, {ROLE: (server,)}, folder, log=sink if logged else None)
        with running(proxy, site) as pid:
            tools.connections(port, warm)
            figure = LOGGED if logged else SILENT
            Measured(pid, proxy, section).cost(figure, 1e6 / count, lambda: tools.connections(port, count))
            time.sleep(SETTLE)
        # After its end: what it held back is written then.
        lines = servers.datagrams() + written_lines(folder / proxy.name)
    if logged and lines < warm + count:
        section.notes.append(f"{proxy.title}: {warm + count - lines} of {warm + count} lines are missing")
    elif not logged and lines:
        section.notes.append(f"{proxy.title}: {lines} lines without a log")


def written_lines(folder: Path) -> int:
    """Lines about clients in the log files: twistd begins a new file at each MB, and logs other things too."""
    mark = f"{LOOPBACK}:".encode("ascii")
    return sum(
        sum(mark in line and b"[" in line.partition(mark)[2] for line in path.read_bytes().splitlines())
        for path in folder.glob("*.log*")
    )

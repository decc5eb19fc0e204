"""What a line in the access log costs a connection. May not: judge what the line says.

HAProxy's, which writes no files, go to a syslog listener that counts datagrams, and so do ours; nginx's to a file. Then
ours go to a file, to what stands for journald, and to twistd's log, which is a file (--logfile).
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.compare import SETTLE, WARM, Measured, section_for, tell
from benchmarks.figures import FILED, JOURNALED, LOGGED, LOGS, OURS, SILENT, TWISTED, Figure, Section
from benchmarks.proxies import Proxy, free_ports, running
from benchmarks.texts import LOOPBACK, Site
from benchmarks.traffic import ANSWER, Tools

ROLE = "answer"
OF_ALL = (SILENT, LOGGED)
"""What every program is asked for; the rest is ours alone."""
JOURNALD_QUEUE = Path("/proc/sys/net/unix/max_dgram_qlen")
"""Of this network namespace. systemd sets it to 512 before it starts journald; the kernel's own default is 10."""
WITH_JOURNAL = (
    "from pumpproxy.model import UnixAddress; from pumpproxy.stats import outlets; "
    "outlets.JOURNAL = UnixAddress('{path}'); from twisted.scripts.twistd import run; run()"
)
"""A twistd that takes another path for journald's."""


@dataclass(frozen=True)
class Effort:
    """How much a round does."""

    rounds: int = 3
    connections: int = 10_000


def compare_logs(proxies: list[Proxy], effort: Effort, folder: Path) -> Section:
    """CPU a connection without and with a line, for those proxies whose log is known here."""
    proxies = [proxy for proxy in proxies if proxy.logs]
    section = section_for(proxies)
    figures = sorted({figure for proxy in proxies for figure in ways(proxy)}, key=LOGS.index)
    section.work = {"rounds": effort.rounds, **{figure.key: effort.connections for figure in figures}}
    with suppress(OSError):
        JOURNALD_QUEUE.write_text("512\n")
    tools = Tools(folder)
    for turn in range(effort.rounds):
        for proxy in proxies:
            for figure in ways(proxy):
                tell(f"round {turn + 1} of {effort.rounds}: {proxy.title}, {figure.key}")
                one_round(proxy, tools, section, effort.connections, figure)
    tell("")
    return section


def ways(proxy: Proxy) -> tuple[Figure, ...]:
    """The figures of a program. Only this checkout's Python can be told of another journald."""
    if proxy.name != OURS:
        return OF_ALL
    return tuple(figure for figure in LOGS if figure is not JOURNALED or proxy.of_the_checkout)


def one_round(proxy: Proxy, tools: Tools, section: Section, count: int, figure: Figure) -> None:
    """One figure. Lines that did not come are told: a log that loses them is cheap."""
    warm, logged = min(WARM, count), figure is not SILENT
    folder = tools.folder / figure.key
    for old in folder.rglob("*.log*"):
        old.unlink()
    folder.mkdir(exist_ok=True)
    target = {FILED: f"file:{folder}/access.log", JOURNALED: "journal", TWISTED: "twistd"}.get(figure, "")
    journal = folder / "journal"
    if figure is JOURNALED:
        python = (sys.executable, "-c", WITH_JOURNAL.format(path=journal))
        proxy = replace(proxy, command=(*python, *proxy.command[proxy.command.index("-n") :]))
    with tools.serving(f"answer={ANSWER}", "sink", f"journal={journal}") as servers:
        server, sink, _ = servers.ports
        (port,) = free_ports(1)
        site = Site({ROLE: port}, {ROLE: (server,)}, folder, log=sink if logged else None, target=target)
        with running(proxy, site) as pid:
            tools.connections(port, warm)
            Measured(pid, proxy, section).cost(figure, 1e6 / count, lambda: tools.connections(port, count))
            time.sleep(SETTLE)
        # After its end: what it held back is written then.
        lines = servers.datagrams() + written_lines(folder)
    if logged and lines < warm + count:
        missing = f"{warm + count - lines} of {warm + count} lines are missing ({figure.key})"
        section.notes.append(f"{proxy.title}: {missing}")
    elif not logged and lines:
        section.notes.append(f"{proxy.title}: {lines} lines without a log")


def written_lines(folder: Path) -> int:
    """Lines about clients in the log files below: twistd begins a new one at each MB, and logs other things too."""
    mark = f"{LOOPBACK}:".encode("ascii")
    return sum(
        sum(mark in line and b"[" in line.partition(mark)[2] for line in path.read_bytes().splitlines())
        for path in folder.rglob("*.log*")
    )

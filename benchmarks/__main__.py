"""Runs the daemon and prints what it costs: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import asyncio
import functools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import load
from demo.daemon import twistd

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Iterator

ROOT = Path(__file__).parents[1]
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PATIENCE = 20.0
"""Seconds until the daemon must serve."""

SERVERS: dict[str, Callable[..., Awaitable[None]]] = {
    "reply": load.reply_once,
    "echo": load.echo,
    "pour": load.pour,
    "http": load.respond,
}


def configuration(fronts: dict[str, int], servers: dict[str, int]) -> str:
    """The daemon's file: one frontend and one backend a measurement."""
    text = ["[global]", "maxconn = 8000"]
    for role, port in fronts.items():
        mode = "http" if role == "http" else "tls"
        text += [f"[frontend {role}]", f"mode = {mode}", f"bind = {load.LOOPBACK}:{port}"]
        text += [f"route {load.NAME} = {role}"]
        text += [f"[backend {role}]", f"mode = {'http' if mode == 'http' else 'tcp'}"]
        text += [f"server one = {load.LOOPBACK}:{servers[role]}"]
    return "\n".join(text) + "\n"


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far (proc(5): fields 14 and 15 of stat, after the name in brackets)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident(pid: int) -> int:
    """Bytes of memory that a process holds (proc(5): field 2 of statm)."""
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * PAGE


@contextmanager
def running(text: str, ports: list[int]) -> Iterator[int]:
    """The daemon with this file, from the moment when its ports answer; gives its pid."""
    with tempfile.TemporaryDirectory(prefix="pumpproxy-bench-") as folder:
        path = Path(folder, "proxy.ini")
        path.write_text(text, "utf-8")
        command = [*twistd(), "-n", "--pidfile=", f"--logfile={folder}/log", "pumpproxy", "-c", str(path)]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, cwd=folder, env=env) as process:
            try:
                for port in ports:
                    wait_for(port, process)
                yield process.pid
            finally:
                process.terminate()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return when the port answers; SystemExit where the daemon ended, or took too long."""
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            asyncio.run(load.connect(port, b"")).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    sys.exit("the daemon does not serve")


async def cost(pid: int, work: Awaitable[None]) -> float:
    """CPU seconds that the daemon spends on this work."""
    before = cpu_seconds(pid)
    await work
    return cpu_seconds(pid) - before


async def measure(pid: int, fronts: dict[str, int], options: argparse.Namespace) -> dict[str, float]:
    """One round of every measurement of CPU time; microseconds and seconds, as the names say."""
    count = options.connections
    short = await cost(pid, load.short_connections(fronts["reply"], count))
    trips = await cost(pid, load.round_trips(fronts["echo"], count))
    requests = await cost(pid, load.requests(fronts["http"], count))
    moved = await cost(pid, load.transfer(fronts["pour"], options.mib << 20))
    return {
        "a connection, us": short / count * 1e6,
        "a 64-byte round trip, us": trips / count * 1e6,
        "an HTTP request, us": requests / count * 1e6,
        "a GiB, s": moved / options.mib * 1024,
    }


async def memory(pid: int, port: int, count: int) -> float:
    """KiB that an idle relay holds. Asked first: later the daemon re-uses what finished relays held."""
    before = resident(pid)
    streams = await load.idle(port, count)
    held = resident(pid) - before
    for stream in streams:
        stream.close()
    return held / count / 1024


async def serve_and_measure(
    pid: int, fronts: dict[str, int], listeners: dict[str, socket.socket], options: argparse.Namespace
) -> dict[str, float]:
    """Every figure: CPU times as medians over the rounds, after some connections that only warm up."""
    servers: dict[str, Callable[..., Awaitable[None]]] = {
        **SERVERS,
        "pour": functools.partial(load.pour, size=options.mib << 20),
    }
    serving = [asyncio.create_task(load.accept(listeners[role], serve)) for role, serve in servers.items()]
    await load.short_connections(fronts["reply"], load.AT_ONCE * 8)
    held = await memory(pid, fronts["echo"], options.idle)
    found = [await measure(pid, fronts, options) for _ in range(options.rounds)]
    for task in serving:
        task.cancel()
    return {name: statistics.median(one[name] for one in found) for name in found[0]} | {"an idle relay, KiB": held}


def main() -> None:
    """Print the medians over the rounds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What the daemon costs on this machine.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=3200, help="connections, requests, round trips a round")
    parser.add_argument("--idle", type=int, default=400, help="idle relays a round")
    parser.add_argument("--mib", type=int, default=1024, help="MiB that a round transfers")
    options = parser.parse_args()
    with ExitStack() as stack:
        listeners = {role: stack.enter_context(load.listening()) for role in SERVERS}
        servers = {role: listener.getsockname()[1] for role, listener in listeners.items()}
        fronts = {}
        with ExitStack() as probes:
            for role in SERVERS:
                fronts[role] = probes.enter_context(load.listening()).getsockname()[1]
        pid = stack.enter_context(running(configuration(fronts, servers), list(fronts.values())))
        figures = asyncio.run(serve_and_measure(pid, fronts, listeners, options))
    print(f"The daemon's CPU time, medians of {options.rounds} rounds:")
    for name, figure in figures.items():
        print(f"  {name:26} {figure:8.2f}")


if __name__ == "__main__":
    main()

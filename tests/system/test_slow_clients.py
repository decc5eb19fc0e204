"""`slowhttptest` in its four modes against the daemon: others are served meanwhile, and the slow ones are ended."""

from __future__ import annotations

import re
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.fakes import LOOPBACK, unused_port
from tests.system.daemon import Daemon
from tests.system.servers import needs
from tests.system.visitors import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.system.nginx import Nginx

CONNECTIONS = 120
SECONDS = 30
"""The longest that an attack lasts; we end those that are still there when we have seen what we wait for."""
GENEROUS = 10.0
"""Seconds for a page that takes milliseconds."""
MOST_GROWTH = 48 * 2**20
"""Bytes of memory: 480 connections, a few buffers each, and nothing of the 8 MiB that 120 of them ask for."""

ATTACKS = {
    # A line of a head every second, and never its end.
    "headers": ("-H", "-i", "1", "-x", "24", "-t", "GET"),
    # Some of a body, and then nothing for longer than is allowed.
    "body": ("-B", "-i", "8", "-s", "8192", "-x", "10", "-t", "PUT"),
    # A thousand ranges of one page.
    "range": ("-R", "-a", "5", "-b", "1000", "-t", "HEAD"),
    # A download through a window of some bytes, of which few are read a second.
    "read": ("-X", "-w", "10", "-y", "20", "-n", "1", "-z", "16", "-k", "1"),
}
TARGETS = {"headers": "page", "body": "put.bin", "range": "page", "read": "large.bin"}
ENDS = {
    "headers": r" 408 \d+ - - cR-- .* outcome=client-silent",
    "body": r" 408 \d+ - - cD-- .* outcome=client-idle",
    "range": r' (200|206|416) \d+ - - ---- .*"HEAD /page HTTP/1.1" outcome=completed',
    "read": r' 200 \d+ - - cD-- .*"GET /large.bin HTTP/1.1" outcome=client-idle',
}
"""How the log says that each attack ends: answered where it is served, and else by us."""


class Besieged(Daemon):
    """A frontend for each attack, and one for whoever means well, all before nginx."""

    def __init__(self, folder: Path, nginx: Nginx) -> None:
        self.ports = {name: unused_port() for name in (*ATTACKS, "others")}
        impatient = "timeout-http-request = 3s\ntimeout-client = 3s\ntimeout-http-keep-alive = 3s\n"
        frontends = (
            f"[frontend {name}]\nbind = {LOOPBACK}:{port}\n{impatient * (name in ATTACKS)}"
            for name, port in self.ports.items()
        )
        backend = f"[backend b]\nserver s = {LOOPBACK}:{nginx.port}\n"
        text = ["[global]\nlog = twistd\n[defaults]\nmode = http\ndefault-backend = b\n", *frontends, backend]
        super().__init__(folder, "".join(text))

    @property
    def ended(self) -> dict[str, int]:
        """How many connections of each attack have ended as they should."""
        log = self.log
        return {name: len(re.findall(rf"\] {name} .*{end}", log)) for name, end in ENDS.items()}


@pytest.fixture
def besieged(tmp_path: Path, nginx: Nginx) -> Iterator[Besieged]:
    """The daemon."""
    (nginx.root / "page").write_text("nginx's page\n")
    (nginx.root / "large.bin").write_bytes(bytes(8 << 20))
    with Besieged(tmp_path, nginx) as running:
        yield running


def attack(name: str, port: int) -> subprocess.Popen[bytes]:
    """Start it."""
    bounds = ["-c", str(CONNECTIONS), "-r", str(CONNECTIONS), "-l", str(SECONDS)]
    command = ["slowhttptest", *ATTACKS[name], *bounds, "-u", f"http://{LOOPBACK}:{port}/{TARGETS[name]}"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


def timed(besieged: Besieged) -> list[float]:
    """What each frontend takes for a page, for somebody new; seconds."""
    times = []
    for port in besieged.ports.values():
        start = time.monotonic()
        with Visitor(port) as visitor:
            assert visitor.get("/page").body == b"nginx's page\n"
        times.append(time.monotonic() - start)
    return times


def test_slow_clients_are_ended_and_cost_others_nothing(
    besieged: Besieged, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """All four at once: whoever means well is served on each frontend, memory is bounded, and the slow are ended."""
    needs("slowhttptest")
    times = timed(besieged)
    before = most = besieged.resident
    attacks = {name: attack(name, besieged.ports[name]) for name in ATTACKS}
    with Visitor(besieged.ports["others"]) as steady:
        while min(besieged.ended.values()) < CONNECTIONS and any(each.poll() is None for each in attacks.values()):
            assert steady.get("/page").status == 200
            times += timed(besieged)
            most = max(most, besieged.resident)
            time.sleep(0.1)
    for each in attacks.values():
        each.terminate()
        each.wait()
    record_testsuite_property("requests of others", len(times))
    record_testsuite_property("slowest of others, ms", round(max(times) * 1000))
    record_testsuite_property("memory, MiB more", (most - before) >> 20)
    assert all(count >= CONNECTIONS for count in besieged.ended.values()), besieged.ended
    assert max(times) < GENEROUS
    assert most - before < MOST_GROWTH
    assert "Traceback" not in besieged.log

"""A restart is not noticed: servers stop, are away, and come back, while clients connect all the time.

How long the slowest of them waited is printed (`-s` shows it), and told in docs/pump.io.md; here it is only bounded.
Every run does a share; `make soak` the whole of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pumpproxy.wire.alert import AlertDescription, alert_record
from tests.fakes import LOOPBACK, client_hello, unused_port
from tests.system.daemon import PATIENCE, Daemon
from tests.system.faultserver import Identity, content
from tests.system.faultservers import Processes, unused_port_at
from tests.system.servers import make_certificate, needs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine
    from pathlib import Path

    from tests.system.faultservers import Process

NAME = "b.example"
SPARE = 5.0
"""Seconds by which the slowest may exceed the outage: for a busy machine, on which all who waited come at once."""
QUIET = 0.525
"""Seconds before and after. A restart begins between two clients: whoever connects in the very moment in which a server
closes its listening socket is reset by that server's kernel, and nobody can help it."""
INTERNAL_ERROR = alert_record(AlertDescription.INTERNAL_ERROR)
SIZE = 1000


@dataclass(frozen=True)
class Course:
    """How long a server is away, and how many clients come a second."""

    away: float
    rate: int


@dataclass
class Site:
    """A daemon before servers of one backend."""

    kind: str
    port: int
    certificate: Path
    daemon: Daemon
    servers: list[Process]

    async def wait_until(self, text: str, count: int = 1) -> None:
        """The log has this so often."""
        for _ in range(int(PATIENCE * 20)):
            if self.daemon.log.count(text) >= count:
                return
            await asyncio.sleep(0.05)
        said = [line for line in self.daemon.log.splitlines() if '{"client":' not in line]
        msg = "\n".join([f"not {count} times {text!r} in the log:", *said[-30:]])
        raise AssertionError(msg)

    def ended(self) -> list[dict[str, object]]:
        """The access log."""
        lines = [line for line in self.daemon.log.splitlines() if '{"client":' in line]
        return [json.loads(line[line.index("{") :]) for line in lines]


@contextlib.asynccontextmanager
async def before(folder: Path, names: str, kind: str, lines: str) -> AsyncIterator[Site]:
    """A server a letter, with these lines in their backend; all are UP."""
    certificate = folder
    if kind == "tls":
        needs("openssl")
        certificate = make_certificate(folder, NAME)
    declared = [
        Identity(kind, "b", name, host, unused_port_at(host), 0, str(folder / "ledger"), str(certificate))
        for name, host in ((name, f"127.0.0.{number}") for number, name in enumerate(names, 3))
    ]
    async with Processes(declared) as processes:
        servers = list(processes.of.values())
        port = unused_port()
        mode = "http" if kind == "http" else "tls"
        text = [
            "[global]\nlog = twistd\n[defaults]\nlog-format = json",
            f"[frontend f]\nmode = {mode}\nbind = {LOOPBACK}:{port}\ndefault-backend = b",
            f"[backend b]\nmode = {mode.replace('tls', 'tcp')}\n{lines}",
            *(f"server {server.me.name} = {server.address} check={kind} check-sni={NAME}" for server in servers),
        ]
        if kind == "http":
            text = [line.replace(f" check-sni={NAME}", "") for line in text]
        with Daemon(folder, "\n".join(text) + "\n") as daemon:
            yield Site(kind, port, certificate, daemon, servers)
            assert "Traceback" not in daemon.log


class Clients:
    """Each does a handshake (or speaks HTTP), asks for a little and must get it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._context = ssl.create_default_context(cafile=str(site.certificate)) if site.kind == "tls" else None
        self.waits: list[float] = []
        """Seconds from the beginning of each to its last byte."""
        self.lives: set[tuple[object, object]] = set()
        """Who served them: the server, and how often that one was started."""
        self.failures: list[str] = []

    async def come(self, rate: int, meanwhile: Coroutine[None, None, float]) -> float:
        """So many a second until `meanwhile` is done, and what it returns."""
        over = asyncio.create_task(meanwhile)
        clients: list[asyncio.Task[None]] = []
        begun = time.monotonic()
        while not over.done():
            clients.append(asyncio.create_task(self._come_one(len(clients))))
            await asyncio.sleep(max(0.0, begun + len(clients) / rate - time.monotonic()))
        await asyncio.gather(*clients)
        return await over

    async def _come_one(self, number: int) -> None:
        start = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE):
                told = await self._ask(number)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self.failures.append(f"{number}, after {time.monotonic() - start:.2f} s: {error!r}")
        else:
            self.lives.add((told["server"], told["life"]))
            self.waits.append(time.monotonic() - start)

    async def _ask(self, number: int) -> dict[str, object]:
        name = NAME if self._context is not None else None
        reader, writer = await asyncio.open_connection(
            LOOPBACK, self._site.port, ssl=self._context, server_hostname=name
        )
        with contextlib.closing(writer):
            asked = json.dumps({"number": number, "backend": "b", "up": 0, "down": SIZE, "pace": 0}).encode()
            if self._context is not None:
                writer.write(asked + b"\n")
                line = await reader.readline()
            else:
                # An even number's answer has a Content-Length.
                asked = asked.replace(b'"number": %d' % number, b'"number": %d' % (2 * number))
                number *= 2
                writer.write(b"GET / HTTP/1.1\r\nHost: b.example\r\nX-Asked: %b\r\n\r\n" % asked)
                head = await reader.readuntil(b"\r\n\r\n")
                line = head.partition(b"X-Told: ")[2].partition(b"\r\n")[0]
            told: dict[str, object] = json.loads(line)
            # To the very end, where the answer has no other.
            data = await (reader.read() if self._context is not None else reader.readexactly(SIZE))
            if told["number"] != number or data != content(number, SIZE):
                msg = f"another's answer: {told}"
                raise ValueError(msg)
            return told

    def figures(self) -> str:
        """In one line."""
        waits = sorted(self.waits)
        return (
            f"{len(waits)} clients were served and {len(self.failures)} not; "
            f"median {waits[len(waits) // 2] * 1000:.0f} ms, the slowest {waits[-1]:.2f} s, "
            f"{sum(wait > 0.25 for wait in waits)} more than 250 ms"
        )


async def restart(server: Process, seconds: float) -> float:
    """It ends in good order, and is started `seconds` later; how long it was away in all."""
    gone = time.monotonic()
    await server.end()
    await asyncio.sleep(seconds)
    await server.start()
    return time.monotonic() - gone


def bridge(folder: Path, kind: str, course: Course) -> None:
    """One server behind `hold` restarts, and nobody fails."""

    async def play() -> None:
        async with before(folder, "s", kind, "hold = yes\ntimeout-queue = 30s") as site:
            clients = Clients(site)

            async def outage() -> float:
                await asyncio.sleep(QUIET)
                away = await restart(site.servers[0], course.away)
                await asyncio.sleep(QUIET)
                return away

            away = await clients.come(course.rate, outage())
            print(f"\nhold, {kind}, away {away:.2f} s, {course.rate} a second: {clients.figures()}")  # noqa: T201
            assert clients.failures == []
            assert clients.lives == {("s", 1), ("s", 2)}
            assert course.away < max(clients.waits) < away + SPARE
            await site.wait_until('"outcome":"completed"', len(clients.waits))
            assert {line["outcome"] for line in site.ended()} == {"completed"}
            assert [word in site.daemon.log for word in ("is DOWN", "is UP")] == [True, True]

    asyncio.run(play())


def take_turns(folder: Path, kind: str, course: Course) -> None:
    """Two servers restart in turn, with nothing but `redispatch`, and nobody fails."""

    async def play() -> None:
        async with before(folder, "st", kind, "redispatch = yes") as site:
            clients = Clients(site)

            async def outages() -> float:
                away = 0.0
                for turn, server in enumerate(site.servers, 1):
                    await asyncio.sleep(QUIET)
                    away = max(away, await restart(server, course.away))
                    await site.wait_until("is UP", turn)
                await asyncio.sleep(QUIET)
                return away

            away = await clients.come(course.rate, outages())
            print(f"\nin turn, {kind}, away {away:.2f} s, {course.rate} a second: {clients.figures()}")  # noqa: T201
            assert clients.failures == []
            assert clients.lives == {("s", 1), ("s", 2), ("t", 1), ("t", 2)}
            assert max(clients.waits) < SPARE
            await site.wait_until('"outcome":"completed"', len(clients.waits))
            assert {line["outcome"] for line in site.ended()} == {"completed"}

    asyncio.run(play())


@pytest.mark.parametrize("kind", ["tls", "http"])
def test_a_restart_behind_hold_is_not_noticed(tmp_path: Path, kind: str) -> None:
    """The only server is away for 2 s: nobody fails, and the slowest waits little longer than that."""
    bridge(tmp_path, kind, Course(2.0, 20))


def test_two_servers_that_restart_in_turn_are_not_noticed(tmp_path: Path) -> None:
    """Each is away for 2 s, and the other takes its clients at once."""
    take_turns(tmp_path, "tls", Course(2.0, 20))


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["tls", "http"])
def test_a_restart_of_five_seconds_behind_hold_is_not_noticed(tmp_path: Path, kind: str) -> None:
    """The same, with 50 clients a second."""
    bridge(tmp_path, kind, Course(5.0, 50))


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["tls", "http"])
def test_two_servers_that_restart_in_turn_for_three_seconds_are_not_noticed(tmp_path: Path, kind: str) -> None:
    """The same, with 50 clients a second."""
    take_turns(tmp_path, kind, Course(3.0, 50))


WAITING = {
    "tls": (client_hello(NAME), INTERNAL_ERROR),
    "http": (f"GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode(), b"HTTP/1.1 503 Service Unavailable\r\n"),
}
"""What such a client says, and how the answer begins that tells it that nobody came."""


@pytest.mark.parametrize("kind", ["tls", "http"])
def test_who_gives_up_while_held_is_forgotten_at_once(tmp_path: Path, kind: str) -> None:
    """The log says when it left, and where it stood; its descriptors are free, and the server hears nothing of it."""

    async def play() -> None:
        async with before(tmp_path, "s", kind, "hold = yes\ntimeout-queue = 30s") as site:
            server = site.servers[0]
            await server.end()
            await site.wait_until("is DOWN")
            descriptors = site.daemon.descriptors
            _, writer = await asyncio.open_connection(LOOPBACK, site.port)
            writer.write(WAITING[kind][0])
            await asyncio.sleep(0.5)
            writer.close()
            await site.wait_until('"outcome":"client-left"')
            (line,) = site.ended()
            assert (line["termination"], line["backend"]) == ("CQ", "b")
            assert line["total_ms"] < 10_000  # type: ignore[operator]
            for _ in range(100):
                if site.daemon.descriptors <= descriptors:
                    break
                await asyncio.sleep(0.05)
            # A check may be under way.
            assert site.daemon.descriptors <= descriptors + 1
            await server.start()
            await site.wait_until("is UP")
            assert len(site.ended()) == 1

    asyncio.run(play())
    assert (tmp_path / "ledger").read_text() == ""


@pytest.mark.parametrize("kind", ["tls", "http"])
def test_the_wait_for_a_server_has_an_end(tmp_path: Path, kind: str) -> None:
    """After `timeout-queue` the client is told that nobody came, and the log has sQ."""

    async def play() -> None:
        async with before(tmp_path, "s", kind, "hold = yes\ntimeout-queue = 1s") as site:
            await site.servers[0].end()
            reader, writer = await asyncio.open_connection(LOOPBACK, site.port)
            writer.write(WAITING[kind][0])
            answer = await asyncio.wait_for(reader.readexactly(len(WAITING[kind][1])), PATIENCE)
            assert answer == WAITING[kind][1]
            writer.close()
            await site.wait_until('"outcome":"queue-timeout"')
            (line,) = site.ended()
            assert line["termination"] == "sQ"
            assert line["queue_ms"] >= 1000  # type: ignore[operator]

    asyncio.run(play())


@pytest.mark.parametrize("kind", ["tls", "http"])
def test_who_comes_while_its_server_is_down_is_served_when_it_is_back(tmp_path: Path, kind: str) -> None:
    """The checks know that it is DOWN before anybody comes: nobody is refused by it, and the wait ends as it comes."""

    async def play() -> None:
        async with before(tmp_path, "s", kind, "hold = yes\ntimeout-queue = 30s") as site:
            await site.servers[0].end()
            await site.wait_until("is DOWN")
            clients = Clients(site)

            async def back() -> float:
                await asyncio.sleep(1.0)
                await site.servers[0].start()
                return 0.0

            await clients.come(5, back())
            assert clients.failures == []
            assert clients.lives == {("s", 2)}
            await site.wait_until('"outcome":"completed"', len(clients.waits))
            # Not an attempt was made in vain.
            assert {line["retries"] for line in site.ended()} == {0}

    asyncio.run(play())

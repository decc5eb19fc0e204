"""The service in this process: start, reload, end. What a spawned twistd shows is in tests/system."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING, cast

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.logger import ILogObserver, globalLogPublisher
from zope.interface import implementer

from pumpproxy import service as service_module
from pumpproxy.config.load import load_file
from pumpproxy.lastgood import begin, store
from pumpproxy.model import SrvAddress
from pumpproxy.policy.names import Endpoint
from pumpproxy.policy.outcome import Outcome
from pumpproxy.service import ProxyService, Start
from tests.fakes import LOOPBACK, RecordingSink, client_hello, unused_port
from tests.flow.peers import pause, read_all, read_exactly, server, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from twisted.logger import LogEvent

    from pumpproxy.interfaces import Reactor

HELLO = client_hello()
INTERNAL_ERROR = b"\x15\x03\x01\x00\x02\x02\x50"


@contextlib.contextmanager
def logged() -> Iterator[list[str]]:
    """What is logged meanwhile, as text."""
    lines: list[str] = []

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        lines.append(str(event.get("log_format", "")).format(**event))

    globalLogPublisher.addObserver(observe)
    try:
        yield lines
    finally:
        globalLogPublisher.removeObserver(observe)


def text(port: int, behind: int, *lines: str) -> str:
    """A site of one route."""
    return "\n".join(
        [
            "[frontend f]",
            "mode = tls",
            f"bind = {LOOPBACK}:{port}",
            "socket-stats = yes",
            *lines,
            "route pump2.example.test = b",
            "[backend b]",
            f"server s = {LOOPBACK}:{behind}",
            "",
        ]
    )


class Running:
    """A service on a file, with a sink that keeps what it is told."""

    def __init__(
        self,
        folder: Path,
        content: str,
        grace: float = 0.0,
        handover_grace: float = 60.0,
        last_good: Path | None = None,
    ) -> None:
        self.path = folder / "proxy.ini"
        self.path.write_text(content)
        start = Start(path=str(self.path), grace=grace, handover_grace=handover_grace, last_good=last_good)
        self.service = ProxyService(cast("Reactor", reactor), load_file(str(self.path)), start)
        self.sink = RecordingSink()
        self.service.environment.sink = self.sink
        self.service.listen()
        self.service.startService()

    def reload(self, content: str) -> bool:
        """Write the file, and reload."""
        self.path.write_text(content)
        return self.service.reload()


def name_of(port: int) -> bytes:
    """What the server behind the proxy says to a hello."""
    with socket.create_connection((LOOPBACK, port), 20) as connection:
        connection.sendall(HELLO)
        return read_all(connection)


def say(name: bytes) -> contextlib.AbstractContextManager[int]:
    """A server that reads a hello and says its name."""

    def serve(connection: socket.socket) -> None:
        read_exactly(connection, len(HELLO))
        connection.sendall(name)

    return server(serve)


@pytest_twisted.ensureDeferred
async def test_where_a_service_is_decides_who_serves(tmp_path: Path) -> None:
    """Its line is nobody until the names' answer, which counts from then on."""
    port = unused_port()
    site = text(port, 1).replace(f"{LOOPBACK}:1\n", "srv:_https._tcp.web.example\nretries = 0\n")
    with say(b"one") as behind:
        running = Running(tmp_path, f"[global]\nnameservers = {LOOPBACK}:{unused_port()}\n{site}")
        assert await deferToThread(name_of, port) == INTERNAL_ERROR
        resolver = running.service.environment.resolver
        resolver.found(SrvAddress("_https._tcp.web.example"), (Endpoint(LOOPBACK, behind, 10, 1),))
        assert await deferToThread(name_of, port) == b"one"
        await running.service.stopService()
    assert [record.server for record in running.sink.records] == ["s", f"s@{LOOPBACK}:{behind}"]


@pytest_twisted.ensureDeferred
async def test_the_servers_of_a_service_are_checked_as_they_come(tmp_path: Path) -> None:
    """One that DNS names and that is not there is DOWN; one that stays keeps its state; one that goes is let be."""
    port, gone = unused_port(), unused_port()
    site = text(port, 1).replace(f"{LOOPBACK}:1\n", "srv:_https._tcp.web.example check inter=1s\n")
    service = SrvAddress("_https._tcp.web.example")
    with say(b"one") as behind:
        running = Running(tmp_path, f"[global]\nnameservers = {LOOPBACK}:{unused_port()}\n{site}")
        resolver, pools = running.service.environment.resolver, running.service.environment.runtime.pools
        absent, present = (Endpoint(LOOPBACK, one, 10, 1) for one in (gone, behind))
        resolver.found(service, (absent, present))
        server = pools["b"].servers[f"s@{LOOPBACK}:{gone}"]
        await until(lambda: not server.up)
        assert [await deferToThread(name_of, port) for _ in range(3)] == [b"one"] * 3
        resolver.found(service, (absent,))
        assert pools["b"].servers == {server.name: server}
        assert not server.up
        resolver.found(service, (present,))
        assert server.suspected is None
        assert await deferToThread(name_of, port) == b"one"
        await running.service.stopService()


@pytest_twisted.ensureDeferred
async def test_start_and_end(tmp_path: Path) -> None:
    """Each listener and the number of routes are logged; at the end the socket's count is, and nobody listens."""
    port = unused_port()
    with say(b"one") as behind, logged() as lines:
        running = Running(tmp_path, text(port, behind))
        assert await deferToThread(name_of, port) == b"one"
        await running.service.stopService()
    assert f"f (tls) listens on {LOOPBACK}:{port}" in lines
    assert f"serving 1 routes of {running.path}" in lines
    assert f"f no longer listens on {LOOPBACK}:{port}: 1 connections were accepted there" in lines
    with socket.socket() as probe:
        assert probe.connect_ex((LOOPBACK, port)) != 0


@pytest_twisted.ensureDeferred
async def test_a_reload_follows_the_file(tmp_path: Path) -> None:
    """A route leads elsewhere, a listener comes, another goes; each is logged."""
    port, extra = unused_port(), unused_port()
    with say(b"one") as first, say(b"two") as second, logged() as lines:
        running = Running(tmp_path, text(port, first))
        assert running.reload(text(port, second).replace(f":{port}", f":{port} {LOOPBACK}:{extra}"))
        assert await deferToThread(name_of, port) == b"two"
        assert await deferToThread(name_of, extra) == b"two"
        assert running.reload(text(extra, first))
        assert await deferToThread(name_of, extra) == b"one"
        with socket.socket() as probe:
            assert probe.connect_ex((LOOPBACK, port)) != 0
        await running.service.stopService()
    assert any(line.startswith("reload: ") for line in lines)
    assert f"f (tls) listens on {LOOPBACK}:{extra}" in lines


@pytest_twisted.ensureDeferred
async def test_a_reload_with_problems_changes_nothing(tmp_path: Path) -> None:
    """All of them are logged, and the running configuration stays; the same for a port that cannot be opened."""
    port = unused_port()
    with say(b"one") as first, say(b"two") as second, logged() as lines:
        running = Running(tmp_path, text(port, first))
        assert not running.reload(text(port, second, "retries = 3", "nonsense = 1"))
        assert sum(line.startswith(f"{running.path}:") for line in lines) == 2
        assert not running.reload(text(port, second).replace(f":{port}", f":{port} {LOOPBACK}:{second}"))
        assert any("address already in use" in line for line in lines)
        assert not running.reload(text(port, second).replace(f"{LOOPBACK}:{port}", f"*:{port}"))
        assert any("restart" in line for line in lines)
        assert sum(line.startswith("reload refused") for line in lines) == 3
        assert await deferToThread(name_of, port) == b"one"
        await running.service.stopService()


@pytest_twisted.ensureDeferred
async def test_a_reload_to_a_relay_that_the_system_has_not_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused with its line before anything of the file is followed."""
    port = unused_port()
    with say(b"one") as first, say(b"two") as second, logged() as lines:
        running = Running(tmp_path, text(port, first))
        monkeypatch.delattr(os, "splice", raising=False)
        before = running.service.config
        assert not running.reload("[global]\nrelay = splice\n" + text(port, second))
        assert running.service.config is before
        assert await deferToThread(name_of, port) == b"one"
        assert running.reload("[global]\nrelay = portable\n" + text(port, second))
        assert await deferToThread(name_of, port) == b"two"
        await running.service.stopService()
    assert sum(line.startswith(f"{running.path}:2: [global] relay: splice needs") for line in lines) == 1
    assert sum(line.startswith("reload refused") for line in lines) == 1


@pytest.mark.parametrize("relay", ["portable", "auto"])
@pytest_twisted.ensureDeferred
async def test_servers_are_checked_from_the_start_to_the_end(tmp_path: Path, relay: str) -> None:
    """One that is not there is found out, on the way that connections take; a reload keeps its state; then all ends."""
    port, gone = unused_port(), unused_port()
    with say(b"one") as behind, logged() as lines:
        content = f"[global]\nrelay = {relay}\n" + text(port, gone).replace(f":{gone}", f":{gone} check")
        content += f"server spare = {LOOPBACK}:{behind} backup"
        running = Running(tmp_path, content)
        server = running.service.environment.runtime.pools["b"].servers["s"]
        await until(lambda: not server.up)
        assert await deferToThread(name_of, port) == b"one"
        assert running.reload(content.replace("check", "check inter=1s"))
        assert not server.up
        await running.service.stopService()
        assert server.suspected is None
    turns = [line for line in lines if line.startswith("b/s is ")]
    assert len(turns) == 1
    assert turns[0].startswith("b/s is DOWN: L4CON, refused, after ")


@pytest_twisted.ensureDeferred
async def test_an_unchanged_file_is_a_quiet_reload(tmp_path: Path) -> None:
    """One line says so."""
    port = unused_port()
    with logged() as lines:
        running = Running(tmp_path, text(port, 1))
        assert running.service.reload()
        await running.service.stopService()
    assert lines.count("reload: nothing changed") == 1


@pytest_twisted.ensureDeferred
async def test_a_reload_opens_nothing_once_the_end_began(tmp_path: Path) -> None:
    """A SIGHUP within the grace is ignored: nobody new is let in."""
    port = unused_port()
    with server(read_all_of) as behind, logged() as lines:
        running = Running(tmp_path, text(port, behind), grace=20.0)
        with socket.create_connection((LOOPBACK, port)) as connection:
            connection.sendall(HELLO)
            await until(lambda: bool(running.service.environment.connections))
            ended = running.service.stopService()
            assert not running.service.reload()
            with socket.socket() as probe:
                assert probe.connect_ex((LOOPBACK, port)) != 0
        await ended
    assert lines.count("reload ignored: the service is ending") == 1


@pytest_twisted.ensureDeferred
async def test_a_reload_waits_for_no_file(tmp_path: Path) -> None:
    """A FIFO in the file's place is refused, and not read: whoever reads one waits until somebody writes."""
    port = unused_port()
    with say(b"one") as behind, logged() as lines:
        running = Running(tmp_path, text(port, behind))
        running.path.unlink()
        os.mkfifo(running.path)
        assert not running.service.reload()
        assert await deferToThread(name_of, port) == b"one"
        await running.service.stopService()
    assert any(line.startswith("reload refused") for line in lines)


@pytest_twisted.ensureDeferred
async def test_the_end_cuts_what_runs(tmp_path: Path) -> None:
    """Without grace every connection ends as SHUTDOWN, whatever its stage."""
    port = unused_port()
    with server(read_all_of) as behind:
        running = Running(tmp_path, text(port, behind))
        with contextlib.ExitStack() as stack:
            for data in (HELLO, HELLO[:10], b""):
                connection = stack.enter_context(socket.create_connection((LOOPBACK, port)))
                connection.sendall(data)
            await until(lambda: len(running.service.environment.connections) == 3)
            await pause(0.2)
            await running.service.stopService()
    assert [record.outcome for record in running.sink.records] == [Outcome.SHUTDOWN] * 3


def read_all_of(connection: socket.socket) -> None:
    """Take everything, say nothing."""
    read_all(connection)


@pytest_twisted.ensureDeferred
async def test_the_grace_is_over_some_time(tmp_path: Path) -> None:
    """A relay that does not finish is cut."""
    port = unused_port()
    with server(read_all_of) as behind:
        running = Running(tmp_path, text(port, behind), grace=0.3)
        with socket.create_connection((LOOPBACK, port)) as connection:
            connection.sendall(HELLO)
            await until(lambda: bool(running.service.environment.connections))
            await running.service.stopService()
    assert running.sink.only.outcome is Outcome.SHUTDOWN


def test_a_maxconn_beyond_the_descriptors_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not refused: connections wait in the backlog. A reload says so where it changes the number."""
    monkeypatch.setattr(service_module, "descriptor_limit", lambda: 100)
    with logged() as lines:
        content = text(unused_port(), 1)
        running = Running(tmp_path, "[global]\nmaxconn = 4000\n" + content)
        assert running.service.environment.runtime.limit == 15
        assert running.reload("[global]\nmaxconn = 5000\n" + content)
        assert running.reload("[global]\nmaxconn = 5000\n\n" + content)
        running.service.stopService()
    warnings = [line for line in lines if line.startswith("maxconn")]
    assert len(warnings) == 2
    assert "maxconn = 4000 needs 8070 descriptors, and the limit is 100" in warnings[0]
    assert "maxconn = 5000 needs 10070 descriptors" in warnings[1]


@pytest_twisted.ensureDeferred
async def test_the_last_lines_are_in_the_file(tmp_path: Path) -> None:
    """A connection that the end cuts has its line, and the file is opened again where it was moved away."""
    port, path = unused_port(), tmp_path / "access.log"
    with server(read_all_of) as behind:
        running = Running(tmp_path, f"[global]\nlog = file:{path}\n" + text(port, behind))
        running.service.environment.sink = running.service._sink
        with socket.create_connection((LOOPBACK, port)) as connection:
            connection.sendall(HELLO)
            await until(lambda: bool(running.service.environment.connections))
            await until(path.exists)
            path.rename(tmp_path / "old.log")
            running.service.reopen()
            await until(path.exists)
            assert running.reload(f"[global]\nlog = file:{path}\nmaxconn = 9\n" + text(port, behind))
            await running.service.stopService()
    old, lines = (tmp_path / "old.log").read_text().splitlines(), path.read_text().splitlines()
    assert any(line.endswith("[info] reload: global: maxconn: none -> 9") for line in lines)
    assert lines[-1].endswith(" outcome=shutdown")
    assert sum(": [info] serving 1 routes" in line for line in old + lines) == 1


@pytest_twisted.ensureDeferred
async def test_what_is_taken_is_kept(tmp_path: Path) -> None:
    """The file of the start and of each good reload; one that is refused, for whatever reason, is not."""
    kept = tmp_path / "last-good.ini"
    port = unused_port()
    with say(b"one") as behind:
        first, second = text(port, behind), text(port, behind, "inspect-delay = 1s")
        running = Running(tmp_path, first, last_good=tmp_path)
        await until(lambda: kept.exists() and kept.read_text() == first)
        assert running.reload(second)
        await until(lambda: kept.read_text() == second)
        assert not running.reload(text(port, behind, "no-such-key = 1"))
        assert not running.reload(text(port, behind).replace(LOOPBACK, "192.0.2.1", 1))
        assert running.reload(second)
        await running.service.stopService()
    assert kept.read_text() == second


@pytest_twisted.ensureDeferred
async def test_the_last_good_one_is_trouble(tmp_path: Path) -> None:
    """It is what the supervisor is told first, until a reload is taken."""
    store(tmp_path, text(unused_port(), 1).encode())
    path = tmp_path / "proxy.ini"
    path.write_text("[frontend f]\n")
    begun = begin(str(path), tmp_path)
    start = Start(path=str(path), last_good=tmp_path, fallback=begun.fallback)
    service = ProxyService(cast("Reactor", reactor), begun.loaded, start)
    service.listen()
    service.startService()
    assert service.supervision.trouble.startswith("serving the last good configuration of ")
    path.write_text(text(unused_port(), 1))
    assert service.reload()
    assert (service.supervision.trouble, service.last_good.in_use) == ("", "")
    await service.stopService()


# A successor --------------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_who_gives_way_finishes_what_runs(tmp_path: Path) -> None:
    """The successor has the sockets; a relay goes on for the grace, and checks nobody needs do not."""
    port, gone = unused_port(), unused_port()
    with server(echo) as behind:
        content = text(port, behind) + f"[backend c]\nserver s = {LOOPBACK}:{gone} check\n"
        content += f"[backend d]\non-down = close\nserver s = {LOOPBACK}:{gone} check\n"
        running = Running(tmp_path, content, handover_grace=0.5)
        pools = running.service.environment.runtime.pools
        with socket.create_connection((LOOPBACK, port), 20) as client:
            client.sendall(HELLO)
            await until(lambda: bool(running.service.environment.connections))
            ((_, number),) = running.service.handed()
            with socket.socket(fileno=os.dup(number)) as shared:
                ended = running.service.give_way(())
                assert not running.service.running
                assert not running.reload(text(port, behind))
                with socket.create_connection((LOOPBACK, port), 20) as later:
                    later.sendall(HELLO)
                    shared.settimeout(20)
                    accepted, address = shared.accept()
                    accepted.close()
                    assert address == later.getsockname()
            assert [pools[name].servers["s"].suspected is not None for name in "cd"] == [False, True]
            client.sendall(b"still")
            assert await deferToThread(read_exactly, client, len(HELLO) + 5) == HELLO + b"still"
            await ended
    assert running.sink.only.outcome is Outcome.SHUTDOWN
    await running.service.stopService()


@pytest_twisted.ensureDeferred
async def test_the_end_comes_sooner_than_the_successors_grace(tmp_path: Path) -> None:
    """A SIGTERM while it finishes: its own grace counts then, and nothing is told twice."""
    port = unused_port()
    told: list[object] = []
    with server(read_all_of) as behind:
        running = Running(tmp_path, text(port, behind))
        with socket.create_connection((LOOPBACK, port)) as client:
            client.sendall(HELLO)
            await until(lambda: bool(running.service.environment.connections))
            running.service.give_way(()).addCallback(told.append)
            await running.service.stopService()
    assert told == []
    assert running.sink.only.outcome is Outcome.SHUTDOWN


def echo(connection: socket.socket) -> None:
    """Say all of it again."""
    while data := connection.recv(65536):
        connection.sendall(data)

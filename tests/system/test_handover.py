"""SIGUSR2: a successor takes the sockets, and nobody is refused, reset or cut off for it.

How long the slowest connection of each load took is printed (`-s` shows it).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from tests.fakes import LOOPBACK, unused_port
from tests.system.conftest import PUMP
from tests.system.daemon import PATIENCE, ROOT, TWISTD
from tests.system.servers import WebSocketClient, WebSocketServer, echo_server, naming_server, tcp_server
from tests.system.standin import StandIn
from tests.system.succession import Succession, adopting, descriptors_of, has_at_most

AT_ONCE = 6
"""Clients of each kind."""
LEAST = 300
"""Visits of each kind, and as many more as fit until the hand-overs are over."""
SLOWEST = 10.0
"""Seconds: for a machine that is busy with other things."""


def site(port: int, server: int, *lines: str) -> str:
    """A `tls` frontend on a port, before one server; `lines`: of the frontend."""
    text = ("[global]\nlog = twistd", f"[frontend f]\nmode = tls\nbind = {LOOPBACK}:{port}", *lines)
    return "\n".join((*text, f"default-backend = b\n[backend b]\nserver s = {LOOPBACK}:{server}\n"))


def said(port: int, hello: bytes) -> bytes:
    """What the server behind the proxy says to a hello."""
    with socket.create_connection((LOOPBACK, port), PATIENCE) as connection:
        connection.sendall(hello)
        return connection.recv(100)


# Nobody notices ----------------------------------------------------------------------------------------------------


@dataclass
class Visits:
    """What the clients of one kind saw."""

    waits: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def figures(self) -> str:
        """For a person."""
        waits = sorted(self.waits)
        return f"{len(waits)} connections, median {waits[len(waits) // 2] * 1000:.0f} ms, slowest {waits[-1]:.2f} s"


async def visit(port: int, said: bytes, expected: bytes, visits: Visits) -> None:
    """Connect, say something, and read to the end what must be the answer."""
    start = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            writer.write(said)
            answer = await reader.read()
            writer.close()
    except (TimeoutError, OSError) as error:
        visits.errors.append(repr(error))
        return
    visits.waits.append(time.monotonic() - start)
    if not answer.endswith(expected):
        visits.errors.append(f"{answer[:100]!r}")


class Load(threading.Thread):
    """Clients that come one after another, of several kinds: (port, what they say, how the answer ends)."""

    def __init__(self, kinds: list[tuple[int, bytes, bytes]]) -> None:
        super().__init__(daemon=True)
        self._kinds = kinds
        self.visits = [Visits() for _ in kinds]
        self.over = threading.Event()

    def run(self) -> None:
        """Until there are enough, and the hand-overs are over."""
        asyncio.run(self._all())

    async def _all(self) -> None:
        pairs = list(zip(self._kinds, self.visits, strict=True))
        await asyncio.gather(*(self._one(kind, visits) for kind, visits in pairs for _ in range(AT_ONCE)))

    async def _one(self, kind: tuple[int, bytes, bytes], visits: Visits) -> None:
        while len(visits.waits) + len(visits.errors) < LEAST or not self.over.is_set():
            await visit(*kind, visits)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.over.set()

    def finish(self) -> None:
        """Let the last ones end; nobody may have failed."""
        self.over.set()
        self.join(120)
        assert not self.is_alive()
        for visits in self.visits:
            assert visits.errors == []
            assert len(visits.waits) >= LEAST
            assert max(visits.waits) < SLOWEST


GET = b"GET / HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("relay", ["auto", "portable"])
def test_two_hand_overs_under_load(
    tmp_path: Path, hello: bytes, pump: WebSocketServer, certificates: dict[str, Path], relay: str
) -> None:
    """No new connection fails; a WebSocket through http and a relay of TLS live on; nobody keeps what it need not."""
    http, tls = unused_port(), unused_port()
    plain = WebSocketServer(None)
    with naming_server(b"named") as named, contextlib.ExitStack() as stack:
        stack.callback(plain.stop)
        text = (
            f"[global]\nrelay = {relay}\n"
            f"[frontend t]\nmode = tls\nbind = {LOOPBACK}:{tls}\nroute {PUMP} = pump\n"
            "no-sni = named\nunknown-sni = named\n"
            f"[frontend h]\nmode = http\nbind = {LOOPBACK}:{http}\ndefault-backend = plain\n"
            f"[backend pump]\nserver s = {LOOPBACK}:{pump.port}\n"
            f"[backend named]\nserver s = {LOOPBACK}:{named}\n"
            f"[backend plain]\nmode = http\nserver s = {LOOPBACK}:{plain.port} check\n"
        )
        hello = hello.replace(PUMP.encode(), PUMP[::-1].encode())
        with Succession(tmp_path, text) as proxies:
            fresh = len(descriptors_of(proxies.pid))
            load = stack.enter_context(Load([(tls, hello, b"named"), (http, GET, b"the WebSocket server's page\n")]))
            sockets = [
                WebSocketClient(http, "app.example", None),
                WebSocketClient(tls, PUMP, certificates[PUMP]),
            ]
            for name in ("first", "second"):
                before = proxies.pid
                time.sleep(0.3)
                assert proxies.hand_over() != before
                assert {one.echo(name) for one in sockets} == {name}
                sockets.append(WebSocketClient(tls, PUMP, certificates[PUMP]))
            load.finish()
            first, second, third = proxies.pids
            # Two relays, but no listener: as many descriptors more as less, and those of epoll and of the log.
            assert has_at_most(first, fresh + 2)
            assert has_at_most(third, fresh + 4)
            for one in sockets:
                assert one.echo("at last") == "at last"
                one.close()
            assert [proxies.wait_for_end(pid) for pid in (first, second)] == [0, 0]
            assert said(tls, hello) == b"named"
            log = proxies.log
        assert "Traceback" not in log
        for kind, visits in zip(("tls", "http"), load.visits, strict=True):
            print(f"\nhand-over, {relay}, {kind}: {visits.figures()}")  # noqa: T201 - for whoever looks


def test_a_unix_socket_stays_where_it_is(tmp_path: Path, hello: bytes) -> None:
    """Its path leads to the successor, and is gone when that ends."""
    path = tmp_path / "front.sock"
    with naming_server(b"by path") as server:
        with Succession(tmp_path, site(1, server).replace(f"{LOOPBACK}:1\n", f"unix:{path}\n")) as proxies:
            first = proxies.pid
            proxies.hand_over()
            assert proxies.wait_for_end(first) == 0
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(PATIENCE)
                connection.connect(str(path))
                connection.sendall(hello)
                assert connection.recv(100) == b"by path"
        assert not path.exists()


def test_the_successor_follows_the_file(tmp_path: Path, hello: bytes) -> None:
    """Another server, another address; who waits at one that is gone is served by the predecessor."""
    port, other = unused_port(), unused_port()
    with naming_server(b"one") as one, naming_server(b"two") as two:
        limit = "maxconn = 1"
        with Succession(tmp_path, site(port, one, limit)) as proxies, socket.socket() as waiting:
            with socket.create_connection((LOOPBACK, port)) as holding:
                holding.sendall(hello[:5])
                proxies.wait_for("listens")
                time.sleep(0.2)
                waiting.settimeout(PATIENCE)
                waiting.connect((LOOPBACK, port))
                waiting.sendall(hello)
                proxies.path.write_text(site(other, two, limit))
                proxies.hand_over()
                assert waiting.recv(10) == b"one"
            assert said(other, hello) == b"two"
            with socket.socket() as probe:
                assert probe.connect_ex((LOOPBACK, port)) != 0


def test_systemds_sockets_are_handed_on_by_their_name(tmp_path: Path, hello: bytes) -> None:
    """`systemd:NAME` is found by the successor, and by its own."""
    with naming_server(b"named") as server, socket.create_server((LOOPBACK, 0)) as listening:
        text = site(1, server).replace(f"{LOOPBACK}:1\n", "systemd:tls\n")
        script = f'exec 3<&{listening.fileno()}; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=tls exec "$@"'
        with Succession(tmp_path, text, before=("bash", "-c", script, "bash"), kept=(listening.fileno(),)) as proxies:
            for _ in range(2):
                proxies.hand_over()
                assert said(listening.getsockname()[1], hello) == b"named"


def test_a_supervisor_is_told(tmp_path: Path, hello: bytes) -> None:
    """By the predecessor who is the service now, by the successor that it serves; signs of life go on.

    The store has what the successor serves, and no more what it does not.
    """
    port, gone, comes = (unused_port() for _ in range(3))
    with (
        adopting(),
        echo_server(b"hi") as server,
        StandIn(tmp_path, two(port, gone, server), environ={"WATCHDOG_USEC": "400000"}) as unit,
        socket.create_connection((LOOPBACK, port), PATIENCE) as relay,
    ):
        assert unit.process is not None
        relay.sendall(hello)
        assert relay.recv(10) == b"hi"
        first, heard = unit.main, len(unit.messages)
        unit.path.write_text(two(port, comes, server))
        os.kill(first, signal.SIGUSR2)
        unit.wait_until(lambda: any("READY" in said for said in unit.messages[heard:]))
        main, *kept, ready = unit.messages[heard:]
        assert main == {"MAINPID": str(unit.main)}
        assert unit.main != first
        names = [f"pumpproxy-{LOOPBACK},{number}" for number in (port, comes)]
        assert kept == [{"FDSTORE": "1", "FDNAME": name} for name in names]
        assert ready == {"READY": "1", "STATUS": "0 routes, 1 of 1 server up, 0 relays"}
        unit.wait_until(lambda: unit.kept == sorted(names))
        signs = unit.life_sign
        unit.wait_until(lambda: unit.life_sign > signs + 0.5)
        relay.sendall(b"on")
        assert relay.recv(10) == b"on"
        relay.close()
        assert unit.process.wait(PATIENCE) == 0
        assert said(comes, hello) == b"hi"
        os.kill(unit.main, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(unit.main, 0)[1]) == -signal.SIGTERM
        unit.wait_until(lambda: any("STOPPING" in said for said in unit.messages))
        assert [said for said in unit.messages if "STOPPING" in said] == unit.messages[-1:]
        unit.start()
        assert unit.kept == sorted(names)


def two(port: int, other: int, server: int) -> str:
    """A site on two ports."""
    return site(port, server).replace(f":{port}\n", f":{port} {LOOPBACK}:{other}\n")


def test_the_last_good_file_is_no_reason_to_hand_over(tmp_path: Path, hello: bytes) -> None:
    """Where the file is bad: somebody serves already."""
    port = unused_port()
    with (
        naming_server(b"named") as server,
        Succession(tmp_path, site(port, server), "--last-good", str(tmp_path)) as one,
    ):
        wait_for(tmp_path / "last-good.ini")
        one.path.write_text("nonsense")
        os.kill(one.pid, signal.SIGUSR2)
        one.wait_for("hand-over failed")
        assert said(port, hello) == b"named"


def wait_for(path: Path) -> None:
    """Wait until there is such a file."""
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.02)


# It does not come about ----------------------------------------------------------------------------------------------


def test_a_bad_file_changes_nothing(tmp_path: Path, hello: bytes) -> None:
    """The reason is in the log, with its line; the same process serves on, and can be asked again."""
    port = unused_port()
    with naming_server(b"named") as server, Succession(tmp_path, site(port, server)) as proxies:
        open_before = sorted(descriptors_of(proxies.pid))
        proxies.path.write_text(site(port, server, "bnd = *:1"))
        os.kill(proxies.pid, signal.SIGUSR2)
        log = proxies.wait_for("hand-over failed")
        assert f"hand-over: the successor: {proxies.path}:6: [frontend f] bnd: " in log
        assert sorted(descriptors_of(proxies.pid)) == open_before
        assert said(port, hello) == b"named"
        proxies.path.write_text(site(port, server))
        proxies.hand_over()
        assert said(port, hello) == b"named"


SLOW = """
import os, time
end = time.monotonic() + 100
while os.path.exists(os.environ["SLOW"]) and time.monotonic() < end:
    time.sleep(0.05)
"""


@pytest.fixture
def slow(tmp_path: Path) -> tuple[dict[str, str], Path]:
    """An environment in which Python does not start as long as a file is there, and that file."""
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "sitecustomize.py").write_text(SLOW)
    flag = tmp_path / "flag"
    # Beside what stands there, where the package is built: the plugin is found by it.
    path = os.pathsep.join(filter(None, (str(tmp_path / "slow"), os.environ.get("PYTHONPATH"))))
    return {"PYTHONPATH": path, "SLOW": str(flag)}, flag


def starting(proxies: Succession) -> int:
    """The successor that does not start."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                pid = int(entry.name)
                if pid not in proxies.pids and str(proxies.path) in (entry / "cmdline").read_text():
                    return pid
        time.sleep(0.02)
    raise AssertionError(proxies.log)


def test_the_end_is_the_end_of_who_was_to_follow(
    tmp_path: Path, hello: bytes, slow: tuple[dict[str, str], Path]
) -> None:
    """A second SIGUSR2 meanwhile is ignored, a reload waits; SIGTERM ends both."""
    port = unused_port()
    environment, flag = slow
    with naming_server(b"named") as server:
        with Succession(tmp_path, site(port, server), environment=environment) as proxies:
            flag.touch()
            os.kill(proxies.pid, signal.SIGUSR2)
            successor = starting(proxies)
            os.kill(proxies.pid, signal.SIGUSR2)
            proxies.wait_for("hand-over ignored: one is under way")
            os.kill(proxies.pid, signal.SIGHUP)
            proxies.wait_for("reload: it waits for the hand-over")
            assert said(port, hello) == b"named"
        assert proxies.wait_for_end(successor) == -signal.SIGKILL


def test_a_reload_meanwhile_is_the_successors(tmp_path: Path, hello: bytes, slow: tuple[dict[str, str], Path]) -> None:
    """Or, where it fails, its predecessor's: what the file says last is in force, whoever has read it when."""
    port = unused_port()
    environment, flag = slow
    with (
        naming_server(b"one") as one,
        naming_server(b"two") as two,
        Succession(tmp_path, site(port, one), environment=environment) as proxies,
    ):
        flag.touch()
        os.kill(proxies.pid, signal.SIGUSR2)
        successor = starting(proxies)
        os.kill(proxies.pid, signal.SIGHUP)
        proxies.wait_for("reload: it waits for the hand-over")
        proxies.path.write_text(site(port, two))
        os.kill(successor, signal.SIGKILL)
        proxies.wait_for("hand-over failed: the successor ended without a word")
        proxies.wait_for("reload: backend b: ")
        assert said(port, hello) == b"two"
        after = len(proxies.log)
        os.kill(proxies.pid, signal.SIGUSR2)
        proxies.wait_for("hand-over: starting", after=after)
        os.kill(proxies.pid, signal.SIGHUP)
        proxies.wait_for("reload: it waits for the hand-over", after=after)
        flag.unlink()
        proxies.pids.append(int(proxies.wait_for_line(r"process (\d+) is the main one now", after=after)[1]))
        proxies.wait_for("reload: nothing changed", after=after)


# What a process is started with --------------------------------------------------------------------------------------


WATCHING = """
import os, sys

def watch(event, details):
    if event == "import" and os.path.exists(os.environ["IMPORTED"]):
        with open(os.environ["IMPORTED"], "a") as file:
            file.write(f"{os.getpid()} {details[0]}\\n")

sys.addaudithook(watch)
"""


@pytest.mark.parametrize("relay", ["auto", "portable"])
def test_the_code_may_be_gone(tmp_path: Path, hello: bytes, relay: str) -> None:
    """An upgrade removes the files that both run from: nothing that still goes on, or ends, needs any of them."""
    code, watching, imported = tmp_path / "code", tmp_path / "watching", tmp_path / "imported"
    ignore = shutil.ignore_patterns("__pycache__", "dropin.cache")
    shutil.copytree(ROOT / "pumpproxy", code / "pumpproxy", ignore=ignore)
    shutil.copytree(ROOT / "twisted", code / "twisted", ignore=ignore)
    watching.mkdir()
    (watching / "sitecustomize.py").write_text(WATCHING)
    environment = {"PYTHONPATH": f"{code}:{watching}", "IMPORTED": str(imported)}
    tls, http = unused_port(), unused_port()

    def late(connection: socket.socket) -> None:
        if b"late" in connection.recv(65536):
            go_on.wait(PATIENCE)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage")

    go_on = threading.Event()
    with echo_server(b"hi") as echo, tcp_server(late) as pages:
        text = (
            f"[global]\nlog = twistd\nrelay = {relay}\n[frontend t]\nmode = tls\nbind = {LOOPBACK}:{tls}\n"
            f"default-backend = e\n[frontend h]\nmode = http\nbind = {LOOPBACK}:{http}\ndefault-backend = p\n"
            f"[backend e]\nserver s = {LOOPBACK}:{echo} check\n"
            f"[backend p]\nmode = http\nserver s = {LOOPBACK}:{pages}\n"
        )
        with Succession(tmp_path, text, environment=environment) as proxies:
            assert str(code) in Path(f"/proc/{proxies.pid}/environ").read_text()
            relays = [socket.create_connection((LOOPBACK, tls), PATIENCE) for _ in range(3)]
            for one in relays:
                one.sendall(hello)
                assert one.recv(10) == b"hi"
            asks = [socket.create_connection((LOOPBACK, http), PATIENCE) for _ in range(4)]
            for one, words in zip(asks, (b"GET /late", b"GET /", b"BAD\0", b""), strict=True):
                one.sendall(words)
            asks[0].sendall(b" HTTP/1.1\r\nHost: app.example\r\n\r\n")
            silent = socket.create_connection((LOOPBACK, tls), PATIENCE)
            silent.sendall(hello[:50])
            # All are accepted before the hand-over: the last of them has waited for this.
            assert said(tls, hello) == b"hi"
            first = proxies.pid
            proxies.hand_over()
            imported.touch()
            shutil.rmtree(code)
            go_on.set()
            assert asks[0].recv(100).endswith(b"page")
            for one in (asks[1], asks[3]):
                one.sendall(b" HTTP/1.1\r\nHost: app.example\r\n\r\n" if one is asks[1] else GET)
                assert one.recv(100).endswith(b"page")
            assert asks[2].recv(100).startswith(b"HTTP/1.1 400 ")
            silent.close()
            relays[0].sendall(b"on")
            assert relays[0].recv(10) == b"on"
            relays[0].shutdown(socket.SHUT_WR)
            assert relays[0].recv(10) == b""
            relays[1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            for one in (*relays, *asks):
                one.close()
            assert proxies.wait_for_end(first) == 0
            assert said(tls, hello) == b"hi"
            assert "Traceback" not in proxies.log
        assert f"{first} " not in imported.read_text()


def test_a_daemon_with_a_pid_file(tmp_path: Path, hello: bytes) -> None:
    """The successor becomes a daemon too, and the pid file names it; nothing of the predecessor's is left."""
    port, pid_file, log = unused_port(), tmp_path / "proxy.pid", tmp_path / "twistd.log"
    options = ("--pidfile", str(pid_file), "--logfile", str(log))
    with naming_server(b"named") as server:
        with Succession(tmp_path, site(port, server), twistd=options, pid_file=pid_file) as proxies:
            for _ in range(2):
                first = proxies.pid
                assert pid_file.read_text() == str(first)
                second = proxies.hand_over()
                assert pid_file.read_text() == str(second)
                proxies.wait_for_end(first)
                assert [path.name for path in tmp_path.glob("proxy.pid*")] == ["proxy.pid"]
                assert said(port, hello) == b"named"
            proxies.path.write_text("nonsense")
            os.kill(proxies.pid, signal.SIGUSR2)
            proxies.wait_for("hand-over failed")
            assert pid_file.read_text() == str(second)
        assert not pid_file.exists()
        # Both wrote to it, and every line is whole.
        assert all(line.startswith("20") for line in log.read_text().splitlines())


def test_ports_below_1024_are_handed_on_by_who_is_no_longer_root(tmp_path: Path, hello: bytes) -> None:
    """Twistd's --uid stands in the command line still; a new address that only root may open is refused."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    # Our own folder and pytest's two; the one above them is the system's, and not ours to change.
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    before, environment = for_everybody()
    port, other = [port for port in range(600, 1000) if is_free(port)][:2]
    with naming_server(b"named") as server:
        options = ("-n", "--pidfile=", "--uid", "65534", "--gid", "65534")
        with Succession(
            tmp_path, site(port, server), twistd=options, before=before, environment=environment
        ) as proxies:
            proxies.hand_over()
            status = Path(f"/proc/{proxies.pid}/status").read_text()
            assert "Uid:\t65534\t65534\t65534\t65534" in status
            assert "Gid:\t65534\t65534\t65534\t65534" in status
            assert said(port, hello) == b"named"
            proxies.path.write_text(site(port, server).replace(f":{port}", f":{port} {LOOPBACK}:{other}"))
            os.kill(proxies.pid, signal.SIGUSR2)
            log = proxies.wait_for("hand-over failed")
            assert f"the successor: cannot listen on {LOOPBACK}:{other}: permission denied" in log
            assert said(port, hello) == b"named"


def for_everybody() -> tuple[tuple[str, ...], dict[str, str]]:
    """What starts twistd with a Python that anybody may run: that of a venv may be somebody's own."""
    paths = {"PYTHONPATH": f"{ROOT}:{Path(pytest.__file__).parents[1]}"}
    for before in ((), ("/usr/bin/python3",), (f"/usr/bin/python3.{sys.version_info.minor}",)):
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            check = [*before, TWISTD, "pumpproxy", "--version"]
            subprocess.run(check, user=65534, env={**os.environ, **paths}, capture_output=True, check=True, cwd="/")
            return before, paths
    pytest.skip("machine: no Python that everybody may run")


def is_free(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) != 0

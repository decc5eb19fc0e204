"""SIGHUP under load: no connection is refused, reset or misrouted, whatever the file is."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.fakes import LOOPBACK, unused_port
from tests.system.conftest import PUMP
from tests.system.daemon import Daemon
from tests.system.servers import WebSocketClient, echo_server, naming_server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.servers import WebSocketServer

CONNECTIONS = 2400
RELOADS = 24
AT_ONCE = 12
SERVERS = (b"A", b"B", b"C")


def file(port: int, ports: dict[bytes, int], server: bytes, extra: int = 0, pump: int = 0) -> str:
    """A site that routes PUMP to one of the servers; `extra`: one more listener; `pump`: where ws.example goes."""
    binds = [f"{LOOPBACK}:{port}"] + ([f"{LOOPBACK}:{extra}"] if extra else [])
    text = [
        "[frontend f]",
        "mode = tls",
        f"bind = {' '.join(binds)}",
        "unknown-sni = reject",
        f"route {PUMP} = b{server.decode()}",
        "route *.ws.example = ws",
        f"[backend b{server.decode()}]",
        f"server s = {LOOPBACK}:{ports[server]}",
        "[backend ws]",
        f"server s = {LOOPBACK}:{pump}",
    ]
    return "\n".join(text) + "\n"


@dataclass
class Ledger:
    """Which server was right, when: entries (server, from, until), and what clients saw."""

    in_force: list[tuple[bytes, float, float]] = field(default_factory=list)
    seen: list[tuple[float, float, bytes]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def wrong(self) -> list[tuple[float, float, bytes]]:
        """Replies from a server of no file that was in force during the connection."""
        return [
            (start, end, name)
            for start, end, name in self.seen
            if not any(name == server and begin <= end and until >= start for server, begin, until in self.in_force)
        ]


async def visit(port: int, hello: bytes, ledger: Ledger) -> None:
    """One short connection."""
    start = time.monotonic()
    try:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(hello)
        name = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        ledger.seen.append((start, time.monotonic(), name))
    except (TimeoutError, OSError) as error:
        ledger.errors.append(repr(error))


def load(port: int, hello: bytes, ledger: Ledger, over: threading.Event) -> None:
    """At least CONNECTIONS visits, and as many more as fit until the reloads are over."""

    async def visitor() -> None:
        while len(ledger.seen) + len(ledger.errors) < CONNECTIONS or not over.is_set():
            await visit(port, hello, ledger)

    async def visitors() -> None:
        await asyncio.gather(*(visitor() for _ in range(AT_ONCE)))

    asyncio.run(visitors())


def test_reloads_under_load_lose_nobody(tmp_path: Path, hello: bytes, pump: WebSocketServer) -> None:
    """Good, bad and unchanged files, mixed."""
    with contextlib.ExitStack() as stack:
        ports = {name: stack.enter_context(naming_server(name)) for name in SERVERS}
        port, extra = unused_port(), unused_port()
        chance = random.Random(20)
        ledger, over = Ledger(), threading.Event()
        current = b"A"
        text = file(port, ports, current, pump=pump.port)
        daemon = stack.enter_context(Daemon(tmp_path, text))
        since = time.monotonic()
        clients = threading.Thread(target=load, args=(port, hello, ledger, over))
        clients.start()
        done = {"good": 0, "bad": 0, "unchanged": 0}
        for number in range(RELOADS):
            kind = ("good", "good", "bad", "unchanged")[number % 4]
            done[kind] += 1
            if kind == "good":
                following = chance.choice([name for name in SERVERS if name != current])
                text = file(port, ports, following, extra * (number % 2), pump.port)
                began = time.monotonic()
                daemon.reload(text)
                ended = time.monotonic()
                ledger.in_force.append((current, since, ended))
                current, since = following, began
            elif kind == "bad":
                assert "reload refused" in daemon.reload(text.replace("mode = tls", "mode = tsl"))
                daemon.path.write_text(text)
            else:
                assert "nothing changed" in daemon.reload(text)
        ledger.in_force.append((current, since, time.monotonic() + 3600))
        over.set()
        clients.join(120)
        assert not clients.is_alive()
        assert done == {"good": RELOADS // 2, "bad": RELOADS // 4, "unchanged": RELOADS // 4}
        assert ledger.errors == []
        assert len(ledger.seen) >= CONNECTIONS
        assert ledger.wrong() == []
        assert "Traceback" not in daemon.log


def test_a_websocket_session_outlives_reloads(
    tmp_path: Path, pump: WebSocketServer, certificates: dict[str, Path]
) -> None:
    """Even the one that takes its route, its server, its frontend and its listener away."""
    port, other = unused_port(), unused_port()
    with echo_server(b"x") as elsewhere:
        text = (
            f"[frontend f]\nmode = tls\nbind = {LOOPBACK}:{port}\nroute {PUMP} = b\n"
            f"[backend b]\nserver s = {LOOPBACK}:{pump.port}\n"
        )
        with Daemon(tmp_path, text) as daemon:
            client = WebSocketClient(port, PUMP, certificates[PUMP])
            assert client.echo("before") == "before"
            daemon.reload()
            assert client.echo("unchanged") == "unchanged"
            daemon.reload(text.replace(f":{pump.port}", f":{elsewhere}"))
            assert client.echo("another server") == "another server"
            log = daemon.reload(
                f"[frontend g]\nmode = tcp\nbind = {LOOPBACK}:{other}\ndefault-backend = c\n"
                f"[backend c]\nserver s = {LOOPBACK}:{elsewhere}\n"
            )
            assert "reload: " in log
            assert client.echo("all is gone") == "all is gone"
            client.close()


def test_a_listener_that_cannot_be_opened_fails_the_reload_whole(tmp_path: Path, hello: bytes) -> None:
    """The busy port is named, nothing of the new file is in force, and the old listener serves on."""
    with contextlib.ExitStack() as stack:
        first, second = (stack.enter_context(naming_server(name)) for name in (b"A", b"B"))
        port, new = unused_port(), unused_port()
        busy = stack.enter_context(naming_server(b"busy"))
        ports = {b"A": first, b"B": second}
        daemon = stack.enter_context(Daemon(tmp_path, file(port, ports, b"A", pump=1)))
        text = file(port, ports, b"B", new, pump=1).replace(f":{new}", f":{new} {LOOPBACK}:{busy}")
        log = daemon.reload(text)
        assert f"cannot listen on {LOOPBACK}:{busy}: address already in use" in log
        assert "reload refused" in log
        ledger = Ledger()
        asyncio.run(visit(port, hello, ledger))
        asyncio.run(visit(new, hello, ledger))
        assert [name for _, _, name in ledger.seen] == [b"A"]
        assert len(ledger.errors) == 1, "the port that could be opened was closed again"

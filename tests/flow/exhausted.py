"""What happens in a process that has no descriptor left; `python -m tests.flow.exhausted FOLDER` prints it as JSON.

A process of its own, because in the tests' one other threads may close sockets meanwhile, and give descriptors back.
"""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.protocol import connectionDone
from twisted.internet.task import react
from twisted.internet.threads import deferToThread

from pumpproxy.flow.dial import Dial
from pumpproxy.flow.stream import StreamProtocol
from pumpproxy.model import TcpAddress, UnixAddress
from tests.fakes import LOOPBACK, tls_config
from tests.flow.peers import Proxied, Unasked, pause, server
from tests.logs import logged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pumpproxy.flow.environment import Environment
    from pumpproxy.model import ServerAddress
    from pumpproxy.policy.records import ClientAddress
    from pumpproxy.policy.runtime import FrontendState

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def no_descriptors() -> Iterator[None]:
    """Those that are open stay; no other can be had."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as probe:
        lowest = probe.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Greeter(StreamProtocol, Unasked):
    """Tells a client who it is, and where it came to, and closes."""

    def __init__(self, shared: Environment, frontend: FrontendState, client: ClientAddress, port: int | None) -> None:
        self._shared = shared
        self._frontend = frontend
        self._client = client
        self._port = port

    def connectionMade(self) -> None:
        """Greet."""
        self._shared.opened(self, self._frontend)
        self.transport.write(f"{self._client.host} {self._client.port} {self._port}".encode())
        self.transport.loseConnection()

    def connectionLost(self, _reason: object = connectionDone) -> None:
        """Gone."""
        self._shared.closed(self, self._frontend)


async def dialled(proxied: Proxied, address: ServerAddress) -> str:
    """What comes of a dial to there."""
    done: Deferred[str] = Deferred()

    class Connected(StreamProtocol):
        def connectionMade(self) -> None:
            """There."""
            done.callback("connected")

    shared = proxied.environment
    dial = Dial(shared.reactor, shared.resolver, Connected, lambda failure: done.callback(failure.name))
    dial.connect(address, 5.0)
    return await done


async def observed(folder: Path) -> dict[str, object]:
    """All that is told of it."""
    found: dict[str, object] = {}
    path = str(folder / "app.sock")
    proxied = Proxied(tls_config(1), Greeter)
    with (
        server(lambda _: None) as port,
        server(lambda _: None, family=socket.AF_UNIX, path=path),
        socket.socket() as client,
        logged() as lines,
    ):
        await pause(0)
        client.setblocking(False)
        client.connect_ex((LOOPBACK, proxied.port))
        client.send(b"hello")  # the kernel keeps a silent client to itself
        with no_descriptors():
            found["tcp"] = await dialled(proxied, TcpAddress(LOOPBACK, port))
            found["unix"] = await dialled(proxied, UnixAddress(path))
            for _ in range(5):
                await pause(0.01)
            found["accepted meanwhile"] = proxied.listener.accepted
        for _ in range(1000):
            if proxied.listener.accepted:
                break
            await pause(0.02)
        client.settimeout(20)
        host, own_port = cast("tuple[str, int]", client.getsockname())
        greeting = await deferToThread(client.recv, 1000)
        found["greeted"] = greeting.decode() == f"{host} {own_port} {proxied.port}"
        await proxied.quiet()
        found["lines"] = [line.split(" ")[0] for line in lines]
    return found


def in_a_process(folder: Path) -> dict[str, object]:
    """The same, in a process of its own."""
    command = [sys.executable, "-m", "tests.flow.exhausted", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, object] = json.loads(done.stdout)
    return found


def _main() -> None:
    async def told() -> None:
        sys.stdout.write(json.dumps(await observed(Path(sys.argv[1]))))

    react(lambda _reactor: ensureDeferred(told()))


if __name__ == "__main__":
    _main()

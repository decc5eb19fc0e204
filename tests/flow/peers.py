"""Blocking peers for tests of real sockets: they run in threads, so that the reactor is the one under test."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, TypeVar, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from pumpproxy.flow.front import FrontProtocol
from pumpproxy.flow.listener import Listener
from pumpproxy.flow.poll import Poller
from pumpproxy.flow.sockets import open_sockets
from pumpproxy.flow.straight import ShortWay
from pumpproxy.model import RelayKind, TcpAddress
from tests.fakes import LOOPBACK, environment, unused_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twisted.internet.protocol import Protocol

    from pumpproxy.flow.environment import Environment
    from pumpproxy.flow.listener import BuildProtocol
    from pumpproxy.model import Config
    from pumpproxy.policy.records import ClientAddress
    from pumpproxy.policy.runtime import FrontendState
    from pumpproxy.policy.serverstate import ServerState
    from tests.fakes import RecordingSink

T = TypeVar("T")

PATIENCE = 20.0
"""Seconds after which a peer gives up: a generous multiple of what any exchange takes."""


@contextlib.contextmanager
def server(serve: Callable[[socket.socket], None], *, family: int = socket.AF_INET, path: str = "") -> Iterator[int]:
    """A listening socket whose connections are each given to `serve` in a thread, and closed after it."""
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.bind(path if family == socket.AF_UNIX else (LOOPBACK, 0))
    listening.listen(256)

    def one(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(PATIENCE)
            serve(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=one, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield 0 if path else listening.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port whose backlog is full, so that connections to it neither succeed nor fail."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind((LOOPBACK, 0))
        listening.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


def has_ipv6() -> bool:
    """Whether ::1 is an address of this machine."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


class Proxied:
    """A listener on a port of the kernel's choice, before whatever the configuration says."""

    kind = RelayKind.PORTABLE
    """How bytes are relayed, and what is below the protocols; see conftest.py."""
    short = True
    """Whether clients may take the short way, where there is one."""

    def __init__(
        self,
        config: Config,
        build: BuildProtocol | type[FrontProtocol],
        host: str = LOOPBACK,
    ) -> None:
        self.environment: Environment
        self.sink: RecordingSink
        self.environment, self.sink = environment(config, reactor)
        if self.kind is RelayKind.SPLICE:
            self.environment.poller = Poller(self.environment.reactor, self.environment.now)
        self._build = build
        self.listener, self.port = self.listen(host)
        self.listener.start()

    def listen(self, host: str = LOOPBACK, frontend: str | None = None) -> tuple[Listener, int]:
        """A listener of a frontend (the first one), not started yet, and its port."""
        frontends = self.environment.runtime.frontends
        state = next(iter(frontends.values())) if frontend is None else frontends[frontend]
        address = TcpAddress(host, unused_port())
        (sock,) = open_sockets(address)
        shorten = ShortWay if self._build is FrontProtocol and self.short else None
        return Listener(self.environment, address, sock, state, self._built, shorten), address.port

    def _built(self, shared: Environment, frontend: FrontendState, client: ClientAddress, port: int | None) -> Protocol:
        if self._build is FrontProtocol:
            return FrontProtocol(shared, frontend, client)
        return cast("BuildProtocol", self._build)(shared, frontend, client, port)

    async def client(self, talk: Callable[[socket.socket], T]) -> T:
        """Connect in a thread, and let `talk` do what it wants; its result."""
        return await self.client_deferred(talk)

    def client_deferred(self, talk: Callable[[socket.socket], T]) -> Deferred[T]:
        """As `client`, to be waited for later: several at once."""

        def run() -> T:
            with socket.socket() as connection:
                connection.settimeout(PATIENCE)
                connection.connect((LOOPBACK, self.port))
                return talk(connection)

        return deferToThread(run)

    async def ended(self, count: int) -> None:
        """Wait until so many connections were told to the sink."""
        await until(lambda: len(self.sink.records) >= count, self.sink.records)

    async def quiet(self) -> None:
        """Wait until no connection is left, and stop listening."""
        self.listener.close(drain=True)
        await until(lambda: not self.environment.connections, self.environment.connections)
        assert self.environment.runtime.connections == 0
        self.environment.pipes.close()
        # A server that has answered has a second to close its connection first.
        await until(lambda: len(self.environment.sweep) == 0)
        poller = self.environment.poller
        if poller is not None:
            await until(lambda: not len(poller))
            assert self.environment.pipes.in_use == 0
            poller.stop()
        assert all(
            server.connections == 0
            for pool in self.environment.runtime.pools.values()
            for server in pool.servers.values()
        )


class Unasked:
    """A connection of which the environment asks nothing."""

    def evict(self) -> None:
        """Not asked."""

    def finish_up(self) -> None:
        """Not asked."""

    def shut_down(self) -> None:
        """Not asked."""

    def leave_server(self, server: ServerState) -> None:
        """Not asked."""


def pause(seconds: float) -> Deferred[None]:
    """Let the reactor run."""
    done: Deferred[None] = Deferred()
    reactor.callLater(seconds, done.callback, None)
    return done


async def until(condition: Callable[[], bool], shown: object = None) -> None:
    """Wait for a fact, for a bounded time; a failure shows `shown` as it is then."""
    for _ in range(int(PATIENCE * 100)):
        if condition():
            return
        await pause(0.01)
    raise AssertionError(condition if shown is None else shown)


def read_all(connection: socket.socket) -> bytes:
    """Everything until FIN."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def read_exactly(connection: socket.socket, size: int) -> bytes:
    """So many bytes."""
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        assert part, f"FIN after {len(data)} of {size} bytes"
        data += part
    return data


def reset(connection: socket.socket) -> None:
    """Close with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()

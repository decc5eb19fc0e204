"""Clients that are in a listener's backlog all at once, before the reactor looks; and proof that nothing is left."""

from __future__ import annotations

import contextlib
import gc
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.internet.threads import deferToThread

from pumpproxy.flow.connect import Connecting
from pumpproxy.flow.dial import Dial
from pumpproxy.flow.front import FrontProtocol
from pumpproxy.flow.relay import Relay, RelayEnd
from pumpproxy.flow.socketstream import SocketStream
from pumpproxy.flow.splice import SpliceRelay
from pumpproxy.flow.spliceend import SpliceEnd
from pumpproxy.flow.straight import StraightRelay
from pumpproxy.policy.session import Session
from tests.fakes import LOOPBACK
from tests.flow.peers import PATIENCE, Proxied, read_all, read_exactly, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pumpproxy.model import Config

_KINDS = (Connecting, Dial, FrontProtocol, Relay, RelayEnd, Session, SocketStream, SpliceEnd, SpliceRelay)


def descriptors() -> int:
    """How many this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def left_over() -> list[str]:
    """What there is in memory of any connection of ours, by the names of its kinds."""
    return [type(one).__name__ for one in gc.get_objects() if issubclass(type(one), _KINDS)]


class Batch:
    """A listener, and clients who come to it together."""

    def __init__(self, proxied: Proxied, stack: contextlib.ExitStack) -> None:
        self.proxied = proxied
        self.environment = proxied.environment
        self.stack = stack

    def comes(self, words: bytes = b"", port: int = 0) -> socket.socket:
        """One more, who says this; it is in the backlog when this returns, and nobody was served meanwhile."""
        client = self.stack.enter_context(socket.socket())
        client.settimeout(PATIENCE)
        client.connect((LOOPBACK, port or self.proxied.port))
        if words:
            client.sendall(words)
        return client

    @property
    def straight(self) -> int:
        """How many are there that took the short way."""
        return sum(isinstance(one, StraightRelay) for one in self.environment.connections)

    async def told(self, count: int) -> list[str]:
        """The outcomes of so many who have ended, and of no more, in no order."""
        await self.proxied.ended(count)
        return sorted(record.outcome.name for record in self.proxied.sink.records)

    def shut_down(self) -> None:
        """The service ends for all who are there."""
        for connection in list(self.environment.connections):
            connection.shut_down()

    async def close(self) -> None:
        """End all who are there, and see that nothing counts any more."""
        self.shut_down()
        await self.proxied.quiet()
        runtime = self.environment.runtime
        assert [state.connections for state in runtime.frontends.values()] == [0] * len(runtime.frontends)
        assert [pool.connections for pool in runtime.pools.values()] == [0] * len(runtime.pools)
        assert (self.environment.hellos.total, len(self.environment.sweep)) == (0, 0)


@contextlib.asynccontextmanager
async def batch(config: Config, host: str = LOOPBACK, *, tidy: bool = True) -> AsyncIterator[Batch]:
    """A listener of which nothing is left afterwards: no count, no descriptor, and (`tidy`) nothing for the collector.

    A logged defect keeps its frames, and what they know.
    """
    gc.collect()
    before, objects = descriptors(), len(left_over())
    gc.disable()
    try:
        with contextlib.ExitStack() as stack:
            made = Batch(Proxied(config, FrontProtocol, host), stack)
            try:
                yield made
            finally:
                await made.close()
            del made
        await until(lambda: descriptors() <= before, f"more than {before} descriptors")
        if tidy:
            await until(lambda: len(left_over()) <= objects, left_over())
    finally:
        gc.enable()


async def reads(client: socket.socket, size: int) -> bytes:
    """So many bytes, while the reactor runs."""
    return await deferToThread(read_exactly, client, size)


async def reads_on(client: socket.socket) -> bytes:
    """All until FIN."""
    return await deferToThread(read_all, client)


async def sees(client: socket.socket) -> str:
    """Its end, behind what it is sent: a FIN or a reset."""
    try:
        await deferToThread(read_all, client)
    except ConnectionResetError:
        return "reset"
    return "FIN"

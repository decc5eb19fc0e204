"""The processes of `faultserver`, and what is done to them: killed and started, stopped, ordered to fail.

Each has an address of its own on the loopback network, from which nobody connects, so that its port is there for it
whenever it comes back. May not: decide when.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from tests.system import faultserver
from tests.system.daemon import PATIENCE, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable


def unused_port_at(host: str) -> int:
    """A port of this address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class Process:
    """One server. `serving` is whether it should be there, as far as it was told."""

    def __init__(self, me: faultserver.Identity) -> None:
        self.me = me
        self._process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        """As a file says it."""
        return f"{self.me.host}:{self.me.port}"

    async def start(self) -> None:
        """Start it, and wait until it takes connections."""
        self.me = replace(self.me, life=self.me.life + 1)
        self._process = await asyncio.create_subprocess_exec(
            *faultserver.command(self.me), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT
        )
        await self.order("listen")

    async def order(self, what: str) -> None:
        """Have it done; when this returns it is."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(what.encode() + b"\n")
        done = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
        assert done.decode().strip() == what, f"{self.me}: {done!r}"

    def tell(self, number: int) -> None:
        """Send it one, if it is there."""
        if self._process is not None and self._process.returncode is None:
            # Not by asyncio's own, which may wait for the process behind the back of its own watcher.
            os.kill(self._process.pid, number)

    async def end(self, number: int = signal.SIGTERM) -> None:
        """With this signal, and wait until it is gone."""
        self.tell(number)
        if self._process is not None:
            await asyncio.wait_for(self._process.wait(), PATIENCE)


class Processes:
    """Some of them, started together and ended together."""

    def __init__(self, servers: Iterable[faultserver.Identity]) -> None:
        self.of = {(me.backend, me.name): Process(me) for me in servers}

    async def __aenter__(self) -> Self:
        await asyncio.gather(*(process.start() for process in self.of.values()))
        return self

    async def __aexit__(self, *_exception: object) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.gather(*(process.end(signal.SIGKILL) for process in self.of.values()))

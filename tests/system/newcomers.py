"""Clients that come all the time, each by a new connection, and each wants an answer: who was refused, cut, served."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.fakes import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 30.0
"""Seconds that a client waits for its answer."""
MOST = 5000
"""Clients in all."""


@dataclass
class Newcomers:
    """Clients of one port that say `hello`, and must hear `answer`."""

    port: int
    hello: bytes
    answer: bytes
    served: list[float] = field(default_factory=list)
    """Seconds that each of these waited."""
    refused: int = 0
    """Nobody listened."""
    cut: list[str] = field(default_factory=list)
    """The connection was there, and broke or ended without the answer."""

    async def come(self, rate: int, meanwhile: Callable[[], object]) -> None:
        """So many a second while `meanwhile` runs in a thread."""
        over = asyncio.create_task(asyncio.to_thread(meanwhile))
        clients: list[asyncio.Task[None]] = []
        begun = time.monotonic()
        while not over.done() and len(clients) < MOST:
            clients.append(asyncio.create_task(self._one()))
            await asyncio.sleep(max(0.0, begun + len(clients) / rate - time.monotonic()))
        await over
        await asyncio.gather(*clients)

    async def _one(self) -> None:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(LONGEST):
                reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
                try:
                    writer.write(self.hello)
                    heard = await reader.read()
                finally:
                    writer.transport.abort()
        except ConnectionRefusedError:
            self.refused += 1
        except (OSError, TimeoutError) as error:
            self.cut.append(repr(error))
        else:
            if heard == self.answer:
                self.served.append(time.monotonic() - begun)
            else:
                self.cut.append(repr(heard))

    def figures(self) -> str:
        """For a person."""
        slowest = max(self.served, default=0.0)
        return f"{len(self.served)} served, {self.refused} refused, {len(self.cut)} cut, slowest {slowest:.2f} s"

"""Clients that send drawn streams as they like: cut anywhere, in haste or slowly, leaving early or staying.

May not: judge what comes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.fakes import LOOPBACK
from tests.sim import strict
from tests.system.recorder import reset
from tests.wire.httpgrammar import requests
from tests.wire.secondreader import Meaning, meaning

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 30.0
"""Seconds for one stream: several times what the proxy's own limits come to."""
LEAVES = ("closes", "closes", "finishes", "resets")


def address(number: int) -> str:
    """Each client has one of its own on the loopback network, by which the servers know it."""
    high, low = divmod(number, 250)
    return f"127.{20 + high // 250}.{high % 250}.{low + 1}"


@dataclass(frozen=True)
class Plan:
    """What one client does; a pure function of the seed and its number."""

    who: str
    data: bytes
    """All that it sends."""
    pieces: tuple[tuple[float, int], ...]
    """The end of each piece, and the seconds before it."""
    leaves: str | None
    """How it goes when it has sent everything; None: it waits for all answers."""
    after: float
    """Seconds that it waits before it leaves so."""


def plan(seed: int, number: int) -> Plan:
    """The client of that number."""
    chance = random.Random(f"{seed} {number}")
    # By the mark some of them ask for what has a route of its own.
    mark = b"%b%d-%d" % (chance.choice((b"x", b"d")), seed, number)
    data, _ = requests(chance, mark, chance.choice((70_000, 70_000, 300_000)))
    leaves = None
    if chance.random() < 0.2:
        leaves = chance.choice(LEAVES)
        data = data[: chance.choice((len(data), chance.randint(0, len(data))))]
    cuts = sorted({chance.randint(0, len(data)) for _ in range(chance.choice((0, 0, 1, 2, 6)))} | {len(data)})
    pieces = [(chance.choice((0.0, 0.0, 0.001, 0.02)), cut) for cut in cuts]
    if chance.random() < 0.15 and (head := data.find(b"\r\n\r\n") + 4) > 3:
        # A body that comes later: it may be answered before.
        pieces = [(0.0, min(head + chance.choice((0, 1, 5)), len(data))), (0.03, len(data))]
    return Plan(address(number), data, tuple(pieces), leaves, chance.choice((0.0, 0.001, 0.01, 0.1)))


class Talker(asyncio.Protocol):
    """One client's connection."""

    transport: asyncio.Transport

    def __init__(self, made: Plan) -> None:
        self.plan = made
        self.meant: Meaning = meaning(made.data)
        self.sent = 0
        self.got = b""
        self.end = ""
        """How the proxy ended it: `fin` or `reset`; empty where the client went first."""
        self.left = False
        """The client went, or closed its half."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._read = self._answers = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The proxy took it."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    async def talk(self) -> None:
        """Send everything, then leave, or wait for what must come."""
        for wait, end in self.plan.pieces:
            if wait:
                await asyncio.sleep(wait)
            if self.ended.done():
                return
            self.transport.write(self.plan.data[self.sent : end])
            self.sent = end
        if self.plan.leaves is not None:
            await asyncio.sleep(self.plan.after)
            self._leave(self.plan.leaves)
        self._look()
        await self.ended

    def _leave(self, how: str) -> None:
        if self.ended.done():
            return
        self.left = True
        if how == "finishes" and not self.transport.is_closing():
            with contextlib.suppress(OSError):  # reset meanwhile
                self.transport.write_eof()
        elif how == "resets":
            reset(self.transport)
        else:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """From the proxy."""
        self.got += data
        self._look()

    def _look(self) -> None:
        """Leave once everything is answered that was asked, and nothing else is to come."""
        asked = self.meant.requests
        while self._answers < len(asked) and self._read < len(self.got):
            try:
                message = strict.response(self.got[self._read :], asked[self._answers][0])
            except strict.BrokenError:
                return
            if message is None or not message.whole:
                return
            self._read += message.size
            self._answers += message.status >= 200
        everything = self._answers == len(asked) and not self.meant.fault
        if everything and self.sent == len(self.plan.data) and not self.left:
            asyncio.get_running_loop().call_later(self.plan.after, self._leave, "closes")

    def eof_received(self) -> bool:
        """The proxy's end."""
        self.end = self.end or "fin"
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Gone."""
        if error is not None:
            self.end = "reset"
        if not self.ended.done():
            self.ended.set_result(None)


async def converse(plans: Iterable[Plan], port: int, at_once: int) -> list[Talker]:
    """All of them, so many at a time; TimeoutError, with a note, where one does not end."""
    loop = asyncio.get_running_loop()
    talkers: list[Talker] = []
    todo = iter(plans)

    async def some() -> None:
        for made in todo:
            _, talker = await loop.create_connection(
                lambda made=made: Talker(made),  # type: ignore[misc]
                LOOPBACK,
                port,
                local_addr=(made.who, 0),
            )
            talkers.append(talker)
            try:
                async with asyncio.timeout(LONGEST):
                    await talker.talk()
            except TimeoutError as error:
                error.add_note(f"{made}\ngot {talker.got[:2000]!r}")
                raise

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(some())
    return talkers

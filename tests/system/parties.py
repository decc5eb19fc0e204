"""The two sides of a transfer, on asyncio: each speaks and listens at once, as its role says, and keeps a ledger.

Every byte is compared with what the other says there at the moment when it comes, and both sides hash. May not: judge.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.fakes import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.system.transfers import Plan, Role, Stream

RESET = struct.pack("ii", 1, 0)
UNREACHED = 2.0
"""Seconds that a server still waits where its client has reset, and may never have been passed on."""
_buffer = memoryview(bytearray(256 * 1024))


class ResetNow(Exception):  # noqa: N818 - it is no failure
    """The role says so."""


@dataclass
class Occasion:
    """What some roles wait for."""

    stuck: asyncio.Event
    """Nobody in the crowd gets on."""
    met: asyncio.Event = field(default_factory=asyncio.Event)
    """Bytes of this transfer came through, to whichever side."""


class Party:
    """One side, and its ledger."""

    def __init__(self, role: Role, mine: Stream, theirs: Stream, occasion: Occasion) -> None:
        self._role = role
        self._occasion = occasion
        self._mine = mine
        self._theirs = theirs
        self._heard = asyncio.Event()
        self.socket: socket.socket | None = None
        self.port = 0
        self.sent = self.received = 0
        self.said = hashlib.sha256()
        self.got = hashlib.sha256()
        self.finished = False
        """Its FIN is sent."""
        self.did_reset = False
        self.broken = ""
        """What the kernel said where it would take nothing, or give nothing."""
        self.end = ""
        """How the other's stream ended: "fin" or "reset"."""
        self.wrong: int | None = None
        """Where the first byte stood that the other did not say there."""

    def __repr__(self) -> str:
        facts = ("sent", "received", "finished", "did_reset", "broken", "end", "wrong")
        return f"<{' '.join(f'{fact}={getattr(self, fact)!r}' for fact in facts)} of {self._role}>"

    async def run(self, connection: socket.socket, cut: int = 0) -> None:
        """Live until both have said everything, or one resets; `cut`: see Plan."""
        connection.setblocking(False)
        self.socket = connection
        reset = self._role.reset
        try:
            async with asyncio.timeout(None if reset is None else reset.seconds), asyncio.TaskGroup() as both:
                both.create_task(self._speak(connection, cut))
                both.create_task(self._listen(connection))
        except* (ResetNow, TimeoutError):
            self.did_reset = True
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.close()

    async def _speak(self, connection: socket.socket, cut: int) -> None:
        rests = list(self._role.rests)
        chance = random.Random(self._mine.size)
        loop = asyncio.get_running_loop()
        while self.sent < self._mine.size:
            await _pause(rests, self.sent)
            most = cut - self.sent if self.sent < cut else chance.randint(1, self._role.chunk)
            data = self._mine.at(self.sent)[:most]
            try:
                size = connection.send(data)
            except BlockingIOError:
                await _ready(loop.add_writer, loop.remove_writer, connection)
                continue
            except OSError as error:
                self.broken = self.broken or str(error)
                return
            self.said.update(data[:size])
            self.sent += size
            self._check()
            # The others' turn.
            await asyncio.sleep(0)
        self._check()
        if self._role.waits:
            await self._heard.wait()
        if self._role.meets:
            await self._occasion.met.wait()
        try:
            connection.shutdown(socket.SHUT_WR)
        except OSError as error:
            self.broken = self.broken or str(error)
            return
        self.finished = True
        self._check()

    async def _listen(self, connection: socket.socket) -> None:
        reset = self._role.reset
        dawdles = list(self._role.dawdles)
        loop = asyncio.get_running_loop()
        if self._role.crowd:
            await self._occasion.stuck.wait()
            if reset is not None and reset.stuck:
                raise ResetNow
        self._check()
        while not self.end:
            await _pause(dawdles, self.received)
            try:
                size = connection.recv_into(_buffer)
            except BlockingIOError:
                await _ready(loop.add_reader, loop.remove_reader, connection)
                continue
            except OSError as error:
                self.broken = self.broken or str(error)
                size = 0
            self._occasion.met.set()
            if size:
                self._take(_buffer[:size])
                self._check()
            else:
                # The kernel tells of a reset once: who sends may have heard of it.
                self.end = "reset" if self.broken else "fin"
        self._heard.set()

    def _take(self, data: memoryview) -> None:
        self.got.update(data)
        done = 0
        while done < len(data) and self.wrong is None:
            expected = self._theirs.at(self.received + done)[: len(data) - done]
            # As bytes: memoryviews are compared one by one.
            if not expected or data[done : done + len(expected)].tobytes() != expected.tobytes():
                self.wrong = self.received + done
            done += len(expected)
        self.received += len(data)

    def _check(self) -> None:
        reset = self._role.reset
        if reset is not None and (
            (reset.sent is not None and self.sent >= reset.sent)
            or (reset.received is not None and self.received >= reset.received)
            or (reset.finished and self.finished)
        ):
            raise ResetNow


async def _pause(pauses: list[tuple[int, float]], size: int) -> None:
    """Those that are due after so many bytes."""
    due = [seconds for place, seconds in pauses if place <= size]
    del pauses[: len(due)]
    if due:
        await asyncio.sleep(sum(due))


async def _ready(
    add: Callable[[socket.socket, Callable[[], None]], object],
    remove: Callable[[socket.socket], object],
    connection: socket.socket,
) -> None:
    done = asyncio.get_running_loop().create_future()
    add(connection, lambda: None if done.done() else done.set_result(None))
    try:
        await done
    finally:
        remove(connection)


class Transfer:
    """A plan, the socket where its server listens, and both sides."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.listening = socket.socket()
        if plan.server.buffer is not None:
            self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, plan.server.buffer)
        self.listening.bind((LOOPBACK, 0))
        self.listening.listen(8)
        self.listening.setblocking(False)
        self.behind = int(self.listening.getsockname()[1])
        self.accepted = 0
        self.done = False
        self.client: Party
        self.server: Party
        self._connection = socket.socket()

    async def connect(self, place: tuple[str, int], stuck: asyncio.Event) -> None:
        """The client is there, and says nothing yet."""
        occasion = Occasion(stuck)
        said, answered = self.plan.streams()
        self.client = Party(self.plan.client, said, answered, occasion)
        # Of its own, as a stream remembers where it is.
        said, answered = self.plan.streams()
        self.server = Party(self.plan.server, answered, said, occasion)
        if self.plan.client.buffer is not None:
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.plan.client.buffer)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(self._connection, place)
        self.client.port = self._connection.getsockname()[1]

    async def run(self) -> None:
        """Both sides to their end."""
        serving = asyncio.create_task(self._serve())
        try:
            await self.client.run(self._connection, self.plan.cut)
            if self.client.did_reset and not self.accepted:
                await asyncio.wait([serving], timeout=UNREACHED)
                if not self.accepted:
                    return
            await serving
        finally:
            serving.cancel()
            await asyncio.wait([serving])
            # Nothing else may have come here.
            with contextlib.suppress(BlockingIOError):
                while True:
                    self.listening.accept()[0].close()
                    self.accepted += 1
            self.close()
        self.done = True

    def close(self) -> None:
        """Whatever is left."""
        self.listening.close()
        self._connection.close()

    async def _serve(self) -> None:
        connection, _ = await asyncio.get_running_loop().sock_accept(self.listening)
        self.accepted += 1
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            await self.server.run(connection)


async def _watch(crowd: Sequence[Transfer], stuck: asyncio.Event) -> None:
    """Set `stuck` when nobody of the crowd could send anything for a while."""
    before, now = -1, 0
    while now != before or not now:
        await asyncio.sleep(0.5)
        before, now = now, sum(each.client.sent + each.server.sent for each in crowd)
    stuck.set()


def carry(transfers: Sequence[Transfer], place_of: Callable[[Plan], tuple[str, int]], patience: float) -> None:
    """All of them at once; first every client connects, so that they are really there at a time.

    Raises TimeoutError, with a note a transfer that has not ended, after `patience` seconds.
    """

    async def everything() -> None:
        async with asyncio.timeout(patience):
            stuck = asyncio.Event()
            await asyncio.gather(*(transfer.connect(place_of(transfer.plan), stuck) for transfer in transfers))
            watching = asyncio.create_task(_watch([each for each in transfers if each.plan.client.crowd], stuck))
            await asyncio.gather(*(transfer.run() for transfer in transfers))
            await watching

    try:
        asyncio.run(everything())
    except TimeoutError as error:
        for transfer in transfers:
            if not transfer.done:
                error.add_note(f"{transfer.plan.name} {transfer.plan.mode}: {transfer.client}, {transfer.server}")
        raise

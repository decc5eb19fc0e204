"""Servers behind the proxy that read strictly, keep all that they hear, and answer in every way, good and bad.

A connection carries as many requests as its proxy sends on it. What is answered to whom is decided by the seed, by
who asks (X-Forwarded-For) and by how often that one has asked before. May not: judge.
"""

from __future__ import annotations

import asyncio
import random
import select
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.fakes import LOOPBACK
from tests.sim import strict
from tests.sim.asks import Ask
from tests.sim.replies import After, End, Reply, Worth, reply

if TYPE_CHECKING:
    from tests.sim.strict import Message

UNASKED = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX-Answer: unasked\r\n\r\nunasked!!"
"""What a server says at times to a connection on which nobody asked it anything."""
RACE = 0.01
"""Seconds: a request that comes so soon after it may have been sent before it was there."""
GOOD_AFTER_ALL = 0.6
"""How often a bad answer gives way to another, so that conversations go on: it is the last one that a client gets."""
LARGE = 0.02
"""How many answers are of a size for which a proxy may have another way."""
TUNNELLED = 0.02
"""Seconds until the server's end of a tunnel closes."""


def reset(transport: asyncio.Transport) -> None:
    """End it with a RST; what was not sent yet, or not read, is lost."""
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


@dataclass
class Heard:
    """One request, as it came to a server."""

    backend: str
    message: Message
    who: str
    reply: Reply
    mark: bytes
    early: bool = False
    """Answered before it was whole."""
    spoken: bool = False
    """Anything was answered."""
    tunnel: bytearray = field(default_factory=bytearray)
    """What came behind it, once it had become a tunnel."""


def large(mark: bytes, chance: random.Random) -> Reply:
    """A good answer of some hundred kilobytes, or most of one; with a length, or up to the end of the connection."""
    payload = chance.randbytes(chance.choice((300_000, 700_000)))
    counted, whole = chance.random() < 0.7, chance.random() < 0.8
    length = b"Content-Length: %d\r\n" % len(payload) if counted else b"Connection: close\r\n"
    head = b"HTTP/1.1 200 OK\r\nX-Answer: %b\r\n%b\r\n" % (mark, length)
    sent = payload if whole else payload[: chance.randrange(len(payload))]
    end = End.FIN if whole or (counted and chance.random() < 0.5) else End.RESET
    worth, fields = Worth.WHOLE if whole else Worth.CUT, [(b"X-Answer", mark)]
    return Reply(b"", head + sent, After.BODY, end, worth, 200, payload, fields, lasting=counted and whole)


class Ledger:
    """What all servers heard."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.heard: dict[str, list[Heard]] = {}
        """By who asked, in order."""
        self.marks: dict[bytes, Heard] = {}
        self.faults: list[str] = []
        """What no server should get."""
        self.connections = 0
        self.kept = 0
        """Requests that came on a connection which had carried another."""
        self.unasked = 0
        self.raced: set[str] = set()
        """Whose request crossed such an answer on the way."""

    def hear(self, backend: str, message: Message) -> Heard:
        """A request's head is there; decide what is answered."""
        told = message.values(b"x-forwarded-for")
        who = told[0].decode("latin-1") if len(told) == 1 else f"nobody: {told}"
        before = self.heard.setdefault(who, [])
        mark = f"{who}/{len(before)}".encode("latin-1")
        method, upgrade = message.start[0], message.values(b"upgrade") == [b"websocket"]
        asked = Ask(b"", method=method, waits=bool(message.values(b"expect")), upgrade=upgrade)
        chance = random.Random(f"{self.seed} {mark!r}")
        answer = reply(asked, mark, chance)
        if answer.worth in {Worth.BAD, Worth.CUT} and chance.random() < GOOD_AFTER_ALL:
            answer = reply(asked, mark, chance)
        if answer.worth is Worth.CUT and answer.end is End.STAY and chance.random() < 0.9:
            answer.end = End.RESET
        if method != b"HEAD" and chance.random() < LARGE:
            answer = large(mark, chance)
        heard = Heard(backend, message, who, answer, mark)
        before.append(heard)
        self.marks[mark] = heard
        return heard


class Connection(asyncio.Protocol):
    """One, of the proxy's."""

    transport: asyncio.Transport

    def __init__(self, backend: str, ledger: Ledger) -> None:
        self._backend = backend
        self._ledger = ledger
        self._loop = asyncio.get_running_loop()
        ledger.connections += 1
        self._chance = random.Random(f"{ledger.seed} {ledger.connections}")
        self._data = b""
        self._heard: Heard | None = None
        self._begun = self._out = self._closing = False
        self._carried = 0
        self._unasked_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The proxy is there."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """It sends."""
        heard = self._heard
        if heard is not None and heard.message.whole:
            if heard.reply.worth is Worth.SWITCH:
                heard.tunnel += data
            elif not (self._closing and heard.reply.lasting):
                self._refuse(f"{heard.who}: more before the answer is whole: {data[:80]!r}, {heard.reply}")
            return
        self._data += data
        try:
            self._read()
        except strict.BrokenError as error:
            self._refuse(f"{heard.who if heard else 'a head'}: nobody should be sent {error.args!r}")

    def _read(self) -> None:
        while self._data:
            message = strict.request(self._data)
            if message is None:
                return
            heard = self._heard
            if heard is None:
                if self._unasked_at:
                    self._cross(message)
                    return
                heard = self._hear(message)
            heard.message = message
            if message.whole:
                self._data = self._data[message.size :]
            if not self._begun and (message.whole or heard.reply.after is not After.BODY):
                self._begun = True
                heard.early = not message.whole
                self._answer(heard)
            self._settle()
            if self._heard is not None:
                return

    def _hear(self, message: Message) -> Heard:
        self._ledger.kept += self._carried > 0
        self._carried += 1
        self._begun = self._out = False
        self._heard = heard = self._ledger.hear(self._backend, message)
        return heard

    def _cross(self, message: Message) -> None:
        """A request on a connection where an answer lay that nobody asked for: sent before that, or in spite of it."""
        self._ledger.raced |= {value.decode("latin-1") for value in message.values(b"x-forwarded-for")}
        if self._loop.time() - self._unasked_at > RACE:
            self._refuse("a request where an answer lay that nobody asked for")
        self._closing = True
        reset(self.transport)

    def _refuse(self, what: str) -> None:
        self._ledger.faults.append(f"{self._backend}: {what}")
        self._closing = True
        reset(self.transport)

    # Answering

    def _answer(self, heard: Heard) -> None:
        answer, chance = heard.reply, self._chance
        heard.spoken = bool(answer.interims or answer.data)
        data = answer.interims + answer.data + answer.surplus
        pieces = [data]
        if chance.random() < 0.2 and len(data) > 1:
            at = chance.randrange(1, len(data) - len(answer.surplus))
            pieces = [data[:at], data[at:]]
        wait = chance.choice((0.0, 0.0, 0.001, 0.004))
        if wait == 0.0:
            self._say(heard, pieces)
        else:
            self._loop.call_later(wait, self._say, heard, pieces)

    def _say(self, heard: Heard, pieces: list[bytes]) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(pieces.pop(0))
        if pieces:
            self._loop.call_later(self._chance.choice((0.0, 0.002)), self._say, heard, pieces)
            return
        answer = heard.reply
        self._out = True
        if answer.surplus:
            self._unasked_at = self._loop.time()
        if answer.worth is Worth.SWITCH:
            self._loop.call_later(TUNNELLED, self.transport.close)
        elif not self._lasts(heard):
            self._closing = True
            if answer.end is End.FIN or answer.lasting:
                self.transport.close()
            elif answer.end is End.RESET:
                reset(self.transport)
        self._settle()
        if self._data:
            self._loop.call_soon(self._read)

    def _lasts(self, heard: Heard) -> bool:
        return heard.reply.worth is Worth.WHOLE and heard.reply.lasting and self._chance.random() < 0.9

    def _settle(self) -> None:
        """Where request and answer are whole another may follow."""
        heard = self._heard
        if heard is None or not self._out or not heard.message.whole or self._closing:
            return
        if heard.reply.worth is not Worth.SWITCH:
            self._heard = None
            if self._chance.random() < 0.05:
                self._loop.call_later(0.005, self._speak_unasked, self._carried)

    def _speak_unasked(self, carried: int) -> None:
        if self._carried == carried and not self._data and not self.transport.is_closing():
            connection: socket.socket = self.transport.get_extra_info("socket")
            if select.select([connection], [], [], 0)[0]:
                # A request, or the end, is there already.
                return
            self._ledger.unasked += 1
            self._unasked_at = self._loop.time()
            self.transport.write(UNASKED)

    def connection_lost(self, _error: Exception | None) -> None:
        """It is gone; what was begun stays so."""
        self._closing = True


async def listen(names: str, ledger: Ledger) -> tuple[list[asyncio.Server], dict[str, int]]:
    """A server a letter; their ports."""
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(lambda name=name: Connection(name, ledger), LOOPBACK, 0, backlog=1024)  # type: ignore[misc]
        for name in names
    ]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    return servers, dict(zip(names, ports, strict=True))

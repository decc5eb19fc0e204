"""Clients of failing servers, each with an address of its own, that know what they must get, and note what they do.

May not: judge why something ended as it did.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import socket
import ssl
import struct
import time
from functools import cache
from typing import TYPE_CHECKING

from tests.fakes import client_hello
from tests.system.faultcourse import NUMBERS
from tests.system.faultledger import Exchanged, Verdict, Visit
from tests.system.faultserver import CHUNK, GREETING, content
from tests.system.faultwires import INTERNAL_ERROR, SealedWire, Wire
from tests.system.talker import address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Mapping
    from pathlib import Path

    from tests.system.faultcourse import Asking, Visiting

PATIENCE = 45.0
"""Seconds for one connection: several times what the proxy's own limits come to."""
TOLD = b'{"server": "'
"""How a server begins to tell of itself."""
_RESET = struct.pack("ii", 1, 0)


@cache
def hello_to(name: str) -> bytes:
    """One, always the same."""
    return client_hello(name)


def uploaded(asking: Asking) -> bytes:
    """What the client says."""
    return content(-1 - asking.number, asking.up)


class Client:
    """One."""

    def __init__(self, visiting: Visiting, place: tuple[str, int], context: ssl.SSLContext) -> None:
        self._place = place
        self._context = context
        self._name = f"{visiting.group.name}.example"
        self.visit = Visit(visiting, address(visiting.number // NUMBERS))

    async def come(self) -> Visit:
        """Connect, ask, and stay to the end, or leave."""
        visit = self.visit
        with socket.socket() as connection:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.bind((visit.host, 0))
            visit.port = connection.getsockname()[1]
            visit.began = time.monotonic()
            leaves = visit.visiting.leaves
            try:
                async with asyncio.timeout(PATIENCE if leaves is None else leaves):
                    await self._connect(connection)
                    await self._ask(connection)
            except TimeoutError:
                if leaves is not None:
                    self._leave(connection)
            if not visit.end and visit.exchanged and visit.exchanged[-1].verdict is Verdict.STUCK:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        visit.ended = time.monotonic()
        if visit.visiting.group.kind != "http":
            for exchanged in visit.exchanged:
                exchanged.ended, exchanged.offered, exchanged.got = visit.ended, visit.offered, visit.got
        return visit

    async def _connect(self, connection: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().sock_connect(connection, self._place)
        except ConnectionResetError:
            # It was there, and was ended before we looked.
            self.visit.broken = True

    def _leave(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        if self.visit.exchanged:
            self.visit.exchanged[-1].verdict = Verdict.LEFT

    async def _ask(self, connection: socket.socket) -> None:
        visit, visiting = self.visit, self.visit.visiting
        if visiting.group.kind == "http":
            await self._ask_http(Wire(connection, visit))
            return
        (asking,) = visiting.asks
        exchanged = Exchanged(asking, visit.began)
        visit.exchanged.append(exchanged)
        greeting, wire = GREETING, Wire(connection, visit)
        pieces = [_line(visiting, asking)]
        if visiting.group.kind == "tls":
            greeting, wire = b"", SealedWire(connection, visit, self._context, self._name)
            if not await wire.shake_hands():
                _judge(visit, exchanged, b"", greeting)
                return
        else:
            first = hello_to(self._name)
            # A hello that comes in two pieces, or with all that follows it.
            pieces = [first[: visiting.cut], first[visiting.cut :] + pieces[0]] if visiting.cut else [first + pieces[0]]
        async with _meanwhile(_speak(visit, wire, pieces, uploaded(asking), asking.pace)):
            got = await _listen(wire)
        _judge(visit, exchanged, got, greeting)

    # HTTP -------------------------------------------------------------------------------------------------------------

    async def _ask_http(self, wire: Wire) -> None:
        visit = self.visit
        for asking in visit.visiting.asks:
            exchanged = Exchanged(asking, time.monotonic(), offered=-visit.offered, got=-visit.got)
            visit.exchanged.append(exchanged)
            try:
                async with _meanwhile(self._say_request(wire, asking)) as speaking:
                    await _read_answer(wire, visit, exchanged)
                    if exchanged.verdict is Verdict.SERVED:
                        await speaking
            finally:
                exchanged.ended = time.monotonic()
                exchanged.offered += visit.offered
                exchanged.got += visit.got
            if visit.end or visit.closes or exchanged.verdict is not Verdict.SERVED:
                break
        if visit.closes and not visit.end and await wire.receive():
            visit.exchanged[-1].verdict = Verdict.WRONG
            visit.exchanged[-1].detail = "more behind the last answer"

    async def _say_request(self, wire: Wire, asking: Asking) -> None:
        visiting = self.visit.visiting
        data = uploaded(asking)
        chunked = asking.number % 3 == 0
        lines = [
            f"{method_of(asking)} /{asking.number} HTTP/1.1",
            f"Host: {self._name}",
            f"X-Asked: {_line(visiting, asking).decode().rstrip()}",
        ]
        if asking.up:
            lines.append("Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(data)}")
        head = "\r\n".join([*lines, "", ""]).encode()
        pieces = [head[: visiting.cut], head[visiting.cut :]] if visiting.cut else [head]
        framed = data
        if chunked and data:
            framed = b"".join(
                b"%x\r\n%b\r\n" % (len(part), part)
                for part in (data[at : at + CHUNK] for at in range(0, len(data), CHUNK))
            )
            framed += b"0\r\n\r\n"
        await _speak(self.visit, wire, pieces, framed, asking.pace)


def method_of(asking: Asking) -> str:
    """What says something is not to be said twice."""
    return "POST" if asking.up else "GET"


def _line(visiting: Visiting, asking: Asking) -> bytes:
    facts = {"number": asking.number, "backend": visiting.group.name, "up": asking.up, "down": asking.down}
    return json.dumps(facts | {"pace": asking.pace}).encode() + b"\n"


async def _speak(visit: Visit, wire: Wire, pieces: list[bytes], data: bytes, pace: float) -> None:
    """All of it, as long as somebody takes it."""
    try:
        for piece in pieces:
            await wire.send(piece)
            await asyncio.sleep(0)
        for at in range(0, len(data), CHUNK):
            await wire.send(data[at : at + CHUNK])
            await asyncio.sleep(pace)
    except ssl.SSLError:
        raise
    except OSError:
        visit.broken = True


@contextlib.asynccontextmanager
async def _meanwhile(speech: Coroutine[None, None, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Speak while something else goes on, and no longer."""
    speaking = asyncio.create_task(speech)
    try:
        yield speaking
    finally:
        speaking.cancel()
        await asyncio.wait([speaking])


async def _listen(wire: Wire) -> bytes:
    """All that comes, to the end."""
    got = bytearray()
    while part := await wire.receive():
        got += part
    return bytes(got)


def _judge(visit: Visit, exchanged: Exchanged, got: bytes, greeting: bytes) -> None:
    """What the client of a relay makes of all that it got."""
    kind = visit.visiting.group.kind
    alert = visit.first == INTERNAL_ERROR and visit.got == len(INTERNAL_ERROR)
    if (alert and kind != "tcp") or (not got and kind == "tcp" and visit.end == "reset"):
        exchanged.verdict = Verdict.REFUSED
        return
    head, (line, newline, data) = got[: len(greeting)], got[len(greeting) :].partition(b"\n")
    if not greeting.startswith(head) or not line.startswith(TOLD[: len(line)]):
        exchanged.verdict, exchanged.detail = Verdict.WRONG, f"got {got[:200]!r}"
    elif not newline:
        exchanged.verdict = Verdict.CUT
    else:
        _compare(visit, exchanged, line, data)


def _compare(visit: Visit, exchanged: Exchanged, line: bytes, data: bytes) -> None:
    """`line`: what the server says of itself; `data`: what of the answer came."""
    asking = exchanged.asking
    told: dict[str, object] = json.loads(line)
    exchanged.told = told
    expected = content(asking.number, asking.down)
    said = {"number": asking.number, "backend": visit.visiting.group.name, "received": asking.up}
    said["hash"] = hashlib.sha256(uploaded(asking)).hexdigest()
    if visit.visiting.group.kind == "http":
        said["client"] = visit.host
    elif visit.visiting.group.proxied:
        said["client"] = f"{visit.host}:{visit.port}"
    if {key: told[key] for key in said} != said:
        exchanged.verdict, exchanged.detail = Verdict.WRONG, f"the server says {told}"
    elif not expected.startswith(data):
        exchanged.verdict, exchanged.detail = Verdict.WRONG, f"{len(data)} bytes, other ones than were said"
    elif data == expected and (visit.visiting.group.kind == "http" or visit.end == "fin"):
        exchanged.verdict = Verdict.SERVED
    else:
        exchanged.verdict = Verdict.CUT


async def _read_answer(wire: Wire, visit: Visit, exchanged: Exchanged) -> None:
    """One HTTP response, as far as it comes."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = await wire.receive()
        if not part:
            exchanged.verdict, exchanged.detail = Verdict.CUT, f"in the head: {data!r}"
            return
        data += part
    head, _, data = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    exchanged.status = int(first.split(" ")[1])
    visit.closes = fields.get("connection") == "close"
    whole, body = await _read_body(wire, fields, data)
    if exchanged.status != 200:
        exchanged.verdict = Verdict.REFUSED if whole else Verdict.CUT
        return
    if "x-told" not in fields:
        exchanged.verdict, exchanged.detail = Verdict.WRONG, f"nobody's answer: {head!r}"
        return
    _compare(visit, exchanged, fields["x-told"].encode(), body)
    if exchanged.verdict is Verdict.SERVED and not whole:
        exchanged.verdict = Verdict.CUT


async def _read_body(wire: Wire, fields: Mapping[str, str], data: bytes) -> tuple[bool, bytes]:
    """Whether it came whole, and what came."""
    if fields.get("transfer-encoding") == "chunked":
        return await _read_chunks(wire, data)
    size = int(fields.get("content-length", 0))
    parts, have = [data], len(data)
    while have < size:
        part = await wire.receive()
        if not part:
            break
        parts.append(part)
        have += len(part)
    return have == size, b"".join(parts)


async def _read_chunks(wire: Wire, data: bytes) -> tuple[bool, bytes]:
    raw = bytearray(data)
    body = bytearray()
    while True:
        at = raw.find(b"\r\n")
        size = int(raw[:at], 16) if at >= 0 else 0
        if at < 0 or len(raw) < at + 2 + size + 2:
            part = await wire.receive()
            if part:
                raw += part
                continue
            # What came of the chunk that was cut.
            return False, bytes(body + (raw[at + 2 :][:size] if at >= 0 else b""))
        body += raw[at + 2 : at + 2 + size]
        del raw[: at + 2 + size + 2]
        if not size:
            return not raw, bytes(body)


def context_for(certificate: Path) -> ssl.SSLContext:
    """Of clients that want this certificate."""
    return ssl.create_default_context(cafile=str(certificate))

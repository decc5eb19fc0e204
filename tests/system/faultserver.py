"""A server in a process of its own, that proves who it is and what it got, and fails on command.

It speaks in the clear behind a ClientHello (`hello`), within TLS (`tls`), or HTTP (`http`); the proxy's checks find it
well in each. Its standard input is its orders, a line each, and each is answered with the same line when it is done:

- `refuse`: listen no more; `listen`: listen again, and take whoever comes
- `hole`: take nobody, and let the backlog be full; `listen` ends that too
- `reset`: reset every connection that is in the middle of something

SIGTERM is an orderly end: it refuses, finishes what it has begun, and goes. May not: judge, or import more than the
standard library, so that it starts fast.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import socket
import ssl
import struct
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

GREETING = b"\x16\x03\x03\x00\x04\x02\x00\x00\x00"
"""What answers a ClientHello that is followed by plain text: a TLS record."""
CHUNK = 16 * 1024
BACKLOG = 1024
PATIENCE = 60.0
"""Seconds for one exchange."""
LAST_WORDS = 3.0
"""Seconds for what is going on at an orderly end."""
FILLED = 0.1
"""Seconds after which a connect to itself that is not through says that the backlog is full."""


@dataclass(frozen=True)
class Identity:
    """Who it is: what its command line says, as JSON."""

    kind: str
    backend: str
    name: str
    host: str
    port: int
    life: int
    """How often it was started."""
    ledger: str
    """The file that it writes what it is asked for into, a JSON object a line."""
    certificate: str = ""
    proxied: str = ""
    """`v1` or `v2`: the header of the PROXY protocol with which each connection begins."""


def content(number: int, size: int) -> bytes:
    """What the one that asks for so much gets: never the same for two."""
    return hashlib.shake_128(b"%d" % number).digest(size) if size else b""


class Server:
    """It."""

    def __init__(self, me: Identity) -> None:
        self._me = me
        self._loop = asyncio.get_running_loop()
        self._listening: socket.socket | None = None
        self._fillers: list[socket.socket] = []
        self._connections: dict[asyncio.StreamWriter, socket.socket] = {}
        self._busy: dict[asyncio.StreamWriter, socket.socket] = {}
        self._idle: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._ending = False
        self._ledger = os.open(me.ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._context: ssl.SSLContext | None = None
        if me.kind == "tls":
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(me.certificate)
            self._context.sni_callback = self._named
        self.gone = asyncio.Event()

    # Orders -----------------------------------------------------------------------------------------------------------

    def listen(self) -> None:
        """Take whoever comes."""
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        if self._listening is None:
            self._listening = socket.create_server((self._me.host, self._me.port), backlog=BACKLOG)
            self._listening.setblocking(False)
        self._listening.listen(BACKLOG)
        self._loop.add_reader(self._listening, self._accept)

    def refuse(self) -> None:
        """Take those who are here already, and nobody else."""
        listening, self._listening = self._listening, None
        if listening is not None:
            self._loop.remove_reader(listening)
            self._take_all(listening)
            listening.close()

    async def hole(self) -> None:
        """Swallow what comes."""
        if self._listening is None:
            return
        self._loop.remove_reader(self._listening)
        self._listening.listen(0)
        self._take_all(self._listening)
        # Linux has room for one more than it is told, and at the very end counts by halves.
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            self._fillers.append(filler)
            try:
                await asyncio.wait_for(self._loop.sock_connect(filler, (self._me.host, self._me.port)), FILLED)
            except TimeoutError:
                return

    def reset(self) -> None:
        """Whoever is in the middle of something."""
        for writer, connection in list(self._busy.items()):
            with contextlib.suppress(OSError):  # closed meanwhile
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def end(self) -> None:
        """In good order: those who have been answered are told to go, the others are answered."""
        self._ending = True
        self.refuse()
        for writer in self._idle:
            writer.close()
        if self._serving:
            await asyncio.wait(self._serving, timeout=LAST_WORDS)
        self.gone.set()

    # Connections ------------------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        if self._listening is not None:
            self._take_all(self._listening)

    def _take_all(self, listening: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            while True:
                connection, _ = listening.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                serving = self._loop.create_task(self._serve(connection))
                self._serving.add(serving)
                serving.add_done_callback(self._serving.discard)

    async def _serve(self, connection: socket.socket) -> None:
        reader = asyncio.StreamReader(limit=1 << 20)
        protocol = asyncio.StreamReaderProtocol(reader)
        # Whatever breaks off, broke off; what it had got stands in the ledger.
        with contextlib.suppress(OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            client = await self._introduced(connection)
            transport, _ = await self._loop.connect_accepted_socket(lambda: protocol, connection, ssl=self._context)
            writer = asyncio.StreamWriter(transport, protocol, reader, self._loop)
            self._connections[writer] = connection
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._converse(reader, writer, client)
            finally:
                self._busy.pop(writer, None)
                self._idle.discard(writer)
                del self._connections[writer]
                writer.close()
                await writer.wait_closed()

    async def _introduced(self, connection: socket.socket) -> str | None:
        """Who the client is, by the PROXY protocol, if there is to be any; `local` for a check."""
        if not self._me.proxied:
            return None
        if self._me.proxied == "v1":
            line = b""
            while not line.endswith(b"\r\n"):
                line += await self._exactly(connection, 1)
            _, protocol, *places = line.decode().split()
            return "local" if protocol == "UNKNOWN" else f"{places[0]}:{places[2]}"
        head = await self._exactly(connection, 16)
        rest = await self._exactly(connection, int.from_bytes(head[14:], "big"))
        if head[:12] != b"\r\n\r\n\x00\r\nQUIT\n" or head[12] not in {0x20, 0x21}:
            self._write({"wrong": f"no PROXY header: {head!r}", "server": self._me.name})
            raise EOFError
        return f"{socket.inet_ntoa(rest[:4])}:{int.from_bytes(rest[8:10], 'big')}" if head[12] == 0x21 else "local"

    async def _exactly(self, connection: socket.socket, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = await self._loop.sock_recv(connection, size - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: str | None) -> None:
        if self._me.kind == "http":
            while await self._answer(reader, writer):
                self._busy.pop(writer, None)
                self._idle.add(writer)
            return
        name = b""
        if self._me.kind == "hello":
            header = await reader.readexactly(5)
            name = await reader.readexactly(int.from_bytes(header[3:], "big"))
            writer.write(GREETING)
        line = await reader.readline()
        if not line:
            return  # a check
        self._busy[writer] = self._connections[writer]
        asked = json.loads(line)
        self._note(asked, b"%b.example" % self._me.backend.encode() in name or self._me.kind == "tls")
        got = await self._read(reader, asked["up"])
        writer.write(json.dumps(self._told(asked, got) | {"client": client}).encode() + b"\n")
        await self._say(writer, content(asked["number"], asked["down"]), asked["pace"])

    def _named(self, _stream: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        # A check that knows no name sends none.
        if name not in {None, f"{self._me.backend}.example"}:
            self._write({"wrong": f"SNI {name}", "server": self._me.name})

    def _note(self, asked: dict[str, object], fits: bool) -> None:  # noqa: FBT001 - it is what it says
        self._write({"number": asked["number"], "life": self._me.life, "server": f"{self._me.backend}/{self._me.name}"})
        if not fits or asked["backend"] != self._me.backend:
            self._write({"wrong": asked, "server": self._me.name})

    def _write(self, fact: dict[str, object]) -> None:
        os.write(self._ledger, json.dumps(fact).encode() + b"\n")

    def _told(self, asked: dict[str, object], got: bytes) -> dict[str, object]:
        facts = {"server": self._me.name, "backend": self._me.backend, "life": self._me.life, "number": asked["number"]}
        return facts | {"received": len(got), "hash": hashlib.sha256(got).hexdigest()}

    async def _read(self, reader: asyncio.StreamReader, size: int) -> bytes:
        return await reader.readexactly(size)

    async def _say(
        self, writer: asyncio.StreamWriter, data: bytes, pace: float, framed: Callable[[bytes], bytes] = bytes
    ) -> None:
        for at in range(0, len(data), CHUNK):
            writer.write(framed(data[at : at + CHUNK]))
            await writer.drain()
            if pace:
                await asyncio.sleep(pace)

    # HTTP -------------------------------------------------------------------------------------------------------------

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether there may be another."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return False
        self._idle.discard(writer)
        first, *lines = head.rstrip().split("\r\n")
        fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        lasts = fields.get("connection") != "close" and not self._ending
        if "x-asked" not in fields:
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            return lasts
        self._busy[writer] = self._connections[writer]
        asked = json.loads(fields["x-asked"])
        self._note(asked | {"method": first.split(" ")[0]}, fields["host"] == f"{self._me.backend}.example")
        got = await self._body(reader, fields)
        self._write({"whole": asked["number"], "method": first.split(" ")[0]})
        told = json.dumps(self._told(asked, got) | {"client": fields.get("x-forwarded-for")}).encode()
        data = content(asked["number"], asked["down"])
        chunked = asked["number"] % 2
        shape = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(data)
        said = [b"HTTP/1.1 200 OK", b"X-Told: " + told, shape, *([] if lasts else [b"Connection: close"]), b"", b""]
        writer.write(b"\r\n".join(said))
        await self._say(writer, data, asked["pace"], _chunk if chunked else bytes)
        if chunked:
            writer.write(b"0\r\n\r\n")
        return lasts

    async def _body(self, reader: asyncio.StreamReader, fields: dict[str, str]) -> bytes:
        if fields.get("transfer-encoding") != "chunked":
            return await self._read(reader, int(fields.get("content-length", 0)))
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
        return body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _obey(server: Server) -> None:
    """Orders, until nobody is there to give any."""
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while order := (await orders.readline()).decode().strip():
        if order == "hole":
            await server.hole()
        else:
            {"listen": server.listen, "refuse": server.refuse, "reset": server.reset}[order]()
        print(order, flush=True)  # noqa: T201 - it is who gave the order that reads it


async def main(me: Identity) -> None:
    """Serve until told to go."""
    server = Server(me)
    loop = asyncio.get_running_loop()
    ending = []
    loop.add_signal_handler(signal.SIGTERM, lambda: ending.append(loop.create_task(server.end())))
    going = loop.create_task(server.gone.wait())
    obeying = loop.create_task(_obey(server))
    done, _ = await asyncio.wait([going, obeying], return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


def command(me: Identity) -> list[str]:
    """How to start it."""
    return [sys.executable, "-m", "tests.system.faultserver", json.dumps(asdict(me))]


if __name__ == "__main__":
    asyncio.run(main(Identity(**json.loads(sys.argv[1]))))

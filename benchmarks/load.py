"""Clients and servers of the measurements, as lean as asyncio allows: what they cost is not measured, only waited for.

May not: talk to anything but the loopback address, or run without end: every count is an argument.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

NAME = "pump2.example.test"
LOOPBACK = "127.0.0.1"
SMALL = 64
"""Bytes of a reply or a message: a chat line, a WebSocket ping."""
CHUNK = 1 << 18
"""Bytes that one call moves in the transfer: what a socket's buffer holds."""
AT_ONCE = 16
"""Clients at a time: enough to keep the daemon busy, too few to queue."""

Serve = "Callable[[socket.socket], Awaitable[None]]"


def client_hello() -> bytes:
    """A real ClientHello for NAME, as this Python's OpenSSL writes it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=NAME)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    message = "a client that needs no answer"
    raise AssertionError(message)


HELLO = client_hello()
REQUEST = f"GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode("ascii")
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SMALL + bytes(SMALL)


@contextmanager
def listening() -> Iterator[socket.socket]:
    """A listening socket on a free port."""
    with socket.create_server((LOOPBACK, 0), backlog=1024) as listener:
        listener.settimeout(0)
        yield listener


async def receive(stream: socket.socket, size: int) -> None:
    """Read this many bytes and forget them. Raises EOFError where fewer come."""
    loop, buffer, left = asyncio.get_running_loop(), bytearray(min(size, CHUNK)), size
    while left:
        got = await loop.sock_recv_into(stream, memoryview(buffer)[:left])
        if not got:
            raise EOFError
        left -= got


async def reply_once(stream: socket.socket) -> None:
    """Answer a hello with SMALL bytes, and close."""
    await receive(stream, len(HELLO))
    await asyncio.get_running_loop().sock_sendall(stream, bytes(SMALL))


async def echo(stream: socket.socket) -> None:
    """Answer a hello, and then each message, with SMALL bytes, until the client leaves."""
    loop = asyncio.get_running_loop()
    await receive(stream, len(HELLO))
    await loop.sock_sendall(stream, bytes(SMALL))
    while data := await loop.sock_recv(stream, SMALL):
        await loop.sock_sendall(stream, data)


async def pour(stream: socket.socket, size: int) -> None:
    """Answer a hello with `size` bytes."""
    loop, chunk = asyncio.get_running_loop(), bytes(CHUNK)
    await receive(stream, len(HELLO))
    for start in range(0, size, CHUNK):
        await loop.sock_sendall(stream, memoryview(chunk)[: size - start])


async def respond(stream: socket.socket) -> None:
    """Answer each HTTP request (without a body) until the proxy closes."""
    loop, head = asyncio.get_running_loop(), b""
    while data := await loop.sock_recv(stream, CHUNK):
        head += data
        while b"\r\n\r\n" in head:
            head = head.partition(b"\r\n\r\n")[2]
            await loop.sock_sendall(stream, RESPONSE)


async def accept(listener: socket.socket, serve: Callable[[socket.socket], Awaitable[None]]) -> None:
    """Serve every connection until cancelled; one that its peer breaks off is nobody's fault."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def one(stream: socket.socket) -> None:
        with stream:
            try:
                await serve(stream)
            except (OSError, EOFError):
                return

    while True:
        stream, _ = await loop.sock_accept(listener)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = asyncio.create_task(one(stream))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


async def connect(port: int, first: bytes) -> socket.socket:
    """A connection to the proxy on which `first` has been sent."""
    loop = asyncio.get_running_loop()
    stream = socket.socket()
    stream.settimeout(0)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    await loop.sock_connect(stream, (LOOPBACK, port))
    await loop.sock_sendall(stream, first)
    return stream


async def short_connections(port: int, count: int) -> None:
    """Open, send a hello, read the reply, close; `count` times, AT_ONCE at a time."""

    async def several(times: int) -> None:
        for _ in range(times):
            with await connect(port, HELLO) as stream:
                await receive(stream, SMALL)

    await asyncio.gather(*(several(count // AT_ONCE) for _ in range(AT_ONCE)))


async def round_trips(port: int, count: int) -> None:
    """SMALL bytes there and back over one connection, `count` times."""
    loop = asyncio.get_running_loop()
    with await connect(port, HELLO) as stream:
        await receive(stream, SMALL)
        for _ in range(count):
            await loop.sock_sendall(stream, bytes(SMALL))
            await receive(stream, SMALL)


async def transfer(port: int, size: int) -> None:
    """Read `size` bytes over one connection."""
    with await connect(port, HELLO) as stream:
        await receive(stream, size)


async def requests(port: int, count: int) -> None:
    """HTTP requests over AT_ONCE kept-alive connections, `count` in all."""

    async def several(times: int) -> None:
        with await connect(port, b"") as stream:
            for _ in range(times):
                await asyncio.get_running_loop().sock_sendall(stream, REQUEST)
                await response(stream)

    await asyncio.gather(*(several(count // AT_ONCE) for _ in range(AT_ONCE)))


async def response(stream: socket.socket) -> None:
    """Read one response of the stand-in server, with whatever the proxy added to its head."""
    loop, received = asyncio.get_running_loop(), b""
    while b"\r\n\r\n" not in received:
        data = await loop.sock_recv(stream, CHUNK)
        if not data:
            raise EOFError
        received += data
    await receive(stream, SMALL - len(received.partition(b"\r\n\r\n")[2]))


async def idle(port: int, count: int) -> list[socket.socket]:
    """`count` relays with nothing to say; the caller closes them."""
    streams = []
    for _ in range(count):
        streams.append(await connect(port, HELLO))
        await receive(streams[-1], SMALL)
    return streams

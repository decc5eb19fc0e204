"""A client's connection, whose bytes are counted: in the clear, or with TLS within.

May not: know what is said.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

from pumpproxy.wire.alert import AlertDescription, alert_record

if TYPE_CHECKING:
    import socket

    from tests.system.faultledger import Visit

INTERNAL_ERROR = alert_record(AlertDescription.INTERNAL_ERROR)


class Wire:
    """A connection whose bytes are counted."""

    def __init__(self, connection: socket.socket, visit: Visit) -> None:
        self._connection = connection
        self._visit = visit
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        """All of it; OSError where nobody takes it."""
        self._visit.offered += len(data)
        await self._loop.sock_sendall(self._connection, data)

    async def receive(self) -> bytes:
        """Some; nothing at the end, whatever it was."""
        visit = self._visit
        try:
            data = await self._loop.sock_recv(self._connection, 65536)
        except OSError:
            visit.broken = True
            data = b""
        if not data:
            visit.end = "reset" if visit.broken else "fin"
        if len(visit.first) < len(INTERNAL_ERROR):
            visit.first += data[: len(INTERNAL_ERROR)]
        visit.got += len(data)
        return data


class SealedWire(Wire):
    """The same, with TLS within; the bytes that are counted are those of the connection."""

    def __init__(self, connection: socket.socket, visit: Visit, context: ssl.SSLContext, name: str) -> None:
        super().__init__(connection, visit)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._sealed = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)

    async def shake_hands(self) -> bool:
        """False where the other went first."""
        while True:
            try:
                self._sealed.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                data = await super().receive()
                if not data:
                    return False
                self._incoming.write(data)
                if self._visit.first == INTERNAL_ERROR:
                    await super().receive()
                    return False
            else:
                await self._flush()
                return True

    async def send(self, data: bytes) -> None:
        """As without TLS, but that the end alone tells of a failure."""
        self._sealed.write(data)
        await self._flush()

    async def receive(self) -> bytes:
        """As without TLS."""
        while not self._visit.end:
            try:
                if data := self._sealed.read(65536):
                    return data
                # The other's farewell, which is answered; the end comes behind it.
                self._sealed.unwrap()
                await self._flush()
                while await super().receive():
                    pass
            except ssl.SSLWantReadError:
                self._incoming.write(await super().receive())
        return b""

    async def _flush(self) -> None:
        if data := self._outgoing.read():
            try:
                await super().send(data)
            except OSError:
                # The end tells what it was.
                self._visit.broken = True

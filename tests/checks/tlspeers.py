"""Certificates of an authority of our own, and a TLS server on memory that shows them."""

from __future__ import annotations

import contextlib
import datetime as dt
import ssl
from typing import TYPE_CHECKING

from demo.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path

NAME = "pump.example"
NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


class Certificates:
    """Files in a folder; `now` is when the authority lives: its certificates hold for a day from then."""

    def __init__(self, folder: Path, now: dt.datetime = NOW) -> None:
        self._folder = folder
        self._authority = Authority(now)
        self.authority = folder / f"ca-{now.timestamp()}.pem"
        self.authority.write_bytes(self._authority.certificate)

    def issue(self, *names: str) -> Path:
        """One for these names, with its key."""
        path = self._folder / f"{self.authority.stem}-{names[0]}.pem"
        path.write_bytes(self._authority.issue(names))
        return path


def server_context(pem: Path, highest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> ssl.SSLContext:
    """What a server with this certificate speaks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.maximum_version = highest
    return context


class MemoryServer:
    """One connection of a TLS server. `asked` is the name in the hello."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.asked: str | None = None
        context.set_servername_callback(self._asked)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._peer = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def _asked(self, _connection: object, name: str | None, _context: object) -> None:
        self.asked = name

    def hear(self, data: bytes) -> bytes:
        """Its answer."""
        self._incoming.write(data)
        with contextlib.suppress(ssl.SSLWantReadError):
            self._peer.do_handshake()
        return self._outgoing.read()

    @property
    def ended_properly(self) -> bool:
        """Whether the handshake is complete, and a close_notify behind it is all that came."""
        try:
            return self._peer.read(1) == b""
        except ssl.SSLError:
            return False

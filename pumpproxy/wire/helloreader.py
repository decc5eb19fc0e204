"""Reads one client's hello as it arrives, and keeps all that was received for the server.

The cost is linear in what is received, however it is cut. May not: read the hello's content, or know how long it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.wire import tlsrecords
from pumpproxy.wire.clienthello import parse_client_hello
from pumpproxy.wire.wholehello import read_whole

if TYPE_CHECKING:
    from pumpproxy.wire.clienthello import ClientHello


class HelloReader:
    """The first bytes of one connection, in their order."""

    __slots__ = ("_hello", "_raw", "_records")

    def __init__(self) -> None:
        self._raw: bytes | bytearray = b""
        self._records: tlsrecords.HelloRecords | None = None
        self._hello: ClientHello | None = None

    @property
    def held(self) -> int:
        """Bytes kept here."""
        return len(self._raw)

    @property
    def raw(self) -> bytes:
        """All that was received, unchanged, with what follows the hello."""
        return bytes(self._raw)

    def keep(self, data: bytes) -> None:
        """Add `data` to `raw` without reading it."""
        if not self._raw:
            self._raw = data
        elif isinstance(self._raw, bytearray):
            self._raw += data
        else:
            self._raw = bytearray(self._raw)
            self._raw += data

    def feed(self, data: bytes) -> ClientHello | None:
        """Keep `data` and read on: the hello once it is complete (then each time), or None while it is not.

        Raises TlsError (`alert` is to be sent) or NotTlsError (`reason` is a word of `nottls.NotTls`); after that the
        reader only takes `keep`.
        """
        self.keep(data)
        if self._hello is None:
            raw = self._raw
            self._hello = (read_whole(raw) if isinstance(raw, bytes) else None) or self._in_pieces()
        return self._hello

    def _in_pieces(self) -> ClientHello | None:
        if self._records is None:
            self._records = tlsrecords.HelloRecords()
        end = self._records.walk(self._raw)
        if end is None:
            return None
        # A hello of one record that took several segments is the usual one all the same.
        return read_whole(bytes(self._raw)) or parse_client_hello(tlsrecords.joined(self._raw, end), end)

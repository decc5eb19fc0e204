"""The end of a connection whose client must still get our last words.

Closing with unread input resets the connection and destroys what the client has not read: so the words are written,
our half is shut down, input is discarded for a while, and then the connection is closed. A client that sends much is
not read any further: it waits, and has the same time to notice our words.
May not: know what the words say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.flow.idle import NOWHERE

if TYPE_CHECKING:
    from pumpproxy.flow.idle import Sweep
    from pumpproxy.flow.stream import Stream

LINGER_TIME = 1.0
"""Seconds that a client has to read and to close."""
LINGER_SIZE = 64 * 1024
"""Bytes that are discarded."""


class Linger:
    """Owns the rest of a client's connection. Its protocol passes on `received`, `finished` and `lost`."""

    def __init__(self, transport: Stream, sweep: Sweep) -> None:
        self._transport = transport
        self._sweep = sweep
        self._end = sweep.now() + LINGER_TIME
        self._left = LINGER_SIZE
        self._closing = False
        self.tick = NOWHERE

    def start(self, last_words: bytes) -> None:
        """Write, shut down our half, and wait for the client."""
        if last_words:
            self._transport.write(last_words)
        self._transport.loseWriteConnection()
        self._transport.resumeProducing()
        self._sweep.watch(self)

    def received(self, data: bytes) -> None:
        """Input that nobody wants."""
        self._left -= len(data)
        if self._left < 0:
            self._transport.pauseProducing()

    def finished(self) -> None:
        """The client has closed its half: it has read, or never will."""
        self._close()

    def lost(self) -> None:
        """The connection is gone."""
        self._sweep.forget(self)

    def deadline(self) -> float | None:
        """For the sweep."""
        return self._end

    def expired(self, now: float) -> None:
        """The time is over: close, and where even that does not come about, reset."""
        if self._closing:
            self._transport.abortConnection()
            return
        self._end = now + LINGER_TIME
        self._close()
        self._sweep.watch(self)

    def _close(self) -> None:
        if not self._closing:
            self._closing = True
            self._transport.loseConnection()

"""A message's body on its way: read by one framing, sent on by another.

Rule: a body ends where its framing says, and is seen to have been cut where it does not.
May not: hold or change payload.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.policy.headers import passing_trailers
from pumpproxy.wire.chunked import LAST_CHUNK, ChunkedReader, encode_chunk, encode_last
from pumpproxy.wire.framing import BodyKind

if TYPE_CHECKING:
    from pumpproxy.wire.framing import Framing


LEAST_HAULED = 256 * 1024
"""Bytes from which a body is worth to be moved in the kernel: what is less costs no more to be read and written."""


class Body:
    """One body. Once `done`, `rest` is what was fed beyond its end, and `feed` may not be called any more."""

    __slots__ = ("_drops", "_left", "_reader", "chunked", "done", "rest")

    def __init__(self, framing: Framing, drops: frozenset[bytes], *, chunked: bool) -> None:
        """`chunked`: how it is sent on; `drops`: trailers that do not pass, with those that never do."""
        self._reader = ChunkedReader() if framing.kind is BodyKind.CHUNKED else None
        # None: until the sender closes.
        self._left: int | None = None if framing.kind is BodyKind.UNTIL_CLOSE else framing.size
        self._drops = drops
        self.chunked = chunked
        self.done = self._reader is None and self._left == 0
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """What to send on for `data`. Raises HttpError (400) where chunks are malformed."""
        if self._reader is not None:
            return self._recode(self._reader, data)
        if self._left is not None:
            if len(data) > self._left:
                self.rest = data[self._left :]
                data = data[: self._left]
            self._left -= len(data)
            self.done = not self._left
        return encode_chunk(data) if self.chunked else data

    @property
    def plain(self) -> bool:
        """Whether its bytes pass as they come, but perhaps in other chunks."""
        return self._reader is None and not self.done

    @property
    def left(self) -> int | None:
        """Bytes still to come; None: until the sender closes."""
        return self._left

    def hauled(self, size: int) -> None:
        """So many bytes have passed without being fed; never more than `left`."""
        if self._left is not None:
            self._left -= size
            self.done = not self._left

    def skip_to(self, left: int) -> None:
        """Of a body with a length: all but so many bytes have passed already."""
        self._left = left
        self.done = not left

    def end(self) -> bytes | None:
        """The sender closed: what ends the body; None where it is cut short."""
        if self._reader is not None or self._left is not None:
            return None
        self.done = True
        return LAST_CHUNK if self.chunked else b""

    def _recode(self, reader: ChunkedReader, data: bytes) -> bytes:
        pieces = reader.feed(data)
        payload = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if reader.done:
            self.done = True
            self.rest = reader.rest
        if not self.chunked:
            return payload
        if not self.done:
            return encode_chunk(payload)
        return encode_chunk(payload) + encode_last(passing_trailers(reader.trailers, self._drops))

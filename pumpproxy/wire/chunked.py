"""The chunked transfer coding (RFC 9112 section 7.1): chunks in, payload out, and back.

Rule: a chunk's size is read in one way or not at all; extensions are checked, then dropped ("A recipient MUST ignore
unrecognized chunk extensions", section 7.1.1). May not: join, keep or change payload.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from pumpproxy.wire.errors import HttpError
from pumpproxy.wire.framing import MAX_LENGTH
from pumpproxy.wire.httpfields import QUOTED, TOKEN
from pumpproxy.wire.httpsection import TrailerReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pumpproxy.wire.httpfields import Field, Fields

MAX_SIZE_LINE = 4096
"""Bytes of a line that tells a chunk's size, without its end. "A server ought to limit the total length of chunk
extensions received in a request" (section 7.1.1)."""

LAST_CHUNK = b"0\r\n\r\n"
"""The end of a body without trailers."""

# chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF; chunk-size = 1*HEXDIG
# chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
# "recipients MUST anticipate potentially large hexadecimal numerals and prevent parsing errors due to integer
# conversion overflows": 16 digits are 64 bits. The CRLF that ends the chunk before is read with the line that follows.
_CHUNK = re.compile(
    rb"\r\n([0-9A-Fa-f]{1,16}+)(?:[ \t]*+;[ \t]*+%b(?:[ \t]*+=[ \t]*+(?:%b|%b))?+)*+\r\n" % (TOKEN, TOKEN, QUOTED)
)
# What such a line may look like so far. 64 bytes are looked at: the size, and the beginning of what follows it.
_SO_FAR = re.compile(rb"\r?|\r\n(?:[0-9A-Fa-f]{1,16}+(?:[ \t;][\t -~\x80-\xff]*+)?+\r?)?")
_LOOKED_AT = 64


class ChunkedReader:
    """Decodes one body; `feed` may not be called once `done`.

    `trailers` are the fields after the last chunk, and `rest` the bytes that follow the body, both set once `done`.
    """

    __slots__ = ("_held", "_left", "_trailers", "done", "rest", "trailers")

    def __init__(self) -> None:
        self.done = False
        self.trailers: Fields = ()
        self.rest = b""
        self._left = 0  # bytes of the current chunk still to come
        self._held = bytearray(b"\r\n")  # an unfinished size line, with the line end before it; the first needs none
        self._trailers: TrailerReader | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces of payload in `data`, none of them empty. Raises HttpError (400)."""
        if self._trailers is not None:
            self._end(self._trailers, data)
            return []
        size = len(data)
        if size <= self._left:
            self._left -= size
            return [data] if data else []
        pieces = []
        at = self._left
        if at:
            pieces.append(data[:at])
            self._left = 0
        if self._held:
            if (whole := self._resume(data)) is None:
                return pieces
            data, at, size = whole, 0, len(whole)
        while match := _CHUNK.match(data, at):
            start, end = match.span()
            length = int(match[1], 16)
            if end - start - 4 > MAX_SIZE_LINE or length > MAX_LENGTH:
                self._refuse()
            if not length:
                self._trailers = TrailerReader()
                self._end(self._trailers, data[end:])
                return pieces
            at = end + length
            if at > size:
                self._left = at - size
                if end < size:
                    pieces.append(data[end:])
                return pieces
            pieces.append(data[end:at])
        self._hold(data[at:])
        return pieces

    def _resume(self, data: bytes) -> bytes | None:
        """The held line with `data` after it, or None where not even that line ends in it."""
        held = self._held
        old = len(held)
        held += data
        if b"\n" not in data:
            self._check_held(old)
            return None
        whole = bytes(held)
        held.clear()
        return whole

    def _hold(self, tail: bytes) -> None:
        # A line that is there whole and did not match never will.
        if tail.find(b"\n", len(b"\r\n")) >= 0:
            self._refuse()
        self._held += tail
        self._check_held(0)

    def _check_held(self, known: int) -> None:
        """Refuse a size line of which `known` bytes were looked at before, as soon as it can be told to be none."""
        held = self._held
        if known < _LOOKED_AT and _SO_FAR.fullmatch(held[:_LOOKED_AT]) is None:
            self._refuse()
        if len(held) > len(b"\r\n") + MAX_SIZE_LINE + len(b"\r"):
            self._refuse()

    def _end(self, trailers: TrailerReader, data: bytes) -> None:
        try:
            fields = trailers.collect(data)
        except HttpError as error:
            reason = f"trailers: {error.reason}"
            raise HttpError(reason, 400) from error
        if fields is not None:
            self.done = True
            self.trailers = fields
            self.rest = trailers.rest

    @staticmethod
    def _refuse() -> NoReturn:
        reason = "malformed chunk"
        raise HttpError(reason, 400)


def encode_chunk(data: bytes) -> bytes:
    """`data` as one chunk; nothing for no data, since an empty chunk would be the last."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def encode_last(trailers: Iterable[Field]) -> bytes:
    """The end of a body, with those fields after it."""
    return b"0\r\n%b\r\n" % b"".join([b"%b: %b\r\n" % field for field in trailers])

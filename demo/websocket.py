"""WebSocket frames (RFC 6455): bytes in, messages out, no socket.

As little as an echo needs: no extensions, no subprotocols. May not: buffer more than MAX_MESSAGE.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import struct
from dataclasses import dataclass

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # section 1.3
MAX_MESSAGE = 1 << 20
"""Bytes of one message. An echo holds it whole, and nobody demonstrates with more than a MiB."""
MAX_CONTROL = 125  # section 5.5
NORMAL = 1000  # section 7.4.1: the purpose is fulfilled
PROTOCOL_ERROR = 1002
TOO_BIG = 1009

FIN, RESERVED, MASKED = 0x80, 0x70, 0x80


class Opcode(enum.IntEnum):
    """What a frame is (section 11.8)."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message, or one control frame."""

    opcode: Opcode
    payload: bytes


class Fault(enum.Enum):
    """Why bytes are no frame of a peer that keeps the rules, and the status to close with (section 7.4.1)."""

    MASK = ("masked by the wrong side, or not by the right one", PROTOCOL_ERROR)
    RESERVED = ("uses what no extension was asked for", PROTOCOL_ERROR)
    CONTROL = ("a control frame that is cut or too long", PROTOCOL_ERROR)
    ORDER = ("continues nothing, or begins inside another message", PROTOCOL_ERROR)
    SIZE = ("a message over the limit", TOO_BIG)


class FrameError(Exception):
    """A Fault. Nothing can be read after it."""

    def __init__(self, fault: Fault) -> None:
        reason, self.code = fault.value
        super().__init__(reason)


def accept(key: bytes) -> bytes:
    """The Sec-WebSocket-Accept that answers a Sec-WebSocket-Key (section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())


def frame(opcode: Opcode, payload: bytes, mask: bytes | None = None) -> bytes:
    """One unfragmented frame. `mask`: four unpredictable bytes from a client, None from a server (section 5.3)."""
    masked = MASKED if mask else 0
    size = len(payload)
    if size <= MAX_CONTROL:
        head = struct.pack("!BB", FIN | opcode, masked | size)
    elif size <= 0xFFFF:  # noqa: PLR2004 (the largest number of 16 bits)
        head = struct.pack("!BBH", FIN | opcode, masked | 126, size)
    else:
        head = struct.pack("!BBQ", FIN | opcode, masked | 127, size)
    return head + mask + _xor(payload, mask) if mask else head + payload


def close(code: int) -> bytes:
    """A server's Close frame."""
    return frame(Opcode.CLOSE, struct.pack("!H", code))


class Frames:
    """Reads what one peer sends. `masked`: whether it must mask (a client must, a server must not, section 5.1)."""

    def __init__(self, *, masked: bool) -> None:
        self._masked = masked
        self._buffer = b""
        self._opcode: Opcode | None = None  # of the message whose continuation is awaited
        self._message = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that these bytes complete. Raises FrameError; what came before the fault is lost with it."""
        self._buffer += data
        messages = []
        while (step := self._next()) is not None:
            size, first, payload = step
            self._buffer = self._buffer[size:]
            message = self._assemble(first, payload)
            if message is not None:
                messages.append(message)
        return messages

    def _next(self) -> tuple[int, int, bytes] | None:
        """The size of the first frame, its first byte and its payload; None is "need more"."""
        head, buffer = 2, self._buffer
        if len(buffer) < head:
            return None
        first, second = buffer[0], buffer[1]
        if bool(second & MASKED) != self._masked:
            raise FrameError(Fault.MASK)
        size = second & ~MASKED
        form = {126: "!H", 127: "!Q"}.get(size)
        if form is not None:
            width = struct.calcsize(form)
            if len(buffer) < head + width:
                return None
            (size,) = struct.unpack_from(form, buffer, head)
            head += width
        if size > MAX_MESSAGE:
            raise FrameError(Fault.SIZE)
        start = head + 4 if self._masked else head
        if len(buffer) < start + size:
            return None
        payload = buffer[start : start + size]
        return start + size, first, _xor(payload, buffer[head:start]) if self._masked else payload

    def _assemble(self, first: int, payload: bytes) -> Message | None:
        final, number = bool(first & FIN), first & 0x0F
        if first & RESERVED or number not in set(Opcode):
            raise FrameError(Fault.RESERVED)
        opcode = Opcode(number)
        if opcode >= Opcode.CLOSE:
            # Section 5.5: control frames are short, never cut, and may stand between the parts of a message.
            if not final or len(payload) > MAX_CONTROL:
                raise FrameError(Fault.CONTROL)
            return Message(opcode, payload)
        if (opcode is Opcode.CONTINUATION) != (self._opcode is not None):
            raise FrameError(Fault.ORDER)
        if self._opcode is None:
            self._opcode = opcode
        self._message += payload
        if len(self._message) > MAX_MESSAGE:
            raise FrameError(Fault.SIZE)
        if not final:
            return None
        message = Message(self._opcode, bytes(self._message))
        self._opcode, self._message = None, bytearray()
        return message


def _xor(payload: bytes, mask: bytes) -> bytes:
    """Masking, which is also unmasking (section 5.3), as one operation on whole numbers."""
    size = len(payload)
    pattern = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pattern, "big")).to_bytes(size, "big")

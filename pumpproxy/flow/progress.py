"""How much of what was sent a peer has taken, as its kernel acknowledged it.

A reader that is slow but steady frees no buffer of ours for minutes; the kernel knows that it lives. Asked only when
a deadline has come, or a writer was paused. Source: struct tcp_info, linux/tcp.h (tcpi_last_ack_recv;
tcpi_bytes_acked, Linux 4.1).
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from twisted.internet.interfaces import ITransport

_LAST_ACK_AT = 56
_BYTES_ACKED_AT = 120
_UINT32 = struct.Struct("=I")
_UINT64 = struct.Struct("=Q")
_SIZE = _BYTES_ACKED_AT + _UINT64.size


class Acknowledged(NamedTuple):
    """What a peer's kernel has acknowledged."""

    size: int
    """Bytes, and one for a FIN."""
    age: float
    """Seconds since its latest acknowledgement."""


def acknowledged(transport: ITransport) -> Acknowledged | None:
    """As the kernel knows it now; None where the system does not say (unix sockets, other systems, tests)."""
    handle = getattr(transport, "getHandle", None)
    sock = handle() if handle is not None else None
    return acknowledged_by(sock) if isinstance(sock, socket.socket) else None


def acknowledged_by(sock: socket.SocketType) -> Acknowledged | None:
    """As `acknowledged`, of a socket."""
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
    except (OSError, AttributeError):
        return None
    if len(info) < _SIZE:
        return None
    (milliseconds,) = _UINT32.unpack_from(info, _LAST_ACK_AT)
    return Acknowledged(_UINT64.unpack_from(info, _BYTES_ACKED_AT)[0], milliseconds / 1000)


def taken_by_peer(transport: ITransport) -> int | None:
    """Bytes acknowledged so far; None as above."""
    found = acknowledged(transport)
    return None if found is None else found.size


def advanced(found: Acknowledged | None, before: int | None, now: float) -> tuple[int | None, float | None]:
    """What a peer has taken by `now`, and when it was active last: None where it took no more than `before`."""
    if found is None:
        return before, None
    if before is None or found.size <= before:
        return found.size, None
    return found.size, now - found.age

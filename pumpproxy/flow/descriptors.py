"""What is done to the bare descriptor of a TCP connection; what only a socket object can do borrows one.

Reading and writing need no object, and a relay that holds none is smaller. May not: own a descriptor.
"""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress

try:
    from ctypes import PyDLL

    _setsockopt = PyDLL(None).setsockopt
except (ImportError, OSError, AttributeError, MemoryError):  # built without libffi, or it may not run here
    _setsockopt = None  # type: ignore[assignment]

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: close(2) sends RST."""
MAX_REMNANT = 512 * 1024
"""Bytes that are still heard of a peer that is gone: a page that says why, and not a download."""


def as_socket(descriptor: int) -> socket.SocketType:
    """A socket object, which must be detached from the descriptor after use, whatever happens.

    Whatever the family is, it is called IPv4: none of the calls that are made on it depends on that.
    """
    return socket.SocketType(socket.AF_INET, socket.SOCK_STREAM, 0, descriptor)


def reset_at_close(descriptor: int) -> None:
    """Make close(2) send RST. One that is reset already is fine, as is one that is not open."""
    if _setsockopt is not None:
        # A third of what the method costs: that takes the bytes only after it has made, and dropped, two exceptions.
        _setsockopt(descriptor, socket.SOL_SOCKET, socket.SO_LINGER, RESET, len(RESET))
        return
    with suppress(OSError):
        sock = as_socket(descriptor)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        finally:
            sock.detach()


def shut_write(descriptor: int) -> None:
    """Send a FIN behind what was written. Raises OSError where the connection is reset."""
    sock = as_socket(descriptor)
    try:
        sock.shutdown(socket.SHUT_WR)
    finally:
        sock.detach()


def remnant(descriptor: int) -> bytes:
    """What is left to be read of a connection that cannot be written to any more; empty where nothing is.

    Linux keeps what had come before a reset.
    """
    try:
        return os.read(descriptor, MAX_REMNANT)
    except OSError:
        return b""

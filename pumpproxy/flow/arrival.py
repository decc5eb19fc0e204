"""Clients as the kernel hands them over: a batch from a listening socket, each with what it has said already.

accept(2) without a socket object, which costs more than all the rest of it. May not: know who serves them.
"""

from __future__ import annotations

from os import read, set_blocking
from typing import TYPE_CHECKING

from twisted.logger import Logger

from pumpproxy.flow.socketstream import SocketStream
from pumpproxy.policy.records import ClientAddress

if TYPE_CHECKING:
    import socket

    from twisted.internet.protocol import Protocol

    from pumpproxy.flow.poll import Poller

_MAPPED = "::ffff:"
FIRST_WORDS = 16 * 1024
"""Bytes: the largest record. What is more is read on."""
_log = Logger()
_IPV4 = 2
"""Fields of the address of an IPv4 socket, which are those of a ClientAddress; IPv6 has four."""


Arrival = tuple[int, tuple[str, int], bytes]
"""An accepted client: its descriptor, non-blocking, which belongs to whoever has this; its address, with the fields of
a `ClientAddress`; what was read of it, b"" where nothing was, for whatever reason: reading on tells.

A plain tuple, because it costs a fifth of one with names.
"""


def arrivals(listening: socket.socket, most: int, *, speak: bool) -> tuple[list[Arrival], OSError | None]:
    """So many at most of those who wait, and why there are no more: what accept(2) said, None if nothing.

    `speak`: they have mostly said something by now.
    """
    found: list[Arrival] = []
    accept = listening._accept  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        for _ in range(most):
            descriptor, address = accept()
            set_blocking(descriptor, False)
            data = b""
            if speak:
                try:
                    data = read(descriptor, FIRST_WORDS)
                except OSError:
                    data = b""
            found.append((descriptor, address if len(address) == _IPV4 else client_address(address), data))
    except OSError as error:
        # Its traceback would know our caller's frame, which knows the error: a cycle a batch, with all that is in it.
        return found, error.with_traceback(None)
    return found, None


def client_address(address: tuple[str, int]) -> ClientAddress:
    """Of a TCP client; IPv4-mapped addresses as IPv4."""
    host = address[0]
    if host.startswith(_MAPPED) and "." in host:
        host = host[len(_MAPPED) :]
    return ClientAddress(host, address[1])


def serve(poller: Poller, descriptor: int, protocol: Protocol, data: bytes = b"") -> None:
    """Give this connection to a protocol, on a lean transport."""
    stream = SocketStream(poller, descriptor, protocol)
    try:
        stream.begin(data)
    except Exception:  # noqa: BLE001 - a defect of one connection must not reach the others
        _log.failure("a connection ended by a defect")
        stream.broke()

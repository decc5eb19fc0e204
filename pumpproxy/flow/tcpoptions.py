"""What ITCPTransport tells of addresses and sets of options, by a socket.

May not: read, write or close it.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from twisted.internet.address import IPv4Address, IPv6Address

if TYPE_CHECKING:
    from collections.abc import Callable


class TcpOptions:
    """For a transport that has `getHandle`."""

    __slots__ = ()

    if TYPE_CHECKING:

        def getHandle(self) -> socket.socket:
            """The socket; the transport's own."""

    def getPeer(self) -> IPv4Address | IPv6Address:
        """The other's address."""
        return _address(self.getHandle(), socket.SocketType.getpeername)

    def getHost(self) -> IPv4Address | IPv6Address:
        """Ours."""
        return _address(self.getHandle(), socket.SocketType.getsockname)

    def setTcpNoDelay(self, enabled: bool) -> None:  # noqa: FBT001 - Twisted's signature
        """Whether small writes go out at once."""
        self.getHandle().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(enabled))

    def getTcpNoDelay(self) -> bool:
        """Whether they do."""
        return bool(self.getHandle().getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    def setTcpKeepAlive(self, enabled: bool) -> None:  # noqa: FBT001 - Twisted's signature
        """Whether the kernel asks after a silent peer."""
        self.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(enabled))

    def getTcpKeepAlive(self) -> bool:
        """Whether it does."""
        return bool(self.getHandle().getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))


def _address(handle: socket.socket, ask: Callable[[socket.SocketType], tuple[str, int]]) -> IPv4Address | IPv6Address:
    # A handle may call itself IPv4, whatever it is, and would get no more than the half of an IPv6 address: the kernel
    # knows better, and is asked.
    whole = socket.socket(fileno=handle.fileno())
    try:
        host, port = ask(whole)[:2]
    finally:
        whole.detach()
    return (IPv6Address if ":" in host else IPv4Address)("TCP", host, port)

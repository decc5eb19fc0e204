"""Addresses and options of a transport, by its socket."""

from __future__ import annotations

import socket

import pytest
from twisted.internet.address import IPv4Address, IPv6Address

from pumpproxy.flow.tcpoptions import TcpOptions
from tests.fakes import LOOPBACK
from tests.flow.peers import has_ipv6


class OfSocket(TcpOptions):
    """A transport that is nothing but its socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def getHandle(self) -> socket.socket:
        """That."""
        return self._sock


def test_both_addresses() -> None:
    """Ours and the other's, as Twisted tells them."""
    with socket.create_server((LOOPBACK, 0)) as listening, socket.create_connection(listening.getsockname()) as sock:
        transport = OfSocket(sock)
        assert transport.getPeer() == IPv4Address("TCP", *listening.getsockname())
        assert transport.getHost() == IPv4Address("TCP", *sock.getsockname())


@pytest.mark.skipif(not has_ipv6(), reason="machine: no IPv6")
def test_both_addresses_of_ipv6() -> None:
    """Without the fields that no TCP connection of ours has."""
    with (
        socket.create_server(("::1", 0), family=socket.AF_INET6) as listening,
        socket.create_connection(listening.getsockname()[:2]) as sock,
    ):
        transport = OfSocket(sock)
        assert transport.getPeer() == IPv6Address("TCP", *listening.getsockname()[:2])
        assert transport.getHost() == IPv6Address("TCP", *sock.getsockname()[:2])


@pytest.mark.skipif(not has_ipv6(), reason="machine: no IPv6")
def test_a_handle_that_calls_itself_ipv4_has_its_address_all_the_same() -> None:
    """As those that are made of a bare descriptor."""
    with (
        socket.create_server(("::1", 0), family=socket.AF_INET6) as listening,
        socket.create_connection(listening.getsockname()[:2]) as sock,
    ):
        handle = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, sock.fileno())
        try:
            transport = OfSocket(handle)
            assert transport.getPeer() == IPv6Address("TCP", *listening.getsockname()[:2])
            assert transport.getHost() == IPv6Address("TCP", *sock.getsockname()[:2])
        finally:
            handle.detach()


def test_each_option_by_itself() -> None:
    """On, and off again, and no other with it."""
    with socket.socket() as sock:
        transport = OfSocket(sock)
        assert (transport.getTcpNoDelay(), transport.getTcpKeepAlive()) == (False, False)
        transport.setTcpNoDelay(True)
        assert (transport.getTcpNoDelay(), transport.getTcpKeepAlive()) == (True, False)
        transport.setTcpKeepAlive(True)
        transport.setTcpNoDelay(False)
        assert (transport.getTcpNoDelay(), transport.getTcpKeepAlive()) == (False, True)
        transport.setTcpKeepAlive(False)
        assert not transport.getTcpKeepAlive()

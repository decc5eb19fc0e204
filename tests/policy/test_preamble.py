"""What a server is told first on a connection."""

from __future__ import annotations

import pytest

from pumpproxy.model import SendProxy
from pumpproxy.policy.preamble import header_for
from pumpproxy.policy.records import ClientAddress
from pumpproxy.policy.serverstate import ServerState
from pumpproxy.wire.wholehello import read_whole
from tests.policy.declared import server
from tests.policy.sessionbook import hello_for
from tests.wire.proxyheaders import BLOCK4, CLIENT4, INET, LINE4, OURS4, block, checked, tlv
from tests.wire.proxyheaders import LOCAL as UNKNOWN2

CLIENT, LOCAL = ClientAddress(*CLIENT4), ClientAddress(*OURS4)
NONE = ServerState(server("s"))
V1 = ServerState(server("s", send_proxy=SendProxy.V1))
V2 = ServerState(server("s", send_proxy=SendProxy.V2))
HELLO = read_whole(hello_for("x.example", "h2", "http/1.1"))


def test_most_servers_are_told_nothing() -> None:
    """Whatever is known."""
    assert header_for(NONE, CLIENT, LOCAL, b"id", HELLO) == b""


def test_a_line_has_addresses_alone() -> None:
    """Version 1 has no room for more."""
    assert header_for(V1, CLIENT, LOCAL, b"id", HELLO) == LINE4


def test_a_block_has_what_the_client_asked_for() -> None:
    """Its first protocol, since nobody here sees which one the server takes; the name; the connection's ID."""
    rest = INET + tlv(0x01, b"h2") + tlv(0x02, b"x.example") + tlv(0x05, b"id")
    assert header_for(V2, CLIENT, LOCAL, b"id", HELLO) == checked(block(0x21, 0x11, rest))


@pytest.mark.parametrize("hello", [None, read_whole(hello_for(None))])
def test_a_block_without_them(hello: object) -> None:
    """Where nobody asked for anything, or it is no TLS."""
    assert header_for(V2, CLIENT, LOCAL, b"", hello) == checked(BLOCK4)  # type: ignore[arg-type]


def test_an_unknown_client_is_told_of_as_such() -> None:
    """On a unix socket nobody has an address; nor where we do not know our own."""
    for client, local in ((ClientAddress("unix", 0), None), (CLIENT, None)):
        assert header_for(V1, client, local, b"id", HELLO) == b"PROXY UNKNOWN\r\n"
        assert header_for(V2, client, local, b"id", HELLO) == UNKNOWN2

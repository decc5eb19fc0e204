"""From HTTP to bytes both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from twisted.internet.testing import MemoryReactorClock

from pumpproxy.flow.httpserver import HttpServer
from pumpproxy.flow.relay import Relay
from pumpproxy.flow.stream import StreamProtocol
from pumpproxy.flow.tunnel import tunnel_between
from pumpproxy.model import Backend, Frontend, Mode, Server, TcpAddress
from pumpproxy.policy.serverstate import ServerState
from tests.fakes import environment
from tests.flow.httpstreams import HttpStream
from tests.playbook import site

if TYPE_CHECKING:
    from pumpproxy.flow.httpserver import Told
    from pumpproxy.flow.relaying import AnyRelay
    from pumpproxy.flow.stream import Stream


class Silent:
    """Who was told of the server before; it hears no more of it."""

    def server_connected(self, server: HttpServer) -> None:
        """Its connection is there."""


class Owner:
    """Whose relay it is."""

    def relayed(self, relay: AnyRelay) -> None:
        """It is over."""


def test_from_here_on_it_is_bytes_and_one_silence_counts() -> None:
    """`timeout-tunnel`, and neither of the shorter ones; what the server says goes to the client."""
    reactor = MemoryReactorClock()
    made, _ = environment(site(), reactor, now=reactor.seconds)
    state = ServerState(Server("s", TcpAddress("127.0.0.1", 8001)))
    server = HttpServer(cast("Told", Silent()), state, made.sweep, nodelay=False)
    client, behind = HttpStream(reactor), HttpStream(reactor)
    client.connect(StreamProtocol())
    behind.connect(server)
    frontend = Frontend("f", Mode.HTTP, (), timeout_client=1.0, timeout_tunnel=5.0)
    backend = Backend("b", Mode.HTTP, timeout_server=1.0)
    relay = tunnel_between(made, cast("Stream", client), server, frontend, backend, Owner())
    assert isinstance(relay, Relay)
    relay.start(cast("Stream", client), server.transport, to_server=b"up", to_client=b"down")
    behind.peer_sends(b" and on")
    client.peer_takes()
    behind.peer_takes()
    assert (client.sent, behind.sent) == (b"down and on", b"up")
    for _ in range(40):
        reactor.advance(0.1)
    assert not client.aborted
    for _ in range(30):
        reactor.advance(0.1)
    assert client.aborted
    assert behind.aborted

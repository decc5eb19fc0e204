"""Requests, servers that are told of the client by a PROXY header, and clients that one has told us of."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from pumpproxy.model import Backend, Config, ConnectionMode, ForwardFor, Mode, Redispatch, SendProxy, Server, TcpAddress
from pumpproxy.policy.attempts import ConnectFailure
from pumpproxy.policy.httpsteps import DRAIN_CLIENT, KEEP_SERVER, LEAVE_SERVER, SendClient, SendServer
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.records import Arrived, ClientAddress
from pumpproxy.wire.proxywriter import v2
from tests.playbook import (
    CLIENT,
    EPOCH,
    GET,
    OK,
    SENT,
    Playbook,
    answer,
    client,
    connect,
    connected,
    drained,
    ended,
    failed,
    server,
    site,
    wait,
)
from tests.policy.test_straightexchange import answered, keeping

OURS = ClientAddress("192.0.2.254", 80)
LINE = b"PROXY TCP4 192.0.2.7 192.0.2.254 51234 80\r\n"
KEEP = ConnectionMode.KEEP_ALIVE
ADDRESS = TcpAddress("127.0.0.1", 8001)


def told(*servers: Server, connection: ConnectionMode = KEEP, **fields: object) -> Config:
    """A site whose backend has these servers; connections would be kept."""
    one = Server("a1", ADDRESS, send_proxy=SendProxy.V1)
    backend = Backend("a", Mode.HTTP, servers=servers or (one,), **fields)  # type: ignore[arg-type]
    return site(backend=backend, connection=connection)


def play_of(config: Config) -> Playbook:
    """A client there that came to our address."""
    play = Playbook(config)
    play.exchange.local = OURS
    return play


def test_each_connection_begins_with_a_header_and_carries_one_request() -> None:
    """The server is asked to close, since it takes all that comes there for this client's."""
    play = play_of(told())
    for _ in range(3):
        play >> client(GET) << connect("a1") >> connected << SendServer(LINE + SENT)
        play >> server(OK) << SendClient(OK) << LEAVE_SERVER << DRAIN_CLIENT >> drained << ended(Outcome.COMPLETED)
    assert play.done().idle()


def test_a_body_follows_the_header_and_the_head() -> None:
    """What came early, and what comes."""
    post = b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\n"
    play = play_of(told()) >> client(post + b"ab") << connect("a1") >> connected
    play << SendServer(LINE + post[:-2] + b"Connection: close\r\n\r\nab") >> client(b"cd") << SendServer(b"cd")
    play.done()


def test_a_server_is_told_as_it_wants_it() -> None:
    """A retry elsewhere goes by what that server's line says; the ID is the connection's, whoever is asked."""
    servers = (
        Server("a1", ADDRESS, send_proxy=SendProxy.V2),
        Server("a2", TcpAddress("127.0.0.1", 8002)),
    )
    play = play_of(told(*servers, redispatch=Redispatch.YES))
    play.exchange.unique_id = b"id"
    play >> client(GET) << connect("a1") >> connected << SendServer(v2(CLIENT, OURS, [(5, b"id")]) + SENT)
    play >> server(OK) << SendClient(OK) << LEAVE_SERVER << DRAIN_CLIENT >> drained << ended(Outcome.COMPLETED)
    assert play.record.unique_id == b"id"
    play >> client(GET) << connect("a2") >> connected << SendServer(SENT)
    play >> server(OK) << SendClient(OK) << LEAVE_SERVER << DRAIN_CLIENT >> drained << ended(Outcome.COMPLETED)
    play >> client(GET) << connect("a1") >> failed(ConnectFailure.REFUSED) << connect("a2")
    play >> connected << SendServer(SENT)


def test_a_header_that_nobody_took_is_no_request() -> None:
    """It failed to connect; nothing was sent, and the client is told of that."""
    play = play_of(told(retries=0)) >> client(GET) << connect("a1") >> failed(ConnectFailure.REFUSED)
    play << answer(503) << ended(Outcome.CONNECT_FAILED, Phase.CONNECT, 503)
    assert play.done().idle()


def test_a_reload_that_wants_headers_holds_from_the_next_request_on() -> None:
    """Also where requests alike went the short way before."""
    world = keeping()
    answered(world)
    assert world.short == 1
    world.exchange.local = OURS
    backend = replace(world.runtime.config.backends[0], servers=(Server("a1", ADDRESS, send_proxy=SendProxy.V1),))
    world.runtime.reload(replace(world.runtime.config, backends=(backend, world.runtime.config.backends[1])), 100)
    # The world's servers are h11's, which read no headers.
    world.send(GET)
    assert world.attempt is not None
    assert world.attempt.idle == 0
    assert world.short == 1


def test_a_connection_that_got_a_header_is_not_kept_whatever_held_before() -> None:
    """A reload wants headers while a request waits for its server: nobody else is to follow it there."""
    play = play_of(told(Server("a1", ADDRESS))) >> client(GET) << connect("a1", idle=float("inf"))
    play.runtime.reload(told(), 100)
    play = play >> connected << SendServer(LINE + SENT[:-2].replace(b"Connection: close\r\n", b"") + b"\r\n")
    play >> server(OK) << SendClient(OK) << LEAVE_SERVER << DRAIN_CLIENT >> drained << ended(Outcome.COMPLETED)
    assert play.done().idle()


def test_a_header_told_of_the_client() -> None:
    """What servers are told of it goes by the header: its address, the port that it came to, and who is trusted."""
    config = site(
        forwardfor=ForwardFor(networks=(ip_network("198.51.100.0/24"),)),
        forwarded_port=True,
        trusted_proxies=(ip_network("10.0.0.0/8"),),
        connection=KEEP,
    )
    asked = GET[:-2] + b"X-Forwarded-For: 203.0.113.9\r\n\r\n"
    lines = {
        "192.0.2.7": b"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Port: 8443\r\n",
        "198.51.100.7": b"X-Forwarded-Port: 8443\r\n",
        "10.1.1.1": b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 10.1.1.1\r\nX-Forwarded-Port: 8443\r\n",
    }
    for host, added in lines.items():
        play = Playbook(config, ClientAddress(host, 1))
        play.exchange.introduced(Arrived(0.0, ClientAddress("203.0.113.254", 8443)))
        play.exchange.port = 8443
        play >> client(asked) << connect("a1", idle=float("inf")) >> connected << SendServer(GET[:-2] + added + b"\r\n")
        play >> server(OK) << SendClient(OK) << KEEP_SERVER << DRAIN_CLIENT >> drained << ended(Outcome.COMPLETED)
        assert play.record.client == ClientAddress(host, 1)


@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_who_was_introduced_came_when_it_was_accepted(seconds: float) -> None:
    """The first head has what the header left of its time, and the log counts from the accept."""
    play = Playbook(site(timeout_http_request=5.0))
    play.now = seconds
    play.exchange.introduced(Arrived(0.0, OURS, b"id"))
    assert play.exchange.deadline() == 5.0
    play >> client(GET[:5]) >> wait(5.0 - seconds) << answer(408) << ended(Outcome.CLIENT_SILENT, Phase.REQUEST, 408)
    assert (play.record.started, play.record.total, play.record.unique_id) == (EPOCH, 5.0, b"id")

"""A client on an `http` frontend, on transports of the test's making: steps are done in order, and all of it ends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from twisted.internet.error import ConnectionLost
from twisted.logger import capturedLogs
from twisted.python.failure import Failure

from pumpproxy.flow.linger import LINGER_TIME
from pumpproxy.model import UnixAddress
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.transaction import Transaction
from tests.flow.httpstreams import Fronted, accept
from tests.playbook import GET, OK, SENT, site

POST = b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 300000\r\n\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


def test_requests_on_one_connection() -> None:
    """A server's connection each; the client's lives on, and its end leaves nothing behind."""
    fronted = Fronted()
    for count in (1, 2, 3):
        fronted.client.peer_sends(GET)
        server = fronted.accept()
        server.peer_takes()
        assert server.sent == SENT
        server.peer_sends(OK)
        assert fronted.take() == OK * count
        server.peer_finishes()
        fronted.turn()
        assert not server.connected
        assert not server.aborted
    assert [record.outcome for record in fronted.sink.records] == [Outcome.COMPLETED] * 3
    fronted.client.peer_finishes()
    fronted.turn()
    fronted.client.peer_takes()
    fronted.turn()
    assert fronted.gone()
    assert len(fronted.sink.records) == 3


def test_the_client_leaves() -> None:
    """The server is reset at once, whatever it is doing."""
    for answer in (b"", OK[:-1]):
        fronted = Fronted()
        fronted.client.peer_sends(GET)
        server = fronted.accept()
        server.peer_sends(answer) if answer else None
        fronted.client.peer_resets()
        fronted.turn()
        assert server.aborted
        assert fronted.gone()
        assert fronted.sink.only.outcome is Outcome.CLIENT_LEFT


def test_the_client_leaves_while_we_connect() -> None:
    """An attempt that comes about all the same is not kept."""
    fronted = Fronted()
    fronted.client.peer_sends(GET)
    fronted.client.peer_resets()
    fronted.turn()
    assert accept(fronted.reactor) is None
    assert fronted.gone()


def test_attempts_follow_each_other() -> None:
    """After a second each; then the client is told, its FIN is waited for, and all is over."""
    fronted = Fronted()
    fronted.client.peer_sends(GET)
    for attempt in (1, 2, 3, 4):
        assert len(fronted.reactor.tcpClients) == attempt
        fronted.refuse()
        if attempt < 4:
            fronted.turn(1.1)
    assert fronted.take().startswith(b"HTTP/1.1 503 ")
    assert fronted.client.fin
    assert fronted.client.connected
    fronted.client.peer_finishes()
    fronted.turn()
    assert fronted.gone()
    assert fronted.sink.only.outcome is Outcome.CONNECT_FAILED


@pytest.mark.parametrize("once", [True, False])
def test_a_client_that_has_closed_is_not_waited_for(once: bool) -> None:  # noqa: FBT001 - what its transport does
    """Between requests, or within a head: its FIN is the end, however often it is told."""
    for data in (b"", GET[:-1]):
        fronted = Fronted()
        fronted.client.tells_fin_once = once
        fronted.client.peer_sends(data) if data else None
        fronted.client.peer_finishes()
        fronted.turn()
        assert not fronted.client.connected
        assert fronted.gone()


def test_last_words_are_not_destroyed() -> None:
    """What the client still sends is read and dropped for a while, so that no reset overtakes them."""
    fronted = Fronted()
    fronted.client.peer_sends(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n")
    fronted.client.peer_sends(b"x" * 1000)
    assert fronted.take().startswith(b"HTTP/1.1 400 ")
    assert fronted.client.fin
    fronted.turn(LINGER_TIME + 0.3)
    fronted.client.peer_takes()
    fronted.turn()
    assert fronted.client.unread_at_close == 0
    assert fronted.gone()


def test_a_slow_client_stops_the_server() -> None:
    """And is served on when it has taken what waits for it."""
    fronted = Fronted()
    fronted.client.peer_sends(GET)
    server = fronted.accept()
    body = b"x" * 300_000
    server.peer_sends(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + body[:100_000])
    server.peer_sends(body[100_000:200_000])
    assert not server.reading
    assert len(fronted.client.waiting) < 110_000
    fronted.take()
    assert server.reading
    server.peer_sends(body[200_000:])
    assert fronted.take().endswith(b"\r\n\r\n" + body)
    assert fronted.sink.only.outcome is Outcome.COMPLETED


def test_a_slow_server_stops_the_client() -> None:
    """And the rest of the body follows when it has taken what waits for it."""
    fronted = Fronted()
    fronted.client.peer_sends(POST)
    server = fronted.accept()
    for _ in range(3):
        fronted.client.peer_sends(b"y" * 100_000)
    assert not fronted.client.reading
    # The second piece is written when the first is taken, and the third when the second is.
    for _ in range(3):
        assert len(server.waiting) < 101_000
        server.peer_takes()
        fronted.turn()
    assert fronted.client.reading
    server.peer_takes()
    assert server.sent.endswith(b"\r\n\r\n" + b"y" * 300_000)


def test_a_full_buffer_within_a_step() -> None:
    """What it brings about comes behind the steps that are left: the client is paused in the end, and not read."""
    fronted = Fronted()
    fronted.client.peer_sends(POST)
    fronted.client.peer_sends(b"y" * 100_000)
    assert not fronted.client.reading
    server = fronted.accept()
    assert len(server.waiting) > 100_000
    assert not fronted.client.reading
    server.peer_takes()
    fronted.turn()
    assert fronted.client.reading


def test_the_deadlines_are_watched() -> None:
    """The first head's, the keep-alive's, the server's and the slow client's."""
    fronted = Fronted()
    fronted.turn(10.2)
    fronted.client.peer_takes()
    fronted.turn(3)
    assert fronted.gone()
    assert fronted.sink.only.outcome is Outcome.CLIENT_SILENT

    fronted = Fronted()
    fronted.client.peer_sends(GET)
    server = fronted.accept()
    fronted.turn(59)
    assert not server.aborted
    fronted.turn(1.2)
    assert server.aborted
    assert fronted.take().startswith(b"HTTP/1.1 504 ")

    fronted = Fronted()
    fronted.client.peer_sends(GET)
    fronted.accept().peer_sends(OK)
    fronted.take()
    fronted.turn(9.8)
    assert fronted.client.connected
    fronted.turn(0.5)
    assert fronted.client.fin

    fronted = Fronted()
    fronted.client.peer_sends(GET)
    fronted.accept().peer_sends(OK)
    fronted.turn(60.2)
    assert fronted.client.aborted
    assert (fronted.sink.only.outcome, fronted.sink.only.phase) == (Outcome.CLIENT_IDLE, Phase.LAST)
    assert fronted.gone()


def test_a_websocket() -> None:
    """Both ways, with what came too early; a FIN passes, and the record has all bytes."""
    fronted = Fronted()
    fronted.client.peer_sends(UPGRADE + b"early")
    server = fronted.accept()
    server.peer_sends(SWITCH + b"hello")
    server.peer_takes()
    assert server.sent == UPGRADE + b"early"
    assert fronted.take() == SWITCH + b"hello"
    fronted.turn(300)
    fronted.client.peer_sends(b"more")
    server.peer_takes()
    assert server.sent == UPGRADE + b"earlymore"
    assert not fronted.sink.records
    server.peer_finishes()
    fronted.turn()
    fronted.client.peer_takes()
    assert fronted.client.fin
    fronted.client.peer_finishes()
    fronted.turn()
    for stream in (fronted.client, server):
        stream.peer_takes()
    fronted.turn()
    assert fronted.gone()
    record = fronted.sink.only
    assert record.outcome is Outcome.COMPLETED
    assert (record.bytes_in, record.bytes_out) == (len(UPGRADE) + 9, len(SWITCH) + 5)


def test_a_websocket_is_cut() -> None:
    """A reset on one side is one on the other; an end of the service too."""
    for end in ("client", "server", "service"):
        fronted = Fronted()
        fronted.client.peer_sends(UPGRADE)
        server = fronted.accept()
        server.peer_sends(SWITCH)
        fronted.take()
        if end == "client":
            fronted.client.peer_resets()
        elif end == "server":
            server.peer_resets()
        else:
            fronted.front.shut_down()
        fronted.turn()
        assert server.aborted or end == "server"
        assert fronted.client.aborted or end == "client"
        assert fronted.gone()
        expected = {"client": Outcome.CLIENT_LEFT, "server": Outcome.SERVER_LEFT, "service": Outcome.SHUTDOWN}
        assert fronted.sink.only.outcome is expected[end]


def test_the_service_ends() -> None:
    """Whoever waits is told."""
    fronted = Fronted()
    fronted.client.peer_sends(GET)
    server = fronted.accept()
    fronted.front.shut_down()
    fronted.turn()
    assert server.aborted
    assert fronted.take().startswith(b"HTTP/1.1 503 ")
    assert fronted.sink.only.outcome is Outcome.SHUTDOWN


def test_the_service_is_to_end_soon() -> None:
    """A connection that was told before or after it asks ends with its answer."""
    fronted = Fronted()
    fronted.front.finish_up()
    fronted.client.peer_sends(GET)
    server = fronted.accept()
    server.peer_sends(OK)
    assert b"\r\nConnection: close\r\n" in fronted.take()
    assert fronted.client.fin
    fronted = Fronted()
    fronted.client.peer_sends(GET)
    server = fronted.accept()
    fronted.front.finish_up()
    server.peer_sends(OK)
    assert b"\r\nConnection: close\r\n" in fronted.take()
    assert fronted.client.fin
    assert fronted.sink.only.outcome is Outcome.COMPLETED


def test_a_defect_ends_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both its sides are reset, its traceback is logged once, and the others go on."""
    broken, other = Fronted(), Fronted()
    broken.client.peer_sends(GET)
    server = broken.accept()

    def defect(*_: object) -> None:
        raise KeyError("defect")  # noqa: EM101 - what it says does not matter

    with monkeypatch.context() as patched, capturedLogs() as events:
        patched.setattr(Transaction, "received", defect)
        server.peer_sends(OK)
    broken.turn()
    assert server.aborted
    assert broken.client.aborted
    assert broken.gone()
    assert broken.sink.only.outcome is Outcome.INTERNAL
    assert sum("log_failure" in event for event in events) == 1
    other.client.peer_sends(GET)
    other.accept().peer_sends(OK)
    assert other.take() == OK


def test_an_eviction() -> None:
    """What it holds is given up."""
    fronted = Fronted()
    fronted.client.peer_sends(GET[:5])
    fronted.front.evict()
    fronted.turn()
    assert fronted.client.aborted
    assert fronted.sink.only.outcome is Outcome.OVERLOAD
    assert fronted.gone()


def test_a_client_whose_protocol_failed_elsewhere() -> None:
    """An exception of ours comes as the reason of the end."""
    fronted = Fronted()
    fronted.client.peer_sends(GET)
    server = fronted.accept()
    fronted.client.connected = False
    fronted.front.connectionLost(Failure(ValueError("ours")))
    fronted.turn()
    assert server.aborted
    assert fronted.sink.only.outcome is Outcome.INTERNAL
    assert fronted.gone()


def test_the_servers_connection_is_lost() -> None:
    """Before an answer that is told, after it nothing is."""
    fronted = Fronted()
    fronted.client.peer_sends(GET)
    fronted.accept().protocol.connectionLost(Failure(ConnectionLost()))  # type: ignore[union-attr]
    assert fronted.take().startswith(b"HTTP/1.1 502 ")
    fronted = Fronted()
    fronted.client.peer_sends(GET)
    server = fronted.accept()
    server.peer_sends(OK)
    server.peer_resets()
    assert fronted.take() == OK
    assert fronted.sink.only.outcome is Outcome.COMPLETED


def test_a_server_at_a_unix_socket() -> None:
    """As any other."""
    config = site()
    backends = tuple(
        replace(backend, servers=tuple(replace(s, address=UnixAddress("/run/app.sock")) for s in backend.servers))
        for backend in config.backends
    )
    fronted = Fronted(replace(config, backends=backends))
    fronted.client.peer_sends(GET)
    assert fronted.reactor.unixClients[0][0] == "/run/app.sock"

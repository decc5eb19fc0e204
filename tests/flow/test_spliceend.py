"""One end of a relay in the kernel: what the poller's events make of it."""

from __future__ import annotations

import select
import socket
from typing import TYPE_CHECKING, cast

import pytest

from pumpproxy.flow.idle import NOWHERE
from pumpproxy.flow.poll import READABLE
from pumpproxy.flow.spliceend import CHUNK, SpliceEnd
from pumpproxy.policy.outcome import Outcome
from tests.flow.peers import reset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pumpproxy.flow.splice import SpliceRelay


class Watched:
    """A poller without an epoll: `now`, and what it is asked."""

    now = 10.0

    def __init__(self) -> None:
        self.room: list[int] = []

    def tell_room(self, descriptor: int) -> None:
        """Keep it."""
        self.room.append(descriptor)


class Relay:
    """Keeps what it is asked to do."""

    def __init__(self) -> None:
        self.over = False
        self.tick = NOWHERE
        self.poller = Watched()
        self.asked: list[tuple[object, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name not in {"move", "refused", "lost", "finish", "cut", "watch", "discard"}:
            raise AttributeError(name)
        return lambda *arguments: self.asked.append((name, *arguments))


class Pair:
    """Both ends of a relay, on sockets; `client` and `server` are the peers."""

    def __init__(self) -> None:
        self.relay = Relay()
        relay = cast("SpliceRelay", self.relay)
        self.from_client = SpliceEnd(relay, (Outcome.CLIENT_LEFT, Outcome.CLIENT_IDLE), 0.0)
        self.from_server = SpliceEnd(relay, (Outcome.SERVER_LEFT, Outcome.SERVER_IDLE), 0.0)
        self.from_client.other, self.from_server.other = self.from_server, self.from_client
        self.client, ours = socket.socketpair()
        self.server, theirs = socket.socketpair()
        self.mine = [ours, theirs]
        self.client.settimeout(5)
        self.server.settimeout(5)
        for sock, end in zip(self.mine, (self.from_client, self.from_server), strict=True):
            sock.setblocking(False)
            end.descriptor = sock.fileno()

    def close(self) -> None:
        """All four."""
        for sock in (self.client, self.server, *self.mine):
            sock.close()


def fill(sock: socket.socket) -> None:
    """Write until it takes no more."""
    for _ in range(10_000):
        try:
            sock.send(bytes(4096))
        except BlockingIOError:
            return
    raise AssertionError(sock)


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Nothing sent yet."""
    made = Pair()
    yield made
    made.close()


def test_little_is_passed_on_at_once(pair: Pair) -> None:
    """By one read and one write; a short read means that there is no more."""
    pair.client.send(b"hello")
    pair.from_client.told(select.EPOLLIN)
    assert pair.server.recv(100) == b"hello"
    end = pair.from_client
    assert (end.readable, end.ending, end.bytes, end.active, end.other.active) == (False, False, 5, 10.0, 10.0)
    assert pair.relay.asked == [("watch",)], "from its first word on another time may hold"
    pair.client.send(b"again")
    end.told(select.EPOLLIN)
    assert (pair.server.recv(100), end.bytes, len(pair.relay.asked)) == (b"again", 10, 1)


def test_much_is_the_relays(pair: Pair) -> None:
    """A full read is passed on, and the rest is worth a pipe."""
    pair.client.send(bytes(CHUNK + 1))
    pair.from_client.told(select.EPOLLIN)
    assert len(pair.server.recv(1 << 20)) == CHUNK
    assert pair.from_server.wide
    assert pair.relay.asked[-1] == ("move", pair.from_client)


def test_what_is_not_taken_waits(pair: Pair) -> None:
    """Nothing of it is lost; room is asked for, once."""
    fill(pair.mine[1])
    pair.client.send(b"late")
    pair.from_client.told(select.EPOLLIN)
    waiting = pair.from_server.waiting
    assert waiting is not None
    assert (waiting.chunk, pair.from_server.stalled) == (b"late", True)
    assert pair.relay.poller.room == [pair.mine[1].fileno()]
    pair.from_server.told(select.EPOLLOUT)
    assert pair.relay.asked[-1] == ("move", pair.from_client)
    pair.from_server.stalled = False
    pair.from_server.stall()
    assert len(pair.relay.poller.room) == 1


def test_room_for_nothing_is_nothing(pair: Pair) -> None:
    """It is not read for it either."""
    pair.from_client.told(select.EPOLLOUT)
    assert pair.relay.asked == []


def test_a_fin_and_a_reset_are_told_apart(pair: Pair) -> None:
    """A FIN is read as the end; a reset as a loss."""
    pair.client.shutdown(socket.SHUT_WR)
    pair.from_client.told(select.EPOLLIN | select.EPOLLRDHUP)
    assert pair.relay.asked[0] == ("finish", pair.from_client)
    listening = socket.create_server(("127.0.0.1", 0))
    peer = socket.create_connection(listening.getsockname())
    accepted, _ = listening.accept()
    listening.close()
    pair.from_server.descriptor = accepted.fileno()
    reset(peer)
    pair.from_server.told(READABLE)
    assert pair.relay.asked[-1] == ("lost", pair.from_server)
    accepted.close()


def test_words_before_a_reset_are_passed_on(pair: Pair) -> None:
    """One event tells of both; the reset is met behind them."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        peer = socket.create_connection(listening.getsockname())
        accepted, _ = listening.accept()
    with accepted:
        accepted.setblocking(False)
        pair.from_server.descriptor = accepted.fileno()
        peer.send(b"last words")
        reset(peer)
        pair.from_server.told(READABLE)
        assert pair.client.recv(100) == b"last words"
        assert (pair.from_server.readable, pair.from_server.ending) == (True, True)
        assert pair.relay.asked[-1] == ("move", pair.from_server), "there may be more"
        pair.from_server.told(READABLE)
        assert pair.relay.asked[-1] == ("lost", pair.from_server)


def test_a_fin_came_and_a_reset_did_not(pair: Pair) -> None:
    """What tells an end from a cut where a write failed first."""
    client, server = pair.from_client, pair.from_server
    client.told(select.EPOLLIN | select.EPOLLRDHUP)
    server.told(select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR)
    assert (client.fin_came, server.fin_came) == (True, False)
    assert client.ending
    assert server.ending


def test_a_reset_after_a_fin_is_a_refusal(pair: Pair) -> None:
    """It is not read again."""
    pair.from_client.finished = True
    pair.from_client.told(READABLE)
    assert pair.relay.asked == [("refused", pair.from_client)]


def test_a_defect_cuts_both(pair: Pair) -> None:
    """As INTERNAL."""
    pair.from_client.broke()
    assert pair.relay.asked == [("cut", Outcome.INTERNAL)]

"""Lines between two processes."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, cast

import pytest
from twisted.python.failure import Failure

from pumpproxy.handover.channel import Channel
from tests.handover.fakes import FakeReactor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pumpproxy.interfaces import Reactor


class Pair:
    """One end, with the other as a plain socket."""

    def __init__(self) -> None:
        self.reactor = FakeReactor()
        mine, self.other = socket.socketpair()
        self.other.settimeout(10)
        self.lines: list[str] = []
        self.ends = 0
        self.channel = Channel(cast("Reactor", self.reactor), mine, self.lines.append, self._ended)
        self.channel.open()

    def _ended(self) -> None:
        self.ends += 1


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Both ends, closed afterwards."""
    made = Pair()
    yield made
    made.channel.close()
    made.other.close()


def test_lines_come_whole(pair: Pair) -> None:
    """However they are cut; nothing is there is nothing."""
    for piece in (b"pid 1", b"2\nma", b"in\n\xff\n"):
        pair.other.sendall(piece)
        pair.reactor.turn()
    pair.reactor.turn()
    assert pair.lines == ["pid 12", "main", "\N{REPLACEMENT CHARACTER}"]
    assert pair.ends == 0


def test_words_are_one_line(pair: Pair) -> None:
    """Also those that have several, or are no text."""
    pair.channel.say("fault", "a\nb\udcff", 3)
    assert pair.other.recv(100) == b"fault a b\xff 3\n"


def test_the_other_end_is_told_once(pair: Pair) -> None:
    """Then it is closed, and saying something more is in vain."""
    pair.other.sendall(b"over\n")
    pair.other.close()
    for _ in range(3):
        pair.reactor.turn()
    assert (pair.lines, pair.ends, pair.channel.fileno()) == (["over"], 1, -1)
    pair.channel.say("main")


def test_a_reset_is_an_end(pair: Pair) -> None:
    """Whoever ends with something unread resets the pair."""
    pair.channel.say("main")
    pair.other.close()
    pair.reactor.turn()
    assert pair.ends == 1


def test_who_closes_is_told_nothing_more(pair: Pair) -> None:
    """Not even of what came along with the line that it closed at."""
    pair.channel = Channel(
        cast("Reactor", pair.reactor),
        pair.channel._socket,
        lambda _: pair.channel.close(),
        lambda: pair.lines.append("!"),
    )
    pair.reactor.reads = {pair.channel}
    pair.other.sendall(b"one\ntwo\n")
    pair.reactor.turn()
    assert pair.lines == []
    assert not pair.reactor.reads
    pair.channel.close()
    assert pair.other.recv(10) == b""


def test_the_reactors_end_is_its_own(pair: Pair) -> None:
    """Nothing is left open."""
    assert pair.channel.logPrefix() == "hand-over"
    pair.channel.connectionLost(Failure(RuntimeError()))
    assert pair.other.recv(10) == b""

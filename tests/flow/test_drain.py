"""When a transport's buffer is empty."""

from __future__ import annotations

from twisted.internet.task import Clock

from pumpproxy.flow.drain import Drain
from pumpproxy.flow.stream import StreamProtocol
from tests.flow.httpstreams import HttpStream


class Waits:
    """A drain, and how often it told."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.stream = HttpStream(self.clock)
        self.stream.connect(StreamProtocol())
        self.told = 0
        self.drain = Drain(self._drained)

    def _drained(self) -> None:
        self.told += 1
        self.stream.unregisterProducer()


def test_it_tells_when_everything_is_out() -> None:
    """Once, and not while something waits."""
    waits = Waits()
    waits.stream.write(b"0123456789")
    waits.drain.start(waits.stream.real)
    waits.clock.advance(0)
    waits.stream.peer_takes(9)
    assert waits.told == 0
    waits.stream.peer_takes()
    waits.stream.peer_takes()
    assert waits.told == 1


def test_an_empty_buffer_is_told_too() -> None:
    """Though nothing is written any more: in a later turn, never from within the call."""
    waits = Waits()
    waits.drain.start(waits.stream.real)
    assert waits.told == 0
    waits.clock.advance(0)
    assert waits.told == 1


def test_it_serves_again() -> None:
    """One for each answer on a connection."""
    waits = Waits()
    for count in (1, 2, 3):
        waits.stream.write(b"x")
        waits.drain.start(waits.stream.real)
        assert waits.told == count - 1
        waits.stream.peer_takes()
        assert waits.told == count


def test_a_lost_transport_drains_never() -> None:
    """Its protocol is told of that."""
    waits = Waits()
    waits.stream.write(b"x")
    waits.drain.start(waits.stream.real)
    waits.stream.peer_resets()
    waits.clock.advance(1)
    assert not waits.stream.connected
    assert waits.told == 0

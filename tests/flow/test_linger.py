"""The end of a connection whose client must still get our last words."""

from __future__ import annotations

from twisted.internet.protocol import connectionDone
from twisted.internet.task import Clock

from pumpproxy.flow.idle import TICK, Sweep
from pumpproxy.flow.linger import LINGER_SIZE, LINGER_TIME, Linger
from pumpproxy.flow.stream import StreamProtocol
from tests.flow.streams import FakeStream


class Lingers(StreamProtocol):
    """A protocol that is refused as soon as it is there, as the fronts do it."""

    def __init__(self, sweep: Sweep, last_words: bytes) -> None:
        self._sweep = sweep
        self._last_words = last_words
        self.lost = 0

    def connectionMade(self) -> None:
        """Refuse."""
        self.linger = Linger(self.transport, self._sweep)
        self.linger.start(self._last_words)

    def dataReceived(self, data: bytes) -> None:
        """More of what nobody wants."""
        self.linger.received(data)

    def readConnectionLost(self) -> None:
        """The client has read."""
        self.linger.finished()

    def connectionLost(self, _reason: object = connectionDone) -> None:
        """It is over."""
        self.lost += 1
        self.linger.lost()


class Refused:
    """A client that was refused."""

    def __init__(self, last_words: bytes = b"go away", *, reading: bool = True) -> None:
        self.clock = Clock()
        self.sweep = Sweep(self.clock, self.clock.seconds)
        self.stream = FakeStream(self.clock)
        self.stream.reading = reading
        self.protocol = Lingers(self.sweep, last_words)
        self.stream.connect(self.protocol)
        self.clock.advance(0)

    def ended(self) -> bool:
        """Whether the connection is gone, and nobody watches it any more."""
        assert self.protocol.lost == int(not self.stream.connected)
        assert len(self.sweep) == int(self.stream.connected)
        return not self.stream.connected


def test_the_words_then_a_fin_then_patience() -> None:
    """Our half is shut down behind the words; the connection stays open for the client to read them."""
    refused = Refused()
    assert (refused.stream.waiting, refused.stream.fin) == (b"go away", False)
    refused.stream.peer_takes()
    assert (refused.stream.sent, refused.stream.fin) == (b"go away", True)
    refused.clock.advance(LINGER_TIME / 2)
    assert not refused.ended()


def test_without_words_there_is_only_a_fin() -> None:
    """`drop` says nothing."""
    refused = Refused(b"")
    assert refused.stream.fin
    assert refused.stream.sent == b""


def test_a_client_that_has_read_and_closes_ends_it() -> None:
    """Its FIN is the end, and no RST destroys anything."""
    refused = Refused()
    refused.stream.peer_takes()
    refused.stream.peer_sends(b"rest of a request")
    refused.stream.peer_finishes()
    refused.clock.advance(0)
    assert refused.ended()
    assert not refused.stream.aborted
    assert refused.stream.unread_at_close == 0


def test_a_client_that_closes_before_it_has_read_gets_the_words_nevertheless() -> None:
    """They go out before the end."""
    refused = Refused()
    refused.stream.peer_finishes()
    refused.clock.advance(0)
    assert not refused.ended()
    refused.stream.peer_takes()
    assert refused.ended()
    assert refused.stream.sent == b"go away"


def test_reading_goes_on_where_it_was_paused() -> None:
    """Unread input would reset the connection at its end."""
    refused = Refused(reading=False)
    refused.stream.peer_takes()
    refused.stream.peer_sends(bytes(1000))
    refused.stream.peer_finishes()
    refused.clock.advance(0)
    assert refused.ended()
    assert refused.stream.unread_at_close == 0


def test_a_client_that_does_neither_is_closed_after_a_second() -> None:
    """And a tick."""
    refused = Refused()
    refused.stream.peer_takes()
    refused.clock.advance(LINGER_TIME + TICK)
    refused.clock.advance(0)
    assert refused.ended()
    assert not refused.stream.aborted


def test_input_is_discarded_up_to_a_limit() -> None:
    """64 KiB are; who sends more is not read any further, and has the same time to read."""
    refused = Refused()
    refused.stream.peer_takes()
    refused.stream.peer_sends(bytes(LINGER_SIZE))
    assert refused.stream.reading
    refused.stream.peer_sends(b"x")
    assert not refused.stream.reading
    refused.stream.peer_sends(b"more")
    refused.clock.advance(LINGER_TIME / 2)
    assert not refused.ended()
    refused.clock.advance(LINGER_TIME / 2 + TICK)
    refused.clock.advance(0)
    assert refused.ended()
    assert refused.stream.unread_at_close == 4


def test_a_client_that_does_not_take_the_words_is_reset_in_the_end() -> None:
    """The end waits behind the words for another second; then there is no more waiting."""
    refused = Refused()
    for _ in range(12):
        refused.clock.advance(TICK)
    assert not refused.ended()
    assert not refused.stream.reading
    for _ in range(12):
        refused.clock.advance(TICK)
    assert refused.stream.aborted
    assert refused.ended()


def test_a_client_that_resets_is_forgotten() -> None:
    """At once."""
    refused = Refused()
    refused.stream.peer_resets()
    assert refused.ended()
    refused.clock.advance(10)
    assert not refused.stream.aborted

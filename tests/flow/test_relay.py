"""Bytes both ways between two connections: every order of data, FIN and RST, and the times of inactivity."""

from __future__ import annotations

import random
import socket
import threading
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import pytest
import pytest_twisted
from twisted.internet.protocol import connectionDone
from twisted.internet.task import Clock

from pumpproxy.flow import relay as relay_module
from pumpproxy.flow.front import FrontProtocol
from pumpproxy.flow.idle import TICK, Sweep
from pumpproxy.flow.progress import Acknowledged
from pumpproxy.flow.relay import MAX_DISCARDED, Relay, ServerProtocol
from pumpproxy.flow.stream import StreamProtocol
from pumpproxy.policy.inactivity import RelayTimeouts
from pumpproxy.policy.outcome import Outcome, Phase
from tests.fakes import client_hello, tls_config
from tests.flow.peers import Proxied, read_exactly, server
from tests.flow.streams import FakeStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twisted.python.failure import Failure

    from pumpproxy.flow.relay import RelayEnd

TIMEOUTS = RelayTimeouts(client=60.0, server=50.0, tunnel=3600.0, client_fin=30.0, server_fin=20.0)
LIMIT = 3
"""Bytes that wait before a producer is paused: two pieces do."""


class Side(StreamProtocol):
    """A client's protocol, as the fronts have one once the relay has started."""

    end: RelayEnd

    def dataReceived(self, data: bytes) -> None:
        """To the relay."""
        self.end.received(data)

    def readConnectionLost(self) -> None:
        """To the relay."""
        self.end.read_closed()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """To the relay."""
        self.end.lost(reason)


class Relayed:
    """A relay between two peers whose kernels are the test."""

    def __init__(self, timeouts: RelayTimeouts = TIMEOUTS, *, to_server: bytes = b"", to_client: bytes = b"") -> None:
        self.clock = Clock()
        self.clock.advance(1000.0)
        self.sweep = Sweep(self.clock, self.clock.seconds)
        self.client = FakeStream(self.clock, LIMIT)
        self.server = FakeStream(self.clock, LIMIT)
        self.over: list[tuple[Outcome | None, Phase]] = []
        self.relay = Relay(self.sweep, timeouts, lambda relay: self.over.append((relay.outcome, relay.phase)))
        client = Side()
        client.end = self.relay.client
        self.client.connect(client)
        server = ServerProtocol(lambda _server: None)
        server.end = self.relay.server
        self.server.connect(server)
        self.relay.start(self.client.real, self.server.real, to_server=to_server, to_client=to_client)
        self.turn()

    def turn(self) -> None:
        """The reactor does what it has to do now."""
        for _ in range(4):
            self.clock.advance(0)

    def passes(self, seconds: float) -> None:
        """Time passes, in steps that miss no deadline by more than a tick."""
        for _ in range(round(seconds / TICK)):
            self.clock.advance(TICK)

    def settle(self) -> None:
        """Both peers take everything that they are sent, as long as anything moves."""
        before: object = None
        while (now := (self.client.sent, self.server.sent, self.client.connected, self.server.connected)) != before:
            before = now
            self.client.peer_takes()
            self.server.peer_takes()
            self.turn()

    @property
    def ended(self) -> bool:
        """Whether it is over; then nothing may be left of it."""
        if not self.over:
            return False
        assert len(self.over) == 1
        assert not self.client.connected
        assert not self.server.connected
        assert len(self.sweep) == 0
        return True


# What passes --------------------------------------------------------------------------------------------------------


def test_bytes_pass_both_ways() -> None:
    """As they come."""
    relayed = Relayed()
    relayed.client.peer_sends(b"ping")
    relayed.server.peer_sends(b"pong!")
    relayed.settle()
    assert (relayed.server.sent, relayed.client.sent) == (b"ping", b"pong!")
    assert (relayed.relay.client.bytes, relayed.relay.server.bytes) == (4, 5)
    assert not relayed.ended


def test_what_was_read_before_goes_first_and_counts() -> None:
    """The preamble of a hello, the surplus behind a 101."""
    relayed = Relayed(to_server=b"hello", to_client=b"surplus")
    relayed.client.peer_sends(b" early")
    relayed.settle()
    assert (relayed.server.sent, relayed.client.sent) == (b"hello early", b"surplus")
    assert (relayed.relay.client.bytes, relayed.relay.server.bytes) == (11, 7)


def test_small_writes_to_the_server_do_not_wait() -> None:
    """TCP_NODELAY on the connection that we made."""
    assert Relayed().server.nodelay


def test_a_slow_server_stops_the_client() -> None:
    """Nothing is read that could not be passed on, but what the limit of Twisted's buffer leaves."""
    relayed = Relayed()
    relayed.client.peer_sends(b"12345")
    assert not relayed.client.reading
    relayed.client.peer_sends(b"67890")
    assert relayed.server.waiting == b"12345"
    assert relayed.server.reading
    relayed.server.peer_takes(4)
    assert not relayed.client.reading
    relayed.settle()
    assert relayed.server.sent == b"1234567890"
    assert relayed.client.reading


def test_a_slow_client_stops_the_server() -> None:
    """The same the other way round."""
    relayed = Relayed()
    relayed.server.peer_sends(b"12345")
    relayed.server.peer_sends(b"67890")
    assert (relayed.client.waiting, relayed.server.reading, relayed.client.reading) == (b"12345", False, True)
    relayed.settle()
    assert relayed.client.sent == b"1234567890"


# FIN ----------------------------------------------------------------------------------------------------------------


def test_a_fin_passes_behind_what_was_sent() -> None:
    """And the other direction stays open: a request with FIN still gets its answer."""
    relayed = Relayed()
    relayed.client.peer_sends(b"ab")
    relayed.client.peer_finishes()
    relayed.turn()
    assert not relayed.server.fin
    relayed.settle()
    assert (relayed.server.sent, relayed.server.fin, relayed.client.fin) == (b"ab", True, False)
    relayed.server.peer_sends(b"answer")
    relayed.settle()
    assert relayed.client.sent == b"answer"
    relayed.server.peer_finishes()
    relayed.settle()
    assert relayed.ended
    assert relayed.over == [(Outcome.COMPLETED, Phase.DONE)]
    assert not relayed.client.aborted
    assert not relayed.server.aborted


def test_a_fin_that_is_told_twice_is_passed_once() -> None:
    """Twisted tells it again to whoever goes on reading; a finished side is not resumed either."""
    relayed = Relayed()
    relayed.client.peer_sends(b"12345")
    relayed.client.peer_finishes()
    relayed.settle()
    assert relayed.server.fin
    relayed.client.resumeProducing()
    relayed.turn()
    assert relayed.over == []
    assert relayed.relay.client.finished
    assert not relayed.relay.server.finished


def test_a_fin_reaches_a_side_that_is_stalled() -> None:
    """Its buffer empties, the FIN follows; the finished side is not asked for more."""
    relayed = Relayed()
    relayed.client.peer_sends(b"12345")
    relayed.client.peer_sends(b"6")
    relayed.client.peer_finishes()
    relayed.server.peer_takes()
    relayed.turn()
    relayed.server.peer_takes()
    relayed.turn()
    assert (relayed.server.sent, relayed.server.fin) == (b"123456", True)
    assert not relayed.client.reading


# RST ----------------------------------------------------------------------------------------------------------------


def test_a_reset_is_a_reset_for_the_other() -> None:
    """A cut never looks like an end."""
    for name, outcome in (("client", Outcome.CLIENT_LEFT), ("server", Outcome.SERVER_LEFT)):
        relayed = Relayed(to_server=b"x", to_client=b"y")
        resetting, other = (getattr(relayed, side) for side in (name, "server" if name == "client" else "client"))
        resetting.peer_resets()
        assert other.aborted
        relayed.turn()
        assert relayed.ended
        assert relayed.over == [(outcome, Phase.DATA)]


def test_a_client_that_resets_while_it_still_has_to_take_the_rest() -> None:
    """The server was done: HAProxy's `CL`."""
    relayed = Relayed()
    relayed.server.peer_sends(b"123")
    relayed.server.peer_finishes()
    relayed.client.peer_resets()
    relayed.turn()
    assert relayed.over == [(Outcome.CLIENT_LEFT, Phase.LAST)]


def test_a_server_that_answered_and_vanished_has_answered() -> None:
    """It sent FIN, then RST because the client talked on: what it sent arrives, then a FIN."""
    relayed = Relayed()
    relayed.server.peer_sends(b"123")
    relayed.server.peer_finishes()
    relayed.client.peer_sends(b"close_notify")
    relayed.server.peer_resets()
    relayed.turn()
    relayed.client.peer_sends(b"more")
    assert not relayed.client.aborted
    relayed.settle()
    assert (relayed.client.sent, relayed.client.fin) == (b"123", True)
    relayed.client.peer_finishes()
    relayed.settle()
    assert relayed.over == [(Outcome.COMPLETED, Phase.DONE)]


def test_who_talks_on_and_on_to_nobody_is_reset() -> None:
    """64 KiB are taken from it for the sake of what it has yet to read."""
    relayed = Relayed()
    relayed.server.peer_finishes()
    relayed.client.peer_sends(b"x")
    relayed.server.peer_resets()
    relayed.turn()
    relayed.client.peer_sends(bytes(MAX_DISCARDED))
    assert not relayed.client.aborted
    relayed.client.peer_sends(b"x")
    assert relayed.client.aborted
    relayed.turn()
    assert relayed.over == [(Outcome.SERVER_LEFT, Phase.LAST)]


def test_an_abort_resets_both() -> None:
    """The service ends."""
    relayed = Relayed(to_server=b"x")
    relayed.relay.abort()
    assert relayed.client.aborted
    assert relayed.server.aborted
    relayed.turn()
    assert relayed.ended
    assert relayed.over == [(Outcome.SHUTDOWN, Phase.DATA)]


def test_what_is_cut_off_has_not_completed() -> None:
    """Both had finished, but one has yet to take the rest when the service ends, or its time does."""
    for seconds, outcome in ((0.0, Outcome.SHUTDOWN), (31.0, Outcome.CLIENT_IDLE)):
        relayed = Relayed()
        relayed.server.peer_sends(b"123")
        relayed.server.peer_finishes()
        relayed.client.peer_finishes()
        relayed.passes(seconds)
        if not seconds:
            relayed.relay.abort()
        relayed.turn()
        assert relayed.client.aborted
        assert relayed.ended
        assert relayed.over == [(outcome, Phase.LAST)]


def test_a_defect_of_ours_cuts_both() -> None:
    """Twisted gives up a connection whose protocol raised; the other must not be left behind."""
    relayed = Relayed()
    relayed.client._lose(ZeroDivisionError())
    relayed.turn()
    assert relayed.server.aborted
    assert relayed.ended
    assert relayed.over == [(Outcome.INTERNAL, Phase.DATA)]


# Inactivity ---------------------------------------------------------------------------------------------------------


def cut_after(relayed: Relayed) -> float:
    """Seconds until both are reset, to a tick."""
    begin = relayed.clock.seconds()
    while not relayed.ended:
        assert relayed.clock.seconds() - begin < 10_000, "nothing ends it"
        relayed.clock.advance(TICK)
    assert relayed.client.aborted or relayed.server.aborted
    return relayed.clock.seconds() - begin


def about(seconds: float) -> object:
    """So many, and a tick or two."""
    return pytest.approx(seconds + TICK, abs=TICK * 1.5)


def test_before_both_have_spoken_each_has_its_own_time() -> None:
    """`timeout-server` is the shorter one here; who speaks starts anew."""
    relayed = Relayed(to_server=b"hi")
    assert cut_after(relayed) == about(TIMEOUTS.server)
    assert relayed.over == [(Outcome.SERVER_IDLE, Phase.DATA)]
    relayed = Relayed(replace(TIMEOUTS, server=100.0), to_server=b"hi")
    relayed.passes(30)
    relayed.client.peer_sends(b"x")
    assert cut_after(relayed) == about(TIMEOUTS.client)
    assert relayed.over == [(Outcome.CLIENT_IDLE, Phase.DATA)]


def test_once_both_have_spoken_the_tunnels_time_alone_holds() -> None:
    """However long it is, and counted from the latest word."""
    relayed = Relayed(to_server=b"hello")
    relayed.server.peer_sends(b"hello")
    relayed.settle()
    relayed.passes(1000)
    relayed.server.peer_sends(b"x")
    relayed.settle()
    assert cut_after(relayed) == about(TIMEOUTS.tunnel)


def test_a_tunnels_time_may_be_the_shortest() -> None:
    """It is not noticed only when the client's would have been."""
    relayed = Relayed(replace(TIMEOUTS, tunnel=2.0), to_server=b"hello")
    relayed.passes(10)
    relayed.server.peer_sends(b"hello")
    relayed.settle()
    assert cut_after(relayed) == about(2.0)


def test_after_a_fin_its_time_counts_from_the_fin() -> None:
    """Half an hour of silence in the tunnel is no fault of who is finished with now."""
    for name, outcome, seconds in (
        ("client", Outcome.SERVER_IDLE, TIMEOUTS.server_fin),
        ("server", Outcome.CLIENT_IDLE, TIMEOUTS.client_fin),
    ):
        relayed = Relayed(to_server=b"hello", to_client=b"hello")
        relayed.settle()
        relayed.passes(1800)
        getattr(relayed, name).peer_finishes()
        relayed.settle()
        assert not relayed.ended
        assert cut_after(relayed) == about(seconds)
        assert [one[0] for one in relayed.over] == [outcome]


def test_after_a_fin_the_shorter_time_of_a_stalled_side_holds() -> None:
    """The client has asked and finished; it does not take the answer."""
    relayed = Relayed(replace(TIMEOUTS, server_fin=500.0), to_server=b"hello", to_client=b"hi")
    relayed.client.peer_finishes()
    relayed.settle()
    relayed.passes(10)
    relayed.server.peer_sends(b"12345")
    assert cut_after(relayed) == about(TIMEOUTS.client_fin)
    assert [one[0] for one in relayed.over] == [Outcome.CLIENT_IDLE]


def test_who_takes_nothing_is_to_blame_in_a_tunnel_too() -> None:
    """And not the one who can send nothing because of it."""
    relayed = Relayed(replace(TIMEOUTS, tunnel=5.0), to_server=b"hi", to_client=b"hi")
    relayed.settle()
    relayed.client.peer_sends(b"12345")
    assert cut_after(relayed) == about(5.0)
    assert relayed.over == [(Outcome.SERVER_IDLE, Phase.DATA)]


@pytest.mark.parametrize("timeouts", [TIMEOUTS, replace(TIMEOUTS, client=50.0, server=70.0)])
def test_when_a_stall_is_over_time_begins_anew(timeouts: RelayTimeouts) -> None:
    """For who has taken everything at last, and for who was not read meanwhile."""
    relayed = Relayed(timeouts, to_server=b"hi")
    relayed.settle()
    relayed.client.peer_sends(b"12345")
    relayed.passes(45)
    relayed.server.peer_takes()
    assert cut_after(relayed) == about(50.0)


def test_reading_begins_where_it_was_paused() -> None:
    """A client that sent much while we connected."""
    relayed = Relayed()
    relay = Relay(relayed.sweep, TIMEOUTS, lambda _relay: None)
    streams = [FakeStream(relayed.clock), FakeStream(relayed.clock)]
    for stream, end in zip(streams, (relay.client, relay.server), strict=True):
        side = Side()
        side.end = end
        stream.connect(side)
        stream.pauseProducing()
        stream.peer_sends(b"12")
    relay.start(streams[0].real, streams[1].real)
    relayed.turn()
    assert [stream.waiting for stream in streams] == [b"12", b"12"]


class Kernel:
    """What of each stream was acknowledged, and when."""

    def __init__(self, relayed: Relayed) -> None:
        self._relayed = relayed
        self._sizes: dict[object, tuple[int, float]] = {}

    def takes(self, stream: FakeStream) -> None:
        """Its peer acknowledges some more, though no buffer of ours gets free by it."""
        size, _ = self._sizes.get(stream, (0, 0.0))
        self._sizes[stream] = (size + 1, self._relayed.clock.seconds())

    def acknowledged(self, stream: FakeStream) -> Acknowledged:
        """In place of the system's answer."""
        size, at = self._sizes.get(stream, (0, 0.0))
        return Acknowledged(size, self._relayed.clock.seconds() - at)

    def taken(self, stream: FakeStream) -> int:
        """In place of the system's answer."""
        return self.acknowledged(stream).size


@pytest.fixture(name="kernel")
def _kernel(monkeypatch: pytest.MonkeyPatch) -> Callable[[Relayed], Kernel]:
    """A kernel that says what a peer has taken, from now on."""

    def of(relayed: Relayed) -> Kernel:
        kernel = Kernel(relayed)
        monkeypatch.setattr(relay_module, "acknowledged", kernel.acknowledged)
        monkeypatch.setattr(relay_module, "taken_by_peer", kernel.taken)
        return kernel

    return of


def stalled(relayed: Relayed) -> None:
    """The client does not take what the server sends."""
    relayed.server.peer_sends(b"12345")


def half_closed(relayed: Relayed) -> None:
    """The server is done; all of it is in the kernel's buffer."""
    relayed.server.peer_sends(b"1")
    relayed.server.peer_finishes()
    relayed.settle()


def closing(relayed: Relayed) -> None:
    """Both are done, but not everything has gone out."""
    relayed.server.peer_sends(b"1")
    relayed.server.peer_finishes()
    relayed.client.peer_finishes()


@pytest.mark.parametrize("state", [stalled, half_closed, closing])
@pytest.mark.parametrize("pause", [1.0, 7.0, 29.0])
def test_a_slow_client_has_its_time_for_each_bit(
    state: Callable[[Relayed], None], pause: float, kernel: Callable[[Relayed], Kernel]
) -> None:
    """As long as it acknowledges something; then its time counts from the last that it did."""
    relayed = Relayed(replace(TIMEOUTS, client=30.0))
    says = kernel(relayed)
    state(relayed)
    for _ in range(round(120 / pause)):
        relayed.passes(pause)
        assert not relayed.ended
        says.takes(relayed.client)
    assert cut_after(relayed) == about(30.0)
    assert [one[0] for one in relayed.over] == [Outcome.CLIENT_IDLE]


@pytest.mark.parametrize("state", [stalled, half_closed, closing])
def test_a_client_that_takes_nothing_is_cut_in_its_time(
    state: Callable[[Relayed], None], kernel: Callable[[Relayed], Kernel]
) -> None:
    """Also where the kernel can tell."""
    relayed = Relayed(replace(TIMEOUTS, client=30.0))
    kernel(relayed)
    state(relayed)
    assert cut_after(relayed) == about(30.0)


def test_the_acknowledgement_of_a_fin_gives_no_second_time(kernel: Callable[[Relayed], Kernel]) -> None:
    """It comes at once, from the client's kernel; the client itself is silent from then on."""
    relayed = Relayed(to_server=b"hi", to_client=b"hi")
    relayed.settle()
    says = kernel(relayed)
    relayed.server.peer_finishes()
    relayed.settle()
    says.takes(relayed.client)
    assert cut_after(relayed) == about(TIMEOUTS.client_fin)


# Every order --------------------------------------------------------------------------------------------------------

DEEDS = "cCxd sSye".replace(" ", "")
"""The client sends, finishes, resets, drains its buffer at ours; the server likewise."""


def possible(deeds: str) -> bool:
    """Whether peers can do that: nothing is sent behind a FIN, and nothing at all after a RST."""
    for send, finish, reset, take in ("cCxd", "sSye"):
        own = [deed for deed in deeds if deed in (send, finish, reset, take)]
        if reset in own and own.index(reset) != len(own) - 1:
            return False
        if finish in own and any(deed in (send, finish) for deed in own[own.index(finish) + 1 :]):
            return False
    return True


def played(deeds: str) -> Relayed:
    """A relay whose peers did this, then took everything, then were silent for as long as it lasts."""
    relayed = Relayed()
    pieces = iter(b"%02d" % number for number in range(100))
    for deed in deeds:
        stream = relayed.client if deed in "cCxd" else relayed.server
        match deed:
            case "c" | "s":
                stream.peer_sends(next(pieces))
            case "C" | "S":
                stream.peer_finishes()
            case "x" | "y":
                stream.peer_resets()
            case _:
                stream.peer_takes()
        relayed.turn()
    relayed.settle()
    if not relayed.ended:
        relayed.clock.advance(10_000)
        relayed.turn()
    return relayed


def said(deeds: str, send: str) -> bytes:
    """Everything that a peer sent."""
    return b"".join(b"%02d" % number for number, deed in enumerate(d for d in deeds if d in "cs") if deed == send)


def check(deeds: str) -> None:
    """What holds for every relay, whatever the peers do."""
    relayed = played(deeds)
    assert relayed.ended, "over(), both transports and the sweep"
    ((outcome, _),) = relayed.over
    assert outcome is not None
    resets = [deed for deed in deeds if deed in "xy"]
    sides = (("c", "C", "x", relayed.server, "S"), ("s", "S", "y", relayed.client, "C"))
    for send, finish, reset, stream, _own in sides:
        everything = said(deeds, send)
        assert everything.startswith(stream.sent), "order"
        if stream.fin or not (stream.aborted or stream._reset_by_peer):
            # Who sees an orderly end has seen everything, and the other had said that it was the end.
            assert finish in deeds
            assert stream.sent == everything
        if reset in deeds and finish not in deeds:
            assert stream.aborted or stream._reset_by_peer, "a cut that looks like an end"
    if not resets and {"C", "S"} <= set(deeds):
        assert outcome is Outcome.COMPLETED
        assert relayed.client.sent == said(deeds, "s")
        assert relayed.server.sent == said(deeds, "c")
        assert not relayed.client.aborted
        assert not relayed.server.aborted
    elif not resets:
        assert outcome in {Outcome.CLIENT_IDLE, Outcome.SERVER_IDLE}
        assert relayed.client.aborted
        assert relayed.server.aborted
    assert relayed.relay.client.bytes <= len(said(deeds, "c"))
    assert relayed.relay.server.bytes <= len(said(deeds, "s"))


def test_every_order_of_everything_ends_well() -> None:
    """All that two peers can do in five deeds."""
    counted = 0
    for length in range(6):
        for letters in product(DEEDS, repeat=length):
            deeds = "".join(letters)
            if possible(deeds):
                counted += 1
                try:
                    check(deeds)
                except AssertionError as error:
                    raise AssertionError(deeds) from error
    assert counted > 5_000


def long_stories(count: int) -> Iterator[str]:
    """Longer ones, by chance, always the same."""
    chance = random.Random(20)
    while count:
        deeds = "".join(chance.choices(DEEDS, weights=[6, 1, 0.3, 4, 6, 1, 0.3, 4], k=chance.randrange(6, 25)))
        if possible(deeds):
            count -= 1
            yield deeds


def test_long_stories_end_well() -> None:
    """With stalls, which five deeds hardly reach."""
    for deeds in long_stories(1_000):
        try:
            check(deeds)
        except AssertionError as error:
            raise AssertionError(deeds) from error


# The kernel ---------------------------------------------------------------------------------------------------------

HELLO = client_hello()


@pytest.mark.parametrize("finishes", [False, True])
@pytest_twisted.ensureDeferred
async def test_a_slow_but_steady_reader_is_not_cut(finishes: bool) -> None:  # noqa: FBT001 - a table's column
    """The server is done, and everything lies in our kernel's buffer.

    The client has its time for each bit of it, whether it has closed its own half or not.
    """
    size = 2_000_000
    sent = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(bytes(size))
        sent.set()

    def talk(connection: socket.socket) -> int:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.sendall(HELLO)
        received = len(read_exactly(connection, 1))
        if finishes:
            connection.shutdown(socket.SHUT_WR)
        sent.wait(20)
        while part := connection.recv(40_000):
            received += len(part)
            threading.Event().wait(0.03)
        return received

    with server(serve) as port:
        proxied = Proxied(tls_config(port, timeout_client_fin=0.4), FrontProtocol)
        assert await proxied.client(talk) == size
        await proxied.quiet()
    assert proxied.sink.only.outcome is Outcome.COMPLETED

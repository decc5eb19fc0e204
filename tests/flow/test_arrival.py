"""A batch from a listening socket, over real sockets: who came, with which words, and how a protocol gets them."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import socket
import time
from typing import TYPE_CHECKING, NamedTuple, cast

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.protocol import connectionDone

from pumpproxy.flow.arrival import FIRST_WORDS, arrivals, client_address, serve
from pumpproxy.flow.poll import Poller
from pumpproxy.flow.stream import StreamProtocol
from tests.fakes import LOOPBACK
from tests.flow.peers import has_ipv6, reset, until
from tests.logs import logged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twisted.python.failure import Failure


class Came(NamedTuple):
    """An Arrival, with names."""

    descriptor: int
    client: tuple[str, int]
    data: bytes


class Door:
    """A listening socket, and clients who came to it; all is closed in the end."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self.listening = stack.enter_context(socket.create_server((LOOPBACK, 0), backlog=100))
        self.listening.setblocking(False)

    def comes(self, words: bytes = b"") -> socket.socket:
        """One more, who says this; both are in the kernel when this returns."""
        client = self._stack.enter_context(socket.create_connection(self.listening.getsockname()))
        if words:
            client.sendall(words)
        return client

    def lets_in(self, most: int = 100, *, speak: bool = True) -> tuple[list[Came], OSError | None]:
        """Who came; their descriptors are closed at the end of the test, unless they are before."""
        taken, problem = arrivals(self.listening, most, speak=speak)
        found = [Came(*one) for one in taken]
        for arrival in found:
            self._stack.callback(_close, arrival.descriptor)
        return found, problem


def _close(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        os.close(descriptor)


@pytest.fixture
def door() -> Iterator[Door]:
    """One."""
    with contextlib.ExitStack() as stack:
        yield Door(stack)


# The batch ----------------------------------------------------------------------------------------------------------


def test_each_comes_with_what_it_said(door: Door) -> None:
    """In their order; and with nothing where nothing is there yet, or where it left or was reset."""
    whole, pieces, silent = door.comes(b"hello"), door.comes(b"hel"), door.comes()
    left, cut, said_and_left = door.comes(), door.comes(), door.comes(b"bye")
    names = [client.getsockname() for client in (whole, pieces, silent, left, cut, said_and_left)]
    left.close()
    reset(cut)
    said_and_left.shutdown(socket.SHUT_WR)
    found, problem = door.lets_in()
    assert [arrival.data for arrival in found] == [b"hello", b"hel", b"", b"", b"", b"bye"]
    assert [tuple(arrival.client) for arrival in found] == names
    assert isinstance(problem, BlockingIOError), "there is nobody more"
    pieces.sendall(b"lo")
    assert os.read(found[1].descriptor, 100) == b"lo"
    assert os.read(found[5].descriptor, 100) == b"", "its FIN is still to be read"


def test_a_client_that_was_reset_behind_its_words(door: Door) -> None:
    """They are there; its reset is told to whoever reads on."""
    client = door.comes(b"hello")
    reset(client)
    ((descriptor, _, data), *_), _ = door.lets_in()
    assert data == b"hello"
    with pytest.raises(ConnectionResetError):
        os.read(descriptor, 1)


def test_reading_never_waits(door: Door) -> None:
    """Whoever has the descriptor can rely on it."""
    door.comes()
    (arrival, *_), _ = door.lets_in()
    assert not os.get_blocking(arrival.descriptor)
    assert not os.get_inheritable(arrival.descriptor)
    with pytest.raises(BlockingIOError):
        os.read(arrival.descriptor, 1)


def test_no_more_are_taken_than_there_is_room_for(door: Door) -> None:
    """The others stay where they are; nothing was wrong."""
    for number in range(5):
        door.comes(b"%d" % number)
    found, problem = door.lets_in(3)
    assert ([arrival.data for arrival in found], problem) == ([b"0", b"1", b"2"], None)
    assert door.lets_in(0) == ([], None)
    found, problem = door.lets_in(3)
    assert [arrival.data for arrival in found] == [b"3", b"4"]
    assert isinstance(problem, BlockingIOError)


def test_who_is_not_to_speak_is_not_read(door: Door) -> None:
    """What it said stays in the kernel."""
    door.comes(b"hello")
    (arrival, *_), _ = door.lets_in(speak=False)
    assert arrival.data == b""
    assert os.read(arrival.descriptor, 100) == b"hello"


def test_what_is_more_than_the_first_words_is_read_on(door: Door) -> None:
    """Nothing of it is lost, or comes twice."""
    words = random.Random(1).randbytes(2 * FIRST_WORDS)
    door.comes(words)
    (arrival, *_), _ = door.lets_in()
    assert arrival.data == words[:FIRST_WORDS]
    assert os.read(arrival.descriptor, 1 << 20) == words[FIRST_WORDS:]


class Failing:
    """A listening socket whose accept(2) fails after so many."""

    def __init__(self, listening: socket.socket, after: int, number: int) -> None:
        self._listening = listening
        self._left = after
        self._number = number

    def _accept(self) -> tuple[int, tuple[str, int]]:
        if not self._left:
            raise OSError(self._number, os.strerror(self._number))
        self._left -= 1
        return cast("tuple[int, tuple[str, int]]", self._listening._accept())  # type: ignore[attr-defined]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ECONNABORTED])
def test_what_hinders_in_the_middle_takes_nothing_from_those_before(door: Door, number: int) -> None:
    """They are returned with it."""
    for _ in range(3):
        door.comes(b"hello")
    hindered = cast("socket.socket", Failing(door.listening, 2, number))
    taken, problem = arrivals(hindered, 100, speak=True)
    found = [Came(*one) for one in taken]
    assert [arrival.data for arrival in found] == [b"hello"] * 2
    assert problem is not None
    assert problem.errno == number
    assert problem.__traceback__ is None, "it keeps no frame, and nothing that a frame knows"
    for arrival in found:
        os.close(arrival.descriptor)
    found, _ = door.lets_in()
    assert [arrival.data for arrival in found] == [b"hello"], "the third is still there"


# Addresses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "host"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:c000:201", "::ffff:c000:201"),
        ("2001:db8::1", "2001:db8::1"),
        ("::1", "::1"),
    ],
)
def test_an_address(said: str, host: str) -> None:
    """An IPv4-mapped one, as the kernel writes it, is an IPv4 address; its port is kept."""
    assert tuple(client_address((said, 51234))) == (host, 51234)
    assert tuple(client_address((said, 51234, 0, 0))) == (host, 51234)  # type: ignore[arg-type]


@pytest.mark.skipif(not has_ipv6(), reason="machine: no IPv6")
def test_addresses_of_both_families_at_one_socket() -> None:
    """On `*`."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(
            socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True, backlog=10)
        )
        listening.setblocking(False)
        port = listening.getsockname()[1]
        for host in (LOOPBACK, "::1"):
            client = stack.enter_context(socket.create_connection((host, port)))
            ((descriptor, address, _), *_), _ = arrivals(listening, 10, speak=True)
            os.close(descriptor)
            assert tuple(address) == (host, client.getsockname()[1])


# A protocol of its own ----------------------------------------------------------------------------------------------


class Told(StreamProtocol):
    """Keeps what it is told, in its order; `fails`: at which of it it raises."""

    def __init__(self, fails: str = "") -> None:
        self.words = b""
        self.told: list[str] = []
        self._fails = fails

    def _note(self, what: str) -> None:
        self.told.append(what)
        if what == self._fails:
            raise ZeroDivisionError

    def connectionMade(self) -> None:
        """First of all."""
        self._note("made")

    def dataReceived(self, data: bytes) -> None:
        """Words."""
        self.words += data
        self._note("words")

    def readConnectionLost(self) -> None:
        """FIN."""
        self._note("FIN")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Last of all."""
        self.told.append(reason.type.__name__ if reason.type is not None else "")


@pytest.fixture
def poller() -> Iterator[Poller]:
    """One on the real reactor; nothing is left on it."""
    made = Poller(reactor, time.monotonic)  # type: ignore[arg-type]
    yield made
    left = len(made)
    made.stop()
    assert left == 0


@pytest_twisted.ensureDeferred
async def test_the_first_words_come_first_and_once(door: Door, poller: Poller) -> None:
    """Then what came meanwhile, and what comes later, and the end."""
    client = door.comes(b"one ")
    (arrival, *_), _ = door.lets_in()
    client.sendall(b"two ")
    protocol = Told()
    serve(poller, arrival.descriptor, protocol, arrival.data)
    assert protocol.words == b"one two "
    client.sendall(b"three")
    await until(lambda: protocol.words == b"one two three")
    client.shutdown(socket.SHUT_WR)
    await until(lambda: "FIN" in protocol.told)
    protocol.transport.loseConnection()
    await until(lambda: protocol.told[-1] == "ConnectionDone")
    assert protocol.told[0] == "made"
    assert client.recv(1) == b""


@pytest_twisted.ensureDeferred
async def test_who_left_before_it_was_served(door: Door, poller: Poller) -> None:
    """A FIN that is there already is told at once, behind the first words."""
    client = door.comes(b"bye")
    client.shutdown(socket.SHUT_WR)
    (arrival, *_), _ = door.lets_in()
    protocol = Told()
    serve(poller, arrival.descriptor, protocol, arrival.data)
    assert (protocol.told, protocol.words) == (["made", "words", "FIN"], b"bye")
    protocol.transport.abortConnection()
    await until(lambda: protocol.told[-1] == "ConnectionAborted")


@pytest_twisted.ensureDeferred
async def test_who_was_reset_before_it_was_served(door: Door, poller: Poller) -> None:
    """It is lost behind its first words."""
    reset(door.comes(b"bye"))
    (arrival, *_), _ = door.lets_in()
    protocol = Told()
    serve(poller, arrival.descriptor, protocol, arrival.data)
    assert protocol.told == ["made", "words", "ConnectionLost"]


@pytest_twisted.ensureDeferred
async def test_who_was_reset_without_a_word(door: Door, poller: Poller) -> None:
    """It is gone, though as by a FIN: the read that brought nothing took the reset along."""
    reset(door.comes())
    (arrival, *_), _ = door.lets_in()
    protocol = Told()
    serve(poller, arrival.descriptor, protocol, arrival.data)
    assert protocol.told == ["made", "FIN"]
    protocol.transport.loseConnection()
    await until(lambda: protocol.told[-1] == "ConnectionDone")


@pytest.mark.parametrize("moment", ["made", "words", "FIN"])
@pytest_twisted.ensureDeferred
async def test_a_defect_ends_this_one_alone(door: Door, poller: Poller, moment: str) -> None:
    """It is logged, the protocol is told, and the connection closed; the next one is served."""
    broken, sound = door.comes(b"hello"), door.comes(b"hello")
    broken.shutdown(socket.SHUT_WR)
    found, _ = door.lets_in()
    protocols = [Told(moment), Told()]
    with logged() as lines:
        for arrival, protocol in zip(found, protocols, strict=True):
            serve(poller, arrival.descriptor, protocol, arrival.data)
    assert [line.splitlines()[0] for line in lines] == ["critical: a connection ended by a defect"]
    assert protocols[0].told[-1] == "RuntimeError"
    assert broken.recv(1) == b""
    assert protocols[1].told == ["made", "words"]
    protocols[1].transport.loseConnection()
    await until(lambda: protocols[1].told[-1] == "ConnectionDone")
    sound.close()

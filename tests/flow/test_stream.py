"""What is a connection's own end, and what is a defect of ours."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, cast

import pytest
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.python.failure import Failure

from pumpproxy.flow.stream import StreamProtocol, acknowledge, is_network_end, is_quiet

if TYPE_CHECKING:
    from pumpproxy.flow.stream import Stream


@pytest.mark.parametrize(
    ("reason", "is_one"),
    [
        (ConnectionDone(), True),
        (ConnectionLost("reset"), True),
        (ConnectionAborted(), True),
        (ValueError("a defect"), False),
        (OSError(9, "a defect too"), False),
    ],
)
def test_what_ends_a_connection(reason: Exception, is_one: bool) -> None:  # noqa: FBT001
    """Twisted gives an exception that a protocol raised as the reason of the connection's loss."""
    assert is_network_end(Failure(reason)) is is_one


def test_a_fin_is_told_apart_from_the_end() -> None:
    """Twisted asks for the interface; without it a FIN would close the whole connection."""
    assert IHalfCloseableProtocol.providedBy(StreamProtocol())


def test_what_the_kernel_knows_of_a_connection() -> None:
    """Quiet is one on which neither data nor a FIN waits; nothing is taken away by the look."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        stream = cast("Stream", Handle(ours))
        assert is_quiet(stream)
        theirs.sendall(b"x")
        assert not is_quiet(stream)
        assert ours.recv(9) == b"x"
        assert is_quiet(stream)
        theirs.close()
        assert not is_quiet(stream)


def test_a_transport_without_a_socket_is_not_asked() -> None:
    """It is taken for quiet, and acknowledges as it likes."""
    nobody = cast("Stream", object())
    assert is_quiet(nobody)
    acknowledge(nobody)


def test_an_acknowledgement_of_what_is_no_tcp_is_nothing() -> None:
    """A unix socket has none, and a closed one neither."""
    ours, theirs = socket.socketpair()
    acknowledge(cast("Stream", Handle(ours)))
    theirs.sendall(b"still there")
    assert ours.recv(100) == b"still there"
    ours.close()
    theirs.close()
    acknowledge(cast("Stream", Handle(ours)))
    assert ours.fileno() < 0


class Handle:
    """A transport, as far as its socket is asked for."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def getHandle(self) -> socket.socket:
        """The socket."""
        return self._sock

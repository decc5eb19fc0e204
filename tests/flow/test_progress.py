"""How much of what was sent a peer has taken, as its kernel acknowledged it."""

from __future__ import annotations

import contextlib
import socket
import sys
from typing import TYPE_CHECKING, cast

import pytest
from twisted.internet.task import Clock

from pumpproxy.flow.progress import acknowledged, taken_by_peer
from tests.fakes import LOOPBACK
from tests.flow.streams import FakeStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twisted.internet.interfaces import ITransport

linux = pytest.mark.skipif(sys.platform != "linux", reason="machine: another kernel")


class Transport:
    """What of a Twisted transport is asked: its socket."""

    def __init__(self, handle: object) -> None:
        self._handle = handle

    def getHandle(self) -> object:
        """As ISystemHandle."""
        return self._handle


def over(handle: object) -> ITransport:
    """A transport over this socket, or whatever it is."""
    return cast("ITransport", Transport(handle))


@contextlib.contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a TCP connection, the second with a small receive buffer."""
    with socket.socket() as listening, socket.socket() as reader:
        listening.bind((LOOPBACK, 0))
        listening.listen(1)
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(listening.getsockname())
        writer, _ = listening.accept()
        with writer:
            yield writer, reader


def fill(writer: socket.socket) -> int:
    """Write until the kernel takes no more; how much that was."""
    writer.setblocking(False)
    size = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            size += writer.send(bytes(65536))
    return size


@linux
def test_what_a_reader_takes_is_seen() -> None:
    """Though nothing more was written, and before everything that was written is gone."""
    with pair() as (writer, reader):
        before = taken_by_peer(over(writer))
        assert before is not None
        size = fill(writer)
        stuck = taken_by_peer(over(writer))
        assert stuck is not None
        assert before <= stuck < before + size
        got = 0
        while got < size // 2:
            got += len(reader.recv(65536))
        later = taken_by_peer(over(writer))
        assert later is not None
        assert stuck < later < before + size


@linux
def test_everything_taken_is_everything_sent() -> None:
    """To the byte; and it was acknowledged only now."""
    with pair() as (writer, reader):
        before = taken_by_peer(over(writer))
        writer.sendall(bytes(1000))
        assert len(reader.recv(2000, socket.MSG_WAITALL | socket.MSG_DONTWAIT)) == 1000
        found = acknowledged(over(writer))
        assert before is not None
        assert found is not None
        assert found.size == before + 1000
        assert 0 <= found.age < 20


def test_none_where_the_system_does_not_say() -> None:
    """Unix sockets, transports without a socket, closed ones."""
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        assert acknowledged(over(one)) is None
    assert taken_by_peer(over(one)) is None
    assert acknowledged(over(object())) is None
    assert taken_by_peer(FakeStream(Clock()).real) is None


def test_none_on_an_older_kernel() -> None:
    """Whose tcp_info ends before the count."""

    class Older(socket.socket):
        def getsockopt(self, *_args: int) -> bytes:  # type: ignore[override]
            """Linux 3's."""
            return bytes(104)

    with Older() as sock:
        assert acknowledged(over(sock)) is None

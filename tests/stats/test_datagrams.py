"""Datagrams to a daemon that is there, is full, is gone, and comes back."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

import pytest
from twisted.python.failure import Failure

from pumpproxy.model import TcpAddress, UnixAddress
from pumpproxy.stats import datagrams
from pumpproxy.stats.datagrams import FLUSH, RETRY, Datagrams
from pumpproxy.stats.losses import FIRST, Losses
from tests.fakes import LOOPBACK
from tests.logs import logged
from tests.stats.journald import Journald
from tests.stats.reactors import LogReactor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Journald]:
    """One that listens, and reads when the test wants it."""
    made = Journald(tmp_path / "socket")
    yield made
    made.socket.close()


class World:
    """Datagrams to a path or an address."""

    def __init__(self, address: UnixAddress | TcpAddress) -> None:
        self.reactor = LogReactor()
        self.losses = Losses(self.reactor.real, "journal")
        self.datagrams = Datagrams(self.reactor.real, address, self.losses)

    def fill(self) -> int:
        """Put until one waits; how many were sent."""
        for number in range(100_000):
            self.datagrams.put(b"%d" % number)
            if self.reactor.writers:
                return number
        pytest.fail("it takes everything")

    def lost(self) -> list[str]:
        """What the log is told of losses, a second later."""
        with logged() as lines:
            self.reactor.advance(FIRST)
        return lines


def to(daemon: Journald) -> World:
    """A world that is connected to it."""
    world = World(UnixAddress(str(daemon.path)))
    world.datagrams.start()
    return world


def test_what_is_put_is_sent_at_once(daemon: Journald) -> None:
    """One datagram each."""
    world = to(daemon)
    world.datagrams.put(b"one")
    world.datagrams.put(b"two")
    assert daemon.waiting() == [b"one", b"two"]


def test_what_was_put_before_the_start_is_sent_then(daemon: Journald) -> None:
    """The process is not yet what it stays: nothing is open."""
    world = World(UnixAddress(str(daemon.path)))
    world.datagrams.put(b"one")
    assert world.datagrams.fileno() == -1
    world.datagrams.start()
    world.reactor.write()
    assert daemon.waiting() == [b"one"]


def test_a_full_daemon_makes_nobody_wait(daemon: Journald) -> None:
    """What does not fit is kept, in order, until there is room; then nobody asks for room any more."""
    world = to(daemon)
    sent = world.fill()
    world.datagrams.put(b"last")
    assert len(daemon.waiting()) == sent
    for _ in range(10):
        world.reactor.write()
    assert daemon.waiting() == [b"%d" % sent, b"last"]
    assert world.reactor.writers == []
    world.datagrams.put(b"next")
    assert daemon.waiting() == [b"next"]


def test_a_long_row_is_sent_in_turns(daemon: Journald, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others have theirs in between."""
    monkeypatch.setattr(datagrams, "_TURN", 2)
    world = World(UnixAddress(str(daemon.path)))
    for number in range(5):
        world.datagrams.put(b"%d" % number)
    world.datagrams.start()
    world.reactor.write()
    assert daemon.waiting() == [b"0", b"1"]
    world.reactor.write()
    world.reactor.write()
    assert daemon.waiting() == [b"2", b"3", b"4"]


def test_what_is_kept_is_bounded_and_the_rest_is_counted(daemon: Journald, monkeypatch: pytest.MonkeyPatch) -> None:
    """By bytes; for a word about losses there is more room, and it is lost uncounted."""
    monkeypatch.setattr(datagrams, "MOST", 100)
    monkeypatch.setattr(datagrams, "RESERVE", 50)
    world = to(daemon)
    world.fill()
    for _ in range(5):
        world.datagrams.put(b"x" * 30)
    world.datagrams.put(b"y" * 50, counted=False)
    world.datagrams.put(b"z" * 50, counted=False)
    assert world.lost() == ["warn: 2 log lines were lost: journal: it does not keep up"]
    daemon.waiting()
    world.reactor.write()
    world.reactor.write()
    assert daemon.waiting()[1:] == [*[b"x" * 30] * 3, b"y" * 50]
    world.datagrams.put(b"y")
    assert daemon.waiting() == [b"y"]


def test_a_daemon_that_restarts_misses_nothing(daemon: Journald) -> None:
    """It is looked for each second, and gets what was kept meanwhile; both is said."""
    world = to(daemon)
    daemon.close()
    with logged() as lines:
        world.datagrams.put(b"one")
        world.datagrams.put(b"two")
        world.reactor.advance(RETRY)
        again = Journald(daemon.path)
        assert again.waiting() == []
        world.reactor.advance(RETRY)
        world.reactor.write()
    assert again.waiting() == [b"one", b"two"]
    again.close()
    assert [line.partition(": lines")[0] for line in lines] == [
        "error: log: journal cannot be written (Connection refused)",
        "error: log: journal cannot be written (No such file or directory)",
        "info: log: journal is written again",
    ]


def test_a_daemon_that_is_not_there_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too much meanwhile is lost."""
    monkeypatch.setattr(datagrams, "MOST", 10)
    world = World(UnixAddress(str(tmp_path / "nobody")))
    world.datagrams.start()
    world.datagrams.put(b"x" * 8)
    world.datagrams.put(b"x" * 8)
    assert "warn: 1 log line was lost: journal: it is not there" in world.lost()


def test_what_no_datagram_can_hold_is_lost(daemon: Journald) -> None:
    """And what comes after it is sent."""
    world = to(daemon)
    world.datagrams.put(b"x" * (1 << 24))
    world.datagrams.put(b"y")
    assert daemon.waiting() == [b"y"]
    assert world.lost() == ["warn: 1 log line was lost: journal: too long for a datagram"]


def test_udp_is_sent_to_either_family() -> None:
    """IPv4 and IPv6."""
    for family, host in ((socket.AF_INET, LOOPBACK), (socket.AF_INET6, "::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as daemon:
            try:
                daemon.bind((host, 0))
            except OSError:
                pytest.skip("machine: no IPv6")
            daemon.settimeout(20)
            world = World(TcpAddress(host, daemon.getsockname()[1]))
            world.datagrams.start()
            world.datagrams.put(b"one")
            assert daemon.recv(100) == b"one"


def test_by_udp_the_next_one_tells_that_nobody_was_there() -> None:
    """The earlier is lost, the next is sent all the same: somebody may be there by now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind((LOOPBACK, 0))
        port = daemon.getsockname()[1]
    world = World(TcpAddress(LOOPBACK, port))
    world.datagrams.start()
    world.datagrams.put(b"one")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind((LOOPBACK, port))
        daemon.settimeout(20)
        world.datagrams.put(b"two")
        assert daemon.recv(100) == b"two"
    assert world.lost() == ["warn: 1 log line was lost: journal: nobody is there"]


def test_by_udp_a_word_about_losses_is_no_loss() -> None:
    """It would bring the next word."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind((LOOPBACK, 0))
        world = World(TcpAddress(LOOPBACK, daemon.getsockname()[1]))
    world.datagrams.start()
    world.datagrams.put(b"1 log line was lost", counted=False)
    world.datagrams.put(b"2 log lines were lost", counted=False)
    assert world.lost() == []


def test_the_end_waits_for_what_is_kept(daemon: Journald) -> None:
    """Until it is sent; then nothing is open."""
    world = to(daemon)
    world.fill()
    ended: list[None] = []
    world.datagrams.stop().addCallback(ended.append)
    assert ended == []
    daemon.waiting()
    world.reactor.write()
    world.reactor.write()
    assert ended == [None]
    assert world.datagrams.fileno() == -1
    assert world.reactor.getDelayedCalls() == []


def test_the_end_does_not_wait_for_long(daemon: Journald) -> None:
    """A second; what is lost then is counted."""
    world = to(daemon)
    world.fill()
    world.datagrams.put(b"last")
    ended: list[None] = []
    world.datagrams.stop().addCallback(ended.append)
    with logged() as lines:
        world.reactor.advance(FLUSH)
        assert ended == [None]
        world.losses.stop()
    assert lines == ["warn: 2 log lines were lost: journal: it did not take them before the end"]
    assert world.reactor.writers == []


def test_at_the_end_a_daemon_that_is_back_is_found(daemon: Journald) -> None:
    """It is looked for once more, at once."""
    world = to(daemon)
    daemon.close()
    world.datagrams.put(b"one")
    again = Journald(daemon.path)
    ended: list[None] = []
    world.datagrams.stop().addCallback(ended.append)
    world.reactor.write()
    world.reactor.write()
    assert again.waiting() == [b"one"]
    assert ended == [None]
    assert world.reactor.getDelayedCalls() == []
    again.close()


def test_without_anything_kept_the_end_is_at_once(daemon: Journald) -> None:
    """As ever."""
    ended: list[None] = []
    to(daemon).datagrams.stop().addCallback(ended.append)
    assert ended == [None]


def test_a_socket_of_another_kind_is_an_outage(tmp_path: Path) -> None:
    """A stream socket at the path: said, and looked at again."""
    path = tmp_path / "stream"
    with socket.socket(socket.AF_UNIX) as listening, logged() as lines:
        listening.bind(str(path))
        world = World(UnixAddress(str(path)))
        world.datagrams.start()
    assert lines[0].startswith("error: log: journal cannot be written (Protocol wrong type for socket)")
    assert len(world.reactor.getDelayedCalls()) == 1


def test_a_socket_that_the_reactor_gives_up_is_made_again(daemon: Journald) -> None:
    """As one whose daemon is gone, and once."""
    world = to(daemon)
    with logged() as lines:
        world.datagrams.connectionLost(Failure(OSError(errno.EBADF, "bad")))
        world.datagrams.connectionLost(Failure(OSError(errno.EBADF, "worse")))
    assert len(lines) == 1
    assert world.datagrams.fileno() == -1
    world.reactor.advance(RETRY)
    world.datagrams.put(b"one")
    assert daemon.waiting() == [b"one"]

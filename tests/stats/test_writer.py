"""Lines by a thread: into files that come and go, that are full, and into what blocks."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from pumpproxy.stats import writer as writer_module
from pumpproxy.stats.losses import KEPT, Losses
from pumpproxy.stats.writer import FLUSH, Writer, open_file, open_stderr
from tests.logs import logged
from tests.stats.reactors import LogReactor, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tenths of a second add up."""
    monkeypatch.setattr(writer_module, "GATHER", 0.01)
    monkeypatch.setattr(writer_module, "RETRY", 0.01)


class World:
    """A writer that has been started."""

    def __init__(self, open_: Callable[[], int]) -> None:
        self.reactor = LogReactor()
        self.losses = Losses(self.reactor.real, "file:/x")
        self.writer = Writer(self.reactor.real, open_, self.losses)
        self.writer.start()

    def answer_until(self, said: str, lines: list[str]) -> None:
        """Let the thread have its calls until this is logged."""
        for _ in range(100):
            if said in lines:
                return
            self.reactor.answer_a_thread()
        pytest.fail(f"{said!r} is not said")

    def stop(self) -> None:
        """End, and wait until all is written."""
        ended: list[None] = []
        self.writer.stop().addCallback(ended.append)
        for _ in range(10):
            if not ended:
                self.reactor.answer_a_thread()
        assert ended == [None]


def test_lines_are_appended_in_order(tmp_path: Path) -> None:
    """To what is there already; what was put before the start comes first."""
    path = tmp_path / "log"
    path.write_bytes(b"old\n")
    reactor = LogReactor()
    writer = Writer(reactor.real, lambda: open_file(str(path)), Losses(reactor.real, "x"))
    writer.put(b"0\n")
    writer.start()
    for number in range(1, 1000):
        writer.put(b"%d\n" % number)
    ended: list[None] = []
    writer.stop().addCallback(ended.append)
    reactor.answer_a_thread()
    assert ended == [None]
    assert path.read_bytes() == b"old\n" + b"".join(b"%d\n" % number for number in range(1000))


def test_a_file_is_made_with_its_mode(tmp_path: Path) -> None:
    """For its owner and its group, whatever the umask is (a daemon's is 0077); one that is there keeps its own."""
    made, kept = tmp_path / "made", tmp_path / "kept"
    kept.touch(0o600)
    before = os.umask(0o077)
    try:
        for path in (made, kept):
            os.close(open_file(str(path)))
    finally:
        os.umask(before)
    assert stat.S_IMODE(made.stat().st_mode) == 0o640
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_file_that_was_moved_away_is_made_again(tmp_path: Path) -> None:
    """At `reopen`: what comes after it is in the new file, and nothing is in neither."""
    path, old = tmp_path / "log", tmp_path / "log.1"
    world = World(lambda: open_file(str(path)))
    for number in range(100):
        world.writer.put(b"%d\n" % number)
        if number == 50:
            until(path.exists)
            path.rename(old)
            world.writer.reopen()
    world.stop()
    assert old.read_bytes() + path.read_bytes() == b"".join(b"%d\n" % number for number in range(100))
    assert path.read_bytes().endswith(b"99\n")


def test_a_directory_that_is_missing_is_waited_for(tmp_path: Path) -> None:
    """Said once; lines are kept, and written when it is there."""
    path = tmp_path / "there" / "log"
    with logged() as lines:
        world = World(lambda: open_file(str(path)))
        world.writer.put(b"one\n")
        world.reactor.answer_a_thread()
        world.writer.put(b"two\n")
        path.parent.mkdir()
        world.answer_until("info: log: file:/x is written again", lines)
        world.stop()
    assert path.read_bytes() == b"one\ntwo\n"
    assert [line.partition(": lines")[0] for line in lines] == [
        "error: log: file:/x cannot be written (No such file or directory)",
        "info: log: file:/x is written again",
    ]


def test_a_reopening_that_fails_leaves_the_old_file_open(tmp_path: Path) -> None:
    """Nothing is lost while the directory is not there; then the new file is made, without another word."""
    path, away = tmp_path / "there" / "log", tmp_path / "away"
    path.parent.mkdir()
    with logged() as lines:
        world = World(lambda: open_file(str(path)))
        until(path.exists)
        path.parent.rename(away)
        world.writer.reopen()
        world.reactor.answer_a_thread()
        world.writer.put(b"one\n")
        until((away / "log").read_bytes)
        path.parent.mkdir()
        world.answer_until("info: log: file:/x is written again", lines)
        world.writer.put(b"two\n")
        world.stop()
    assert (away / "log").read_bytes() == b"one\n"
    assert path.read_bytes() == b"two\n"
    assert len(lines) == 2


def test_a_full_disk_is_an_outage() -> None:
    """What is not written is kept; what is left at the end is counted."""
    with logged() as lines:
        world = World(lambda: os.open("/dev/full", os.O_WRONLY))
        world.writer.put(b"one\n")
        world.reactor.answer_a_thread()
        world.writer.put(b"two\n")
        world.stop()
        world.losses.stop()
    assert lines == [
        f"error: log: file:/x cannot be written (No space left on device): {KEPT}",
        "warn: 2 log lines were lost: file:/x: it did not take them before the end",
    ]


def test_a_disk_that_has_room_again_gets_the_rest(tmp_path: Path) -> None:
    """From where it was full."""
    path = tmp_path / "log"
    targets = ["/dev/full", "/dev/full"]
    with logged() as lines:
        world = World(lambda: open_file(targets.pop() if targets else str(path)))
        world.writer.put(b"one\n")
        world.answer_until("info: log: file:/x is written again", lines)
        world.stop()
    assert path.read_bytes() == b"one\n"
    assert len(lines) == 2


def pipe() -> tuple[int, int]:
    """One that is full but for a page."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with open(writing, "wb", buffering=0, closefd=False) as end:
        while end.write(b"x" * 4096):
            pass
    os.set_blocking(writing, True)
    return reading, writing


def test_what_blocks_makes_nobody_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are kept up to a bound; those beyond are counted; at the end nobody waits for the thread for long."""
    monkeypatch.setattr(writer_module, "MOST", 100)
    reading, writing = pipe()
    # The thread's own, however late it begins: its number is nobody else's until then.
    descriptor = os.dup(writing)
    world = World(lambda: descriptor)
    for _ in range(5):
        world.writer.put(b"x" * 29 + b"\n")
    ended: list[None] = []
    world.writer.stop().addCallback(ended.append)
    assert ended == []
    with logged() as lines:
        world.reactor.advance(FLUSH)
        world.losses.stop()
    assert ended == [None]
    assert lines[0] == "warn: 2 log lines were lost: file:/x: it does not keep up"
    assert lines[1].endswith(": it did not take them before the end")
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("blocking", [True, False])
def test_a_slow_reader_gets_everything(blocking: bool) -> None:  # noqa: FBT001
    """Also where somebody else has made the pipe or the terminal one that does not wait."""
    reading, writing = pipe()
    os.set_blocking(writing, blocking)
    world = World(lambda: writing)
    for number in range(1000):
        world.writer.put(b"%09d\n" % number)
    ended: list[None] = []
    world.writer.stop().addCallback(ended.append)
    with open(reading, "rb", closefd=False) as end:
        found = end.read()
    world.reactor.answer_a_thread()
    assert ended == [None]
    assert found.lstrip(b"x") == b"".join(b"%09d\n" % number for number in range(1000))
    os.close(reading)


def test_a_fifo_without_a_reader_blocks_nobody(tmp_path: Path) -> None:
    """It is an outage until somebody reads."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with logged() as lines:
        world = World(lambda: open_file(str(path)))
        world.writer.put(b"one\n")
        world.reactor.answer_a_thread()
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        world.answer_until("info: log: file:/x is written again", lines)
        world.stop()
    assert os.read(reading, 100) == b"one\n"
    os.close(reading)


def test_one_that_was_never_started_ends_at_once() -> None:
    """There is no thread to wait for."""
    reactor = LogReactor()
    ended: list[None] = []
    Writer(reactor.real, open_stderr, Losses(reactor.real, "stderr")).stop().addCallback(ended.append)
    assert ended == [None]


def test_standard_error_stays_open() -> None:
    """What is closed at the end is a copy."""
    descriptor = open_stderr()
    assert descriptor != 2
    os.close(descriptor)
    os.fstat(2)

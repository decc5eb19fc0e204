"""Pipes: enlarged, pooled, and given back."""

from __future__ import annotations

import errno
import fcntl
import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from twisted.internet.task import Clock

from pumpproxy.flow import pipes as module
from pumpproxy.flow.idle import Sweep
from pumpproxy.flow.pipes import IDLE, KEPT, SIZE, Pipe, Pipes

if TYPE_CHECKING:
    from pumpproxy.interfaces import Reactor

pytestmark = pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="machine: no F_SETPIPE_SZ")


def pipes() -> Pipes:
    """A pool on a clock of its own."""
    clock = Clock()
    return Pipes(Sweep(cast("Reactor", clock), clock.seconds))


def descriptors() -> int:
    """How many this process has open, once what earlier tests left to the garbage collector is gone."""
    gc.collect()
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_one_is_large_and_does_not_block() -> None:
    """A MiB in one, where the system allows it; and it is used again."""
    pool = pipes()
    pipe = pool.borrow()
    assert pipe is not None
    assert pipe.size in (SIZE, module.LEAST)
    assert not os.get_blocking(pipe.reader)
    assert not os.get_inheritable(pipe.writer)
    pool.give_back(pipe, empty=True)
    assert pool.borrow() == pipe
    pool.give_back(pipe, empty=True)
    pool.close()


def test_one_that_holds_bytes_is_not_used_again() -> None:
    """They would reach somebody else."""
    before = descriptors()
    pool = pipes()
    pipe = pool.borrow()
    assert pipe is not None
    os.write(pipe.writer, b"somebody's")
    pool.give_back(pipe, empty=False)
    assert descriptors() == before
    assert pool.in_use == 0


def test_no_more_than_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks beyond MOST gets none; of those given back, IDLE are kept."""
    monkeypatch.setattr(module, "MOST", IDLE + 3)
    before = descriptors()
    pool = pipes()
    borrowed = [pool.borrow() for _ in range(IDLE + 5)]
    given = [pipe for pipe in borrowed if pipe is not None]
    assert len(given) == IDLE + 3
    assert pool.refused == 2
    for pipe in given:
        pool.give_back(pipe, empty=True)
    assert descriptors() == before + 2 * IDLE
    pool.close()
    assert descriptors() == before


def test_no_descriptor_is_no_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no failure."""

    def exhausted(_flags: int) -> tuple[int, int]:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "pipe2", exhausted)
    pool = pipes()
    assert pool.borrow() is None
    assert (pool.refused, pool.in_use) == (1, 0)


def refuses_to_enlarge(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """As for an unprivileged user whose pipes hold too much already."""

    def fcntl_(_descriptor: int, command: int, _size: int = 0) -> int:
        if command == fcntl.F_SETPIPE_SZ:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return size

    monkeypatch.setattr(fcntl, "fcntl", fcntl_)


def test_one_that_cannot_be_enlarged_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted."""
    refuses_to_enlarge(monkeypatch, 1 << 16)
    pool = pipes()
    pipe = pool.borrow()
    assert isinstance(pipe, Pipe)
    assert (pipe.size, pool.small) == (1 << 16, 1)
    pool.give_back(pipe, empty=True)
    pool.close()


def test_one_that_is_too_small_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel gives 8 KiB to a user beyond the limit: copying is cheaper."""
    refuses_to_enlarge(monkeypatch, 8192)
    before = descriptors()
    pool = pipes()
    assert pool.borrow() is None
    assert descriptors() == before


def test_they_are_kept_for_a_while() -> None:
    """From the last one that was given back; then their descriptors come back."""
    before = descriptors()
    clock = Clock()
    pool = Pipes(Sweep(cast("Reactor", clock), clock.seconds))
    for _ in range(2):
        pipe = pool.borrow()
        assert pipe is not None
        pool.give_back(pipe, empty=True)
        clock.advance(KEPT - 1)
        assert descriptors() == before + 2
    clock.advance(2)
    assert descriptors() == before
    assert clock.getDelayedCalls() == []

"""A reactor for logs: a clock, whose writers and calls from threads a test lets have their turn."""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING, cast

from twisted.internet.task import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IWriteDescriptor

    from pumpproxy.interfaces import Reactor

PATIENCE = 20.0


def until(condition: Callable[[], object]) -> None:
    """Wait for what a thread does."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.005)


class LogReactor(Clock):
    """What Datagrams, Writer and Losses ask of one."""

    def __init__(self) -> None:
        super().__init__()
        self.writers: list[IWriteDescriptor] = []
        self.asked: queue.Queue[Callable[[], object]] = queue.Queue()

    def addWriter(self, writer: IWriteDescriptor) -> None:
        """As the real one: once, however often it is said."""
        if writer not in self.writers:
            self.writers.append(writer)

    def removeWriter(self, writer: IWriteDescriptor) -> None:
        """As the real one: nothing happens where it is not there."""
        if writer in self.writers:
            self.writers.remove(writer)

    def callFromThread(self, call: Callable[[], object]) -> None:
        """Later."""
        self.asked.put(call)

    def write(self) -> None:
        """All that wait for room are told that there is some."""
        for writer in list(self.writers):
            writer.doWrite()

    def answer_a_thread(self) -> None:
        """Wait until a thread asks for something, and do it."""
        self.asked.get(timeout=PATIENCE)()

    @property
    def real(self) -> Reactor:
        """As the types want it."""
        return cast("Reactor", self)

"""The producer's side of a transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pumpproxy.flow.producing import Producing

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IProducer

    from pumpproxy.flow.poll import Poller


class Transport(Producing):
    """One that a test fills and empties; it is its own poller."""

    def __init__(self) -> None:
        self.poller = cast("Poller", self)
        self._lost = False
        self.full = False
        self.later: list[Callable[[], object]] = []

    @property
    def waits(self) -> bool:
        """Something does."""
        return self.full

    def soon(self, call: Callable[[], object], _entry: object) -> None:
        """As the poller's."""
        self.later.append(call)


class Writer:
    """A producer, and what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        """Too much waits."""
        self.told.append("pause")

    def resumeProducing(self) -> None:
        """Nothing does."""
        self.told.append("resume")

    def stopProducing(self) -> None:
        """The transport is gone."""
        self.told.append("stop")


def registered(*, streaming: bool) -> tuple[Transport, Writer]:
    """A transport, and who writes to it."""
    transport, writer = Transport(), Writer()
    transport.registerProducer(cast("IProducer", writer), streaming)
    return transport, writer


def test_a_push_producer_is_paused_and_resumed() -> None:
    """Each once."""
    transport, writer = registered(streaming=True)
    transport.ask_producer()
    assert writer.told == []
    transport.pause_producer()
    transport.pause_producer()
    transport.ask_producer()
    transport.ask_producer()
    assert writer.told == ["pause", "resume"]


def test_a_pull_producer_is_asked_whenever_nothing_waits() -> None:
    """At once, and never paused."""
    transport, writer = registered(streaming=False)
    transport.pause_producer()
    transport.ask_producer()
    assert writer.told == ["resume", "resume"]
    transport.startWriting()
    transport.full = True
    transport.later.pop()()
    assert len(writer.told) == 2
    transport.full = False
    transport.startWriting()
    transport.later.pop()()
    assert len(writer.told) == 3


def test_nobody_is_asked_who_is_not_registered() -> None:
    """Any more, or with a transport that is gone."""
    transport, writer = registered(streaming=True)
    transport.unregisterProducer()
    transport.pause_producer()
    transport.ask_producer()
    assert writer.told == []
    transport._lost = True
    transport.registerProducer(cast("IProducer", writer), True)
    assert writer.told == ["stop"]
    assert transport.producer is None

"""When everything that was written to a transport has left its buffer.

A push producer is told of room only where it was paused before; a pull producer is asked whenever the buffer is empty.
May not: write, or know what was written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPullProducer
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumpproxy.flow.stream import Stream


@implementer(IPullProducer)
class Drain:
    """Watches one transport, as its only producer meanwhile; it may be started again and again."""

    __slots__ = ("_drained", "_started")

    def __init__(self, drained: Callable[[], None]) -> None:
        self._drained = drained
        self._started = False

    def start(self, transport: Stream) -> None:
        """Take the place of the transport's producer; `drained` is called once, from within a later event."""
        self._started = False
        transport.unregisterProducer()
        transport.registerProducer(self, False)
        self._started = True
        # Where the buffer is empty already, nothing but an attempt to write would bring the answer.
        start_writing = getattr(transport, "startWriting", None)
        if start_writing is not None:
            start_writing()

    def resumeProducing(self) -> None:
        """The buffer is empty; a call from within the registration says nothing."""
        if self._started:
            self._started = False
            self._drained()

    def stopProducing(self) -> None:
        """The transport is lost, which its protocol deals with."""

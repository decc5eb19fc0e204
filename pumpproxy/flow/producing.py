"""The producer's side of a transport: who writes to it is paused and resumed as its peer takes what is written.

May not: write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from twisted.internet.interfaces import IProducer, IPullProducer, IPushProducer

    from pumpproxy.flow.poll import Poller, Watched


class Producing:
    """For a transport that is watched by a poller, as IConsumer has it."""

    producer: IPushProducer | IPullProducer | None = None
    producing = True
    _streaming = True

    if TYPE_CHECKING:
        poller: Poller
        _lost: bool

        @property
        def waits(self) -> bool:
            """Whether something waits to be written."""

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:  # noqa: FBT001 - Twisted's signature
        """Pause and resume `producer` as the peer takes what is written."""
        if self._lost:
            producer.stopProducing()
            return
        self.producer = cast("IPushProducer | IPullProducer", producer)
        self._streaming = self.producing = streaming
        if not streaming:
            self.producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """There is none any more."""
        self.producer = None

    def startWriting(self) -> None:
        """Ask a pull producer soon, where nothing waits; see `drain`."""
        self.poller.soon(self._ask, cast("Watched", self))

    def pause_producer(self) -> None:
        """Too much waits to be written."""
        if self.producing and self._streaming and self.producer is not None:
            self.producing = False
            cast("IPushProducer", self.producer).pauseProducing()

    def ask_producer(self) -> None:
        """Nothing waits any more."""
        if not self.producing and self.producer is not None:
            self.producing = self._streaming
            self.producer.resumeProducing()

    def _ask(self) -> None:
        if not self.waits and not self._streaming and self.producer is not None and not self._lost:
            self.producer.resumeProducing()

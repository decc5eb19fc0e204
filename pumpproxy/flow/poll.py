"""An edge-triggered epoll of our own, which the reactor sees as one reader: a whole batch of events a wake-up.

An epoll descriptor can itself be polled, so this needs no second event loop and no thread, and spares every event the
cost of a general reactor's bookkeeping. Descriptors are closed at the end of a batch, so that an event of the batch
never reaches whoever got the same number meanwhile. Linux only.
May not: know what a descriptor is for.
"""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from pumpproxy.interfaces import Reactor

    Told = Callable[[int], None]

READABLE = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
"""Something is to be learnt by reading: data, FIN or an error."""
ENDING = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
"""More than data is to be learnt: a short read does not mean that nothing is left."""
WRITABLE = select.EPOLLOUT
_EVENTS = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
BATCH = 256


@implementer(IReadDescriptor)
class Poller:
    """Descriptors, each with who is told of its events; `now` is the time of the batch under way, or of the last."""

    log = Logger()

    def __init__(self, reactor: Reactor, now: Callable[[], float]) -> None:
        self._reactor = reactor
        self._clock = now
        self._epoll = select.epoll()
        self._told: dict[int, Told] = {}
        self._soon: list[Callable[[], None]] = []
        self._closing: list[int] = []
        self._in_batch = False
        self._call: IDelayedCall | None = None
        self.now = now()
        reactor.addReader(self)

    def __len__(self) -> int:
        return len(self._told)

    def add(self, descriptor: int, told: Told) -> None:
        """Tell of this descriptor's events from now on; the first ones come at once, if there is anything."""
        self._told[descriptor] = told
        self._epoll.register(descriptor, _EVENTS)

    def tell(self, descriptor: int, told: Told) -> None:
        """Tell somebody else of the events of a descriptor that was added."""
        self._told[descriptor] = told

    def close(self, descriptor: int) -> None:
        """Close a descriptor, whether it was added or not. Its events reach nobody from now on."""
        self._told.pop(descriptor, None)
        if self._in_batch:
            self._closing.append(descriptor)
        else:
            os.close(descriptor)

    def soon(self, call: Callable[[], None]) -> None:
        """Call after this batch, or in the reactor's next turn."""
        self._soon.append(call)
        if not self._in_batch and self._call is None:
            self._call = self._reactor.callLater(0, self._turn)

    def stop(self) -> None:
        """Poll no more; what was added is the caller's to close."""
        self._reactor.removeReader(self)
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self._epoll.close()

    # For the reactor

    def fileno(self) -> int:
        """The epoll's own descriptor; -1 once stopped."""
        return -1 if self._epoll.closed else self._epoll.fileno()

    def logPrefix(self) -> str:
        """For the reactor."""
        return "poller"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor is at its end."""

    def doRead(self) -> None:
        """Something happened."""
        self.now = self._clock()
        self._in_batch = True
        get = self._told.get
        for descriptor, events in self._epoll.poll(0, BATCH):
            told = get(descriptor)
            if told is not None:
                try:
                    told(events)
                except Exception:  # noqa: BLE001 - a defect of one connection must not reach the others
                    self.log.failure("a connection ended by a defect")
                    self._told.pop(descriptor, None)
                    self._broken(told)
        self._end_batch()

    def _broken(self, told: Told) -> None:
        broke = getattr(getattr(told, "__self__", None), "broke", None)
        if broke is not None:
            broke()

    def _end_batch(self) -> None:
        self._in_batch = False
        if self._closing:
            for descriptor in self._closing:
                os.close(descriptor)
            self._closing.clear()
        if self._soon and self._call is None:
            self._turn()

    def _turn(self) -> None:
        """What was to be done soon; what that asks for waits for the reactor's next turn, so that others get theirs."""
        self._call = None
        calls, self._soon = self._soon, []
        self.now = self._clock()
        for call in calls:
            call()
        if self._soon and self._call is None:
            self._call = self._reactor.callLater(0, self._turn)

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
from typing import Protocol as ProtocolType

from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from pumpproxy.interfaces import Reactor

_HAS_EPOLL = hasattr(select, "epoll")
DATA = select.EPOLLIN if _HAS_EPOLL else 0
"""This alone: data came, and nothing else."""
FAILED = select.EPOLLERR if _HAS_EPOLL else 0
"""The connection is reset."""
OVER = FAILED | select.EPOLLHUP if _HAS_EPOLL else 0
"""It is reset, or closed both ways."""
ENDING = OVER | select.EPOLLRDHUP if _HAS_EPOLL else 0
"""More than data is to be learnt: a short read does not mean that nothing is left."""
READABLE = DATA | ENDING
"""Something is to be learnt by reading: data, FIN or an error."""
WRITABLE = select.EPOLLOUT if _HAS_EPOLL else 0
# A socket nearly always takes what is written, so that room is asked for only where it did not: each connection would
# be woken for it otherwise, when it is added and with each acknowledgement.
_QUIET = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET if _HAS_EPOLL else 0
_ALL = _QUIET | WRITABLE
BATCH = 256
"""Events fetched at a time."""
TURN = 0.005
"""Seconds after which the reactor gets its turn, however much goes on: its signals, timers and own descriptors."""
_GROWTH = 256


class Watched(ProtocolType):
    """Who is told of a descriptor's events."""

    def told(self, events: int) -> None:
        """These happened."""

    def broke(self) -> None:
        """It raised, which is logged already: it must end what it stands for."""


@implementer(IReadDescriptor)
class Poller:
    """Descriptors, each with who is told of its events; `now` is the time of the batch under way, or of the last."""

    log = Logger()

    def __init__(self, reactor: Reactor, now: Callable[[], float]) -> None:
        self._reactor = reactor
        self._clock = now
        self._epoll = select.epoll()
        self._register = self._epoll.register
        # By descriptor: the kernel gives the lowest free number, so that this is dense.
        self._watched: list[Watched | None] = []
        self._soon: list[tuple[Callable[[], object], Watched | None]] = []
        self._closing: list[int] = []
        self._in_batch = False
        self._call: IDelayedCall | None = None
        self.now = now()
        reactor.addReader(self)

    def __len__(self) -> int:
        return sum(1 for entry in self._watched if entry is not None)

    def add(self, descriptor: int, entry: Watched, *, room: bool = False) -> None:
        """Tell of this descriptor's events from now on; the first ones come at once, if there is anything.

        `room`: of room for writing too. All are told once, when they begin (edge-triggered).
        """
        try:
            self._watched[descriptor] = entry
        except IndexError:
            self.tell(descriptor, entry)
        self._register(descriptor, _ALL if room else _QUIET)

    def add_pair(self, one: int, entry: Watched, other: int, its_entry: Watched) -> None:
        """As `add`, of two."""
        try:
            self._watched[one] = entry
            self._watched[other] = its_entry
        except IndexError:
            self.tell(one, entry)
            self.tell(other, its_entry)
        self._register(one, _QUIET)
        self._register(other, _QUIET)

    def add_listening(self, descriptor: int, entry: Watched) -> None:
        """Tell of a listening socket's backlog in each batch, as long as somebody waits in it (level-triggered)."""
        self.tell(descriptor, entry)
        self._register(descriptor, select.EPOLLIN)

    def remove(self, descriptor: int) -> None:
        """Tell no more of a descriptor that was added, and stays open."""
        self._watched[descriptor] = None
        self._epoll.unregister(descriptor)

    def tell(self, descriptor: int, entry: Watched) -> None:
        """Tell somebody else of the events of a descriptor that was added."""
        try:
            self._watched[descriptor] = entry
        except IndexError:
            self._watched += [None] * (descriptor - len(self._watched) + _GROWTH)
            self._watched[descriptor] = entry

    def tell_room(self, descriptor: int) -> None:
        """Tell of room for writing too, for good; at once where there is room already."""
        self._epoll.modify(descriptor, _ALL)

    def close(self, descriptor: int) -> None:
        """Close a descriptor, whether it was added or not. Its events reach nobody from now on."""
        if descriptor < len(self._watched):
            self._watched[descriptor] = None
        if self._in_batch:
            self._closing.append(descriptor)
        else:
            os.close(descriptor)

    def close_both(self, one: int, other: int) -> None:
        """As `close`, of two that were most likely added."""
        if self._in_batch:
            try:
                self._watched[one] = self._watched[other] = None
            except IndexError:
                pass
            else:
                self._closing += (one, other)
                return
        self.close(one)
        self.close(other)

    def look_at_clock(self) -> None:
        """Renew `now`, for what happens outside a batch."""
        self.now = self._clock()

    def soon(self, call: Callable[[], object], entry: Watched | None = None) -> None:
        """Call after this batch, or in the reactor's next turn; `entry` is who breaks where it raises."""
        self._soon.append((call, entry))
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
        """Something happened: batch after batch, until nothing has, or the reactor must get its turn."""
        self.now = self._clock()
        end = self.now + TURN
        poll = self._epoll.poll
        while batch := poll(0, BATCH):
            self._in_batch = True
            watched = self._watched
            for descriptor, events in batch:
                entry = watched[descriptor]
                if entry is not None:
                    try:
                        entry.told(events)
                    except Exception:  # noqa: BLE001 - a defect of one connection must not reach the others
                        watched[descriptor] = None
                        self._broke(entry)
            self._end_batch()
            self.now = self._clock()
            if self.now >= end or self._epoll.closed:
                break

    def _end_batch(self) -> None:
        self._in_batch = False
        if self._closing:
            for descriptor in self._closing:
                os.close(descriptor)
            self._closing.clear()
        if self._soon:
            self._do_now()

    def _broke(self, entry: Watched | None) -> None:
        """It raised just now. What its end raises is logged too: an exception out of here would be the end of all."""
        self.log.failure("a connection ended by a defect")
        if entry is not None:
            try:
                entry.broke()
            except Exception:  # noqa: BLE001 - as above
                self.log.failure("a connection ended by a defect, and could not be closed")

    def _turn(self) -> None:
        self._call = None
        self._do_now()

    def _do_now(self) -> None:
        """What was to be done soon; what that asks for waits for the reactor's next turn, so that others get theirs."""
        calls, self._soon = self._soon, []
        self.now = self._clock()
        for call, entry in calls:
            try:
                call()
            except Exception:  # noqa: BLE001 - as in a batch; the reactor would never call us again
                self._broke(entry)
        if self._soon and self._call is None:
            self._call = self._reactor.callLater(0, self._turn)

"""DNS names of servers: asked through the reactor's resolver, again every 30 seconds, the last good answer kept.

May not: try addresses, or judge a server. IPv4 and IPv6 addresses are given in the system's order (RFC 6724).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IResolutionReceiver
from twisted.logger import Logger
from zope.interface import implementer

from pumpproxy.model import DnsAddress, TcpAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from twisted.internet.interfaces import IAddress, IDelayedCall, IHostResolution

    from pumpproxy.interfaces import Reactor

    Answer = Callable[[tuple[TcpAddress, ...]], None]

ASK_AGAIN = 30.0
"""Seconds. The system's resolver does not say how long an answer holds."""


@implementer(IResolutionReceiver)
class _Question:
    """One question under way, and who waits for its answer."""

    def __init__(self, address: DnsAddress, done: Callable[[_Question], None]) -> None:
        self.address = address
        self.found: list[TcpAddress] = []
        self.waiting: list[Answer] = []
        self._done = done

    def resolutionBegan(self, _resolution: IHostResolution) -> None:
        """Nothing to do: a question is never taken back."""

    def addressResolved(self, address: IAddress) -> None:
        if isinstance(address, IPv4Address | IPv6Address):
            found = TcpAddress(address.host, self.address.port)
            if found not in self.found:
                self.found.append(found)

    def resolutionComplete(self) -> None:
        self._done(self)


class Resolver:
    """The addresses of the names that the file declares."""

    log = Logger()

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._declared: frozenset[DnsAddress] = frozenset()
        # An empty answer is kept too, as one that was said in the log; it is asked for again whenever it is needed.
        self._known: dict[DnsAddress, tuple[TcpAddress, ...]] = {}
        self._asked: dict[DnsAddress, _Question] = {}
        self._call: IDelayedCall | None = None

    def declare(self, addresses: Iterable[DnsAddress]) -> None:
        """These names are in use from now on; the others are forgotten. Needs a running reactor."""
        self._declared = frozenset(addresses)
        self._known = {address: known for address, known in self._known.items() if address in self._declared}
        for address in self._declared:
            if not self._known.get(address):
                self._question(address)
        if self._declared and self._call is None:
            self._call = self._reactor.callLater(ASK_AGAIN, self._again)
        elif not self._declared:
            self.stop()

    def stop(self) -> None:
        """Ask no more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def ask(self, address: DnsAddress, answer: Answer) -> None:
        """Call `answer` with the known addresses now, or with what a question finds (none: an empty tuple)."""
        known = self._known.get(address)
        if known:
            answer(known)
        else:
            self._question(address, answer)

    def _again(self) -> None:
        self._call = self._reactor.callLater(ASK_AGAIN, self._again)
        for address in self._declared:
            self._question(address)

    def _question(self, address: DnsAddress, *waiting: Answer) -> None:
        question = self._asked.get(address)
        if question is not None:
            question.waiting += waiting
            return
        question = self._asked[address] = _Question(address, self._answered)
        question.waiting += waiting
        self._reactor.nameResolver.resolveHostName(question, address.name, address.port)

    def _answered(self, question: _Question) -> None:
        address, found = question.address, tuple(question.found)
        self._asked.pop(address, None)
        before = self._known.get(address)
        if found:
            if before is not None and set(before) != set(found):
                self.log.info(
                    "{name} is now at {found}", name=address.name, found=", ".join(found.host for found in found)
                )
        elif before is None:
            self.log.warn("{name} has no address", name=address.name)
        # Somebody may still ask for a name that a reload took away; its answer is not kept.
        if address in self._declared and (found or before is None):
            self._known[address] = found
        for answer in question.waiting:
            answer(found or before or ())

"""The addresses of one host name while it is in use: the last good answer, and what is said of a change.

May not: ask a nameserver (`lookup`), try an address, or know the ports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from pumpproxy.flow.inquiry import Inquiry, shown
from pumpproxy.policy.names import Lack

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumpproxy.flow.lookup import Lookup
    from pumpproxy.interfaces import Reactor
    from pumpproxy.policy.names import HostAnswer

    Addresses = tuple[str, ...]

log = Logger(namespace=__name__)


class Host:
    """One host name, whatever its ports. `known`: its addresses, in the order in which to try them."""

    def __init__(self, reactor: Reactor, lookup: Lookup, name: str, *, absolute: bool) -> None:
        self._name = name
        self._in_order = lookup.in_order
        self._waiting: list[Callable[[Addresses], None]] = []
        self.known: Addresses = ()
        self.kept = True
        """Whether anybody will ask for it later: else its answer is for those who wait, and for nobody else."""
        self.inquiry = Inquiry(reactor, lambda: lookup.host(name, absolute=absolute), self._told)

    def ask(self, answer: Callable[[Addresses], None]) -> None:
        """Call with what is known, or with what a question finds; with nothing where it just found nothing."""
        if self.known or self.inquiry.fresh:
            answer(self.known)
        else:
            self._waiting.append(answer)
            self.inquiry.now()

    def carry(self, found: Addresses) -> None:
        """These came along with a service: nobody needs to ask for them as long as they do."""
        self.inquiry.stop()
        self._know(found)

    def drop(self) -> None:
        """Nobody declares it any more."""
        self.kept = False
        self.inquiry.stop()

    def _told(self, answer: HostAnswer | Lack) -> float:
        holds = 0.0
        if isinstance(answer, Lack):
            self._lack(answer)
            found = self.known
        else:
            # Of a family that nobody could tell of, what was known holds.
            stale = (one for one in self.known if (6 if ":" in one else 4) in answer.lacking)
            found = self._know((*answer.addresses, *stale))
            holds = answer.holds
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one(found)
        return holds

    def _know(self, found: Addresses) -> Addresses:
        addresses = self._in_order(found)
        if self.kept:
            if self.inquiry.said or (self.known and set(self.known) != set(found)):
                log.info("{name} is now at {found}", name=self._name, found=shown(addresses))
            self.inquiry.said = False
            self.known = addresses
        return addresses

    def _lack(self, lack: Lack) -> None:
        if not self.kept or not self.inquiry.is_news(known=bool(self.known)):
            return
        if self.known:
            log.warn("{name} has no address any more: {why}; the last ones stay", name=self._name, why=lack.value)
        else:
            log.warn("{name} has no address: {why}", name=self._name, why=lack.value)

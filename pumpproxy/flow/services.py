"""The endpoints of one service while it is in use: the last good answer, and what is said of a change.

May not: ask a nameserver (`lookup`), or know which servers are made of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from pumpproxy.flow.inquiry import Inquiry, shown
from pumpproxy.policy.names import Lack

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumpproxy.flow.lookup import Lookup, ServiceAnswer
    from pumpproxy.interfaces import Reactor
    from pumpproxy.model import SrvAddress
    from pumpproxy.policy.names import Endpoint

log = Logger(namespace=__name__)


class Service:
    """One service: where it is, and which addresses came along."""

    def __init__(
        self, reactor: Reactor, lookup: Lookup, address: SrvAddress, changed: Callable[[Service], None]
    ) -> None:
        self._changed = changed
        self.address = address
        self.endpoints: tuple[Endpoint, ...] = ()
        self.carried: dict[str, tuple[str, ...]] = {}
        self.inquiry = Inquiry(reactor, lambda: lookup.service(address.name, absolute=address.absolute), self._told)

    def _told(self, answer: ServiceAnswer | Lack) -> float:
        if not self.inquiry.repeats:
            # A reload took it away meanwhile.
            return 0.0
        if isinstance(answer, Lack):
            self._lack(answer)
            return 0.0
        before = {(endpoint.host, endpoint.port) for endpoint in self.endpoints}
        places = sorted({(endpoint.host, endpoint.port) for endpoint in answer.endpoints})
        if self.inquiry.said or before != set(places):
            words = [f"{host}:{port}" for host, port in places]
            log.info("{service} is now at {places}", service=self.address, places=shown(words))
        self.inquiry.said = False
        # Most answers are the one before, in another order; there may be hundreds of hosts, and one each second.
        if frozenset(answer.endpoints) != frozenset(self.endpoints) or answer.carried != self.carried:
            self.endpoints, self.carried = answer.endpoints, answer.carried
            self._changed(self)
        return answer.holds

    def _lack(self, lack: Lack) -> None:
        if not self.inquiry.is_news(known=bool(self.endpoints)):
            return
        stays = "; the last servers stay" if self.endpoints else ""
        log.warn("{service} has no servers: {why}{stays}", service=self.address, why=lack.value, stays=stays)

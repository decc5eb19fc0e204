"""DNS names of servers while the service runs: the hosts and services that the file declares, and services' hosts.

May not: ask a nameserver (`lookup`), try addresses, or judge a server.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from pumpproxy.flow.hosts import Host
from pumpproxy.flow.lookup import Lookup
from pumpproxy.flow.resolvconf import SystemFiles
from pumpproxy.flow.services import Service
from pumpproxy.model import DnsAddress, SrvAddress, TcpAddress
from pumpproxy.policy.services import address_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pumpproxy.interfaces import Reactor
    from pumpproxy.policy.names import Endpoint

    HostName = tuple[str, bool]
    """The name, and whether it is absolute."""


@lru_cache(maxsize=1024)
def _places(hosts: tuple[str, ...], port: int) -> tuple[TcpAddress, ...]:
    """Kept, because each connection wants them."""
    return tuple(TcpAddress(host, port) for host in hosts)


class Resolver:
    """The names that the file declares, and those that its services name."""

    def __init__(self, reactor: Reactor, lookup: Lookup | None = None) -> None:
        self._reactor = reactor
        self._lookup = Lookup(reactor, SystemFiles()) if lookup is None else lookup
        self._declared: frozenset[HostName] = frozenset()
        self._hosts: dict[HostName, Host] = {}
        self._services: dict[SrvAddress, Service] = {}
        self.found: Callable[[SrvAddress, tuple[Endpoint, ...]], None] = lambda _address, _endpoints: None
        """Told of a service's endpoints when there are others, and when it is declared again."""

    def declare(self, addresses: Iterable[DnsAddress | SrvAddress], nameservers: tuple[TcpAddress, ...] = ()) -> None:
        """These names are in use from now on; the others are forgotten. Needs a running reactor.

        `nameservers`: who is asked; the system's where there are none.
        """
        self._lookup.nameservers = nameservers
        wanted = frozenset(addresses)
        self._declared = frozenset((one.name, one.absolute) for one in wanted if isinstance(one, DnsAddress))
        services = {one for one in wanted if isinstance(one, SrvAddress)}
        for address in self._services.keys() - services:
            self._services.pop(address).inquiry.stop()
        self._settle(anew=True)
        for address in services:
            service = self._services.get(address)
            if service is None:
                service = self._services[address] = Service(self._reactor, self._lookup, address, self._changed)
            if service.endpoints:
                self.found(address, service.endpoints)
            else:
                service.inquiry.begin()

    def ask(self, address: DnsAddress, answer: Callable[[tuple[TcpAddress, ...]], None]) -> None:
        """Call `answer` with the known addresses now, or with what a question finds (none: an empty tuple)."""
        key = address.name, address.absolute
        host = self._hosts.get(key)
        if host is None:
            # Somebody still wants a name that a reload took away.
            host = self._hosts[key] = Host(self._reactor, self._lookup, key[0], absolute=key[1])
            host.kept = False
        host.ask(lambda found: answer(_places(found, address.port)))

    def stop(self) -> None:
        """Ask no more by itself."""
        for host in self._hosts.values():
            host.inquiry.stop()
        for service in self._services.values():
            service.inquiry.stop()

    def _changed(self, service: Service) -> None:
        self._settle()
        self.found(service.address, service.endpoints)

    def _settle(self, *, anew: bool = False) -> None:
        """Keep what is declared and what services name; ask for what is new and did not come along with a service.

        `anew`: also for what was asked for, and has no address.
        """
        carried: dict[str, tuple[str, ...]] = {}
        wanted = set(self._declared)
        for service in self._services.values():
            addresses = map(address_of, service.endpoints)
            wanted |= {(one.name, one.absolute) for one in addresses if isinstance(one, DnsAddress)}
            carried |= service.carried
        for key in self._hosts.keys() - wanted:
            self._hosts.pop(key).drop()
        for key in wanted:
            host = self._hosts.get(key)
            if host is None:
                host = self._hosts[key] = Host(self._reactor, self._lookup, key[0], absolute=key[1])
            host.kept = True
            came = carried.get(key[0])
            if came is not None and key not in self._declared:
                host.carry(came)
            elif not host.inquiry.repeats or (anew and not host.known):
                host.inquiry.begin()

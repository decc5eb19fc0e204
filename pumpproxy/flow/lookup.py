"""What a name stands for, asked once, as the C library does.

The hosts file first; then each whole name that it may mean, at one nameserver after the other.
May not: remember an answer, or ask again later (`inquiry`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore, gatherResults

from pumpproxy.flow import nameserver
from pumpproxy.flow.destinations import in_order
from pumpproxy.model import TcpAddress
from pumpproxy.policy import names
from pumpproxy.policy.names import Found, HostAnswer, Lack
from pumpproxy.wire.dnsmessage import NOERROR, NXDOMAIN, Question, RecordType

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence

    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from pumpproxy.flow.resolvconf import SystemFiles
    from pumpproxy.interfaces import Reactor
    from pumpproxy.policy.names import Endpoint, Way
    from pumpproxy.wire.dnsmessage import Response
    from pumpproxy.wire.resolvconf import ResolvConf

T = TypeVar("T")

PORT = 53
HOSTS_HOLD = 5.0
"""Seconds until the hosts file is looked at again."""
OTHER_FAMILY = 1.0
"""Seconds that IPv6 addresses have once there are IPv4 ones, or the other way round: some nameservers never answer."""
MOST_QUESTIONS = 16
"""Asked at a time: each is a descriptor of those that `descriptorbudget` reserves."""


class ServiceAnswer(NamedTuple):
    """The endpoints of a service, one or more, and the addresses of their hosts that came along."""

    endpoints: tuple[Endpoint, ...]
    carried: dict[str, tuple[str, ...]]
    holds: float


class Lookup:
    """Asks. What comes of it is an answer or a Lack."""

    def __init__(self, reactor: Reactor, files: SystemFiles) -> None:
        self._reactor = reactor
        self._files = files
        self._room = DeferredSemaphore(MOST_QUESTIONS)
        self._turn = 0
        self.nameservers: tuple[TcpAddress, ...] = ()
        """Who is asked in place of the system's nameservers, if there is anybody."""

    def host(self, name: str, *, absolute: bool) -> Deferred[HostAnswer | Lack]:
        """The addresses of a host name. `absolute`: no domain is added to it."""
        return Deferred.fromCoroutine(self._host(name, absolute=absolute))

    def service(self, name: str, *, absolute: bool) -> Deferred[ServiceAnswer | Lack]:
        """Where a service is, likewise."""
        return Deferred.fromCoroutine(self._service(name, absolute=absolute))

    def in_order(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """Addresses of a host, each once, as this system tries them."""
        return in_order(addresses)

    async def _host(self, name: str, *, absolute: bool) -> HostAnswer | Lack:
        listed = self._files.addresses(name)
        if listed:
            return HostAnswer(listed, HOSTS_HOLD)
        if names.is_localhost(name):
            return HostAnswer(names.LOOPBACK, names.LONGEST)
        conf = self._files.resolv_conf()
        return await _first(self._addresses, names.candidates(name, conf, absolute=absolute), conf)

    async def _service(self, name: str, *, absolute: bool) -> ServiceAnswer | Lack:
        conf = self._files.resolv_conf()
        return await _first(self._endpoints, names.candidates(name, conf, absolute=absolute), conf)

    async def _addresses(self, name: str, conf: ResolvConf) -> HostAnswer | Lack:
        """Of a whole name, by both questions at once."""
        kinds = (RecordType.A,) if conf.no_aaaa else (RecordType.AAAA, RecordType.A)
        asked = [Deferred.fromCoroutine(self._found(Question(name, kind), conf)) for kind in kinds]
        hurry = _Hurry(self._reactor, asked)
        found = await gatherResults(asked)
        hurry.stop()
        return names.together(dict(zip(kinds, found, strict=True)))

    async def _found(self, question: Question, conf: ResolvConf) -> Found | Lack:
        response = await self._ask(question, conf)
        return response if isinstance(response, Lack) else names.read(response, question)

    async def _endpoints(self, name: str, conf: ResolvConf) -> ServiceAnswer | Lack:
        """Of a service's whole name."""
        question = Question(name, RecordType.SRV)
        response = await self._ask(question, conf)
        if isinstance(response, Lack):
            return response
        found = names.read(response, question)
        if isinstance(found, Lack):
            return found
        endpoints = names.endpoints(found)
        if not endpoints:
            return Lack.MISSING
        carried = names.carried(response.additional, (endpoint.host for endpoint in endpoints))
        ttl = min([found.ttl, *(one.ttl for one in carried.values())])
        addresses = {host: tuple(map(str, one.data)) for host, one in carried.items()}
        return ServiceAnswer(endpoints, addresses, names.holds(ttl))

    async def _ask(self, question: Question, conf: ResolvConf) -> Response | Lack:
        """The first answer that settles it, of all nameservers, round after round."""
        lack = Lack.SILENT
        places = self._places(conf)
        for way in names.rounds(question, conf):
            for place in places:
                try:
                    response = await self._ask_one(place, question, way, conf)
                except nameserver.UnansweredError:
                    continue
                if response.code in (NOERROR, NXDOMAIN) and not response.truncated:
                    return response
                lack = Lack.FAILED
        return lack

    async def _ask_one(self, place: TcpAddress, question: Question, way: Way, conf: ResolvConf) -> Response:
        """What fits into no datagram comes by TCP."""
        await self._room.acquire()
        try:
            response = await nameserver.ask(self._reactor, place, question, way, conf.timeout)
            if not response.truncated or way.by_tcp:
                return response
            try:
                return await nameserver.ask(self._reactor, place, question, names.BY_TCP, conf.timeout)
            except nameserver.UnansweredError:
                return response
        finally:
            self._room.release()

    def _places(self, conf: ResolvConf) -> Sequence[TcpAddress]:
        places = self.nameservers or tuple(TcpAddress(address, PORT) for address in conf.nameservers)
        if conf.rotate:
            self._turn += 1
            first = self._turn % len(places)
            places = places[first:] + places[:first]
        return places


async def _first(
    ask: Callable[[str, ResolvConf], Coroutine[Deferred[T], object, T | Lack]],
    candidates: Iterable[str],
    conf: ResolvConf,
) -> T | Lack:
    """What the first of these names has that has anything. What lacks, else, is the first that is not just missing.

    As the C library: a nameserver that fails for one name may know another, but one that is silent is not there.
    """
    lack = Lack.MISSING
    for candidate in candidates:
        found = await ask(candidate, conf)
        if not isinstance(found, Lack):
            return found
        if lack is Lack.MISSING:
            lack = found
        if found is Lack.SILENT:
            break
    return lack


def _cut(failure: Failure) -> Lack:
    failure.trap(CancelledError)
    return Lack.SILENT


class _Hurry:
    """Of several questions that are asked at once: when one has addresses, the others have little time left."""

    def __init__(self, reactor: Reactor, asked: Sequence[Deferred[Found | Lack]]) -> None:
        self._reactor = reactor
        self._asked = asked
        self._call: IDelayedCall | None = None
        for one in asked:
            one.addCallbacks(self._seen, _cut)

    def _seen(self, found: Found | Lack) -> Found | Lack:
        if isinstance(found, Found) and self._call is None:
            self._call = self._reactor.callLater(OTHER_FAMILY, self._cancel)
        return found

    def _cancel(self) -> None:
        for one in self._asked:
            one.cancel()

    def stop(self) -> None:
        """All have answered, or nobody waits."""
        if self._call is not None and self._call.active():
            self._call.cancel()

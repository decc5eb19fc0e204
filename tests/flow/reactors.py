"""A reactor without a network: a clock, names that are answered when a test says so, connections that are asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import UserError
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pumpproxy.flow.lookup import ServiceAnswer
from pumpproxy.policy.names import HostAnswer, Lack
from tests.flow.streams import FakeStream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twisted.internet.interfaces import IConnector
    from twisted.internet.protocol import ClientFactory

    from pumpproxy.flow.lookup import Lookup
    from pumpproxy.flow.stream import StreamProtocol
    from pumpproxy.interfaces import Reactor
    from pumpproxy.model import TcpAddress
    from pumpproxy.policy.names import Endpoint


@dataclass
class Asked:
    """A name that was asked for, and has no answer yet."""

    name: str
    absolute: bool
    deferred: Deferred[HostAnswer | ServiceAnswer | Lack] = field(default_factory=Deferred)

    def answer(self, *hosts: str, holds: float = 30.0, lacking: frozenset[int] = frozenset()) -> None:
        """These are its addresses; without any there are none."""
        self.deferred.callback(HostAnswer(hosts, holds, lacking) if hosts else Lack.MISSING)

    def serves(self, *endpoints: Endpoint, holds: float = 30.0, **carried: tuple[str, ...]) -> None:
        """These are its endpoints; `carried`: by the names of hosts (`_` for a dot) their addresses."""
        along = {name.replace("_", "."): addresses for name, addresses in carried.items()}
        self.deferred.callback(ServiceAnswer(endpoints, along, holds))

    def fails(self, lack: Lack = Lack.SILENT) -> None:
        """Nobody can say."""
        self.deferred.callback(lack)


@dataclass
class FakeLookup:
    """As `Lookup`: questions wait in `asked` until a test answers."""

    asked: list[Asked] = field(default_factory=list)
    nameservers: tuple[TcpAddress, ...] = ()

    def host(self, name: str, *, absolute: bool) -> Deferred[HostAnswer | ServiceAnswer | Lack]:
        """Begin."""
        return self._ask(Asked(name, absolute))

    def service(self, name: str, *, absolute: bool) -> Deferred[HostAnswer | ServiceAnswer | Lack]:
        """Begin."""
        return self._ask(Asked(name, absolute))

    def in_order(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """Whatever this machine has."""
        return tuple(dict.fromkeys(addresses))

    def _ask(self, asked: Asked) -> Deferred[HostAnswer | ServiceAnswer | Lack]:
        self.asked.append(asked)
        return asked.deferred

    @property
    def real(self) -> Lookup:
        """For whoever wants one."""
        return cast("Lookup", self)

    @property
    def only(self) -> Asked:
        """The one question under way; it is no more under way afterwards."""
        assert len(self.asked) == 1, self.asked
        return self.asked.pop()

    def take(self, name: str) -> Asked:
        """The one of this name, likewise."""
        (found,) = (asked for asked in self.asked if asked.name == name)
        self.asked.remove(found)
        return found


class FakeConnector:
    """A connection that was asked for, as twisted.internet.base.BaseConnector has it."""

    def __init__(self, clock: Clock, place: str, factory: ClientFactory, timeout: float) -> None:
        self.place = place
        self.timeout = timeout
        self.state = "connecting"
        self.stream: FakeStream | None = None
        self._clock = clock
        self._factory = factory

    def established(self) -> FakeStream:
        """The connection is there: its protocol is built, or it is closed where nobody wants it."""
        assert self.state == "connecting"
        self.state = "connected"
        stream = self.stream = FakeStream(self._clock)
        protocol = self._factory.buildProtocol(None)
        if protocol is None:
            stream.loseConnection()
        else:
            stream.connect(cast("StreamProtocol", protocol))
        return stream

    def fails(self, reason: Exception) -> None:
        """It will never be there."""
        assert self.state == "connecting"
        self.state = "disconnected"
        self._factory.clientConnectionFailed(cast("IConnector", self), Failure(reason))

    def stopConnecting(self) -> None:
        """Given up by whoever asked."""
        self.fails(UserError())


class FakeReactor(Clock):
    """As much of a reactor as dialling and resolving take; `dialled` are the connections asked for, oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self.names = FakeLookup()
        self.dialled: list[FakeConnector] = []
        self.refuses: OSError | None = None

    @property
    def real(self) -> Reactor:
        """For whoever wants a reactor."""
        return cast("Reactor", self)

    def connectTCP(self, host: str, port: int, factory: ClientFactory, timeout: float) -> FakeConnector:
        """IReactorTCP."""
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        connector = FakeConnector(self, place, factory, timeout)
        self.dialled.append(connector)
        return connector

    def connectUNIX(self, address: str, factory: ClientFactory, timeout: float) -> FakeConnector:
        """IReactorUNIX; it raises where the socket cannot be made, as Twisted does."""
        if self.refuses is not None:
            raise self.refuses
        connector = FakeConnector(self, address, factory, timeout)
        self.dialled.append(connector)
        return connector


class Reading(FakeReactor):
    """A reactor that keeps who wants to read."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: set[object] = set()

    def addReader(self, reader: object) -> None:
        """IReactorFDSet."""
        self.readers.add(reader)

    def removeReader(self, reader: object) -> None:
        """IReactorFDSet."""
        self.readers.discard(reader)

    def removeWriter(self, writer: object) -> None:
        """IReactorFDSet."""

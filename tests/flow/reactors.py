"""A reactor without a network: a clock, a resolver that answers when a test says so, connections that are asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import UserError
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.flow.streams import FakeStream

if TYPE_CHECKING:
    from twisted.internet.interfaces import IConnector, IHostResolution, IResolutionReceiver
    from twisted.internet.protocol import ClientFactory

    from pumpproxy.flow.stream import StreamProtocol
    from pumpproxy.interfaces import Reactor


@dataclass
class Question:
    """A name that was asked for."""

    name: str
    receiver: IResolutionReceiver

    def answer(self, *hosts: str) -> None:
        """These are its addresses."""
        for host in hosts:
            address = IPv6Address("TCP", host, 0) if ":" in host else IPv4Address("TCP", host, 0)
            self.receiver.addressResolved(address)
        self.receiver.resolutionComplete()


@dataclass
class FakeNames:
    """An IHostnameResolver: questions wait in `asked` until a test answers."""

    asked: list[Question] = field(default_factory=list)

    def resolveHostName(self, receiver: IResolutionReceiver, name: str, _port: int) -> IHostResolution:
        """Begin."""
        self.asked.append(Question(name, receiver))
        resolution = cast("IHostResolution", self)
        receiver.resolutionBegan(resolution)
        return resolution

    @property
    def only(self) -> Question:
        """The one question under way; it is no more under way afterwards."""
        assert len(self.asked) == 1, self.asked
        return self.asked.pop()


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
        self.nameResolver = FakeNames()
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

"""The client's side of a connection that must begin with a PROXY header; then the transport is another protocol's.

That one begins as if the client of the header had just been accepted, and knows nothing of all this.
May not: decide anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from twisted.internet.protocol import connectionDone

from pumpproxy.flow.idle import NOWHERE
from pumpproxy.flow.stream import StreamProtocol, is_network_end
from pumpproxy.policy.introduction import HandOver, Introduction
from pumpproxy.policy.steps import Abandon, Wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.python.failure import Failure

    from pumpproxy.flow.environment import Environment
    from pumpproxy.flow.front import FrontProtocol
    from pumpproxy.flow.httpfront import HttpFront
    from pumpproxy.policy.records import Arrived, ClientAddress
    from pumpproxy.policy.runtime import FrontendState
    from pumpproxy.policy.serverstate import ServerState

    BuildFront = Callable[[Environment, FrontendState, ClientAddress, int | None, Arrived], FrontProtocol | HttpFront]
    """What serves a client that is known, and came to this port."""


class ProxiedFront(StreamProtocol):
    """One connection, until its header is complete. It counts from the accept."""

    def __init__(
        self,
        environment: Environment,
        frontend: FrontendState,
        client: ClientAddress,
        port: int | None,
        build: BuildFront,
    ) -> None:
        """`client`: who connected; `port`: of ours, where it came to, None on a unix socket."""
        self._environment = environment
        self._frontend = frontend
        self._introduction = Introduction(environment.runtime, frontend, client, port, environment.now())
        self._build = build
        self._last = False
        self.tick = NOWHERE

    # What the transport tells

    def connectionMade(self) -> None:
        """Accepted."""
        self._environment.opened(self, self._frontend)
        self._environment.sweep.watch(self)
        self._do(self._introduction.opened())

    def dataReceived(self, data: bytes) -> None:
        """Bytes of the header, and what is behind it."""
        self._do(self._introduction.received(data))

    def readConnectionLost(self) -> None:
        """The peer closed its half."""
        self._do(self._introduction.finished())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone. An exception of ours comes as the reason, logged already."""
        if not is_network_end(reason):
            self._introduction.failed(reason.type.__name__ if reason.type is not None else "")
        self._introduction.lost()
        self._environment.sweep.forget(self)
        self._environment.ended(self, self._introduction)

    # What the environment asks

    def evict(self) -> None:
        """Not asked: a header is short."""

    def finish_up(self) -> None:
        """The service ends soon: who is still to come is told."""
        self._last = True

    def shut_down(self) -> None:
        """The service ends."""
        self._do(self._introduction.shut_down())

    def leave_server(self, server: ServerState) -> None:
        """It has none yet."""

    def deadline(self) -> float | None:
        """For the sweep: the header's."""
        return self._introduction.deadline()

    def expired(self, _now: float) -> None:
        """It is not complete in time."""
        self._do(self._introduction.deadline_passed())

    # Steps

    def _do(self, step: Wait | Abandon | HandOver) -> None:
        match step:
            case Wait():
                return
            case Abandon():
                self._environment.sweep.forget(self)
                self.transport.loseConnection()
            case HandOver():
                self._hand_over(step)
            case _:
                assert_never(step)

    def _hand_over(self, step: HandOver) -> None:
        environment, transport = self._environment, self.transport
        front = self._build(environment, self._frontend, step.client, step.port, step.arrived)
        environment.sweep.forget(self)
        environment.gives_way(self, self._frontend)
        # Every transport here asks anew for each thing that it tells.
        transport.protocol = front  # type: ignore[attr-defined]
        front.makeConnection(transport)
        if step.surplus:
            front.dataReceived(step.surplus)
        if self._last:
            front.finish_up()

"""A connection before it is known whose it is: the header of the PROXY protocol, which `accept-proxy` wants read first.

    accept -> header -> whoever serves the client that it tells of

Rule: whoever is in the networks must send one, and nobody else is believed. May not: see a socket, a clock or a timer,
or look at what stands behind the header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pumpproxy.model import Mode
from pumpproxy.policy.outcome import Outcome
from pumpproxy.policy.passage import Passage, Stage
from pumpproxy.policy.records import Arrived, ClientAddress
from pumpproxy.policy.request import Ending, Request
from pumpproxy.policy.steps import WAIT
from pumpproxy.policy.vouching import Origin
from pumpproxy.wire.errors import ProxyHeaderError
from pumpproxy.wire.proxyprotocol import read_header

if TYPE_CHECKING:
    from pumpproxy.model import Frontend
    from pumpproxy.policy.records import SessionRecord
    from pumpproxy.policy.runtime import FrontendState, Runtime
    from pumpproxy.policy.steps import Abandon, Wait
    from pumpproxy.wire.proxyheader import ProxyHeader

NOBODY = ClientAddress("unix", 0)
"""A client without an address."""


class HandOver(NamedTuple):
    """The connection is this client's: give it to the protocol that serves it, and that one the `surplus`."""

    client: ClientAddress
    port: int | None
    """Where it came to; None on a unix socket."""
    arrived: Arrived
    surplus: bytes


def must_introduce(frontend: Frontend, client: ClientAddress) -> bool:
    """Whether this client tells of others; or may not come at all, since a `tcp` frontend would read nothing of it."""
    return bool(frontend.accept_proxy) and (frontend.mode is Mode.TCP or _believed(frontend, client))


def _believed(frontend: Frontend, client: ClientAddress) -> bool:
    return Origin.of(client, frontend).within(frontend.accept_proxy)


class Introduction(Passage):
    """The facts of one connection, until its header is complete. `client` is who connected."""

    __slots__ = ("_port",)

    def __init__(
        self, runtime: Runtime, frontend: FrontendState, client: ClientAddress, port: int | None, now: float
    ) -> None:
        """`port`: of ours, where it came to; None on a unix socket."""
        super().__init__(runtime, frontend, client, now)
        self._port = port

    def opened(self) -> Wait | Abandon:
        """The connection is there."""
        if _believed(self.frontend.declared, self.client):
            return WAIT
        return self._give_up(Outcome.REFUSED, "not of the networks of accept-proxy")

    def received(self, data: bytes) -> Wait | Abandon | HandOver:
        """It sent `data`."""
        if self.stage is Stage.OVER:
            return WAIT
        self.bytes_in += len(data)
        self._first += data
        try:
            header = read_header(self._first)
        except ProxyHeaderError as error:
            return self._give_up(Outcome.BAD_PROXY_HEADER, error.reason)
        return WAIT if header is None else self._hand_over(header)

    def finished(self) -> Wait | Abandon:
        """It closed its half."""
        return self._give_up(Outcome.CLIENT_LEFT, "no complete PROXY header")

    lost = finished
    """The connection is gone."""

    def deadline(self) -> float | None:
        """When the header must be complete: as early as what it stands before would have had to be."""
        if self.stage is Stage.OVER:
            return None
        declared = self.frontend.declared
        http = declared.mode is Mode.HTTP
        return self.started + (declared.timeout_http_request if http else declared.inspect_delay)

    def deadline_passed(self) -> Wait | Abandon:
        """It was not."""
        return self._give_up(Outcome.CLIENT_SILENT, "no complete PROXY header in time")

    def shut_down(self) -> Wait | Abandon:
        """The service ends."""
        return self._give_up(Outcome.SHUTDOWN, "")

    def failed(self, detail: str) -> None:
        """A defect of ours ended the connection."""
        self._end(Outcome.INTERNAL, detail)

    def close(self, now: float, wall: float) -> SessionRecord:
        """All that there is to say of one that was not handed over: in http that is a request, without a line."""
        if self.frontend.declared.mode is not Mode.HTTP:
            return super().close(now, wall)
        request = Request(self.started, self.client.host)
        request.bytes_in = self.bytes_in
        ending = Ending(self.outcome or Outcome.INTERNAL, self.phase, self.detail)
        return request.record(ending, self._runtime, self.frontend, self.client, now, wall - now)

    def _hand_over(self, header: ProxyHeader) -> HandOver:
        surplus = self._first[header.size :]
        self.stage = Stage.OVER
        self._let_go()
        if not header.known:
            return HandOver(self.client, self._port, Arrived(self.started), surplus)
        client = NOBODY if header.client is None else ClientAddress(*header.client)
        local = None if header.local is None else ClientAddress(*header.local)
        arrived = Arrived(self.started, local, header.unique_id)
        return HandOver(client, None if local is None else local.port, arrived, surplus)

    def _give_up(self, outcome: Outcome, detail: str) -> Wait | Abandon:
        if self.stage is Stage.OVER:
            return WAIT
        self.detail = detail
        return self._abandon(outcome)

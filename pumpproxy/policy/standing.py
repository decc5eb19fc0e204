"""Where one client's connection on an http frontend stands: what is known of it, and how it ends.

`conversation` goes from request to request on it, `exchange` is the same with its facts: that alone is used from
outside. May not: see a socket, a clock or a timer.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from pumpproxy.policy import httpsteps, pages
from pumpproxy.policy.httpsteps import Ended, FinishClient
from pumpproxy.policy.pressure import Pressure
from pumpproxy.policy.request import COMPLETED, Ending, Fault, Request
from pumpproxy.wire.http1 import RequestReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pumpproxy.model import Frontend
    from pumpproxy.policy.httpsteps import HttpStep
    from pumpproxy.policy.records import Arrived, ClientAddress
    from pumpproxy.policy.runtime import FrontendState, Runtime
    from pumpproxy.policy.serverstate import ServerState
    from pumpproxy.policy.transaction import Transaction
    from pumpproxy.policy.vouching import Origin


class Stage(enum.Enum):
    """Where the connection is."""

    READING = enum.auto()
    """Waiting for a request, or for the rest of its head."""
    FORWARDING = enum.auto()
    DRAINING = enum.auto()
    """The answer is handed over, and the client has to take it."""
    TUNNEL = enum.auto()
    OVER = enum.auto()


class Standing:
    """One connection; `request` is the one under way, `transaction` its way to a server and back."""

    __slots__ = (
        "_bound",
        "_client",
        "_closing",
        "_ending",
        "_leaves",
        "_origin",
        "_origin_by",
        "_reader",
        "_runtime",
        "_steps",
        "active",
        "epoch",
        "fresh",
        "frontend",
        "last",
        "local",
        "now",
        "port",
        "pressure",
        "request",
        "stage",
        "transaction",
        "unique_id",
        "waiting_since",
    )

    def __init__(
        self, runtime: Runtime, frontend: FrontendState, client: ClientAddress, now: float, epoch: float
    ) -> None:
        """`epoch`: the wall clock less `now`, in seconds; it may be set anew whenever the wall clock was."""
        self._runtime = runtime
        self.frontend = frontend
        self._client = client
        self._origin: Origin | None = None
        self._origin_by: Frontend | None = None
        self._reader = RequestReader()
        self._steps: list[HttpStep] = []
        self.epoch = epoch
        self.now = self.waiting_since = self.active = now
        self.stage = Stage.READING
        self.request: Request | None = None
        self.transaction: Transaction | None = None
        self.fresh = True
        """No byte has come yet."""
        self.last = False
        """No request is taken after the one under way."""
        self.port: int | None = None
        """Of ours, where the client came to; None on a unix socket."""
        # Of these only a server's PROXY header tells, and whoever sends it asks the kernel for them.
        self.local: ClientAddress | None = None
        self.unique_id = b""
        self.pressure = Pressure()
        # The server that knows this client by the connection, which is kept for it alone.
        self._bound: ServerState | None = None
        # Told once nothing is left of the client, on a frontend that limits sources.
        self._leaves: Callable[[], None] | None = None
        # Of the answer that is drained:
        self._ending = COMPLETED
        self._closing = False

    def introduced(self, arrived: Arrived) -> None:
        """A PROXY header told of the client, and took its time."""
        self.waiting_since, self.local, self.unique_id = arrived

    def begin(self) -> Request:
        """A request's first byte is there; the accept counts as that of the first."""
        declared = self.frontend.declared
        self._reader.bound(declared.max_head, declared.max_headers, declared.max_line)
        self.request = Request(self.waiting_since if self.fresh else self.now, self._client.host)
        self.fresh = False
        return self.request

    # Ending ---------------------------------------------------------------------------------------------------------

    def fail(self, fault: Fault) -> None:
        """What is under way cannot go on: the client is told, or sees that its response was cut."""
        request = self.request or self.begin()
        transaction = self.transaction
        self._reset_server()
        if transaction is None or not transaction.down.begun:
            page = pages.error_page(fault.status, body=not (request.bodiless or self._reader.asks_for_head))
            request.status = fault.status
            request.bytes_out += len(page)
            self.finish(page)
        elif transaction.down.cut_is_told and not self.pressure.client_full:
            self.finish(b"")
        else:
            self._steps.append(httpsteps.RESET_CLIENT)
            self.stage = Stage.OVER
        self.end(fault.ending)

    def cut(self, ending: Ending, *, told: bool = True) -> None:
        """Both connections end at once; `told`: the client's is still there to be reset."""
        self._reset_server()
        if told:
            self._steps.append(httpsteps.RESET_CLIENT)
        self.stage = Stage.OVER
        self.end(ending)

    def close(self, ending: Ending) -> None:
        """No answer: the connection ends between requests, or within a head."""
        self.finish(b"")
        self.end(ending)

    def finish(self, reply: bytes) -> None:
        """The client gets these last words."""
        self.stage = Stage.OVER
        self._steps.append(FinishClient(reply))

    def end(self, ending: Ending) -> None:
        """The request is over, if there is one: a connection that never sent a byte counts as one."""
        request = self.request or (self.begin() if self.fresh else None)
        if request is not None:
            if request.attempts is not None:
                request.attempts.release()
            record = request.record(ending, self._runtime, self.frontend, self._client, self.now, self.epoch)
            record.unique_id = self.unique_id
            self._steps.append(Ended(record))
        self.request = None
        self.transaction = None

    def _reset_server(self) -> None:
        if self.transaction is not None and self.transaction.engaged:
            self._steps.append(httpsteps.RESET_SERVER)

    # Steps ----------------------------------------------------------------------------------------------------------

    def flush(self) -> Sequence[HttpStep]:
        """The steps so far, with what follows for who is read from."""
        if self.stage is not Stage.OVER and self.stage is not Stage.TUNNEL:
            if self.transaction is not None:
                self.transaction.haul()
            self.pressure.adjust(self.transaction, self._steps)
        steps = tuple(self._steps)
        self._steps.clear()
        return steps

"""Request after request on one client's connection: where it stands, and what follows.

`exchange` is the same with its facts: it alone is used from outside.
May not: see a socket, a clock or a timer.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from pumpproxy.model import ConnectionMode
from pumpproxy.policy import httpsteps, pages
from pumpproxy.policy.answers import destination, own_answer
from pumpproxy.policy.headers import Origin
from pumpproxy.policy.httpsteps import Ended, FinishClient, KeepServer, SendClient, StartTunnel
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.pressure import Pressure
from pumpproxy.policy.request import COMPLETED, Ending, Fault, Request
from pumpproxy.policy.transaction import Transaction
from pumpproxy.wire.errors import HttpError
from pumpproxy.wire.framing import CHUNKED, HTTP_11
from pumpproxy.wire.http1 import RequestReader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pumpproxy.model import Frontend
    from pumpproxy.policy.answers import Answer
    from pumpproxy.policy.httpsteps import HttpStep
    from pumpproxy.policy.pool import ServerState
    from pumpproxy.policy.records import ClientAddress
    from pumpproxy.policy.runtime import FrontendState, Runtime
    from pumpproxy.wire.http1 import RequestHead


class Stage(enum.Enum):
    """Where the connection is."""

    READING = enum.auto()
    """Waiting for a request, or for the rest of its head."""
    FORWARDING = enum.auto()
    DRAINING = enum.auto()
    """The answer is handed over, and the client has to take it."""
    TUNNEL = enum.auto()
    OVER = enum.auto()


class Conversation:
    """One connection; `request` is the one under way, `transaction` its way to a server and back."""

    __slots__ = (
        "_bound",
        "_client",
        "_closing",
        "_ending",
        "_origin",
        "_origin_for",
        "_reader",
        "_runtime",
        "_steps",
        "active",
        "epoch",
        "fresh",
        "frontend",
        "last",
        "now",
        "pressure",
        "request",
        "stage",
        "transaction",
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
        self._origin_for: Frontend | None = None
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
        self.pressure = Pressure()
        # The server that knows this client by the connection, which is kept for it alone.
        self._bound: ServerState | None = None
        # Of the answer that is drained:
        self._ending = COMPLETED
        self._closing = False

    # Reading --------------------------------------------------------------------------------------------------------

    def read(self, data: bytes) -> None:
        """Bytes of a head."""
        # An empty line after a body, which old clients send, begins no request yet (RFC 9112, section 2.2).
        if self.request is None and (self.fresh or data != b"\r\n" or self._reader.pending):
            self.begin()
        try:
            head = self._reader.feed(data)
        except HttpError as error:
            self._arrived(len(data))
            self.fail(Fault(error.status, Ending(Outcome.BAD_REQUEST, Phase.REQUEST, error.reason)))
            return
        if head is None:
            self._arrived(len(data))
            return
        request = self.request or self.begin()
        request.head = head
        request.head_at = self.now
        request.bytes_in = head.length
        rest, self._reader.rest = self._reader.rest, b""
        self._route(request, head, rest)

    def begin(self) -> Request:
        """A request's first byte is there; the accept counts as that of the first."""
        self.request = Request(self.waiting_since if self.fresh else self.now)
        self.fresh = False
        return self.request

    def _arrived(self, size: int) -> None:
        if self.request is not None:
            self.request.bytes_in += size

    def take(self, transaction: Transaction, data: bytes) -> None:
        """Bytes of the body, or beyond it."""
        if transaction.uploaded:
            self.pressure.hold(data)
            return
        fault = transaction.upload(data, self.now)
        if fault is not None:
            self.fail(fault)
        elif transaction.uploaded:
            self.pressure.hold(transaction.beyond)

    # Deciding -------------------------------------------------------------------------------------------------------

    def _route(self, request: Request, head: RequestHead, rest: bytes) -> None:
        target = destination(self.frontend, head)
        persistent = head.keep_alive and self._may_persist()
        # What is left unread closes the connection, and an HTTP/1.0 client would have to be told that it stays.
        close = not persistent or head.version != HTTP_11 or head.framing.size > 0 or head.framing == CHUNKED
        answer = own_answer(target, head, close=close)
        if answer is not None:
            self._answer(request, answer, rest, close=close)
        elif isinstance(target, str):
            self._forward(request, head, target, rest, persistent=persistent)

    def _may_persist(self) -> bool:
        """Whether this frontend's clients keep their connections: not where a reload took it away."""
        declared = self.frontend.declared
        there = self._runtime.frontends.get(declared.name) is self.frontend
        return declared.connection is not ConnectionMode.CLOSE and there and not self.last

    def _answer(self, request: Request, answer: Answer, rest: bytes, *, close: bool) -> None:
        request.status = answer.status
        request.bytes_out = len(answer.reply)
        ending = Ending(answer.outcome, Phase.REQUEST)
        if close or answer.status is None:
            self.finish(answer.reply)
            self.end(ending)
        else:
            self._steps.append(SendClient(answer.reply))
            self.pressure.hold(rest)
            self._drain(ending, closing=False)

    def _forward(self, request: Request, head: RequestHead, backend: str, rest: bytes, *, persistent: bool) -> None:
        declared = self.frontend.declared
        if self._origin is None or self._origin_for is not declared:
            self._origin = Origin.of(self._client, declared)
            self._origin_for = declared
        pool = self.frontend.pools[backend]
        transaction = Transaction(request, head, self._origin, declared, pool, self._steps)
        transaction.down.persistent = persistent
        self.transaction = transaction
        self.stage = Stage.FORWARDING
        fault = transaction.start(rest, self.now, self._bound)
        if fault is not None:
            self.fail(fault)
        elif transaction.uploaded:
            self.pressure.hold(transaction.beyond)

    def settle(self, transaction: Transaction, fault: Fault | None) -> None:
        """The server did something: whatever follows."""
        if fault is not None:
            self.fail(fault)
        elif transaction.down.switched is not None:
            self.stage = Stage.TUNNEL
            self._steps.append(StartTunnel(self.pressure.take_held(), transaction.down.switched))
        elif transaction.down.done:
            self._answered(transaction)

    def _answered(self, transaction: Transaction) -> None:
        parting = transaction.parting()
        self._steps.append(parting)
        private = isinstance(parting, KeepServer) and parting.private
        self._bound = transaction.attempt.server if private else None
        self.pressure.unwanted = not transaction.uploaded
        closing = not transaction.uploaded or not transaction.down.persistent
        transaction.release()
        self.transaction = None
        self._drain(COMPLETED, closing=closing)

    def _drain(self, ending: Ending, *, closing: bool) -> None:
        self.stage = Stage.DRAINING
        self.active = self.now
        self._ending = ending
        self._closing = closing
        self._steps.append(httpsteps.DRAIN_CLIENT)

    def drained(self) -> None:
        """The client has the whole answer: the next request, or the end."""
        self.end(self._ending)
        if self.closing:
            self.finish(b"")
            return
        self.stage = Stage.READING
        self.waiting_since = self.now
        held = self.pressure.take_held()
        if held:
            self.read(held)

    @property
    def closing(self) -> bool:
        """Whether nothing follows the answer that is drained."""
        return self._closing or self.last

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
            record = request.record(ending, self._runtime, self.frontend, self._client, self.now, self.epoch)
            self._steps.append(Ended(record))
            if request.attempts is not None:
                request.attempts.release()
        self.request = None
        self.transaction = None

    def _reset_server(self) -> None:
        if self.transaction is not None and self.transaction.engaged:
            self._steps.append(httpsteps.RESET_SERVER)

    # Steps ----------------------------------------------------------------------------------------------------------

    def flush(self) -> Sequence[HttpStep]:
        """The steps so far, with what follows for who is read from."""
        if self.stage is not Stage.OVER and self.stage is not Stage.TUNNEL:
            self.pressure.adjust(self.transaction, self._steps)
        steps = tuple(self._steps)
        self._steps.clear()
        return steps

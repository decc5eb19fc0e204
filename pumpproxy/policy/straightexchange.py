"""An exchange with a short way for its usual requests; see `straightrequest`.

The way of the facts is the long one, and right by definition: whatever happens that the short way does not know, it
takes over what is under way, and goes on as if it had come that way. May not: answer, refuse or retry by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.policy.answers import led
from pumpproxy.policy.attempts import Attempts
from pumpproxy.policy.exchange import Exchange
from pumpproxy.policy.request import COMPLETED, Request
from pumpproxy.policy.standing import Stage
from pumpproxy.policy.straightrequest import StraightHead, StraightRequest, known_section
from pumpproxy.policy.transaction import Transaction
from pumpproxy.wire.http1 import RequestReader
from pumpproxy.wire.plainhead import MOST, MOST_FIELDS, plain_get

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pumpproxy.model import Frontend
    from pumpproxy.policy.httpsteps import HttpStep
    from pumpproxy.policy.records import ClientAddress, RequestRecord
    from pumpproxy.policy.runtime import FrontendState, Runtime
    from pumpproxy.policy.serverstate import ServerState
    from pumpproxy.policy.straightrequest import KnownSection
    from pumpproxy.wire.http1 import RequestHead
    from pumpproxy.wire.plainhead import PlainGet

MOST_KNOWN = 4
"""Sections kept of one client: a page, its styles, scripts and images differ in what they accept."""


class StraightExchange(Exchange):
    """While there is a `straight`, the exchange itself is between requests: `take_over` before it hears a fact."""

    __slots__ = ("_known", "_section", "straight")

    straight: StraightRequest | None
    _known: dict[bytes, KnownSection]
    _section: bytes | None
    """That of the request that is being read, where it is a usual one."""

    def __init__(
        self, runtime: Runtime, frontend: FrontendState, client: ClientAddress, now: float, epoch: float
    ) -> None:
        super().__init__(runtime, frontend, client, now, epoch)
        self._known = {}
        self._section = None
        self.straight = None

    def begin_straight(self, data: bytes, now: float) -> StraightRequest | None:
        """That of a client that sent `data`, its server chosen; None: nothing has changed, and it is for the facts."""
        get = self._whole_get(data)
        known = None if get is None else self._known.get(get.section)
        frontend = self.frontend
        if get is None or known is None or known.frontend is not frontend.declared:
            return None
        target = led(frontend, known.name, get.path)
        if not isinstance(target, str) or self._bound is not None or not self._may_persist():
            return None
        pool = frontend.pools[target]
        server = pool.take(known.host, None, None, self._client.host) if pool.backend is known.backend else None
        if server is None:
            return None
        self.fresh = False
        self.straight = StraightRequest(data, known, pool, server, now)
        return self.straight

    def client_received(self, data: bytes, now: float) -> Sequence[HttpStep]:
        """The client sent `data`; where that is a whole usual request, the next one alike may go the short way."""
        get = self._whole_get(data)
        self._section = None if get is None else get.section
        steps = super().client_received(data, now)
        self._section = None
        return steps

    def _whole_get(self, data: bytes) -> PlainGet | None:
        """`data` as one, where no other is under way."""
        between = self.stage is Stage.READING and self.request is None and not self._reader.pending
        return plain_get(data) if between else None

    def _forward(self, request: Request, head: RequestHead, backend: str, rest: bytes, *, persistent: bool) -> None:
        super()._forward(request, head, backend, rest, persistent=persistent)
        transaction = self.transaction
        if self._section is None or transaction is None:
            return
        frontend, pool = self.frontend, self.frontend.pools[backend]
        plain = persistent and transaction.keeps and pool.backend.cookie is None and _is_plain(frontend.declared)
        known = known_section(head, transaction.up.head, frontend.declared, pool.backend, plain=plain)
        self._known.pop(self._section, None)
        if known is not None:
            if len(self._known) >= MOST_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[self._section] = known

    def end_straight(self, straight: StraightRequest, now: float) -> None:
        """The answer has passed, and the client's connection took it all."""
        straight.pool.leave(straight.server)
        self.straight = None
        self.waiting_since = now

    def record_straight(self, straight: StraightRequest, now: float) -> RequestRecord:
        """All there is to say of one that is about to end."""
        request = self._told(straight)
        line = straight.data[: straight.data.find(b"\r\n")]
        request.head = StraightHead(b"GET", line, straight.known.host)
        request.pool = straight.pool
        request.server = straight.server.name
        request.attempts = Attempts(straight.pool, straight.known.host, client=self._client.host)
        request.attempts.begin_at(straight.server)
        request.status, request.answered_at = straight.status, straight.answered_at
        request.routed_at = request.connecting_at = request.connected_at = straight.started
        request.bytes_out = straight.bytes_out
        record = request.record(COMPLETED, self._runtime, self.frontend, self._client, now, self.epoch)
        record.unique_id = self.unique_id
        return record

    def take_over(self, straight: StraightRequest, now: float) -> Sequence[HttpStep]:
        """From here on it goes the long way; what follows already where its server is still to be reached."""
        self.straight = None
        self.now = now
        request = self.request = self._told(straight)
        declared = straight.known.frontend
        head = RequestReader(declared.max_head, declared.max_headers, declared.max_line).feed(straight.data)
        if head is None:  # never: it was read before
            return ()
        request.head = head
        self._resume(request, head, straight)
        return self.flush()

    def deadline(self) -> float | None:
        """When something must have happened."""
        straight = self.straight
        return super().deadline() if straight is None else straight.active + straight.known.backend.timeout_server

    @property
    def engaged_at(self) -> ServerState | None:
        """The server whose connection carries what is under way, a tunnel too."""
        straight = self.straight
        if straight is None:
            return super().engaged_at
        return straight.server if straight.reached else None

    def _resume(self, request: Request, head: RequestHead, straight: StraightRequest) -> None:
        frontend = straight.known.frontend
        transaction = Transaction(request, head, self._origin_for(frontend), frontend, straight.pool, self._steps)
        self.transaction = transaction
        self.stage = Stage.FORWARDING
        transaction.resume(straight)
        self.settle(transaction, None)

    def _told(self, straight: StraightRequest) -> Request:
        request = Request(straight.started, self._client.host)
        request.head_at = straight.started
        request.bytes_in = len(straight.data)
        return request


def _is_plain(frontend: Frontend) -> bool:
    """Whether this frontend takes what `plainhead` reads, and adds nothing to an answer."""
    return frontend.via is None and frontend.max_line >= MOST and frontend.max_headers >= MOST_FIELDS

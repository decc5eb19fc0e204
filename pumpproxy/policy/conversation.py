"""Request after request on one client's connection: what is read, whom it is for, and what follows.

`exchange` is the same with its facts: it alone is used from outside.
May not: see a socket, a clock or a timer.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from pumpproxy.model import ConnectionMode
from pumpproxy.policy import httpsteps, pages, persistence
from pumpproxy.policy.answers import led, named, own_answer
from pumpproxy.policy.httpsteps import KeepServer, SendClient, StartTunnel
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.request import COMPLETED, Ending, Fault, Request
from pumpproxy.policy.standing import Stage, Standing
from pumpproxy.policy.transaction import Transaction
from pumpproxy.policy.vouching import Origin
from pumpproxy.wire.errors import HttpError
from pumpproxy.wire.framing import CHUNKED, HTTP_11

if TYPE_CHECKING:
    from pumpproxy.model import Frontend
    from pumpproxy.policy.answers import Answer
    from pumpproxy.policy.sources import Refusal, Sources
    from pumpproxy.wire.http1 import RequestHead

LONGEST_WAIT = 60
"""Seconds that a refused client is told to wait: after a minute its source has all its rate again."""


class Conversation(Standing):
    """One connection, request after request."""

    __slots__ = ()

    # Arriving -------------------------------------------------------------------------------------------------------

    def turn_away(self, refusal: Refusal, sources: Sources) -> None:
        """One connection too many of its source: it is told so, unless many others are just now."""
        ending = Ending(Outcome.TOO_MANY, Phase.REQUEST, refusal.detail)
        if not sources.tell():
            self.cut(ending)
            return
        self._leaves = sources.was_told
        # An idle connection lasts so long, and then makes room.
        wait = self.frontend.declared.timeout_http_keep_alive if refusal.wait is None else refusal.wait
        request = self.begin()
        page = pages.too_many(min(max(1, ceil(wait)), LONGEST_WAIT))
        request.status = 429
        request.bytes_out = len(page)
        self.finish(page)
        self.end(ending)

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

    def _arrived(self, size: int) -> None:
        if self.request is not None:
            self.request.bytes_in += size

    def take(self, transaction: Transaction, data: bytes) -> None:
        """Bytes of the body, or beyond it."""
        if transaction.up.done:
            self.pressure.hold(data)
            return
        fault = transaction.upload(data, self.now)
        if fault is not None:
            self.fail(fault)
        elif transaction.up.done:
            self.pressure.hold(transaction.up.beyond)

    # Deciding -------------------------------------------------------------------------------------------------------

    def _route(self, request: Request, head: RequestHead, rest: bytes) -> None:
        target = led(self.frontend, named(head), head.path)
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
        pool = self.frontend.pools[backend]
        head = head if pool.backend.cookie is None else persistence.begin(request, pool, head, self.epoch)
        transaction = Transaction(request, head, self._origin_for(declared), declared, pool, self._steps)
        transaction.down.persistent = persistent
        self.transaction = transaction
        self.stage = Stage.FORWARDING
        fault = transaction.start(rest, self.now, self._bound)
        if fault is not None:
            self.fail(fault)
        elif transaction.up.done:
            self.pressure.hold(transaction.up.beyond)

    def _origin_for(self, declared: Frontend) -> Origin:
        """Who the client is, as far as this declaration knows."""
        if self._origin is None or self._origin_by is not declared:
            self._origin = Origin.of(self._client, declared, self.port)
            self._origin_by = declared
        return self._origin

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
        if isinstance(parting, KeepServer) and parting.private:
            self._bound = transaction.attempt.server
        self.pressure.unwanted = not transaction.up.done
        closing = not transaction.up.done or not transaction.down.persistent
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

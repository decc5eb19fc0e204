"""One response on its way from a server to a client: interim heads, the final one, the body, or a tunnel.

Facts in, steps out, as in `exchange`; what cannot go on returns a `Fault`. Nothing passes that was not understood.
May not: know how the request came to the server, or what its client is told where the response fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.policy import forwarding
from pumpproxy.policy.bodies import LEAST_HAULED
from pumpproxy.policy.httpsteps import HaulDown, SendClient
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.request import Ending, Fault
from pumpproxy.policy.reuse import is_private
from pumpproxy.wire.errors import HttpError
from pumpproxy.wire.framing import HTTP_10
from pumpproxy.wire.http1 import ResponseReader

if TYPE_CHECKING:
    from pumpproxy.model import Frontend
    from pumpproxy.policy.httpsteps import HttpStep
    from pumpproxy.policy.request import Request
    from pumpproxy.policy.straightrequest import StraightRequest
    from pumpproxy.wire.http1 import RequestHead, ResponseHead

_CONTINUE = 100
_SWITCHING = 101
_FINAL = 200


class Download:
    """The response to one request. Its steps go to the list that it is given."""

    __slots__ = (
        "_hauls",
        "_head",
        "_reader",
        "_request",
        "_response",
        "_steps",
        "_upgrade",
        "_via",
        "continued",
        "persistent",
        "private",
        "surplus",
        "switched",
    )

    def __init__(
        self, request: Request, head: RequestHead, frontend: Frontend, steps: list[HttpStep], *, upgrade: bool
    ) -> None:
        """`upgrade`: the server was asked for a WebSocket."""
        self._request = request
        self._head = head
        self._steps = steps
        self._upgrade = upgrade
        self._reader = ResponseReader(frontend.max_head, frontend.max_headers, frontend.max_line)
        self._via = frontend.via
        self._response: forwarding.OutgoingResponse | None = None
        self.continued = False
        """The server said 100: it wants the body."""
        self.persistent = True
        """Whether the client's connection may outlive the response; its head says so where it is clear by then."""
        self.switched: bytes | None = None
        """After a 101: what the client is to get first."""
        self._hauls = False
        self.surplus = False
        """The server sent more than the response."""
        self.private = False
        """The server knows the client by the connection now."""

    @property
    def begun(self) -> bool:
        """Whether the client has got the beginning of the final response."""
        return self._response is not None

    @property
    def done(self) -> bool:
        """Whether the response is complete."""
        return self._response is not None and self._response.body.done

    def haul(self) -> None:
        """Let a long body pass unread from here on, once."""
        response = self._response
        if response is None or self._hauls or not response.body.plain:
            return
        left = response.body.left
        if (self._request.bytes_out if left is None else left) >= LEAST_HAULED:
            self._hauls = True
            self._steps.append(HaulDown(left, response.body.chunked))

    def hauled(self, size: int, out: int) -> None:
        """So much of the body has passed unread, and the client got so much for it."""
        if self._response is not None:
            self._response.body.hauled(size)
            self._request.bytes_out += out

    @property
    def lasting(self) -> bool:
        """Whether the server lets its connection live on, and is to be trusted with that."""
        return self._response is not None and self._response.lasting and not self.surplus

    @property
    def cut_is_told(self) -> bool:
        """Whether the client sees that a response is cut even where its connection ends cleanly."""
        return self._response is not None and self._response.told

    @property
    def phase(self) -> Phase:
        """What the server is waited for."""
        return Phase.HEAD if self._response is None else Phase.DATA

    def resume(self, straight: StraightRequest) -> None:
        """Go on from where the short way leaves an answer that has begun to pass."""
        head = self._reader.feed(straight.answer)
        if head is None:  # never: it was read before
            return
        response = forwarding.outgoing_response(head, self._head, persistent=self.persistent, via=self._via)
        response.body.skip_to(straight.left)
        self._request.answered_at = straight.answered_at
        self._request.status = straight.status
        self._request.bytes_out = straight.bytes_out
        self._response = response

    def received(self, data: bytes, now: float) -> Fault | None:
        """The server sent `data`, and the response was not complete. What it sends beyond its end is dropped."""
        if self._response is None:
            return self._read_heads(data, now)
        body = self._response.body
        try:
            out = body.feed(data)
        except HttpError as error:
            return self._bad(error.reason)
        self.surplus = bool(body.rest)
        self._send(out)
        return None

    def closed(self, *, cleanly: bool) -> Fault | None:
        """The server closed its half (`cleanly`), or the connection is gone; the response was not complete."""
        end = self._response.body.end() if self._response is not None and cleanly else None
        if end is None:
            return Fault(502, Ending(Outcome.SERVER_LEFT, self.phase))
        self._send(end)
        return None

    def _read_heads(self, data: bytes, now: float) -> Fault | None:
        while True:
            try:
                head = self._reader.feed(data)
            except HttpError as error:
                return self._bad(error.reason)
            if head is None:
                return None
            if self._request.persistence is not None:
                head = self._request.persistence.response(head, now)
            data = self._reader.rest
            if head.status >= _FINAL:
                return self._begin(head, data, now)
            if head.status == _SWITCHING:
                return self._switch(head, data, now)
            if head.status == _CONTINUE:
                self.continued = True
            # RFC 9110 section 15.2: "a server MUST NOT send a 1xx response to an HTTP/1.0 client."
            if self._head.version != HTTP_10:
                self._send(forwarding.interim_response(head, self._via))

    def _begin(self, head: ResponseHead, data: bytes, now: float) -> Fault | None:
        try:
            response = forwarding.outgoing_response(head, self._head, persistent=self.persistent, via=self._via)
            if response.body.done:
                out, surplus = b"", data
            else:
                out = response.body.feed(data) if data else b""
                surplus = response.body.rest
        except HttpError as error:
            return self._bad(error.reason)
        self._request.answered_at = now
        self._request.status = head.status
        self._response = response
        self.persistent = response.persistent
        self.surplus = bool(surplus)
        self.private = is_private(self._head, head)
        self._send(response.head + out)
        return None

    def _switch(self, head: ResponseHead, rest: bytes, now: float) -> Fault | None:
        # RFC 9110 section 15.2.2: a 101 answers an Upgrade; one that nobody asked for would open a tunnel to a server
        # that does not know of it.
        if not self._upgrade or not forwarding.grants_websocket(head):
            return self._bad("101 without the upgrade that was asked for")
        self._request.answered_at = now
        self._request.status = head.status
        self.switched = forwarding.interim_response(head, self._via) + rest
        return None

    def _send(self, out: bytes) -> None:
        if out:
            self._request.bytes_out += len(out)
            self._steps.append(SendClient(out))

    def _bad(self, reason: str) -> Fault:
        return Fault(502, Ending(Outcome.BAD_RESPONSE, self.phase, reason))

"""One request on its way to a server: its head, then its body as it comes, and what may have to be sent once more.

Facts in, steps out, as in `exchange`. May not: know how the server is reached, or what it answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.policy.bodies import LEAST_HAULED
from pumpproxy.policy.httpsteps import HaulUp, SendServer

if TYPE_CHECKING:
    from pumpproxy.policy.forwarding import OutgoingRequest
    from pumpproxy.policy.httpsteps import HttpStep
    from pumpproxy.policy.request import Request

MAX_EARLY = 64 * 1024
"""Bytes of a body taken while we connect; then reading pauses (Twisted's own buffer size). A request that is sent on a
kept connection can be sent once more as long as it has no more than that."""


class Upload:
    """The request to one server after another, until one has it. Its steps go to the list that it is given."""

    __slots__ = (
        "_body", "_early", "_early_size", "_expects", "_hauls", "_request", "_steps", "connected", "doubtful", "head",
        "server_full",
    )  # fmt: skip

    def __init__(self, request: Request, outgoing: OutgoingRequest, steps: list[HttpStep], *, expects: bool) -> None:
        """`expects`: the client may wait for a 100 before it sends the body."""
        self._request = request
        self._steps = steps
        self._body = outgoing.body
        self._early = [outgoing.head]
        self._early_size = 0
        self._expects = expects
        self._hauls = False
        self.head = outgoing.head
        """As a server gets it."""
        self.connected = False
        self.doubtful = False
        """It is on a connection that was kept, and nothing says yet that the server took it: it is not let go."""
        self.server_full = False
        """The server does not take what it was sent."""

    @property
    def done(self) -> bool:
        """Whether the body is complete."""
        return self._body.done

    @property
    def beyond(self) -> bytes:
        """What the client sent beyond the body, once that is complete."""
        return self._body.rest

    @property
    def waits_for_client(self) -> bool:
        """Whether it is the client's turn; one that waits for a 100 waits for the server."""
        return not (self.server_full or self._body.done or self._expects)

    @property
    def holds_much(self) -> bool:
        """Whether the client must wait before it may send more of the body."""
        return not self._body.done and (self.server_full or (not self.connected and self._early_size > MAX_EARLY))

    def wanted(self) -> None:
        """The server said 100."""
        self._expects = False

    def without_body(self, rest: bytes) -> None:
        """There is none: `rest` is another request's."""
        self._body.rest = rest

    def feed(self, data: bytes) -> None:
        """The client sent `data`, and the body was not complete. Raises HttpError (400)."""
        self._request.bytes_in += len(data)
        out = self._body.feed(data)
        self._request.bytes_in -= len(self._body.rest)
        self._expects = False
        if not self.connected or self.doubtful:
            self._early.append(out)
            self._early_size += len(out)
            if self.connected and self._early_size > MAX_EARLY:
                self.settle()
        if self.connected and out:
            self._steps.append(SendServer(out))

    def begin(self, header: bytes = b"", *, doubtful: bool) -> None:
        """A server's connection is there: what came so far is for it; `doubtful`: it has carried others before.

        `header`: of the PROXY protocol, which comes first.
        """
        self.connected = True
        self._steps.append(SendServer(header + b"".join(self._early)))
        self.doubtful = doubtful
        if not doubtful or self._early_size > MAX_EARLY:
            self.settle()

    def resume(self, sent: bytes, *, doubtful: bool) -> None:
        """As `begin`, of a request whose head was sent already, as `sent`."""
        self.connected = True
        self._early = [sent]
        self.doubtful = doubtful
        if not doubtful:
            self.settle()

    def settle(self) -> None:
        """The connection needs no more doubt, or the request has become too long to be sent again."""
        self.doubtful = False
        self._early = []

    def take_back(self) -> None:
        """It is to be sent once more, on another connection."""
        self.connected = self.server_full = self.doubtful = False

    def haul(self) -> None:
        """Let a long body pass unread from here on, once; what may have to be sent once more must be read."""
        left = self._body.left or 0
        if self.connected and not self._hauls and not self.doubtful and self._body.plain and left >= LEAST_HAULED:
            self._hauls = True
            self._steps.append(HaulUp(left))

    def hauled(self, size: int) -> None:
        """So much of the body has passed unread."""
        self._body.hauled(size)
        self._request.bytes_in += size
        self._expects = False

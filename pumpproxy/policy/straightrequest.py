"""The short way of a request: a GET whose header section this client has sent before, and an answer of known length.

Most requests on a connection differ in their first line alone. So what the long way made of a section is kept for a
few of them, and the next one alike is sent on in a few microseconds. May not: understand a section that the long way
did not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from pumpproxy.policy import reuse
from pumpproxy.policy.answers import named
from pumpproxy.wire.framing import HTTP_11, BodyKind
from pumpproxy.wire.plainhead import plain_response

if TYPE_CHECKING:
    from pumpproxy.model import Backend, Frontend
    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.serverstate import ServerState
    from pumpproxy.wire.http1 import RequestHead

_HOPS = re.compile(rb"\r\n(?i:connection|keep-alive): [^\r]*")


class KnownSection(NamedTuple):
    """What a header section came to, as the file stood."""

    frontend: Frontend
    backend: Backend
    host: str
    name: str | None
    """What it is routed by; None where that is an IP address, which is nobody's name."""
    sent: bytes
    """What a server gets behind the request line."""


class StraightHead(NamedTuple):
    """As much of a request's head as its record tells."""

    method: bytes
    line: bytes
    host: str


class StraightRequest:
    """One request on the short way: sent or not yet, and as much of the answer as has passed."""

    __slots__ = (
        "active",
        "answer",
        "answered_at",
        "bytes_out",
        "data",
        "known",
        "left",
        "pool",
        "reached",
        "server",
        "started",
        "status",
    )

    def __init__(self, data: bytes, known: KnownSection, pool: Pool, server: ServerState, now: float) -> None:
        self.data = data
        """The head, as it came."""
        self.known = known
        self.pool = pool
        self.server = server
        self.started = self.active = now
        self.reached = False
        """It was sent, on a connection that was kept."""
        self.answer = b""
        """The head of the answer as it came, once it has passed."""
        self.left = 0
        """Bytes of its body that have not passed yet."""
        self.status = 0
        self.answered_at = 0.0
        self.bytes_out = 0

    @property
    def outgoing(self) -> bytes:
        """What the server is sent."""
        return self.data[: self.data.find(b"\r\n") + 2] + self.known.sent

    @property
    def done(self) -> bool:
        """Whether the whole answer has passed."""
        return self.status > 0 and not self.left

    def answered(self, data: bytes, now: float) -> bytes | None:
        """What to pass on of what the server sent; None: the long way must see to it, with this data."""
        if self.status:
            if len(data) > self.left:
                return None
            self.left -= len(data)
            out = data
        else:
            head = plain_response(data)
            if head is None:
                return None
            left = head.length - len(data) + head.size
            if left < 0:
                return None
            self.left = left
            self.status = head.status
            self.answered_at = now
            self.answer = data[: head.size]
            out = _HOPS.sub(b"", self.answer) + data[head.size :] if head.hops else data
        self.active = now
        self.bytes_out += len(out)
        return out


def known_section(
    head: RequestHead, sent: bytes, frontend: Frontend, backend: Backend, *, plain: bool
) -> KnownSection | None:
    """What is to be kept of a request that went the long way; None where another with this section must go there too.

    `sent`: the head that its server was sent; `plain`: the client's connection may live on, and the server's.
    """
    ordinary = (
        plain
        and head.version == HTTP_11
        and head.framing.kind is BodyKind.NONE
        and head.host is not None
        and head.host_field is not None
        and b"upgrade" not in head.connection
        and not reuse.binds(head.fields)
    )
    if not ordinary or head.host is None:
        return None
    return KnownSection(frontend, backend, head.host, named(head), sent[sent.find(b"\r\n") + 2 :])

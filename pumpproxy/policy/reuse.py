"""When a server's connection may carry one more request, and which request may be sent on one that did before.

Rule: nobody gets another's answer, and no request is lost or done twice because a connection was kept.
May not: hold a connection.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from pumpproxy.model import ConnectionMode
from pumpproxy.wire.httpfields import values

if TYPE_CHECKING:
    from pumpproxy.model import Frontend
    from pumpproxy.policy.pool import Pool
    from pumpproxy.wire.http1 import RequestHead, ResponseHead
    from pumpproxy.wire.httpfields import Fields

# RFC 9110 section 9.2.2: "of the request methods defined by this specification, PUT, DELETE, and safe request methods
# are idempotent"; section 9.2.1: the safe ones.
IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})

SURELY_OPEN = 1.0
"""Seconds of idleness after which no server closes yet: the shortest limits in use are of five (node, Apache)."""

# RFC 4559 section 6: these authenticate a connection, and not a request.
_BINDING = (b"ntlm", b"negotiate")
_UNAUTHORIZED = 401


def keeps(frontend: Frontend, pool: Pool) -> bool:
    """Whether servers' connections are kept: not where one is told by a PROXY header whose it is.

    The protocol's section 2: proxies that re-use connections "MUST NOT implement this protocol on multiplexed
    connections because the receiver would use the address advertised in the PROXY header as the address of all
    forwarded requests's senders".
    """
    return (pool.backend.connection or frontend.connection) is ConnectionMode.KEEP_ALIVE and not pool.introduces


def longest_idle(method: bytes) -> float:
    """Seconds that a connection may have been idle which is to carry this request; 0: it needs a new one.

    RFC 9112 section 9.3.1: "a client ... cannot pipeline a non-idempotent method" safely, and a server may close just
    when the request is sent: one that cannot be repeated would be lost then.
    """
    return inf if method in IDEMPOTENT else SURELY_OPEN


def is_private(request: RequestHead, response: ResponseHead) -> bool:
    """Whether the server now knows the client by the connection, so that nobody else may use it."""
    return binds(request.fields) or (response.status == _UNAUTHORIZED and _names(response.fields, b"www-authenticate"))


def binds(fields: Fields) -> bool:
    """Whether a request with these fields makes the server know its client by the connection."""
    return _names(fields, b"authorization")


def _names(fields: Fields, name: bytes) -> bool:
    return any(value.lower().startswith(_BINDING) for value in values(fields, name))

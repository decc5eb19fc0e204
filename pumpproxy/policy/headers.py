"""Which fields pass from one side to the other.

Rule: what concerns one connection ends here (RFC 9110, section 7.6.1), and nobody but a trusted proxy speaks for the
client's address, scheme or host. A field is what any server may take it for: names are compared by their likeness.
Names keep their spelling and order.
May not: change a field that passes, or add one (`vouching` and `forwarding` do).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.policy.vouching import VOUCHING
from pumpproxy.wire.httpfields import OWS, likeness

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pumpproxy.model import ForwardFor
    from pumpproxy.wire.httpfields import Field, Fields

# RFC 9110 section 7.6.1: "Intermediaries MUST parse a received Connection header field before a message is forwarded
# and, for each connection-option in this field, remove any header or trailer field(s) from the message with the same
# name"; "SHOULD remove or replace ... Proxy-Connection, Keep-Alive, TE, Transfer-Encoding, Upgrade". HTTP2-Settings is
# RFC 7540's (section 3.2.1), and never meant for a second hop.
HOP_BY_HOP = frozenset(
    {b"connection", b"http2-settings", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade"}
)
# "A sender MUST NOT send a connection option corresponding to a field that is intended for all recipients of the
# content": one that frames or routes the message is never taken away by naming it.
UNTOUCHABLE = frozenset({b"content-length", b"host", b"transfer-encoding"})
_FOR_STRANGERS = HOP_BY_HOP | VOUCHING

# RFC 9110 section 6.5.1: no trailer may be a field "necessary for message framing, routing, authentication, request
# modifiers, response controls, or content format", since it is read too late, or by nobody.
_NOT_A_TRAILER = HOP_BY_HOP | {
    b"age",
    b"authorization",
    b"cache-control",
    b"content-encoding",
    b"content-length",
    b"content-range",
    b"content-type",
    b"cookie",
    b"date",
    b"expect",
    b"expires",
    b"host",
    b"if-match",
    b"if-modified-since",
    b"if-none-match",
    b"if-range",
    b"if-unmodified-since",
    b"location",
    b"max-forwards",
    b"pragma",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"range",
    b"retry-after",
    b"set-cookie",
    b"trailer",
    b"vary",
    b"www-authenticate",
}


def request_drops(connection: frozenset[bytes], rules: Iterable[ForwardFor], *, trusted: bool) -> frozenset[bytes]:
    """What does not pass of a request's fields, by likeness.

    `connection`: the options of Connection; `trusted`: what the client says of whom it speaks for is believed.
    """
    if trusted:
        return _with_named(HOP_BY_HOP, connection)
    drops = _FOR_STRANGERS
    for rule in rules:
        # Where another name carries the address, nobody may write under that one either.
        if (name := likeness(rule.header.encode("ascii"))) not in drops:
            drops |= {name}
    return _with_named(drops, connection)


def response_drops(connection: frozenset[bytes]) -> frozenset[bytes]:
    """What does not pass of a response's fields, by likeness."""
    return _with_named(HOP_BY_HOP, connection)


def _with_named(drops: frozenset[bytes], connection: frozenset[bytes]) -> frozenset[bytes]:
    if connection <= drops:
        return drops
    return drops | (frozenset(map(likeness, connection)) - UNTOUCHABLE)


def dropped(name: bytes, drops: frozenset[bytes]) -> bool:
    """Whether a field of that name is among `drops`, or may be taken for one that is.

    A look-alike of Content-Length, which itself passes, would frame the body anew for whoever takes it for that.
    """
    alike = likeness(name)
    return alike in drops or (alike == b"content-length" and name.lower() != alike)


def wants_trailers(value: bytes) -> bool:
    """Whether a TE line has the one member that concerns no transfer coding (RFC 9110, section 10.1.4)."""
    return b"trailers" in [member.strip(OWS).lower() for member in value.split(b",")]


def passing_trailers(trailers: Fields, drops: frozenset[bytes]) -> list[Field]:
    """The trailers that pass, given what does not pass of the head's fields."""
    return [(name, value) for name, value in trailers if not dropped(name, drops) and not dropped(name, _NOT_A_TRAILER)]

"""Which fields pass from one side to the other, and which of ours are added.

Rule: what concerns one connection ends here (RFC 9110, section 7.6.1), and nobody but a trusted proxy speaks for the
client's address, scheme or host. Names keep their spelling and order.
May not: change a field that passes.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumpproxy.wire.httpfields import OWS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pumpproxy.model import ForwardFor, Frontend, Network
    from pumpproxy.policy.records import ClientAddress
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
VOUCHING = frozenset(
    {
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-proto",
        b"x-real-ip",
    }
)
"""By these a proxy tells whom it speaks for."""
_USUAL = "X-Forwarded-For"
"""What a rule says that names none."""
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


@dataclass(frozen=True, slots=True)
class Origin:
    """Who a request comes from, as far as a server may be told."""

    text: str
    """The address as X-Forwarded-For has it; empty for a client on a unix socket."""
    address: ipaddress.IPv4Address | ipaddress.IPv6Address | None
    trusted: bool
    """One of `trusted-proxies`: what it says of its own client is passed on."""

    @classmethod
    def of(cls, client: ClientAddress, frontend: Frontend) -> Origin:
        """As this frontend sees the client."""
        try:
            address = ipaddress.ip_address(client.host)
        except ValueError:
            return cls("", None, trusted=False)
        return cls(client.host, address, _within(address, frontend.trusted_proxies))

    def within(self, networks: Iterable[Network]) -> bool:
        """Whether the address is in one of them."""
        return self.address is not None and _within(self.address, networks)


def _within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def request_drops(connection: frozenset[bytes], origin: Origin, rules: Iterable[ForwardFor]) -> frozenset[bytes]:
    """Lower-case names of the request's fields that do not pass. `connection`: the options of Connection."""
    if origin.trusted:
        drops = HOP_BY_HOP
    else:
        drops = _FOR_STRANGERS
        for rule in rules:
            # Where another name carries the address, nobody may write under that one either.
            if (name := rule.header.lower().encode("ascii")) not in drops:
                drops |= {name}
    return _with_named(drops, connection)


def response_drops(connection: frozenset[bytes]) -> frozenset[bytes]:
    """Lower-case names of the response's fields that do not pass."""
    return _with_named(HOP_BY_HOP, connection)


def _with_named(drops: frozenset[bytes], connection: frozenset[bytes]) -> frozenset[bytes]:
    named = connection - UNTOUCHABLE
    return drops if named <= drops else drops | named


def dropped(name: bytes, drops: frozenset[bytes]) -> bool:
    """Whether a field of that lower-case name is among `drops`, or is to a server that takes `_` and `-` for the same.

    RFC 3875, section 4.1.18: CGI's variables have an underscore for either; so a look-alike of Content-Length, which
    itself passes, would frame the body anew for it.
    """
    if name in drops:
        return True
    alike = name.replace(b"_", b"-")
    return alike != name and (alike in drops or alike == b"content-length")


def wants_trailers(value: bytes) -> bool:
    """Whether a TE line has the one member that concerns no transfer coding (RFC 9110, section 10.1.4)."""
    return b"trailers" in [member.strip(OWS).lower() for member in value.split(b",")]


def passing_trailers(trailers: Fields, drops: frozenset[bytes]) -> list[Field]:
    """The trailers that pass, given what does not pass of the head's fields."""
    return [
        (name, value)
        for name, value in trailers
        if not dropped(key := name.lower(), drops) and not dropped(key, _NOT_A_TRAILER)
    ]


def forwarded_for(fields: Fields, origin: Origin, rules: list[ForwardFor]) -> tuple[str, str] | None:
    """The field that tells the client's address, or None for none. `rules`: the frontend's, then the backend's.

    As HAProxy: either's `except` forbids it, both must say `if-none`, and the backend's name for it stands before the
    frontend's, where it has one of its own.
    """
    if not rules or not origin.text:
        return None
    header = rules[-1].header
    for rule in rules:
        if rule.networks and origin.within(rule.networks):
            return None
        if header == _USUAL:
            header = rule.header
    if origin.trusted and all(rule.if_none for rule in rules):
        key = header.lower().encode("ascii")
        if any(name.lower() == key for name, _ in fields):
            return None
    return header, origin.text

"""What a server is told of whom a request comes from: the lines that are ours to add.

Rule: nobody but a trusted proxy speaks for a client, and of scheme, host and port there is one account: the proxy's
where it gives one, else ours.
May not: decide which of the client's own fields pass (`headers` does), or change one.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumpproxy.wire.httpfields import TOKEN, likeness

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from pumpproxy.model import ForwardFor, Frontend, Network
    from pumpproxy.policy.records import ClientAddress
    from pumpproxy.wire.http1 import RequestHead

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
# One of these from a trusted proxy is its account of how its own client asked. Ours tells of the proxy's request: a
# port of ours beside a scheme of its would name a place that is not there.
_ACCOUNT = VOUCHING - {b"x-forwarded-for", b"x-real-ip"}

_SCHEME = b"http"
"""What is read here came in the clear."""
_TOKEN = re.compile(TOKEN)
_SPECIAL = re.compile(rb'(["\\])')


@dataclass(frozen=True, slots=True)
class Origin:
    """Who a connection or a request comes from, as far as a server may be told."""

    text: str
    """The address as X-Forwarded-For has it; empty for a client on a unix socket."""
    address: ipaddress.IPv4Address | ipaddress.IPv6Address | None
    port: int | None
    """Of ours, where it came to; None for a client on a unix socket."""
    trusted: bool
    """One of `trusted-proxies`: what it says of its own client is passed on."""

    @classmethod
    def of(cls, client: ClientAddress, frontend: Frontend, port: int | None = None) -> Origin:
        """As this frontend sees the client, which came to this port."""
        try:
            address = ipaddress.ip_address(client.host)
        except ValueError:
            return cls("", None, port, trusted=False)
        return cls(client.host, address, port, _within(address, frontend.trusted_proxies))

    def within(self, networks: Iterable[Network]) -> bool:
        """Whether the address is in one of them."""
        return self.address is not None and _within(self.address, networks)


def _within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def vouching_lines(
    head: RequestHead, origin: Origin, frontend: Frontend, rules: list[ForwardFor], spoken: AbstractSet[bytes]
) -> list[bytes]:
    """The lines to add, with their ends.

    `rules`: the frontend's, then the backend's; `spoken`: names of a trusted proxy's fields that pass, by
    their likeness.
    """
    lines = []
    if (told := forwarded_for(origin, rules, spoken)) is not None:
        lines.append(f"{told[0]}: {told[1]}\r\n".encode("ascii"))
    if not spoken & _ACCOUNT:
        if frontend.forwarded_proto:
            lines.append(b"X-Forwarded-Proto: %b\r\n" % _SCHEME)
        if frontend.forwarded_host and (host := asked_host(head)):
            lines.append(b"X-Forwarded-Host: %b\r\n" % host)
        if frontend.forwarded_port and origin.port is not None:
            lines.append(b"X-Forwarded-Port: %d\r\n" % origin.port)
    if frontend.forwarded:
        lines.append(b"Forwarded: %b\r\n" % forwarded(head, origin))
    return lines


def forwarded_for(origin: Origin, rules: list[ForwardFor], spoken: AbstractSet[bytes]) -> tuple[str, str] | None:
    """The field that tells the client's address, or None for none; arguments as of `vouching_lines`.

    As HAProxy: either's `except` forbids it, both must say `if-none`, and where there is a rule of the backend's, its
    name for the field is taken, also where that is the usual one.
    """
    if not rules or not origin.text or any(origin.within(rule.networks) for rule in rules):
        return None
    header = rules[-1].header
    if all(rule.if_none for rule in rules) and likeness(header.encode("ascii")) in spoken:
        return None
    return header, origin.text


def forwarded(head: RequestHead, origin: Origin) -> bytes:
    """The element of RFC 7239 for this hop (section 4): `for`, `host` and `proto`; `by` is nobody's business."""
    pairs = [b"for=" + _node(origin)]
    if host := asked_host(head):
        pairs.append(b"host=" + _value(host))
    pairs.append(b"proto=" + _SCHEME)
    return b";".join(pairs)


def _node(origin: Origin) -> bytes:
    # RFC 7239 section 6: node = nodename [ ":" node-port ], nodename = IPv4address / "[" IPv6address "]" / "unknown".
    # "Note that an IPv6 address is always enclosed in square brackets"; "as ":" and "[]" are not valid characters in
    # "token", IPv6 addresses are written as "quoted-string"".
    if not origin.text:
        return b"unknown"
    text = origin.text.encode("ascii")
    return b'"[%b]"' % text if b":" in text else text


def _value(text: bytes) -> bytes:
    # RFC 7239 section 4: value = token / quoted-string. A host with a port is no token.
    return text if _TOKEN.fullmatch(text) else b'"%b"' % _SPECIAL.sub(rb"\\\1", text)


def asked_host(head: RequestHead) -> bytes:
    """Whom the request is for, as the client wrote it; empty where it did not say."""
    if head.host_field or head.host is None:
        return head.host_field or b""
    return f"{head.host}{'' if head.port is None else f':{head.port}'}".encode("ascii")

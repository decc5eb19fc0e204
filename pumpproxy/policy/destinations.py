"""In which order a name's addresses are tried: the system's, by RFC 6724 section 6.

Of its rules those that need no more than the source address which the kernel would take: unreachable ones last (1),
then another scope (2), then another label (5), then by precedence (6), and else as the answer has them (10). What
/etc/gai.conf says otherwise is not known here. May not: ask the kernel.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Section 2.1, the default policy table: prefix, precedence, label; the longest prefix that matches holds.
_POLICY = sorted(
    (
        (ipaddress.IPv6Network(prefix), precedence, label)
        for prefix, precedence, label in (
            ("::1/128", 50, 0),
            ("::/0", 40, 1),
            ("::ffff:0:0/96", 35, 4),
            ("2002::/16", 30, 2),
            ("2001::/32", 5, 5),
            ("fc00::/7", 3, 13),
            ("::/96", 1, 3),
            ("fec0::/10", 1, 11),
            ("3ffe::/16", 1, 12),
        )
    ),
    key=lambda row: -row[0].prefixlen,
)
_LINK, _SITE, _GLOBAL = 2, 5, 14
"""Section 3.1: the scopes of unicast addresses."""


def ordered(addresses: Iterable[str], sources: Mapping[str, str | None]) -> tuple[str, ...]:
    """Addresses in the order in which to try them.

    `sources`: for each the address that the kernel would connect from; None: it has no way there.
    """
    return tuple(sorted(addresses, key=lambda address: _rank(address, sources.get(address))))


def _rank(address: str, source: str | None) -> tuple[bool, bool, bool, int]:
    """What comes first has less."""
    destination = _mapped(address)
    precedence, label = _policy(destination)
    if source is None:
        return True, True, True, -precedence
    own = _mapped(source)
    return False, _scope(own) != _scope(destination), _policy(own)[1] != label, -precedence


def _mapped(address: str) -> ipaddress.IPv6Address:
    """IPv4 addresses are IPv4-mapped ones here (section 2.1)."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    return parsed if parsed.version == 6 else ipaddress.IPv6Address(f"::ffff:{parsed}")  # noqa: PLR2004 - IPv6


def _policy(address: ipaddress.IPv6Address) -> tuple[int, int]:
    # One always matches: ::/0.
    return next((precedence, label) for prefix, precedence, label in _POLICY if address in prefix)


def _scope(address: ipaddress.IPv6Address) -> int:
    """Section 3.2: IPv4's loopback and link-local addresses have link-local scope, the others global scope."""
    mapped = address.ipv4_mapped
    if mapped is not None:
        return _LINK if mapped.is_loopback or mapped.is_link_local else _GLOBAL
    if address.is_loopback or address.is_link_local:
        return _LINK
    return _SITE if address.is_site_local else _GLOBAL

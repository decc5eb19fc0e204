"""A name's addresses in the order in which to try them, by the way that the kernel has to each.

May not: send anything: connecting a UDP socket does not.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from pumpproxy.policy.destinations import ordered

if TYPE_CHECKING:
    from collections.abc import Iterable

_ANY_PORT = 9
"""discard; the port makes no difference, but 0 is none."""


def in_order(addresses: Iterable[str]) -> tuple[str, ...]:
    """IP addresses, each once, as RFC 6724 wants them on this host now."""
    found = tuple(dict.fromkeys(addresses))
    if len(found) <= 1:
        return found
    return ordered(found, {address: source_of(address) for address in found})


def source_of(address: str) -> str | None:
    """The address that the kernel would connect from; None where it has no way there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, _ANY_PORT))
            return str(probe.getsockname()[0])
    except OSError:
        return None

"""What resolv.conf(5) and hosts(5) say, as the C library reads them: what it passes over is passed over.

May not: open a file, or say in which order anything is asked (`policy.names`).
"""

from __future__ import annotations

import contextlib
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumpproxy import hostnames

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_NAMESERVERS = 3
"""resolv.conf(5): "Up to MAXNS (currently 3, see <resolv.h>) name servers may be listed"."""
_MOST_NDOTS, _MOST_TIMEOUT, _MOST_ATTEMPTS = 15, 30, 5
"""resolv.conf(5): "The value for this option is silently capped to" these."""


@dataclass(frozen=True, slots=True)
class ResolvConf:
    """One file; the defaults are those of an empty one."""

    nameservers: tuple[str, ...] = ("127.0.0.1",)
    """IP addresses in text form; an IPv6 one may have a scope (`fe80::1%eth0`)."""
    search: tuple[str, ...] = ()
    """Domains, in the one spelling."""
    ndots: int = 1
    """A name with so many dots is asked for as it is before it is looked for in a domain."""
    timeout: float = 5.0
    """Seconds that a nameserver has."""
    attempts: int = 2
    """Rounds of all nameservers."""
    rotate: bool = False
    """Another nameserver is asked first each time."""
    use_vc: bool = False
    """By TCP always."""
    no_aaaa: bool = False
    """IPv6 addresses are not asked for."""


_UNSET = ResolvConf()


def read_resolv_conf(text: str, hostname: str = "") -> ResolvConf:
    """`hostname`: this host's own, whose domain is searched where the file names none."""
    nameservers: list[str] = []
    # resolv.conf(5): "By default, the search list contains one entry, the local domain name. It is determined from the
    # local hostname returned by gethostname(2); the local domain name is taken to be everything after the first '.'."
    search: Sequence[str] = (hostname.partition(".")[2],)
    options: list[str] = []
    for line in text.split("\n"):
        # "The keyword and value must appear on a single line, and the keyword must start the line."
        keyword, *values = line.split() if line[:1].strip() else ("",)
        match keyword, values:
            case "nameserver", [address, *_]:
                nameservers += [address] if _is_address(address) else []
            case "domain", [domain, *_]:
                search = (domain,)
            case "search", [_, *_]:
                # "If more than one instance of these keywords is present, the last instance wins."
                search = values
            case "options", _:
                options += values
            case _:
                pass
    domains = (hostnames.canonical(domain.encode("utf-8")) for domain in search)
    return ResolvConf(
        nameservers=tuple(nameservers[:_MOST_NAMESERVERS]) or _UNSET.nameservers,
        search=tuple(domain for domain in domains if domain is not None),
        ndots=_number("ndots", options, 0, _MOST_NDOTS, _UNSET.ndots),
        timeout=float(_number("timeout", options, 1, _MOST_TIMEOUT, int(_UNSET.timeout))),
        attempts=_number("attempts", options, 1, _MOST_ATTEMPTS, _UNSET.attempts),
        rotate="rotate" in options,
        use_vc="use-vc" in options,
        no_aaaa="no-aaaa" in options,
    )


def read_hosts(text: str, name: str) -> tuple[str, ...]:
    """The addresses that a hosts file has for a name in the one spelling, in its order; `text` in lower case.

    The file may have a hundred thousand lines (those that block advertisements): they are searched, not split.
    """
    found: list[str] = []
    at = text.find(name)
    while at >= 0:
        start = text.rfind("\n", 0, at) + 1
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        address, *names = text[start:end].partition("#")[0].split() or ("",)
        if name in names and _is_address(address) and address not in found:
            found.append(address)
        at = text.find(name, end)
    return tuple(found)


def _is_address(word: str) -> bool:
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(word)
        return True
    return False


def _number(option: str, options: Sequence[str], least: int, most: int, unset: int) -> int:
    """Of the last `option:N`; what is no number is passed over."""
    for word in reversed(options):
        name, _, value = word.partition(":")
        if name == option and value.isascii() and value.isdigit():
            return min(max(int(value[:9]), least), most)
    return unset

"""Names in DNS: under which whole name one is asked for, what an answer says, how long it holds, when to ask again.

May not: ask anybody, or know which servers there are.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from pumpproxy import hostnames
from pumpproxy.wire.dnsmessage import NOERROR, NXDOMAIN, Question, RecordType, Service

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pumpproxy.wire.dnsmessage import Record, Response
    from pumpproxy.wire.resolvconf import ResolvConf

SHORTEST = 1.0
"""Seconds that an answer holds however little its TTL is: Consul's is 0, and nobody asks for each connection."""
LONGEST = 3600.0
"""... however much: a mistake in a zone must not outlive an hour here."""
FIRST_PAUSE = 2.0
"""Seconds until a question that failed is asked again; twice as long after each further failure ..."""
LONGEST_PAUSE = 30.0
"""... up to this."""
MOST_ALIASES = 16
"""CNAMEs in a chain. What resolves names for us follows no more (BIND 9 and Unbound 11, once 16)."""
LOOPBACK = ("::1", "127.0.0.1")
"""RFC 6761 section 6.3: what `localhost`, and whatever is below it, is always."""


class Lack(enum.Enum):
    """Why there is no answer."""

    MISSING = "it has none"
    """The name does not exist, or has no such records: whoever was asked knows."""
    FAILED = "the nameservers fail"
    """They were asked, and could or would not say."""
    SILENT = "no nameserver answers"


IP_VERSIONS = {RecordType.AAAA: 6, RecordType.A: 4}


class Way(NamedTuple):
    """How a question is asked. `payload`: what is said that UDP may bring back (EDNS), octets; 0: nothing."""

    by_tcp: bool
    payload: int = 0


PAYLOAD = 1232
"""Octets of an answer by UDP that no network has to cut (the DNS Flag Day of 2020; Go's and systemd's resolvers)."""
# Who does not understand EDNS is asked without it in the next round. A service is asked for by TCP first: by UDP Consul
# names no more of its hosts than fit, others each time, and does not say so unless it is told to (enable_truncate).
_BY_UDP = (Way(by_tcp=False, payload=PAYLOAD), Way(by_tcp=False))
BY_TCP = Way(by_tcp=True)


class Endpoint(NamedTuple):
    """Where a service is: one SRV record. `host` is a host name, in the one spelling."""

    host: str
    port: int
    priority: int
    weight: int


class Found(NamedTuple):
    """What an answer has for a question, each once, in its order. `ttl`: of the record that is the first to go."""

    data: tuple[str | Service, ...]
    ttl: int


class HostAnswer(NamedTuple):
    """The addresses of a host. `lacking`: the IP versions of which nobody could say; `holds`: seconds."""

    addresses: tuple[str, ...]
    holds: float
    lacking: frozenset[int] = frozenset()


def candidates(name: str, conf: ResolvConf, *, absolute: bool = False) -> tuple[str, ...]:
    """The whole names to try for one that somebody wrote, the first one first (resolv.conf(5), `ndots`)."""
    if absolute:
        return (name,)
    below = tuple(f"{name}.{domain}" for domain in conf.search)
    found = (name, *below) if name.count(".") >= conf.ndots else (*below, name)
    return tuple(one for one in dict.fromkeys(found) if len(one) <= hostnames.MAX_NAME)


def rounds(question: Question, conf: ResolvConf) -> tuple[Way, ...]:
    """How all nameservers are asked, one round after the other, until one answers."""
    if conf.use_vc:
        ways: tuple[Way, ...] = (BY_TCP,)
    elif question.type == RecordType.SRV:
        ways = (BY_TCP, *_BY_UDP)
    else:
        ways = _BY_UDP
    return ways + ways[-1:] * (conf.attempts - len(ways))


def is_localhost(name: str) -> bool:
    """Whether it is one of the names that never leave this host (RFC 6761 section 6.3)."""
    return name == "localhost" or name.endswith(".localhost")


def read(response: Response, question: Question) -> Found | Lack:
    """What a nameserver's answer to `question` says; aliases are followed inside it, as it has them."""
    if response.code == NXDOMAIN:
        return Lack.MISSING
    if response.code != NOERROR or response.truncated:
        return Lack.FAILED
    name, lasting = question.name, []
    for _ in range(MOST_ALIASES + 1):
        records = [record for record in response.answers if record.name == name]
        wanted = [record for record in records if record.type == question.type]
        if wanted:
            lasting += [record.ttl for record in wanted]
            return Found(tuple(dict.fromkeys(record.data for record in wanted)), min(lasting))
        alias = next((record for record in records if record.type == RecordType.CNAME), None)
        if alias is None:
            break
        lasting.append(alias.ttl)
        name = str(alias.data)
    return Lack.MISSING


def together(found: Mapping[RecordType, Found | Lack]) -> HostAnswer | Lack:
    """What the answers to both questions for the addresses of a host (AAAA, A) come to, in that order."""
    good = [one for one in found.values() if isinstance(one, Found)]
    if not good:
        return next((one for one in found.values() if one is not Lack.MISSING and isinstance(one, Lack)), Lack.MISSING)
    lacking = frozenset(IP_VERSIONS[kind] for kind, one in found.items() if one in (Lack.FAILED, Lack.SILENT))
    lasting = holds(min(one.ttl for one in good))
    if lacking:
        lasting = min(lasting, LONGEST_PAUSE)
    return HostAnswer(tuple(str(address) for one in good for address in one.data), lasting, lacking)


def endpoints(found: Found) -> tuple[Endpoint, ...]:
    """The hosts of a service, each port of one once; none where the answer says that there is none (target ".")."""
    seen: dict[tuple[str, int], Endpoint] = {}
    for service in found.data:
        if not isinstance(service, Service):
            continue
        host = hostnames.canonical(service.target.encode("ascii"))
        if host is not None and service.port:
            seen.setdefault((host, service.port), Endpoint(host, service.port, service.priority, service.weight))
    return tuple(seen.values())


def carried(records: Iterable[Record], hosts: Iterable[str]) -> dict[str, Found]:
    """The addresses of hosts that came along with a service (RFC 2782), of those that it names and no other."""
    wanted = set(hosts)
    found: dict[str, Found] = {}
    for record in records:
        if record.name in wanted and record.type in (RecordType.A, RecordType.AAAA):
            before = found.get(record.name, Found((), record.ttl))
            data = dict.fromkeys((*before.data, record.data))
            found[record.name] = Found(tuple(data), min(before.ttl, record.ttl))
    return found


def holds(ttl: int) -> float:
    """Seconds until an answer with this TTL is asked for again."""
    return min(max(float(ttl), SHORTEST), LONGEST)


def pause(failures: int) -> float:
    """Seconds until a question is asked again that has failed so many times in a row, one or more."""
    return float(min(FIRST_PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE))

"""Server lines, `server NAME = ADDRESS [weight=N] [cookie=VALUE] [disabled] [drain]`, and `use-server NAME = HOST...`.

May not: know the other servers of the backend.
"""

from __future__ import annotations

from dataclasses import dataclass

from pumpproxy.config import addresses, persistence, values
from pumpproxy.config.problems import Faults, did_you_mean, quoted
from pumpproxy.model import Server

HEAVIEST = 256
"""HAProxy's limit."""

_FLAGS = ("disabled", "drain")
_KNOWN = ("weight=", "cookie=", *_FLAGS)
_SETTINGS = {"weight": "weight=N", "cookie": "cookie=VALUE"}
_LATER = frozenset(
    {
        "backup", "check", "check-path", "check-sni", "fall", "inter", "maxconn", "maxqueue", "rise", "send-proxy",
    }
)  # fmt: skip

_weight = values.number(0, HEAVIEST)
_hosts = values.each(values.host)


@dataclass(frozen=True, slots=True)
class UseServer:
    """One `use-server` line: connections for these hosts go to the server of this name."""

    server: str
    hosts: tuple[str, ...]


def server(argument: str, value: str) -> Server:
    """One server, of the name before its `=` and the words after it."""
    faults = Faults()
    name = faults.attempt(values.name, argument)
    words = value.split()
    address = faults.attempt(addresses.server, words[0])
    weight, cookie = 1, None
    seen: set[str] = set()
    for word in words[1:]:
        key, equals, setting = word.partition("=")
        if key in seen:
            faults.add(f"{quoted(key)} stands here twice", word=word)
        elif key == "weight" and equals:
            weight = faults.attempt(_weight, setting)
        elif key == "cookie" and equals:
            cookie = faults.attempt(persistence.server_value, setting)
        elif word not in _FLAGS:
            faults.add(f"{quoted(word)} is not known on a server's line", _hint(key, equals), word)
        seen.add(key)
    faults.check()
    return Server(name, address, weight, disabled="disabled" in seen, drain="drain" in seen, cookie=cookie)


def _hint(key: str, equals: str) -> str:
    if key in _LATER:
        return values.LATER
    if key in _SETTINGS:
        return f"write {_SETTINGS[key]}"
    if key in _FLAGS and equals:
        return f"write {key} alone"
    return did_you_mean(key, _KNOWN)


def use_server(argument: str, value: str) -> UseServer:
    """One `use-server` line, of the server before its `=` and the hosts after it."""
    faults = Faults()
    name = faults.attempt(values.name, argument)
    hosts = faults.attempt(_hosts, value)
    faults.check()
    return UseServer(name, hosts)

"""What a client's request means to a proxy: whom it is for, and what a server is to get of it.

By the second reader's values alone. May not: ask the proxy's code what anything means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.sim.strict import Field
    from tests.wire.secondreader import Plain

ROUTES = {b"b.example": "b", b"c.example": "c"}
"""Names with a backend of their own; a.example's paths from /d on have one too, and everything else goes to `a`."""

HOP_BY_HOP = {
    b"connection", b"http2-settings", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade",
}  # fmt: skip
VOUCHING = {
    b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-proto", b"x-real-ip",
}  # fmt: skip
FRAMES = {b"content-length", b"transfer-encoding", b"host"}
NO_TRAILERS = {b"cookie", b"date", b"expect", b"max-forwards", b"range"}
"""Of the fields that are drawn, those which RFC 9110, section 6.5.1, has in a head alone."""
_NAME = re.compile(rb"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?(?::[1-9][0-9]{0,3})?")
_ABSOLUTE = re.compile(rb"(?i)http://([^/?]*)(.*)")


@dataclass
class Wanted:
    """One request as a server is to get it."""

    plain: Plain
    raw: bytes
    host: bytes | None
    """Whom it is for, as spelt; None where it does not say."""
    path: bytes
    options: set[bytes]
    """Of Connection."""

    @property
    def method(self) -> bytes:
        """Its method."""
        return self.plain[0]

    @property
    def is_1_0(self) -> bool:
        """Whether the client spoke HTTP/1.0."""
        return self.plain[2] == b"HTTP/1.0"

    @property
    def closes(self) -> bool:
        """Whether nothing behind it means anything."""
        return b"close" in self.options or (self.is_1_0 and b"keep-alive" not in self.options)

    @property
    def drops(self) -> set[bytes]:
        """Which fields do not pass."""
        return HOP_BY_HOP | VOUCHING | (self.options - FRAMES)

    @property
    def backend(self) -> str:
        """Where it leads."""
        name = re.sub(rb":[0-9]*\Z", b"", self.host or b"").lower().removesuffix(b".")
        return "d" if name == b"a.example" and self.path.startswith(b"/d") else ROUTES.get(name, "a")

    @property
    def may_be_refused(self) -> bool:
        """Whether there is something about it that a proxy need not pass on, though it has one meaning."""
        method, target, _, fields, _, _ = self.plain
        origin = target.startswith(b"/") or (target == b"*" and method == b"OPTIONS")
        absolute = _ABSOLUTE.fullmatch(target)
        hosts = [value for name, value in fields if name == b"host"]
        usual = origin or (absolute is not None and all(_alike(value, absolute[1]) for value in hosts))
        named = all(_NAME.fullmatch(value) for value in hosts) and (
            absolute is None or _NAME.fullmatch(absolute[1]) is not None
        )
        return (
            not usual
            or not named
            or method == b"CONNECT"
            or self.last_hop
            or self.raw.count(b"\r\n") > 100
            or len(max(self.raw.split(b"\r\n"), key=len)) > 4000
            or re.search(rb"\n[0-9A-Fa-f]{17}|\n[^:\r\n]{256,}:", self.raw) is not None
        )

    @property
    def last_hop(self) -> bool:
        """Whether the client asks whoever is here."""
        counts = [value for name, value in self.plain[3] if name == b"max-forwards"]
        return self.method in {b"OPTIONS", b"TRACE"} and any(re.fullmatch(b"0+", value) for value in counts)


def _alike(one: bytes, other: bytes) -> bool:
    return one.lower().removesuffix(b":80").removesuffix(b".") == other.lower().removesuffix(b":80").removesuffix(b".")


def wanted(plain: Plain, raw: bytes) -> Wanted:
    """What a request means to a proxy."""
    method, target, version, fields, _, _ = plain
    hosts = [value for name, value in fields if name == b"host"]
    host, path = (hosts[0] if hosts else None), target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is not None:
        host, path = absolute[1], absolute[2] or (b"*" if method == b"OPTIONS" else b"/")
        path = path if path[:1] in {b"/", b"*"} else b"/" + path
    lines = b",".join(value for name, value in fields if name == b"connection").lower()
    options = {option.strip(b" \t") for option in lines.split(b",")} - {b""}
    return Wanted((method, target, version, fields, *plain[4:]), raw, host, path, options)


def stops(name: bytes, drops: set[bytes]) -> bool:
    """Whether a field does not pass: one of these names, or what is one to who takes `_` for `-`."""
    alike = name.replace(b"_", b"-")
    return name in drops or (alike != name and (alike in drops or alike == b"content-length"))


def settled(fields: list[Field], drops: set[bytes]) -> list[Field]:
    """Without those that may pass or not: what is one of these names to who takes any mark for a `-`."""
    return [one for one in fields if one[0] in drops or not stops(re.sub(rb"[^a-z0-9_-]", b"_", one[0]), drops)]


def passing(want: Wanted) -> list[Field]:
    """The fields that a server gets, those aside that frame and route."""
    drops = want.drops | ({b"expect"} if want.is_1_0 else set())
    found = []
    for name, value in want.plain[3]:
        if name == b"host" or stops(name, drops):
            continue
        counts = name == b"max-forwards" and want.method in {b"OPTIONS", b"TRACE"}
        less = counts and re.fullmatch(b"[1-9][0-9]{0,9}", value)
        found.append((name, b"%d" % (int(value) - 1) if less else value))
    return found

r"""Domain names in DNS messages: written, and read with their compression at a cost that the message's size bounds.

A name is text: its labels in lower case with dots between them, no dot at the end, "" for the root. A byte that no
host name has is written `\DDD` (RFC 1035 section 5.1), so that each name has one text, no two have the same, and none
can do harm in a log. May not: know what a name is for.
Source: RFC 1035 sections 3.1 and 4.1.4, RFC 4343 (letter case).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pumpproxy.wire.errors import DnsError

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 255
"""Octets of a name with the lengths of its labels and the root's (RFC 1035 section 2.3.4)."""
HEADER = 12
"""Octets before the first name of a message; nothing that a pointer may point at begins earlier."""

# RFC 1035 section 4.1.4: the two high bits of a length are zero for a label, set for a pointer, and else reserved.
_POINTER = 0xC0
_OFFSET = 0x3FFF
_PLAIN = re.compile(rb"[a-z0-9_-]+")


def encode(name: str) -> bytes:
    """A host name (see `hostnames.canonical`) as on the wire, uncompressed."""
    labels = name.encode("ascii").split(b".") if name else []
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def skip(message: bytes, at: int) -> int:
    """Where the name at `at` ends, whatever it is. Raises DnsError."""
    while True:
        length = _octet(message, at)
        if length & _POINTER == _POINTER:
            return at + 2
        if not length:
            return at + 1
        at += 1 + _label_length(length)


class Names:
    """The names of one message. Each label is read once: what a name is from there on is kept for whoever points at it.

    A pointer leads to "a prior occurrence of the same name" (section 4.1.4), so to a place before the labels that it
    ends: they cannot go in circles.
    """

    __slots__ = ("_known", "_message")

    def __init__(self, message: bytes) -> None:
        self._message = message
        # By place: the text from there on, and its octets when uncompressed.
        self._known: dict[int, tuple[str, int]] = {}

    def read(self, at: int) -> tuple[str, int]:
        """The name at `at`, and where it ends there. Raises DnsError."""
        message, known = self._message, self._known
        passed: list[tuple[int, bytes]] = []
        place = run = at
        while (rest := known.get(place)) is None:
            length = _octet(message, place)
            label = b""
            after = place
            if length & _POINTER == _POINTER:
                after = run = _target(message, place, run)
            elif length:
                after += 1 + _label_length(length)
                label = message[place + 1 : after]
            passed.append((place, label))
            if not length:
                rest = ("", 1)
                break
            place = after
        self._keep(reversed(passed), rest)
        return known[at][0], skip(message, at)

    def _keep(self, passed: Iterable[tuple[int, bytes]], rest: tuple[str, int]) -> None:
        """What each place is the beginning of, the last one first; `rest` is what follows all of them."""
        text, octets = rest
        for at, label in passed:
            if label:
                text = f"{_text(label)}.{text}" if text else _text(label)
                octets += 1 + len(label)
                if octets > LONGEST:
                    reason = "a name of more than 255 octets"
                    raise DnsError(reason)
            self._known[at] = text, octets


def _target(message: bytes, at: int, run: int) -> int:
    """Where the pointer at `at` leads; `run` is where the labels began that it ends."""
    target = (message[at] << 8 | _octet(message, at + 1)) & _OFFSET
    if not HEADER <= target < run:
        reason = "a name that points at no earlier one"
        raise DnsError(reason)
    return target


def _octet(message: bytes, at: int) -> int:
    if at >= len(message):
        reason = "a name that reaches beyond the message"
        raise DnsError(reason)
    return message[at]


def _label_length(length: int) -> int:
    if length & _POINTER:
        reason = "a label of a reserved type"
        raise DnsError(reason)
    return length


def _text(label: bytes) -> str:
    lower = label.lower()
    if _PLAIN.fullmatch(lower):
        return lower.decode("ascii")
    return "".join(chr(byte) if _PLAIN.match(bytes((byte,))) else f"\\{byte:03}" for byte in lower)

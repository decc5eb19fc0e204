"""Remembers how the hellos of one software are laid out, so that the next one alike need not be walked through.

A layout is the place and the content of every length that the reading of the extensions depends on: the header of each
extension, and those of the key shares. Where these bytes are equal and in the same places, they are right as they were
right before. Clients that shuffle their extensions (today's browsers) gain nothing and are left alone. May not: guess,
or hold more than its bounds.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from pumpproxy.wire.cursor import PAIR
from pumpproxy.wire.helloextensions import ALPN, KEY_SHARE, SERVER_NAME, SUPPORTED_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER = 4
"""Bytes of an extension's type and length, and of a key share's group and length."""
MAX_LAYOUTS = 512
"""Some clients' software, for names of some lengths; all is forgotten when there are more. At most about 3 MiB."""
MAX_ITEMS = 32
"""Extensions and key shares of one layout: today's clients send about twenty."""


class Layout(NamedTuple):
    """One layout; all places are counted from where the extensions begin."""

    lengths: Callable[[bytes, int], tuple[Any, ...]]
    """Takes the headers out of a hello. It reads no further than the length of all extensions, by which it is kept."""
    right: tuple[Any, ...]
    """The headers."""
    name: tuple[int, int]
    """Where the extension begins and ends, its header included; (0, 0) where there is none. So the next two."""
    protocols: tuple[int, int]
    versions: tuple[int, int]
    ech: bool
    post_quantum: bool


layouts: dict[bytes, Layout] = {}
"""By the length of all extensions and the header of the first (`beginning`); to be read only."""
_last: dict[bytes, tuple[tuple[int, ...], tuple[int, ...]]] = {}
"""The types, and their places, in the last hello of the same beginning."""


def notice(data: bytes, at: int, found: dict[int, int], *, ech: bool, post_quantum: bool) -> None:
    """Learn how the extensions at `at`, which were read and found right, are laid out, if it was so twice running.

    `found` has their places by their types, in their order.
    """
    # Without supported_versions legacy_version were to be read too; and who begins with GREASE (RFC 8701) shuffles.
    if len(found) > MAX_ITEMS or SUPPORTED_VERSIONS not in found or next(iter(found)) & 0x0F0F == 0x0A0A:  # noqa: PLR2004
        return
    beginning = data[at - 2 : at + HEADER]
    order = tuple(found), tuple(found.values())
    if _last.get(beginning) != order:
        if len(_last) >= MAX_LAYOUTS:
            _last.clear()
        _last[beginning] = order
        return
    form = _form(data, found)
    if form.count("I") > MAX_ITEMS:
        return
    if len(layouts) >= MAX_LAYOUTS:
        layouts.clear()
    lengths = struct.Struct(form).unpack_from
    places = [_place(data, at, found.get(kind)) for kind in (SERVER_NAME, ALPN, SUPPORTED_VERSIONS)]
    layouts[beginning] = Layout(lengths, lengths(data, at), places[0], places[1], places[2], ech, post_quantum)


def forget() -> None:
    """Begin anew."""
    layouts.clear()
    _last.clear()


def _form(data: bytes, found: dict[int, int]) -> str:
    """The `struct` format of the headers, and of what they pass over."""
    parts = ["!"]
    for kind, place in found.items():
        _kind, length = PAIR(data, place)
        if kind != KEY_SHARE:
            parts.append(f"I{length}x")
            continue
        parts.append("IH")
        share = place + HEADER + 2
        while share < place + HEADER + length:
            _group, size = PAIR(data, share)
            parts.append(f"I{size}x")
            share += HEADER + size
    return "".join(parts)


def _place(data: bytes, at: int, place: int | None) -> tuple[int, int]:
    if place is None:
        return 0, 0
    _kind, length = PAIR(data, place)
    return place - at, place - at + HEADER + length

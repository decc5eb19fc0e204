"""Remembers how the hellos of one software are laid out, so that the next one alike need not be walked through.

A layout is the place and the content of every length that the reading of the extensions depends on: the header of each
extension, and those of the key shares. Where these bytes are equal and in the same places, they are right as they were
right before. Clients that shuffle their extensions gain nothing, so today's browsers are left alone. May not:
guess what a hello says, or hold more than its bounds.
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
    """One layout, never one with ECH; all places are counted from where the extensions begin."""

    lengths: Callable[[bytes, int], tuple[Any, ...]]
    """Takes the headers out of a hello. It reads no further than the length of all extensions, by which it is kept."""
    right: tuple[Any, ...]
    """The headers."""
    name: tuple[int, int]
    """Where the extension begins and ends, its header included; (0, 0) where there is none. So the next two."""
    protocols: tuple[int, int]
    versions: tuple[int, int]
    post_quantum: bool


layouts: dict[bytes, Layout] = {}
"""By the length of all extensions and the header of the first; to be read only."""
_seen = [0] * 1024
"""Hashes of the orders that were seen last, each in its slot."""


def notice(data: bytes, at: int, found: dict[int, int], post_quantum: bool) -> None:  # noqa: FBT001
    """Learn how the extensions from `at` on, which were read and found right, are laid out, if their order came before.

    `found` has their places by their types, in their order; ECH is none of them.
    """
    # As cheap as can be: another client that shuffles pays for it each time.
    order = hash(tuple(found))
    slot = order & 1023
    if _seen[slot] == order:
        _learn(data, at, found, post_quantum=post_quantum)
    else:
        _seen[slot] = order


def _learn(data: bytes, at: int, found: dict[int, int], *, post_quantum: bool) -> None:
    if SUPPORTED_VERSIONS not in found:  # then legacy_version were to be read too
        return
    form = _form(data, found)
    if form.count("I") > MAX_ITEMS:
        return
    if len(layouts) >= MAX_LAYOUTS:
        layouts.clear()
    lengths = struct.Struct(form).unpack_from
    places = [_place(data, at, found.get(kind)) for kind in (SERVER_NAME, ALPN, SUPPORTED_VERSIONS)]
    layout = Layout(lengths, lengths(data, at), places[0], places[1], places[2], post_quantum)
    layouts[data[at - 2 : at + HEADER]] = layout


def forget() -> None:
    """Begin anew."""
    layouts.clear()
    _seen[:] = [0] * len(_seen)


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

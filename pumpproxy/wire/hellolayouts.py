"""Remembers how the hellos of one software are laid out, and what they say, so that the next one alike is not read.

A layout is all bytes of a hello that was read and found right, but those that are another's in each hello (random,
session id, keys, tickets), which say nothing to us, and the name. Where these bytes are equal and in the same places,
they are right as they were right before; and for each name that came with them it is known what the hello says. Clients
that shuffle their extensions gain nothing, so today's browsers are left alone. May not: guess what a hello says, or
hold more than its bounds.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from pumpproxy.wire.cursor import PAIR
from pumpproxy.wire.helloextensions import ALPN, KEY_SHARE, SERVER_NAME, SUPPORTED_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pumpproxy.wire.clienthello import ClientHello

HEADER = 4
"""Bytes of an extension's type and length, and of a key share's group and length."""
SESSION = 32
"""Bytes of legacy_session_id, as TLS 1.3 clients send it (RFC 8446 appendix D.4); no other is learnt."""
_SESSION_AT = 5 + 4 + 2 + 32
"""Where its length is: behind the headers of record and message, legacy_version and random."""
SUITES_AT = _SESSION_AT + 1 + SESSION
"""Where the length of cipher_suites is."""
SUITES_LOW = SUITES_AT + 1
"""The low byte of it. The high one is 0 in those that are learnt."""
FIRST = SUITES_AT + 2 + 2 + 2
"""Where the extensions would begin if there were no suite: behind the compression methods, and their own length."""
_BEFORE = f"!11s32xs{SESSION}x"
"""Up to there: the headers and legacy_version; random; the length of the session id; that."""
_ALIKE = frozenset((ALPN, SUPPORTED_VERSIONS, 5, 10, 11, 13, 18, 22, 23, 27, 45, 0xFF01))
"""Extensions that one software fills alike each time; those that say something to us must be here.

status_request, supported_groups, ec_point_formats, signature_algorithms, signed_certificate_timestamp,
encrypt_then_mac, extended_main_secret, compress_certificate, psk_key_exchange_modes and renegotiation_info (IANA's "TLS
ExtensionType Values"). What is not here is passed over, by its length.
"""

MAX_HELLOS = 4096
"""So many are learnt until all is forgotten: a site's names, as often as differently laid out software asks for each.

One takes less than a KiB, and its layout less than three: a flood of names makes us hold some MiB and not more.
"""
MAX_PIECES = 32
"""Of one layout: today's clients send a few, with two key shares."""
MAX_BYTES = 1024
"""Of one layout's pieces: several times as many as today's."""


class Layout(NamedTuple):
    """One layout, never one with ECH."""

    pieces: Callable[[bytes], tuple[bytes, ...]]
    """Takes what is compared out of a record, all else is passed over. Raises struct.error where it is too short."""
    right: tuple[bytes, ...]
    """What it must be."""
    name: slice
    """The place of the extension with the name, its header included; empty where there is none."""
    hellos: dict[bytes, ClientHello]
    """By that: what hellos of this layout say."""


layouts: dict[bytes, Layout] = {}
"""By the length of all extensions and the header of the first; to be read only."""
_seen = [0] * 1024
"""Hashes of the orders that were seen last, each in its slot."""
_learnt = [0]
"""How many hellos, since nothing was known."""


def notice(data: bytes, at: int, found: dict[int, int], hello: ClientHello) -> None:
    """Learn the layout of a record that was read and found right, and what it said, if its order came before.

    `at`: where its extensions begin; `found` has their places by their types, in their order; ECH is none of them.
    """
    # As cheap as can be: another client that shuffles pays for it each time.
    order = hash(tuple(found))
    slot = order & 1023
    if _seen[slot] == order:
        _learn(data, at, found, hello)
    else:
        _seen[slot] = order


def _learn(data: bytes, at: int, found: dict[int, int], hello: ClientHello) -> None:
    if data[_SESSION_AT] != SESSION or at != FIRST + data[SUITES_LOW]:  # hundreds of suites: it would not be looked for
        return
    key = data[at - 2 : at + HEADER]
    layout = layouts.get(key)
    if layout is None or not fits(layout, data):
        layout = _layout(data, found, hello.wire_length)
        if layout is None:
            return
    if _learnt[0] >= MAX_HELLOS:
        forget()
        layout.hellos.clear()
    _learnt[0] += 1
    layout.hellos[data[layout.name]] = hello
    layouts[key] = layout


def fits(layout: Layout, data: bytes) -> bool:
    """Whether a record is laid out like that."""
    try:
        return layout.pieces(data) == layout.right
    except struct.error:
        return False


def forget() -> None:
    """Begin anew."""
    layouts.clear()
    _learnt[0] = 0
    _seen[:] = [0] * len(_seen)


def _layout(data: bytes, found: dict[int, int], end: int) -> Layout | None:
    """That of this record; None where it is more than is worth to remember."""
    form, at = [_BEFORE], SUITES_AT
    for start, stop in _passed_over(data, found):
        if start < stop:
            form.append(f"{start - at}s{stop - start}x")
            at = stop
    form.append(f"{end - at}s")
    pieces = struct.Struct("".join(form)).unpack_from
    right = pieces(data)
    if len(right) > MAX_PIECES or sum(map(len, right)) > MAX_BYTES:
        return None
    place = found.get(SERVER_NAME)
    name = slice(0, 0) if place is None else slice(place, place + HEADER + PAIR(data, place)[1])
    return Layout(pieces, right, name, {})


def _passed_over(data: bytes, found: dict[int, int]) -> Iterator[tuple[int, int]]:
    """Where those bytes of the extensions are that are another's each time, or the name."""
    for kind, place in found.items():
        start = place + HEADER
        stop = start + PAIR(data, place)[1]
        if kind == KEY_SHARE:
            share = start + 2
            while share < stop:
                size = PAIR(data, share)[1]
                yield share + HEADER, share + HEADER + size
                share += HEADER + size
        elif kind not in _ALIKE:
            yield start, stop

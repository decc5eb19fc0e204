"""The layouts of hellos: what is learnt, when, and how much. That they say nothing wrong: test_wholehello."""

from __future__ import annotations

from itertools import permutations

import pytest

from pumpproxy.wire import hellolayouts
from pumpproxy.wire.hellolayouts import MAX_ITEMS, MAX_LAYOUTS, layouts, notice
from tests.wire.hellos import NAME, alpn, extension, key_share, vector16, versions

PARTS = (NAME, alpn(b"h2"), versions(0x0304), key_share((0x11EC, b"k" * 1216), (0x1D, b"k" * 32)), extension(0xFE0D))


@pytest.fixture(autouse=True)
def _nothing_known() -> None:
    """Each test begins with nothing remembered."""
    hellolayouts.forget()


def block(*parts: bytes) -> tuple[bytes, dict[int, int]]:
    """Extensions, their length before them, and the place of each by its type."""
    found = {}
    at = 2
    for part in parts:
        found[int.from_bytes(part[:2], "big")] = at
        at += len(part)
    return vector16(b"".join(parts)), found


def see(*parts: bytes, times: int = 2) -> bytes:
    """Notice a block; it is returned."""
    data, found = block(*parts)
    for _turn in range(times):
        notice(data, 2, found, ech=True, post_quantum=True)
    return data


def test_a_layout_is_learnt_when_it_comes_twice_running() -> None:
    """By the length of all and the first header; once is not enough, nor is another one in between."""
    see(*PARTS, times=1)
    see(PARTS[0], *reversed(PARTS[1:]), times=1)
    see(*PARTS, times=1)
    assert layouts == {}
    data = see(*PARTS, times=1)
    assert list(layouts) == [data[:6]]


def test_a_layout_tells_places_and_headers() -> None:
    """Counted from the first extension, wherever that stands; keys and contents are passed over."""
    data = see(*PARTS)
    layout = layouts[data[:6]]
    assert layout.lengths(b"anything" + data, 10) == layout.right
    assert layout.right == (
        int.from_bytes(NAME[:4], "big"),
        int.from_bytes(PARTS[1][:4], "big"),
        int.from_bytes(PARTS[2][:4], "big"),
        int.from_bytes(PARTS[3][:4], "big"),
        4 + 1216 + 4 + 32,
        0x11EC << 16 | 1216,
        0x1D << 16 | 32,
        0xFE0D << 16,
    )
    cut = [data[2 + start : 2 + end] for start, end in (layout.name, layout.protocols, layout.versions)]
    assert cut == list(PARTS[:3])
    assert (layout.ech, layout.post_quantum) == (True, True)


def test_what_is_not_there_has_no_place() -> None:
    """Neither a name nor protocols."""
    data = see(extension(23), versions(0x0304))
    layout = layouts[data[:6]]
    assert (layout.name, layout.protocols, layout.versions) == ((0, 0), (0, 0), (4, 11))


def test_a_newer_layout_takes_the_place_of_one_that_begins_alike() -> None:
    """So one that is no longer sent is not kept for it."""
    see(*PARTS)
    data = see(PARTS[0], *reversed(PARTS[1:]))
    assert layouts[data[:6]].right[1] == 0xFE0D << 16


def test_some_are_never_learnt() -> None:
    """Those that shuffle, those whose version is in another field, and those with more than is usual."""
    see(extension(0x3A3A), *PARTS)
    see(NAME, alpn(b"h2"))
    see(*PARTS, *[extension(kind) for kind in range(100, 100 + MAX_ITEMS)])
    see(versions(0x0304), key_share(*[(0x1D, b"k")] * MAX_ITEMS))
    assert layouts == {}


def test_no_more_are_kept_than_allowed() -> None:
    """Neither layouts nor what might become one; the newest is known."""
    for size in range(MAX_LAYOUTS + 10):
        data = see(*PARTS, extension(21, bytes(size)))
        assert data[:6] in layouts
        assert max(len(layouts), len(hellolayouts._last)) <= MAX_LAYOUTS
    assert len(layouts) == 10


def test_shuffled_extensions_are_not_learnt() -> None:
    """Each order once, as a client that shuffles sends them."""
    for order in permutations(PARTS):
        see(*order, times=1)
    assert layouts == {}

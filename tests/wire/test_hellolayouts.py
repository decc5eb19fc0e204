"""The layouts of hellos: what is learnt, when, and how much. That they say nothing wrong: test_wholehello."""

from __future__ import annotations

import random

import pytest

from pumpproxy.wire import hellolayouts
from pumpproxy.wire.hellolayouts import MAX_ITEMS, MAX_LAYOUTS, layouts, notice
from tests.wire.hellos import NAME, alpn, extension, key_share, vector16, versions

PARTS = (NAME, alpn(b"h2"), versions(0x0304), key_share((0x11EC, b"k" * 1216), (0x1D, b"k" * 32)), extension(0xFF01))

FURTHER = [extension(kind, bytes(size)) for kind, size in ((23, 0), (35, 0), (10, 12), (11, 2), (13, 18), (5, 5))]
SEED = 20261122


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
        notice(data, 2, found, True)
    return data


def test_a_layout_is_learnt_when_its_order_comes_again() -> None:
    """By the length of all and the first header; once is not enough."""
    see(*PARTS, times=1)
    see(PARTS[0], *reversed(PARTS[1:]), times=1)
    assert layouts == {}
    data = see(*PARTS, times=1)
    assert list(layouts) == [data[:6]]
    longer = see(*PARTS[:4], extension(0xFF01, b"ech"), times=1)
    assert list(layouts) == [data[:6], longer[:6]]


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
        0xFF01 << 16,
    )
    cut = [data[2 + start : 2 + end] for start, end in (layout.name, layout.protocols, layout.versions)]
    assert cut == list(PARTS[:3])
    assert layout.post_quantum


def test_what_is_not_there_has_no_place() -> None:
    """Neither a name nor protocols."""
    data = see(extension(23), versions(0x0304))
    layout = layouts[data[:6]]
    assert (layout.name, layout.protocols, layout.versions) == ((0, 0), (0, 0), (4, 11))


def test_a_newer_layout_takes_the_place_of_one_that_begins_alike() -> None:
    """So one that is no longer sent is not kept for it."""
    see(*PARTS)
    data = see(PARTS[0], *reversed(PARTS[1:]))
    assert layouts[data[:6]].right[1] == 0xFF01 << 16


def test_some_are_never_learnt() -> None:
    """Those whose version is in another field, and those with more than is usual."""
    see(NAME, alpn(b"h2"))
    see(*PARTS, *[extension(kind) for kind in range(100, 100 + MAX_ITEMS)])
    see(versions(0x0304), key_share(*[(0x1D, b"k")] * MAX_ITEMS))
    assert layouts == {}


def test_no_more_are_kept_than_allowed() -> None:
    """The newest is known, and they are few."""
    for size in range(MAX_LAYOUTS + 10):
        data = see(*PARTS, extension(21, bytes(size)))
        assert data[:6] in layouts
        assert len(layouts) <= MAX_LAYOUTS
    assert len(layouts) < 20


def test_a_client_that_shuffles_is_not_learnt() -> None:
    """Learning costs more than reading; nobody pays for it who sends each order once."""
    chance = random.Random(SEED)
    learnt = 0
    for _turn in range(1000):
        hellolayouts.layouts.clear()
        see(*chance.sample([*PARTS, *FURTHER], len(PARTS) + len(FURTHER)), times=1)
        learnt += len(layouts)
    print(f"seed {SEED}: {learnt} of 1000")  # noqa: T201
    assert learnt == 0

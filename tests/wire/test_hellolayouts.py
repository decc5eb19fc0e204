"""The layouts of hellos: what is learnt, when, and how much. That they say nothing wrong: test_wholehello."""

from __future__ import annotations

import random

import pytest

from pumpproxy.wire import hellolayouts
from pumpproxy.wire.clienthello import ClientHello
from pumpproxy.wire.hellolayouts import (
    FIRST,
    HEADER,
    MAX_BYTES,
    MAX_HELLOS,
    MAX_PIECES,
    SUITES_LOW,
    fits,
    layouts,
    notice,
)
from tests.wire.hellos import (
    NAME,
    alpn,
    extension,
    hello,
    host,
    key_share,
    record,
    server_name,
    versions,
)

PARTS = (NAME, alpn(b"h2"), versions(0x0304), key_share((0x11EC, b"k" * 1216), (0x1D, b"k" * 32)), extension(0xFF01))

FURTHER = [extension(kind, bytes(size)) for kind, size in ((23, 0), (35, 0), (10, 12), (11, 2), (13, 18), (5, 5))]
SEED = 20261122


@pytest.fixture(autouse=True)
def _nothing_known() -> None:
    """Each test begins with nothing remembered."""
    hellolayouts.forget()


def built(*parts: bytes, random: bytes = b"", session: bytes = bytes(32), suites: bytes = b"\x13\x01") -> bytes:
    """A record with a hello of these extensions."""
    body = hello(*parts, session=session, suites=suites)
    return record(body[:6] + random + body[6 + len(random) :])


def said(data: bytes) -> ClientHello:
    """What stands for the reading of it, which is not tested here."""
    return ClientHello(f"n{len(data)}.example", False, (), (), False, False, len(data))


def start_of(data: bytes) -> int:
    """Where the extensions begin, in a record."""
    at = 44 + data[43]
    return at + 2 + int.from_bytes(data[at : at + 2], "big") + 4


def places(data: bytes) -> dict[int, int]:
    """Where each extension is, by its type."""
    at, found = start_of(data), {}
    while at < len(data):
        found[int.from_bytes(data[at : at + 2], "big")] = at
        at += HEADER + int.from_bytes(data[at + 2 : at + 4], "big")
    return found


def key_of(data: bytes) -> bytes:
    """By which its layout is kept."""
    return data[start_of(data) - 2 : start_of(data) + HEADER]


def see(*parts: bytes, times: int = 2, **fields: bytes) -> bytes:
    """Notice a hello; its record is returned."""
    data = built(*parts, **fields)
    for _turn in range(times):
        notice(data, start_of(data), places(data), said(data))
    return data


def test_a_layout_is_learnt_when_its_order_comes_again() -> None:
    """By the length of all and the first header; once is not enough."""
    see(*PARTS, times=1)
    see(PARTS[0], *reversed(PARTS[1:]), times=1)
    assert layouts == {}
    data = see(*PARTS, times=1)
    assert list(layouts) == [key_of(data)]
    longer = see(*PARTS[:4], extension(0xFF01, b"ech"), times=1)
    assert list(layouts) == [key_of(data), key_of(longer)]


def test_a_layout_is_all_but_what_is_anothers_each_time() -> None:
    """Random, session id, keys and tickets are passed over; a byte elsewhere counts, and so does a missing one."""
    parts = (*PARTS, extension(35, b"ticket"))
    data = see(*parts)
    layout = layouts[key_of(data)]
    assert fits(layout, data)
    other = key_share((0x11EC, b"l" * 1216), (0x1D, b"l" * 32))
    alike = built(*PARTS[:3], other, PARTS[4], extension(35, b"wicket"), random=b"r" * 32, session=b"s" * 32)
    assert fits(layout, alike + b"early data")
    passed_over = sum(before != after for before, after in zip(data, alike, strict=True))
    assert passed_over == 32 + 32 + 1216 + 32 + 1
    for at in range(len(data)):
        spoilt = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        name = places(data)[0]
        is_name = name + HEADER <= at < name + len(NAME)
        ticket = at >= len(data) - len(b"ticket")
        assert fits(layout, spoilt) == (data[at] != alike[at] or is_name or ticket), at
        assert not fits(layout, data[:at])


def test_what_hellos_said_is_known_by_the_name() -> None:
    """The extension as it is, in a layout for all names of one length."""
    data = see(*PARTS)
    layout = layouts[key_of(data)]
    assert data[layout.name] == NAME
    assert layout.hellos == {NAME: said(data)}
    other = server_name(host(b"z" * (len(NAME) - 9)))
    see(other, *PARTS[1:], times=1)
    assert layouts[key_of(data)] is layout
    assert list(layout.hellos) == [NAME, other]


def test_where_there_is_no_name_nothing_stands_for_it() -> None:
    """Neither a name nor protocols."""
    data = see(extension(23), versions(0x0304))
    layout = layouts[key_of(data)]
    assert layout.hellos == {b"": said(data)}
    assert fits(layout, data)


def test_a_newer_layout_takes_the_place_of_one_that_begins_alike() -> None:
    """So one that is no longer sent is not kept for it."""
    first = see(*PARTS)
    data = see(PARTS[0], *reversed(PARTS[1:]))
    assert list(layouts) == [key_of(data)]
    assert fits(layouts[key_of(data)], data)
    assert not fits(layouts[key_of(data)], first)


def test_some_are_never_learnt() -> None:
    """Those that would not be looked for: another session id, hundreds of suites. Those with more than is usual."""
    see(*PARTS, session=b"")
    # Where the length of the suites would be stands a suite that makes it look right.
    see(*PARTS, session=b"", suites=bytes([32] * 64))
    assert built(session=b"", suites=bytes([32] * 64))[SUITES_LOW] + FIRST == 44 + 2 + 64 + 4
    see(*PARTS, suites=b"\x13\x01" * 128)
    see(*PARTS, *[extension(kind, b"x") for kind in range(100, 100 + MAX_PIECES)])
    see(versions(0x0304), key_share(*[(0x1D, b"k")] * MAX_PIECES))
    see(NAME, alpn(*[b"p" * 255] * (MAX_BYTES // 256)))
    assert layouts == {}
    see(*PARTS, suites=b"\x13\x01" * 127)
    assert len(layouts) == 1


def test_no_more_are_kept_than_allowed() -> None:
    """The newest is known, and they are few."""
    data = built(*PARTS)
    at, found = start_of(data), places(data)
    notice(data, at, found, said(data))
    for turn in range(2 * MAX_HELLOS + 10):
        name = server_name(host(b"%018x" % turn))
        data = data[:at] + name + data[at + len(name) :]
        notice(data, at, found, said(data))
        if turn == MAX_HELLOS:  # its order has to come twice again
            notice(data, at, found, said(data))
    assert len(layouts[key_of(data)].hellos) < MAX_HELLOS


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

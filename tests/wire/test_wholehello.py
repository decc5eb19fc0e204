"""The fast reading of a whole hello: it says what the general reading says, or nothing."""

from __future__ import annotations

import random
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.wire import hellolayouts, wholehello
from pumpproxy.wire.clienthello import ClientHello, parse_client_hello
from pumpproxy.wire.errors import WireError
from pumpproxy.wire.tlsrecords import MAX_FRAGMENT, HelloRecords, joined
from pumpproxy.wire.wholehello import read_whole
from tests.wire.hellos import (
    BROWSER,
    BROWSERS,
    NAME,
    alpn,
    damaged,
    extension,
    fuzzed,
    hello,
    host,
    in_place,
    key_share,
    message,
    ours,
    record,
    server_name,
    theirs,
    vector8,
    vector16,
    versions,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 20261122
ALL = NAME + alpn(b"h2") + versions(0x0304, 0x0303) + key_share((0x1D, b"k" * 32))
PLAIN = hello(ALL, session=bytes(32))


def general(data: bytes) -> ClientHello | None:
    """The general reading, of which the fast one is no part; None where it refuses, or waits."""
    try:
        end = HelloRecords().walk(data)
        return None if end is None else parse_client_hello(joined(data, end), end)
    except WireError:
        return None


def agrees(data: bytes) -> ClientHello | None:
    """What the fast reading says, which is checked."""
    found = read_whole(data)
    assert found is None or found == general(data), data.hex()
    return found


def learnt(data: bytes) -> ClientHello | None:
    """What it says when it has seen the like twice."""
    agrees(data)
    agrees(data)
    return agrees(data)


@pytest.fixture(autouse=True)
def _nothing_known() -> None:
    """Each test begins with nothing remembered."""
    hellolayouts.forget()
    for cached in (wholehello._shared, wholehello._name, wholehello._protocols, wholehello._versions):
        cached.cache_clear()


# The corpus ---------------------------------------------------------------------------------------------------------

SEVERAL_RECORDS = {
    *("crafted-big-20k-two-records", "crafted-big-60k", "crafted-zero-record-first"),
    *("crafted-fragment-1", "crafted-fragment-4", "crafted-fragment-5", "crafted-fragment-every-16"),
    *("crafted-fragment-in-sni", "crafted-fragment-thirds"),
}
NO_EXTENSIONS = {"crafted-no-extensions", "crafted-empty-extensions"}
TWO_COMPRESSIONS = {"rec-testssl#6", "rec-testssl#7", "rec-testssl#8"}


def test_all_but_these_hellos_are_read_fast() -> None:
    """Of what real clients send, only what several records hold, or what no client of today sends, is left over."""
    left = {row.name for row in ours() if general(row.data) is not None and agrees(row.data) is None}
    assert left == SEVERAL_RECORDS | NO_EXTENSIONS | TWO_COMPRESSIONS


def is_usual(data: bytes) -> bool:
    """Whether the fast reading has to take a hello that the general one takes."""
    length, session = int.from_bytes(data[3:5], "big"), data[43]
    methods = 46 + session + int.from_bytes(data[44 + session : 46 + session], "big")
    whole = data[5:9] == b"\x01\x00" + (length - 4).to_bytes(2, "big")
    # 78 bytes are what is looked at in one go; an empty block (or none) has no extension.
    return whole and len(data) >= 78 and data[methods] == 1 and length + 5 - methods > 4


@in_place
def test_other_projects_captures_are_read_fast() -> None:
    """The rest of the corpus, that of the fuzzers too: nothing usual is left over."""
    taken = 0
    for data in [row.data for row in theirs()] + fuzzed():
        usual = general(data) is not None and is_usual(data)
        assert (learnt(data) is not None) == usual, data.hex()
        taken += usual
    assert taken > 1000


def usual_hellos() -> list[bytes]:
    """The recorded hellos that are read fast, without what follows them."""
    found = [(row.data, read_whole(row.data)) for row in ours() if row.name.startswith("rec-")]
    return [data[: hello.wire_length] for data, hello in found if hello is not None]


# Damage -------------------------------------------------------------------------------------------------------------


def enclosed(body: bytes) -> bytes:
    """A ClientHello's body in a message and a record whose lengths are right."""
    return record(message(body))


def test_no_part_of_a_hello_is_a_hello() -> None:
    """Cut off anywhere."""
    for data in usual_hellos():
        assert learnt(data) is not None
        assert {read_whole(data[:end]) for end in range(len(data))} == {None}


def test_a_shortened_hello_is_read_as_the_general_reader_reads_it() -> None:
    """Cut off anywhere, by a length that says so; the place where the extensions end is not left out."""
    for data in usual_hellos()[::12]:
        learnt(data)
        for end in range(9, len(data)):
            agrees(enclosed(data[9:end]))
            # The same, with bytes behind that would have completed it.
            agrees(enclosed(data[9:end]) + data[end:])


def test_every_byte_of_a_known_hello_counts() -> None:
    """Each changed in four ways, of hellos whose layout was learnt."""
    for data in (record(PLAIN), record(BROWSER), *usual_hellos()[::40]):
        assert learnt(data) is not None
        for at in range(len(data)):
            for value in {data[at] ^ 1, data[at] ^ 0x80, 0, 255} - {data[at]}:
                agrees(data[:at] + bytes([value]) + data[at + 1 :])


BROKEN = {
    "a session id of 33 bytes": hello(ALL, session=bytes(33)),
    "no cipher suite": hello(ALL, session=bytes(32), suites=b""),
    "half a cipher suite": hello(ALL, session=bytes(32), suites=b"\x13\x01\xc0"),
    "no compression method": hello(ALL, session=bytes(32), compression=b""),
    "bytes behind the block": hello(tail=vector16(ALL) + b"\x00", session=bytes(32)),
    "a block too long": hello(tail=struct.pack("!H", len(ALL) + 1) + ALL, session=bytes(32)),
    "half a header": hello(ALL, b"\x00\x17", session=bytes(32)),
    "data too long": hello(ALL, b"\x00\x17\x00\x01", session=bytes(32)),
    "one type twice": hello(ALL, NAME, session=bytes(32)),
    "one after pre_shared_key": hello(extension(41, b"psk"), ALL, session=bytes(32)),
    "a name too long": hello(extension(0, b"\x00\x0d" + host(b"a.example")), ALL[len(NAME) :], session=bytes(32)),
    "an empty key": hello(NAME, versions(0x0304), key_share((0x11EC, b"k"), (0x1D, b"")), session=bytes(32)),
    "key shares too short": hello(NAME, extension(51, vector16(b"\x00\x1d\x00\x01k") + b"k"), session=bytes(32)),
    "a key too long": hello(NAME, extension(51, vector16(b"\x00\x1d\x00\x02k")), session=bytes(32)),
    "half a share": hello(NAME, extension(51, vector16(b"\x00\x1d\x00\x01k\x00\x1d")), session=bytes(32)),
    "no shares' length": hello(NAME, extension(51), session=bytes(32)),
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_what_the_general_reader_refuses_is_not_read(body: bytes) -> None:
    """Each alone, and before bytes that would have completed it; when its like was learnt too."""
    assert learnt(record(PLAIN)) is not None
    for early in (b"", *(bytes([value] * 40) for value in range(3))):
        assert general(record(body) + early) is None
        assert read_whole(record(body) + early) is None


def test_damaged_hellos_are_read_as_the_general_reader_reads_them() -> None:
    """Bytes changed, inserted, gone, added; extensions twice, gone, in another order, of other lengths."""
    chance = random.Random(SEED)
    taken = refused = 0
    for data in usual_hellos():
        learnt(data)
        for _turn in range(4):
            for spoilt in (damaged(data, chance), *rearranged(data, chance)):
                found = agrees(spoilt)
                taken += found is not None
                refused += general(spoilt) is None
    print(f"seed {SEED}: {taken} read, {refused} refused")  # noqa: T201
    assert taken > 1000
    assert refused > 1000


def rearranged(data: bytes, chance: random.Random) -> Iterator[bytes]:
    """Hellos with other extensions than `data`, with all the lengths around them right."""
    start, parts = extensions_of(data)

    def built(parts: list[bytes], rest: bytes = b"") -> bytes:
        return enclosed(data[9:start] + vector16(b"".join(parts)) + rest)

    one, other = chance.randrange(len(parts)), chance.randrange(len(parts))
    swapped = parts.copy()
    swapped[one], swapped[other] = parts[other], parts[one]
    yield built(swapped)
    yield built(chance.sample(parts, len(parts)))
    yield built(parts[:one] + parts[one + 1 :])
    yield built([*parts[:one], parts[other], *parts[one:]])
    longer = parts.copy()
    longer[one] += b"\x00"
    yield built(longer)
    # The length of one extension: of its own, and of its content, which then says what it does not hold.
    (length,) = struct.unpack_from("!H", parts[one], 2)
    for change in (-1, 1, 4):
        longer[one] = parts[one][:2] + struct.pack("!H", max(length + change, 0)) + parts[one][4:]
        yield built(longer)
    content = damaged(parts[one], chance)[4:]
    yield built([*parts[:one], parts[one][:2] + vector16(content), *parts[one + 1 :]])
    yield built(parts, b"\x00")
    yield built(parts) + chance.randbytes(chance.randrange(1, 40))


def extensions_of(data: bytes) -> tuple[int, list[bytes]]:
    """Where the block of extensions begins in a hello that is right, and the extensions."""
    start = 44 + data[43]
    start += 2 + int.from_bytes(data[start : start + 2], "big")
    start += 1 + data[start]
    parts = []
    at = start + 2
    while at < len(data):
        after = at + 4 + int.from_bytes(data[at + 2 : at + 4], "big")
        parts.append(data[at:after])
        at = after
    return start, parts


# Made to order ------------------------------------------------------------------------------------------------------

_KINDS = st.sampled_from([0, 5, 10, 13, 16, 21, 23, 35, 41, 43, 45, 51, 0x0A0A, 0x1A1A, 0xFE0D, 0xFF01])
_SHARES = st.tuples(st.sampled_from([0x1D, 0x17, 0x11EC, 0x0A0A]), st.sampled_from([b"", b"k", b"k" * 32, b"k" * 65]))
_EXTENSIONS = st.one_of(
    st.sampled_from([b"a.example", b"B.Example.", b"192.0.2.1", b"", b"a b", b"x" * 256]).map(
        lambda name: server_name(host(name))
    ),
    st.lists(st.sampled_from([b"h2", b"http/1.1", b"", b"p" * 255]), max_size=3).map(lambda names: alpn(*names)),
    st.lists(st.sampled_from([0x0304, 0x0303, 0x2A2A]), max_size=4).map(lambda numbers: versions(*numbers)),
    st.lists(_SHARES, max_size=3).map(lambda shares: key_share(*shares)),
    st.builds(extension, _KINDS, st.binary(max_size=6)),
)


@given(
    parts=st.lists(_EXTENSIONS, max_size=7, unique_by=lambda part: part[:2]),
    session=st.sampled_from([b"", b"s" * 8, b"s" * 32, b"s" * 33]),
    suites=st.sampled_from([b"", b"\x13", b"\x13\x01", b"\x13\x01" * 17]),
    compression=st.sampled_from([b"", b"\x00", b"\x00", b"\x01\x00"]),
    early=st.sampled_from([b"", b"\x17\x03\x03"]),
)
def test_generated_hellos_are_read_as_the_general_reader_reads_them(
    parts: list[bytes], session: bytes, suites: bytes, compression: bytes, early: bytes
) -> None:
    """Fresh, when their like was seen, and with an extension twice; and what is usual is read."""
    data = record(hello(*parts, session=session, suites=suites, compression=compression)) + early
    expected = general(data)
    kept = sum(len(part) for part in parts if part[:2] in {b"\x00\x00", b"\x00\x10", b"\x00\x2b"}) <= 384
    assert (learnt(data) is not None) == (expected is not None and is_usual(data) and kept)
    agrees(record(hello(*parts, *parts[:1], session=session, suites=suites, compression=compression)))


@given(st.binary(max_size=120), st.binary(max_size=9))
def test_it_never_raises(body: bytes, data: bytes) -> None:
    """Whatever the bytes be, bare or in a message."""
    agrees(data)
    agrees(enclosed(body))
    agrees(enclosed(b"\x03\x03" + bytes(32) + vector8(b"") + b"\x00\x02\x13\x01\x01\x00" + body))
    agrees(enclosed(b"\x03\x03" + bytes(32) + vector8(bytes(32)) + b"\x00\x02\x13\x01\x01\x00" + vector16(body)))


def test_the_largest_record_is_read() -> None:
    """2^14 bytes; one more is refused, as by the general reader."""
    room = MAX_FRAGMENT - len(hello(NAME, extension(21)))
    assert agrees(record(hello(NAME, extension(21, bytes(room))))) is not None
    assert agrees(record(hello(NAME, extension(21, bytes(room + 1))))) is None


def test_as_many_extensions_as_fit_are_read() -> None:
    """All of them empty: 4,083 in one record."""
    room = (MAX_FRAGMENT - len(hello())) // 4
    kinds = [kind for kind in range(0x1000, 0x1000 + room) if kind != 0x1A1A]
    assert agrees(record(hello(*map(extension, kinds)))) is not None
    assert agrees(record(hello(*map(extension, [*kinds, kinds[0]])))) is None


# What is remembered -------------------------------------------------------------------------------------------------


def test_equal_hellos_are_one_object() -> None:
    """An idle connection costs no hello of its own, whether its client shuffles its extensions or not."""
    first = read_whole(record(BROWSER))
    assert first == BROWSERS
    assert read_whole(record(BROWSER)[:11] + bytes(32) + record(BROWSER)[43:] + b"early") is first
    plain = read_whole(record(PLAIN))
    assert all(read_whole(record(PLAIN)) is plain for _turn in range(4))


def test_a_name_is_one_object_for_all_clients() -> None:
    """Also where the hellos differ in all else."""
    one, other = read_whole(record(BROWSER)), read_whole(record(PLAIN))
    assert one is not None
    assert other is not None
    assert one.server_name is other.server_name
    assert one.versions == other.versions


def test_another_name_in_a_known_layout_is_read() -> None:
    """Of the same length, right, wrong, and an address; what is wrong stays wrong."""

    def named(name: bytes) -> bytes:
        return record(hello(server_name(host(name)), versions(0x0304), session=bytes(32)))

    learnt(named(b"aaaaaaaaa"))
    assert len(hellolayouts.layouts) == 1
    for name, expected in ((b"b.example", "b.example"), (b"127.0.0.1", None), (b"C.EXAMPLE", "c.example")):
        found = agrees(named(name))
        assert found is not None
        assert (found.server_name, found.ip_literal) == (expected, expected is None)
    for _turn in range(3):
        assert agrees(named(b"b example")) is None


def test_a_flood_of_hellos_neither_fills_the_memory_nor_changes_an_answer() -> None:
    """Names, protocols and orders that never came before; the known hello is read as ever in between."""
    chance = random.Random(SEED)
    known = general(record(PLAIN))
    for turn in range(3000):
        name = b"%x.example" % chance.getrandbits(chance.randrange(8, 200))
        parts = [server_name(host(name)), alpn(b"%d" % turn), versions(0x0304, turn), key_share((turn, b"k"))]
        data = record(hello(*chance.sample(parts, 4), extension(turn + 100), session=bytes(32)))
        assert learnt(data) is not None
        assert read_whole(record(PLAIN)) == known
    for cached in (wholehello._shared, wholehello._name, wholehello._protocols, wholehello._versions):
        assert cached.cache_info().currsize <= wholehello._KEPT
    assert sum(len(layout.hellos) for layout in hellolayouts.layouts.values()) <= hellolayouts.MAX_HELLOS


def test_long_lists_are_not_remembered() -> None:
    """They are left to the general reader: what is remembered is small, and not of the sender's choice."""
    for data in (
        record(hello(NAME, alpn(*[b"p" * 200] * 40))),
        record(hello(server_name(host(b"x" * 4000, kind=7), host(b"a.example")))),
    ):
        assert general(data) is not None
        assert learnt(data) is None
    assert wholehello._shared.cache_info().currsize == 0


def test_what_was_refused_is_not_remembered() -> None:
    """An error takes no place, and is looked at anew each time."""
    for _turn in range(3):
        assert agrees(record(hello(server_name(host(b"a b")), versions(0x0304), session=bytes(32)))) is None
    assert wholehello._shared.cache_info().currsize == 0
    assert wholehello._name.cache_info().currsize == 0
    assert hellolayouts.layouts == {}

"""The reader of a hello as it arrives: nothing depends on how it is cut, and nothing is lost."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from pumpproxy.wire.alert import AlertDescription
from pumpproxy.wire.errors import NotTlsError, TlsError
from pumpproxy.wire.helloreader import HelloReader
from pumpproxy.wire.tlsrecords import MAX_BODY, MAX_FRAGMENT
from tests.wire.hellos import BROWSER, BROWSERS, NAME, Row, damaged, extension, hello, ours, read, record, records

if TYPE_CHECKING:
    from pumpproxy.wire.clienthello import ClientHello

EARLY = b"\x17\x03\x03\x00\x05early"


@pytest.mark.parametrize("segment", [1, 2, 5, 9, 64, 1448, None])
@pytest.mark.parametrize("size", [1, 4, 64, 1000, MAX_FRAGMENT])
def test_the_answer_does_not_depend_on_the_cuts(size: int, segment: int | None) -> None:
    """Over records and segments of any size the hello is the same, but for the headers' length on the wire."""
    data = records(BROWSER, size)
    found, reader = read(data + EARLY, segment)
    assert found is not None
    assert found.wire_length == len(data)
    assert (found.server_name, found.alpn, found.post_quantum) == ("pump2.example.org", (b"h2", b"http/1.1"), True)
    assert reader.raw == data + EARLY
    assert reader.held == len(data + EARLY)


def test_a_hello_in_several_segments_is_the_same_object() -> None:
    """What hellos have in common is shared, however they came."""
    assert read(record(BROWSER))[0] is read(record(BROWSER), 1000)[0]


def test_what_follows_the_hello_is_kept_unread() -> None:
    """Early data stands in `raw` in its order, though it be no record at all, and the hello is told again."""
    found, reader = read(record(BROWSER))
    assert reader.feed(b"not a record") is found
    reader.keep(b", nor this")
    assert reader.raw == record(BROWSER) + b"not a record, nor this"
    assert reader.feed(b"") is found


def test_a_segment_is_not_copied() -> None:
    """The usual hello costs no copy of itself, neither when it is read nor when it is handed on."""
    data = record(BROWSER)
    _found, reader = read(data)
    assert reader.raw is data


def test_nothing_is_said_before_the_last_byte() -> None:
    """An incomplete hello is waited for, whatever it holds already."""
    data = record(BROWSER)
    assert {read(data[:end])[0] for end in range(len(data))} == {None}


def test_an_empty_segment_changes_nothing() -> None:
    """Before the hello, and inside it."""
    reader = HelloReader()
    assert reader.feed(b"") is None
    assert reader.feed(record(BROWSER)[:50]) is None
    assert reader.feed(b"") is None
    assert reader.feed(record(BROWSER)[50:]) == BROWSERS


def test_the_largest_legal_hello_is_read() -> None:
    """Every vector full: 131,396 bytes, in full records and small segments."""
    rest = 0xFFFF - len(NAME) - 4
    largest = hello(
        NAME, extension(21, bytes(rest)), session=bytes(32), suites=b"\x13\x01" * 0x7FFF, compression=bytes(255)
    )
    assert len(largest) == MAX_BODY + 4
    data = records(largest, MAX_FRAGMENT)
    found, reader = read(data, 11)
    assert found is not None
    assert (found.server_name, found.wire_length, reader.held) == ("pump2.example.org", len(data), len(data))


def test_the_largest_record_is_read() -> None:
    """A hello of 2^14 bytes in one record and one segment; of one byte more it must be cut."""
    room = MAX_FRAGMENT - len(hello(NAME, extension(21)))
    found, _reader = read(record(hello(NAME, extension(21, bytes(room)))))
    assert found is not None
    assert found.wire_length == MAX_FRAGMENT + 5
    with pytest.raises(TlsError) as caught:
        read(record(hello(NAME, extension(21, bytes(room + 1)))))
    assert caught.value.alert == AlertDescription.RECORD_OVERFLOW


def test_other_peers_are_told_by_their_word() -> None:
    """The error's reason is what the peer speaks; a peer that may still become something is waited for."""
    for data, word in ((b"GET / HTTP/1.1\r\n", "http"), (b"SSH-2.0-x", "ssh"), (b"\x00\x01", "noise")):
        with pytest.raises(NotTlsError) as caught:
            read(data)
        assert caught.value.reason == word
    reader = HelloReader()
    assert reader.feed(b"G") is None
    with pytest.raises(NotTlsError, match="http"):
        reader.feed(b"ET /")
    reader.keep(b" HTTP/1.1\r\n")
    assert reader.raw == b"GET / HTTP/1.1\r\n"


def routable() -> list[Row]:
    """The recorded hellos of one record each."""
    return [row for row in ours() if row.name.startswith("rec-") and row.hello_end is not None and row.cuttable]


def test_damaged_hellos_are_read_or_refused_alike_however_cut() -> None:
    """Real hellos with bytes changed, inserted or gone: a value or a WireError, the same at once and in pieces."""
    chance = random.Random(7)
    refused = 0
    for row in routable():
        for _turn in range(4):
            data = damaged(row.data, chance)
            answers = [answer(data, size) for size in (None, 3, chance.randrange(4, 300))]
            assert answers[0] == answers[1] == answers[2], (row.name, data.hex())
            refused += isinstance(answers[0], str)
    assert refused > len(routable())


def answer(data: bytes, size: int | None) -> ClientHello | str | None:
    """The first answer, errors as text."""
    reader = HelloReader()
    size = size or len(data)
    for at in range(0, len(data), size):
        try:
            found = reader.feed(data[at : at + size])
        except TlsError as error:
            return f"{error.alert}: {error.reason}"
        except NotTlsError as error:
            return error.reason
        if found is not None:
            return found
    return None

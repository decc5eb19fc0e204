"""The ClientHello: its values, its framing, and that neither depends on how it is cut."""

from __future__ import annotations

import random

import pytest

from pumpproxy.wire.alert import AlertDescription
from pumpproxy.wire.clienthello import ClientHello, HelloReader, parse_client_hello
from pumpproxy.wire.errors import NotTlsError, TlsError
from pumpproxy.wire.tlsrecords import MAX_BODY, MAX_FRAGMENT
from tests.wire.hellos import (
    NAME,
    Row,
    alpn,
    damaged,
    extension,
    hello,
    host,
    key_share,
    message,
    ours,
    record,
    records,
    server_name,
    vector8,
    vector16,
    versions,
)

BROWSER = hello(
    extension(0x1A1A),
    NAME,
    alpn(b"h2", b"http/1.1"),
    versions(0x2A2A, 0x0304, 0x0303),
    key_share((0x3A3A, b"\x00"), (0x11EC, b"k" * 1216), (0x001D, b"k" * 32)),
    extension(0xFE0D, bytes(40)),
    session=b"s" * 32,
)
BROWSERS = ClientHello("pump2.example.org", False, (b"h2", b"http/1.1"), (0x0304, 0x0303), True, True, len(BROWSER) + 5)
EARLY = b"\x17\x03\x03\x00\x05early"


def read(data: bytes, size: int | None = None) -> tuple[ClientHello | None, HelloReader]:
    """Feed a new reader in segments of `size`."""
    reader = HelloReader()
    size = size or len(data) or 1
    found = None
    for at in range(0, len(data), size):
        found = reader.feed(data[at : at + size])
    return found, reader


def refusal(body: bytes) -> int:
    """The alert for a message, the same in one record and in two."""
    alerts = set()
    for size in (len(body), 40):
        with pytest.raises(TlsError) as caught:
            read(records(body, size))
        alerts.add(caught.value.alert)
    (alert,) = alerts
    return alert


# Values -------------------------------------------------------------------------------------------------------------


def test_all_is_read_at_once() -> None:
    """What a browser of today sends."""
    assert read(record(BROWSER))[0] == BROWSERS


def test_the_plainest_hello_has_neither_name_nor_lists() -> None:
    """No extension block at all (TLS 1.2 and before), and an empty one."""
    for plain in (hello(tail=b""), hello()):
        found, _reader = read(record(plain))
        assert found == ClientHello(None, False, (), (0x0303,), False, False, len(plain) + 5)


@pytest.mark.parametrize("legacy", [b"\x03\x00", b"\x03\x01", b"\x03\x04", b"\x02\x00"])
def test_the_version_is_the_servers_business(legacy: bytes) -> None:
    """It is told, and never refused: supported_versions before the legacy field."""
    found, _reader = read(record(hello(NAME, legacy=legacy)))
    assert found is not None
    assert found.versions == (int.from_bytes(legacy, "big"),)
    found, _reader = read(record(hello(NAME, versions(0x0304), legacy=legacy)))
    assert found is not None
    assert found.versions == (0x0304,)


def test_an_ip_address_is_told_apart_from_no_name() -> None:
    """Both route alike, and are logged differently."""
    found, _reader = read(record(hello(server_name(host(b"192.0.2.1")))))
    assert found is not None
    assert (found.server_name, found.ip_literal) == (None, True)


def test_the_message_alone_is_read_too() -> None:
    """As QUIC carries it, in any kind of buffer; it has no length on the wire."""
    for buffer in (BROWSER, bytearray(BROWSER), memoryview(BROWSER)):
        found = parse_client_hello(buffer)
        assert found.wire_length == 0
        assert found.server_name == BROWSERS.server_name
    for wrong in (BROWSER[:3], BROWSER[:-1], BROWSER + b"\x00", message(BROWSER[4:], kind=2)):
        with pytest.raises(TlsError):
            parse_client_hello(wrong)


# Cuts ---------------------------------------------------------------------------------------------------------------


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


# Framing ------------------------------------------------------------------------------------------------------------

MALFORMED = {
    "a session id of 33 bytes": hello(NAME, session=bytes(33)),
    "no cipher suite": hello(NAME, suites=b""),
    "half a cipher suite": hello(NAME, suites=b"\x13\x01\xc0"),
    "no compression method": hello(NAME, compression=b""),
    "no body": message(b""),
    "no random": message(b"\x03\x03" + bytes(31)),
    "no session id": message(b"\x03\x03" + bytes(32)),
    "a session id too long": message(b"\x03\x03" + bytes(32) + b"\x05abcd"),
    "no compression": message(b"\x03\x03" + bytes(32) + vector8(b"") + vector16(b"\x13\x01")),
    "half a block length": hello(tail=b"\x00"),
    "bytes behind the block": hello(tail=vector16(NAME) + b"\x00"),
    "a block too long": hello(tail=b"\x00\xff" + NAME),
    "broken protocols": hello(NAME, alpn()),
    "broken versions": hello(NAME, versions()),
    "broken key shares": hello(NAME, extension(51, b"\x00\x01")),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_length_that_does_not_add_up_is_decode_error(body: bytes) -> None:
    """Also in a field that nobody here needs, and also where the name could be read."""
    assert refusal(body) == AlertDescription.DECODE_ERROR


def test_what_contradicts_itself_is_illegal_parameter() -> None:
    """One type twice, and something after pre_shared_key."""
    assert refusal(hello(NAME, NAME)) == AlertDescription.ILLEGAL_PARAMETER
    assert refusal(hello(NAME, extension(41, b"psk"), extension(21))) == AlertDescription.ILLEGAL_PARAMETER


def test_a_bad_name_is_unrecognized_name() -> None:
    """Wherever else the hello be right."""
    assert refusal(hello(server_name(host(b"a b")), versions(0x0304))) == AlertDescription.UNRECOGNIZED_NAME


def test_a_shortened_hello_is_never_a_hello() -> None:
    """A message that ends too early, with a length that says so, breaks some field at every place but one."""
    whole = BROWSER[4:]
    bare = len(hello(tail=b"", session=b"s" * 32)) - 4
    for end in range(len(whole)):
        if end == bare:
            continue
        with pytest.raises(TlsError):
            parse_client_hello(message(whole[:end]))


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

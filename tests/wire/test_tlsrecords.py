"""Following records to the end of a message: the limits, each from both sides, and the alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsIndex

import pytest

from pumpproxy.wire.alert import AlertDescription
from pumpproxy.wire.errors import NotTlsError, TlsError, WireError
from pumpproxy.wire.tlsrecords import MAX_BODY, MAX_EMPTY, MAX_FRAGMENT, MAX_WIRE, HelloRecords, joined
from tests.wire.hellos import NAME, hello, message, record, records

if TYPE_CHECKING:
    from collections.abc import Callable

HELLO = hello(NAME)
EARLY = b"\x17\x03\x03\x00\x05early"


def walk(data: bytes, size: int | None = None) -> tuple[int | str | None, int]:
    """The answer for data that comes in segments of `size`, and after how many bytes it was there."""
    walker = HelloRecords()
    received = bytearray()
    size = size or len(data) or 1
    for at in range(0, len(data), size):
        received += data[at : at + size]
        try:
            end = walker.walk(received)
        except TlsError as error:
            return AlertDescription(error.alert).name, len(received)
        except NotTlsError as error:
            return error.reason, len(received)
        if end is not None:
            return end, len(received)
    return None, len(data)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 16, len(HELLO) - 1, len(HELLO)])
def test_the_message_ends_with_its_last_record(size: int) -> None:
    """Cut inside its header or anywhere, in segments or at once, it ends where what follows begins."""
    data = records(HELLO, size)
    assert walk(data + EARLY) == (len(data), len(data + EARLY))
    assert walk(data + EARLY, 1) == (len(data), len(data))
    assert joined(data + EARLY, len(data)) == HELLO


def test_an_incomplete_message_is_waited_for() -> None:
    """At every byte but the last."""
    data = records(HELLO, 50)
    assert {walk(data[:end])[0] for end in range(len(data))} == {None}


@pytest.mark.parametrize("version", [b"\x03\x00", b"\x03\x01", b"\x03\x03", b"\x03\x04", b"\x03\xff"])
def test_the_minor_record_version_is_ignored(version: bytes) -> None:
    """As RFC 8446 section 5.1 has it."""
    data = record(HELLO[:9], version=version) + record(HELLO[9:], version=version)
    assert walk(data)[0] == len(data)


# What is refused, with the byte by which it must be refused.
REFUSED: dict[str, tuple[bytes, int | str, int]] = {
    "no handshake record": (record(HELLO, kind=23), "noise", 1),
    "another major version": (record(HELLO, version=b"\x02\x00"), "noise", 2),
    "DTLS": (record(HELLO, version=b"\xfe\xfd"), "noise", 2),
    "another message": (record(message(b"", kind=0)), "noise", 6),
    "another message after an empty record": (record(b"") + record(message(b"", kind=2)), "noise", 11),
    "a long record": (record(HELLO[:9]) + b"\x16\x03\x01\x40\x01", "RECORD_OVERFLOW", 19),
    "a long first record": (b"\x16\x03\x01\xff\xff", "RECORD_OVERFLOW", 5),
    "a long message": (record(b"\x01\x02\x01\x45"), "ILLEGAL_PARAMETER", 9),
    "an alert inside": (record(HELLO[:9]) + record(b"\x01\x00", kind=21), "UNEXPECTED_MESSAGE", 15),
    "an alert before": (record(b"") + record(b"\x01\x00", kind=21), "UNEXPECTED_MESSAGE", 6),
    "another version inside": (record(HELLO[:9]) + record(HELLO[9:], version=b"\x05\x01"), "PROTOCOL_VERSION", 16),
    "more in its record": (record(HELLO + b"\x01"), "UNEXPECTED_MESSAGE", 9),
    "more in its last record": (record(HELLO[:9]) + record(HELLO[9:] + b"\x01"), "UNEXPECTED_MESSAGE", 20),
}


@pytest.mark.parametrize(("data", "answer", "by"), REFUSED.values(), ids=REFUSED)
def test_what_can_never_become_a_hello_is_refused_at_once(data: bytes, answer: int | str, by: int) -> None:
    """At the first byte that makes it so; the same where all of it comes together."""
    assert walk(data, 1) == (answer, by)
    assert walk(data)[0] == answer
    assert walk(data + bytes(2000))[0] == answer


# Each limit: what stands at it, and what is one beyond.
LARGEST = message(bytes(MAX_BODY))


def of_wire_length(length: int) -> bytes:
    """A hello that takes just so many bytes: one long record, then 1-byte records."""
    ones = (length - 5 - MAX_FRAGMENT) // 6 + 1
    first = length - 5 - 6 * ones
    start = message(bytes(first + ones - 4))
    return record(start[:first]) + records(start[first:], 1)


def test_the_largest_legal_hello_is_taken() -> None:
    """131,396 bytes of message, in full records."""
    data = records(LARGEST, MAX_FRAGMENT)
    assert walk(data, 1448) == (len(data), len(data))


@pytest.mark.parametrize("before", [0, 3, 9])
def test_empty_records_are_counted(before: int) -> None:
    """16 of them wherever they stand, and not one more."""
    start, rest = HELLO[:before], HELLO[before:]
    most = (record(start) if start else b"") + record(b"") * MAX_EMPTY
    assert walk(most + record(rest))[0] == len(most + record(rest))
    assert walk(most + record(b"") + record(rest), 1) == ("UNEXPECTED_MESSAGE", len(most) + 5)


def test_the_wire_length_is_bounded() -> None:
    """A hello that is complete by 448 KiB is taken; one that is not is refused there, not later."""
    exact = of_wire_length(MAX_WIRE)
    assert len(exact) == MAX_WIRE
    assert walk(exact + EARLY) == (MAX_WIRE, MAX_WIRE + len(EARLY))
    beyond = of_wire_length(MAX_WIRE + 1)
    walker = HelloRecords()
    assert walker.walk(beyond[: MAX_WIRE - 1]) is None
    with pytest.raises(TlsError) as caught:
        walker.walk(beyond[:MAX_WIRE])
    assert caught.value.alert == AlertDescription.ILLEGAL_PARAMETER
    assert walk(beyond + EARLY)[0] == "ILLEGAL_PARAMETER"


class Counted(bytearray):
    """Bytes that count how many of them are looked at."""

    looked_at = 0

    def __getitem__(self, key: SupportsIndex | slice) -> int | bytearray:  # type: ignore[override]
        """Count, then answer."""
        found = super().__getitem__(key)
        self.looked_at += 1 if isinstance(found, int) else len(found)
        return found


@pytest.mark.parametrize("size", [1, 7, 1448])
def test_no_byte_is_walked_twice(size: int) -> None:
    """Of a large hello in 1-byte records only the headers are looked at, however it is cut; so the cost is linear."""
    data = records(message(bytes(5_000)), 1)
    walker = HelloRecords()
    received = Counted()
    end = None
    for at in range(0, len(data), size):
        received += data[at : at + size]
        end = walker.walk(received)
    assert end == len(data)
    # A header that is cut is looked at again with each byte that is added to it: fifteen looks at most for five bytes.
    assert received.looked_at <= 3 * len(data)


@pytest.mark.parametrize("make", [bytes, bytearray])
def test_errors_are_of_one_family(make: Callable[[bytes], bytes | bytearray]) -> None:
    """Whoever catches WireError has them all."""
    for data, _answer, _by in REFUSED.values():
        with pytest.raises(WireError):
            HelloRecords().walk(make(data))

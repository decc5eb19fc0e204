"""Names in DNS messages: one text for each, compression read at a bounded cost, and never in circles."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pumpproxy.wire.dnsnames import HEADER, LONGEST, Names, encode, skip
from pumpproxy.wire.errors import DnsError

HEAD = b"\0" * HEADER
LABELS = st.lists(st.binary(min_size=1, max_size=20), max_size=10)


def wire(labels: list[bytes]) -> bytes:
    """Labels as on the wire, without an end."""
    return b"".join(bytes((len(label),)) + label for label in labels)


def pointer(at: int) -> bytes:
    """To there."""
    return (0xC000 | at).to_bytes(2, "big")


def test_a_name_is_written_label_by_label() -> None:
    """The root's is empty."""
    assert encode("_http._tcp.a-1.example") == b"\5_http\4_tcp\3a-1\7example\0"
    assert encode("") == b"\0"


@pytest.mark.parametrize("name", ["", "a", "a.example", "x" * 63, ".".join(["x" * 49] * 5), ".".join("a" * 127)])
def test_what_is_written_is_read(name: str) -> None:
    """Up to the longest; and where it ends, whatever follows."""
    message = HEAD + encode(name) + b"beyond"
    assert Names(message).read(HEADER) == (name, len(message) - len(b"beyond"))
    assert skip(message, HEADER) == len(message) - len(b"beyond")


def test_letter_case_is_no_difference() -> None:
    """RFC 4343; servers may answer in the case that they were asked in, or in their own."""
    assert Names(HEAD + b"\1A\7ExAmPlE\0").read(HEADER)[0] == "a.example"


@given(LABELS, LABELS)
def test_no_two_names_have_the_same_text(one: list[bytes], other: list[bytes]) -> None:
    """A dot or a control byte inside a label is not one between labels, nor a line of a log."""
    texts = []
    for labels in (one, other):
        lower = [label.lower() for label in labels]
        text = Names(HEAD + wire(labels) + b"\0").read(HEADER)[0]
        assert text.isprintable()
        texts.append((text, lower))
    assert (texts[0][0] == texts[1][0]) == (texts[0][1] == texts[1][1])


def test_what_no_host_name_has_is_written_as_its_number() -> None:
    """RFC 1035 section 5.1, so that it is no host name as text either."""
    assert Names(HEAD + wire([b"a.b\\", b"\n\xff*"]) + b"\0").read(HEADER)[0] == "a\\046b\\092.\\010\\255\\042"


def test_a_pointer_ends_a_name_with_an_earlier_one() -> None:
    """Wherever in that one it points, also through others."""
    message = HEAD + encode("www.app.example")
    second = len(message)
    message += wire([b"b"]) + pointer(HEADER + 4)
    third = len(message)
    message += pointer(second)
    names = Names(message + b"beyond")
    assert names.read(HEADER) == ("www.app.example", second)
    assert names.read(second) == ("b.app.example", third)
    assert names.read(third) == ("b.app.example", len(message))
    assert Names(message).read(third) == ("b.app.example", len(message))


@pytest.mark.parametrize(
    ("message", "at"),
    [
        (HEAD + pointer(HEADER), HEADER),  # at itself
        (HEAD + wire([b"a"]) + pointer(HEADER), HEADER),  # at the labels that it ends
        (HEAD + wire([b"a"]) + pointer(HEADER), HEADER + 2),  # ... from there
        (HEAD + pointer(HEADER + 2) + b"\0", HEADER),  # at what follows
        (HEAD + pointer(HEADER + 2) + pointer(HEADER), HEADER + 2),  # at one that points back
        (HEAD + pointer(0), HEADER),  # into the header
        (HEAD + pointer(11), HEADER),
        (HEAD + pointer(HEADER)[:1], HEADER),  # half of one
        (HEAD + wire([b"abc"])[:-1], HEADER),  # beyond the end: a label,
        (HEAD + wire([b"abc"]), HEADER),  # the end of the name,
        (HEAD, HEADER),  # all of it
        (HEAD + b"\x40" + b"a" * 64 + b"\0", HEADER),  # reserved types of label
        (HEAD + b"\x80" + b"a" * 128 + b"\0", HEADER),
        (HEAD + wire([b"x" * 63] * 3 + [b"x" * 62]) + b"\0", HEADER),  # 256 octets
        (HEAD + wire([b"a"] * 128) + b"\0", HEADER),
    ],
)
def test_what_is_no_name_is_refused(message: bytes, at: int) -> None:
    """And the message with it."""
    with pytest.raises(DnsError):
        Names(message).read(at)


def test_a_name_that_gets_too_long_by_a_pointer_is_refused() -> None:
    """255 octets are all, however they are written."""
    message = HEAD + wire([b"x" * 63] * 3) + b"\0"
    at = len(message)
    names = Names(message + wire([b"y" * 61]) + pointer(HEADER) + wire([b"y" * 62]) + pointer(HEADER))
    assert len(encode(names.read(at)[0])) == LONGEST
    with pytest.raises(DnsError):
        names.read(at + 64)


def test_each_label_is_read_once() -> None:
    """A message full of pointers to pointers costs as much as its size, not as its size squared."""
    message = bytearray(HEAD + b"\0")
    places = []
    while len(message) < 16000:
        places.append(len(message))
        message += pointer(places[-2] if len(places) > 1 else HEADER)

    class Counting(bytes):
        """Octets, and how many of them were looked at."""

        looks = 0

        def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - as bytes has it
            Counting.looks += 1
            return super().__getitem__(key)

    counting = Counting(message)
    names = Names(counting)
    for place in reversed(places):
        assert names.read(place) == ("", place + 2)
    assert Counting.looks < 4 * len(message)


@given(st.binary(min_size=HEADER, max_size=300), st.integers(HEADER, 300))
@example(HEAD + b"\1a\xc0\x0c", HEADER)
def test_any_bytes_are_a_name_or_an_error(message: bytes, at: int) -> None:
    """Nothing else is raised, and nothing lasts; the answer does not depend on what was read before."""
    try:
        name, end = Names(message).read(at)
    except DnsError:
        name, end = "", 0
    seen = Names(message)
    for place in range(HEADER, len(message)):
        try:
            before = seen.read(place)
        except DnsError:
            before = ("", 0)
        assert place != at or before == (name, end)
    if end:
        assert at < end <= len(message)
        assert end == skip(message, at)
        assert len(name) <= 4 * LONGEST

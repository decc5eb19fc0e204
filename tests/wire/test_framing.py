"""Where a body ends."""

from __future__ import annotations

import pytest

from pumpproxy.wire.errors import HttpError
from pumpproxy.wire.framing import (
    CHUNKED,
    HTTP_10,
    HTTP_11,
    MAX_LENGTH,
    NO_BODY,
    UNTIL_CLOSE,
    BodyKind,
    Framing,
    declared,
    response_body,
)


def refusal(lengths: list[bytes], codings: list[bytes], version: tuple[int, int] = HTTP_11) -> int:
    """The status that those fields deserve."""
    with pytest.raises(HttpError) as caught:
        declared(version, lengths, codings)
    return caught.value.status


def test_no_field_declares_nothing() -> None:
    """Where neither field is there, nothing is said of the body."""
    assert declared(HTTP_11, [], []) is None


@pytest.mark.parametrize(("value", "size"), [(b"0", 0), (b"5", 5), (b"005", 5), (b"9223372036854775807", MAX_LENGTH)])
def test_content_length(value: bytes, size: int) -> None:
    """A decimal number up to 2**63 - 1 is a length; a length of 0 is one too."""
    assert declared(HTTP_11, [value], []) == Framing(BodyKind.LENGTH, size)
    assert declared(HTTP_10, [value], []) == Framing(BodyKind.LENGTH, size)


@pytest.mark.parametrize(
    "value",
    [
        b"", b"+5", b"-5", b"-0", b"0x5", b"5a", b"1e1", b"0_5", b'"5"', b"5;", b"5 5", b"5,5", b"5, 5", b"\xb2",
        b"9223372036854775808", b"18446744073709551621", b"00000000000000000005",
    ],
)  # fmt: skip
def test_what_is_no_length(value: bytes) -> None:
    """Whatever is not 1 to 19 digits within 63 bits is refused, also where int() would take it."""
    assert refusal([value], []) == 400


def test_two_lengths_are_refused() -> None:
    """Also where they are the same: the next reader may take the other one."""
    assert refusal([b"5", b"5"], []) == 400
    assert refusal([b"5", b"6"], []) == 400


@pytest.mark.parametrize("value", [b"chunked", b"Chunked", b"CHUNKED"])
def test_chunked(value: bytes) -> None:
    """The name of a coding is the same in any letter case."""
    assert declared(HTTP_11, [], [value]) == CHUNKED


def test_both_fields_are_refused() -> None:
    """Content-Length beside Transfer-Encoding is how requests are smuggled."""
    assert refusal([b"5"], [b"chunked"]) == 400


def test_no_transfer_coding_in_1_0() -> None:
    """HTTP/1.0 has no Transfer-Encoding: who sends one may not mean it."""
    assert refusal([], [b"chunked"], HTTP_10) == 400


@pytest.mark.parametrize(
    "codings",
    [
        [b""], [b"gzip"], [b"identity"], [b"chunked, gzip"], [b"chunked", b"gzip"], [b"chunked, chunked"],
        [b"chunked", b"chunked"], [b"gzip, chunked, chunked"], [b"chunked;a=b"], [b"chunked;"], [b'"chunked"'],
        [b",chunked"], [b"chunked,"], [b"gzip,,chunked"], [b"chunked\xa0"], [b"chun ked"], [b"gzip;x, chunked"],
        [b'gzip;x="a, chunked'], [b"xchunked"], [b"chunked x"],
    ],
)  # fmt: skip
def test_what_is_not_chunked_once_and_last(codings: list[bytes]) -> None:
    """An end that cannot be told is refused as invalid."""
    assert refusal([], codings) == 400


@pytest.mark.parametrize(
    "codings",
    [[b"gzip, chunked"], [b"gzip", b"chunked"], [b"identity,chunked"], [b'a;x="y, chunked" ; z=1 , b, Chunked']],
)
def test_unknown_codings_before_chunked(codings: list[bytes]) -> None:
    """A well-formed list whose end can be told, but whose payload we do not know, is not implemented."""
    assert refusal([], codings) == 501


@pytest.mark.parametrize(("status", "method"), [(200, b"HEAD"), (100, b"GET"), (204, b"GET"), (304, b"GET")])
def test_responses_without_a_body(status: int, method: bytes) -> None:
    """These end with their head, whatever their fields say."""
    assert response_body(Framing(BodyKind.LENGTH, 5), status, method) == NO_BODY
    assert response_body(CHUNKED, status, method) == NO_BODY
    assert response_body(None, status, method) == NO_BODY


def test_responses_with_a_body() -> None:
    """What is declared counts; the connection's end where nothing is."""
    assert response_body(CHUNKED, 200, b"GET") == CHUNKED
    assert response_body(Framing(BodyKind.LENGTH, 5), 404, b"POST") == Framing(BodyKind.LENGTH, 5)
    assert response_body(None, 200, b"GET") == UNTIL_CLOSE

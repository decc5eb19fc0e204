"""Field lines."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pumpproxy.wire.errors import HttpError
from pumpproxy.wire.httpfields import TEXT, check_line, likeness, options, parse, trim_names, values

LINES = st.text('aZ-_~ \t:;@("\xff', max_size=12).map(lambda text: text.encode("latin-1"))


def fault(line: bytes) -> str:
    """What is wrong with that line; empty where nothing is."""
    try:
        check_line(line)
    except HttpError as error:
        return f"{error.status} {error.reason}"
    return ""


def test_fields_keep_their_order_and_spelling() -> None:
    """Names are as sent, values without the white space around them."""
    section = b"GET / HTTP/1.1\r\nHost: a\r\nx-A:b\r\nX-a:\t b \t c\t \r\nEmpty:\r\nBlank: \t \r\nobs: \xe9"
    assert parse(section) == (
        (b"Host", b"a"),
        (b"x-A", b"b"),
        (b"X-a", b"b \t c"),
        (b"Empty", b""),
        (b"Blank", b""),
        (b"obs", b"\xe9"),
    )
    assert parse(b"") == ()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b" X: y", "400 line folding"),
        (b"\tX: y", "400 line folding"),
        (b"", "400 field line without a colon"),
        (b"X y", "400 field line without a colon"),
        (b"X : y", "400 white space before a colon"),
        (b"X\t: y", "400 white space before a colon"),
        (b": y", "400 field name is not a token, or too long"),
        (b":", "400 field name is not a token, or too long"),
        (b"X@: y", "400 field name is not a token, or too long"),
        (b"X\xff: y", "400 field name is not a token, or too long"),
        (b"X Y: z", "400 field name is not a token, or too long"),
        (b"x" * 256 + b": y", "400 field name is not a token, or too long"),
    ],
)
def test_malformed_lines(line: bytes, reason: str) -> None:
    """Each fault has its name, and makes the section malformed wherever it stands."""
    assert fault(line) == reason
    assert parse(b"\r\n" + line) is None
    assert parse(b"\r\nA: b\r\n" + line + b"\r\nC: d") is None


def test_the_longest_name() -> None:
    """255 bytes are a name."""
    assert parse(b"\r\n" + b"x" * 255 + b":y") == ((b"x" * 255, b"y"),)


@given(st.lists(LINES, max_size=4))
@example([b"a: b", b" c: d"])
@example([b"a", b"b: c"])
def test_both_checks_take_the_same(lines: list[bytes]) -> None:
    """The quick check over all lines refuses where the slow one finds a fault in a line, and nowhere else."""
    fields = parse(b"".join([b"\r\n" + line for line in lines]))
    assert (fields is None) == any(fault(line) for line in lines)
    if fields is not None:
        assert [name for name, _ in fields] == [line.partition(b":")[0] for line in lines]
        assert [value for _, value in fields] == [line.partition(b":")[2].strip(b" \t") for line in lines]


def test_names_of_responses_are_trimmed() -> None:
    """White space before a colon goes, other faults stay."""
    assert parse(trim_names(b"line\r\nA : b : c\r\nD\t \t:e\r\nF:g")) == ((b"A", b"b : c"), (b"D", b"e"), (b"F", b"g"))
    assert parse(trim_names(b"line\r\n : b")) is None
    assert parse(trim_names(b"line\r\nA\r\n : b")) is None
    check_line(b"A : b", trims_name=True)
    for line in (b" : b", b"A B : c", b"A", b" A: b"):
        with pytest.raises(HttpError):
            check_line(line, trims_name=True)


def test_text_is_what_a_value_may_hold() -> None:
    """HTAB, SP, visible ASCII and obs-text; no other control byte, no DEL."""
    assert sorted(set(range(256)) - set(TEXT)) == [*range(9), *range(10, 32), 127]


def test_values_are_found_in_any_letter_case() -> None:
    """Every line of the name, in order, and no other's."""
    fields = ((b"Cookie", b"a"), (b"X", b"y"), (b"COOKIE", b"b"), (b"cookies", b"c"), (b"cookid", b"d"))
    assert values(fields, b"cookie") == [b"a", b"b"]
    assert values(fields, b"Host") == []


@pytest.mark.parametrize(
    ("lines", "members"),
    [
        ([], set()),
        ([b""], set()),
        ([b"close"], {b"close"}),
        ([b"Keep-Alive"], {b"keep-alive"}),
        ([b"keep-alive, Upgrade"], {b"keep-alive", b"upgrade"}),
        ([b"Close ,\tX-A,,", b" TE"], {b"close", b"x-a", b"te"}),
        ([b"close;q=1"], {b"close;q=1"}),
    ],
)
def test_connection_options(lines: list[bytes], members: set[bytes]) -> None:
    """Lists over several lines are one list; empty members are none."""
    assert options(lines) == members


@pytest.mark.parametrize(
    "name", [b"x-real-ip", b"X-Real-IP", b"X_REAL_IP", b"x.real~ip", b"X!Real|IP", b"X'Real`IP", b"X*Real+IP"]
)
def test_names_that_a_server_may_take_for_one(name: bytes) -> None:
    """RFC 3875 has one sign for another, and some servers one for all; letters and digits are told apart."""
    assert likeness(name) == b"x-real-ip"
    assert likeness(name + b"1") == b"x-real-ip1"

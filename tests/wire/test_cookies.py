"""One cookie in a line: found by its name alone, and nothing else is touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.wire.cookies import Span, find, find_set, replaced, unquoted, without


def found(line: bytes) -> list[bytes]:
    """The values of J."""
    return [line[start:stop] for start, stop in find(line, b"J")]


@pytest.mark.parametrize(
    ("line", "values"),
    [
        (b"", []),
        (b"J=1", [b"1"]),
        (b"J=", [b""]),
        (b"J=;", [b""]),
        (b"a=1; J=A~v; b=2", [b"A~v"]),
        (b"J=1; J=2", [b"1", b"2"]),
        (b"J=a=b", [b"a=b"]),
        (b" J\t= \tx y\t ;a", [b"x y"]),
        (b"J=   ", [b""]),
        (b'J="q v"', [b'"q v"']),
        (b"J", []),
        (b"J ; a=1", []),
        (b"j=1", []),
        (b"JJ=1; xJ=1; J2=1", []),
        (b"a=J; b=J=1", []),
        (b"=J; ;;; J", []),
        (b"$Version=1; J=1; $Path=/", [b"1"]),
        # What is quoted ends at a semicolon too, so that a lone quote hides nothing.
        (b'x="; J=1', [b"1"]),
        (b'x="a; J=1"; J=2', [b'1"', b"2"]),
        # A comma parts nothing (RFC 6265, section 4.1.1 has it for no value at all, old readers for an end).
        (b"x=1, J=2", []),
        (b"J=1,x=2", [b"1,x=2"]),
    ],
)
def test_a_cookie_is_found_by_its_exact_name(line: bytes, values: list[bytes]) -> None:
    """Letter case included; white space around name and value is none of theirs."""
    assert found(line) == values


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"J=1", b"1"),
        (b"J=1; Path=/; HttpOnly", b"1"),
        (b" J = x ; Path=/", b"x"),
        (b"J=; Max-Age=0", b""),
        (b'J="a b"; Path=/', b'"a b"'),
        (b"J=1, K=2", b"1, K=2"),
        (b"J", None),
        (b"J; J=1", None),
        (b"j=1", None),
        (b"K=1; J=2", None),
        (b";J=1", None),
        (b"", None),
    ],
)
def test_a_set_cookie_is_told_by_what_stands_first(line: bytes, value: bytes | None) -> None:
    """RFC 6265, section 5.2: attributes are no cookies."""
    span = find_set(line, b"J")
    assert (None if span is None else line[span.start : span.stop]) == value


@pytest.mark.parametrize(
    ("line", "left"),
    [
        (b"J=1", None),
        (b"J=1;", None),
        (b"J=1; J=2", None),
        (b" ; J=1 ;; ", None),
        (b"J=1; a=1", b"a=1"),
        (b"a=1; J=1", b"a=1"),
        (b"a=1; J=1; b=2", b"a=1; b=2"),
        (b"a=1;J=1;b=2", b"a=1;b=2"),
        (b"a=1 ;  J=1  ;  b=2", b"a=1 ;  b=2"),
        (b"J=1; a=1; J=2; b=2; J=3", b"a=1; b=2"),
        (b"a=1; J=1;", b"a=1;"),
        (b"J; J=1", b"J"),
        (b"a=1;; b=2", b"a=1;; b=2"),
        (b";", b";"),
        (b"a=J; JJ=1", b"a=J; JJ=1"),
    ],
)
def test_what_is_taken_away_leaves_nothing_behind(line: bytes, left: bytes | None) -> None:
    """Neither a stray semicolon nor an empty line; where nothing is taken, the line is the same."""
    assert without(line, b"J") == left


def test_spans_are_replaced_in_order() -> None:
    """By longer text, shorter or none; nothing else moves."""
    line = b"J=12; a=1; J=3"
    first, second = find(line, b"J")
    assert replaced(line, [(first, b""), (second, b"long")]) == b"J=; a=1; J=long"
    assert replaced(line, []) == line


@pytest.mark.parametrize(
    ("value", "inside"), [(b'"ab"', b"ab"), (b'""', b""), (b'"', b'"'), (b'"a', b'"a'), (b'a"', b'a"'), (b"", b"")]
)
def test_quotes_are_off_where_both_are_there(value: bytes, inside: bytes) -> None:
    """A lone one is a part of the value."""
    line = b"J=" + value
    span = unquoted(line, Span(2, len(line)))
    assert line[span.start : span.stop] == inside


PAIRS = st.tuples(
    st.sampled_from([b"J", b"j", b"a", b"JSESSIONID", b"", b"x J"]),
    st.text(alphabet='ab~|=", \t\\\xe9', max_size=8).map(lambda text: text.encode("latin-1")),
)
LINES = st.lists(PAIRS, max_size=6)


@given(LINES, st.sampled_from([b";", b"; ", b" ; "]))
def test_every_other_cookie_keeps_its_bytes_and_its_place(pairs: list[tuple[bytes, bytes]], parting: bytes) -> None:
    """Whatever is in them: found are the values of J alone, and without J the others stand as they stood."""
    line = parting.join(name + b"=" + value for name, value in pairs)
    mine = [value.strip(b" \t") for name, value in pairs if name == b"J"]
    others = [(name + b"=" + value).strip(b" \t") for name, value in pairs if name != b"J"]
    assert found(line) == mine
    left = without(line, b"J")
    if not mine:
        assert left == line
    elif not others:
        assert left is None
    else:
        assert left is not None
        assert [pair.strip(b" \t") for pair in left.split(b";")] == others
        assert found(left) == []
    changed = replaced(line, [(span, b"new") for span in find(line, b"J")])
    assert found(changed) == [b"new"] * len(mine)
    assert [pair.strip(b" \t") for pair in changed.split(b";") if not found(pair)] == (
        others or ([] if line else [b""])
    )


@given(st.binary(max_size=40))
def test_any_bytes_are_a_line(line: bytes) -> None:
    """Nothing is raised, spans are within the line and in order, and taking away twice is taking away once."""
    at = 0
    for span in find(line, b"J"):
        assert at <= span.start <= span.stop <= len(line)
        at = span.stop
    left = without(line, b"J")
    assert left is None or without(left, b"J") == left
    first = find_set(line, b"J")
    assert first is None or first == find(line, b"J")[0]

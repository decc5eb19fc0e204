"""Tests of the measure of regular expressions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.config import patterns
from pumpproxy.config.problems import BadValue

if TYPE_CHECKING:
    from collections.abc import Iterator

NESTED = "the pattern has unbounded repetition inside unbounded repetition"
TWO_WAYS = "the pattern repeats a part that can match the same letters in two ways"
EMPTY = "the pattern repeats or leaves out a part that may be empty anyway"
SAME = "the pattern has alternatives that are the same, or may both be empty"
TOO_MANY = "the pattern leaves too many ways to match a name"


def fault(pattern: str) -> str:
    """What is said against a pattern, without the hint; empty for nothing."""
    try:
        patterns.check(pattern)
    except BadValue as bad:
        return bad.faults[0].message
    return ""


@pytest.mark.parametrize(
    "pattern",
    [
        r"www\.example\.org",
        r"(www\.)?example\.(org|com)",
        r"(.+\.)?example\.org",
        r".*\.example\.org",
        r"^[a-z]+-[0-9]+\.[a-z]+\.[a-z]+\.example\.org$",
        r"[^.]+\.[^.]+\.[^.]+\.[^.]+\.[^.]+",
        r"v\d{1,3}\.example\.org",
        r"([a-z0-9-]{1,63}\.){1,8}example\.org",
        r"(foo|bar)+\.x",
        r"(?:[a-z]|[0-9]|-)+\.x",
        r"(-?[a-z0-9])+\.x",
        r"[a-z0-9]{2}(-[a-z0-9]{4}){3}\.x",
        r"(?!www\.).*\.example\.org",
        r"(?i)WWW\.(?-i:example)\.org",
        r"(?i:A)[^A-Z]b",
        r"[A-Za-z]+\.x",
        r".*a.*b.*c",
        r"(a)\1b",
        r"(a)?(?(1)b|c)",
        r"\w+\.\W\S\D+",
        r"(?>a+)b",
        r"a++b",
    ],
)
def test_a_reasonable_pattern_passes(pattern: str) -> None:
    """Repetition that the next letter ends, alternatives, three open parts in a row, look-around, flags."""
    assert fault(pattern) == ""


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"(a+)+", NESTED),
        (r"(a*)*b", NESTED),
        (r"(a+?)*?b", NESTED),
        (r"([a-z]+\.)+example\.org", NESTED),
        (r"((x|y+)z)*", NESTED),
        (r"(?:(?=a+)b)+a*(c{2,})+", NESTED),
        (r"(?=(a+)+b).*", NESTED),
        (r"(a{1,2})+b", TWO_WAYS),
        (r"([a-z]{1,63}){1,63}x", TWO_WAYS),
        (r"(a+){8}x", TWO_WAYS),
        (r"(ab|a|b)+x", TWO_WAYS),
        (r"(\w\w?|\d)+x", TWO_WAYS),
        (r"(a?){30}a{30}", EMPTY),
        (r"(a{0,63}){0,63}x", EMPTY),
        (r"(|a)+x", EMPTY),
        (r"(a)(\1)*x", EMPTY),
        (r"(a?)?b", EMPTY),
        (r"(a?|b*)c", SAME),
        (r"(ab|ab)*c", SAME),
        (r".*a.*b.*c.*d", TOO_MANY),
        (r"[a-z]*[a-z]*[a-z]*[a-z]*x", TOO_MANY),
        ("a?" * 30 + "a" * 30, TOO_MANY),
        ("(a|aa)" * 30, TOO_MANY),
        ("(a|b|[ab]c)" * 30, TOO_MANY),
        (r"Www\.example", "the pattern has a part like 'W' that no name can have"),
        (r"a b", "the pattern has a part like ' ' that no name can have"),
        (r"bücher", "the pattern has a part like 'ü' that no name can have"),
        (r"a:443", "the pattern has a part like ':' that no name can have"),
        (r"[A-Z]+", "the pattern has a part that no name can have"),
        (r"\s*a", "the pattern has a part that no name can have"),
        (r"(", "the pattern does not compile: missing ), unterminated subpattern at position 0"),
        (r"(?u)a", "the pattern does not compile: ASCII and UNICODE flags are incompatible"),
        (r"a**", "the pattern does not compile: multiple repeat at position 2"),
        (r"[[a]", "the pattern does not compile: Possible nested set at position 1"),
        (r"a{99999999999}", "the pattern does not compile: the repetition number is too large"),
        ("a" * 1001, "the pattern is too long"),
    ],
)
def test_a_pattern_that_may_not_meet_a_peer(pattern: str, message: str) -> None:
    """What does not compile, never matches, or tries too many ways."""
    assert fault(pattern) == message


def test_a_pattern_may_be_nested_deeply() -> None:
    """The parser's own depth is a fault of the pattern, and no exception of ours."""
    assert fault("(" * 20 + "a" + ")" * 20) == ""
    assert fault("(" * 499 + "a" + ")" * 499) in ("", "the pattern is nested too deeply")


Node = tuple[str, "str | list[Node]", int, int]
"""(`letters`, `sequence`, `either` or `repeat`; the letters or the parts; least; most)."""

_letters = st.sampled_from(["a", "b", "[ab]", "."]).map(lambda text: ("letters", text, 1, 1))
_bounds = st.sampled_from([(0, 1), (0, 99), (1, 99), (1, 2), (2, 2), (0, 9), (1, 12), (3, 3)])


def _either(parts: list[Node]) -> Node:
    """Alternatives; those of one letter each are a set, as `re` makes them too."""
    if all(kind == "letters" and letters != "." for kind, letters, _, _ in parts):
        return ("letters", f"[{''.join(str(part[1]).strip('[]') for part in parts)}]", 1, 1)
    return ("either", parts, 1, 1)


def _larger(parts: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(parts, min_size=1, max_size=4)
    return st.one_of(
        several.map(lambda found: ("sequence", found, 1, 1) if found[1:] else found[0]),
        several.map(lambda found: _either(found) if found[1:] else found[0]),
        st.tuples(parts, _bounds).map(lambda found: ("repeat", [found[0]], *found[1])),
    )


_patterns = st.recursive(_letters, _larger, max_leaves=12)


def written(node: Node) -> str:
    """A node as a regular expression."""
    kind, parts, least, most = node
    if isinstance(parts, str):
        return parts
    if kind == "repeat":
        return f"(?:{written(parts[0])}){{{least},{'' if most == 99 else most}}}"
    return f"(?:{('|' if kind == 'either' else '').join(map(written, parts))})"


class Backtracking:
    """A matcher that tries what `re` may try, in its order, and counts."""

    def __init__(self, name: str, limit: int) -> None:
        self.name = name
        self.left = limit

    def ends(self, node: Node, at: int) -> Iterator[int]:
        """Where a node can end that begins at `at`, as often as there are ways to get there."""
        self.left -= 1
        assert self.left > 0, "too many steps"
        kind, parts, least, most = node
        if isinstance(parts, str):
            if re.fullmatch(parts, self.name[at : at + 1]):
                yield at + 1
        elif kind == "either":
            for part in parts:
                yield from self.ends(part, at)
        elif kind == "sequence":
            for end in self.ends(parts[0], at):
                yield from self.ends((kind, parts[1:], 1, 1), end) if parts[1:] else (end,)
        else:
            for end in self.ends(parts[0], at) if most else ():
                if end > at or least:
                    yield from self.ends((kind, parts, max(least - 1, 0), most - 1), end)
            if not least:
                yield at


@given(_patterns)
def test_what_passes_never_takes_long(node: Node) -> None:
    """A pattern that is accepted is matched in a number of steps that grows with the cube of the name at most."""
    try:
        patterns.check(written(node))
    except BadValue:
        return
    for name in ("a" * 24, "ab" * 12, "a" * 23 + "b", "b" + "a" * 23):
        matcher = Backtracking(name + "c", limit=60 * 25**3)
        assert len(name) + 1 not in matcher.ends(("sequence", [node, ("letters", "d", 1, 1)], 1, 1), 0)

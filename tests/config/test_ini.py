"""Tests of lines to entries, and against configparser on what both read alike."""

from __future__ import annotations

import configparser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.config import ini
from pumpproxy.config.problems import Problems

Read = dict[str, dict[str, str]]


def read(text: str) -> tuple[Read, list[str]]:
    """Sections, keys and values of a text in which none stands twice, and the problems."""
    problems = Problems("f")
    sections = ini.read(text.split("\n"), problems)
    found = {section.name: {entry.key: entry.value for entry in section.entries} for section in sections}
    return found, [str(problem) for problem in problems.found]


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("key = value", "key", "value"),
        ("key=value", "key", "value"),
        ("\tkey\t=\tvalue\t", "key", "value"),
        ("server a = 127.0.0.1:80 weight=2", "server a", "127.0.0.1:80 weight=2"),
        ("server   a=b", "server a", "b"),
        ("key = a # comment", "key", "a"),
        ("key = a ; comment", "key", "a"),
        ("key = a;b#c", "key", "a;b#c"),
        ("key = a\t#comment", "key", "a"),
        ("key = # comment", "key", ""),
        ("key =", "key", ""),
        ("Key Name = Value", "Key Name", "Value"),
        ("key = a = b", "key", "a = b"),
        ("key: a = b", "key: a", "b"),
        ("key = %(x)s ${y}", "key", "%(x)s ${y}"),
        ("route a.example = b", "route a.example", "b"),
        ("route a.example=b", "route a.example", "b"),
        ("route a.example/x=y = b", "route a.example/x=y", "b"),
        ("route a.example = b # comment", "route a.example", "b"),
        ("route ~a{2}(?=x) = b", "route ~a{2}(?=x)", "b"),
        ("route ~a = b = c", "route ~a = b", "c"),
        ("route ~[ #;]=[#] = c", "route ~[ #;]=[#]", "c"),
        ("route ~a = b # c", "route ~a", "b # c"),
        ("ROUTE  ~a#b =\tc", "ROUTE ~a#b", "c"),
    ],
)
def test_a_line_is_a_key_and_a_value(line: str, key: str, value: str) -> None:
    """`=` is the only delimiter; a comment needs white space before it; routes split at their last ` = `."""
    assert read(f"[s]\n{line}") == ({"s": {key: value}}, [])


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("k = a\n b\n\tc", {"k": "a b c"}),
        ("k =\n a\n b", {"k": "a b"}),
        ("k = a\n # comment\n\n b # comment\n# comment\n c\nl = d", {"k": "a b c", "l": "d"}),
        ("  k = a\n  l = b\n    c\n  m = d", {"k": "a", "l": "b c", "m": "d"}),
        ("k = 0.0.0.0:443\n [::]:443", {"k": "0.0.0.0:443 [::]:443"}),
        ("k = a\n b=c", {"k": "a b=c"}),
    ],
)
def test_a_deeper_line_continues_the_value(text: str, values: dict[str, str]) -> None:
    """Further right than its key; blank lines and comments in between do not end the value."""
    assert read(f"[s]\n{text}") == ({"s": values}, [])


def test_a_section_is_what_stands_in_brackets() -> None:
    """White space runs in it become one space, a comment may follow, letters keep their case."""
    found, problems = read("[ Frontend   x ] ; comment\n[b]# comment\n\t[c]")
    assert problems == ["f:2: '[b]# comment' is not a section (write [NAME] alone on its line)"]
    assert list(found) == ["Frontend x", "b", "c"]


def test_every_word_has_its_line() -> None:
    """A word of a list is found on the line where it stands, a piece of a word too, all else at the key."""
    (section,) = ini.read(["[s]", "k = a", "", "  b=12", "  c a"], Problems("f"))
    (entry,) = section.entries
    assert (section.line, entry.line) == (1, 2)
    assert [entry.line_of(word) for word in ("a", "b=12", "12", "c", "z", "")] == [2, 4, 4, 5, 2, 2]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("k = v", ["f:1: 'k' stands before the first section"]),
        ("[s]\nword", ["f:2: [s] 'word' is not KEY = VALUE"]),
        ("[s]\n= v", ["f:2: [s] no key before '='"]),
        ("[s\nk = v", ["f:1: '[s' is not a section (write [NAME] alone on its line)"]),
        ("[s] x\nk = v", ["f:1: '[s] x' is not a section (write [NAME] alone on its line)"]),
        ("[]\nk = v", ["f:1: '[]' is not a section (write [NAME] alone on its line)"]),
        ("[s]\nroute ~a=b", ["f:2: [s] 'route ~a=b' is not KEY = VALUE (write ' = ' before the target)"]),
        ("[s]\nroute a", ["f:2: [s] 'route a' is not KEY = VALUE"]),
        (
            "global\n    maxconn 4000\n    daemon",
            ["f:1: 'global' is not KEY = VALUE (HAProxy's 'global' is here: [global])"],
        ),
        (
            "[s]\nk = a\n  l = b",
            [("f:3: [s] k: an indented line continues the value, and 'l = b' is none "
             "(a key starts in the column of the others)")],
        ),
        (
            "[s]\nk = a\n  [t]",
            [("f:3: [s] k: an indented line continues the value, and '[t]' is none "
             "(a section starts in the column of the others)")],
        ),
    ],
)  # fmt: skip
def test_what_is_neither_is_a_problem(text: str, problems: list[str]) -> None:
    """Each with its line, one a line, and what follows is read all the same."""
    assert read(text)[1] == problems


def test_a_broken_header_still_begins_its_section() -> None:
    """What stands below it is read as meant, so that its own problems are found in the same run."""
    found, _ = read("[frontend x\nk = v\n[y] z\nl = w")
    assert found == {"frontend x": {"k": "v"}, "y": {"l": "w"}}


_word = st.text("abcdefgXYZ019.:*/~%-_#;=[]", min_size=1, max_size=6)
_key = st.from_regex(r"[a-z]{1,4}( [A-Za-z.]{1,4}){0,2}", fullmatch=True).filter(lambda key: "route" not in key)
_tail = st.sampled_from(["", " ", " # c", "\t; c = d", " #"])
_equals = st.sampled_from(["=", " = ", "\t="])
_gap = st.sampled_from(["", "\n", "# c = d\n", "  ; c\n", " \n"])


@st.composite
def _file(draw: st.DrawFn) -> str:
    """A file that both readers know: no key or section twice, no ` = ` and no header in a continued line."""
    parts = [draw(_gap)]
    for name in draw(st.lists(st.from_regex(r"[a-z]{1,6}( [a-z.]{1,4})?", fullmatch=True), unique=True, max_size=3)):
        parts.append(f"[{name}]{draw(_tail)}\n")
        indent = draw(st.sampled_from(["", "", "  ", "\t"]))
        for key in draw(st.lists(_key, unique=True, max_size=4)):
            values = draw(
                st.lists(st.lists(_word.filter(lambda word: word != "="), max_size=3), min_size=1, max_size=3)
            )
            first, *more = (" ".join(words) for words in values)
            parts.append(f"{draw(_gap)}{indent}{key}{draw(_equals)}{first}{draw(_tail)}\n")
            parts += [f"{indent}  {line}{draw(_tail)}\n{draw(_gap)}" for line in more if not line.startswith("[")]
    # One of the two characters in a file: where both stand in a line configparser may miss the first comment.
    return "".join(parts).translate(draw(st.sampled_from([str.maketrans(";", "#"), str.maketrans("#", ";")])))


@given(_file())
def test_it_reads_as_configparser_does(text: str) -> None:
    """Where the two dialects meet, sections, keys and values are the same."""
    oracle = configparser.RawConfigParser(
        delimiters=("=",), comment_prefixes=("#", ";"), inline_comment_prefixes=("#", ";"), default_section="\0"
    )
    oracle.optionxform = lambda optionstr: " ".join(optionstr.split())  # type: ignore[method-assign]
    oracle.read_string(text)
    expected = {name: {key: value.split() for key, value in oracle.items(name)} for name in oracle.sections()}
    found, problems = read(text)
    assert problems == []
    assert {name: {key: value.split() for key, value in keys.items()} for name, keys in found.items()} == expected

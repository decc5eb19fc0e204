"""Problems as a person reads them."""

from __future__ import annotations

import io

import pytest

from pumpproxy.command.report import BOLD, Paint, counted, span, told
from pumpproxy.config.load import load_text
from pumpproxy.config.problems import ConfigError, Problem
from tests.command.files import BAD, WARNED

PLAIN = Paint(colours=False)


class Terminal(io.StringIO):
    """A stream that is one."""

    def isatty(self) -> bool:
        """It is."""
        return True


def problem(message: str, *, line: int = 1, key: str = "key", hint: str = "", error: bool = True) -> Problem:
    """A problem of `f.ini`."""
    return Problem("f.ini", line, "frontend f", key, message, hint, error)


def test_a_problem_is_told_with_its_line_and_a_hint() -> None:
    """File and line first, where editors look for them; a mark below what is wrong."""
    lines = BAD.splitlines()
    with pytest.raises(ConfigError) as refused:
        load_text(BAD, "f.ini")
    assert list(told(refused.value.problems, lines, PLAIN)) == [
        "f.ini:2: error: [global] maxcon: is not a key of [global]",
        "    maxcon = 4000",
        "    ^^^^^^",
        "  hint: did you mean 'maxconn'?",
        "f.ini:6: error: [frontend web] bind: '99999' is not a port",
        "    bind = *:99999",
        "             ^^^^^",
        "  hint: from 1 to 65535",
        "f.ini:7: error: [frontend web] default-backend: there is no backend 'nowhere'",
        "    default-backend = nowhere",
        "                      ^^^^^^^",
        "  hint: did you mean 'here'?",
        "f.ini:10: error: [backend here] 'server one 127.0.0.1:8443' is not KEY = VALUE",
        "    server one 127.0.0.1:8443",
        "    ^^^^^^^^^^^^^^^^^^^^^^^^^",
        "  hint: HAProxy's 'server' is here: server NAME = ADDRESS",
    ]


def test_a_warning_is_called_so() -> None:
    """The file is used all the same."""
    (first, *_) = told(load_text(WARNED, "f.ini").warnings, WARNED.splitlines(), PLAIN)
    assert first.startswith("f.ini:7: warning: [backend unused] ")


@pytest.mark.parametrize("line", [0, 99])
def test_a_problem_of_no_line(line: int) -> None:
    """Of the file as a whole, or of a file that is no text: there is nothing to show."""
    (only,) = told([problem("is wrong", line=line, key="")], ["x = 1"], PLAIN)
    assert only == f"f.ini:{f'{line}:' if line else ''} error: [frontend f] is wrong"


@pytest.mark.parametrize(
    ("line", "message", "key", "marked"),
    [
        ("bind = *:1 *:x", "'x' is not a port", "bind", "x"),
        ("\tb = b", "there is no backend 'b'", "b", "b"),
        ("key = 5000", "has no unit", "key", "key"),
        ("server  one = x", "is wrong", "server one", "server  one"),
        ("  [backend b]  # it", "refers to nobody", "", "[backend b]"),
        ("value of the line before", "is wrong", "key", ""),
        ("other = 1", "is wrong", "key", ""),
        ("key = 1", "'gone' is wrong", "key", "key"),
    ],
)
def test_what_is_marked(line: str, message: str, key: str, marked: str) -> None:
    """The word that the message quotes, in the value if it is there; else the key or the header; else nothing."""
    start, end = span(line, problem(message, key=key))
    assert line[start:end] == marked


def test_the_value_is_marked_and_not_the_key() -> None:
    """Where both have the word."""
    assert span("b = b", problem("there is no backend 'b'", key="b")) == (4, 5)


def test_a_tab_stays_a_tab() -> None:
    """The mark stands where the word does, however wide a tab is."""
    *_, shown, mark = told([problem("'x' is wrong")], ["\tkey =\tx"], PLAIN)
    assert (shown, mark) == ("    \tkey =\tx", "    \t     \t^")


def test_a_long_line_is_cut() -> None:
    """A mark that would stand beyond its end is left out."""
    _, shown = told([problem("'x' is wrong")], [f"key = {'y ' * 200}x"], PLAIN)
    assert len(shown) < 200
    assert shown.endswith("...")


def test_an_empty_line_is_not_shown() -> None:
    """It says nothing."""
    assert len(list(told([problem("is wrong")], ["  "], PLAIN))) == 1


@pytest.mark.parametrize(
    ("environ", "colours"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({}, False),
    ],
)
def test_colours_are_for_terminals(environ: dict[str, str], colours: bool) -> None:  # noqa: FBT001
    """Those that have them, unless NO_COLOR says something; never for a file or a pipe."""
    assert Paint.of(Terminal(), environ).colours is colours
    assert not Paint.of(io.StringIO(), environ).colours


def test_paint() -> None:
    """Nothing is left of it where there is none."""
    assert Paint(colours=True)(BOLD, "word") == "\x1b[1mword\x1b[0m"
    assert PLAIN(BOLD, "word") == "word"


def test_numbers_have_their_words() -> None:
    """One is one."""
    assert [counted(number, "route") for number in (0, 1, 2)] == ["0 routes", "1 route", "2 routes"]

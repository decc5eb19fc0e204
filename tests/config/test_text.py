"""Tests of bytes to lines."""

from __future__ import annotations

import pytest

from pumpproxy.config.problems import Problems
from pumpproxy.config.text import lines


def read(raw: str | bytes) -> tuple[list[str], list[str]]:
    """The lines and the problems of a file."""
    problems = Problems("f")
    return lines(raw, problems), [str(problem) for problem in problems.found]


@pytest.mark.parametrize(
    "raw",
    [
        b"a = b\n\tc\n",
        b"\xef\xbb\xbfa = b\r\n\tc\r\n",
        "a = b\n\tc\n",
        "\ufeffa = b\r\n\tc\r\n",
    ],
)
def test_marks_and_line_ends_of_every_system_are_read(raw: str | bytes) -> None:
    """A byte order mark and CRLF are tolerated, in bytes and in text."""
    assert read(raw) == (["a = b", "\tc", ""], [])


def test_letters_of_every_language_are_text() -> None:
    """UTF-8 of any length is read; a line separator of Unicode is no line end."""
    assert read("bücher\u2028日本 😀".encode()) == (["bücher\u2028日本 😀"], [])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"a\0b", "f:2: a NUL byte in the line"),
        (b"a\x07b", "f:2: the control character U+0007 in the line"),
        (b"a\x7fb", "f:2: the control character U+007F in the line"),
        (b"a\xc2\x85b", "f:2: the control character U+0085 in the line"),
        (b"a\rb", "f:2: the control character U+000D in the line (lines end in LF or CRLF)"),
        (b"a\xffb", "f:2: byte 0xFF is not UTF-8 (save the file as UTF-8)"),
        (b"a\xc3b", "f:2: byte 0xC3 is not UTF-8 (save the file as UTF-8)"),
    ],
)
def test_what_no_editor_writes_is_a_problem_of_its_line(line: bytes, message: str) -> None:
    """NUL, control characters and bytes that are not UTF-8 are reported where they stand, and never met again."""
    found, problems = read(b"one\n" + line + b"\nthree")
    assert problems == [message]
    assert found[0] == "one"
    assert found[1] in ("a\ufffdb", "a\ufffd\ufffdb")
    assert found[2] == "three"


def test_a_lone_surrogate_is_a_problem() -> None:
    """Text that was decoded with `surrogateescape` cannot be printed either."""
    assert read("a\udce9") == (["a\ufffd"], ["f:1: the control character U+DCE9 in the line"])


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_utf_16_is_named(mark: bytes) -> None:
    """What some editors call "Unicode" is one problem, and not two a line."""
    assert read(mark + b"[\0g\0]\0\n\0") == ([], ["f:1: the file is UTF-16 (save it as UTF-8)"])


def test_a_file_that_is_no_text_is_said_to_be_none() -> None:
    """After twenty such lines the rest is not listed."""
    found, problems = read(b"\0\n" * 500)
    assert found == []
    assert len(problems) == 21
    assert problems[-1] == "f:21: more lines are like these: the file is no text"

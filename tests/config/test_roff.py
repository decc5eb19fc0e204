"""Pages as manual pages."""

from __future__ import annotations

import pytest

from pumpproxy.config import roff


def source(text: str) -> list[str]:
    """The lines of a text."""
    return list(roff.body(text))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a `--word` here", r"a \fB\-\-word\fR here"),
        ("**bold** and *TERM*", r"\fBbold\fR and \fITERM\fR"),
        ("[the page](page.md#part) says", "the page says"),
        ("`*.x` and `*.y`", r"\fB*.x\fR and \fB*.y\fR"),
        (r"a \ and a ~", r"a \e and a \(ti"),
        ("`'` and '", r"\fB\(aq\fR and '"),
        ("bücher", r"b\[u00FC]cher"),
    ],
)
def test_a_line(text: str, written: str) -> None:
    """Code and emphasis are faces; what groff would change stays what was typed."""
    assert roff.inline(text) == written


@pytest.mark.parametrize("text", [".TH is no request", "'so is this", "word " * 20 + ".br"])
def test_no_line_of_text_is_a_request(text: str) -> None:
    """A full stop or an apostrophe at its start is text."""
    lines = source(text)
    assert lines[0] == ".PP"
    assert not [line for line in lines[1:] if line.startswith((".", "'"))]


def test_lines_have_a_width() -> None:
    """Whatever the paragraph's was."""
    lines = source("word " * 100)
    assert len(lines) > 5
    assert max(map(len, lines)) <= 80


def test_headings() -> None:
    """In capitals, but for code; the paragraph after one needs no macro, and the page's title is the header's."""
    assert source("# Title\n\n## How it is\n\ntext\n\n### `[global]`\ntext\n\nmore") == [
        '.SH "HOW IT IS"', "text", '.SS "[global]"', "text", ".PP", "more",
    ]  # fmt: skip


def test_a_list() -> None:
    """An item may have several lines."""
    assert source("- one\n  goes on\n- two") == [r".IP \(bu 2", "one goes on", r".IP \(bu 2", "two"]


def test_a_table() -> None:
    """Its first cells are the terms; of others the head says what they are, where there is more than one."""
    assert source("| a | b | |\n| --- | --- | --- |\n| `x` | yes | text |\n| y | | |") == [
        ".TP", r"\fBx\fR", "b: yes; text", ".TP", "y",
    ]  # fmt: skip
    assert source("| a | b |\n| --- | --- |\n| x | 1\\|2 |") == [".TP", "x", "1|2"]


def test_code() -> None:
    """Line by line, as it is typed."""
    assert source("    a -b\n      .c") == [".PP", ".RS 4", ".EX", r"a \-b", "  .c", ".EE", ".RE"]
    assert source("    .c")[3] == r"\&.c"


def test_comments_are_left_out() -> None:
    """They are for who reads the source."""
    assert source("a\n\n<!-- not\n\nthis -->\n\nb") == [".PP", "a", ".PP", "b"]


def test_a_term() -> None:
    """With as many paragraphs as there are."""
    assert list(roff.term("`x` = Y", "one", "two")) == [".TP", r"\fBx\fR = Y", "one", ".IP", "two"]


def test_the_head() -> None:
    """Name, section, date and whose it is."""
    assert roff.head("a-b", 8, "2026-11-27", "b 1.0")[0] == r'.TH A\-B 8 "2026-11-27" "b 1.0"'

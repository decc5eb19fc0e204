"""A page's text, written once in the Markdown of our pages, as a manual page in the macros of man(7).

Of Markdown what the pages use: headings, paragraphs, lists, tables, indented code, and within a line code, emphasis and
links. A table becomes a list: its first cells are the terms. May not: know what a page is about.
"""

from __future__ import annotations

import re
import textwrap
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WIDTH = 78
"""Columns of the source: what diff and mandoc like."""
_CODE_INDENT = "    "
_INLINE = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|\*(?P<term>[^*]+)\*|\[(?P<text>[^\]]+)\]\([^)]+\)")
# groff_char(7): what would be typeset otherwise than it is typed.
_CODE = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", '"': r"\(dq"}
_PLAIN = {"\\": r"\e", '"': r"\(dq", "~": r"\(ti", "^": r"\(ha"}


def head(name: str, section: int, date: str, source: str) -> list[str]:
    """The first lines of a page. `date`: as its foot shows it, empty for none; `source`: whose page it is."""
    # No hyphens in what is typed, and so no gaps in the lines before them.
    return [f'.TH {_escaped(name.upper(), _CODE)} {section} "{date}" "{source}"', ".nh", ".ad l"]


def body(text: str) -> Iterator[str]:
    """The lines of a text."""
    before = ""
    for block in re.split(r"\n{2,}", re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL).strip("\n")):
        for line in _block(block.strip("\n").splitlines()):
            # A heading begins a paragraph already.
            if line != ".PP" or not before.startswith((".SH", ".SS")):
                yield line
            before = line


def _block(lines: list[str]) -> Iterator[str]:
    if not lines:
        return
    first = lines[0]
    if first.startswith("## "):
        yield f'.SH "{_heading(first[3:])}"'
        yield from _block(lines[1:])
    elif first.startswith("### "):
        yield f'.SS "{_heading(first[4:])}"'
        yield from _block(lines[1:])
    elif first.startswith(_CODE_INDENT):
        yield from _code(lines)
    elif first.startswith("|"):
        yield from _table(lines)
    elif first.startswith("- "):
        for item in _items(lines):
            yield from (r".IP \(bu 2", *filled(item))
    elif not first.startswith("# "):
        yield from (".PP", *filled(" ".join(lines)))


def term(tag: str, *paragraphs: str) -> Iterator[str]:
    """A term, and what is to be said of it."""
    yield ".TP"
    yield _safe(inline(tag))
    for number, paragraph in enumerate(paragraphs):
        if number:
            yield ".IP"
        yield from filled(paragraph)


def filled(text: str) -> list[str]:
    """A paragraph, in lines of some width."""
    lines = textwrap.wrap(inline(text), _WIDTH, break_long_words=False, break_on_hyphens=False)
    return [_safe(line) for line in lines]


def inline(text: str) -> str:
    """Code and terms in their faces, everything else as it is typed."""
    parts = []
    end = 0
    for match in _INLINE.finditer(text):
        parts.append(_escaped(text[end : match.start()], _PLAIN))
        face = {"code": "B", "strong": "B", "term": "I"}.get(match.lastgroup or "")
        words = _escaped(match[match.lastgroup or 0], _CODE if match.lastgroup == "code" else _PLAIN)
        parts.append(f"\\f{face}{words}\\fR" if face else words)
        end = match.end()
    return "".join([*parts, _escaped(text[end:], _PLAIN)])


def code(text: str) -> str:
    """What is typed, in whatever face."""
    return _escaped(text, _CODE)


def _escaped(text: str, table: dict[str, str]) -> str:
    # Beyond ASCII by number: what a terminal has not is shown as well as it can be, whatever the locale is.
    return "".join(table.get(one, one if one.isascii() else f"\\[u{ord(one):04X}]") for one in text)


def _safe(line: str) -> str:
    """A line of text, and no request."""
    return f"\\&{line}" if line.startswith((".", "'")) else line


def _heading(text: str) -> str:
    """Of a section: in capitals, as manual pages have them, but for what is code."""
    return _escaped(text.strip("`"), _PLAIN) if "`" in text else _escaped(text.upper(), _PLAIN)


def _code(lines: Iterable[str]) -> Iterator[str]:
    yield from (".PP", ".RS 4", ".EX")
    for line in lines:
        yield _safe(_escaped(line.removeprefix(_CODE_INDENT), _CODE))
    yield from (".EE", ".RE")


def _items(lines: list[str]) -> Iterator[str]:
    number = 0
    starts = []
    for line in lines:
        number += line.startswith("- ")
        starts.append(number)
    for _, group in groupby(zip(starts, lines, strict=True), key=lambda pair: pair[0]):
        yield " ".join(line.removeprefix("- ").strip() for _, line in group)


def _table(lines: list[str]) -> Iterator[str]:
    heads, _, *rows = [_cells(line) for line in lines]
    # Beside the terms alone a column needs no name.
    names = heads[1:] if heads[2:] else [""]
    for first, *others in rows:
        facts = [f"{name}: {cell}" if name else cell for name, cell in zip(names, others, strict=True) if cell]
        yield from term(first, *(["; ".join(facts)] if facts else []))


def _cells(line: str) -> list[str]:
    cells = re.split(r"(?<!\\)\|", line.strip())[1:-1]
    return [cell.strip().replace("\\|", "|") for cell in cells]

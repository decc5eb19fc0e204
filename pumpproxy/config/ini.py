"""Lines to sections and entries, each with its line numbers.

- A section is a name in brackets; `key = value`, and `=` is the only delimiter.
- `#` and `;` start a comment at the start of a line or after white space.
- A line that stands further to the right than its key continues the value; blank lines and comments do not end it.
- A `route` line splits at its last ` = `, every other one at its first `=`; in a `route ~REGEX` line `#` and `;` are
  literal.

May not: know a section or a key by name, but for those two exceptions of `route`. White space runs in section names
and keys become one space; letter case is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pumpproxy.config import haproxy
from pumpproxy.config.problems import Place, Problems, quoted

_COMMENT = re.compile(r"(?:^|\s)[#;]")
_ASSIGNMENT = re.compile(r"\s=(?=\s|$)")
_ROUTE = re.compile(r"\s*route\s", re.IGNORECASE)
_REGEX_ROUTE = re.compile(r"\s*route\s+~", re.IGNORECASE)


@dataclass(slots=True)
class Entry:
    """One key and its value, of one line or more."""

    key: str
    parts: list[tuple[int, str]]
    """(line number, text); the first is the line of the key, its text may be empty."""

    @property
    def line(self) -> int:
        """The line of the key."""
        return self.parts[0][0]

    @property
    def value(self) -> str:
        """The parts, joined by single spaces."""
        return " ".join(text for _, text in self.parts if text)

    def line_of(self, word: str) -> int:
        """The line on which a word of the value, or a piece of one, stands; the key's line where it is not found."""
        whole = (line for line, text in self.parts if word in text.split())
        piece = (line for line, text in self.parts if word and word in text)
        return next(whole, next(piece, self.line))


@dataclass(slots=True)
class Section:
    """The entries below one header, in the order of the file."""

    name: str
    """The text between the brackets; empty where that could not be read, which is a problem already."""
    line: int
    entries: list[Entry] = field(default_factory=list)


@dataclass(slots=True)
class _Reader:
    problems: Problems
    sections: list[Section] = field(default_factory=list)
    section: Section | None = None
    entry: Entry | None = None
    """What a continuation belongs to; without a key where that line could not be read, or belongs to nobody."""
    column: int = 0
    """Where the key of `entry` starts."""

    def line(self, number: int, line: str) -> None:
        column = len(line) - len(line.lstrip())
        deeper = self.entry is not None and column > self.column
        if not deeper and _REGEX_ROUTE.match(line):
            self.assignment(number, line.strip(), column)
            return
        comment = _COMMENT.search(line)
        content = (line[: comment.start()] if comment else line).strip()
        if not content:
            return
        if self.entry is not None and deeper:
            if self.entry.key:
                self.continuation(self.entry, number, content)
        elif content.startswith("["):
            self.header(number, content)
        else:
            self.assignment(number, content, column)

    def continuation(self, entry: Entry, number: int, content: str) -> None:
        if _ASSIGNMENT.search(content) or (content.startswith("[") and content.endswith("]")):
            place = Place(number, self.section.name if self.section else "", entry.key)
            what = "a section" if content.startswith("[") else "a key"
            hint = f"{what} starts in the column of the others"
            self.problems.error(place, f"an indented line continues the value, and {quoted(content)} is none", hint)
            return
        entry.parts.append((number, content))

    def header(self, number: int, content: str) -> None:
        inside, bracket, after = content[1:].partition("]")
        if not bracket or after or not inside.strip():
            self.problems.error(Place(number), f"{quoted(content)} is not a section", "write [NAME] alone on its line")
        self.entry = None
        self.section = Section(" ".join(inside.split()), number)
        self.sections.append(self.section)

    def assignment(self, number: int, content: str, column: int) -> None:
        self.entry, self.column = Entry("", [(number, "")]), column
        place = Place(number, self.section.name if self.section else "")
        split = _split(content)
        if split is None:
            hint = "write ' = ' before the target" if _REGEX_ROUTE.match(content) else haproxy.hint(content)
            self.problems.error(place, f"{quoted(content)} is not KEY = VALUE", hint)
        elif not split[0]:
            self.problems.error(place, "no key before '='")
        elif self.section is not None:
            self.entry = Entry(split[0], [(number, split[1])])
            self.section.entries.append(self.entry)
        else:
            self.problems.error(Place(number), f"{quoted(split[0])} stands before the first section")


def read(lines: list[str], problems: Problems) -> list[Section]:
    """The sections of a file; a section or key that stands there twice is in the result twice."""
    reader = _Reader(problems)
    for number, line in enumerate(lines, 1):
        reader.line(number, line)
    return reader.sections


def _split(content: str) -> tuple[str, str] | None:
    if _ROUTE.match(content):
        found = [match.start() + 1 for match in _ASSIGNMENT.finditer(content)]
        cut = found[-1] if found else -1 if _REGEX_ROUTE.match(content) else content.find("=")
    else:
        cut = content.find("=")
    return None if cut < 0 else (" ".join(content[:cut].split()), content[cut + 1 :].strip())

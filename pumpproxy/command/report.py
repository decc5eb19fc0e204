"""Problems of a file for a person at a terminal, in the form that editors jump by: `FILE:LINE: error: ...`.

May not: print.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TextIO

    from pumpproxy.config.problems import Problem

_INDENT = "    "
_WIDEST = 160
"""Characters of a file's line that are shown."""
_QUOTED = re.compile(r"'([^']+)'")


@dataclass(frozen=True, slots=True)
class Paint:
    """Colours, or none."""

    colours: bool

    @classmethod
    def of(cls, stream: TextIO, environ: Mapping[str, str] = os.environ) -> Paint:
        """Colours on a terminal that has them, unless somebody wants none (https://no-color.org)."""
        return cls(stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM", "dumb") != "dumb")

    def __call__(self, code: int, text: str) -> str:
        """The text, by a code of ECMA-48's "select graphic rendition"."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colours else text


BOLD = 1
RED = 31
GREEN = 32
MAGENTA = 35
CYAN = 36


def told(problems: Iterable[Problem], lines: Sequence[str], paint: Paint) -> Iterator[str]:
    """Lines of output: each problem, the line of the file that it is about, and a hint. `lines`: the file's."""
    for problem in problems:
        where = f"{problem.file}:{problem.line}:" if problem.line else f"{problem.file}:"
        severity = paint(RED, "error:") if problem.error else paint(MAGENTA, "warning:")
        section = f"[{problem.section}] " if problem.section else ""
        key = f"{problem.key}: " if problem.key else ""
        yield f"{paint(BOLD, where)} {severity} {section}{key}{problem.message}"
        if 0 < problem.line <= len(lines):
            yield from _shown(lines[problem.line - 1], problem, paint)
        if problem.hint:
            yield f"  {paint(CYAN, 'hint:')} {problem.hint}"


def _shown(line: str, problem: Problem, paint: Paint) -> Iterator[str]:
    content = line.rstrip()
    if not content.strip():
        return
    start, end = span(content, problem)
    cut = content if len(content) <= _WIDEST else f"{content[:_WIDEST]}..."
    yield f"{_INDENT}{cut}"
    if start < end <= _WIDEST:
        # Tabs stay tabs, so that the mark stands where the word does.
        before = "".join(letter if letter == "\t" else " " for letter in content[:start])
        yield f"{_INDENT}{before}{paint(GREEN, '^' * (end - start))}"


def span(line: str, problem: Problem) -> tuple[int, int]:
    """Where in its line the fault is: a word that the message quotes, else the key or the header; (0, 0) for none."""
    value = line.find("=") + 1
    for word in _QUOTED.findall(problem.message):
        for start in (line.find(word, value), line.find(word)):
            if start >= 0:
                return start, start + len(word)
    indent = len(line) - len(line.lstrip())
    key = line[indent:].partition("=")[0].rstrip() if value else ""
    if key and problem.key and " ".join(key.split()) == problem.key:
        return indent, indent + len(key)
    if line[indent:].startswith("[") and "]" in line:
        return indent, line.index("]") + 1
    return 0, 0


def counted(number: int, word: str) -> str:
    """`1 route`, `2 routes`."""
    return f"{number} {word}{'' if number == 1 else 's'}"

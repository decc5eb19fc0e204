"""What is wrong with a file, as values that are collected and shown all at once.

May not: print, log or decide whether to go on; and nobody raises for one problem while others may still be found.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

_SHOWN = 60
"""Characters of a value that a message repeats: a whole line of a terminal goes to the file name and the words."""

_CANDIDATES = 500
"""Names that a misspelt one is compared with: at 10 us each, a file full of misspelt names is still refused at once."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the file something stands: the section without its brackets, the key as it is written there.

    Line 0 is the file as a whole; an empty section or key is one that does not matter or could not be read.
    """

    line: int
    section: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; as text `FILE:LINE: [section] key: what is wrong (hint)`."""

    file: str
    line: int
    """0 where it concerns the file as a whole; the text then has no line number."""
    section: str
    key: str
    message: str
    hint: str = ""
    error: bool = True
    """False for a warning: the configuration is used all the same."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        section = f"[{self.section}] " if self.section else ""
        key = f"{self.key}: " if self.key else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}{section}{key}{self.message}{hint}"


class ConfigError(Exception):
    """A file that cannot be used. `problems` holds all that was found in it, warnings included, by line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a value, before it is known where the value stands.

    `word` is the part of the value that is at fault, by which its line is found; empty for the value as a whole.
    """

    message: str
    hint: str = ""
    word: str = ""


class BadValue(Exception):  # noqa: N818 - it is a verdict on a value, and many of them make one ConfigError
    """What a parser raises: every fault of one value."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(*faults)
        self.faults = faults


@dataclass(slots=True)
class Faults:
    """The faults of one value, gathered from its parts."""

    found: list[Fault] = field(default_factory=list)

    def add(self, message: str, hint: str = "", word: str = "") -> None:
        """Note a fault of the value."""
        self.found.append(Fault(message, hint, word))

    def attempt(self, parse: Callable[[str], T], text: str) -> T:
        """What `parse` makes of a part. Where that is a fault, `check` raises before anybody looks at the result."""
        try:
            return parse(text)
        except BadValue as bad:
            self.found.extend(bad.faults)
            return cast("T", None)

    def check(self) -> None:
        """Raise BadValue where there is any."""
        if self.found:
            raise BadValue(*self.found)


@dataclass(slots=True)
class Problems:
    """What has been found in one file so far."""

    file: str
    found: list[Problem] = field(default_factory=list)

    def error(self, place: Place, message: str, hint: str = "") -> None:
        """Note what keeps the file from being used."""
        self.found.append(Problem(self.file, place.line, place.section, place.key, message, hint))

    def warning(self, place: Place, message: str, hint: str = "") -> None:
        """Note what is probably not meant."""
        self.found.append(Problem(self.file, place.line, place.section, place.key, message, hint, error=False))

    def by_line(self) -> tuple[Problem, ...]:
        """All of them as a reader of the file meets them."""
        return tuple(sorted(self.found, key=lambda problem: problem.line))

    def has_errors(self) -> bool:
        """Whether the file cannot be used."""
        return any(problem.error for problem in self.found)


def quoted(text: str) -> str:
    """A piece of the file for a message, cut where it is long."""
    return f"'{text}'" if len(text) <= _SHOWN else f"'{text[:_SHOWN]}...'"


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that a misspelt one is probably meant to be; empty where none is near."""
    folded = {name.lower(): name for name in islice(known, _CANDIDATES)}
    near = difflib.get_close_matches(word[:_SHOWN].lower(), folded, n=1, cutoff=0.6)
    return folded[near[0]] if near else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or no hint."""
    near = nearest(word, known)
    return f"did you mean {quoted(near)}?" if near else ""

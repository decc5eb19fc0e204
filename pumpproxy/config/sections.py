"""A section's entries to the values of its keys, by the schema.

May not: know what a key is for. Everything that can be said of one key alone is said here: unknown, repeated, without
a value, not readable, or of another mode than the section's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from pumpproxy.config import hints, schema
from pumpproxy.config.option import INHERITING, Kind, Named, Option, Row
from pumpproxy.config.problems import BadValue, Fault, Place, Problems

if TYPE_CHECKING:
    from pumpproxy.config.ini import Entry, Section
    from pumpproxy.model import Mode

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Given(Generic[T_co]):
    """A value, and where it stands."""

    value: T_co
    place: Place
    """Its line is that of `[defaults]` where it was inherited; its section is the one that uses it."""
    entry: Entry
    inherited: bool = False

    def at(self, word: str) -> Place:
        """The place of one word of the value."""
        return Place(self.entry.line_of(word), self.place.section, self.place.key)


@dataclass(slots=True)
class Values:
    """What a section says, its own and what it inherits, by row of the schema."""

    place: Place
    """Of the section's header."""
    options: dict[Option[object], Given[object]] = field(default_factory=dict)
    named: dict[Named[object], list[Given[object]]] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    """Keys that are there, or were meant, but have no value: their absence is not to be complained of again."""
    refused: list[Entry] = field(default_factory=list)
    """Entries that were problems: what they name may be in use when the file is right."""

    def given(self, option: Option[T]) -> Given[T] | None:
        """The value of an option and its place, or None where it is not given; a default is not looked at."""
        return cast("Given[T] | None", self.options.get(option))

    def find(self, option: Option[T]) -> T | None:
        """The value of an option, or None where it is not given; a default is not looked at."""
        given = self.given(option)
        return None if given is None else given.value

    def get(self, option: Option[T]) -> T:
        """The value of an option that has a default."""
        given = self.given(option)
        return option.parse(option.default) if given is None else given.value

    def each(self, named: Named[T]) -> list[Given[T]]:
        """The values of a named key, in the order of the file."""
        return cast("list[Given[T]]", self.named.get(named, []))

    def lacks(self, row: Option[T] | Named[T]) -> bool:
        """Whether a key is not there, not even with a value that could not be read."""
        there = row in self.options if isinstance(row, Option) else bool(self.named.get(row))
        return not there and row.key not in self.unreadable


@dataclass(slots=True)
class Defaults:
    """The entries of `[defaults]`, by key; what they mean is up to each section that inherits them."""

    entries: dict[str, Entry] = field(default_factory=dict)
    refused: list[Entry] = field(default_factory=list)
    """As in Values."""


def read(kind: Kind, section: Section, defaults: Defaults, problems: Problems) -> Values:
    """The values of a section of a kind that has keys."""
    values = Values(Place(section.line, section.name))
    for word, argument, entry in _once(section, values.refused, problems):
        _take(kind, word, argument, entry, values, problems)
    if kind in INHERITING:
        _inherit(kind, defaults, values)
    return values


def read_defaults(section: Section, problems: Problems) -> Defaults:
    """The entries of `[defaults]` that one kind of section at least can use."""
    defaults = Defaults()
    for word, argument, entry in _once(section, defaults.refused, problems):
        place = Place(entry.line, section.name, entry.key)
        rows = [row for kind in INHERITING if (row := _inheritable(kind, word)) is not None]
        if not rows:
            problems.error(place, "is not a key of [defaults]", hints.for_key(word, entry.key, INHERITING))
            defaults.refused.append(entry)
            continue
        bad = [fault for row in rows if (fault := _fault(row, argument, entry)) is not None]
        if len(bad) == len(rows):
            defaults.refused.append(entry)
            _report(bad[0], entry, place, problems)
        else:
            defaults.entries[word] = entry
    return defaults


def keep_mode(values: Values, mode: Mode, problems: Problems) -> None:
    """Drop the keys that mean nothing in this mode; one that the section writes itself is a problem."""
    foreign: list[tuple[Row, Given[object]]] = []
    for option in [option for option in values.options if mode not in option.modes]:
        given = values.options.pop(option)
        foreign += [] if given.inherited else [(option, given)]
    for named in [named for named in values.named if mode not in named.modes]:
        foreign += [(named, given) for given in values.named.pop(named)]
    for row, given in foreign:
        values.refused.append(given.entry)
        values.unreadable.add(row.key)
        modes = " or ".join(sorted(one.value for one in row.modes))
        problems.error(given.place, f"is for mode = {modes}, and this section has mode = {mode.value}")


def _once(section: Section, refused: list[Entry], problems: Problems) -> list[tuple[str, str, Entry]]:
    """(first word of the key in lower case, the rest of it, entry) of each key; a repetition is a problem."""
    seen: dict[tuple[str, str], int] = {}
    found = []
    for entry in section.entries:
        word, _, argument = entry.key.partition(" ")
        word = word.lower()
        first = seen.setdefault((word, argument), entry.line)
        if first != entry.line:
            place = Place(entry.line, section.name, entry.key)
            problems.error(place, "stands in this section twice", f"first in line {first}")
            refused.append(entry)
        else:
            found.append((word, argument, entry))
    return found


def _take(kind: Kind, word: str, argument: str, entry: Entry, values: Values, problems: Problems) -> None:
    place = Place(entry.line, values.place.section, entry.key)
    row = schema.BY_KEY.get((kind, word))
    if row is None:
        problems.error(place, f"is not a key of [{kind.value}]", hints.for_key(word, entry.key, (kind,)))
        values.unreadable.add(hints.meant(word, entry.key, (kind,)))
        values.refused.append(entry)
        return
    try:
        if isinstance(row, Option):
            value = row.parse(_text(row, argument, entry))
            values.options[row] = Given(value, place, entry)
        else:
            value = row.parse(argument, _text(row, argument, entry))
            values.named.setdefault(row, []).append(Given(value, place, entry))
    except BadValue as bad:
        values.unreadable.add(row.key)
        values.refused.append(entry)
        _report(bad, entry, place, problems)


def _text(row: Option[object] | Named[object], argument: str, entry: Entry) -> str:
    """The value, where the key has what it must have before the `=` and something after it."""
    value = entry.value
    if value and bool(argument) == isinstance(row, Named):
        return value
    what = "has no value"
    if bool(argument) != isinstance(row, Named):
        what = f"has {'something' if argument else 'nothing'} between the key and '='"
    name = f" {row.argument}" if isinstance(row, Named) else ""
    raise BadValue(Fault(what, f"write {row.key}{name} = {row.value.replace('`', '')}"))


def _inheritable(kind: Kind, word: str) -> Option[object] | None:
    row = schema.BY_KEY.get((kind, word))
    return row if isinstance(row, Option) and row.inherited else None


def _inherit(kind: Kind, defaults: Defaults, values: Values) -> None:
    for word, entry in defaults.entries.items():
        row = _inheritable(kind, word)
        if row is None or row in values.options or _fault(row, "", entry) is not None:
            continue
        place = Place(entry.line, values.place.section, entry.key)
        values.options[row] = Given(row.parse(entry.value), place, entry, inherited=True)


def _fault(row: Option[object], argument: str, entry: Entry) -> BadValue | None:
    try:
        row.parse(_text(row, argument, entry))
    except BadValue as bad:
        return bad
    return None


def _report(bad: BadValue, entry: Entry, place: Place, problems: Problems) -> None:
    for fault in bad.faults:
        line = entry.line_of(fault.word) if fault.word else entry.line
        problems.error(Place(line, place.section, place.key), fault.message, fault.hint)

"""A file to a Config, or to all that is wrong with it at once.

May not: apply anything, or ask the system about anything but the file's bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pumpproxy.config import backends, checknames, crosscheck, frontends, globalrows, hints, ini, sections, text
from pumpproxy.config.ini import Section
from pumpproxy.config.option import Kind
from pumpproxy.config.problems import BadValue, ConfigError, Place, Problem, Problems, quoted
from pumpproxy.config.values import name as valid_name
from pumpproxy.model import Config

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pumpproxy.config.sections import Defaults, Values

DEFAULT_FILES = ("/etc/pumpproxy/proxy.ini", "etc/proxy.ini")
"""The first that is there is read where nobody names one."""

LARGEST = 16 * 2**20
"""Bytes of a file: a hundred thousand routes are a third of it, and /dev/zero is refused."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that can be used, and what is probably not meant in it."""

    config: Config
    warnings: tuple[Problem, ...]
    relay: Place
    """Of `relay`, which this system may not have: not for a reader of files to know. Line 0 where it is not given."""
    raw: bytes = field(default=b"", repr=False)
    """What was read, byte by byte; of a text its UTF-8."""


@dataclass(slots=True)
class _Grouped:
    """The sections by what they are; a header that stands twice was a problem, and its entries are merged."""

    main: Section
    defaults: Section
    frontends: dict[str, Section] = field(default_factory=dict)
    backends: dict[str, Section] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    """Headers that are no kind of section: what is missing may be there."""


class UnreadableError(ConfigError):
    """There is no text to look for problems in: no such file, no permission, too long."""


def default_file() -> str | None:
    """The file where nobody names one; None: there is none."""
    return next((file for file in DEFAULT_FILES if Path(file).exists()), None)


def waits_for_a_writer(path: str) -> bool:
    """Whether reading it may take for ever: a FIFO, a terminal. What cannot be read is for `read_file` to tell."""
    file = Path(path)
    try:
        return file.exists() and not (file.is_file() or file.is_dir())
    except (OSError, ValueError):
        return False


def load_file(path: str) -> Loaded:
    """Read and check a file. Raises ConfigError, also where it cannot be read."""
    return load_text(read_file(path), path)


def read_file(path: str) -> bytes:
    """The bytes of a file. Raises UnreadableError, with the one problem."""
    problems = Problems(path)
    try:
        with Path(path).open("rb") as file:
            raw = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        problems.error(Place(0), f"cannot be read: {reason}")
        raise UnreadableError(problems.by_line()) from error
    if len(raw) > LARGEST:
        problems.error(Place(0), f"is longer than {LARGEST} bytes", "is it the right file?")
        raise UnreadableError(problems.by_line())
    return raw


def load_text(raw: str | bytes, source: str) -> Loaded:
    """Check the text of a file; `source` is its name in messages. Raises ConfigError with every problem of it."""
    problems = Problems(source)
    lines = text.lines(raw, problems)
    loaded = _loaded(ini.read(lines, problems), source, problems) if lines else None
    if loaded is None or problems.has_errors():
        raise ConfigError(problems.by_line())
    return replace(loaded, raw=raw.encode("utf-8") if isinstance(raw, str) else raw)


def _loaded(found: Iterable[Section], source: str, problems: Problems) -> Loaded:
    grouped = _group(found, problems)
    defaults = sections.read_defaults(grouped.defaults, problems)
    main = sections.read(Kind.GLOBAL, grouped.main, defaults, problems)
    fronts = _read_all(Kind.FRONTEND, grouped.frontends, defaults, problems)
    backs = _read_all(Kind.BACKEND, grouped.backends, defaults, problems)
    built = [frontends.build(name, values, problems) for name, values in fronts.items()]
    usable = tuple(frontend for frontend in built if frontend is not None)
    config = Config(
        frontends=usable,
        backends=checknames.named(usable, [backends.build(name, values, problems) for name, values in backs.items()]),
        maxconn=main.find(globalrows.GLOBAL_MAXCONN),
        log=main.get(globalrows.GLOBAL_LOG),
        relay=main.get(globalrows.GLOBAL_RELAY),
        nameservers=main.find(globalrows.GLOBAL_NAMESERVERS) or (),
        source=source,
    )
    refused = [*defaults.refused, *(entry for values in fronts.values() for entry in values.refused)]
    crosscheck.check(fronts, backs, crosscheck.Unread(refused, grouped.lost), problems)
    if not fronts and not grouped.lost:
        problems.error(Place(0), "there is no [frontend NAME]: nothing to listen on")
    relay = main.given(globalrows.GLOBAL_RELAY)
    place = Place(0, "global", globalrows.GLOBAL_RELAY.key) if relay is None else relay.place
    return Loaded(config, problems.by_line(), place)


def _read_all(kind: Kind, found: dict[str, Section], defaults: Defaults, problems: Problems) -> dict[str, Values]:
    return {name: sections.read(kind, section, defaults, problems) for name, section in found.items()}


def _group(found: Iterable[Section], problems: Problems) -> _Grouped:
    grouped = _Grouped(Section("global", 0), Section("defaults", 0))
    first: dict[str, Section] = {}
    for section in found:
        earlier = first.setdefault(section.name, section)
        if earlier is not section:
            place = Place(section.line, section.name)
            problems.error(place, "stands in the file twice", f"first in line {earlier.line}")
            earlier.entries += section.entries
        else:
            _sort(section, grouped, problems)
    return grouped


def _sort(section: Section, grouped: _Grouped, problems: Problems) -> None:
    place = Place(section.line, section.name)
    kind, _, name = section.name.partition(" ")
    if kind in ("global", "defaults"):
        if name:
            problems.error(place, f"[{kind}] has no name", f"write [{kind}]")
        elif kind == "global":
            grouped.main = section
        else:
            grouped.defaults = section
    elif kind not in ("frontend", "backend"):
        grouped.lost.append(section.name)
        if kind:
            problems.error(place, f"{quoted(kind)} is not a kind of section", hints.for_section(kind))
    else:
        _check_name(place, kind, name, problems)
        (grouped.frontends if kind == "frontend" else grouped.backends)[name] = section


def _check_name(place: Place, kind: str, name: str, problems: Problems) -> None:
    if not name:
        problems.error(place, f"a {kind} has a name", f"write [{kind} NAME]")
        return
    try:
        valid_name(name)
    except BadValue as bad:
        problems.error(place, bad.faults[0].message, bad.faults[0].hint)

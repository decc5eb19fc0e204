"""Rounds of figures, their medians, and how they compare. May not: take one."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

OURS = "pumpproxy"


@dataclass(frozen=True)
class Figure:
    """What a number means. Less is better in all of them."""

    key: str
    title: str
    unit: str


CONNECTION = Figure("connection", "CPU a connection", "us")
GIB = Figure("gib", "CPU a GiB", "s")
ROUND_TRIP = Figure("round_trip", "CPU a 64-byte round trip", "us")
IDLE = Figure("idle", "Memory an idle relay", "KiB")
REQUEST = Figure("request", "CPU an HTTP request", "us")
COMPARED = (CONNECTION, GIB, ROUND_TRIP, IDLE, REQUEST)

SILENT = Figure("silent", "CPU a connection, no access log", "us")
LOGGED = Figure("logged", "CPU a connection, a log line each", "us")
FILED = Figure("filed", "... in a file of its own (`log = file:PATH`)", "us")
JOURNALED = Figure("journaled", "... in the journal (`log = journal`)", "us")
TWISTED = Figure("twisted", "... in twistd's log (`log = twistd`)", "us")
LOGS = (SILENT, LOGGED, FILED, JOURNALED, TWISTED)

EMPTY = Figure("empty", "CPU a connection, no relay open", "us")
FULL = Figure("full", "CPU a connection, all these open", "us")
OPENING = Figure("opening", "CPU to open one of them", "us")
RESTING = Figure("resting", "CPU while nothing happens", "% of a core")
SCALE = (IDLE, RESTING, OPENING, EMPTY, FULL)

Rounds = dict[str, dict[str, list[float]]]
"""By the proxy's name and the figure's key: one number a round."""


@dataclass
class Section:
    """What one mode has measured: all that the page says of it."""

    facts: dict[str, str]
    """The machine and the day."""
    versions: dict[str, str]
    """By the program's title."""
    rounds: Rounds = field(default_factory=dict)
    work: dict[str, int] = field(default_factory=dict)
    """How much was done for a figure, by its key: connections, MiB, relays; and the number of rounds."""
    notes: list[str] = field(default_factory=list)
    """What a reader has to know besides: a limit that was met, lines that were lost."""

    def add(self, proxy: str, figure: Figure, value: float) -> None:
        """One round's figure."""
        self.rounds.setdefault(proxy, {}).setdefault(figure.key, []).append(value)

    def median(self, proxy: str, figure: Figure) -> float | None:
        """The middle one of the rounds; None where there is none."""
        values = self.rounds.get(proxy, {}).get(figure.key)
        return statistics.median(values) if values else None

    def span(self, proxy: str, figure: Figure) -> tuple[float, float] | None:
        """The least and the most of the rounds."""
        values = self.rounds.get(proxy, {}).get(figure.key)
        return (min(values), max(values)) if values else None

    def ratio(self, figure: Figure) -> float | None:
        """Our median over the best peer's: under 1 is ahead. None without one of them."""
        mine = self.median(OURS, figure)
        peers = [value for name in self.rounds if name != OURS and (value := self.median(name, figure))]
        return mine / min(peers) if mine is not None and peers else None


def written(figure: float | None) -> str:
    """A number as a table has it: three digits that mean something."""
    if figure is None:
        return "-"
    size = abs(figure)
    return f"{figure:.0f}" if size >= 100 else f"{figure:.1f}" if size >= 10 else f"{figure:.2f}"  # noqa: PLR2004


def stored(path: Path) -> dict[str, Section]:
    """The sections of a file that `store` wrote, by the mode's name; none where there is no file."""
    if not path.exists():
        return {}
    return {mode: Section(**section) for mode, section in json.loads(path.read_text("utf-8")).items()}


def store(path: Path, sections: dict[str, Section]) -> None:
    """Write these sections; those of other modes that the file has stay."""
    kept = stored(path) | sections
    text = json.dumps({mode: asdict(section) for mode, section in sorted(kept.items())}, indent=1)
    path.write_text(text + "\n", "utf-8")


def plain(section: Section, figures: Iterable[Figure]) -> str:
    """The medians as text for a terminal."""
    names = list(section.rounds)
    lines = [f"{'':46}" + "".join(f"{name:>15}" for name in names) + "     ratio"]
    for figure in figures:
        cells = [section.median(name, figure) for name in names]
        if any(cell is not None for cell in cells):
            ratio = section.ratio(figure)
            row = "".join(f"{written(cell):>15}" for cell in cells)
            lines.append(f"{f'{figure.title}, {figure.unit}':46}{row}" + (f"{ratio:10.2f}" if ratio else ""))
    return "\n".join([*lines, *section.notes])

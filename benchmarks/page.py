"""The figures in docs/benchmarks.md and the plot beside it. May not: touch what stands outside the page's markers."""

from __future__ import annotations

import re
import sys
from textwrap import fill
from typing import TYPE_CHECKING

from benchmarks import plot
from benchmarks.figures import COMPARED, LOGGED, LOGS, OURS, SCALE, Figure, Section, stored, written
from benchmarks.proxies import PEERS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TITLES = {OURS: OURS, **{proxy.name: proxy.title for proxy in PEERS}}
SHOWN = {"compare": COMPARED, "log": LOGS, "scale": SCALE}
COUNTED = {
    "connection": "{} connections",
    "gib": "{} MiB",
    "round_trip": "{} round trips",
    "request": "{} requests",
    "idle": "{} idle relays",
    "silent": "{} connections",
    "logged": "{} connections with a line each",
    "filed": "{} into a file",
    "journaled": "{} into the journal",
    "twisted": "{} into twistd's log",
    "empty": "{} connections",
    "full": "{} connections with the relays open",
}
"""What was done for a figure, by its key."""
BLOCK = r"(?s)(<!-- {0}: .*?-->\n).*?(<!-- {0} ends -->)"


def report(file: Path, page: Path) -> None:
    """Write the figures of this file into the page, and the plot beside the page under its name."""
    sections = stored(file)
    if not sections:
        sys.exit(f"{file} has no figures: python -m benchmarks all --json {file}")
    text = page.read_text("utf-8")
    for mode, section in sections.items():
        text = filled(text, mode, block(section, SHOWN[mode]))
    page.write_text(text, "utf-8")
    panels = []
    if compared := sections.get("compare"):
        panels += [(figure, plot.rows_of(compared, figure, TITLES)) for figure in COMPARED]
    if logged := sections.get("log"):
        panels.append((LOGGED, plot.rows_of(logged, LOGGED, TITLES)))
    if panels:
        dates = sorted({section.facts["date"] for section in sections.values()})
        note = "Medians; shorter is better. The line on a bar goes from the least to the most of the rounds. "
        page.with_suffix(".svg").write_text(plot.drawing(panels, note + f"Taken on {', '.join(dates)}."), "utf-8")


def filled(text: str, mode: str, content: str) -> str:
    """The page with this between a mode's markers. SystemExit where it has not one pair of them."""
    pattern = re.compile(BLOCK.format(mode))
    if len(pattern.findall(text)) != 1:
        sys.exit(f"the page needs one <!-- {mode}: ... --> and, after it, one <!-- {mode} ends -->")
    return pattern.sub(lambda match: match[1] + content + match[2], text)


def block(section: Section, figures: Sequence[Figure]) -> str:
    """A table, what has to be known of it, and where it was taken."""
    notes = "".join(
        fill(f"- {note}", 118, subsequent_indent="  ", break_on_hyphens=False) + "\n" for note in section.notes
    )
    return f"\n{table(section, figures)}\n{notes}{chr(10) if notes else ''}{origin(section)}\n\n"


def table(section: Section, figures: Sequence[Figure]) -> str:
    """The medians, a row a figure; where there are peers, our figure over the best of theirs comes last."""
    names = list(section.rounds)
    compares = any(section.ratio(figure) is not None for figure in figures)
    head = ["", *(TITLES.get(name, name) for name in names), *(["to the best peer"] if compares else [])]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for figure in figures:
        cells = [written(section.median(name, figure)) for name in names]
        if any(cell != "-" for cell in cells):
            ratio = section.ratio(figure)
            last = [f"**{ratio:.2f}**" if ratio is not None else "-"] if compares else []
            lines.append([f"{figure.title}, {figure.unit.replace('us', 'µs')}", *cells, *last])
    return "".join(f"| {' | '.join(line)} |\n".replace("|  |", "| |") for line in lines)


def origin(section: Section) -> str:
    """The day, the machine, the versions and the work, in one paragraph."""
    facts, work = section.facts, dict(section.work)
    rounds = work.pop("rounds", 1)
    how = f"medians of {rounds} rounds" if rounds > 1 else "one round"
    counts = ", ".join(COUNTED[key].format(f"{count:,}") for key, count in work.items())
    versions = ", ".join(f"{title} {version}" for title, version in section.versions.items())
    place = f"{facts['cpu']}, {facts['memory']}, {facts['kernel']}, as {facts['user']}"
    words = f"Taken on {facts['date']} on {place}: {versions}, Python {facts['python']}; {how}: {counts}."
    return fill(words, 118, break_on_hyphens=False)

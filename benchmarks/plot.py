"""The plot of docs/benchmarks.md: one panel a figure, one bar a proxy. An SVG that needs nothing to be drawn.

It is readable on a light and on a dark page: the colours follow the reader's. May not: compute a figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from benchmarks.figures import OURS, written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.figures import Figure, Section

WIDTH, MARGIN, GAP = 860, 20, 40
COLUMNS = 2
PANEL = (WIDTH - 2 * MARGIN - GAP) / COLUMNS
"""All lengths are pixels of a drawing that is 860 wide, about what a page gives it."""
LABEL, VALUE = 108, 48
"""What stands left of a bar and right of the longest."""
ROW, BAR, HEAD, FOOT = 22, 14, 30, 18
NOTE = 34

STYLE = """\
text { font: 13px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }
.title { font-weight: 600; }
.ours { font-weight: 600; }
.note { font-size: 12px; fill: #59636e; }
.page { fill: #ffffff; }
.bar { fill: #8c959f; }
.bar.first { fill: #0969da; }
.span { stroke: #1f2328; stroke-width: 1.5; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .note { fill: #9198a1; }
  .page { fill: #0d1117; }
  .bar { fill: #6e7681; }
  .bar.first { fill: #4493f8; }
  .span { stroke: #f0f6fc; }
}
"""


@dataclass(frozen=True)
class Row:
    """One bar: the median, and the least and most of the rounds."""

    label: str
    ours: bool
    value: float
    least: float
    most: float


def rows_of(section: Section, figure: Figure, titles: Mapping[str, str]) -> list[Row]:
    """The bars of a figure, in the order in which the proxies were measured."""
    rows = []
    for name in section.rounds:
        value, span = section.median(name, figure), section.span(name, figure)
        if value is not None and span is not None:
            rows.append(Row(titles.get(name, name), name == OURS, value, *span))
    return rows


def panel(figure: Figure, rows: Sequence[Row], left: float, top: float) -> list[str]:
    """One figure's bars, from zero."""
    scale = (PANEL - LABEL - VALUE) / max([*(row.most for row in rows), 1e-9])
    lines = [text(left, top + 15, f"{figure.title}, {figure.unit.replace('us', 'µs')}", "title")]
    for at, row in enumerate(rows):
        y = top + HEAD + at * ROW
        middle, base = y + BAR / 2, left + LABEL
        of_ours = ("ours", "bar first") if row.ours else ("", "bar")
        lines += [
            text(base - 8, middle + 4.5, row.label, of_ours[0], end=True),
            bar(base, y, max(row.value, 0) * scale, of_ours[1]),
            f'<path class="span" d="M{base + row.least * scale:.1f} {middle:.1f}H{base + row.most * scale:.1f}"/>',
            text(base + max(row.most, row.value, 0) * scale + 6, middle + 4.5, written(row.value), of_ours[0]),
        ]
    return lines


def bar(x: float, y: float, width: float, style: str) -> str:
    """A bar that begins there."""
    return f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{BAR}" rx="2"/>'


def text(x: float, y: float, words: str, style: str, *, end: bool = False) -> str:
    """Words that begin, or end, there."""
    anchor = ' text-anchor="end"' if end else ""
    kind = f' class="{style}"' if style else ""
    return f'<text{kind} x="{x:.1f}" y="{y:.1f}"{anchor}>{escape(words)}</text>'


def drawing(panels: Sequence[tuple[Figure, Sequence[Row]]], note: str) -> str:
    """The whole SVG: the panels from left to right and down, and a line below them."""
    panels = [(figure, rows) for figure, rows in panels if rows]
    height: float = MARGIN
    lines: list[str] = []
    for start in range(0, len(panels), COLUMNS):
        line = panels[start : start + COLUMNS]
        for column, (figure, rows) in enumerate(line):
            lines += panel(figure, rows, MARGIN + column * (PANEL + GAP), height)
        height += HEAD + max(len(rows) for _, rows in line) * ROW + FOOT
    lines.append(text(MARGIN, height + 10, note, "note"))
    height += NOTE
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
        f'width="{WIDTH}" height="{height:.0f}" role="img">'
    )
    title = "<title>What a proxy costs: shorter is better</title>"
    page = f'<rect class="page" width="{WIDTH}" height="{height:.0f}"/>'
    return "\n".join([head, title, f"<style>\n{STYLE}</style>", page, *lines, "</svg>"]) + "\n"

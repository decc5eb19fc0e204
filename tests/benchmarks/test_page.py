"""The tables of docs/benchmarks.md: only what stands between the markers is the script's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import figures, page
from benchmarks.figures import COMPARED, CONNECTION, IDLE, LOGS, Section

if TYPE_CHECKING:
    from pathlib import Path

FACTS = {
    "date": "2026-11-22",
    "cpu": "2 x CPU",
    "memory": "4 GiB",
    "kernel": "Linux 6",
    "python": "3.11",
    "user": "root",
}
EMPTY = """Before.
<!-- compare: written by a script -->
old
<!-- compare ends -->
Between.
<!-- log: written by a script -->
<!-- log ends -->
After.
"""


def section() -> Section:
    """Two proxies; one of them has both figures."""
    found = Section(dict(FACTS), {"pumpproxy": "0.1.0", "HAProxy": "2.6"}, work={"rounds": 3, "connection": 10_000})
    for name, value in (("pumpproxy", 30.0), ("haproxy-tuned", 40.0)):
        found.add(name, CONNECTION, value)
    found.add("pumpproxy", IDLE, 1.5)
    return found


def test_a_table() -> None:
    """A row a figure, titles as people write them, our ratio last; what was not measured is a stroke, or no row."""
    assert page.table(section(), COMPARED).splitlines() == [
        "| | pumpproxy | HAProxy, tuned | to the best peer |",
        "| --- | ---: | ---: | ---: |",
        "| CPU a connection, µs | 30.0 | 40.0 | **0.75** |",
        "| Memory an idle relay, KiB | 1.50 | - | - |",
    ]


def test_alone_there_is_no_ratio() -> None:
    """Where only ours was measured the column is not there."""
    alone = Section(dict(FACTS), {})
    alone.add("pumpproxy", CONNECTION, 1.0)
    assert page.table(alone, COMPARED).splitlines()[0] == "| | pumpproxy |"


def test_where_it_comes_from() -> None:
    """The day, the machine, the kernel, the versions, and how much was done."""
    text = page.origin(section())
    words = " ".join(text.split())
    for fact in (*FACTS.values(), "HAProxy 2.6", "medians of 3 rounds", "10,000 connections"):
        assert fact in words
    assert max(map(len, text.splitlines())) <= 120


def test_only_the_block_is_replaced() -> None:
    """The markers and everything outside them stay, and a second time changes nothing."""
    once = page.filled(EMPTY, "compare", "\nnew\n\n")
    assert once == EMPTY.replace("old\n", "\nnew\n\n")
    assert page.filled(once, "compare", "\nnew\n\n") == once


@pytest.mark.parametrize("text", ["", "<!-- compare: x -->\n", EMPTY + EMPTY])
def test_a_page_without_its_markers_is_refused(text: str) -> None:
    """Nothing is written where it could be the wrong place."""
    with pytest.raises(SystemExit, match="compare"):
        page.filled(text, "compare", "new")


def test_a_report(tmp_path: Path) -> None:
    """Tables, notes and a plot, of the modes that the file has."""
    file, target = tmp_path / "figures.json", tmp_path / "page.md"
    logged = Section(dict(FACTS), {}, notes=["nginx: 3 lines are missing"])
    for figure in LOGS:
        logged.add("nginx", figure, 5.0)
    figures.store(file, {"compare": section(), "log": logged})
    target.write_text(EMPTY, "utf-8")
    page.report(file, target)
    text = target.read_text("utf-8")
    assert "| CPU a connection, µs | 30.0 |" in text
    assert "- nginx: 3 lines are missing\n" in text
    assert text.startswith("Before.\n")
    assert text.endswith("After.\n")
    assert target.with_suffix(".svg").read_text("utf-8").count("CPU a connection") == 2


def test_a_report_of_nothing(tmp_path: Path) -> None:
    """The line that measures is told."""
    with pytest.raises(SystemExit, match="benchmarks all --json"):
        page.report(tmp_path / "none.json", tmp_path / "page.md")


def test_every_figure_can_be_shown() -> None:
    """What a mode says of its work has words."""
    for mode in page.SHOWN:
        assert page.SHOWN[mode]
    assert {figure.key for figure in (*COMPARED, *LOGS)} <= set(page.COUNTED)

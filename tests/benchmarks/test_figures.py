"""Medians, ratios, and the file that keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import figures
from benchmarks.figures import CONNECTION, GIB, LOGGED, Section

if TYPE_CHECKING:
    from pathlib import Path


def section(**rounds: list[float]) -> Section:
    """CPU a connection, by proxy."""
    found = Section({"date": "2026-11-22"}, {"pumpproxy": "0.1.0"})
    for name, values in rounds.items():
        for value in values:
            found.add(name, CONNECTION, value)
    return found


def test_a_figure_is_the_median_of_its_rounds() -> None:
    """One bad round changes nothing; the least and the most show it."""
    found = section(pumpproxy=[10, 900, 12])
    assert found.median("pumpproxy", CONNECTION) == 12
    assert found.span("pumpproxy", CONNECTION) == (10, 900)


def test_what_was_not_measured_is_none() -> None:
    """A figure that a proxy lacks, a proxy that was left out."""
    found = section(pumpproxy=[1])
    assert found.median("pumpproxy", GIB) is None
    assert found.median("nginx", CONNECTION) is None
    assert found.span("nginx", CONNECTION) is None


@pytest.mark.parametrize(
    ("rounds", "ratio"),
    [
        ({"pumpproxy": [30.0], "haproxy": [40.0], "nginx": [20.0]}, 1.5),
        ({"pumpproxy": [30.0]}, None),
        ({"haproxy": [40.0]}, None),
        ({"pumpproxy": [0.0], "haproxy": [40.0]}, 0.0),
        ({"pumpproxy": [1.0], "haproxy": [0.0]}, None),
    ],
)
def test_the_ratio_is_to_the_best_peer(rounds: dict[str, list[float]], ratio: float | None) -> None:
    """Under 1 is ahead of all; None where nobody is beside us, or nothing to divide by."""
    assert section(**rounds).ratio(CONNECTION) == ratio


@pytest.mark.parametrize(
    ("figure", "text"), [(None, "-"), (0.123, "0.12"), (9.99, "9.99"), (12.34, "12.3"), (123.4, "123"), (-0.5, "-0.50")]
)
def test_numbers_have_three_digits(figure: float | None, text: str) -> None:
    """More would be noise."""
    assert figures.written(figure) == text


def test_modes_are_stored_apart(tmp_path: Path) -> None:
    """Measuring one again leaves the others as they are in the file."""
    path = tmp_path / "figures.json"
    assert figures.stored(path) == {}
    figures.store(path, {"compare": section(pumpproxy=[1.0]), "log": section(nginx=[2.0])})
    again = section(pumpproxy=[3.0])
    again.notes.append("a note")
    figures.store(path, {"compare": again})
    assert figures.stored(path) == {"compare": again, "log": section(nginx=[2.0])}


def test_the_terminals_table() -> None:
    """A row a figure that somebody has, the ratio last, the notes below."""
    found = section(pumpproxy=[30], haproxy=[40])
    found.notes.append("nginx: 3 errors")
    head, row, note = figures.plain(found, (CONNECTION, LOGGED)).splitlines()
    assert head.split() == ["pumpproxy", "haproxy", "ratio"]
    assert row.split() == ["CPU", "a", "connection,", "us", "30.0", "40.0", "0.75"]
    assert note == "nginx: 3 errors"

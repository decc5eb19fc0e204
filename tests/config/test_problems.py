"""Tests of what is wrong with a file, as values."""

from __future__ import annotations

import pytest

from pumpproxy.config.problems import (
    BadValue,
    ConfigError,
    Fault,
    Faults,
    Place,
    Problem,
    Problems,
    did_you_mean,
    nearest,
    quoted,
)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("f", 3, "frontend a", "bind", "is wrong", "do this"), "f:3: [frontend a] bind: is wrong (do this)"),
        (Problem("f", 3, "frontend a", "bind", "is wrong"), "f:3: [frontend a] bind: is wrong"),
        (Problem("f", 3, "frontend a", "", "is wrong"), "f:3: [frontend a] is wrong"),
        (Problem("f", 3, "", "", "is wrong", "do this"), "f:3: is wrong (do this)"),
        (Problem("f", 0, "", "", "cannot be read"), "f: cannot be read"),
    ],
)
def test_a_problem_is_one_line(problem: Problem, text: str) -> None:
    """FILE:LINE: [section] key: what is wrong (hint), each part where there is one."""
    assert str(problem) == text


def test_problems_are_shown_as_a_reader_meets_them() -> None:
    """By line, and of one line in the order of finding; warnings stand among the errors and are none."""
    problems = Problems("f")
    problems.warning(Place(9), "late")
    assert not problems.has_errors()
    problems.error(Place(2, "s", "k"), "first")
    problems.error(Place(2), "second")
    assert problems.has_errors()
    assert [problem.message for problem in problems.by_line()] == ["first", "second", "late"]
    assert [problem.error for problem in problems.by_line()] == [True, True, False]


def test_a_config_error_prints_all() -> None:
    """As text it is every problem on its line."""
    error = ConfigError((Problem("f", 1, "", "", "a"), Problem("f", 2, "", "", "b")))
    assert str(error) == "f:1: a\nf:2: b"


def test_faults_of_all_parts_are_gathered() -> None:
    """Each part is tried, and one exception carries what was wrong with any."""

    def refuse(text: str) -> str:
        raise BadValue(Fault(text))

    faults = Faults()
    assert faults.attempt(str.upper, "a") == "A"
    faults.check()
    faults.attempt(refuse, "x")
    faults.add("y")
    with pytest.raises(BadValue) as caught:
        faults.check()
    assert [fault.message for fault in caught.value.faults] == ["x", "y"]


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("frontned", "did you mean 'frontend'?"),
        ("FRONTEND", "did you mean 'frontend'?"),
        ("xyzzy", ""),
        ("", ""),
    ],
)
def test_a_near_miss_is_named(word: str, hint: str) -> None:
    """A misspelt word, or one in other letters, is answered by the nearest known one; a strange one is not."""
    assert did_you_mean(word, ["backend", "frontend"]) == hint


def test_the_nearest_name_is_looked_for_among_a_few_hundred() -> None:
    """A file of ten thousand backends and as many misspelt names is still refused at once."""
    assert nearest("name-00001x", (f"name-{n:05}" for n in range(10_000))) == "name-00001"
    assert nearest("zzzz-x", [*(f"name-{n:05}" for n in range(1000)), "zzzz-y"]) == ""


def test_a_long_value_is_cut() -> None:
    """A message repeats a piece of a value, however long it is."""
    assert quoted("short") == "'short'"
    assert quoted("x" * 1000) == f"'{'x' * 60}...'"

"""UP and DOWN by results: HAProxy's rules, in its words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.model import Check
from pumpproxy.policy.health import Answer, CheckStatus, Health, Result, told

PASSED = Result(Answer(CheckStatus.L6OK, "answered in TLS"), 0.002)
FAILED = Result(Answer(CheckStatus.L4CON, "refused"), 0.0)
OURS = Result(Answer(CheckStatus.SOCKERR, "out of descriptors or local ports"), 0.0)
RESULTS = {"+": PASSED, "-": FAILED, "0": OURS}


def states(results: str, check: Check, **health: bool) -> str:
    """The state after each result: u and d; capital where the server turned by it."""
    found = Health(check, **health)
    text = ""
    for result in results:
        turned = found.checked(RESULTS[result])
        text += ("U" if turned else "u") if found.up else ("D" if turned else "d")
    return text


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ("+", "u"),
        ("-", "D"),
        ("-+", "Dd"),
        ("-++", "DdU"),
        ("+--", "uuu"),
        ("+---", "uuuD"),
        ("+--+--", "uuuuuu"),
        ("+--+---", "uuuuuuD"),
        ("-+-++", "DdddU"),
    ],
)
def test_rise_and_fall(results: str, expected: str) -> None:
    """It starts UP; its very first check decides alone; then two passes or three failures in a row do."""
    assert states(results, Check(rise=2, fall=3)) == expected


@pytest.mark.parametrize(("results", "expected"), [("0", "u"), ("0-", "uD"), ("+-0--", "uuuuD"), ("-+0+", "DddU")])
def test_a_failure_of_ours_changes_nothing(results: str, expected: str) -> None:
    """It is as if nobody had looked: it breaks no row, and is no first check."""
    assert states(results, Check(rise=2, fall=3)) == expected


def test_one_that_is_known_needs_its_row_at_once() -> None:
    """A check that was declared anew goes on from the state that was found, either way."""
    assert states("---", Check(), fresh=False) == "uuD"
    assert states("++", Check(), fresh=False, up=False) == "dU"


def test_one_that_was_down_and_is_unknown_is_up_by_one_check() -> None:
    """As after maintenance."""
    assert states("+", Check(), up=False) == "U"
    assert states("-", Check(), up=False) == "d"


def by_windows(results: str, rise: int, fall: int) -> str:
    """The same by another way: look back at the last results since the last turn."""
    known = results.replace("0", "")
    up, since, text = True, 0, ""
    for end in range(1, len(known) + 1):
        needed = 1 if end == 1 else (fall if up else rise)
        window = known[max(since, end - needed) : end]
        against = "-" if up else "+"
        if window == against * needed:
            up, since = not up, end
        text += "u" if up else "d"
    return text


@given(st.text("+-0", max_size=40), st.integers(1, 5), st.integers(1, 5))
def test_any_course(results: str, rise: int, fall: int) -> None:
    """Counting gives what looking back gives."""
    found = states(results, Check(rise=rise, fall=fall)).lower()
    assert "".join(state for state, result in zip(found, results, strict=True) if result != "0") == by_windows(
        results, rise, fall
    )


CHECK = Check(inter=2.0, fastinter=0.25, downinter=7.0, rise=2, fall=3)


@pytest.mark.parametrize(
    ("results", "wanted", "pause"),
    [
        ("", False, 2.0),
        ("+", False, 2.0),
        ("+-", False, 0.25),
        ("+-+", False, 2.0),
        ("-", False, 7.0),
        ("-+", False, 0.25),
        ("-+-", False, 7.0),
        ("-", True, 0.25),
        ("+", True, 2.0),
        ("0", False, 2.0),
    ],
)
def test_the_pause(results: str, *, wanted: bool, pause: float) -> None:
    """Short while its state may be about to change, or somebody waits for one that is DOWN; else by its state."""
    health = Health(CHECK)
    for result in results:
        health.checked(RESULTS[result])
    assert health.pause(wanted=wanted) == pause


def test_haste_is_never_slower() -> None:
    """Whoever looks at DOWN servers more often than `fastinter` goes on so."""
    health = Health(Check(downinter=0.1, fastinter=0.25))
    health.checked(FAILED)
    assert health.pause(wanted=True) == 0.1


@pytest.mark.parametrize(
    ("active", "backup", "left"),
    [
        (0, 0, "no server left"),
        (1, 0, "1 server left"),
        (2, 1, "2 servers and 1 backup left"),
        (0, 2, "2 backups left"),
    ],
)
def test_what_the_log_is_told(active: int, backup: int, left: str) -> None:
    """Who, what, why in HAProxy's word and in ours, and what is left."""
    line = told("b/s", FAILED, up=False, active=active, backup=backup)
    assert line == f"b/s is DOWN: L4CON, refused, after 0 ms; {left}"


def test_what_the_log_is_told_of_the_good() -> None:
    """The same."""
    line = told("b/s", PASSED, up=True, active=1, backup=0)
    assert line == "b/s is UP: L6OK, answered in TLS, after 2 ms; 1 server online"


@pytest.mark.parametrize("status", CheckStatus)
def test_only_ok_passes(status: CheckStatus) -> None:
    """By the word alone."""
    assert Result(Answer(status, ""), 0.0).passed is status.value.endswith("OK")

"""The closed set of ways in which a session ends."""

from __future__ import annotations

import re

from pumpproxy.policy.outcome import Outcome, Phase, termination


def test_each_outcome_has_a_word_of_its_own() -> None:
    """It is a key in counters, and a field in the log: no space, nothing to escape."""
    words = [outcome.word for outcome in Outcome]
    assert len(set(words)) == len(words) == len(Outcome.__members__)
    assert [word for word in words if not re.fullmatch(r"[a-z]+(-[a-z]+)*", word)] == []


def test_each_outcome_says_who_ended_it_in_haproxys_letters() -> None:
    """HAProxy's manual, 8.5, and `-` for nobody."""
    assert {outcome.letter for outcome in Outcome} <= set("CSPLRIDUKcs-")
    assert [outcome for outcome in Outcome if outcome.letter == "-"] == [Outcome.COMPLETED]


def test_each_phase_is_a_letter_of_haproxys() -> None:
    """The second character of the termination state."""
    assert {phase.value for phase in Phase} <= set("RQCHDLT-")
    assert len({phase.value for phase in Phase}) == len(Phase)


def test_termination_is_who_and_when() -> None:
    """What halog and people look for."""
    assert termination(Outcome.REFUSED, Phase.REQUEST) == "PR"
    assert termination(Outcome.TOO_MANY, Phase.REQUEST) == "PR"
    assert termination(Outcome.CLIENT_SILENT, Phase.REQUEST) == "cR"
    assert termination(Outcome.CONNECT_FAILED, Phase.CONNECT) == "SC"
    assert termination(Outcome.CONNECT_TIMEOUT, Phase.CONNECT) == "sC"
    assert termination(Outcome.CLIENT_IDLE, Phase.DATA) == "cD"
    assert termination(Outcome.SERVER_IDLE, Phase.DATA) == "sD"
    assert termination(Outcome.CLIENT_LEFT, Phase.CONNECT) == "CC"
    assert termination(Outcome.SERVER_LEFT, Phase.DATA) == "SD"
    assert termination(Outcome.CLIENT_LEFT, Phase.LAST) == "CL"
    assert termination(Outcome.SHUTDOWN, Phase.DATA) == "KD"


def test_what_completed_has_no_when() -> None:
    """`--`, whatever was the last thing that happened."""
    assert {termination(Outcome.COMPLETED, phase) for phase in Phase} == {"--"}

"""Lines that a log could not take are counted and told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.stats.losses import AGAIN, FIRST, UNCOUNTED, Losses
from tests.logs import logged
from tests.stats.reactors import LogReactor

if TYPE_CHECKING:
    from twisted.logger import LogEvent


def test_what_is_lost_at_once_is_told_at_once() -> None:
    """A second later, with the reason; nothing more is said where no more is lost."""
    reactor = LogReactor()
    losses = Losses(reactor.real, "journal")
    with logged() as lines:
        for _ in range(3):
            losses.add("it does not keep up")
        assert lines == []
        reactor.advance(FIRST)
        reactor.pump([AGAIN, AGAIN])
    assert lines == ["warn: 3 log lines were lost: journal: it does not keep up"]
    assert reactor.getDelayedCalls() == []


def test_it_is_told_once_a_minute() -> None:
    """However many there are; each reason is a line."""
    reactor = LogReactor()
    losses = Losses(reactor.real, "journal")
    losses.add("x")
    reactor.advance(FIRST)
    with logged() as lines:
        for _ in range(59):
            losses.add("x", 2)
            losses.add("y")
            reactor.advance(1)
        assert lines == []
        reactor.advance(1)
    assert lines == ["warn: 118 log lines were lost: journal: x", "warn: 59 log lines were lost: journal: y"]


def test_at_the_end_the_rest_is_told() -> None:
    """Without a wait; nothing is left to happen."""
    reactor = LogReactor()
    losses = Losses(reactor.real, "journal")
    losses.add("x")
    with logged() as lines:
        losses.stop()
    assert lines == ["warn: 1 log line was lost: journal: x"]
    assert reactor.getDelayedCalls() == []


def test_an_outage_is_said_once() -> None:
    """And its end; another reason is news, too."""
    losses = Losses(LogReactor().real, "file:/x")
    with logged() as lines:
        losses.flows()
        for why in ("No such file or directory", "No such file or directory", "Permission denied"):
            losses.stuck(why)
        losses.flows()
        losses.flows()
    kept = "lines are kept until then, 4 MiB of them at most"
    assert lines == [
        f"error: log: file:/x cannot be written (No such file or directory): {kept}",
        f"error: log: file:/x cannot be written (Permission denied): {kept}",
        "info: log: file:/x is written again",
    ]


def test_a_word_about_losses_says_that_it_is_one() -> None:
    """So that nobody counts it where it is lost itself."""
    events: list[LogEvent] = []
    losses = Losses(LogReactor().real, "journal")
    losses.log = type(losses.log)(observer=events.append)  # type: ignore[arg-type]
    losses.add("x")
    losses.stop()
    assert [event[UNCOUNTED] for event in events] == [True]

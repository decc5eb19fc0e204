"""A question that is asked again and again: when its answer ends, and with longer and longer pauses while it fails."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from pumpproxy.flow.inquiry import Inquiry, shown
from pumpproxy.policy.names import LONGEST_PAUSE, SHORTEST, Lack
from tests.flow.reactors import FakeReactor
from tests.logs import logged

HOLDS = 30.0


class Asking:
    """An inquiry, the questions under way, and what was told."""

    def __init__(self) -> None:
        self.reactor = FakeReactor()
        self.asked: list[Deferred[str | Lack]] = []
        self.told: list[str | Lack] = []
        self.inquiry: Inquiry[str] = Inquiry(self.reactor.real, self._ask, self._tell)

    def _ask(self) -> Deferred[str | Lack]:
        self.asked.append(Deferred())
        return self.asked[-1]

    def _tell(self, answer: str | Lack) -> float:
        self.told.append(answer)
        if answer == "a defect":
            raise ZeroDivisionError
        return HOLDS

    def answer(self, answer: str | Lack) -> None:
        """The one question under way."""
        (asked,) = self.asked
        self.asked.clear()
        asked.callback(answer)

    def pauses(self) -> float:
        """Seconds until it is asked again."""
        assert self.asked == []
        (call,) = self.reactor.getDelayedCalls()
        pause = call.getTime() - self.reactor.seconds()
        self.reactor.advance(pause)
        assert len(self.asked) == 1
        return float(pause)


def test_an_answer_is_asked_for_again_when_it_ends() -> None:
    """As long as the one who was told says."""
    asking = Asking()
    asking.inquiry.begin()
    for _ in range(3):
        asking.answer("a")
        assert asking.pauses() == HOLDS
    assert asking.told == ["a"] * 3


def test_failures_are_followed_by_pauses() -> None:
    """Each longer than the one before; an answer ends that."""
    asking = Asking()
    asking.inquiry.begin()
    pauses = []
    for _ in range(6):
        asking.answer(Lack.FAILED)
        pauses.append(asking.pauses())
    assert pauses == [2, 4, 8, 16, 30, 30]
    assert asking.inquiry.failures == 6
    asking.answer("a")
    assert asking.inquiry.failures == 0
    assert asking.pauses() == HOLDS


def test_it_is_asked_one_time_at_a_time() -> None:
    """However many want to know meanwhile."""
    asking = Asking()
    asking.inquiry.begin()
    asking.inquiry.now()
    asking.inquiry.begin()
    assert len(asking.asked) == 1
    asking.answer("a")
    asking.inquiry.now()
    assert len(asking.asked) == 1
    assert asking.reactor.getDelayedCalls() == []


def test_one_that_did_not_begin_is_asked_when_somebody_does() -> None:
    """And not by itself."""
    asking = Asking()
    asking.inquiry.now()
    asking.answer("a")
    assert asking.reactor.getDelayedCalls() == []
    assert not asking.inquiry.repeats


def test_what_is_under_way_is_told_after_the_end() -> None:
    """Nothing is asked any more; twice is fine."""
    asking = Asking()
    asking.inquiry.begin()
    asking.inquiry.stop()
    asking.answer("a")
    asking.inquiry.stop()
    assert asking.told == ["a"]
    assert asking.reactor.getDelayedCalls() == []


def test_a_pause_can_be_cut_short() -> None:
    """Whoever needs the answer asks now."""
    asking = Asking()
    asking.inquiry.begin()
    asking.answer(Lack.MISSING)
    asking.inquiry.now()
    asking.answer("a")
    assert asking.pauses() == HOLDS


def test_a_failure_is_fresh_for_a_second() -> None:
    """A thousand connections a second are no thousand questions."""
    asking = Asking()
    assert not asking.inquiry.fresh
    asking.inquiry.begin()
    asking.answer(Lack.MISSING)
    assert asking.inquiry.fresh
    asking.reactor.advance(SHORTEST)
    assert not asking.inquiry.fresh
    asking.inquiry.now()
    asking.answer("a")
    assert not asking.inquiry.fresh


def test_a_defect_is_a_failure_that_is_logged() -> None:
    """Of the one who asks: the next question may be answered."""
    asking = Asking()
    asking.inquiry.begin()
    with logged() as lines:
        asking.asked.pop().errback(ZeroDivisionError())
    assert asking.told == [Lack.FAILED]
    assert len(lines) == 1
    assert lines[0].startswith("critical: a name could not be asked for, by a defect")
    assert asking.pauses() == 2


def test_a_defect_of_who_is_told_is_logged() -> None:
    """The next answer is awaited all the same."""
    asking = Asking()
    asking.inquiry.begin()
    with logged() as lines:
        asking.answer("a defect")
    assert len(lines) == 1
    assert lines[0].startswith("critical: an answer could not be followed, by a defect")
    assert asking.pauses() == LONGEST_PAUSE


@pytest.mark.parametrize(
    ("count", "line"),
    [(1, "a0"), (8, "a0, a1, a2, a3, a4, a5, a6, a7"), (10, "a0, a1, a2, a3, a4, a5, a6, a7 and 2 more")],
)
def test_a_line_of_the_log_stays_one(count: int, line: str) -> None:
    """However many there are."""
    assert shown([f"a{number}" for number in range(count)]) == line


def test_a_failure_is_news_once() -> None:
    """At once where nothing was known; a name that is known may be missed twice."""
    asking = Asking()
    assert asking.inquiry.is_news(known=False)
    assert not asking.inquiry.is_news(known=False)
    known = Asking().inquiry
    news = []
    for failures in range(1, 6):
        known.failures = failures
        news.append(known.is_news(known=True))
    assert news == [False, False, True, False, False]
    assert known.said

"""The addresses of one host name while it is in use: the last good answer holds, and a change is said once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pumpproxy.flow.hosts import Host
from pumpproxy.flow.inquiry import SAID
from pumpproxy.policy.names import SHORTEST, Lack
from tests.flow.reactors import Asked, FakeReactor
from tests.logs import logged

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE, THERE = "192.0.2.1", "2001:db8::1"


@pytest.fixture(name="lines")
def _lines() -> Iterator[list[str]]:
    """What is said meanwhile."""
    with logged() as lines:
        yield lines


class Asking:
    """A host, and the answers that it gave."""

    def __init__(self) -> None:
        self.reactor = FakeReactor()
        self.names = self.reactor.names
        self.host = Host(self.reactor.real, self.names.real, "app.example", absolute=False)
        self.answers: list[tuple[str, ...]] = []
        self.host.inquiry.begin()

    def ask(self) -> list[tuple[str, ...]]:
        """Ask, and say what answers there are so far."""
        self.host.ask(self.answers.append)
        return self.answers

    def again(self) -> Asked:
        """The question that is asked when time has passed."""
        (call,) = self.reactor.getDelayedCalls()
        self.reactor.advance(call.getTime() - self.reactor.seconds())
        return self.names.only


def test_what_is_known_is_answered_at_once() -> None:
    """Nobody is asked for it."""
    asking = Asking()
    asking.names.only.answer(HERE, THERE)
    assert asking.ask() == [(HERE, THERE)]
    assert asking.names.asked == []


def test_who_asks_too_early_waits_for_the_answer() -> None:
    """One question is enough for all of them."""
    asking = Asking()
    asking.ask()
    asking.ask()
    assert asking.answers == []
    asking.names.only.answer(HERE)
    assert asking.answers == [(HERE,), (HERE,)]


def test_a_new_answer_holds_from_then_on(lines: list[str]) -> None:
    """It is said once."""
    asking = Asking()
    asking.names.only.answer(HERE)
    for host in (HERE, "192.0.2.9", "192.0.2.9"):
        asking.again().answer(host)
    assert asking.ask() == [("192.0.2.9",)]
    assert lines == ["info: app.example is now at 192.0.2.9"]


def test_another_order_is_no_change(lines: list[str]) -> None:
    """Nameservers do that each time; the latest order is the one that is used."""
    asking = Asking()
    asking.names.only.answer(HERE, THERE)
    asking.again().answer(THERE, HERE)
    assert asking.ask() == [(THERE, HERE)]
    assert lines == []


def test_the_last_good_answer_is_kept(lines: list[str]) -> None:
    """While a question is under way, and where it fails, for whatever reason; that it does is said once, at last."""
    asking = Asking()
    asking.names.only.answer(HERE)
    for lack in (Lack.SILENT, Lack.FAILED, Lack.MISSING, Lack.MISSING, Lack.MISSING):
        asked = asking.again()
        assert asking.ask()[-1] == (HERE,)
        asked.fails(lack)
        assert asking.ask()[-1] == (HERE,)
    assert lines == ["warn: app.example has no address any more: it has none; the last ones stay"]
    asking.again().answer(HERE)
    assert lines[1:] == ["info: app.example is now at 192.0.2.1"]


def test_a_short_failure_is_not_worth_a_line(lines: list[str]) -> None:
    """A nameserver may be restarted."""
    asking = Asking()
    asking.names.only.answer(HERE)
    for _ in range(3):
        for _ in range(SAID - 1):
            asking.again().fails()
        asking.again().answer(HERE)
    assert lines == []


def test_a_family_that_nobody_can_tell_of_stays() -> None:
    """The other is renewed; when it can be told of again, it is."""
    asking = Asking()
    asking.names.only.answer(THERE, HERE)
    asking.again().answer("192.0.2.9", lacking=frozenset({6}))
    assert asking.ask()[-1] == ("192.0.2.9", THERE)
    asking.again().answer("2001:db8::9", lacking=frozenset({4}))
    assert asking.ask()[-1] == ("2001:db8::9", "192.0.2.9")
    asking.again().answer("192.0.2.9")
    assert asking.ask()[-1] == ("192.0.2.9",)


def test_a_name_without_an_address_is_said_once(lines: list[str]) -> None:
    """Whoever needs it asks anew, and a thousand connections make no thousand lines; when it is there, that is said."""
    asking = Asking()
    asking.names.only.fails(Lack.SILENT)
    for _ in range(3):
        asking.reactor.advance(SHORTEST)
        asking.ask()
        asking.names.only.answer()
    assert asking.answers == [(), (), ()]
    assert lines == ["warn: app.example has no address: no nameserver answers"]
    asking.reactor.advance(SHORTEST)
    asking.ask()
    asking.names.only.answer(HERE)
    assert asking.answers[-1] == (HERE,)
    assert lines[1:] == ["info: app.example is now at 192.0.2.1"]


def test_who_asks_right_after_a_failure_is_told_of_it() -> None:
    """However many they are, nobody is asked for a second."""
    asking = Asking()
    asking.names.only.answer()
    for _ in range(100):
        asking.ask()
    assert asking.answers == [()] * 100
    assert asking.names.asked == []


def test_addresses_may_come_along_with_a_service(lines: list[str]) -> None:
    """Then they are not asked for, as long as they do; a change is said as any other."""
    asking = Asking()
    asking.host.carry((HERE,))
    asking.names.only.answer(HERE)
    assert asking.reactor.getDelayedCalls() == []
    asking.host.carry((THERE,))
    assert asking.ask() == [(THERE,)]
    assert lines == ["info: app.example is now at 2001:db8::1"]


def test_a_name_that_is_dropped_keeps_nothing(lines: list[str]) -> None:
    """Whoever waits gets the answer; nobody else, and nothing is said of it."""
    asking = Asking()
    asking.ask()
    asking.host.drop()
    asking.names.only.answer(HERE)
    assert asking.answers == [(HERE,)]
    assert asking.host.known == ()
    asking.ask()
    asking.names.only.answer()
    assert asking.answers[1:] == [()]
    assert lines == []
    assert asking.reactor.getDelayedCalls() == []

"""DNS names of servers: asked for again and again, the last good answer kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pumpproxy.flow.resolve import ASK_AGAIN, Resolver
from pumpproxy.model import DnsAddress, TcpAddress
from tests.flow.reactors import FakeReactor
from tests.logs import logged

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = DnsAddress("app.example", 8080)
OTHER = DnsAddress("other.example", 80)
HERE, THERE = TcpAddress("192.0.2.1", 8080), TcpAddress("2001:db8::1", 8080)


@pytest.fixture(name="lines")
def _lines() -> Iterator[list[str]]:
    """What is said meanwhile."""
    with logged() as lines:
        yield lines


class Asking:
    """A resolver, and the answers that it gave."""

    def __init__(self, *declared: DnsAddress) -> None:
        self.reactor = FakeReactor()
        self.names = self.reactor.nameResolver
        self.resolver = Resolver(self.reactor.real)
        self.answers: list[tuple[TcpAddress, ...]] = []
        self.resolver.declare(declared)

    def ask(self, address: DnsAddress = NAME) -> list[tuple[TcpAddress, ...]]:
        """Ask, and say what answers there are so far."""
        self.resolver.ask(address, self.answers.append)
        return self.answers


def test_a_declared_name_is_asked_for_at_once() -> None:
    """So that the first connection finds an answer."""
    asking = Asking(NAME)
    assert asking.names.asked[0].name == "app.example"
    asking.names.only.answer("192.0.2.1", "2001:db8::1")
    assert asking.ask() == [(HERE, THERE)]
    assert asking.names.asked == []


def test_addresses_keep_their_order_and_come_once() -> None:
    """The system's order (RFC 6724); its resolver repeats one for each socket type."""
    asking = Asking(NAME)
    asking.names.only.answer("2001:db8::1", "192.0.2.1", "2001:db8::1")
    assert asking.ask() == [(THERE, HERE)]


def test_who_asks_too_early_waits_for_the_answer() -> None:
    """One question is enough for all of them."""
    asking = Asking(NAME)
    asking.ask()
    asking.ask()
    assert asking.answers == []
    asking.names.only.answer("192.0.2.1")
    assert asking.answers == [(HERE,), (HERE,)]


def test_names_are_asked_for_again_every_30_seconds(lines: list[str]) -> None:
    """A new answer holds from then on, and is said once."""
    asking = Asking(NAME)
    asking.names.only.answer("192.0.2.1")
    for host in ("192.0.2.1", "192.0.2.9", "192.0.2.9"):
        asking.reactor.advance(ASK_AGAIN)
        asking.names.only.answer(host)
    assert asking.ask() == [(TcpAddress("192.0.2.9", 8080),)]
    assert lines == ["info: app.example is now at 192.0.2.9"]
    assert ASK_AGAIN == 30.0


def test_another_order_is_no_change(lines: list[str]) -> None:
    """Round-robin DNS does that each time; the latest order is the one that is used."""
    asking = Asking(NAME)
    asking.names.only.answer("192.0.2.1", "2001:db8::1")
    asking.reactor.advance(ASK_AGAIN)
    asking.names.only.answer("2001:db8::1", "192.0.2.1")
    assert asking.ask() == [(THERE, HERE)]
    assert lines == []


def test_the_last_good_answer_is_kept() -> None:
    """Where DNS fails later, and while a question is under way."""
    asking = Asking(NAME)
    asking.names.only.answer("192.0.2.1")
    asking.reactor.advance(ASK_AGAIN)
    assert asking.ask() == [(HERE,)]
    asking.names.only.answer()
    assert asking.ask() == [(HERE,), (HERE,)]


def test_a_name_without_an_address_is_said_once(lines: list[str]) -> None:
    """Whoever needs it asks anew, and a thousand connections make no thousand lines; when it is there, that is said."""
    asking = Asking(NAME)
    asking.names.only.answer()
    for _ in range(3):
        asking.ask()
        asking.names.only.answer()
    asking.reactor.advance(ASK_AGAIN)
    asking.names.only.answer()
    assert asking.answers == [(), (), ()]
    assert lines == ["warn: app.example has no address"]
    asking.ask()
    asking.names.only.answer("192.0.2.1")
    assert asking.answers[-1] == (HERE,)
    assert lines[1:] == ["info: app.example is now at 192.0.2.1"]


def test_a_slow_resolver_is_not_asked_twice_at_a_time() -> None:
    """However many 30 seconds pass meanwhile."""
    asking = Asking(NAME)
    for _ in range(5):
        asking.reactor.advance(ASK_AGAIN)
        asking.ask()
    asking.names.only.answer("192.0.2.1")
    assert asking.answers == [(HERE,)] * 5


def test_a_reload_asks_for_what_is_new_only() -> None:
    """What is known stays known; a name that has no address yet is tried at once."""
    asking = Asking(NAME)
    asking.names.only.answer("192.0.2.1")
    asking.resolver.declare([NAME, OTHER])
    assert [question.name for question in asking.names.asked] == ["other.example"]
    asking.names.only.answer()
    asking.resolver.declare([NAME, OTHER])
    assert [question.name for question in asking.names.asked] == ["other.example"]
    assert asking.ask() == [(HERE,)]


def test_names_that_a_reload_took_away_are_forgotten() -> None:
    """They are not asked for again; where they come back, their old answer is not used."""
    asking = Asking(NAME, OTHER)
    for question in asking.names.asked:
        question.answer("192.0.2.1")
    asking.names.asked.clear()
    asking.resolver.declare([OTHER])
    asking.reactor.advance(ASK_AGAIN)
    assert [question.name for question in asking.names.asked] == ["other.example"]
    asking.names.asked.clear()
    asking.resolver.declare([NAME, OTHER])
    assert asking.ask() == []
    asking.names.only.answer("2001:db8::1")
    assert asking.answers == [(THERE,)]


def test_an_answer_that_comes_after_the_name_was_taken_away_is_not_kept() -> None:
    """Whoever waits for it gets it; when the name comes back, it is asked for anew."""
    asking = Asking(NAME, OTHER)
    asking.ask()
    question = next(question for question in asking.names.asked if question.name == "app.example")
    asking.resolver.declare([OTHER])
    question.answer("192.0.2.1")
    assert asking.answers == [(HERE,)]
    asking.names.asked.clear()
    asking.resolver.declare([NAME, OTHER])
    assert [question.name for question in asking.names.asked] == ["app.example"]


def test_nothing_is_asked_when_it_stops() -> None:
    """Nor where the file has no names; twice is fine."""
    asking = Asking(NAME)
    asking.resolver.stop()
    asking.resolver.stop()
    assert asking.reactor.getDelayedCalls() == []
    asking.resolver.declare([NAME])
    assert len(asking.reactor.getDelayedCalls()) == 1
    asking.resolver.declare([])
    assert asking.reactor.getDelayedCalls() == []
    assert Asking().reactor.getDelayedCalls() == []

"""DNS names of servers while the service runs: what the file declares is asked for, and what services name."""

from __future__ import annotations

from pumpproxy.flow.resolve import Resolver
from pumpproxy.model import DnsAddress, SrvAddress, TcpAddress
from pumpproxy.policy.names import SHORTEST, Endpoint
from tests.flow.reactors import FakeReactor

NAME = DnsAddress("app.example", 8080)
OTHER = DnsAddress("other.example", 80)
WEB = SrvAddress("_https._tcp.web.example")
HERE, THERE = TcpAddress("192.0.2.1", 8080), TcpAddress("2001:db8::1", 8080)
ONE, TWO = Endpoint("one.example", 443, 10, 1), Endpoint("two.example", 443, 10, 1)
AT_ONE = DnsAddress("one.example", 443, absolute=True)


class Asking:
    """A resolver, the answers that it gave, and what it told of services."""

    def __init__(self, *declared: DnsAddress | SrvAddress) -> None:
        self.reactor = FakeReactor()
        self.names = self.reactor.names
        self.resolver = Resolver(self.reactor.real, self.names.real)
        self.found: list[tuple[SrvAddress, tuple[Endpoint, ...]]] = []
        self.resolver.found = lambda address, endpoints: self.found.append((address, endpoints))
        self.answers: list[tuple[TcpAddress, ...]] = []
        self.resolver.declare(declared)

    def ask(self, address: DnsAddress = NAME) -> list[tuple[TcpAddress, ...]]:
        """Ask, and say what answers there are so far."""
        self.resolver.ask(address, self.answers.append)
        return self.answers

    @property
    def asked(self) -> list[str]:
        """The names under way."""
        return sorted(question.name for question in self.names.asked)


def test_a_declared_name_is_asked_for_at_once() -> None:
    """So that the first connection finds an answer, with the port of its own declaration."""
    asking = Asking(NAME)
    asking.names.only.answer("192.0.2.1", "2001:db8::1")
    assert asking.ask() == [(HERE, THERE)]
    assert asking.names.asked == []


def test_one_question_is_enough_for_all_ports() -> None:
    """A host is one, whatever runs on it; but one that is a whole name is another than one that may be searched for."""
    asking = Asking(NAME, DnsAddress("app.example", 81), DnsAddress("app.example", 81, absolute=True))
    assert sorted(question.absolute for question in asking.names.asked) == [False, True]
    for question in asking.names.asked:
        question.answer("192.0.2.2" if question.absolute else "192.0.2.1")
    asking.ask(DnsAddress("app.example", 81))
    asking.ask(DnsAddress("app.example", 81, absolute=True))
    assert asking.answers == [(TcpAddress("192.0.2.1", 81),), (TcpAddress("192.0.2.2", 81),)]


def test_the_file_s_nameservers_are_asked() -> None:
    """From the next question on."""
    asking = Asking()
    asking.resolver.declare([NAME], (TcpAddress("192.0.2.53", 53),))
    assert asking.names.nameservers == (TcpAddress("192.0.2.53", 53),)


def test_a_reload_asks_for_what_is_new_only() -> None:
    """What is known stays known; a name that has no address yet is tried at once."""
    asking = Asking(NAME)
    asking.names.only.answer("192.0.2.1")
    asking.resolver.declare([NAME, OTHER])
    assert asking.asked == ["other.example"]
    asking.names.only.answer()
    asking.resolver.declare([NAME, OTHER])
    assert asking.asked == ["other.example"]
    assert asking.ask() == [(HERE,)]


def test_names_that_a_reload_took_away_are_forgotten() -> None:
    """They are not asked for again; where they come back, their old answer is not used."""
    asking = Asking(NAME, OTHER)
    asking.names.take("app.example").answer("192.0.2.1")
    asking.names.take("other.example").answer("192.0.2.1")
    asking.resolver.declare([OTHER])
    asking.reactor.advance(30)
    asking.names.only.answer("192.0.2.1")
    asking.resolver.declare([NAME, OTHER])
    assert asking.ask() == []
    asking.names.only.answer("2001:db8::1")
    assert asking.answers == [(THERE,)]


def test_an_answer_that_comes_after_the_name_was_taken_away_is_not_kept() -> None:
    """Whoever waits for it gets it; when the name comes back, it is asked for anew."""
    asking = Asking(NAME, OTHER)
    asking.ask()
    asking.resolver.declare([OTHER])
    asking.names.take("app.example").answer("192.0.2.1")
    assert asking.answers == [(HERE,)]
    asking.resolver.declare([NAME, OTHER])
    assert asking.asked == ["app.example", "other.example"]


def test_a_name_that_nobody_declares_is_asked_for_each_time() -> None:
    """A connection may still want it after a reload; nothing is kept, and nothing repeated."""
    asking = Asking()
    for _ in range(2):
        asking.ask()
        asking.ask()
        asking.names.only.answer("192.0.2.1")
    assert asking.answers == [(HERE,)] * 4
    assert asking.reactor.getDelayedCalls() == []


def test_a_name_that_somebody_wanted_can_be_declared() -> None:
    """From then on it is as any other."""
    asking = Asking()
    asking.ask()
    asking.resolver.declare([NAME])
    asking.names.only.answer("192.0.2.1")
    assert asking.ask() == [(HERE,), (HERE,)]
    assert len(asking.reactor.getDelayedCalls()) == 1


def test_a_service_s_endpoints_are_told() -> None:
    """When they are known, and when there are others."""
    asking = Asking(WEB)
    asking.names.only.serves(ONE, one_example=("192.0.2.1",))
    asking.reactor.advance(30)
    asking.names.only.serves(ONE, TWO, one_example=("192.0.2.1",), two_example=("192.0.2.2",))
    assert asking.found == [(WEB, (ONE,)), (WEB, (ONE, TWO))]


def test_a_service_s_hosts_are_asked_for() -> None:
    """As whole names, once for all ports; those that are addresses are not."""
    asking = Asking(WEB)
    asking.names.only.serves(ONE, ONE._replace(port=444), TWO, Endpoint("192.0.2.7", 443, 10, 1))
    assert asking.asked == ["one.example", "two.example"]
    assert all(question.absolute for question in asking.names.asked)
    asking.names.take("one.example").answer("192.0.2.1")
    assert asking.ask(AT_ONE) == [(TcpAddress("192.0.2.1", 443),)]


def test_what_comes_along_with_a_service_is_not_asked_for() -> None:
    """As long as it comes; afterwards it is."""
    asking = Asking(WEB)
    asking.names.only.serves(ONE, TWO, one_example=("192.0.2.1",), two_example=("192.0.2.2",))
    assert asking.asked == []
    assert asking.ask(AT_ONE) == [(TcpAddress("192.0.2.1", 443),)]
    asking.reactor.advance(30)
    asking.names.only.serves(ONE, TWO, two_example=("192.0.2.2",))
    assert asking.asked == ["one.example"]
    assert asking.ask(AT_ONE)[-1] == (TcpAddress("192.0.2.1", 443),)


def test_a_host_that_fails_is_not_asked_for_each_time_that_its_service_is() -> None:
    """It has pauses of its own."""
    asking = Asking(WEB)
    asking.names.only.serves(ONE, holds=1.0)
    asking.names.take("one.example").fails()
    for _ in range(2):
        asking.reactor.advance(1)
        asking.names.take("_https._tcp.web.example").serves(ONE, holds=1.0)
    assert asking.asked == ["one.example"]


def test_a_host_that_is_declared_too_is_asked_for_as_declared() -> None:
    """What comes along with a service is for its own endpoints."""
    asking = Asking(WEB, AT_ONE)
    asking.names.take("one.example").answer("192.0.2.9")
    asking.names.only.serves(ONE, one_example=("192.0.2.1",))
    assert asking.ask(AT_ONE) == [(TcpAddress("192.0.2.9", 443),)]


def test_hosts_that_a_service_names_no_more_are_forgotten() -> None:
    """And all of them with the service; what it answers then is nobody's."""
    asking = Asking(WEB)
    asking.names.only.serves(ONE, TWO)
    asking.names.take("one.example").answer("192.0.2.1")
    asking.names.take("two.example").answer("192.0.2.2")
    asking.reactor.advance(30)
    asking.names.take("_https._tcp.web.example").serves(TWO)
    assert asking.asked == ["one.example", "two.example"]
    asking.names.take("one.example").answer("192.0.2.1")
    asking.reactor.advance(30)
    assert asking.asked == ["_https._tcp.web.example", "two.example"]
    asking.resolver.declare([])
    asking.names.take("_https._tcp.web.example").serves(ONE)
    asking.names.take("two.example").answer("192.0.2.2")
    assert asking.reactor.getDelayedCalls() == []
    assert len(asking.found) == 2


def test_a_reload_tells_of_services_that_are_known() -> None:
    """Whoever declares them anew need not wait; one that is not there yet is asked for at once."""
    other = SrvAddress("_http._tcp.other.example")
    asking = Asking(WEB, other)
    asking.names.take(WEB.name).serves(ONE, one_example=("192.0.2.1",))
    asking.names.take(other.name).fails()
    asking.found.clear()
    asking.resolver.declare([WEB, other])
    assert asking.found == [(WEB, (ONE,))]
    assert asking.asked == [other.name]


def test_nobody_has_to_listen() -> None:
    """To what services are at."""
    reactor = FakeReactor()
    resolver = Resolver(reactor.real, reactor.names.real)
    resolver.declare([WEB])
    reactor.names.only.serves(ONE)
    resolver.declare([WEB])
    assert [question.name for question in reactor.names.asked] == ["one.example"]


def test_nothing_is_asked_when_it_stops() -> None:
    """Nor where the file has no names; twice is fine. Who needs a name until the end may still ask."""
    asking = Asking(NAME, WEB)
    asking.names.take(NAME.name).answer("192.0.2.1")
    asking.names.take(WEB.name).fails()
    assert len(asking.reactor.getDelayedCalls()) == 2
    asking.resolver.stop()
    asking.resolver.stop()
    assert asking.reactor.getDelayedCalls() == []
    asking.reactor.advance(SHORTEST)
    asking.ask(OTHER)
    asking.names.only.answer("192.0.2.1")
    assert asking.answers == [(TcpAddress("192.0.2.1", 80),)]
    asking.resolver.declare([NAME])
    asking.resolver.declare([])
    assert asking.reactor.getDelayedCalls() == []
    assert Asking().reactor.getDelayedCalls() == []


def test_the_system_is_asked_unless_somebody_else_is_given() -> None:
    """A resolver is ready as it is."""
    answers: list[tuple[TcpAddress, ...]] = []
    reactor = FakeReactor()
    resolver = Resolver(reactor.real)
    resolver.ask(DnsAddress("localhost", 80), answers.append)
    assert TcpAddress("127.0.0.1", 80) in answers[0]

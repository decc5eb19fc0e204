"""Who has how many connections at a frontend, and how fast new ones come."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pumpproxy.policy import sources
from pumpproxy.policy.sources import FORGOTTEN, MINUTE, MOST_RESTING, MOST_TOLD, Refusal, Source, Sources, source_of

NOW = 5000.0
"""No test may rely on zero."""


def let_in(among: Sources, host: str, now: float = NOW) -> Source:
    """A client that must be."""
    arrived = among.arrive(host, now)
    assert isinstance(arrived, Source)
    return arrived


def refused(among: Sources, host: str, now: float = NOW) -> Refusal:
    """A client that must be."""
    arrived = among.arrive(host, now)
    assert isinstance(arrived, Refusal)
    return arrived


def comes(among: Sources, host: str, times: int, now: float = NOW) -> int:
    """It connects so often, each time for a moment; how often it was let in."""
    let = 0
    for _ in range(times):
        arrived = among.arrive(host, now)
        if isinstance(arrived, Source):
            arrived.leave()
            let += 1
    return let


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8:0:0:ffff:ffff:ffff:ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::1", "::2", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:c000:201", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("::ffff:192.0.2.1", "::1", False),
    ],
)
def test_what_counts_as_one_source(one: str, other: str, same: bool) -> None:  # noqa: FBT001 - a table's column
    """An IPv4 address, also where it is written as an IPv6 one, and a network of 64 bits."""
    assert (source_of(one) == source_of(other)) is same


def test_clients_of_unix_sockets_do_not_count() -> None:
    """They have no address; nobody is remembered."""
    among = Sources(1, 1)
    assert [among.arrive("unix", NOW) for _ in range(3)] == [None] * 3
    assert len(among) == 0


def test_a_source_has_so_many_connections_at_a_time() -> None:
    """One more is refused, and nobody knows until when; who else comes is not concerned."""
    among = Sources(2, None)
    first = let_in(among, "192.0.2.1")
    let_in(among, "192.0.2.1")
    assert refused(among, "192.0.2.1").wait is None
    let_in(among, "192.0.2.2")
    first.leave()
    let_in(among, "192.0.2.1")
    refused(among, "192.0.2.1")


def test_a_network_shares_what_it_may_have() -> None:
    """However many addresses a client has in it."""
    among = Sources(2, None)
    let_in(among, "2001:db8::1")
    let_in(among, "2001:db8::2")
    refused(among, "2001:db8::3")
    let_in(among, "2001:db8:0:1::3")


def test_without_a_rate_nobody_is_remembered() -> None:
    """Who has left has left nothing."""
    among = Sources(2, None)
    one, other = let_in(among, "192.0.2.1"), let_in(among, "192.0.2.1")
    one.leave()
    assert len(among) == 1
    other.leave()
    assert len(among) == 0


def test_a_rate_may_be_used_at_once_and_comes_back_evenly() -> None:
    """Six a minute: six at once, then one each ten seconds; the refusal says when."""
    among = Sources(None, 6)
    assert comes(among, "192.0.2.1", 6) == 6
    assert refused(among, "192.0.2.1").wait == pytest.approx(10.0)
    assert refused(among, "192.0.2.1", NOW + 4.0).wait == pytest.approx(6.0)
    assert comes(among, "192.0.2.1", 2, NOW + 10.0) == 1
    assert comes(among, "192.0.2.1", 9, NOW + 40.0) == 3
    assert comes(among, "192.0.2.1", 9, NOW + 400.0) == 6


def test_running_connections_do_not_change_the_rate() -> None:
    """Nor does one that is refused by the number of them use any of it."""
    among = Sources(2, 3)
    first = let_in(among, "192.0.2.1")
    let_in(among, "192.0.2.1")
    for _ in range(5):
        assert refused(among, "192.0.2.1").wait is None
    first.leave()
    last = let_in(among, "192.0.2.1")
    last.leave()
    assert refused(among, "192.0.2.1").wait == pytest.approx(20.0)


def test_who_is_refused_is_not_kept_out_by_that() -> None:
    """However often it asks meanwhile, its next turn comes when it would have come."""
    among = Sources(None, 6)
    comes(among, "192.0.2.1", 6)
    asked = [among.arrive("192.0.2.1", NOW + number / 100) for number in range(990)]
    assert all(isinstance(answer, Refusal) for answer in asked)
    let_in(among, "192.0.2.1", NOW + 10.0)


def test_a_changed_limit_holds_for_who_comes_then() -> None:
    """Who is there stays and counts; what was spent counts too, but keeps nobody out longer than for one turn."""
    among = Sources(5, 600)
    for _ in range(5):
        let_in(among, "192.0.2.1")
    assert comes(among, "192.0.2.2", 500) == 500
    among.most, among.rate = 2, 6
    assert refused(among, "192.0.2.1").wait is None
    assert refused(among, "192.0.2.2").wait == pytest.approx(10.0)
    assert comes(among, "192.0.2.3", 9) == 6
    among.most, among.rate = None, 12
    let_in(among, "192.0.2.1")
    assert comes(among, "192.0.2.3", 9) == 6


def test_where_the_rate_goes_its_memory_does() -> None:
    """As new clients come, a few a time."""
    among = Sources(1, 6)
    for number in range(10):
        let_in(among, f"192.0.2.{number}").leave()
    among.rate = None
    for _ in range(3):
        let_in(among, "198.51.100.1").leave()
    assert len(among) == 0


def test_who_has_rested_is_forgotten_a_few_at_a_time() -> None:
    """No arrival pays for thousands."""
    among = Sources(None, 1)
    for number in range(1000):
        let_in(among, f"2001:db8:0:{number:x}::1").leave()
    assert len(among) == 1000
    later = NOW + MINUTE
    for number in range(1, 51):
        let_in(among, "192.0.2.1", later + number * MINUTE).leave()
        assert len(among) == 1001 - FORGOTTEN * number
    for number in range(51, 260):
        let_in(among, "192.0.2.1", later + number * MINUTE).leave()
    assert len(among) == 1


def test_many_sources_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has been away the longest is forgotten; whoever goes on coming, let in or not, is not, and stays limited."""
    monkeypatch.setattr(sources, "MOST_RESTING", 100)
    among = Sources(None, 2)
    stays = let_in(among, "192.0.2.200")
    assert comes(among, "192.0.2.1", 2) == 2
    assert comes(among, "192.0.2.2", 2) == 2
    for number in range(1000):
        let_in(among, f"2001:db8:{number:x}::1").leave()
        if number % 10 == 0:
            refused(among, "192.0.2.1")
        assert len(among) <= 101
    refused(among, "192.0.2.1")
    assert comes(among, "192.0.2.2", 3) == 2
    assert comes(among, "192.0.2.200", 3) == 1
    stays.leave()


def test_the_bound_is_what_the_documentation_says() -> None:
    """65,536 a frontend."""
    assert MOST_RESTING == 65_536


def test_few_refused_clients_stay_for_an_answer() -> None:
    """Of all sources together, until they have gone."""
    among = Sources(1, None)
    assert [among.tell() for _ in range(MOST_TOLD)] == [True] * MOST_TOLD
    assert not among.tell()
    among.was_told()
    assert among.tell()
    assert not among.tell()


@given(st.integers(1, 10_000), st.integers(1, 200))
def test_the_patient_are_never_refused(rate: int, turns: int) -> None:
    """Who comes as often as it may, exactly, has no trouble with the reckoning, also after all was used at once."""
    among = Sources(None, rate)
    assert comes(among, "192.0.2.1", rate + 3) == rate
    for turn in range(1, turns):
        let_in(among, "192.0.2.1", NOW + turn * MINUTE / rate).leave()


@given(st.integers(1, 30), st.lists(st.floats(0.0, 20.0), min_size=1, max_size=80))
def test_nobody_comes_faster_than_the_rate(rate: int, pauses: list[float]) -> None:
    """In any span of time no more are let in than all that may be had at once, and what comes back in it."""
    among = Sources(None, rate)
    now, let = NOW, []
    for pause in pauses:
        now += pause
        arrived = among.arrive("192.0.2.1", now)
        if isinstance(arrived, Source):
            arrived.leave()
            let.append(now)
    for index, start in enumerate(let):
        for count, end in enumerate(let[index:], 1):
            assert count <= rate + (end - start) * rate / MINUTE + 0.001


HOSTS = ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "unix")
NAMES = dict(zip(HOSTS, ("a", "a", "b", "n", "n", "m", None), strict=True))


class Beside(RuleBasedStateMachine):
    """The sources beside a model that remembers everybody for ever, and reckons in fractions."""

    def __init__(self) -> None:
        super().__init__()
        self.now = Fraction(5000)
        self.there: list[tuple[str, Source]] = []
        self.spent: dict[str, tuple[Fraction, Fraction]] = {}
        self.sources = Sources(None, None)

    @initialize(most=st.none() | st.integers(1, 4), rate=st.none() | st.integers(1, 9))
    def limits(self, most: int | None, rate: int | None) -> None:
        """Those of the file."""
        self.sources = Sources(most, rate)

    @rule(most=st.none() | st.integers(1, 4))
    def reload(self, most: int | None) -> None:
        """Another number of connections."""
        self.sources.most = most

    @rule(quarters=st.integers(0, 400))
    def time_passes(self, quarters: int) -> None:
        """Up to a hundred seconds."""
        self.now += Fraction(quarters, 4)

    @rule(host=st.sampled_from(HOSTS))
    def arrives(self, host: str) -> None:
        """Somebody connects: let in or refused, for the same reason, and to be let in at the same time."""
        name, arrived = NAMES[host], self.sources.arrive(host, float(self.now))
        if name is None:
            assert arrived is None
        elif self.sources.most is not None and self.count(name) >= self.sources.most:
            assert isinstance(arrived, Refusal)
            assert arrived.wait is None
        elif (wait := self.spend(name)) > 0:
            assert isinstance(arrived, Refusal)
            assert arrived.wait == pytest.approx(float(wait))
        else:
            assert isinstance(arrived, Source)
            self.there.append((name, arrived))

    @precondition(lambda self: self.there)
    @rule(chance=st.randoms(use_true_random=False))
    def leaves(self, chance: object) -> None:
        """One of them goes."""
        index = chance.randrange(len(self.there))  # type: ignore[attr-defined]
        _, source = self.there.pop(index)
        source.leave()

    @invariant()
    def nobody_is_forgotten_who_is_there_nor_remembered_who_never_was(self) -> None:
        """Each source once."""
        present = {name for name, _ in self.there}
        assert len(present) <= len(self.sources) <= 4
        for name, source in self.there:
            assert source.connections == self.count(name)

    def teardown(self) -> None:
        """Everybody leaves, and when all have rested nobody is remembered but who came last."""
        for _, source in self.there:
            source.leave()
        for number in range(1, 3):
            last = self.sources.arrive("192.0.2.2", float(self.now) + number * MINUTE)
            assert isinstance(last, Source)
            last.leave()
        assert len(self.sources) == (self.sources.rate is not None)

    def count(self, name: str) -> int:
        """The connections of one."""
        return sum(1 for other, _ in self.there if other == name)

    def spend(self, name: str) -> Fraction:
        """One more of it; how long it must wait for that."""
        rate = self.sources.rate
        if rate is None:
            return Fraction(0)
        spent, at = self.spent.get(name, (Fraction(0), self.now))
        spent = max(Fraction(0), spent - (self.now - at) * rate / 60)
        lacks = spent + 1 - rate
        self.spent[name] = (spent if lacks > 0 else spent + 1, self.now)
        return max(Fraction(0), lacks * 60 / rate)


TestBeside = Beside.TestCase
TestBeside.settings = settings(max_examples=100, stateful_step_count=40)

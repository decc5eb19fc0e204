"""What all unfinished hellos may hold together."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pumpproxy.policy.admission import MAX_HELD, HelloBudget


def test_nobody_goes_while_there_is_room() -> None:
    """The limit itself is still allowed."""
    budget: HelloBudget[str] = HelloBudget(100)
    assert budget.holds("a", 60) is None
    assert budget.holds("b", 40) is None
    assert budget.total == 100


def test_the_largest_goes_and_not_the_one_that_asks() -> None:
    """Who holds least is not to blame for being the last."""
    budget: HelloBudget[str] = HelloBudget(100)
    budget.holds("large", 70)
    budget.holds("middle", 30)
    assert budget.holds("small", 1) == "large"
    budget.releases("large")
    assert budget.total == 31


def test_the_one_that_asks_goes_where_it_is_the_largest() -> None:
    """It has grown beyond all others."""
    budget: HelloBudget[str] = HelloBudget(100)
    budget.holds("other", 40)
    budget.holds("grows", 10)
    assert budget.holds("grows", 61) == "grows"


def test_what_a_holder_holds_replaces_what_it_held() -> None:
    """A size is the whole of it, not an addition; it may shrink."""
    budget: HelloBudget[str] = HelloBudget(100)
    for size in (10, 90, 20):
        budget.holds("a", size)
    assert budget.total == 20
    budget.holds("b", 30)
    assert budget.holds("c", 60) == "c"


def test_releasing_twice_or_nothing_is_fine() -> None:
    """Every way out of the sniffing releases, whether anything was held or not."""
    budget: HelloBudget[str] = HelloBudget(100)
    budget.releases("never held")
    budget.holds("a", 0)
    budget.holds("a", 5)
    budget.releases("a")
    budget.releases("a")
    assert budget.total == 0


def test_the_limit_is_what_the_documentation_says() -> None:
    """64 MiB."""
    budget: HelloBudget[int] = HelloBudget()
    assert budget.holds(1, MAX_HELD) is None
    assert MAX_HELD == 64 * 1024 * 1024
    assert budget.holds(2, 1) == 1


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 300)), max_size=40))
def test_holders_are_told_apart_by_identity(sizes: list[tuple[int, int]]) -> None:
    """Equal sizes of different holders add up."""
    budget: HelloBudget[int] = HelloBudget(10_000_000)
    for holder, size in sizes:
        budget.holds(holder, size)
    assert budget.total == sum(dict(sizes).values())


class Budgets(RuleBasedStateMachine):
    """The budget beside a dictionary of sizes."""

    LIMIT = 1000

    def __init__(self) -> None:
        super().__init__()
        self.budget: HelloBudget[int] = HelloBudget(self.LIMIT)
        self.model: dict[int, int] = {}

    @rule(holder=st.integers(0, 7), size=st.integers(0, 600))
    def holds(self, holder: int, size: int) -> None:
        """Somebody grows or shrinks; whoever must go holds the most, and goes."""
        self.model[holder] = size
        evicted = self.budget.holds(holder, size)
        assert (evicted is not None) == (sum(self.model.values()) > self.LIMIT)
        while evicted is not None:
            assert self.model[evicted] == max(self.model.values())
            self.budget.releases(evicted)
            del self.model[evicted]
            if not self.model:
                break
            other, held = next(iter(self.model.items()))
            evicted = self.budget.holds(other, held)

    @rule(holder=st.integers(0, 7))
    def releases(self, holder: int) -> None:
        """Somebody's hello is complete, or gone."""
        self.model.pop(holder, None)
        self.budget.releases(holder)

    @invariant()
    def totals_agree(self) -> None:
        """Nothing is counted twice, or forgotten."""
        assert self.budget.total == sum(self.model.values())


TestBudgets = Budgets.TestCase
TestBudgets.settings = settings(max_examples=50, stateful_step_count=30)

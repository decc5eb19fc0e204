"""How many clients the limit of file descriptors carries."""

from __future__ import annotations

import pytest

from pumpproxy.flow.descriptorbudget import MOST_KEPT, RESERVED, DescriptorBudget, descriptor_limit


def test_the_descriptor_limit_is_raised() -> None:
    """To the hard limit, as far as it makes sense; asking again changes nothing."""
    limit = descriptor_limit()
    assert limit > 0
    assert descriptor_limit() == limit


@pytest.mark.parametrize("limit", [256, 1024, 20_000, 1_048_576])
def test_all_of_it_is_shared_out(limit: int) -> None:
    """Two a client, a few for idle servers' connections, and a reserve: never more than there are."""
    budget = DescriptorBudget(limit)
    assert limit - 1 <= 2 * budget.clients + budget.kept + RESERVED <= limit
    assert 0 < budget.kept <= MOST_KEPT
    assert limit - 1 <= budget.needed(budget.clients) <= limit
    assert budget.needed(budget.clients + 1) > limit


def test_with_hardly_any_one_client_is_served() -> None:
    """Whatever it may come to."""
    assert DescriptorBudget(10).clients == 1


def test_a_maxconn_that_does_not_fit_is_told_of() -> None:
    """What it would need, and what there is; of one that fits nothing."""
    budget = DescriptorBudget(1000)
    assert budget.shortage(None) is budget.shortage(budget.clients) is None
    told = budget.shortage(budget.clients + 1)
    assert told is not None
    assert told.startswith(f"maxconn = {budget.clients + 1} needs {budget.needed(budget.clients + 1)} descriptors")
    assert "the limit is 1000" in told


def test_checks_have_their_descriptors_too() -> None:
    """One each; whatever there is, one client is served."""
    budget = DescriptorBudget(1024)
    assert budget.beside(0) == budget.clients
    assert budget.beside(1) == budget.beside(2) == budget.clients - 1
    assert budget.beside(301) == budget.clients - 151
    assert budget.beside(10_000) == 1

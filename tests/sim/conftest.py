"""A broken invariant shows its values: pytest rewrites the asserts of the worlds too, as it does those of tests."""

from __future__ import annotations

import pytest

_JUDGES = (
    "causes",
    "checks",
    "courses",
    "groups",
    "ledger",
    "members",
    "peers",
    "probes",
    "readback",
    "sessions",
    "talks",
    "turns",
    "verdicts",
    "visits",
)
pytest.register_assert_rewrite(*(f"tests.sim.{name}" for name in _JUDGES))

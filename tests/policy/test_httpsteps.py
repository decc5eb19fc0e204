"""The steps of an exchange, as a closed set."""

from __future__ import annotations

import dataclasses
import inspect
from typing import get_args

from pumpproxy.policy import httpsteps


def test_each_step_is_one_of_the_set() -> None:
    """What the module declares is in the union that the shell matches over, and nothing else."""
    declared = {kind for _, kind in inspect.getmembers(httpsteps, dataclasses.is_dataclass)}
    declared = {kind for kind in declared if inspect.isclass(kind)}
    assert declared == set(get_args(httpsteps.HttpStep))


def test_the_ready_made_ones_are_equal_to_any_other() -> None:
    """A step without arguments is a value: one instance serves."""
    made = [step for _, step in inspect.getmembers(httpsteps) if dataclasses.is_dataclass(type(step))]
    assert len(made) == len(set(made))
    assert all(step == type(step)() for step in made)

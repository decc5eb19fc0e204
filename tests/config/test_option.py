"""Tests of what a row of the schema is."""

from __future__ import annotations

import pytest

from pumpproxy.config.option import ALL, INHERITING, Kind, Named, Option
from pumpproxy.model import Mode


def test_a_row_is_itself_alone() -> None:
    """Two rows of the same content are two keys of a dictionary: values are kept by row."""
    one, other = (Option(kind=Kind.GLOBAL, key="k", value="V", doc="d", parse=str) for _ in range(2))
    assert {one: 1, other: 2}[one] == 1
    assert one != other


def test_without_a_word_a_key_is_for_every_mode_and_section() -> None:
    """What a row does not say holds for all: every mode, `[defaults]` too, no default, and a reload takes it."""
    option = Option(kind=Kind.FRONTEND, key="k", value="V", doc="d", parse=str)
    assert (option.modes, option.inherited, option.default, option.reload) == (ALL, True, "", "yes")
    assert frozenset(Mode) == ALL
    named = Named(kind=Kind.BACKEND, key="k", argument="NAME", value="V", doc="d", parse=lambda a, b: (a, b))
    assert not hasattr(named, "inherited")


def test_only_frontends_and_backends_inherit() -> None:
    """`[global]` is one section and has its defaults in the schema."""
    assert [kind.value for kind in INHERITING] == ["frontend", "backend"]


def test_a_row_cannot_be_changed() -> None:
    """The schema is a constant."""
    option = Option(kind=Kind.FRONTEND, key="k", value="V", doc="d", parse=str)
    with pytest.raises(AttributeError):
        option.default = "x"  # type: ignore[misc]

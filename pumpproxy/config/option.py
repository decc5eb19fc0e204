"""What a row of the schema says about one key.

May not: hold a key itself (see `schema`), or know where in a file it is used.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from pumpproxy.model import Mode

if TYPE_CHECKING:
    from collections.abc import Callable

T_co = TypeVar("T_co", covariant=True)

ALL = frozenset(Mode)
TLS = frozenset({Mode.TLS})
HTTP = frozenset({Mode.HTTP})
NAMED = frozenset({Mode.TLS, Mode.HTTP})
RELAYED = frozenset({Mode.TLS, Mode.TCP})

# How values are written that rows of two modules have.
BOOLEAN = "`yes` or `no`"
FORWARDFOR = "`yes`, `no`, or `[except NET...] [header NAME] [if-none]`"


class Kind(enum.Enum):
    """The kinds of section that have keys of their own; the value is the first word of the header."""

    GLOBAL = "global"
    FRONTEND = "frontend"
    BACKEND = "backend"


INHERITING = (Kind.FRONTEND, Kind.BACKEND)
"""The kinds that take what `[defaults]` has."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """What the documentation and the reader need of every key."""

    kind: Kind
    key: str
    """The first word before the `=`."""
    value: str
    """How a value is written, for the documentation."""
    doc: str
    """Sentences for the documentation."""
    unset: str = ""
    """What holds where the key is not given and has no default to spell, for the documentation."""
    modes: frozenset[Mode] = ALL
    """The modes of a section in which the key means something."""
    reload: str = "yes"
    """Whether a reload takes a change, for the documentation."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Option(Row, Generic[T_co]):
    """A key that stands alone, once in a section."""

    parse: Callable[[str], T_co]
    """Takes the stripped value, never empty; raises BadValue."""
    default: str = ""
    """The value that is used where none is given, as the file would have it; empty for none."""
    inherited: bool = True
    """Whether `[defaults]` can hold it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Named(Row, Generic[T_co]):
    """A key that is followed by a name or pattern, and may stand in a section once for each. Never inherited."""

    argument: str
    """How what follows the key is written, for the documentation."""
    parse: Callable[[str, str], T_co]
    """Takes what follows the key, and the stripped value, neither of them empty; raises BadValue."""

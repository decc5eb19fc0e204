"""What to write in place of a section or key that there is not.

May not: decide that something is unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.config import haproxy, schema
from pumpproxy.config.option import Kind, Option
from pumpproxy.config.problems import did_you_mean, nearest
from pumpproxy.config.values import LATER

if TYPE_CHECKING:
    from collections.abc import Sequence

SECTIONS = ("global", "defaults", "frontend", "backend")

_LATER_SECTIONS = frozenset({"admin", "certs", "stats"})


def for_section(word: str) -> str:
    """A hint for the first word of a header that begins no section."""
    if word in _LATER_SECTIONS:
        return LATER
    return did_you_mean(word, SECTIONS) or haproxy.hint(word) or f"there are {', '.join(SECTIONS)}"


def for_key(word: str, key: str, kinds: Sequence[Kind]) -> str:
    """A hint for a key, and its first word, that sections of these kinds do not know."""
    elsewhere = _elsewhere(word)
    if elsewhere:
        return f"it belongs in [{'] or ['.join(elsewhere)}]"
    if _hyphened(key) in _known(kinds):
        return f"did you mean '{_hyphened(key)}'?"
    return haproxy.hint(key) or did_you_mean(word, _known(kinds))


def meant(word: str, key: str, kinds: Sequence[Kind]) -> str:
    """The key that an unknown one is probably meant to be; empty where none is near, or where it is a key elsewhere."""
    if _elsewhere(word):
        return ""
    known = _known(kinds)
    if _hyphened(key) in known:
        return _hyphened(key)
    return "" if haproxy.hint(key) else nearest(word, known)


def _hyphened(key: str) -> str:
    """A key as ours are written: `timeout client` and `default_backend` are HAProxy's ways."""
    return "-".join(key.lower().replace("_", "-").split())


def _elsewhere(word: str) -> list[str]:
    return [kind.value for kind in Kind if (kind, word) in schema.BY_KEY]


def _known(kinds: Sequence[Kind]) -> list[str]:
    return [row.key for row in schema.ROWS if row.kind in kinds and (len(kinds) == 1 or _may_be_default(row))]


def _may_be_default(row: object) -> bool:
    return isinstance(row, Option) and row.inherited

"""The one table of all keys: where each may stand, how it is read, its default, and what it does.

The reader, the documentation and the hints are made from it. The rows themselves stand in a module a kind of section.
May not: contain a key that nothing obeys.
"""

from __future__ import annotations

from pumpproxy.config import backendrows, frontendrows, globalrows
from pumpproxy.config.option import Named, Option

ROWS: tuple[Option[object] | Named[object], ...] = tuple(
    row
    for rows in (globalrows, frontendrows, backendrows)
    for row in vars(rows).values()
    if isinstance(row, (Option, Named))
)
"""Every row of them, in that order, which is the documentation's."""

BY_KEY = {(row.kind, row.key): row for row in ROWS}

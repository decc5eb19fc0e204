"""On which line of its file a thing stands that the model has.

May not: check anything; the file is known to be good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumpproxy.config import ini, routes
from pumpproxy.config.problems import Problems

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pumpproxy.config.ini import Entry
    from pumpproxy.model import Route


@dataclass(frozen=True, slots=True)
class Written:
    """A line as it stands there, without its comment."""

    line: int
    text: str


class Places:
    """Of one file's lines."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._sections = {section.name: section for section in ini.read(list(lines), Problems(""))}

    def section(self, kind: str, name: str) -> Written:
        """The header of `[KIND NAME]`."""
        full = f"{kind} {name}"
        return Written(self._sections[full].line, f"[{full}]")

    def key(self, section: str, word: str) -> Written | None:
        """Of a key that stands alone, in its section or in `[defaults]`; None: it is not given."""
        for where in (section, "defaults"):
            for entry in self._entries(where):
                if entry.key.lower() == word:
                    return _written(entry)
        return None

    def route(self, frontend: str, route: Route) -> Written:
        """A route of a frontend."""
        return next(
            _written(entry)
            for entry in self._named(f"frontend {frontend}", "route")
            if routes.route(entry.key.partition(" ")[2], entry.value) == route
        )

    def server(self, backend: str, name: str, key: str = "server") -> Written | None:
        """The `server` line of a backend, or its `use-server` line for that server."""
        found = (
            _written(entry) for entry in self._named(f"backend {backend}", key) if entry.key.partition(" ")[2] == name
        )
        return next(found, None)

    def _named(self, section: str, word: str) -> list[Entry]:
        return [entry for entry in self._entries(section) if entry.key.partition(" ")[0].lower() == word]

    def _entries(self, section: str) -> list[Entry]:
        found = self._sections.get(section)
        return [] if found is None else found.entries


def _written(entry: Entry) -> Written:
    return Written(entry.line, f"{entry.key} = {entry.value}")

"""What was done to the site, and what the clients say of it, by the monotonic clock. May not: judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.system.faultcourse import Fault
    from tests.system.faultledger import Visit
    from tests.system.faultsite import Layout, Names, Server

NEVER = float("inf")


@dataclass(frozen=True)
class Failed:
    """What was done to a server, and when that was over."""

    server: Server
    fault: Fault
    begin: float
    end: float


@dataclass
class History:
    """All of it."""

    called: dict[Server, str] = field(default_factory=dict)
    """The name of each server in the log."""
    faults: list[Failed] = field(default_factory=list)
    files: list[tuple[Layout, float, float]] = field(default_factory=list)
    """What was in force, from when to when; at a reload two are, while nobody can tell."""
    answers: list[tuple[Names, float, float]] = field(default_factory=list)
    """The same of what DNS said, as long as it may be believed."""
    visits: list[Visit] = field(default_factory=list)
    last: list[Visit] = field(default_factory=list)
    """Those that came when everything was well again."""

    def faults_of(self, servers: Iterable[Server], begin: float, end: float) -> set[Fault]:
        """What was done to any of these in that time."""
        chosen = set(servers)
        return {each.fault for each in self.faults if each.server in chosen and each.begin <= end and each.end >= begin}

    def files_in(self, begin: float, end: float) -> list[Layout]:
        """All that were in force in that time."""
        return [layout for layout, since, until in self.files if since <= end and until >= begin]

    def answers_in(self, begin: float, end: float) -> list[Names]:
        """All that DNS may have said."""
        return [names for names, since, until in self.answers if since <= end and until >= begin]

    def declare(self, layout: Layout, asked: float, done: float) -> None:
        """A reload began and ended."""
        if self.files:
            before, since, _ = self.files[-1]
            self.files[-1] = before, since, done
        self.files.append((layout, asked, NEVER))

    def answer(self, names: Names, at: float, believed: float) -> None:
        """DNS says this now; what it said before may be believed until then."""
        if self.answers:
            before, since, _ = self.answers[-1]
            self.answers[-1] = before, since, believed
        self.answers.append((names, at, NEVER))

    def silenced(self, begin: float, believed: float) -> None:
        """DNS said nothing since `begin`, and does again; what was believed then may be until `believed`."""
        self.answers = [
            (names, since, max(until, believed) if until > begin else until) for names, since, until in self.answers
        ]

"""One pool by its file and by what is known of its servers: who may be chosen, who must wait, and for whom.

The rules as an operator is told them, said once more by hand; nothing here asks the Pool.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumpproxy.model import Admin, Balance, Redispatch
from pumpproxy.policy.outcome import Outcome
from tests.sim.members import Choices, Member

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pumpproxy.model import Backend
    from pumpproxy.policy.queue import Ticket
    from pumpproxy.policy.serverstate import ServerState
    from tests.sim.courses import Course
    from tests.sim.ledger import Ledger


class Line(enum.Enum):
    """What somebody waits for who does not wait for one server alone."""

    ANY = enum.auto()
    """A place at any server that is balanced to."""
    NEWS = enum.auto()
    """That something is heard of a server."""


@dataclass(eq=False)
class Stay:
    """Somebody who waits. `refused`: by a server that may be back any moment; only news can tell."""

    course: Course
    line: ServerState | Line
    refused: bool = False


@dataclass
class Welcome:
    """What must become of somebody who comes: one of `may`, else a place in `line`, else the end."""

    may: set[ServerState]
    line: ServerState | Line | None = None
    refusal: Outcome = Outcome.NO_SERVER


class Group:
    """A pool, with all who wait at it in the order in which they came."""

    def __init__(self, ledger: Ledger, declared: Backend) -> None:
        self._ledger = ledger
        self.declared = declared
        self.members: dict[str, Member] = {}
        self.waiting: dict[Ticket, Stay] = {}
        self.most = 0
        """Who may wait at a time: half of what the process carries."""
        self.gone = False
        """The file has it no more."""
        self._choices = Choices()

    # Who may be chosen

    def balanced(self) -> list[ServerState]:
        """Who is chosen among: a backup only where nobody else may be."""
        able = [member for member in self.members.values() if member.balanced]
        first = [member for member in able if not member.said.backup]
        return [member.state for member in first or able[:1]]

    def backups(self) -> list[ServerState]:
        """All that stand by."""
        return [member.state for member in self.members.values() if member.balanced and member.said.backup]

    def pinned(self, host: str | None) -> ServerState | None:
        """Whom `use-server` names for this host, if it may be chosen."""
        member = self._named(host)
        return member.state if member is not None and member.usable else None

    def _named(self, host: str | None) -> Member | None:
        for name, server in self.declared.use_server:
            if name == host:
                return self.members[server]
        return None

    def by_cookie(self, values: Iterable[str]) -> ServerState | None:
        """The first that may be chosen of those whom a client's cookies name."""
        members = [member for value in values for member in self.members.values() if member.said.cookie == value]
        return next((member.state for member in members if member.usable), None)

    def member(self, state: ServerState) -> Member | None:
        """What is known of it, as long as it is of the file."""
        return next((member for member in self.members.values() if member.state is state), None)

    def roomy(self, states: Iterable[ServerState]) -> set[ServerState]:
        """Those of them that have less than their `maxconn`."""
        return {state for state in states if self._ledger.has_room(state)}

    def bridges(self, state: ServerState) -> bool:
        """Whether a server that refuses is waited for: somebody must be there to tell when it is back."""
        member = self.member(state)
        checked = member is not None and member.said.check is not None and member.admin is not Admin.MAINT
        return checked and self.declared.hold and not self.gone

    def wanted(self, course: Course) -> ServerState | None:
        """Who alone is meant: by `use-server`, else by its cookie, as long as it is there."""
        pinned = self.pinned(course.host)
        member = None if course.named is None else self.member(course.named)
        return pinned or (member.state if member is not None and member.usable else None)

    def _awaits(self, course: Course) -> bool:
        """Whether a server that is away would take this one, once it is back."""
        return any(
            self.bridges(member.state)
            and (
                (member.admin is Admin.READY and member.said.weight > 0)
                or member is self._named(course.host)
                or member.state is course.named
            )
            for member in self.members.values()
        )

    # Who comes

    def welcome(self, course: Course) -> Welcome:
        """Somebody who was nowhere yet."""
        wanted, balanced = self.wanted(course), self.balanced()
        may = self.roomy(balanced if wanted is None else [wanted])
        if may:
            return Welcome(may)
        if wanted is None and not balanced and not self._awaits(course):
            return Welcome(set())
        full = Welcome(set(), None, Outcome.QUEUE_FULL)
        if len(self.waiting) >= self.most:
            return full
        if wanted is not None:
            if self._has_place(wanted):
                return Welcome(set(), wanted)
            if self.declared.redispatch is Redispatch.NO or not balanced:
                return full
            others = self.roomy(balanced)
            if others:
                return Welcome(others)
        if not balanced:
            return Welcome(set(), Line.NEWS)
        return Welcome(set(), Line.ANY) if self._has_place(None) else full

    def _has_place(self, wanted: ServerState | None) -> bool:
        """In the queue for this server; None: for any, which has the places of all of them."""
        line = Line.ANY if wanted is None else wanted
        bounds = [
            member.said.maxqueue
            for member in self.members.values()
            if member.state in (self.balanced() if wanted is None else [wanted])
        ]
        known = [bound for bound in bounds if bound is not None]
        return len(known) < len(bounds) or self.length(line) < sum(known)

    def length(self, line: ServerState | Line) -> int:
        """How many wait so."""
        return sum(stay.line is line for stay in self.waiting.values())

    # Who is served

    def grants(self, ticket: Ticket, server: ServerState | None) -> None:
        """One who waits has a place that was given up; whoever waits longer for it is passed over."""
        stay = self.waiting[ticket]
        assert server is not None, "nothing has changed, and nobody will come"
        assert self.roomy([server]), "more than its maxconn"
        for other in self.waiting.values():
            if server is other.line or (other.line is Line.ANY and server in self.balanced()):
                assert other is stay, "not the first in line"
                break
        else:
            raise AssertionError(server)
        del self.waiting[ticket]
        stay.course.granted(server)

    def asked_anew(self, woken: dict[Ticket, ServerState | None]) -> None:
        """Something has changed of the servers: in their order, each is given a server or waits for the right thing.

        Nobody is refused who waits already, as long as there is somebody to wait for.
        """
        served = [ticket for ticket in woken if ticket in self.waiting]
        stays, self.waiting = self.waiting, {}
        assert served == [ticket for ticket in stays if ticket in woken], "served out of turn"
        for ticket, stay in stays.items():
            if ticket not in woken:
                stay.line, stay.refused = self._line(stay.course), False
                self.waiting[ticket] = stay
                continue
            server = woken.pop(ticket)
            if server is None:
                self._in_vain(stay.course)
            else:
                assert server in self._may(stay.course)
            stay.course.granted(server)

    def _in_vain(self, course: Course) -> None:
        assert self.wanted(course) is None
        assert not self.balanced()
        assert not self._awaits(course)

    def _may(self, course: Course) -> set[ServerState]:
        wanted = self.wanted(course)
        if wanted is None:
            return self.favourites(self.roomy(self.balanced()), course.client)
        if self.roomy([wanted]) or self.declared.redispatch is Redispatch.NO or self._has_place(wanted):
            return self.roomy([wanted])
        return self.roomy(self.balanced())

    def _line(self, course: Course) -> ServerState | Line:
        wanted, balanced = self.wanted(course), self.balanced()
        if wanted is not None:
            moves = balanced and self.declared.redispatch is not Redispatch.NO
            return Line.ANY if moves and not self._has_place(wanted) else wanted
        assert balanced or self._awaits(course), "somebody waits for nobody"
        return Line.ANY if balanced else Line.NEWS

    # What must hold at any time

    def check(self) -> None:
        """Nobody waits while there is a place, nor for one who cannot come."""
        for stay in self.waiting.values():
            if stay.line is Line.ANY:
                assert self.balanced()
                assert not self.roomy(self.balanced()), "somebody waits while there is a place"
            elif stay.line is not Line.NEWS:
                assert stay.line is self.wanted(stay.course)
                assert not self.roomy([stay.line]), "somebody waits while there is a place"
            elif not stay.refused:
                assert not self.balanced()
                assert self.wanted(stay.course) is None

    def heard(self, woken: dict[Ticket, ServerState | None]) -> None:
        """A server passed a check: whoever waits for that tries again."""
        if self.length(Line.NEWS):
            self.asked_anew(woken)

    # Which of several

    def favourites(self, may: set[ServerState], client: str) -> set[ServerState]:
        """Those that the file's `balance` allows, of some that have room."""
        members = self._members(may)
        loads = {one.said.name: self._ledger.at_server[one.state] + self.length(one.state) for one in members}
        return {member.state for member in self._choices.favourites(self.declared.balance, members, loads, client)}

    def remember(self, chosen: ServerState, may: set[ServerState], client: str) -> None:
        """One was chosen of those."""
        if self.declared.balance is Balance.SOURCE:
            self._choices.remember(chosen.name, self._members(may), client)

    def _members(self, states: set[ServerState]) -> list[Member]:
        return [member for member in self.members.values() if member.state in states]

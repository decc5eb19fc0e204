"""A client's way back to its server, by a cookie: which one a request names, and what its answer says of it.

As HAProxy has it (its manual, `cookie`), and its letters for the log (8.5). May not: choose a server, or read a clock.
"""

from __future__ import annotations

import enum
from dataclasses import replace
from typing import TYPE_CHECKING

from pumpproxy.model import CookieMode
from pumpproxy.policy.attempts import Attempts
from pumpproxy.wire import cookiemarks, cookies
from pumpproxy.wire.cookiemarks import Visit
from pumpproxy.wire.httpfields import OWS, values

if TYPE_CHECKING:
    from pumpproxy.model import PersistenceCookie
    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.request import Request
    from pumpproxy.policy.serverstate import ServerState
    from pumpproxy.wire.http1 import RequestHead, ResponseHead
    from pumpproxy.wire.httpfields import Field

MOST_AHEAD = 86400
"""Seconds that a date may be ahead of our clock: a wrong time zone does no harm, whoever would stay longer does."""

_FINAL = 200
_SWITCHING = 101
_GONE = b"=; Expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/"
_PRIVATE = (b"Cache-Control", b"private")
_NOT_SHARED = {b"private", b"no-store", b"no-cache"}


class Asked(enum.Enum):
    """What the request's cookie was good for: (word, third letter of the termination state)."""

    NONE = ("none", "N")
    INVALID = ("invalid", "I")
    """It names nobody."""
    DOWN = ("down", "D")
    """It names a server that could not be used or reached."""
    VALID = ("valid", "V")
    EXPIRED = ("expired", "E")
    """Not used for longer than `maxidle`."""
    OLD = ("old", "O")
    """First set longer ago than `maxlife`."""
    UNUSED = ("unused", "U")
    """A `use-server` line decided."""

    def __init__(self, word: str, letter: str) -> None:
        self.word = word
        self.letter = letter


class Answered(enum.Enum):
    """What became of the cookie in the answer: (word, fourth letter of the termination state)."""

    NONE = ("none", "N")
    INSERTED = ("inserted", "I")
    UPDATED = ("updated", "U")
    """Set again for its date."""
    PROVIDED = ("provided", "P")
    """The server's, as it is."""
    REWRITTEN = ("rewritten", "R")
    DELETED = ("deleted", "D")

    def __init__(self, word: str, letter: str) -> None:
        self.word = word
        self.letter = letter


_TELLING = (Asked.DOWN, Asked.EXPIRED, Asked.OLD)
"""What an invalid cookie beside it does not hide."""


def begin(request: Request, pool: Pool, head: RequestHead, epoch: float) -> RequestHead:
    """The head that is sent on to a server of the pool; `epoch`: the wall clock less the one of the request's times."""
    rule = pool.backend.cookie
    if rule is None:
        return head
    request.persistence = Persistence(rule, pool, head, request.started, epoch, request.client)
    return request.persistence.head


class Persistence:
    """One request at a backend with a `cookie`: read as it comes, and its answer after it.

    `head` is what is sent on, `attempts` are those at the server that is named, if there is one.
    """

    __slots__ = (
        "_asked",
        "_epoch",
        "_first",
        "_last",
        "_name",
        "_pinned",
        "_pool",
        "_rule",
        "_server",
        "answered",
        "attempts",
        "head",
    )

    def __init__(
        self, rule: PersistenceCookie, pool: Pool, head: RequestHead, now: float, epoch: float, client: str = ""
    ) -> None:
        """`now` is monotonic; `epoch`: the wall clock less it; `client`: its address."""
        self._rule = rule
        self._name = rule.name.encode("ascii")
        self._pool = pool
        self._epoch = epoch
        # HAProxy's order: `use-server`, then the cookie.
        self._pinned = pool.pinned(head.host) is not None
        self._asked = Asked.NONE
        self._server: ServerState | None = None
        self._last: int | None = None
        self._first: int | None = None
        self.answered = Answered.NONE
        self.head = self._read(head, now + epoch)
        self.attempts = Attempts(pool, head.host, self._server, client)

    @property
    def asked(self) -> Asked:
        """What the request's cookie was good for, as it turned out."""
        attempts = self.attempts
        # Whoever waited for it may have been sent elsewhere, without an attempt.
        lost = attempts.redispatched or attempts.server not in {None, self._server}
        return Asked.DOWN if lost and self._asked is Asked.VALID else self._asked

    # The request ----------------------------------------------------------------------------------------------------

    def _read(self, head: RequestHead, wall: float) -> RequestHead:
        """What is sent on. The first cookie whose server can be used is followed."""
        fields: list[Field] = []
        for field in head.fields:
            name, line = field
            if name.lower() == b"cookie":
                passes = self._sent_on(line, wall)
                if passes is not None:
                    fields.append((name, passes))
            else:
                fields.append(field)
        return head if self._asked is Asked.NONE else replace(head, fields=tuple(fields))

    def _sent_on(self, line: bytes, wall: float) -> bytes | None:
        found = cookies.find(line, self._name)
        if not found:
            return line
        if self._rule.mode is CookieMode.PREFIX:
            prefixes = [cookiemarks.find_prefix(line, value) for value in found]
            for prefix in prefixes:
                self._follow(None if prefix is None else prefix.server)
            return cookies.replaced(line, [(prefix.span, b"") for prefix in prefixes if prefix is not None])
        for value in found:
            inside = cookies.unquoted(line, value)
            self._visited(cookiemarks.read_visit(line[inside.start : inside.stop]), wall)
        return cookies.without(line, self._name) if self._rule.indirect else line

    def _visited(self, visit: Visit, wall: float) -> None:
        if self._server is not None:
            return
        rule = self._rule
        self._last = self._first = None
        if _is_over(visit.first, rule.maxlife, wall):
            self._asked = Asked.OLD
        elif _is_over(visit.last, rule.maxidle, wall):
            self._asked = Asked.EXPIRED
        else:
            self._last, self._first = visit.last, visit.first
            self._follow(visit.server)

    def _follow(self, name: bytes | None) -> None:
        if self._server is not None:
            return
        server = self._pool.by_cookie.get(name) if name is not None and not self._pinned else None
        if server is None:
            if self._asked not in _TELLING:
                self._asked = Asked.UNUSED if self._pinned else Asked.INVALID
        elif server.usable:
            self._asked = Asked.VALID
            self._server = server
        else:
            self._asked = Asked.DOWN

    # The answer -----------------------------------------------------------------------------------------------------

    def response(self, head: ResponseHead, now: float) -> ResponseHead:
        """A head, interim or final, as the client is to get it from the server that was reached; `now`: monotonic."""
        self.answered = Answered.NONE
        server = self.attempts.server
        value = None if server is None or server.declared.cookie is None else server.declared.cookie.encode("ascii")
        fields = [passes for field in head.fields if (passes := self._passed_on(field, value)) is not None]
        final = head.status >= _FINAL or head.status == _SWITCHING
        inserts = final and self._rule.mode is CookieMode.INSERT
        added = self._added(value, fields, now + self._epoch) if inserts else []
        if self.answered is Answered.NONE:
            return head
        # What Connection names ends here (RFC 9110 section 7.6.1), but ours does not.
        named = head.connection & {name.lower() for name, _ in added}
        fields = [field for field in fields if field[0].lower() not in named]
        return replace(head, fields=(*fields, *added), connection=head.connection - named)

    def _passed_on(self, field: Field, server: bytes | None) -> Field | None:
        name, line = field
        if name.lower() != b"set-cookie":
            return field
        value = cookies.find_set(line, self._name)
        if value is None:
            return field
        if self._rule.mode is CookieMode.INSERT:
            self.answered = Answered.DELETED
            return None
        if server is None:
            self.answered = Answered.PROVIDED
            return field
        self.answered = Answered.REWRITTEN
        edit = (value, server)
        if self._rule.mode is CookieMode.PREFIX:
            edit = (cookiemarks.place_of_prefix(line, value), server + cookiemarks.PREFIX_END)
        return name, cookies.replaced(line, [edit])

    def _added(self, server: bytes | None, fields: list[Field], wall: float) -> list[Field]:
        direct = self.attempts.pinned and not self.attempts.redispatched
        if direct and not self._is_to_be_dated(wall):
            return []
        if server is None:
            # Nothing leads back to this one, and nothing shall lead elsewhere.
            if self._asked is Asked.NONE:
                return []
            value = _GONE
        else:
            value = b"=" + cookiemarks.write_visit(self._visit(server, wall)) + b"; path=/"
        self.answered = Answered.UPDATED if direct and server is not None else Answered.INSERTED
        value += b"; HttpOnly" if self._rule.httponly else b""
        value += b"; Secure" if self._rule.secure else b""
        added = [(b"Set-Cookie", self._name + value)]
        return [*added, _PRIVATE] if self._rule.nocache and _may_be_shared(fields) else added

    def _is_to_be_dated(self, wall: float) -> bool:
        """Whether a cookie that leads here is to be set again: its dates are too few, too many, or no longer so."""
        rule = self._rule
        if (rule.maxidle is not None or self._last is not None) and (self._last is None or self._last < wall):
            return True
        return (rule.maxlife is None) is not (self._first is None)

    def _visit(self, server: bytes, wall: float) -> Visit:
        rule = self._rule
        now = cookiemarks.rounded(wall)
        last = None if rule.maxidle is None and rule.maxlife is None else now
        return Visit(server, last, None if rule.maxlife is None else self._first or now)


def _is_over(date: int | None, longest: float | None, wall: float) -> bool:
    return date is not None and longest is not None and (wall - date > longest or date - wall > MOST_AHEAD)


def _may_be_shared(fields: list[Field]) -> bool:
    """Whether a cache may keep it for others (RFC 9111, section 5.2.2): by rule or, where it says nothing, by guess."""
    lines = values(fields, b"cache-control")
    return not any(word.strip(OWS).lower() in _NOT_SHARED for line in lines for word in line.split(b","))

"""What the far ends of a relay got, read by a strict reader and compared with what was meant."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumpproxy.policy.outcome import Outcome
from tests.sim import strict
from tests.sim.asks import TOLD_BY_RULES, Ask, Passes

if TYPE_CHECKING:
    from pumpproxy.model import ForwardFor
    from pumpproxy.policy.records import RequestRecord
    from tests.sim.strict import Field, Message
    from tests.sim.talks import Talk
    from tests.sim.turns import Turn

NOTHING = Ask(b"")
"""What a client asks that has no more to ask."""

_OURS = {b"connection", b"content-length", b"transfer-encoding"}
_REQUEST = {b"host", b"te", b"upgrade"}
_CUT = {Outcome.BAD_RESPONSE, Outcome.SERVER_LEFT, Outcome.SERVER_IDLE, Outcome.SERVER_DOWN}


def check_request(got: bytes, ask: Ask, origin: Origin, *, sent: bool, keeps: bool) -> None:
    """`got` is the request as it was meant, or its visible beginning.

    `sent`: the client has sent all of it; `keeps`: the connection may carry another.
    """
    message = strict.request(got)
    if message is None:
        assert not got
        return
    assert message.size == len(got)
    assert not message.whole or (sent and not ask.bad_rest), "a request looks complete that never was"
    assert message.start == (ask.method, ask.path, b"%d" % (ask.host is not None))
    assert ask.body.startswith(message.body)
    if message.whole:
        assert message.body == ask.body
        # A trailer is whoever's who stands behind a trusted proxy: it vouches for nobody.
        assert message.trailers == [one for one, passes in ask.trailers if passes is Passes.ALWAYS]
    _check_fields(message, ask, origin, keeps=keeps)


@dataclass
class Origin:
    """Whom a request comes from, and what the file says of telling it."""

    host: str
    trusted: bool
    rules: list[ForwardFor]
    """The frontend's, the backend's."""

    def passes(self, kind: Passes) -> bool:
        """Whether such a field passes, from this client."""
        return kind is Passes.ALWAYS or (kind is Passes.VOUCHING and self.trusted)

    @property
    def told(self) -> Field | None:
        """The line that is added."""
        address = ipaddress.ip_address(self.host)
        if not self.rules or any(address in network for rule in self.rules for network in rule.networks):
            return None
        return self.rules[-1].header.encode(), self.host.encode()


def _check_fields(message: Message, ask: Ask, origin: Origin, *, keeps: bool) -> None:
    forged = set()
    if not origin.trusted:
        names = {rule.header.lower().encode() for rule in origin.rules}
        forged = {one for one in TOLD_BY_RULES if one[0].lower().replace(b"_", b"-") in names}
    expected = [one for one, passes in ask.fields if one not in forged and origin.passes(passes)]
    if origin.told is not None:
        expected.append(origin.told)
    assert [one for one in message.fields if one[0].lower() not in _OURS | _REQUEST] == expected
    assert message.values(b"host") == ([] if ask.host_line is None else [ask.host_line])
    assert message.values(b"te") == ([b"trailers"] if ask.te and not ask.upgrade else [])
    assert message.values(b"upgrade") == ([b"websocket"] if ask.upgrade else [])
    options = [] if keeps else [b"close"]
    options += [b"TE"] if ask.te else []
    assert message.values(b"connection") == ([b"Upgrade"] if ask.upgrade else [b", ".join(options)] if options else [])


def check_response(wire: bytes, turn: Turn, talk: Talk, *, last: bool) -> bytes:
    """What the client got for one request is what the record says; what follows it. `last`: nothing should follow."""
    record = turn.record
    assert record is not None
    # Of a head that was not understood, or never came whole, the beginning tells.
    said = talk.fed[turn.start :].lstrip(b"\r\n")
    method = turn.ask.method if turn.decided else b"HEAD" if said.startswith(b"HEAD ") else b"GET"
    size = 0
    message = strict.response(wire, method)
    while message is not None and message.status < 200 and message.status != 101:
        assert turn.ask.minor, "an interim response for HTTP/1.0"
        assert not message.values(b"connection")
        size += message.size
        message = strict.response(wire[size:], method)
    if record.status is None:
        assert message is None
        assert wire[size:] == b""
        assert last
        return b""
    assert message is not None
    assert message.status == record.status
    if message.status == 101:
        assert last
        return b""
    size += message.size
    assert record.bytes_out == size
    assert turn.ask.minor or not message.values(b"transfer-encoding"), "chunks for HTTP/1.0"
    if turn.mark and message.values(b"x-answer"):
        _check_passed(message, turn, record, talk)
    else:
        assert message.whole
        assert not message.trailers
        assert message.values(b"cache-control") == [b"no-cache"]
        _check_location(message, turn)
    _check_persistence(message, turn, talk, last=last)
    return wire[size:]


def _check_passed(message: Message, turn: Turn, record: RequestRecord, talk: Talk) -> None:
    """A server's answer: all of it, or visibly less."""
    assert turn.peer is not None
    reply = turn.peer.reply
    assert message.values(b"x-answer") == [turn.mark]
    fields = [one for one in message.fields if one[0].lower() not in _OURS]
    ours = [value for name, value in fields if name == b"Set-Cookie" and value.startswith(b"SRV=")]
    assert [one for one in fields if one[1] not in ours] == reply.fields
    assert ours == _way_back(turn)
    if message.until_close:
        assert not turn.ask.minor, "a body without an end for a client that knows chunks"
        assert reply.payload.startswith(message.body)
        if record.outcome is Outcome.COMPLETED:
            assert message.body == reply.payload
            assert not talk.was_reset
        elif message.body != reply.payload or record.outcome in _CUT:
            assert talk.was_reset or record.outcome is Outcome.CLIENT_LEFT, "a cut that nobody sees"
    elif message.whole:
        assert record.outcome not in _CUT, "a cut that nobody sees"
        assert message.body == reply.payload
        assert message.trailers == (reply.trailers if message.values(b"transfer-encoding") else [])
    else:
        assert record.outcome is not Outcome.COMPLETED
        assert reply.payload.startswith(message.body)


def _way_back(turn: Turn) -> list[bytes]:
    """The cookie that a client is given with its answer: that which leads back to its server, if it has not got it."""
    course = turn.course
    assert course is not None
    if not turn.gives_cookies or (course.pinned and not course.redispatched):
        return []
    value = turn.cookie
    if value is None:
        return [b"SRV=; Expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/"] if turn.ask.servers else []
    return [b"SRV=%b; path=/" % value.encode()]


def _check_location(message: Message, turn: Turn) -> None:
    if message.status in (301, 308):
        path = b"/" if turn.ask.path == b"*" else turn.ask.path
        assert message.values(b"location") == [b"https://%b%b" % ((turn.ask.host or "").encode(), path)]


def _check_persistence(message: Message, turn: Turn, talk: Talk, *, last: bool) -> None:
    """Who is told that the connection closes sees it close, and it closes only where there is a reason."""
    ask = turn.ask
    options = b",".join(message.values(b"connection")).lower()
    turn.told_to_close = b"close" in options or (not ask.minor and b"keep-alive" not in options)
    assert talk.over
    assert last or not turn.told_to_close
    persists = turn.may_persist and ask.keep_alive
    if talk.turns.ending_soon:
        assert persists or turn.told_to_close
    elif turn.peer is not None and message.values(b"x-answer"):
        assert turn.told_to_close is not (persists and not message.until_close)
    elif turn.answers:
        assert turn.told_to_close is not (persists and bool(ask.minor) and not ask.rest)
    else:
        assert turn.told_to_close

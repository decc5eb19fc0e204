"""Whether what servers heard of a client, and what it got back, is what it meant: by the second reader alone.

May not: ask the proxy's code what anything means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sim import strict
from tests.sim.replies import End, Worth
from tests.system.wanted import FRAMES, NO_TRAILERS, Wanted, passing, settled, stops, wanted
from tests.wire.secondreader import meaning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sim.strict import Field, Message
    from tests.system.recorder import Heard, Ledger
    from tests.system.talker import Talker

_OURS = {b"connection", b"content-length", b"transfer-encoding"}
_IDEMPOTENT = {b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"}
_REPEATED = 64_000
"""Bytes of a request that is surely sent again where a kept connection was given up; more is not held for that."""
_REFUSALS = {400, 405, 408, 414, 431, 501, 505}
_BAD_GATEWAY = {502, 504}


class Case:
    """One client's story."""

    def __init__(self, talker: Talker, ledger: Ledger, *, keeps: bool) -> None:
        self._talker = talker
        self._ledger = ledger
        self._keeps = keeps
        sent = talker.plan.data[: talker.sent]
        self._sent = sent
        meant = meaning(sent)
        starts = [0, *meant.ends]
        self._wanted: list[Wanted] = []
        self._ends = meant.ends
        for number, plain in enumerate(meant.requests):
            self._wanted.append(wanted(plain, sent[starts[number] : meant.ends[number]]))
            if self._wanted[-1].closes:
                break
        self._open = not (self._wanted and self._wanted[-1].closes)
        """Whether what follows the whole requests means anything."""
        self._begun = None
        if meant.begun is not None and self._open:
            self._begun = wanted(meant.begun, sent[starts[-1] :])
        self._fault = meant.fault if self._open else ""
        self._place: dict[bytes, int] = {}
        """Which of its requests each mark answers."""

    def amiss(self) -> Iterator[str]:
        """Whatever is not as it must be."""
        if self._talker.plan.who not in self._ledger.raced:
            yield from self._amiss_at_servers()
            yield from self._amiss_in_answers()

    # What servers heard

    def _amiss_at_servers(self) -> Iterator[str]:
        at, before = 0, None
        for heard in self._ledger.heard.get(self._talker.plan.who, []):
            again = before is not None and self._is_repeated(before, heard)
            while not again and at < len(self._wanted) and self._wanted[at].last_hop:
                at += 1
            place = at - 1 if again else at
            want = [*self._wanted, self._begun, None][min(place, len(self._wanted) + 1)]
            if want is None:
                yield f"a server heard what was never asked: {heard.message.start}"
                return
            yield from self._amiss_heard(heard, want, whole=place < len(self._wanted))
            self._place[heard.mark] = place
            at, before = place + 1, heard

    def _is_repeated(self, before: Heard, heard: Heard) -> bool:
        """Whether it came twice, as it may where a kept connection was given up before an answer."""
        return (
            self._keeps
            and before.message.start == heard.message.start
            and before.message.fields == heard.message.fields
            # A reset may destroy what was said just before it.
            and (not before.spoken or before.reply.end is End.RESET)
            and (before.message.start[0] in _IDEMPOTENT or not before.message.whole)
        )

    def _amiss_heard(self, heard: Heard, want: Wanted, *, whole: bool) -> Iterator[str]:
        message = heard.message
        method, _, _, _, body, trailers = want.plain
        hosts = [value for name, value in want.plain[3] if name == b"host"]
        nameless = not hosts and want.host is None
        if message.start != (method, want.path, b"%d" % (not nameless)):
            yield f"heard {message.start} for {want.plain[:3]}"
        if heard.backend != want.backend:
            yield f"{want.host!r} {want.path!r} came to {heard.backend}"
        if hosts and message.values(b"host") != hosts:
            yield f"another Host: {message.values(b'host')}"
        if message.whole:
            if not whole:
                yield "a request looks whole that never was"
            if message.body != body:
                yield f"another body: {message.body[:200]!r}"
            drops = want.drops | want.options | FRAMES | NO_TRAILERS
            passes = [one for one in trailers if not stops(one[0], drops)]
            if settled(_lowered(message.trailers), drops) != settled(passes, drops):
                yield f"other trailers: {message.trailers}"
        elif not body.startswith(message.body):
            yield f"another body's beginning: {message.body[:200]!r}"
        expected = passing(want)
        got = [one for one in _lowered(message.fields) if one[0] not in _OURS | {b"host", b"te", b"upgrade"}]
        told = (b"x-forwarded-for", self._talker.plan.who.encode())
        if settled(got, want.drops) != settled([*expected, told], want.drops):
            yield f"other fields: {got} for {expected}"
        if heard.tunnel:
            place = self._wanted.index(want)
            if not self._sent[self._ends[place] :].startswith(bytes(heard.tunnel)):
                yield f"another's bytes in a tunnel: {bytes(heard.tunnel[:80])!r}"

    # What the client got

    def _amiss_in_answers(self) -> Iterator[str]:
        got, at, place, ended = self._talker.got, 0, 0, False
        while at < len(got):
            if ended:
                yield f"more behind the end: {got[at : at + 200]!r}"
                return
            want = self._wanted[place] if place < len(self._wanted) else self._begun
            try:
                message = strict.response(got[at:], want.method if want is not None else b"GET")
            except strict.BrokenError as error:
                yield f"no response: {error.args!r}"
                return
            if message is None:
                if not self._is_cut:
                    yield f"the beginning of a response: {got[at : at + 200]!r}"
                return
            if message.status < 200 and message.status != 101:
                at += message.size
                if want is None or want.is_1_0:
                    yield "an interim response for nobody, or for HTTP/1.0"
                continue
            if message.status == 101:
                yield from self._amiss_in_tunnel(message, got[at + message.size :], place)
                return
            if message.values(b"x-answer"):
                yield from self._amiss_passed(message, place, want)
            else:
                yield from self._amiss_of_ours(message, place, want)
            ended = self._ends_with(message)
            at += message.size
            place += 1
        done = ended or self._talker.left or place >= len(self._wanted)
        if not done and not self._may_be_silent(place):
            yield f"request {place} of {len(self._wanted)} was never answered; the end: {self._talker.end or 'ours'}"

    @property
    def _is_cut(self) -> bool:
        return self._talker.left or self._talker.end in {"reset", "fin"}

    def _heard_at(self, place: int) -> Heard | None:
        """The last that a server heard of that request."""
        heard = self._ledger.heard.get(self._talker.plan.who, [])
        return next((one for one in reversed(heard) if self._place.get(one.mark) == place), None)

    def _may_be_silent(self, place: int) -> bool:
        """Whether nothing may have come for it."""
        before = self._heard_at(place - 1) if place else None
        if before is not None and before.early and self._talker.end:
            # The answer before it came before the whole request had.
            return True
        # A reset, which tells of an answer that was cut, destroys what the client has not read.
        last = self._heard_at(max(self._place.values(), default=-1))
        return self._talker.end == "reset" and last is not None and (last.reply.worth is not Worth.WHOLE or last.early)

    def _ends_with(self, message: Message) -> bool:
        options = b",".join(message.values(b"connection")).lower()
        return b"close" in options or message.until_close or not message.whole

    def _amiss_passed(self, message: Message, place: int, want: Wanted | None) -> Iterator[str]:
        (mark,) = message.values(b"x-answer")
        heard = self._ledger.marks.get(mark)
        if heard is None or heard.who != self._talker.plan.who:
            yield f"another's answer: {mark!r}"
            return
        if self._place.get(mark) != place:
            yield f"the answer to request {self._place.get(mark)} for request {place}"
        reply = heard.reply
        if message.status != reply.status:
            yield f"another status: {message.status}"
        if [one for one in message.fields if one[0].lower() not in _OURS] != reply.fields:
            yield f"other fields in the answer: {message.fields}"
        if want is not None and want.is_1_0 and message.values(b"transfer-encoding"):
            yield "chunks for HTTP/1.0"
        if self._closes_unasked(message, place, want, heard):
            yield "the connection is said to close, and nobody asked for that"
        yield from self._amiss_in_body(message, heard)

    def _amiss_in_body(self, message: Message, heard: Heard) -> Iterator[str]:
        reply, good = heard.reply, heard.reply.worth is Worth.WHOLE
        if not reply.payload.startswith(message.body):
            yield f"another payload: {message.body[:100]!r} for {reply.payload[:100]!r}"
        complete = message.body == reply.payload
        if message.whole:
            if not good or not complete:
                yield f"a cut that nobody sees: {len(message.body)} bytes of {len(reply.payload)} as the whole"
            if message.trailers != (reply.trailers if message.values(b"transfer-encoding") else []):
                yield f"other trailers in the answer: {message.trailers}"
        elif not self._is_cut:
            yield "an answer without an end"
        elif not self._talker.left and message.until_close:
            if not (good and complete) and self._talker.end != "reset":
                yield "a cut that nobody sees, of an answer that only a FIN ends"
        elif not self._talker.left and good and not heard.early:
            yield f"a good answer was cut: {len(message.body)} bytes of {len(reply.payload)}"

    def _closes_unasked(self, message: Message, place: int, want: Wanted | None, heard: Heard) -> bool:
        if b"close" not in b",".join(message.values(b"connection")).lower():
            return False
        reason = heard.early or message.until_close or (want is not None and want.closes)
        return place < len(self._wanted) and not reason

    def _amiss_in_tunnel(self, message: Message, rest: bytes, place: int) -> Iterator[str]:
        heard = self._ledger.marks.get(message.values(b"x-answer")[0])
        if heard is None or heard.who != self._talker.plan.who or self._place.get(heard.mark) != place:
            yield "another's tunnel"
        elif heard.reply.worth is not Worth.SWITCH or not (heard.reply.payload + heard.reply.surplus).startswith(rest):
            yield f"not what the server says in a tunnel: {rest[:80]!r}"

    def _amiss_of_ours(self, message: Message, place: int, want: Wanted | None) -> Iterator[str]:
        """An answer of the proxy's own: there is a reason, and it fits."""
        status = message.status
        if not message.whole and not self._is_cut:
            yield "a page of ours without an end"
        if message.values(b"cache-control") != [b"no-cache"] or message.trailers:
            yield f"nobody's response: {message}"
        heard = self._heard_at(place)
        bad = heard is not None and heard.reply.worth in {Worth.BAD, Worth.CUT}
        lost = self._keeps and want is not None and (heard is None or not heard.spoken)
        if place < len(self._wanted) and want is not None:
            again = want.method in _IDEMPOTENT and len(want.raw) < _REPEATED
            if status in _BAD_GATEWAY and (bad or (lost and not again)):
                return
            if want.last_hop and status == 501:
                return
            if not (want.may_be_refused and status in _REFUSALS):
                yield f"{status} for a good request: {want.plain[:4]}, {heard}"
            return
        # Where the client waits for a 100 it waits for the server.
        waits = want is not None and any(name == b"expect" for name, _ in want.plain[3])
        if not (self._fault and (status in _REFUSALS or ((bad or waits) and status in _BAD_GATEWAY))):
            yield f"{status} for nothing"


def _lowered(fields: list[Field]) -> list[Field]:
    return [(name.lower(), value) for name, value in fields]

"""The judge of failing servers is awake: what fits passes, and each thing that does not is found."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.system.faultcourse import Asking, Fault, Visiting, draw
from tests.system.faulthistory import NEVER, Failed, History
from tests.system.faultjudge import CAUSES, OF_A_RELAY, STATUSES, amiss
from tests.system.faultledger import Exchanged, Verdict, Visit
from tests.system.faultsite import GROUPS, Group, Layout, Setting, whole

GROUP = {group.name: group for group in GROUPS}
NUMBER = 16
LINE: dict[str, object] = {
    "time": 1.0, "frontend": "f", "backend": "spread", "server": "a", "outcome": "completed", "termination": "--",
    "bytes_in": 10, "bytes_out": 20, "queue_ms": 0, "request": f"GET /{NUMBER} HTTP/1.1",
    "connections": {"process": 1, "frontend": 1, "backend": 0, "server": 0},
}  # fmt: skip
TOLD: dict[str, object] = {"server": "a"}


class Case:
    """One client that came at 10 s and stayed for a second, with what was done to servers, and what was told of it."""

    def __init__(self, group: str = "spread", verdict: Verdict = Verdict.SERVED, end: str = "fin") -> None:
        self.group: Group = GROUP[group]
        asking = Asking(NUMBER, 0, 10, 0.0)
        visiting = Visiting(NUMBER, 0.0, self.group, (asking,), None, 0)
        told = TOLD if verdict is Verdict.SERVED else None
        self.exchanged = Exchanged(asking, 10.0, verdict, told=told, ended=11.0, offered=10, got=20)
        self.visit = Visit(visiting, "127.20.0.3", 7, 10.0, 11.0, offered=10, got=20, end=end)
        self.visit.exchanged.append(self.exchanged)
        self.history = History({(one.name, name): name for one in GROUPS for name in one.servers})
        self.history.declare(whole(), 0.0, 0.0)
        self.history.visits = [self.visit]
        self.lines = [{key: value for key, value in LINE.items() if key != "request" or self.group.kind == "http"}]
        self.lines[0]["backend"] = group
        self.ledger = [{"number": NUMBER, "life": 1, "server": f"{group}/a"}]

    def told(self, **facts: object) -> Case:
        """What else the log says of it."""
        self.lines[0] |= facts
        return self

    def done(self, fault: Fault, server: str = "a", begin: float = 10.1, end: float = 10.2) -> Case:
        """Something was done to a server."""
        self.history.faults.append(Failed((self.group.name, server), fault, begin, end))
        return self

    def declared(self, layout: Layout) -> Case:
        """What the file says from the beginning."""
        self.history.files = [(layout, 0.0, NEVER)]
        return self

    def amiss(self) -> str:
        """What the judge finds, in the order in which it does; without the circumstances."""
        lines = {(self.visit.host, self.visit.port): self.lines}
        found = amiss(self.history, lines, map(json.dumps, self.ledger))
        return " | ".join(one.partition("\n")[0] for one in found)


def failed(outcome: str, verdict: Verdict = Verdict.REFUSED, end: str = "fin", group: str = "spread") -> Case:
    """A client that was not served."""
    case = Case(group, verdict, end)
    case.exchanged.status = STATUSES.get(outcome) if group in {"web", "shop"} else None
    return case.told(outcome=outcome, termination="SC", queue_ms=4100)


def test_what_fits_passes() -> None:
    """Who was served, who was refused or cut by what was done, and who left."""
    assert Case().amiss() == ""
    assert Case("web").amiss() == ""
    assert failed("connect-failed").done(Fault.REFUSE).done(Fault.KILL, "b").done(Fault.KILL, "c").amiss() == ""
    assert failed("server-left", Verdict.CUT, "reset").done(Fault.RESET).amiss() == ""
    assert failed("server-left", group="web").done(Fault.KILL).amiss() == ""
    assert failed("completed", Verdict.CUT).done(Fault.KILL).amiss() == ""
    assert failed("client-left", Verdict.LEFT, "").amiss() == ""
    assert failed("queue-timeout", group="lone", end="reset").done(Fault.STOP).amiss() == ""


def test_silence_leaves_a_line_or_none() -> None:
    """A client that was gone before it said anything."""
    case = Case(verdict=Verdict.LEFT)
    case.visit.offered, case.visit.exchanged = 0, []
    assert case.told(outcome="client-left", bytes_in=0).amiss() == ""
    assert case.told(bytes_in=1).amiss() == "it said nothing"
    case.lines = []
    assert case.amiss() == ""


@pytest.mark.parametrize("outcome", CAUSES)
def test_every_failure_needs_its_cause(outcome: str) -> None:
    """Nothing was done; or it was, but to nobody of this backend."""
    case = failed(outcome, Verdict.CUT, "reset") if outcome in OF_A_RELAY else failed(outcome)
    assert f"nothing that was done explains {outcome}" in case.amiss()
    case.history.faults.append(Failed(("web", "a"), Fault.KILL, 10.0, 11.0))
    assert f"nothing that was done explains {outcome}" in case.amiss()


@pytest.mark.parametrize(
    ("case", "wrong"),
    [
        (Case(verdict=Verdict.STUCK), "stuck: "),
        (Case().told(bytes_out=21), "it was served, and the log tells otherwise"),
        (Case().told(bytes_out=19), "the log counts otherwise"),
        (Case().told(outcome="server-left"), "it was served, and the log tells otherwise"),
        (Case().told(server="b"), "a answered, and the log has b"),
        (Case().told(backend="held"), "the log names backend held"),
        (Case().declared(whole() | {("spread", "a"): Setting(state="drain")}), "a answered, which no file or answer"),
        (failed("client-left"), "the log blames the client, who stayed"),
        (failed("internal"), "nothing explains internal"),
        (failed("completed", Verdict.CUT), "the log says that it was completed"),
        (failed("server-left", Verdict.CUT).done(Fault.KILL), "server-left looks like an end"),
        (failed("server-left").done(Fault.KILL), "an alert of ours for server-left"),
        (failed("server-down", Verdict.CUT, "reset").done(Fault.KILL), "its relays are not to be closed"),
        (failed("connect-failed", Verdict.CUT).done(Fault.KILL), "the client was cut, and the log says connect-failed"),
        (failed("connect-failed").done(Fault.KILL), "connect-failed, and b was well all the time"),
        (failed("no-server", group="shop").done(Fault.KILL), "no-server where clients are held"),
        (failed("queue-timeout", group="lone").done(Fault.KILL).told(queue_ms=3000), "it did not wait for so long"),
        (failed("queue-timeout", group="calm"), "queue-timeout, and a and b were well all the time"),
    ],
)  # fmt: skip
def test_each_thing_that_does_not_fit_is_found(case: Case, wrong: str) -> None:
    """One at a time."""
    assert wrong in case.amiss()


def test_everybody_has_one_line() -> None:
    """Not two, and not none; on http one a request."""
    case = Case()
    case.lines *= 2
    assert case.amiss() == "2 lines in the log"
    case.lines = []
    assert case.amiss() == "0 lines in the log"
    case = Case("web")
    case.lines.append(case.lines[0] | {"request": "GET /9 HTTP/1.1"})
    assert case.amiss() == "1 more lines than requests"
    case.lines = []
    assert case.amiss() == f"0 lines of {NUMBER}"


def test_a_status_fits_the_log() -> None:
    """502 is not 503."""
    case = failed("server-left", group="web").done(Fault.KILL)
    case.exchanged.status = 503
    assert case.amiss() == "status 503 for server-left"


def test_what_a_server_wrote_down_counts() -> None:
    """Another's client, a client that two were given, and a request that was sent twice."""
    case = Case()
    case.ledger.append({"wrong": "SNI held.example", "server": "a"})
    case.ledger.append({"number": NUMBER, "life": 2, "server": "spread/b"})
    case.ledger += [{"whole": 3, "method": "POST"}] * 2 + [{"whole": 4, "method": "GET"}] * 2
    found = case.amiss()
    assert "a got what was not for it: SNI held.example" in found
    assert f"{NUMBER} was sent to ['spread/a, life 1', 'spread/b, life 2']" in found
    assert "the POST 3 was sent 2 times" in found
    assert "POST 4" not in found


def test_counts_are_watched() -> None:
    """None below nothing, none over a limit, and none left in the end."""
    counts = {"process": 1, "frontend": 1, "backend": 0, "server": 0}
    assert "counts that cannot be" in Case().told(connections=counts | {"server": 1}).amiss()
    assert "counts that cannot be" in Case().told(connections=counts | {"frontend": 0}).amiss()
    assert "more than 6 at a server" in Case().told(connections=counts | {"backend": 6, "server": 6}).amiss()
    assert "the last was not alone" in Case().told(connections=counts | {"backend": 1}).amiss()


def test_all_are_served_in_the_end() -> None:
    """Whatever was done before, and whatever would explain it."""
    case = failed("connect-failed").done(Fault.REFUSE).done(Fault.KILL, "b").done(Fault.KILL, "c")
    case.history.visits, case.history.last = [], [case.visit]
    assert case.amiss().startswith("all was well again, and yet")


def test_an_answer_of_dns_is_believed_for_a_while() -> None:
    """And no longer; after a silence a little more."""
    case = Case("host")
    case.history.called["host", "a"] = "x"
    case.told(server="x")
    for believed, found in ((9.0, "a answered, which no file or answer gave anybody at that time"), (10.5, "")):
        case.history.answers = []
        case.history.answer({"host": "a", "service": "a"}, 0.0, 0.0)
        case.history.answer({"host": "b", "service": "a"}, 5.0, believed)
        assert case.amiss() == found
    names, since, _ = case.history.answers[0]
    case.history.answers[0] = names, since, 7.0
    case.history.silenced(6.0, 10.5)
    assert case.amiss() == ""


def test_a_course_is_a_function_of_its_seed() -> None:
    """Drawn twice it is the same, and another seed's is another."""
    assert draw(1, 5.0) == draw(1, 5.0)
    assert draw(1, 5.0) != replace(draw(2, 5.0), seed=1)

"""Whether everything that happened fits: what clients got, what was done to servers, what the log tells.

Each connection (on http each request) ended once, in a way that something which was done explains; nobody was anywhere
where they should not be; what was whole for the client is whole in the log. May not: do anything.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from tests.system.faultcourse import Fault
from tests.system.faultledger import Verdict
from tests.system.faultsite import SETTLED, TIMEOUTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.system.faulthistory import History
    from tests.system.faultledger import Exchanged, Visit
    from tests.system.faultsite import Group, Server

    Line = dict[str, object]
    Lines = Mapping[tuple[str, int], Sequence[Line]]
    """The access log's, by the client's address and port."""

_GONE = {Fault.KILL, Fault.RESTART, Fault.REFUSE}
_SILENT = {Fault.STOP, Fault.HOLE}
_BREAKING = {Fault.KILL, Fault.RESTART, Fault.RESET}
CAUSES = {
    "connect-failed": _GONE,
    "connect-timeout": {Fault.HOLE},
    "no-server": _GONE | _SILENT,
    "queue-timeout": _GONE | _SILENT,
    "server-left": _BREAKING,
    "server-idle": _SILENT,
    "client-idle": _SILENT,
    "server-down": _GONE | _SILENT,
}
"""What must have been done to a server of the backend (the last four: to the one that the log names).

Where one time holds for both sides of a relay, the one is blamed that did something last: a client whose server was
stopped may have said all that it had to say before.
"""
STATUSES = {
    "connect-failed": 503,
    "connect-timeout": 503,
    "no-server": 503,
    "queue-timeout": 503,
    "server-left": 502,
    "server-idle": 504,
    "server-down": 503,
}
"""What a client is told where no answer had begun."""
OF_A_RELAY = {"server-left", "server-idle", "client-idle", "server-down"}
"""What may end one that runs; the others mean that none began."""


def amiss(history: History, lines: Lines, ledger: Iterable[str]) -> list[str]:
    """Whatever is not as it must be; `ledger`: what the servers wrote down."""
    found = []
    for visit in [*history.visits, *history.last]:
        told = lines.get((visit.host, visit.port), [])
        wrong = list(_of_visit(visit, told, history))
        if wrong:
            found.append("\n  ".join(["; ".join(wrong), str(visit), *map(str, told), *_around(visit, history)]))
    found += [
        f"all was well again, and yet: {visit}"
        for visit in history.last
        if any(exchanged.verdict is not Verdict.SERVED for exchanged in visit.exchanged)
    ]
    found += _of_ledger(history, ledger)
    found += _of_counters(history, [line for told in lines.values() for line in told])
    return found


def _around(visit: Visit, history: History) -> Iterator[str]:
    """What was done to its backend's servers at that time."""
    for each in history.faults:
        near = each.begin <= visit.ended and each.end >= visit.began - SETTLED
        if near and each.server[0] == visit.visiting.group.name:
            begin, end = each.begin - visit.began, each.end - visit.began
            yield f"{each.server[1]} {each.fault.value} from {begin:.2f} to {end:.2f} s after it came"
    yield f"it lasted {visit.ended - visit.began:.2f} s"


# One connection -------------------------------------------------------------------------------------------------------


def _of_visit(visit: Visit, told: Sequence[Line], history: History) -> Iterator[str]:
    http = visit.visiting.group.kind == "http"
    for exchanged in visit.exchanged:
        if exchanged.verdict in {Verdict.STUCK, Verdict.WRONG}:
            yield f"{exchanged.verdict.value}: {exchanged.detail}"
    if not visit.offered and not visit.exchanged:
        # It came, perhaps, and said nothing.
        if [(line["outcome"], line["bytes_in"]) for line in told] not in ([], [("client-left", 0)]):
            yield "it said nothing"
        return
    if not http and (len(told) > 1 or (not told and visit.offered)):
        yield f"{len(told)} lines in the log"
        return
    for exchanged in visit.exchanged:
        mine = [line for line in told if not http or f" /{exchanged.asking.number} " in str(line["request"])]
        if len(mine) == 1:
            yield from _of_exchange(visit, exchanged, mine[0], history)
        elif mine or (http and exchanged.verdict is not Verdict.LEFT):
            yield f"{len(mine)} lines of {exchanged.asking.number}"
    if http:
        strangers = len(told) - len(visit.exchanged)
        if strangers > 0:
            yield f"{strangers} more lines than requests"


def _of_exchange(visit: Visit, exchanged: Exchanged, line: Line, history: History) -> Iterator[str]:
    group, outcome = visit.visiting.group, str(line["outcome"])
    if line["backend"] != group.name and not (exchanged.verdict is Verdict.LEFT and line["backend"] is None):
        yield f"the log names backend {line['backend']}"
    if exchanged.server is not None:
        if history.called[group.name, exchanged.server] != line["server"]:
            yield f"{exchanged.server} answered, and the log has {line['server']}"
        if not _might_choose(group, exchanged, history):
            yield f"{exchanged.server} answered, which no file or answer gave anybody at that time"
    if not 0 <= int(str(line["bytes_in"])) <= exchanged.offered or int(str(line["bytes_out"])) < exchanged.got:
        yield "the log counts otherwise"
    if exchanged.verdict is Verdict.SERVED:
        counted = (line["bytes_in"], line["bytes_out"])
        # One whose server had ended, and then went DOWN.
        ended = outcome == "completed" or line["termination"] == "DL"
        if not ended or counted != (exchanged.offered, exchanged.got):
            yield "it was served, and the log tells otherwise"
        return
    if exchanged.verdict is Verdict.LEFT:
        if outcome == "internal":
            yield "a defect"
        return
    if outcome == "client-left":
        yield "the log blames the client, who stayed"
        return
    yield from _of_failure(visit, exchanged, line, history)


def _of_failure(visit: Visit, exchanged: Exchanged, line: Line, history: History) -> Iterator[str]:
    """It was not served: there must be a cause, and the ways to tell of it must agree."""
    group, outcome = visit.visiting.group, str(line["outcome"])
    servers = [(group.name, name) for name in group.servers]
    if outcome in OF_A_RELAY:
        servers = [server for server in servers if history.called[server] == line["server"]]
    done = history.faults_of(servers, exchanged.began - SETTLED, exchanged.ended)
    if outcome == "completed":
        # The kernel closes for a process that is killed, and its FIN is like any other, where nothing says how much
        # there should have been.
        if exchanged.verdict is not Verdict.CUT or group.kind == "http" or not done & {Fault.KILL, Fault.RESTART}:
            yield "the log says that it was completed"
        return
    causes = CAUSES.get(outcome)
    if causes is None:
        yield f"nothing explains {outcome}"
        return
    if outcome == "server-down" and not group.closes:
        yield "its relays are not to be closed"
    if not done & causes:
        yield f"nothing that was done explains {outcome}"
    if exchanged.verdict is Verdict.REFUSED:
        yield from _of_refusal(group, exchanged, line, history)
    elif outcome not in OF_A_RELAY:
        yield f"the client was cut, and the log says {outcome}"
    elif visit.end != "reset" and group.kind != "http":
        yield f"{outcome} looks like an end"


def _of_refusal(group: Group, exchanged: Exchanged, line: Line, history: History) -> Iterator[str]:
    outcome = str(line["outcome"])
    if group.kind == "http" and exchanged.status != STATUSES.get(outcome):
        yield f"status {exchanged.status} for {outcome}"
    if outcome in OF_A_RELAY:
        if group.kind not in {"http", "tcp"}:
            yield f"an alert of ours for {outcome}"
        return
    if outcome == "queue-timeout":
        if int(str(line["queue_ms"])) < TIMEOUTS["queue"] * 1000 - 1:
            yield "it did not wait for so long"
    elif group.holds:
        yield f"{outcome} where clients are held"
    if well := _well(group, exchanged, history):
        yield f"{outcome}, and {well} well all the time"


def _might_choose(group: Group, exchanged: Exchanged, history: History) -> bool:
    server, span = (group.name, str(exchanged.server)), (exchanged.began, exchanged.ended)
    if group.by:
        return any(exchanged.server in names[group.name] for names in history.answers_in(*span) if exchanged.server)
    return any(server in layout and layout[server].gets_clients for layout in history.files_in(*span))


def _well(group: Group, exchanged: Exchanged, history: History) -> str:
    """Whether, and which, servers had nothing done to them, long enough that checks must know it, and had room.

    Where each has a limit it takes two: they have room for more than ever come, if all goes on.
    """
    begin, end = exchanged.began - SETTLED, exchanged.ended
    limited = []
    for name in group.servers:
        server = group.name, name
        if history.faults_of([server], begin, end):
            continue
        if group.by:
            if all(name in names[group.name] for names in history.answers_in(begin, end)):
                return f"{name} was"
            continue
        settings = [layout.get(server) for layout in history.files_in(begin, end)]
        if all(each is not None and each.gets_clients for each in settings):
            if all(each is not None and each.maxconn is None for each in settings):
                return f"{name} was"
            limited.append(name)
    return f"{' and '.join(limited)} were" if len(limited) > 1 else ""


# All of them ----------------------------------------------------------------------------------------------------------


def _of_ledger(history: History, ledger: Iterable[str]) -> Iterator[str]:
    """Nobody got another's, and nothing was said twice that must not be."""
    asked: dict[int, list[str]] = defaultdict(list)
    whole: Counter[int] = Counter()
    relayed = {
        asking.number
        for visit in history.visits
        for asking in visit.visiting.asks
        if visit.visiting.group.kind != "http"
    }
    for text in ledger:
        fact = json.loads(text)
        if "wrong" in fact:
            yield f"{fact['server']} got what was not for it: {fact['wrong']}"
        elif "whole" in fact:
            whole[fact["whole"]] += fact["method"] == "POST"
        else:
            asked[fact["number"]].append(f"{fact['server']}, life {fact['life']}")
    for number, servers in asked.items():
        if number in relayed and len(servers) > 1:
            yield f"{number} was sent to {servers}"
    for number, count in whole.items():
        if count > 1:
            yield f"the POST {number} was sent {count} times: {asked[number]}"


def _of_counters(history: History, lines: Sequence[Line]) -> Iterator[str]:
    """What the lines say of how many there were at a time."""
    most = _limits(history)
    for line in lines:
        # Who waits has no place, and a request that is over has left its own to the next one already.
        mine = "request" not in line and str(line["termination"])[1] != "Q"
        process, frontend, backend, server = _counts(line)
        if not 1 <= frontend <= process or not 0 <= server <= backend:
            yield f"counts that cannot be: {line}"
        limit = most.get((str(line["backend"]), str(line["server"])))
        if limit is not None and server + mine > limit:
            yield f"more than {limit} at a server: {line}"
    last = max(lines, key=lambda line: float(str(line["time"])), default=None)
    if last is not None and _counts(last) != [1, 1, 0, 0]:
        yield f"the last was not alone: {last}"


def _counts(line: Line) -> list[int]:
    counts = line["connections"]
    assert isinstance(counts, dict)
    return [counts[of] for of in ("process", "frontend", "backend", "server")]


def _limits(history: History) -> dict[Server, int]:
    """The most that a server may ever have had, where every file had a limit."""
    found: dict[Server, int | None] = {}
    for layout, _, _ in history.files:
        for server, setting in layout.items():
            before = found.get(server, 0)
            found[server] = None if before is None or setting.maxconn is None else max(before, setting.maxconn)
    return {server: limit for server, limit in found.items() if limit is not None}

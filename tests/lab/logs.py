"""Steps: where log lines are found, and that nobody waits for them."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING

from tests.lab.booted import CERTIFICATE
from tests.lab.site import proxy_ini, take_file
from tests.lab.unbroken import unharmed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.booted import Booted

ASKED = 7
STOPPED = 10.0
RATE = 200
LONG = 6000
"""Bytes of query that make the lines of ten seconds more than the 4 MiB that are kept."""
TOLD = 90.0
"""Seconds until losses are told: once a minute."""
SLACK = 2.0
"""Seconds by which the slowest of so many may differ between two equal runs on a busy machine; who waited for journald
would wait for ten."""
ACCESS_LOG = "/var/log/pumpproxy/access.log"


def fields(lab: Booted) -> Iterator[str]:
    """`journalctl -u pumpproxy PUMPPROXY_SNI=NAME` finds the lines of just that name."""
    moment = lab.moment()
    with lab.load():
        for _ in range(ASKED):
            lab.run("curl", "-sf", "--cacert", CERTIFICATE, "https://other.example.test/")
    time.sleep(1)
    found, others = (_records(lab, moment, f"PUMPPROXY_SNI={name}.example.test") for name in ("other", "www"))
    yield f"{len(found)} lines of other.example.test, {len(others)} of www.example.test"
    assert len(found) == ASKED
    assert all("sni=other.example.test" in str(record["MESSAGE"]) for record in found)
    assert others
    yield f"fields: {', '.join(sorted(name for name in found[0] if name.startswith('PUMPPROXY_')))}"


def _records(lab: Booted, moment: str, match: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in lab.journal(moment, match, output="json").splitlines()]


def journal_stands_still(lab: Booted) -> Iterator[str]:
    """With journald stopped for 10 s under load nobody waits for it, and each line that is lost is counted."""
    with lab.load(RATE, query=LONG) as loads:
        time.sleep(STOPPED)
    alone = loads[0]
    yield f"beforehand: {unharmed(alone)}, p99 {alone.p99:.3f} s"
    journald = lab.show("MainPID", "systemd-journald.service")
    moment = lab.moment()
    with lab.load(RATE, query=LONG) as loads:
        lab.run("kill", "-STOP", journald)
        try:
            time.sleep(STOPPED)
        finally:
            lab.run("kill", "-CONT", journald)
    stopped = loads[0]
    yield f"stopped: {unharmed(stopped)}, p99 {stopped.p99:.3f} s"
    assert stopped.slowest < alone.slowest + SLACK
    written, lost = _accounted(lab, moment, stopped.visits)
    yield f"lines: {written} written, {lost} counted as lost"
    assert lost
    assert written + lost == stopped.visits


def _accounted(lab: Booted, moment: str, visits: int) -> tuple[int, int]:
    """How many lines are there since then, and how many are told as lost, as soon as that is all of them."""
    end = time.monotonic() + TOLD
    while True:
        lines = lab.journal(moment)
        lost = sum(map(int, re.findall(r"^(\d+) log lines? w(?:as|ere) lost", lines, re.MULTILINE)))
        written = lines.count(" outcome=")
        if written + lost >= visits or time.monotonic() > end:
            return written, lost
        time.sleep(2)


def files(lab: Booted) -> Iterator[str]:
    """`log = file:` and logrotate: after a rotation lines go to the new file, and none is missing."""
    take_file(lab, proxy_ini(log=f"file:{ACCESS_LOG}"))
    with lab.load() as loads:
        time.sleep(1)
        lab.run("logrotate", "--force", "/etc/logrotate.d/pumpproxy")
    take_file(lab, proxy_ini())
    time.sleep(1)
    old, new = (int(lab.shell(f"grep -c outcome= {path}")) for path in (f"{ACCESS_LOG}.1", ACCESS_LOG))
    yield f"{unharmed(loads[0])}; {old} lines before, {new} after"
    assert old
    assert new
    assert old + new == loads[0].visits
    yield lab.run("ls", "-l", "/var/log/pumpproxy").replace("\n", "; ")

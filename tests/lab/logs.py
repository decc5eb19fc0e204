"""Steps: where log lines are found, and that nobody waits for them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from tests.lab.booted import CERTIFICATE, UNIT
from tests.lab.site import proxy_ini, take_file
from tests.lab.unbroken import unharmed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.booted import Booted

ASKED = 7
STOPPED = 10.0
SLACK = 0.5
"""Seconds by which the slowest of so many may differ between two equal runs on a busy machine."""
ACCESS_LOG = "/var/log/pumpproxy/access.log"


def fields(lab: Booted) -> Iterator[str]:
    """`journalctl -u pumpproxy PUMPPROXY_SNI=NAME` finds the lines of just that name."""
    cursor = lab.cursor()
    with lab.load():
        for _ in range(ASKED):
            lab.run("curl", "-sf", "--cacert", CERTIFICATE, "https://other.example.test/")
    time.sleep(1)
    found = _records(lab, cursor, "PUMPPROXY_SNI=other.example.test")
    others = _records(lab, cursor, "PUMPPROXY_SNI=www.example.test")
    yield f"{len(found)} lines of other.example.test, {len(others)} of www.example.test"
    assert len(found) == ASKED
    assert all("sni=other.example.test" in str(record["MESSAGE"]) for record in found)
    assert others
    yield f"fields: {', '.join(sorted(name for name in found[0] if name.startswith('PUMPPROXY_')))}"


def _records(lab: Booted, cursor: str, match: str) -> list[dict[str, object]]:
    said = lab.run("journalctl", "--quiet", "--output=json", f"--after-cursor={cursor}", "-u", UNIT, match)
    return [json.loads(line) for line in said.splitlines()]


def journal_stands_still(lab: Booted) -> Iterator[str]:
    """With journald stopped for 10 s under load nobody waits for it, and the lines that are lost are counted."""
    with lab.load(200) as loads:
        time.sleep(STOPPED)
    alone = loads[0]
    yield f"beforehand: {unharmed(alone)}, p99 {alone.p99:.3f} s"
    journald = lab.show("MainPID", "systemd-journald.service")
    cursor = lab.cursor()
    try:
        with lab.load(200) as loads:
            lab.run("kill", "-STOP", journald)
            time.sleep(STOPPED)
            lab.run("kill", "-CONT", journald)
    finally:
        lab.run("kill", "-CONT", journald)
    stopped = loads[0]
    yield f"stopped: {unharmed(stopped)}, p99 {stopped.p99:.3f} s"
    assert stopped.slowest < alone.slowest + SLACK
    reported = f"journalctl -q -o cat --after-cursor='{cursor}' -u {UNIT} | grep -i 'lost'"
    lab.wait_for("a line that counts the losses", reported, 90)
    yield f"journal: {lab.run('sh', '-c', reported).splitlines()[0]}"


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

"""Steps: what is done to the proxy under a constant load of new connections. None is ever refused."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.lab.booted import UNIT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.booted import Booted, Load

DROP_IN = f"/etc/systemd/system/{UNIT}.d/lab.conf"
WATCHDOG = 4
"""Seconds of the unit's watchdog in these steps, so that they need not wait for the shipped 30."""


def unharmed(load: Load) -> str:
    """The load's figures; nobody was refused, and nobody cut off."""
    assert not load.refused, str(load)
    assert not load.broken, str(load)
    return str(load)


def nothing(lab: Booted) -> Iterator[str]:
    """Left alone."""
    with lab.load() as loads:
        time.sleep(3)
    yield f"{unharmed(loads[0])}, p99 {loads[0].p99:.3f} s"


def restart(lab: Booted) -> Iterator[str]:
    """`systemctl restart`."""
    with lab.load() as loads:
        lab.run("systemctl", "restart", UNIT)
    yield unharmed(loads[0])
    yield f"start to READY: {_away(lab):.2f} s"


def _away(lab: Booted) -> float:
    begun, ready = (int(lab.show(name)) for name in ("InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic"))
    return (ready - begun) / 1e6


def kill(lab: Booted) -> Iterator[str]:
    """`kill -9`: who was being served is cut off, nobody is refused."""
    pid = lab.pid
    with lab.load() as loads:
        lab.run("kill", "-KILL", str(pid))
        lab.wait_for_another(pid)
    yield str(loads[0])
    assert not loads[0].refused


def watchdog(lab: Booted) -> Iterator[str]:
    """SIGSTOP, until the watchdog strikes."""
    lab.write(DROP_IN, f"[Service]\nWatchdogSec={WATCHDOG}\n")
    lab.shell(f"systemctl daemon-reload; systemctl restart {UNIT}")
    pid = lab.pid
    moment = lab.moment()
    with lab.load() as loads:
        lab.run("kill", "-STOP", str(pid))
        lab.wait_for_another(pid)
    yield f"{loads[0]}; WatchdogSec={WATCHDOG}"
    lab.shell(f"rm {DROP_IN}; systemctl daemon-reload; systemctl restart {UNIT}")
    assert not loads[0].refused
    said = lab.run("journalctl", "--quiet", "--output=cat", f"--since={moment}", f"UNIT={UNIT}")
    assert "atchdog" in said, said


def hand_over(lab: Booted) -> Iterator[str]:
    """SIGUSR2: the successor takes over; WebSockets live on with the predecessor, which ends after them."""
    for _ in range(2):
        pid = lab.pid
        with lab.load() as loads, lab.sockets() as talks:
            lab.run("kill", "-USR2", str(pid))
            lab.wait_for_another(pid)
            assert lab.ask("kill", "-0", str(pid)).returncode == 0, "the predecessor left its WebSockets"
        yield unharmed(loads[0])
        yield str(talks[0])
        assert talks[0].lived
        lab.wait_for("the predecessor's end", f"! kill -0 {pid}", 30)


def upgrade(lab: Booted, package: Path, version: str) -> Iterator[str]:
    """`dpkg -i` of another version: handed over, and WebSockets live on."""
    inside = lab.put(package)
    pid = lab.pid
    with lab.load() as loads, lab.sockets() as talks:
        begun = time.monotonic()
        said = lab.run("dpkg", "-i", inside)
        took = time.monotonic() - begun
        assert lab.pid != pid, f"the main process is the same as before\n{said}"
        assert lab.ask("kill", "-0", str(pid)).returncode == 0, f"the predecessor left its WebSockets\n{said}"
    assert version in lab.run("dpkg-query", "-W", "pumpproxy")
    yield f"{unharmed(loads[0])}; dpkg took {took:.1f} s"
    yield str(talks[0])
    assert talks[0].lived
    yield f"status: {lab.show('StatusText')}"


def upgrade_of_the_unit(lab: Booted, package: Path) -> Iterator[str]:
    """`dpkg -i` of a version whose unit is another: restarted, so that the new unit holds."""
    inside = lab.put(package)
    with lab.load() as loads:
        lab.run("dpkg", "-i", inside)
    yield unharmed(loads[0])
    environment = lab.shell(f"tr '\\0' '\\n' </proc/{lab.pid}/environ")
    assert "LAB_UNIT=another" in environment, environment
    assert lab.show("NeedDaemonReload") == "no"


def upgrade_stopped(lab: Booted, package: Path) -> Iterator[str]:
    """`dpkg -i` where the owner has stopped and disabled it: it stays so."""
    lab.run("systemctl", "disable", "--now", UNIT)
    lab.run("dpkg", "-i", lab.put(package))
    state = lab.show("ActiveState")
    yield f"afterwards: {state}"
    assert state == "inactive"
    lab.run("systemctl", "enable", "--now", UNIT)

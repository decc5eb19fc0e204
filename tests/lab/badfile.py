"""Steps: a file with a mistake, at a reload and at a restart."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.lab.booted import FILE, UNIT
from tests.lab.site import proxy_ini, take_file
from tests.lab.unbroken import unharmed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.booted import Booted

GOOD = proxy_ini()
BAD = GOOD.replace("default-backend = web-tls", "defalt-backend = web-tls")
LINE = BAD[: BAD.index("defalt-backend")].count("\n") + 1
HINT = "default-backend"


def _tells(text: str) -> bool:
    """Whether it names file, line, mistake and what was meant."""
    return f"{FILE}:{LINE}" in text and "defalt-backend" in text and HINT in text.replace("defalt-backend", "")


@contextmanager
def _mistaken(lab: Booted) -> Iterator[None]:
    """The file has a mistake while the block runs; whatever came of it, a good one is taken afterwards."""
    lab.write(FILE, BAD)
    try:
        yield
    finally:
        take_file(lab, GOOD)


def reload(lab: Booted) -> Iterator[str]:
    """`systemctl reload` fails; journal and status say where and why; traffic does not notice."""
    pid, moment = lab.pid, lab.moment()
    with _mistaken(lab):
        with lab.load() as loads:
            failed = lab.ask("systemctl", "reload", UNIT)
        yield unharmed(loads[0])
        assert failed.returncode != 0, failed.stdout
        journal = lab.journal(moment)
        yield from (f"journal: {line}" for line in journal.splitlines() if f"{FILE}:" in line or "hint" in line)
        assert _tells(journal), journal
        status = lab.ask("systemctl", "status", "--no-pager", "--full", UNIT).stdout
        yield from (line.strip() for line in status.splitlines() if "Status:" in line)
        assert _tells(status), status
        assert lab.pid == pid


def hup(lab: Booted) -> Iterator[str]:
    """A bare SIGHUP with it is refused too; the status says so, until a good file is taken."""
    before = lab.show("StatusText")
    with _mistaken(lab):
        lab.run("kill", "-HUP", str(lab.pid))
        lab.wait_for("a status that tells", f"systemctl show {UNIT} -p StatusText | grep -q '{FILE}:{LINE}'", 20)
        yield f"status: {lab.show('StatusText')}"
    lab.wait_for("the status of before", f"! systemctl show {UNIT} -p StatusText | grep -q '{FILE}:{LINE}'", 20)
    yield f"status: {lab.show('StatusText')} (before: {before})"


def restart(lab: Booted) -> Iterator[str]:
    """`systemctl restart` with it serves the last good file, and says so in every way there is."""
    moment = lab.moment()
    with _mistaken(lab):
        with lab.load() as loads:
            lab.run("systemctl", "restart", UNIT)
        yield unharmed(loads[0])
        status = lab.show("StatusText")
        yield f"status: {status}"
        assert "last good" in status, status
        errors = lab.journal(moment, "PRIORITY=3")
        yield from (f"journal, error: {line}" for line in errors.splitlines())
        assert _tells(errors), errors
        checked = lab.ask("pumpproxy", "check")
        yield f"pumpproxy check: status {checked.returncode}"
        assert checked.returncode == 1, checked.stdout
    lab.wait_for("a status without it", f"! systemctl show {UNIT} -p StatusText | grep -q 'last good'", 20)


def upgrade(lab: Booted, package: Path) -> Iterator[str]:
    """`dpkg -i` with it: the new version serves the last good file."""
    inside, pid = lab.put(package), lab.pid
    with _mistaken(lab):
        with lab.load() as loads:
            lab.run("dpkg", "-i", inside)
        yield unharmed(loads[0])
        assert lab.pid != pid
        yield f"status: {lab.show('StatusText')}"
        assert "last good" in lab.show("StatusText")


def nothing_to_fall_back_on(lab: Booted) -> Iterator[str]:
    """Without a last good file a start with a bad one fails for good, and is not tried again and again."""
    lab.write(FILE, BAD)
    lab.shell(f"systemctl stop {UNIT}; rm -rf /var/lib/pumpproxy")
    failed = lab.ask("systemctl", "start", UNIT)
    assert failed.returncode != 0
    state = lab.show("ActiveState"), lab.show("ExecMainStatus"), lab.show("NRestarts")
    yield f"{state[0]}, status {state[1]}, {state[2]} restarts"
    assert state == ("failed", "78", "0")
    lab.write(FILE, GOOD)
    lab.run("systemctl", "start", UNIT)

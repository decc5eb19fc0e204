"""Steps: how it is installed, what it may do, and what is left of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.booted import CERTIFICATE, UNIT
from tests.lab.site import proxy_ini, take_file
from tests.lab.unbroken import unharmed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.booted import Booted

EXPOSURE = 1.5
SOCKET_UNITS = "pumpproxy-http.socket pumpproxy-https.socket"
ROOT = Path(__file__).parents[2]
SMOKE = ROOT / "debian" / "tests" / "smoke"
HOLDER = "lab-holder.service"
BIND_ALONE = f"{1 << 10:016x}"
"""CAP_NET_BIND_SERVICE, as /proc writes it."""
PAGES = (
    'test "$(curl -sf http://www.example.test/)" = "lighttpd\'s page" && '
    f'test "$(curl -sf --cacert {CERTIFICATE} https://www.example.test/)" = "lighttpd\'s page"'
)


def seconds_to_ready(lab: Booted) -> float:
    """How long the last start took, from systemd's first step to READY=1."""
    begun, ready = (int(lab.show(name)) for name in ("InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic"))
    return (ready - begun) / 1e6


def install(lab: Booted, package: Path) -> Iterator[str]:
    """Installed beside lighttpd on 8080 and 8443 it serves :80 and :443 at once; then with the site's file."""
    said = lab.install(str(package))
    found = re.search(r"(\d+) packages set up", said)
    yield f"{found[1] if found else '?'} packages set up (Twisted's among them)"
    assert lab.run("systemctl", "is-active", UNIT) == "active"
    assert lab.run("systemctl", "is-enabled", UNIT) == "enabled"
    lab.wait_for("lighttpd's pages on :80 and :443", PAGES, 10)
    yield f"first start to READY: {seconds_to_ready(lab):.2f} s; serves both ports"
    lab.run("systemctl", "stop", UNIT)
    lab.run("systemctl", "start", UNIT)
    yield f"another start to READY: {seconds_to_ready(lab):.2f} s"
    take_file(lab, proxy_ini())
    lab.wait_for("lighttpd's pages on :80 and :443", PAGES, 10)
    yield f"status: {lab.show('StatusText')}"
    warnings = lab.ask("journalctl", "--quiet", "--output=cat", "-p", "warning", "-u", UNIT).stdout.splitlines()
    yield from (f"journal, warning: {line}" for line in warnings[:5])


def privilege(lab: Booted) -> Iterator[str]:
    """It runs as _pumpproxy, with CAP_NET_BIND_SERVICE and no other capability."""
    yield from _process(lab, BIND_ALONE)
    yield _exposure(lab)


def _process(lab: Booted, capabilities: str) -> Iterator[str]:
    pid = lab.pid
    user = lab.run("ps", "-o", "user:20=,group:20=", "-p", str(pid)).split()
    assert user == ["_pumpproxy", "_pumpproxy"], user
    status = dict(line.split(":\t", 1) for line in lab.run("cat", f"/proc/{pid}/status").splitlines())
    found = {name: status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    yield f"user {user[0]}, " + ", ".join(f"{name} {value}" for name, value in found.items())
    assert {found[name] for name in ("CapPrm", "CapEff", "CapBnd")} == {capabilities}
    assert status["NoNewPrivs"].strip() == "1"


def _exposure(lab: Booted) -> str:
    said = lab.run("systemd-analyze", "security", "--no-pager", UNIT)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert found is not None, said
    assert float(found[1]) <= EXPOSURE, found[0]
    return found[0].removeprefix("→ ")


def socket_units(lab: Booted) -> Iterator[str]:
    """With the .socket units it serves without any capability."""
    examples = "/usr/share/doc/pumpproxy/examples"
    lab.shell(
        f"cp {examples}/*.socket /etc/systemd/system/; mkdir -p /etc/systemd/system/{UNIT}.d; "
        f"cp {examples}/sockets.conf /etc/systemd/system/{UNIT}.d/; systemctl daemon-reload; "
        f"systemctl stop {UNIT}; systemctl start {SOCKET_UNITS}; systemctl start {UNIT}"
    )
    try:
        lab.wait_for("lighttpd's pages on :80 and :443", PAGES, 10)
        yield from _process(lab, "0" * 16)
        yield _exposure(lab)
        with lab.load() as loads:
            lab.run("systemctl", "restart", UNIT)
        yield f"restart: {unharmed(loads[0])}"
        pid = lab.pid
        with lab.load() as loads:
            lab.run("kill", "-USR2", str(pid))
            lab.wait_for_another(pid)
        yield f"hand-over: {unharmed(loads[0])}"
        yield from _process(lab, "0" * 16)
    finally:
        lab.shell(
            f"systemctl stop {SOCKET_UNITS} {UNIT}; rm -r /etc/systemd/system/{UNIT}.d; "
            f"cd /etc/systemd/system; rm {SOCKET_UNITS}; systemctl daemon-reload; systemctl start {UNIT}"
        )
    lab.wait_for("lighttpd's pages on :80 and :443", PAGES, 10)


def taken_port(lab: Booted) -> Iterator[str]:
    """While another server has :80 it does not start, says why, and is there as soon as the port is free."""
    lab.run("systemctl", "stop", UNIT)
    lab.run("systemd-run", "--quiet", f"--unit={HOLDER}", "python3", "-m", "http.server", "80")
    lab.wait_for("the other server", "curl -sf http://127.0.0.1:80/", 10)
    moment = lab.moment()
    try:
        failed = lab.ask("systemctl", "start", UNIT)
        assert failed.returncode, failed.stdout
        told = [line for line in lab.journal(moment).splitlines() if "cannot listen on *:80" in line]
        assert told
        yield f"journal: {told[0]}"
    finally:
        lab.run("systemctl", "stop", HOLDER)
    took = lab.wait_for("the pages", PAGES, 20)
    yield f"serves {took:.1f} s after the port is free"


def of_another_release(lab: Booted, package: Path) -> Iterator[str]:
    """The package that was built on the other release serves here, too."""
    if not package.exists():
        yield f"LEFT OUT: {package.relative_to(ROOT)} is not built"
        return
    lab.run("dpkg", "-i", lab.put(package))
    lab.run("systemctl", "restart", UNIT)
    lab.wait_for("lighttpd's pages on :80 and :443", PAGES, 10)
    yield f"status: {lab.show('StatusText')}"


def smoke(lab: Booted) -> Iterator[str]:
    """The package's own test (debian/tests/smoke) passes, run as autopkgtest runs it."""
    inside = lab.put(SMOKE)
    said = lab.run("sh", "-ec", f"cd /tmp && chmod +x {inside} && {inside}")
    yield said.splitlines()[-1] if said else "(it says nothing)"


REST = (
    "find / -xdev \\( -path /proc -o -path /sys -o -path /run/lab -o -path /etc/lab -o -path /var/cache/apt -o "
    "-path /var/log/journal \\) -prune -o -name '*pumpproxy*' -print"
)


def purge(lab: Booted) -> Iterator[str]:
    """Removed it leaves its file and its logs, purged nothing but the system user; Twisted knows no plugin of it."""
    lab.run("apt-get", "remove", "-y", "-q", "pumpproxy")
    kept = lab.run("ls", "/etc/pumpproxy")
    assert kept == "proxy.ini", kept
    lab.run("apt-get", "purge", "-y", "-q", "pumpproxy")
    left = lab.run("sh", "-c", REST).splitlines()
    assert left == [], left
    assert "pumpproxy" not in lab.run("twistd3", "--help")
    yield f"left: {lab.run('getent', 'passwd', '_pumpproxy')}"

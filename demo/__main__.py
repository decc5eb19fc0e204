"""Starts the stand-ins and the proxy, says what to try, and waits: `python -m demo` (with --try: tries it itself).

May not: leave a process, a port or a file behind, however it ends.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.ssl import PrivateCertificate
from twisted.internet.task import react
from twisted.internet.utils import getProcessOutputAndValue

from demo.certificates import Authority
from demo.daemon import LOOPBACK, ROOT, Daemon, configuration
from demo.lines import PUMP, WWW, Line, Ports, lines
from demo.site import Site, SiteFactory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twisted.internet.interfaces import IReactorCore, IReactorFromThreads, IReactorSSL

    from demo.daemon import Reactor as DaemonReactor

    class Reactor(DaemonReactor, IReactorCore, IReactorFromThreads, IReactorSSL):
        """All that the demonstration asks of the reactor."""


PREFERRED = Ports(http=8080, https=8443)

SITES = {
    "pump_https": Site("pump.io (a stand-in)", secure=True, websocket=True),
    "www_https": Site("lighttpd (a stand-in), its HTTPS side", secure=True),
    "www_http": Site("lighttpd (a stand-in), its HTTP side", secure=False),
}
CERTIFICATES = {"pump_https": (PUMP,), "www_https": (WWW,)}

PICTURE = f"""
    https://{PUMP}  --by its name-->  pump.io stand-in   {LOOPBACK}:{{pump_https}}
    any other https             --------------->  lighttpd stand-in  {LOOPBACK}:{{www_https}}
    any http                    --------------->  lighttpd stand-in  {LOOPBACK}:{{www_http}}
"""


def free_port(preferred: int) -> int:
    """The preferred port of the loopback address where it is free, else one that the kernel has free."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    sys.exit("no free port on 127.0.0.1")


def open_sites(reactor: Reactor, authority: Authority) -> dict[str, int]:
    """Start the stand-ins; their ports by role. They end with the reactor."""
    ports = {}
    for role, site in SITES.items():
        factory = SiteFactory(site)
        if site.secure:
            options = PrivateCertificate.loadPEM(authority.issue(CERTIFICATES[role])).options()
            port = reactor.listenSSL(0, factory, options, interface=LOOPBACK)
        else:
            port = reactor.listenTCP(0, factory, interface=LOOPBACK)
        address = port.getHost()
        assert isinstance(address, IPv4Address)
        ports[role] = address.port
        factory.place = f"{LOOPBACK}:{ports[role]}"
    return ports


def tell(text: str = "") -> None:
    """Say it now, also into a pipe."""
    print(text, flush=True)


def introduce(path: Path, daemon: Daemon, ports: Ports, sites: dict[str, int]) -> None:
    """Say what runs where."""
    tell()
    tell(f"The proxy serves https on {LOOPBACK}:{ports.https} and http on {LOOPBACK}:{ports.http}:")
    tell(PICTURE.format(**sites).rstrip())
    tell()
    tell(f"Its file:  {path}")
    tell(f"Its log:   here, behind the bar.  Changed the file?  kill -HUP {daemon.pid}")


async def try_all(reactor: Reactor, todo: Sequence[Line]) -> int:
    """Run every line in a shell, from the checkout; the number of those that did not show what they should."""
    failed = 0
    for line in todo:
        tell(f"\n# {line.title}\n{line.command}")
        result = await getProcessOutputAndValue("/bin/sh", ["-c", line.command], os.environ, str(ROOT), reactor)
        out, err, status = result
        text = (out + err).decode("utf-8", "replace")
        tell(text.rstrip())
        missing = [fragment for fragment in line.shows if fragment not in text]
        if status != 0 or missing:
            failed += 1
            tell(f"--> NOT AS IT SHOULD BE: exit status {status}, missing: {missing}")
        else:
            tell("--> as it should be")
    return failed


async def demonstrate(reactor: Reactor, folder: Path, *, try_it: bool) -> None:
    """The whole run; `folder` is ours. Ends with SystemExit, or with the reactor."""
    authority = Authority(dt.datetime.now(dt.UTC))
    trusted = folder / "ca.pem"
    trusted.write_bytes(authority.certificate)
    sites = open_sites(reactor, authority)
    ports = Ports(free_port(PREFERRED.http), free_port(PREFERRED.https))
    path = folder / "proxy.ini"
    path.write_text(configuration(PUMP, {"http": ports.http, "https": ports.https, **sites}), "utf-8")

    daemon = Daemon.start(reactor, path, lambda line: tell(f"  | {line}"))
    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(daemon.stop()))
    if not await daemon.serves(ports.http, ports.https):
        sys.exit(f"The proxy does not serve: {daemon.status or 'it runs, and its ports do not answer'}")
    introduce(path, daemon, ports, sites)
    todo = lines(ports, trusted, {role: site.name for role, site in SITES.items()})
    if try_it:
        failed = await try_all(reactor, todo)
        tell(f"\n{len(todo) - failed} of {len(todo)} lines showed what they should.")
        sys.exit(failed > 0)
    tell("\nTry, in another terminal, from this folder:")
    for line in todo:
        tell(f"\n# {line.title}\n{line.command}")
    tell("\nCtrl-C ends it.\n")
    await daemon.ended()
    if not daemon.asked:
        sys.exit(f"The proxy ended: {daemon.status}")


def main() -> None:
    """Read the command line and run until Ctrl-C, or until everything was tried."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__.partition("\n")[0])
    parser.add_argument("--try", action="store_true", dest="try_it", help="run every line, and exit 1 if one fails")
    options = parser.parse_args()
    if options.try_it and shutil.which("curl") is None:
        sys.exit("No curl here. On Debian or Ubuntu:  sudo apt-get install curl")
    folder = Path(tempfile.mkdtemp(prefix="pumpproxy-demo-"))

    def start(reactor: Reactor) -> Deferred[None]:
        # The terminal was closed: for Twisted no reason to end, for us it is.
        signal.signal(signal.SIGHUP, lambda _number, _frame: reactor.callFromThread(reactor.stop))
        reactor.addSystemEventTrigger("after", "shutdown", shutil.rmtree, folder)
        return Deferred.fromCoroutine(demonstrate(reactor, folder, try_it=options.try_it))

    react(start)


if __name__ == "__main__":
    main()

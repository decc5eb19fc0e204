"""Which programs are measured, and how each is found and run. May not: measure them."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import texts
from benchmarks.figures import OURS
from benchmarks.texts import LOOPBACK, MODULES, Site
from benchmarks.traffic import end
from demo.daemon import twistd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]
PATIENCE = 60.0
"""Seconds until a program must serve, or have told its version: a second, unless the machine is very busy."""
FILE = "conf"
"""A program's configuration in its folder; everything else there it has written itself."""
ADMINISTRATORS = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where Debian's servers are: not on everybody's path."""


@dataclass(frozen=True)
class Proxy:
    """A program, and how it is made to serve a Site."""

    name: str
    title: str
    command: tuple[str, ...]
    """What starts it. {file} and {folder} stand for its file and its folder."""
    version: tuple[str, ...]
    """What makes it tell its version."""
    packages: str
    """What Debian's apt-get installs."""
    text: Callable[[Site], str]
    speaks_http: bool = True
    logs: bool = False
    """Whether the measurement with an access log knows it."""
    of_the_checkout: bool = False
    """Whether this checkout is what runs, and not what is installed."""

    def lacks(self) -> str | None:
        """Why it cannot be measured, in words; None where it can."""
        found = program(self.command[0]) is not None
        if self.name == "nginx" and found and not (MODULES / "ngx_stream_module.so").exists():
            found = re.search(r"--with-stream(\s|$)", told(self)) is not None
        return None if found else f"{self.title} is not installed:  sudo apt-get install {self.packages}"


PEERS = (
    Proxy(
        "haproxy",
        "HAProxy",
        ("haproxy", "-db", "-f", "{file}"),
        ("haproxy", "-v"),
        "haproxy",
        texts.haproxy,
        logs=True,
    ),
    Proxy(
        "haproxy-tuned",
        "HAProxy, tuned",
        ("haproxy", "-db", "-f", "{file}"),
        ("haproxy", "-v"),
        "haproxy",
        texts.haproxy_tuned,
    ),
    Proxy(
        "nginx",
        "nginx",
        ("nginx", "-c", "{file}", "-p", "{folder}"),
        ("nginx", "-V"),
        "nginx-light libnginx-mod-stream",
        texts.nginx,
        logs=True,
    ),
    Proxy(
        "sniproxy",
        "sniproxy",
        ("sniproxy", "-f", "-c", "{file}"),
        ("sniproxy", "-V"),
        "sniproxy",
        texts.sniproxy,
        speaks_http=False,
    ),
)


def ours(installed: str | None) -> Proxy:
    """The daemon of this checkout, or of the installation that a twistd belongs to."""
    start = [installed] if installed else twistd()
    return Proxy(
        OURS,
        OURS,
        (*start, "-n", "--pidfile=", "--logfile={folder}/twistd.log", "pumpproxy", "-c", "{file}"),
        (*start, "pumpproxy", "--version"),
        "python3-twisted",
        texts.pumpproxy,
        logs=True,
        of_the_checkout=installed is None,
    )


def chosen(names: str, installed: str | None) -> list[Proxy]:
    """The daemon, and the peers of these names (separated by commas; `all`) that are here; who is not is told."""
    known = {proxy.name: proxy for proxy in (ours(installed), *PEERS)}
    asked = list(known) if names == "all" else names.split(",")
    unknown = [name for name in asked if name not in known]
    if unknown:
        sys.exit(f"{', '.join(unknown)}: there are {', '.join(known)}")
    here = []
    for name in dict.fromkeys(asked):
        reason = known[name].lacks()
        if reason is None:
            here.append(known[name])
        else:
            print(f"Left out: {reason}", file=sys.stderr)
    if not here:
        sys.exit("nobody is left to measure")
    return here


def program(name: str) -> str | None:
    """Where a program is, if it is installed."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{ADMINISTRATORS}")


def told(proxy: Proxy) -> str:
    """What it says of itself when asked for its version."""
    done = subprocess.run(
        [program(proxy.version[0]) or proxy.version[0], *proxy.version[1:]],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(proxy),
        text=True,
        timeout=PATIENCE,
    )
    return done.stdout


def version(proxy: Proxy) -> str:
    """Its version's number; for this checkout also the commit."""
    number = re.search(r"\d+\.\d[\w.+~-]*", told(proxy))
    text = number[0] if number else "unknown"
    return f"{text} ({commit()})" if proxy.of_the_checkout and commit() else text


def commit() -> str:
    """The last commit that changed the program, and whether it differs from that; empty where git does not know."""
    git = shutil.which("git")
    if git is None:
        return ""

    def said(*words: str) -> str:
        done = subprocess.run([git, *words], cwd=ROOT, check=False, capture_output=True, text=True)
        return done.stdout.strip()

    changed = said("status", "--porcelain", "--", "pumpproxy")
    return said("log", "-1", "--format=%h", "--", "pumpproxy") + (" and changes" if changed else "")


def environment(proxy: Proxy) -> dict[str, str]:
    """What it runs with."""
    if not proxy.of_the_checkout:
        return dict(os.environ)
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody has, by the kernel's choice."""
    sockets = [socket.create_server((LOOPBACK, 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@contextmanager
def running(proxy: Proxy, site: Site) -> Iterator[int]:
    """The program with this site, from the moment when its ports answer; gives its pid. It ends with the block."""
    site = replace(site, folder=site.folder / proxy.name)
    site.folder.mkdir(exist_ok=True)
    path = site.folder / FILE
    path.write_text(proxy.text(site), "utf-8")
    first, *others = (word.format(file=path, folder=site.folder) for word in proxy.command)
    with (
        (site.folder / "output").open("ab") as output,
        subprocess.Popen(
            [program(first) or first, *others],
            cwd=site.folder,
            env=environment(proxy),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            text=True,
        ) as process,
    ):
        try:
            for role, port in site.fronts.items():
                if proxy.speaks_http or role != texts.HTTP:
                    wait_for(port, process, site.folder)
            yield process.pid
        finally:
            end(process)


def wait_for(port: int, process: subprocess.Popen[str], folder: Path) -> None:
    """Return when the port answers; SystemExit, with what was printed, where the program ended or took too long."""
    limit = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < limit:
        try:
            socket.create_connection((LOOPBACK, port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != FILE)
    said = "".join(path.read_text("utf-8", "replace") for path in files)
    sys.exit(f"{folder.name} does not serve:\n{said}")

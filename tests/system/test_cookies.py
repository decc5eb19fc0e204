"""Persistence through the daemon, before two real servers that know their visitors by a cookie, and with curl's jar."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.fakes import LOOPBACK, unused_port
from tests.system.daemon import PATIENCE, Daemon
from tests.system.servers import needs
from tests.system.sessionserver import COOKIE, SessionServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Visitor:
    """Somebody with a browser of their own."""

    def __init__(self, folder: Path, port: int) -> None:
        needs("curl")
        self._jar = folder / "jar"
        self._url = f"http://{LOOPBACK}:{port}/"

    def visit(self, times: int) -> list[str]:
        """The pages of so many visits, on one connection and with the jar: `NAME COUNT`."""
        command = ["curl", "-sS", "--noproxy", "*", "-b", str(self._jar), "-c", str(self._jar)]
        result = subprocess.run(
            [*command, f"{self._url}[1-{times}]"], capture_output=True, text=True, timeout=PATIENCE * 4, check=True
        )
        return result.stdout.splitlines()

    def cookie(self, name: str = COOKIE) -> str:
        """The value in the jar."""
        found = re.search(rf"\t{name}\t(\S*)$", self._jar.read_text(), re.MULTILINE)
        assert found, self._jar.read_text()
        return found[1]


@pytest.fixture
def two() -> Iterator[dict[str, SessionServer]]:
    """Two servers, by the values that stand for them."""
    with SessionServer("A") as a, SessionServer("B") as b:
        yield {"A": a, "B": b}


def site(port: int, two: dict[str, SessionServer], cookie: str) -> str:
    """An http frontend before both."""
    servers = "".join(f"server s{value} = {LOOPBACK}:{one.port} cookie={value}\n" for value, one in two.items())
    return (
        f"[global]\nlog = twistd\n[frontend web]\nmode = http\nbind = {LOOPBACK}:{port}\ndefault-backend = b\n"
        f"[backend b]\nmode = http\ncookie = {cookie}\nredispatch = yes\nretries = 1\n{servers}"
    )


def visitors(folder: Path, port: int) -> tuple[Visitor, Visitor]:
    """Two of them."""
    folders = folder / "one", folder / "other"
    for each in folders:
        each.mkdir()
    return Visitor(folders[0], port), Visitor(folders[1], port)


def test_a_visitor_stays_with_a_server_and_its_session(tmp_path: Path, two: dict[str, SessionServer]) -> None:
    """Over 100 requests; when the server stops the other takes over, the cookie names it, and so it stays."""
    port = unused_port()
    with Daemon(tmp_path, site(port, two, f"{COOKIE} prefix")) as daemon:
        one, other = visitors(tmp_path, port)
        pages = one.visit(1)
        (name, _) = pages[0].split()
        second = "B" if name == "A" else "A"
        assert other.visit(3) == [f"{second} {count}" for count in (1, 2, 3)]
        assert one.visit(99) == [f"{name} {count}" for count in range(2, 101)]
        assert other.visit(1) == [f"{second} 4"]
        session = one.cookie()
        assert re.fullmatch(rf"{name}~[0-9a-f]{{16}}", session)

        two[name].stop()
        assert one.visit(10) == [f"{second} {count}" for count in range(1, 11)]
        assert re.fullmatch(rf"{second}~[0-9a-f]{{16}}", one.cookie())
        assert other.visit(1) == [f"{second} 5"]
        two[name].start()
        assert one.visit(10) == [f"{second} {count}" for count in range(11, 21)]

        log = daemon.wait_for("GET /10")
        states = re.findall(r"b/s([AB]) \S+ 200 \d+ - - (\S{4}) \d+/\d+/\d+/\d+/(\+?\d)", log)
        mine = (name, "--NR", "0"), (name, "--VN", "0"), (second, "--DR", "+1"), (second, "--VN", "0")
        assert set(states) == {*mine, (second, "--NR", "0")}
        assert states.count(mine[2]) == 1


@pytest.mark.parametrize(("cookie", "jar"), [("SRV insert indirect nocache", "SRV"), (f"{COOKIE} rewrite", COOKIE)])
def test_other_cookies_lead_there_too(tmp_path: Path, two: dict[str, SessionServer], cookie: str, jar: str) -> None:
    """One of ours beside the server's, or the server's with our value, by which it knows nobody again."""
    port = unused_port()
    with Daemon(tmp_path, site(port, two, cookie)):
        one, other = visitors(tmp_path, port)
        name, second = one.visit(1)[0][0], other.visit(1)[0][0]
        assert {name, second} == {"A", "B"}
        assert {page[0] for page in one.visit(20)} == {name}
        assert (one.cookie(jar), other.cookie(jar)) == (name, second)
        assert other.visit(1) == [f"{second} {2 if jar == 'SRV' else 1}"]
        two[name].stop()
        assert {page[0] for page in one.visit(5)} == {second}
        assert one.cookie(jar) == second

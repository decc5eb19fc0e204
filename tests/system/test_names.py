"""Servers by name, from a real nameserver: followed when they move, kept when nobody answers, and never waited for."""

from __future__ import annotations

import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.fakes import LOOPBACK, unused_port
from tests.system.daemon import Daemon
from tests.system.dnsmasq import Dnsmasq
from tests.system.servers import PATIENCE, needs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOSTS = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
WEB = "_http._tcp.web.shop.svc.cluster.local"


class Servers:
    """One HTTP server on each of HOSTS, on one port; each says its address."""

    def __init__(self) -> None:
        self.port = unused_port()
        self._servers = [self._start(host) for host in HOSTS]

    def _start(self, host: str) -> ThreadingHTTPServer:
        class Name(BaseHTTPRequestHandler):
            """Who it is."""

            def do_GET(self) -> None:
                """Say it."""
                self.send_response(200)
                self.send_header("Content-Length", str(len(host)))
                self.end_headers()
                self.wfile.write(host.encode())

            def log_message(self, *_arguments: object) -> None:
                """Nothing."""

        server = ThreadingHTTPServer((host, self.port), Name)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


@pytest.fixture(name="servers")
def _servers() -> Iterator[Servers]:
    """On three addresses of this machine."""
    with Servers() as servers:
        yield servers


@pytest.fixture(name="nameserver")
def _nameserver(tmp_path: Path) -> Iterator[Dnsmasq]:
    """It has to be told what it serves."""
    needs("dnsmasq")
    nameserver = Dnsmasq(tmp_path)
    yield nameserver
    nameserver.stop()


class Site(Daemon):
    """An http frontend before one backend with these lines, which asks this nameserver."""

    def __init__(self, folder: Path, nameserver: Dnsmasq, *lines: str) -> None:
        self.http = unused_port()
        self.seen: Counter[str] = Counter()
        super().__init__(
            folder,
            "\n".join(
                [
                    "[global]",
                    "log = twistd",
                    f"nameservers = {LOOPBACK}:{nameserver.port}",
                    "[frontend f]",
                    "mode = http",
                    f"bind = {LOOPBACK}:{self.http}",
                    "connection = close",
                    "default-backend = b",
                    "[backend b]",
                    "mode = http",
                    *lines,
                    "",
                ]
            ),
        )

    def get(self) -> str:
        """Who answers a request; the status, where nobody does."""
        try:
            with urlopen(f"http://{LOOPBACK}:{self.http}/", timeout=PATIENCE) as answer:
                return str(answer.read().decode())
        except HTTPError as error:
            return str(error.code)

    def twelve(self) -> Counter[str]:
        """Who answers twelve requests; all of them are in `seen`, too."""
        answers = Counter(self.get() for _ in range(12))
        self.seen += answers
        return answers

    def until(self, wanted: dict[str, int]) -> None:
        """Until these answer twelve requests."""
        end = time.monotonic() + PATIENCE
        while (answers := self.twelve()) != wanted:
            assert time.monotonic() < end, answers


def pods(port: int, *hosts: str, weight: int = 33) -> list[str]:
    """Records as Kubernetes has them for the pods of a headless service."""
    lines = []
    for host in hosts:
        name = f"{host.replace('.', '-')}.web.shop.svc.cluster.local"
        lines += [f"srv-host={WEB},{name},{port},10,{weight}", f"host-record={name},{host}"]
    return lines


def test_a_name_is_followed(tmp_path: Path, nameserver: Dnsmasq, servers: Servers) -> None:
    """To where it moves, by the connections that come then; that is said once."""
    nameserver.serve("host-record=app.example,127.0.0.2")
    with Site(tmp_path, nameserver, f"server app = app.example:{servers.port}") as site:
        assert site.twelve() == {"127.0.0.2": 12}
        nameserver.serve("host-record=app.example,127.0.0.3")
        site.until({"127.0.0.3": 12})
        assert site.log.count("app.example is now at 127.0.0.3") == 1
    assert {"query[A] app.example", "query[AAAA] app.example"} == set(nameserver.asked)


def test_who_answers_no_more_is_missed_by_nobody(tmp_path: Path, nameserver: Dnsmasq, servers: Servers) -> None:
    """The last good answer holds, whether the nameserver is away or knows nothing; that is said once, too."""
    nameserver.serve("host-record=app.example,127.0.0.2")
    with Site(tmp_path, nameserver, f"server app = app.example:{servers.port}") as site:
        site.until({"127.0.0.2": 12})
        nameserver.stop()
        assert "no nameserver answers; the last ones stay" in site.wait_for("has no address any more")
        assert site.get() == "127.0.0.2"
        nameserver.serve("address=/example/")
        time.sleep(2)
        assert site.get() == "127.0.0.2"
        nameserver.serve("host-record=app.example,127.0.0.3")
        site.wait_for("app.example is now at 127.0.0.3")
        assert site.get() == "127.0.0.3"
        assert site.log.count("has no address") == 1


def test_a_name_that_comes_later_is_found(tmp_path: Path, nameserver: Dnsmasq, servers: Servers) -> None:
    """The daemon starts without it, and answers 503 meanwhile."""
    nameserver.serve("address=/example/")
    with Site(tmp_path, nameserver, "retries = 0", f"server app = app.example:{servers.port}") as site:
        assert site.get() == "503"
        assert "app.example has no address: it has none" in site.wait_for("has no address")
        nameserver.serve("host-record=app.example,127.0.0.2")
        site.until({"127.0.0.2": 12})


def test_a_service_is_as_many_servers_as_it_has(tmp_path: Path, nameserver: Dnsmasq, servers: Servers) -> None:
    """They come and go, and no request fails; each has its name in the log."""
    nameserver.serve(*pods(servers.port, *HOSTS[:2]))
    with Site(tmp_path, nameserver, f"server web = srv:{WEB}") as site:
        site.wait_for("is now at")
        assert site.twelve() == {"127.0.0.2": 6, "127.0.0.3": 6}
        nameserver.serve(*pods(servers.port, *HOSTS[1:]))
        site.until({"127.0.0.3": 6, "127.0.0.4": 6})
        assert set(site.seen) == set(HOSTS)
        log = site.wait_for(" b/web@127-0-0-4.web.shop.svc.cluster.local:")
        assert log.count("127-0-0-2.web.shop.svc.cluster.local") >= 6
        assert log.count(f"srv:{WEB} is now at") == 2


def test_a_reload_keeps_a_service_s_servers(tmp_path: Path, nameserver: Dnsmasq, servers: Servers) -> None:
    """Nobody is asked first, and nobody waits."""
    nameserver.serve(*pods(servers.port, *HOSTS))
    with Site(tmp_path, nameserver, f"server web = srv:{WEB}") as site:
        site.wait_for("is now at")
        nameserver.stop()
        assert "retries: 3 -> 1" in site.reload(site.path.read_text() + "retries = 1\n")
        assert site.twelve() == dict.fromkeys(HOSTS, 4)


def test_weights_and_priorities_are_the_records(tmp_path: Path, nameserver: Dnsmasq, servers: Servers) -> None:
    """Three to one; and who has a higher number only stands by."""
    records = [
        *pods(servers.port, HOSTS[0], weight=3000),
        *pods(servers.port, HOSTS[1], weight=1000),
        *(line.replace(",10,33", ",20,33") for line in pods(servers.port, HOSTS[2])),
    ]
    nameserver.serve(*records)
    with Site(tmp_path, nameserver, f"server web = srv:{WEB}") as site:
        site.wait_for("is now at")
        assert site.twelve() == {"127.0.0.2": 9, "127.0.0.3": 3}


def test_a_service_of_many_hosts_is_whole(tmp_path: Path, nameserver: Dnsmasq, servers: Servers) -> None:
    """More than a datagram holds, as Consul names them: each gets its request."""
    name = "_web._tcp.service.consul"
    hosts = [f"c0a8{number:04x}.addr.dc1.consul" for number in range(60)]
    nameserver.serve(
        *(f"srv-host={name},{host},{servers.port},1,1" for host in hosts),
        *(f"host-record={host},{HOSTS[0]}" for host in hosts),
    )
    with Site(tmp_path, nameserver, f"server web = srv:{name}") as site:
        site.wait_for("and 52 more")
        for _ in range(5):
            assert site.twelve() == {HOSTS[0]: 12}
        for host in hosts:
            site.wait_for(f" b/web@{host}:{servers.port} ")

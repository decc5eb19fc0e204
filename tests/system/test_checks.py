"""Health checks by a spawned daemon: what servers see of them, and what becomes of their clients."""

from __future__ import annotations

import re
import signal
import socket
import time
from typing import TYPE_CHECKING

import pytest

from demo.certificates import Authority
from pumpproxy.wire.wholehello import read_whole
from tests.checks.tlspeers import DAY, NOW, Certificates
from tests.fakes import LOOPBACK, unused_port
from tests.system.checked import Recording, TlsNginx, s_server
from tests.system.daemon import Daemon
from tests.system.servers import make_certificate, needs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PUMP = "pump.example"
FAST = "inter=200ms fastinter=50ms"


class Site(Daemon):
    """A tcp frontend before one backend."""

    def __init__(self, folder: Path, *lines: str) -> None:
        self.port = unused_port()
        super().__init__(folder, self.text(*lines))

    def text(self, *lines: str) -> str:
        """The file."""
        backend = "\n".join(lines)
        return f"""
[global]
log = twistd
[frontend f]
mode = tcp
bind = {LOOPBACK}:{self.port}
default-backend = b
[backend b]
timeout-connect = 1s
retries = 0
{backend}
"""

    def ask(self) -> bytes:
        """What somebody behind it says to `hello`; nothing where nobody is."""
        try:
            with socket.create_connection((LOOPBACK, self.port), 20) as connection:
                connection.sendall(b"hello")
                return connection.recv(100)
        except ConnectionError:
            return b""

    def turns(self) -> list[str]:
        """What its log says of servers that turned, without the times."""
        found = re.findall(r"Checker#\w+\] (\w+/\w+ is \w+: .*)", self.log)
        return [re.sub(r", after \d+ ms", "", line) for line in found]


@pytest.fixture
def servers() -> Iterator[list[Recording]]:
    """Those that a test starts; they end with it."""
    started: list[Recording] = []
    yield started
    for one in started:
        one.end()


def started(servers: list[Recording], reply: bytes = b"") -> Recording:
    """One more."""
    one = Recording(reply).start()
    servers.append(one)
    return one


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
ALERT = b"\x15\x03\x03\x00\x02\x02\x28"


def test_what_servers_see(tmp_path: Path, servers: list[Recording]) -> None:
    """The transcript: a tcp check is silent, a TLS one a hello of today with the name, an http one a short GET.

    Where a server wants a header of the PROXY protocol, it stands before the first words.
    """
    tcp, tls, hello, http, first, second = (started(servers, reply) for reply in (b"", ALERT, ALERT, OK, OK, ALERT))
    with Site(
        tmp_path,
        f"server tcp = {LOOPBACK}:{tcp.port} check {FAST} send-proxy=v2",
        f"server tls = {LOOPBACK}:{tls.port} check=tls check-sni={PUMP} {FAST}",
        f"server hello = {LOOPBACK}:{hello.port} check=tls-hello check-sni={PUMP} {FAST}",
        f"server http = {LOOPBACK}:{http.port} check=http check-path=/health check-host=app.example {FAST}",
        f"server first = {LOOPBACK}:{first.port} check=http send-proxy=v1 {FAST}",
        f"server second = {LOOPBACK}:{second.port} check=tls-hello send-proxy=v2 {FAST}",
    ):
        for asked in (*tls.wait_for(2, b"\x16"), *hello.wait_for(3, b"\x16")):
            greeting = read_whole(asked)
            assert greeting is not None
            assert greeting.server_name == PUMP
            assert 0x0304 in greeting.versions
        get = b"GET /health HTTP/1.1\r\nHost: app.example\r\nUser-Agent: pumpproxy\r\nAccept: */*\r\n"
        assert http.wait_for(3, b"GET") == [get + b"Connection: close\r\n\r\n"] * 3
        (asked,) = first.wait_for(1, b"GET")
        assert asked.startswith(b"PROXY UNKNOWN\r\nGET / HTTP/1.1\r\nHost: %s:%d\r\n" % (LOOPBACK.encode(), first.port))
        (asked,) = second.wait_for(1, b"\x16")
        header = b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
        assert asked.startswith(header)
        assert read_whole(asked[len(header) :]) is not None
    assert b"".join(tcp.heard) == b""


def test_a_server_stops_and_comes_back(tmp_path: Path, servers: list[Recording]) -> None:
    """After `fall` checks it is DOWN, and the one that stands by takes over; after `rise` it is UP again."""
    first, spare = started(servers, b"first"), started(servers, b"spare")
    with Site(
        tmp_path,
        f"server first = {LOOPBACK}:{first.port} check {FAST}",
        f"server spare = {LOOPBACK}:{spare.port} check {FAST} backup",
    ) as site:
        assert site.ask() == b"first"
        first.stop()
        site.wait_for("b/first is DOWN")
        assert [site.ask() for _ in range(3)] == [b"spare"] * 3
        spare.stop()
        site.wait_for("b/spare is DOWN")
        assert site.ask() == b""
        spare.start()
        site.wait_for("b/spare is UP")
        assert site.ask() == b"spare"
        first.start()
        site.wait_for("b/first is UP")
        assert [site.ask() for _ in range(3)] == [b"first"] * 3
        turns = site.turns()
    assert turns == [
        "b/first is DOWN: L4CON, refused; 1 backup left",
        "b/spare is DOWN: L4CON, refused; no server left",
        "b/spare is UP: L4OK, connected; 1 backup online",
        "b/first is UP: L4OK, connected; 1 server and 1 backup online",
    ]
    assert len(re.findall(r"Checker#error\]", site.log)) == 1


def test_one_that_is_down_from_the_start(tmp_path: Path, servers: list[Recording]) -> None:
    """The very first check decides alone: nobody waits for three."""
    there = started(servers, b"there")
    with Site(
        tmp_path,
        f"server gone = {LOOPBACK}:{unused_port()} check inter=60s",
        f"server there = {LOOPBACK}:{there.port} check inter=60s",
    ) as site:
        site.wait_for("b/gone is DOWN")
        assert [site.ask() for _ in range(4)] == [b"there"] * 4


def test_traffic_that_fails_brings_a_check(tmp_path: Path, servers: list[Recording]) -> None:
    """Whoever is not to be looked at for a minute is looked at as soon as a client could not be brought there."""
    first, other = started(servers, b"first"), started(servers, b"other")
    with Site(
        tmp_path,
        f"server first = {LOOPBACK}:{first.port} check inter=60s fastinter=50ms",
        f"server other = {LOOPBACK}:{other.port} check inter=60s fastinter=50ms",
    ) as site:
        time.sleep(0.5)
        first.stop()
        answers = {site.ask() for _ in range(2)}
        assert answers == {b"", b"other"}
        site.wait_for("b/first is DOWN")
        assert [site.ask() for _ in range(4)] == [b"other"] * 4


def test_a_state_outlives_a_reload(tmp_path: Path, servers: list[Recording]) -> None:
    """One that is DOWN stays so, without a word; another check finds out about it anew, and none makes it UP."""
    there = started(servers, b"there")
    gone = unused_port()

    def lines(weight: int, check: str) -> tuple[str, str]:
        return (
            f"server gone = {LOOPBACK}:{gone} weight={weight} {check}",
            f"server there = {LOOPBACK}:{there.port} weight={weight}",
        )

    with Site(tmp_path, *lines(1, f"check {FAST}")) as site:
        site.wait_for("b/gone is DOWN")
        for weight, check in ((7, f"check {FAST}"), (8, f"check=http {FAST}"), (9, f"check {FAST} fall=1")):
            site.reload(site.text(*lines(weight, check)))
            assert [site.ask() for _ in range(4)] == [b"there"] * 4
        assert len(site.turns()) == 1
        site.reload(site.text(*lines(1, "")))
        assert {site.ask() for _ in range(4)} == {b"there", b""}
        assert "b/gone is UP: it is checked no more" in site.log


def test_nothing_goes_on_where_it_is_not_to(tmp_path: Path, servers: list[Recording]) -> None:
    """`on-down = close`: a relay is reset when its server says that it is ill; with `keep` it goes on."""
    for on_down, end in (("close", b""), ("keep", b"still here")):
        ill = started(servers, OK)
        folder = tmp_path / on_down
        folder.mkdir()
        with (
            Site(folder, f"on-down = {on_down}", f"server s = {LOOPBACK}:{ill.port} check=http {FAST}") as site,
            socket.create_connection((LOOPBACK, site.port), 20) as connection,
        ):
            connection.sendall(b"hello")
            assert connection.recv(100) == OK
            ill.reply = OK.replace(b"200 OK", b"503 No")
            site.wait_for("b/s is DOWN: L7STS, status 503")
            ill.reply = b"still here"
            try:
                connection.sendall(b"again")
                assert connection.recv(100) == end
            except ConnectionError:
                assert end == b""
        if on_down == "close":
            assert "outcome=server-down" in site.log
            assert " DD " in site.log


def test_a_server_that_is_stopped(tmp_path: Path) -> None:
    """Its backlog still takes connections, so that only a check which waits for an answer finds out."""
    needs("openssl")
    with (
        s_server(make_certificate(tmp_path, PUMP)) as (port, process, _),
        Site(
            tmp_path,
            f"timeout-check = 300ms\nserver tls = {LOOPBACK}:{port} check=tls check-sni={PUMP} {FAST}",
            f"server hello = {LOOPBACK}:{port} check=tls-hello {FAST}",
            f"server tcp = {LOOPBACK}:{port} check {FAST}",
        ) as site,
    ):
        site.wait_for("the certificate that it shows")
        process.send_signal(signal.SIGSTOP)
        site.wait_for("b/tls is DOWN: L6TOUT, no whole handshake in time")
        site.wait_for("b/hello is DOWN: L6TOUT, no answer to the hello in time")
        process.send_signal(signal.SIGCONT)
        site.wait_for("b/tls is UP: L6OK, a whole handshake, TLSv1.3")
        site.wait_for("b/hello is UP: L6OK, answered in TLS")
        assert "b/tcp is" not in site.log


def test_certificates_that_will_not_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Expired, of another name, or self-signed: warned of once, and DOWN where they must be good."""
    needs("nginx", "openssl")
    trusted = Certificates(tmp_path)
    expired = tmp_path / "expired.pem"
    expired.write_bytes(Authority(NOW - 5 * DAY).issue([PUMP]))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted.authority))
    shown = {
        "good": trusted.issue(PUMP),
        "other": trusted.issue("other.example"),
        "expired": expired,
        "alone": make_certificate(tmp_path, PUMP),
    }
    running: list[TlsNginx] = []
    lines: list[str] = ["warn-days = 1"]
    try:
        for name, pem in shown.items():
            folder = tmp_path / name
            folder.mkdir()
            running.append(TlsNginx(folder, pem))
            address = f"{LOOPBACK}:{running[-1].port}"
            lines.append(f"server {name} = {address} check=tls check-sni={PUMP} {FAST}")
            lines.append(f"server {name}-verified = {address} check=tls check-sni={PUMP} check-verify {FAST}")
        with Site(tmp_path, *lines) as site:
            for name in ("other-verified", "expired-verified", "alone-verified"):
                site.wait_for(f"b/{name} is DOWN")
            time.sleep(1)
            log = site.log
        complaints = [set(nginx.complaints()) for nginx in running]
    finally:
        for nginx in running:
            nginx.stop()
    assert "b/good is" not in log
    assert "b/good-verified is" not in log
    assert f"b/other-verified is DOWN: L6RSP, its certificate will not do: it is not for {PUMP}," in log
    assert "b/alone-verified is DOWN: L6RSP, its certificate will not do: it is self-signed," in log
    assert re.search(r"b/expired-verified is DOWN: L6RSP, its certificate will not do: it", log)
    for name in ("other", "expired", "alone"):
        assert f"b/{name} is" not in log
    remarks = dict(re.findall(r"#(\w+)\] b/([\w-]+: the certificate .*)", log))
    assert len(re.findall(r": the certificate", log)) == 2 * len(shown), remarks
    assert f"#warn] b/other: the certificate that it shows for {PUMP} is for another name" in log
    assert f"#warn] b/expired: the certificate that it shows for {PUMP} ended 4 days ago, on " in log
    assert f"#info] b/alone: the certificate that it shows for {PUMP} ends in 1 day, on " in log
    # Whatever we think of its certificate, the server has no error to tell of.
    assert complaints == [{"info"}] * len(shown)

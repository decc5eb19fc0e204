"""The origin's site as its visitors see it: lighttpd and a WebSocket server behind one :80 and one :443."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.system.conftest import LIGHTTPD, PUMP
from tests.system.servers import WebSocketClient, needs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.conftest import Site
    from tests.system.servers import Lighttpd


def run(*command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """A visitor's program, to its end."""
    needs(command[0])
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, input=stdin)


def certificate_shown(site: Site, *options: str) -> str:
    """The common name that openssl's client is shown."""
    result = run("openssl", "s_client", "-connect", f"127.0.0.1:{site.tls}", *options)
    found = re.search(r"subject=\s*CN\s*=\s*(\S+)", result.stdout)
    assert found, result.stdout + result.stderr
    return found[1]


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (("-servername", PUMP), PUMP),
        (("-servername", PUMP.upper()), PUMP),
        (("-servername", PUMP, "-tls1_2"), PUMP),
        (("-servername", PUMP, "-alpn", "h2,http/1.1"), PUMP),
        (("-servername", LIGHTTPD), LIGHTTPD),
        (("-servername", "unknown.example"), LIGHTTPD),
        (("-servername", f"www.{PUMP}"), LIGHTTPD),
        (("-noservername",), LIGHTTPD),
    ],
)
def test_the_certificate_proves_the_route(site: Site, options: tuple[str, ...], shown: str) -> None:
    """Who answers on :443 is decided by the name, and TLS is not opened: the server's own certificate is seen."""
    assert certificate_shown(site, *options) == shown


def curl(site: Site, *options: str) -> subprocess.CompletedProcess[str]:
    """curl, sent to the site wherever the URL points."""
    connect = (
        (f"::127.0.0.1:{site.tls}",) if any(o.startswith("https:") for o in options) else (f"::127.0.0.1:{site.http}",)
    )
    return run("curl", "-sS", "--noproxy", "*", "--max-time", "30", "--connect-to", *connect, *options)


def test_https_reaches_both_servers(site: Site, certificates: dict[str, Path]) -> None:
    """Curl verifies the certificates, and reads each server's page."""
    pump = curl(site, "--cacert", str(certificates[PUMP]), f"https://{PUMP}/")
    assert pump.stdout == "the WebSocket server's page\n", pump.stderr
    other = curl(site, "--cacert", str(certificates[LIGHTTPD]), f"https://{LIGHTTPD}/")
    assert other.stdout == "lighttpd's site\n", other.stderr


def test_http_reaches_lighttpd(site: Site) -> None:
    """All of :80 is lighttpd's."""
    assert curl(site, f"http://{LIGHTTPD}/").stdout == "lighttpd's site\n"


def test_the_bare_name_of_pump_is_redirected(site: Site) -> None:
    """A visitor who types it is sent to its TLS site, path and query kept; an ACME challenge is lighttpd's."""
    answer = curl(site, "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", f"http://{PUMP}/path?query=1")
    assert answer.stdout == f"301 https://{PUMP}/path?query=1"
    challenge = curl(site, "-o", "/dev/null", "-w", "%{http_code}", f"http://{PUMP}/.well-known/acme-challenge/token")
    assert challenge.stdout == "404"


def test_lighttpd_is_told_of_clients_from_elsewhere(site: Site, lighttpd: Lighttpd) -> None:
    """`forwardfor = except 127.0.0.0/8`: a client of ::1 is named, one of 127.0.0.1 is not, a forged one is removed."""
    forged = ("-H", "X-Forwarded-For: 6.6.6.6")
    assert curl(site, *forged, f"http://{LIGHTTPD}/four").returncode == 0
    assert f"[-] [{LIGHTTPD}] GET /four HTTP/1.1 404" in lighttpd.seen("/four")
    connect = ("--connect-to", f"::[::1]:{site.http}")
    assert run("curl", "-sS", "--noproxy", "*", *connect, *forged, f"http://{LIGHTTPD}/six").returncode == 0
    assert "[::1] " in lighttpd.seen("/six")
    assert "6.6.6.6" not in lighttpd.seen("/six")


def test_keep_alive_routes_each_request_by_its_host(site: Site) -> None:
    """Two requests of one connection go to where each one's Host belongs."""
    answer = curl(
        site, "-w", "%{http_code} %{num_connects}\n", "-o", "/dev/null", f"http://{LIGHTTPD}/",
        "--next", "--connect-to", f"::127.0.0.1:{site.http}", "-sS", "-w", "%{http_code} %{num_connects}\n",
        "-o", "/dev/null", "-H", f"Host: {PUMP}", f"http://{LIGHTTPD}/",
    )  # fmt: skip
    assert answer.stdout == "200 1\n301 0\n", answer.stderr


def test_a_websocket_session_over_tls(site: Site, certificates: dict[str, Path]) -> None:
    """pump.io's realtime connection passes unopened."""
    client = WebSocketClient(site.tls, PUMP, certificates[PUMP])
    for number in range(200):
        text = str(number) * (1 + number * 37 % 5000)
        assert client.echo(text) == text
    client.close()


def test_plain_http_on_the_tls_port_is_explained(site: Site) -> None:
    """A 400 that a person can read."""
    answer = run("curl", "-sS", "-i", "--noproxy", "*", f"http://127.0.0.1:{site.tls}/")
    assert answer.stdout.startswith("HTTP/1.1 400 ")
    assert "https://" in answer.stdout


def test_the_log_has_a_line_a_connection(site: Site) -> None:
    """Tcplog and httplog lines, in HAProxy's fields."""
    certificate_shown(site, "-servername", PUMP, "-alpn", "h2")
    curl(site, f"http://{LIGHTTPD}/logged")
    log = site.wait_for("GET /logged HTTP/1.1")
    assert re.search(
        rf"127\.0\.0\.1:\d+ \[\d\d/\w{{3}}/\d{{4}}:\d\d:\d\d:\d\d\.\d{{3}}\] https-in pumpio-ssl/pump 0/\d+/\d+ \d+ -- "
        rf"\d+/\d+/0/0/0 0/0 sni={PUMP} alpn=h2 outcome=completed",
        log,
    )
    assert re.search(
        r"127\.0\.0\.1:\d+ \[[^]]+\] http-in servers/server1 \d+/0/\d+/\d+/\d+ 404 \d+ - - --NN \d+/\d+/0/0/0 0/0 "
        r'"GET /logged HTTP/1\.1"',
        log,
    )
    assert "Traceback" not in log

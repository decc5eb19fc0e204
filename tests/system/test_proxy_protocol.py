"""The PROXY protocol with those who speak it: lighttpd, nginx and HAProxy behind the daemon, and HAProxy before it."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from pumpproxy.wire.proxywriter import ALPN, AUTHORITY, v1, v2, v2_local
from tests.fakes import LOOPBACK, unused_port
from tests.flow.peers import has_ipv6
from tests.system.conftest import LIGHTTPD
from tests.system.daemon import Daemon
from tests.system.servers import PATIENCE, needs, wait_for_port
from tests.system.told import Teller, Told, ToldHaproxy, ToldLighttpd, ToldNginx

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLIENTS = ["127.0.0.1", "127.9.8.7", "::1"]
"""All of them come to the daemon's address of their family."""
VERSIONS = ["v1", "v2"]
_numbers = itertools.count(1)


def reaches(host: str) -> None:
    """Skip where this machine has no such address."""
    if ":" in host and not has_ipv6():
        pytest.skip("machine: no IPv6")


class Page:
    """One request on a connection of its own: who asked, for which path, and what came."""

    def __init__(self, host: str, port: int, certificate: Path | None, first: bytes = b"") -> None:
        """`certificate`: whose name is asked for and checked, over TLS; `first`: what is sent before all that."""
        self.path = f"/page{next(_numbers)}"
        here = (host, 0)
        to = "::1" if ":" in host else LOOPBACK
        with contextlib.closing(socket.create_connection((to, port), PATIENCE, here)) as connection:
            self.client = connection.getsockname()[:2]
            if first:
                connection.sendall(first)
            stream = connection
            if certificate is not None:
                context = ssl.create_default_context(cafile=str(certificate))
                stream = context.wrap_socket(connection, server_hostname=LIGHTTPD)
            stream.sendall(f"GET {self.path} HTTP/1.1\r\nHost: {LIGHTTPD}\r\nConnection: close\r\n\r\n".encode())
            parts = []
            while part := stream.recv(65536):
                parts.append(part)
            self.answer = b"".join(parts)

    @property
    def came(self) -> bool:
        """Whether the page did."""
        # The servers have no such file; but for HAProxy, which answers whatever is asked.
        return self.answer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 404 "))


def lines_of(daemon: Daemon, client: tuple[str, int]) -> list[dict[str, object]]:
    """What its log says of a client, once it does."""
    wanted = f'"client":"{client[0]}","port":{client[1]},'
    log = daemon.wait_for(wanted)
    return [json.loads(line[line.index("{") :]) for line in log.splitlines() if wanted in line]


# Servers behind it ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[ToldLighttpd, ToldNginx, ToldHaproxy], ids=lambda kind: kind.name)
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, certificates: dict[str, Path]
) -> Iterator[Told]:
    """A real server that wants headers."""
    kind: type[Told] = request.param
    needs(kind.name)
    running = kind(tmp_path_factory.mktemp(kind.name), certificates[LIGHTTPD])
    yield running
    running.stop()


class Telling(Daemon):
    """Before that server: by TLS and by HTTP, on IPv4, IPv6 and a unix socket."""

    def __init__(self, folder: Path, server: Told, version: str) -> None:
        self.version = version
        self.tls, self.http = unused_port(), unused_port()
        self.unix = str(folder / "tls.sock")
        ipv6 = has_ipv6()
        binds = {
            "secure": [f"{LOOPBACK}:{self.tls}", f"unix:{self.unix}", *([f"[::1]:{self.tls}"] * ipv6)],
            "web": [f"{LOOPBACK}:{self.http}", *([f"[::1]:{self.http}"] * ipv6)],
        }
        text = "[global]\nlog = twistd\n[defaults]\nlog-format = json\n"
        for name, mode in (("secure", "tls"), ("web", "http")):
            bind = "\n  ".join(binds[name])
            text += f"[frontend {name}]\nmode = {mode}\nbind =\n  {bind}\ndefault-backend = {name}\n"
        for name, mode, port in (("secure", "tcp", server.tls), ("web", "http", server.http)):
            text += f"[backend {name}]\nmode = {mode}\nserver s = {LOOPBACK}:{port} send-proxy={version}\n"
        super().__init__(folder, text)


@pytest.fixture(scope="module", params=VERSIONS)
def telling(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, told: Told) -> Iterator[Telling]:
    """A daemon that tells it, by either version."""
    with Telling(tmp_path_factory.mktemp("telling"), told, request.param) as running:
        yield running


@pytest.mark.parametrize("host", CLIENTS)
@pytest.mark.parametrize("secure", [True, False], ids=["tls", "http"])
def test_a_server_knows_its_real_client(
    telling: Telling, told: Told, certificates: dict[str, Path], host: str, *, secure: bool
) -> None:
    """TLS is not opened on the way, and its access log has the client's address and port all the same."""
    reaches(host)
    port = telling.tls if secure else telling.http
    page = Page(host, port, certificates[LIGHTTPD] if secure else None)
    assert page.came
    client, local = page.client, ("::1" if ":" in host else LOOPBACK, port)
    seen = told.saw(page.path)
    assert seen[:2] == [str(one) for one in client]
    # nginx and HAProxy know where that was.
    assert len(seen) == 2 or seen[2:4] == [str(one) for one in local]
    (line,) = lines_of(telling, client)
    assert line["outcome"] == "completed"
    if telling.version == "v1":
        assert line["unique_id"] is None
    elif isinstance(told, ToldHaproxy):
        assert seen[4:] == [LIGHTTPD if secure else "-", line["unique_id"]]


def test_a_client_on_a_unix_socket_is_nobody(telling: Telling, told: Told, certificates: dict[str, Path]) -> None:
    """The server serves it, as one that connected by itself."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(telling.unix)
        context = ssl.create_default_context(cafile=str(certificates[LIGHTTPD]))
        stream = context.wrap_socket(connection, server_hostname=LIGHTTPD)
        path = f"/page{next(_numbers)}"
        stream.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        assert stream.recv(12) in {b"HTTP/1.0 404", b"HTTP/1.1 404", b"HTTP/1.1 200"}
    assert not told.saw(path)[0].startswith("127.9.")


def test_requests_of_many_clients_are_told_apart(telling: Telling, told: Told) -> None:
    """Though they are asked for at the same time, and each asks for several: no server's connection is shared."""
    pages = [Page(f"127.9.0.{number}", telling.http, None) for number in range(1, 9) for _ in range(3)]
    for page in pages:
        assert page.came
        assert told.saw(page.path)[0] == page.client[0]


# Every header that is written -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory, certificates: dict[str, Path]) -> Iterator[Told]:
    """HAProxy, which reads strictly, and knows most of them."""
    needs("haproxy")
    running = ToldHaproxy(tmp_path_factory.mktemp("reader"), certificates[LIGHTTPD])
    yield running
    running.stop()


V4, OURS4 = ("192.0.2.1", 51234), ("198.51.100.2", 443)
V6, OURS6 = ("2001:db8::1", 65535), ("2001:db8:ffff:ffff:ffff:ffff:ffff:2", 443)
TLVS = [(ALPN, b"h2"), (AUTHORITY, b"a." * 120 + b"example"), (5, b"0123456789abcdef" * 8)]


@pytest.mark.parametrize(
    ("header", "seen"),
    [
        (v1(V4, OURS4), [V4, OURS4]),
        (v1(V6, OURS6), [V6, OURS6]),
        (v2(V4, OURS4), [V4, OURS4]),
        (v2(V6, OURS6), [V6, OURS6]),
        (v2(V4, OURS4, TLVS), [V4, OURS4]),
        (v2(V6, OURS6, TLVS), [V6, OURS6]),
        (v1(("unix", 0), None), None),
        (v2(("unix", 0), None, TLVS), None),
        (v2(V4, OURS6), None),
        (v2_local(), None),
    ],
    ids=str,
)
def test_haproxy_takes_each_header_that_is_written(
    reader: Told, header: bytes, seen: list[tuple[str, int]] | None
) -> None:
    """Checksum and all; where the client is unknown it takes the connection's own addresses."""
    page = Page(LOOPBACK, reader.http, None, header)
    assert page.answer.startswith(b"HTTP/1.1 200 ")
    addresses = [page.client, (LOOPBACK, reader.http)] if seen is None else seen
    line = reader.saw(page.path)
    assert line[:4] == [str(field) for address in addresses for field in address]
    if seen is not None and len(header) > 300:
        assert line[4:] == [TLVS[1][1].decode(), TLVS[2][1].decode()]


def test_haproxy_checks_what_is_written(reader: Told) -> None:
    """One wrong bit, and it serves nobody: so it does read the checksum."""
    header = v2(V4, OURS4, TLVS)
    damaged = header[:16] + bytes((header[16] ^ 1,)) + header[17:]
    with contextlib.suppress(ConnectionResetError):
        assert Page(LOOPBACK, reader.http, None, damaged).answer == b""


# HAProxy before it ----------------------------------------------------------------------------------------------------

TELLS = {
    "v1": "send-proxy",
    "v1-dual": "send-proxy",
    "v2": "send-proxy-v2",
    "tlvs": "send-proxy-v2 proxy-v2-options ssl,cert-cn,crc32c,authority,unique-id",
    "ssl": "send-proxy-v2-ssl-cn",
}
CHECKED = "check check-send-proxy inter 200ms"
MODES = ["tls", "http", "tcp"]


class Believing(Daemon):
    """Before lighttpd, and behind whoever is on 127.0.0.1: other addresses of this machine are not believed."""

    def __init__(self, folder: Path, http: int, tls: int) -> None:
        self.ports = {mode: unused_port() for mode in MODES}
        text = "[global]\nlog = twistd\n[defaults]\nlog-format = json\naccept-proxy = 127.0.0.1/32 ::1/128\n"
        text += "inspect-delay = 2s\ntimeout-http-request = 2s\n"
        for mode, port in self.ports.items():
            text += f"[frontend {mode}]\nmode = {mode}\nbind = *:{port}\ndefault-backend = {mode}\n"
        for mode, port in (("tls", tls), ("http", http), ("tcp", http)):
            kind = "http" if mode == "http" else "tcp"
            text += f"[backend {mode}]\nmode = {kind}\nserver s = {LOOPBACK}:{port}\n"
        super().__init__(folder, text)


@pytest.fixture(scope="module")
def believing(tmp_path_factory: pytest.TempPathFactory, lighttpd: Told) -> Iterator[Believing]:
    """It."""
    with Believing(tmp_path_factory.mktemp("believing"), lighttpd.http, lighttpd.tls) as running:
        yield running


class Fronts(Teller):
    """HAProxy with a frontend for each mode of ours and each way of telling; `ports` by both."""

    def __init__(self, folder: Path, believing: Believing) -> None:
        self.ports = {(mode, how): unused_port() for mode in MODES for how in TELLS}
        text = ""
        for (mode, how), port in self.ports.items():
            check = "option httpchk GET /\n" if mode == "http" else ""
            text += f"""
            listen {mode}-{how}
                {f"bind :::{port} v4v6" if how == "v1-dual" else f"bind *:{port},:::{port} v6only"}
                {check}unique-id-format %[uuid()]
                server s {LOOPBACK}:{believing.ports[mode]} {TELLS[how]} {CHECKED}
            """
        super().__init__(folder, text)
        for port in self.ports.values():
            wait_for_port(port, self.process)


@pytest.fixture(scope="module")
def fronts(tmp_path_factory: pytest.TempPathFactory, believing: Believing) -> Iterator[Fronts]:
    """It."""
    needs("haproxy")
    running = Fronts(tmp_path_factory.mktemp("fronts"), believing)
    yield running
    running.stop()


@pytest.mark.parametrize("host", ["127.9.8.7", "::1"])
@pytest.mark.parametrize("how", TELLS)
@pytest.mark.parametrize("mode", MODES)
def test_what_haproxy_says_is_believed(
    believing: Believing, fronts: Fronts, certificates: dict[str, Path], mode: str, how: str, host: str
) -> None:
    """The client of the log is its client."""
    reaches(host)
    page = Page(host, fronts.ports[mode, how], certificates[LIGHTTPD] if mode == "tls" else None)
    assert page.came
    (line,) = lines_of(believing, page.client)
    assert (line["frontend"], line["outcome"]) == (mode, "completed")
    assert (line["unique_id"] is not None) == (how == "tlvs")


@pytest.mark.parametrize("how", TELLS)
@pytest.mark.parametrize("mode", MODES)
def test_haproxys_checks_are_served(fronts: Fronts, mode: str, how: str) -> None:
    """By `check-send-proxy` they begin with a header of their own; in http it is answered as a request."""
    assert fronts.checked(f"{mode}-{how}") == ("L7OK" if mode == "http" else "L4OK")


# Whoever else comes ---------------------------------------------------------------------------------------------------


def words(port: int, data: bytes, host: str = LOOPBACK) -> tuple[tuple[str, int], bytes]:
    """What is said to a client that sends that, from that address, and waits for the end."""
    with contextlib.closing(socket.create_connection((host, port), PATIENCE, (host, 0))) as connection:
        connection.settimeout(PATIENCE)
        client = connection.getsockname()[:2]
        parts = []
        with contextlib.suppress(ConnectionResetError):
            connection.sendall(data)
            while part := connection.recv(65536):
                parts.append(part)
    return client, b"".join(parts)


GET = b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
SPOOFED = [v1(V4, OURS4), v2(V4, OURS4, TLVS), v2_local()]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "data", [GET, b"PROXY TCP4 nonsense\r\n", v2(V4, OURS4)[:-1] + b"\0"], ids=["none", "v1", "v2"]
)
def test_who_must_send_a_header_and_does_not_is_refused(believing: Believing, mode: str, data: bytes) -> None:
    """Without a word, in each mode; there is one line of it, with its own address."""
    client, said = words(believing.ports[mode], data)
    assert said == b""
    (line,) = lines_of(believing, client)
    assert (line["outcome"], line["termination"], line["server"]) == ("bad-proxy-header", "PR", None)


@pytest.mark.parametrize("mode", MODES)
def test_a_header_that_does_not_end_has_its_time(believing: Believing, mode: str) -> None:
    """`inspect-delay`; in http `timeout-http-request`."""
    client, said = words(believing.ports[mode], v1(V4, OURS4)[:-1])
    assert said == b""
    (line,) = lines_of(believing, client)
    assert (line["outcome"], line["termination"]) == ("client-silent", "cR")
    assert line["detail"] == "no complete PROXY header in time"


@pytest.mark.parametrize("header", SPOOFED, ids=["v1", "v2", "local"])
def test_from_anywhere_else_a_header_is_refused(
    believing: Believing, hello: bytes, lighttpd: Told, header: bytes
) -> None:
    """As no request, as no hello, and in tcp before it is read; nobody is taken for whom it tells of."""
    before = believing.log.count(V4[0])
    seen = {}
    for mode, data in (("http", GET), ("tls", hello), ("tcp", GET)):
        client, said = words(believing.ports[mode], header + data, "127.9.8.7")
        assert said.startswith(b"HTTP/1.1 400 ") == (mode == "http")
        (line,) = lines_of(believing, client)
        seen[mode] = (line["outcome"], line["detail"] if mode != "http" else "")
    assert seen == {
        "http": ("bad-request", ""),
        "tls": ("not-tls", "proxy"),
        "tcp": ("refused", "not of the networks of accept-proxy"),
    }
    assert believing.log.count(V4[0]) == before
    assert lighttpd.process.poll() is None


def test_from_anywhere_else_clients_are_served_as_ever(believing: Believing, certificates: dict[str, Path]) -> None:
    """By their own address, on a tls or http frontend."""
    for mode in ("tls", "http"):
        page = Page("127.9.8.7", believing.ports[mode], certificates[LIGHTTPD] if mode == "tls" else None)
        assert page.came
        assert [line["outcome"] for line in lines_of(believing, page.client)] == ["completed"]


def test_a_reload_holds_for_connections_from_then_on(tmp_path: Path, lighttpd: Told) -> None:
    """One that waits for its header goes on; who comes afterwards is asked for none."""
    port = unused_port()
    text = (
        "[global]\nlog = twistd\n"
        f"[frontend web]\nmode = http\nbind = {LOOPBACK}:{port}\ndefault-backend = b\nlog-format = json\n"
        "timeout-http-request = 30s\n"
    )
    backend = f"[backend b]\nmode = http\nserver s = {LOOPBACK}:{lighttpd.http}\n"
    with Daemon(tmp_path, f"{text}accept-proxy = {LOOPBACK}/32\n{backend}") as daemon:
        with contextlib.closing(socket.create_connection((LOOPBACK, port), PATIENCE)) as early:
            early.sendall(v1(V4, OURS4)[:10])
            assert words(port, GET)[1] == b""
            assert "accept-proxy" in daemon.reload(text + backend)
            assert words(port, GET)[1].startswith(b"HTTP/1.1 200 ")
            assert words(port, v1(V4, OURS4) + GET)[1].startswith(b"HTTP/1.1 400 ")
            early.sendall(v1(V4, OURS4)[10:] + GET)
            assert early.recv(12) == b"HTTP/1.1 200"
        assert [line["outcome"] for line in lines_of(daemon, V4)] == ["completed"]


@pytest.mark.parametrize("relay", ["splice", "portable"])
def test_two_daemons_in_a_row(tmp_path: Path, certificates: dict[str, Path], reader: Told, relay: str) -> None:
    """The second is told by the first, and tells the server: of the client of the first, by one ID."""
    ports = [unused_port(), unused_port()]
    common = (
        f"[global]\nlog = twistd\nrelay = {relay}\n[frontend f]\nmode = tls\nlog-format = json\ndefault-backend = b\n"
    )
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    first = f"bind = {LOOPBACK}:{ports[0]}\n[backend b]\nserver s = {LOOPBACK}:{ports[1]} send-proxy=v2\n"
    second = (
        f"bind = {LOOPBACK}:{ports[1]}\naccept-proxy = {LOOPBACK}/32\n"
        f"[backend b]\nserver s = {LOOPBACK}:{reader.tls} send-proxy=v2\n"
    )
    with Daemon(folders[0], common + first) as one, Daemon(folders[1], common + second) as other:
        page = Page("127.9.8.7", ports[0], certificates[LIGHTTPD])
        assert page.came
        told = [lines_of(daemon, page.client)[0] for daemon in (one, other)]
    assert told[0]["unique_id"] == told[1]["unique_id"]
    for key in ("bytes_in", "bytes_out", "sni", "outcome"):
        assert told[0][key] == told[1][key]
    seen = reader.saw(page.path)
    assert seen == [*map(str, page.client), LOOPBACK, str(ports[0]), LIGHTTPD, str(told[0]["unique_id"])]

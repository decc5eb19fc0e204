"""What the system tests share: certificates, real servers, and sites before them. All are marked `system`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pumpproxy.model import ConnectionMode
from tests.fakes import LOOPBACK, client_hello, unused_port
from tests.system.daemon import ROOT, Daemon
from tests.system.nginx import Nginx
from tests.system.node import Node, needs_node
from tests.system.servers import Lighttpd, WebSocketServer, make_certificate, needs

if TYPE_CHECKING:
    from collections.abc import Iterator

PUMP = "pump2.thisshitistemp.com"
LIGHTTPD = "www.thisshitistemp.com"
KEEPING = [mode.value for mode in ConnectionMode if mode is not ConnectionMode.CLOSE]
"""The modes in which a client's connection outlives a response."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what stands in this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("system")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A certificate for each of the two sites."""
    needs("openssl")
    folder = tmp_path_factory.mktemp("certificates")
    return {name: make_certificate(folder, name) for name in (PUMP, LIGHTTPD)}


@pytest.fixture(scope="session")
def lighttpd(tmp_path_factory: pytest.TempPathFactory, certificates: dict[str, Path]) -> Iterator[Lighttpd]:
    """A real lighttpd."""
    needs("lighttpd")
    running = Lighttpd(tmp_path_factory.mktemp("lighttpd"), certificates[LIGHTTPD])
    yield running
    running.stop()


@pytest.fixture(scope="session")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """A real nginx."""
    needs("nginx")
    running = Nginx(tmp_path_factory.mktemp("nginx"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A site on a real node, with `ws`."""
    needs_node()
    running = Node(tmp_path_factory.mktemp("node"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def pump(certificates: dict[str, Path]) -> Iterator[WebSocketServer]:
    """What stands for pump.io: TLS and a WebSocket."""
    running = WebSocketServer(certificates[PUMP])
    yield running
    running.stop()


@pytest.fixture(scope="session")
def hello() -> bytes:
    """A ClientHello."""
    return client_hello(PUMP)


class Site(Daemon):
    """The origin's site: etc/proxy.ini with ports of the kernel's choice."""

    def __init__(self, folder: Path, lighttpd: Lighttpd, pump: WebSocketServer) -> None:
        self.http, self.tls = unused_port(), unused_port()
        ports = {
            "*:80\n": f"*:{self.http}\n",
            "*:443\n": f"*:{self.tls}\n",
            "127.0.0.1:8080": f"127.0.0.1:{lighttpd.http}",
            "127.0.0.1:8443": f"127.0.0.1:{lighttpd.tls}",
            "127.0.0.1:31337": f"127.0.0.1:{pump.port}",
        }
        text = (ROOT / "etc" / "proxy.ini").read_text()
        for shipped, here in ports.items():
            assert text.count(shipped) == 1, f"etc/proxy.ini has no {shipped!r}"
            text = text.replace(shipped, here)
        super().__init__(folder, text)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, lighttpd: Lighttpd, pump: WebSocketServer) -> Iterator[Site]:
    """The origin's site, running."""
    with Site(tmp_path_factory.mktemp("site"), lighttpd, pump) as running:
        yield running


class Hosts(Daemon):
    """An http frontend before lighttpd.example, nginx.example and node.example; impatient.example is node's, too."""

    def __init__(self, folder: Path, mode: str, servers: dict[str, int]) -> None:
        self.http = unused_port()
        frontend = f"[frontend web]\nmode = http\nbind = {LOOPBACK}:{self.http}\nconnection = {mode}\n"
        routes = "".join(f"route {name}.example = {name}\n" for name in servers)
        backends = (f"[backend {name}]\nmode = http\nserver s = {LOOPBACK}:{port}\n" for name, port in servers.items())
        impatient = (
            "route impatient.example = impatient\n"
            f"[backend impatient]\nmode = http\ntimeout-server = 1s\nserver s = {LOOPBACK}:{servers['node']}\n"
        )
        super().__init__(folder, f"[global]\nlog = twistd\n{frontend}{routes}{impatient}{''.join(backends)}")


@pytest.fixture(scope="module", params=KEEPING)
def hosts(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    lighttpd: Lighttpd,
    nginx: Nginx,
    node: Node,
) -> Iterator[Hosts]:
    """Three real servers behind one frontend, in each mode that keeps clients."""
    servers = {"lighttpd": lighttpd.http, "nginx": nginx.port, "node": node.port}
    for root in (lighttpd.root, nginx.root):
        (root / "page").write_text(f"{root.parent.name.rstrip('0123456789')}'s page\n")
    with Hosts(tmp_path_factory.mktemp("hosts"), request.param, servers) as running:
        yield running

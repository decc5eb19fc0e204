"""What the system tests share: certificates, lighttpd and the origin's site before it. All are marked `system`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fakes import client_hello, unused_port
from tests.system.daemon import ROOT, Daemon
from tests.system.servers import Lighttpd, WebSocketServer, make_certificate, needs

if TYPE_CHECKING:
    from collections.abc import Iterator

PUMP = "pump2.thisshitistemp.com"
LIGHTTPD = "www.thisshitistemp.com"


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

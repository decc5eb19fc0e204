"""What real servers log of checks: 20 of each kind, one after another, all of them passed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_twisted

from pumpproxy.model import CheckKind, SendProxy
from tests.checks.test_probes_sockets import Checking
from tests.flow.peers import pause
from tests.system.checked import TlsNginx, s_server
from tests.system.conftest import LIGHTTPD
from tests.system.servers import needs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.servers import Lighttpd

CHECKS = 20
OF_TLS = [CheckKind.TCP, CheckKind.TLS_HELLO, CheckKind.TLS]


async def checked(kind: CheckKind, port: int, send_proxy: SendProxy | None = None) -> None:
    """All of them, over."""
    checking = Checking(lean=True)
    for _ in range(CHECKS):
        result = await checking.check(kind, port, sni=LIGHTTPD, send_proxy=send_proxy)
        assert result.passed, result
    await checking.quiet()
    await pause(0.3)


@pytest.mark.parametrize("kind", OF_TLS)
@pytest_twisted.ensureDeferred
async def test_lighttpd(lighttpd: Lighttpd, kind: CheckKind) -> None:
    """No line in its error log, by no kind."""
    error_log = lighttpd.root.parent / "error.log"
    before = error_log.read_text()
    await checked(kind, lighttpd.tls)
    assert error_log.read_text() == before


@pytest.mark.parametrize("kind", [CheckKind.TCP, CheckKind.HTTP])
@pytest_twisted.ensureDeferred
async def test_lighttpd_in_the_clear(lighttpd: Lighttpd, kind: CheckKind) -> None:
    """Nor there; its access log has the requests."""
    error_log = lighttpd.root.parent / "error.log"
    before = error_log.read_text()
    await checked(kind, lighttpd.http)
    assert error_log.read_text() == before


@pytest.mark.parametrize("kind", OF_TLS)
@pytest_twisted.ensureDeferred
async def test_s_server(certificates: dict[str, Path], kind: CheckKind) -> None:
    """Nothing either, though it tells of every connection that ends in the middle."""
    with s_server(certificates[LIGHTTPD]) as (port, _, said):
        await checked(kind, port)
        assert said.read_text(errors="replace").replace("\0", "") == ""


@pytest.mark.parametrize(
    ("kind", "levels"), [(CheckKind.TCP, []), (CheckKind.TLS_HELLO, ["info"]), (CheckKind.TLS, ["info"])]
)
@pytest.mark.parametrize(("listen", "send_proxy"), [("", None), ("proxy_protocol", SendProxy.V1)])
@pytest_twisted.ensureDeferred
async def test_nginx(
    tmp_path: Path,
    certificates: dict[str, Path],
    kind: CheckKind,
    levels: list[str],
    listen: str,
    send_proxy: SendProxy | None,
) -> None:
    """Nothing of a tcp check; a line of the level `info`, which it does not log by default, of a client that left."""
    needs("nginx")
    nginx = TlsNginx(tmp_path, certificates[LIGHTTPD], listen)
    try:
        await pause(0.1)
        before = len(nginx.complaints())
        await checked(kind, nginx.port, send_proxy)
        assert nginx.complaints()[before:] == levels * CHECKS
    finally:
        nginx.stop()

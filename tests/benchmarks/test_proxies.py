"""Who is measured: found, named, started, and ended."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmarks import proxies
from benchmarks.proxies import PEERS, Proxy, chosen, free_ports, running
from benchmarks.texts import LOOPBACK, Site

if TYPE_CHECKING:
    from pathlib import Path

SERVES = f"""
import socket, sys
server = socket.create_server(("{LOOPBACK}", int(open(sys.argv[1]).read())))
while True:
    server.accept()[0].close()
"""
FAILS = "print('this is why'); raise SystemExit(1)"


def scripted(program: str) -> Proxy:
    """A proxy that is a line of Python; its file is its port."""
    return Proxy(
        "scripted",
        "Scripted, by Python",
        (sys.executable, "-c", program, "{file}"),
        (sys.executable, "-c", "print('It is 1.2.3-4+deb or so')"),
        "python3",
        lambda site: str(site.fronts["echo"]),
    )


def test_a_peer_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With the line that installs it; the others are measured."""
    monkeypatch.setattr(proxies, "program", lambda name: None if name in {"nginx", "sniproxy"} else f"/bin/{name}")
    names = [proxy.name for proxy in chosen("all", None)]
    assert names == ["pumpproxy", "haproxy", "haproxy-tuned"]
    said = capsys.readouterr().err
    assert "sudo apt-get install nginx-light libnginx-mod-stream" in said
    assert "sudo apt-get install sniproxy" in said


def test_nginx_without_its_stream_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """nginx-light alone cannot route by name; with the module, or with it built in, nginx can."""
    nginx = next(peer for peer in PEERS if peer.name == "nginx")
    monkeypatch.setattr(proxies, "program", lambda name: f"/bin/{name}")
    monkeypatch.setattr(proxies, "MODULES", tmp_path)
    monkeypatch.setattr(proxies, "told", lambda _: "--with-stream=dynamic --with-stream_ssl_module")
    assert nginx.lacks() is not None
    monkeypatch.setattr(proxies, "told", lambda _: "--with-stream --with-stream_ssl_module")
    assert nginx.lacks() is None
    monkeypatch.setattr(proxies, "told", lambda _: "")
    (tmp_path / "ngx_stream_module.so").touch()
    assert nginx.lacks() is None


def test_who_is_unknown_is_told() -> None:
    """A name that is none of ours ends it, with those that there are."""
    with pytest.raises(SystemExit, match=r"^nobody: there are pumpproxy, haproxy, "):
        chosen("pumpproxy,nobody", None)


def test_there_must_be_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of nothing helps nobody."""
    monkeypatch.setattr(proxies, "program", lambda _: None)
    with pytest.raises(SystemExit, match="nobody is left"):
        chosen("nginx", None)


def test_ours_is_the_checkout_or_an_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another twistd brings its own package: the checkout must not hide it."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    (checkout,) = chosen("pumpproxy", None)
    assert str(proxies.ROOT) in proxies.environment(checkout)["PYTHONPATH"]
    installed = proxies.ours("/opt/pumpproxy/bin/twistd")
    assert installed.command[0] == "/opt/pumpproxy/bin/twistd"
    assert str(proxies.ROOT) not in proxies.environment(installed).get("PYTHONPATH", "")


def test_a_version_is_a_number() -> None:
    """Out of whatever the program prints; `unknown` where there is none."""
    proxy = scripted(SERVES)
    assert proxies.version(proxy) == "1.2.3-4+deb"
    assert proxies.version(replace(proxy, version=(sys.executable, "-c", "print('none')"))) == "unknown"


def test_free_ports_are_different() -> None:
    """Nobody gets one twice."""
    assert len(set(free_ports(8))) == 8


def test_a_program_runs_as_long_as_the_block(tmp_path: Path) -> None:
    """From the moment when it answers; afterwards its port is free again."""
    (port,) = free_ports(1)
    site = Site({"echo": port}, {"echo": (1,)}, tmp_path)
    for _ in range(2):
        with running(scripted(SERVES), site) as pid:
            assert pid > 1
    assert (tmp_path / "scripted" / "conf").read_text() == str(port)


def test_a_program_that_does_not_start_is_quoted(tmp_path: Path) -> None:
    """What it said is what helps."""
    site = Site({"echo": free_ports(1)[0]}, {"echo": (1,)}, tmp_path)
    with pytest.raises(SystemExit, match=r"scripted does not serve:\nthis is why"), running(scripted(FAILS), site):
        pytest.fail("it serves")

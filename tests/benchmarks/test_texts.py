"""The peers' configurations say the same of the site, each in its words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks import texts
from benchmarks.texts import NAME, Site
from pumpproxy.config.load import load_text
from pumpproxy.config.spelling import spelled

if TYPE_CHECKING:
    from collections.abc import Callable

SITE = Site(
    fronts={"echo": 2001, "http": 2002},
    servers={"echo": (3001, 3002), "http": (3003,)},
    folder=Path("/nowhere"),
    connections=1234,
)


@pytest.mark.parametrize(
    ("log", "target", "found"),
    [
        (None, "", "none"),
        (5514, "", "syslog:local2@udp:127.0.0.1:5514"),
        (5514, "twistd", "twistd"),
        (5514, "file:/x.log", "file:/x.log"),
    ],
)
def test_ours_is_a_good_file(log: int | None, target: str, found: str) -> None:
    """No error, no warning, and it says what the site says."""
    loaded = load_text(texts.pumpproxy(replace(SITE, log=log, target=target)), "bench")
    assert loaded.warnings == ()
    config = loaded.config
    assert spelled(config.log) == found
    assert [frontend.name for frontend in config.frontends] == ["echo", "http"]
    assert [len(backend.servers) for backend in config.backends] == [2, 1]
    assert config.maxconn == 1234


@pytest.mark.parametrize("text", [texts.haproxy, texts.haproxy_tuned, texts.nginx])
def test_a_peer_has_the_whole_site(text: Callable[[Site], str]) -> None:
    """Every port of the site stands in the file, and the name that is routed."""
    written = text(SITE)
    assert [port for port in (2001, 2002, 3001, 3002, 3003) if f":{port}" not in written] == []
    assert NAME in written


def test_sniproxy_is_given_what_it_can() -> None:
    """No HTTP requests, and one server a table."""
    written = texts.sniproxy(SITE)
    assert [port for port in (2001, 3001) if f":{port}" not in written] == []
    assert [port for port in (2002, 3002, 3003) if f":{port}" in written] == []


def test_only_the_tuned_one_is_tuned() -> None:
    """HAProxy as the origin's site has it moves bytes itself; tuned, the kernel does, through large pipes."""
    plain, tuned = texts.haproxy(SITE), texts.haproxy_tuned(SITE)
    for words in ("tune.pipesize 1048576", "option splice-request", "option splice-response"):
        assert words in tuned
        assert words not in plain
    assert "option http-server-close" in plain


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (texts.haproxy, ("option tcplog", "log 127.0.0.1:5514 ")),
        (texts.nginx, ("access_log /nowhere/access.log",)),
    ],
)
def test_a_log_is_asked_for(text: Callable[[Site], str], words: tuple[str, ...]) -> None:
    """What writes a line a connection is there with `log`, and only then."""
    assert [word for word in words if word not in text(replace(SITE, log=5514))] == []
    assert [word for word in words if word in text(SITE)] == []


def test_nginx_loads_what_is_loadable(tmp_path: Path) -> None:
    """Debian's stream module is a file to load; where there is none it is built in."""
    module = tmp_path / "ngx_stream_module.so"
    module.touch()
    assert f"load_module {module};" in texts.nginx(replace(SITE, modules=tmp_path))
    assert "load_module" not in texts.nginx(replace(SITE, modules=tmp_path / "nothing"))

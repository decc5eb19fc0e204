"""Tests of what a reload changes."""

from __future__ import annotations

from dataclasses import fields, replace
from ipaddress import ip_network

import pytest

from pumpproxy.config.diff import Changes, changes
from pumpproxy.model import (
    Action,
    Backend,
    Balance,
    Config,
    ConnectionMode,
    CookieMode,
    ExactHost,
    ForwardFor,
    Frontend,
    LogFormat,
    Mode,
    OnDown,
    PersistenceCookie,
    Route,
    Server,
    TcpAddress,
)
from tests.config.reading import config

SITE = """\
[global]
maxconn = 100
[defaults]
timeout-client = 1m
[frontend web]
mode = http
bind = *:80
default-backend = plain
route a.example = redirect https
[frontend tls]
mode = tls
bind = 127.0.0.1:443
  127.0.0.2:443
default-backend = b
route a.example = b
route ~x.* = b
route ~y.* = b
[backend plain]
mode = http
server s = 127.0.0.1:8080
[backend b]
server one = 127.0.0.1:8443
server two = 127.0.0.1:8444 weight=5
use-server one = a.example
"""


def reload(*edits: tuple[str, str], text: str = SITE) -> Changes:
    """The changes from the site to an edited one."""
    edited = text
    for old, new in edits:
        assert old in edited
        edited = edited.replace(old, new)
    return changes(config(text), config(edited))


def test_an_unchanged_file_changes_nothing() -> None:
    """Also where only what does not count is written otherwise."""
    found = reload(
        ("[global]\n", "# comment\n[global]\n"),
        ("timeout-client = 1m", "timeout-client = 60s"),
        ("127.0.0.1:443\n  127.0.0.2:443", "127.0.0.2:443 127.0.0.1:443"),
        ("route a.example = b", "route A.Example. = b"),
    )
    assert found.lines() == []
    assert found.needs_restart() == []


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("maxconn = 100", "maxconn = 100\nlog = syslog:local2@udp:[::1]:514",
         ["global: log: none -> syslog:local2@udp:[::1]:514"]),
        ("maxconn = 100", "log = twistd", ["global: maxconn: 100 -> none", "global: log: none -> twistd"]),
        ("maxconn = 100", "maxconn = 100\nnameservers = 192.0.2.53 ::1",
         ["global: nameservers: none -> 192.0.2.53:53 [::1]:53"]),
        ("bind = *:80", "bind = *:80 *:81", ["frontend web: bind *:81 added"]),
        ("\n  127.0.0.2:443", "", ["frontend tls: bind 127.0.0.2:443 removed"]),
        ("route a.example = b", "route b.example = drop",
         ["frontend tls: route b.example added: drop", "frontend tls: route a.example removed"]),
        ("route a.example = redirect https", "route a.example = plain",
         ["frontend web: route a.example: redirect https -> plain"]),
        ("timeout-client = 1m", "timeout-client = 2m",
         ["frontend web: timeout-client: 1m -> 2m", "frontend tls: timeout-client: 1m -> 2m"]),
        ("server two = 127.0.0.1:8444 weight=5", "server two = 127.0.0.1:8444 drain",
         ["backend b: server two: 127.0.0.1:8444 weight=5 -> 127.0.0.1:8444 drain"]),
        ("server two = 127.0.0.1:8444 weight=5", "server three = 127.0.0.1:8445",
         ["backend b: server three added: 127.0.0.1:8445", "backend b: server two removed"]),
        ("127.0.0.1:8444 weight=5", "127.0.0.1:8444 backup check=http check-path=/up inter=5s rise=3",
         [("backend b: server two: 127.0.0.1:8444 weight=5 -> "
           "127.0.0.1:8444 backup check=http inter=5s rise=3 check-path=/up")]),
        ("127.0.0.1:8443\nserver two", "127.0.0.1:8443 maxconn=5 maxqueue=9 send-proxy=v1\nserver two",
         ["backend b: server one: 127.0.0.1:8443 -> 127.0.0.1:8443 maxconn=5 maxqueue=9 send-proxy=v1"]),
        ("[backend b]\n", "[backend b]\nbalance = source\ntimeout-queue = 5s\n",
         ["backend b: balance: roundrobin -> source", "backend b: timeout-queue: 1m -> 5s"]),
        ("127.0.0.1:8443\nserver two", ("127.0.0.1:8443 check\nhold = yes\non-down = close\nslow-start = 30s\n"
                                       "timeout-check = 1s\nserver two"),
         ["backend b: timeout-check: none -> 1s", "backend b: hold: no -> yes", "backend b: on-down: keep -> close",
          "backend b: slow-start: no -> 30s", "backend b: server one: 127.0.0.1:8443 -> 127.0.0.1:8443 check"]),
        ("bind = *:80", "bind = *:80\naccept-proxy = 10.0.0.0/8 ::1\nmax-per-source = 9\nrate-per-source = 99",
         ["frontend web: accept-proxy: none -> 10.0.0.0/8 ::1/128", "frontend web: max-per-source: none -> 9",
          "frontend web: rate-per-source: none -> 99"]),
        ("use-server one = a.example", "use-server two = a.example",
         ["backend b: use-server for a.example: one -> two"]),
        ("mode = http\nserver", "mode = http\nforwardfor = yes\nserver", ["backend plain: forwardfor: none -> yes"]),
        ("route ~x.* = b\nroute ~y.* = b", "route ~y.* = b\nroute ~z.* = b\nroute ~x.* = b",
         ["frontend tls: route ~z.* added: b", "frontend tls: order: route ~x.* route ~y.* -> route ~y.* route ~x.*"]),
        ("server one = 127.0.0.1:8443\nserver two = 127.0.0.1:8444 weight=5",
         "server two = 127.0.0.1:8444 weight=5\nserver one = 127.0.0.1:8443", ["backend b: order: one two -> two one"]),
        ("[backend b]", "[frontend ssh]\nmode = tcp\nbind = *:22\ndefault-backend = b\n[backend b]",
         ["frontend ssh added: tcp on *:22"]),
    ],
)  # fmt: skip
def test_each_change_is_a_line(old: str, new: str, lines: list[str]) -> None:
    """What was added, what is removed, and what was changed from what to what, in the words of the file."""
    found = reload((old, new))
    assert found.lines() == lines
    assert len(found.items) == len(lines)
    assert found.needs_restart() == []


def test_a_name_that_checks_ask_for_is_told() -> None:
    """It changes with the routes, without a word on the server's line."""
    text = SITE.replace("127.0.0.1:8443", "127.0.0.1:8443 check=tls").replace("use-server one = a.example\n", "")
    assert reload(("route a.example = b", "route b.example = b"), text=text).lines() == [
        "frontend tls: route b.example added: b",
        "frontend tls: route a.example removed",
        (
            "backend b: server one: 127.0.0.1:8443 check=tls check-sni=a.example -> "
            "127.0.0.1:8443 check=tls check-sni=b.example"
        ),
    ]


def test_sections_come_and_go_as_a_whole() -> None:
    """A removed section is one line, and what used it another."""
    cut = SITE[: SITE.index("[frontend tls]")] + SITE[SITE.index("[backend plain]") : SITE.index("[backend b]")]
    assert changes(config(SITE), config(cut)).lines() == [
        "frontend tls removed",
        "backend b removed",
    ]
    assert changes(config(cut), config(SITE)).lines() == [
        "frontend tls added: tls on 127.0.0.1:443 127.0.0.2:443",
        "backend b added: tcp to 127.0.0.1:8443 127.0.0.1:8444",
    ]


@pytest.mark.parametrize(
    ("old", "new", "sentences"),
    [
        (
            "bind = 127.0.0.1:443\n  127.0.0.2:443",
            "bind = *:443",
            [
                "bind: *:443 overlaps 127.0.0.1:443, which is open until the new one is: restart instead of reloading",
                "bind: *:443 overlaps 127.0.0.2:443, which is open until the new one is: restart instead of reloading",
            ],
        ),
        (
            "bind = *:80",
            "bind = 0.0.0.0:80",
            ["bind: 0.0.0.0:80 overlaps *:80, which is open until the new one is: restart instead of reloading"],
        ),
        ("bind = *:80", "bind = 127.0.0.1:81", []),
        ("bind = 127.0.0.1:443\n", "bind = 127.0.0.3:443\n", []),
    ],
)
def test_an_address_within_another_needs_a_restart(old: str, new: str, sentences: list[str]) -> None:
    """The new listener is opened before the old one is closed, and the kernel does not give both."""
    assert reload((old, new)).needs_restart() == sentences


def test_an_address_may_move_to_another_frontend() -> None:
    """It is the same listener, and stays open."""
    found = reload(("bind = *:80", "bind = *:8"), ("bind = 127.0.0.1:443\n", "bind = *:80\n"))
    assert found.needs_restart() == []
    assert found.lines() == [
        "frontend web: bind *:8 added",
        "frontend web: bind *:80 removed",
        "frontend tls: bind *:80 added",
        "frontend tls: bind 127.0.0.1:443 removed",
    ]


FRONTENDS = (
    Frontend("x", Mode.TLS, (TcpAddress("*", 1),)),
    Frontend(
        "x", Mode.HTTP, (TcpAddress("*", 2),), (Route(ExactHost("a"), "", None, "b"),), "b", "b", "b", Action.DROP, "b",
        1.0, 5, ForwardFor(), (ip_network("::1"),), (ip_network("::2"),), 6, 7, True, True, True, True, "edge", 1, 2,
        ConnectionMode.CLOSE, LogFormat.JSON, True, True,
        1.0, 2.0, 3.0, 4.0, 5.0,
    ),
)  # fmt: skip
BACKENDS = (
    Backend("x"),
    Backend(
        "x", Mode.HTTP, Balance.SOURCE, (Server("s", TcpAddress("::1", 1)),), (("a", "s"),), ForwardFor(),
        ConnectionMode.CLOSE, 1, 2, 1.0, 2.0, 3.0, 4.0, 5.0, True, OnDown.CLOSE, 6.0, 7,
        PersistenceCookie("J", CookieMode.PREFIX),
    ),
)  # fmt: skip


@pytest.mark.parametrize("field", [field.name for field in fields(Frontend) if field.name != "name"])
def test_every_field_of_a_frontend_is_compared(field: str) -> None:
    """A change of one alone is a line."""
    before, other = FRONTENDS
    after = replace(before, **{field: getattr(other, field)})
    assert after != before
    assert len(changes(Config((before,), ()), Config((after,), ())).lines()) == (2 if field == "binds" else 1)


@pytest.mark.parametrize("field", [field.name for field in fields(Backend) if field.name != "name"])
def test_every_field_of_a_backend_is_compared(field: str) -> None:
    """A change of one alone is a line."""
    before, other = BACKENDS
    after = replace(before, **{field: getattr(other, field)})
    assert after != before
    assert len(changes(Config((), (before,)), Config((), (after,))).lines()) == 1

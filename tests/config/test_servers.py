"""Tests of server lines."""

from __future__ import annotations

import pytest

from pumpproxy.config import servers
from pumpproxy.config.problems import BadValue
from pumpproxy.model import Check, CheckKind, DnsAddress, SendProxy, Server, SrvAddress, TcpAddress

ADDRESS = TcpAddress("127.0.0.1", 80)


@pytest.mark.parametrize(
    ("value", "server"),
    [
        ("127.0.0.1:80", Server("s", ADDRESS)),
        ("127.0.0.1:80 weight=0", Server("s", ADDRESS, weight=0)),
        ("127.0.0.1:80 drain weight=256", Server("s", ADDRESS, weight=256, drain=True)),
        ("127.0.0.1:80 cookie=A", Server("s", ADDRESS, cookie="A")),
        ("127.0.0.1:80 drain cookie=a=b", Server("s", ADDRESS, drain=True, cookie="a=b")),
        ("127.0.0.1:80 disabled", Server("s", ADDRESS, disabled=True)),
        ("127.0.0.1:80 backup maxconn=1 maxqueue=2", Server("s", ADDRESS, backup=True, maxconn=1, maxqueue=2)),
        ("127.0.0.1:80 send-proxy=v2", Server("s", ADDRESS, send_proxy=SendProxy.V2)),
        ("127.0.0.1:80 check", Server("s", ADDRESS, check=Check())),
        ("127.0.0.1:80 fall=5 check=tls rise=1 disabled",
         Server("s", ADDRESS, check=Check(CheckKind.TLS, rise=1, fall=5), disabled=True)),
        ("srv:_https._tcp.a.example check", Server("s", SrvAddress("_https._tcp.a.example"), check=Check())),
        ("a.example:80", Server("s", DnsAddress("a.example", 80))),
    ],
)  # fmt: skip
def test_a_server_is_an_address_and_words(value: str, server: Server) -> None:
    """In any order after the address."""
    assert servers.server("s", value) == server


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        ("127.0.0.1:80 check=tsl inter=1s", [("check: 'tsl' is not one of tcp, tls-hello, tls, http "
                                              "(did you mean 'tls'?)")]),
        ("127.0.0.1:80 check check=tls", ["'check' stands here twice ()"]),
        ("127.0.0.1:80 inter=1s check-verify", ["'inter' needs 'check' (nobody checks this server)",
                                                "'check-verify' needs 'check' (nobody checks this server)"]),
        ("127.0.0.1:80 check inter=2000", [("inter: '2000' is not a duration "
                                            "(HAProxy reads 2000 as milliseconds: write 2s or 2000ms)")]),
        ("127.0.0.1:80 check inter 2s", ["'inter' is not known on a server's line (write inter=DURATION)",
                                         "'2s' is not known on a server's line ()"]),
        ("127.0.0.1:80 check rise=0 fall=101", ["rise: 0 is out of range (from 1 to 100)",
                                                "fall: 101 is out of range (from 1 to 100)"]),
        ("127.0.0.1:80 maxconn=0", ["maxconn: 0 is out of range (from 1 to 2147483647)"]),
        ("127.0.0.1:80 maxqueue=5", ["'maxqueue' needs 'maxconn' (nobody waits for a server that takes any number)"]),
        ("127.0.0.1:80 maxqueue=5 maxconn=x", ["maxconn: 'x' is not a whole number ()"]),
        ("127.0.0.1:80 send-proxy", [("'send-proxy' is not known on a server's line "
                                      "(HAProxy's 'send-proxy' is here: send-proxy=v1)")]),
        ("127.0.0.1:80 send-proxy-v2", [("'send-proxy-v2' is not known on a server's line "
                                         "(HAProxy's 'send-proxy-v2' is here: send-proxy=v2)")]),
        ("127.0.0.1:80 send-proxy=2", ["send-proxy: '2' is not one of v1, v2 (did you mean 'v2'?)"]),
        ("127.0.0.1:80 slowstart=30s", [("'slowstart=30s' is not known on a server's line "
                                         "(HAProxy's 'slowstart' is here: slow-start = DURATION in the backend)")]),
        ("127.0.0.1:80 observe", [("'observe' is not known on a server's line (HAProxy's 'observe' is here: "
                                   "none: a connection that fails brings a check at once)")]),
        ("127.0.0.1:80 cookie", ["'cookie' is not known on a server's line (write cookie=VALUE)"]),
        ("127.0.0.1:80 cookie=A cookie=B", ["'cookie' stands here twice ()"]),
        ("127.0.0.1:80 cookie=", [("cookie: '' cannot be a cookie's value "
                                   "(visible ASCII without quotes, commas, semicolons and backslashes)")]),
        ("127.0.0.1:80 cooky=A", ["'cooky=A' is not known on a server's line (did you mean 'cookie='?)"]),
        ("127.0.0.1:80 backup=1 bakup", ["'backup=1' is not known on a server's line (write backup alone)",
                                         "'bakup' is not known on a server's line (did you mean 'backup'?)"]),
        ("127.0.0.1:80 check chek-path=/", [("'chek-path=/' is not known on a server's line "
                                             "(did you mean 'check-path='?)")]),
        ("127.0.0.1:80 weigth=1", ["'weigth=1' is not known on a server's line (did you mean 'weight='?)"]),
        ("127.0.0.1:80 weight 5", ["'weight' is not known on a server's line (write weight=N)",
                                   "'5' is not known on a server's line ()"]),
        ("127.0.0.1:80 drain=yes", ["'drain=yes' is not known on a server's line (write drain alone)"]),
        ("127.0.0.1:80 weight=257", ["weight: 257 is out of range (from 0 to 256)"]),
        ("127.0.0.1:80 weight=", ["weight: '' is not a whole number ()"]),
        ("127.0.0.1:80 weight=1 weight=2", ["'weight' stands here twice ()"]),
        ("80 weight=x frob", ["'80' is not an address (write HOST:80; for a listener on every address *:80)",
                              "weight: 'x' is not a whole number ()",
                              "'frob' is not known on a server's line ()"]),
    ],
)  # fmt: skip
def test_every_wrong_word_is_a_fault(value: str, faults: list[str]) -> None:
    """All of a line at once, each with its word."""
    with pytest.raises(BadValue) as caught:
        servers.server("s", value)
    assert [f"{fault.message} ({fault.hint})" for fault in caught.value.faults] == faults


def test_a_fault_names_its_word() -> None:
    """As it stands there, so that its line is found."""
    with pytest.raises(BadValue) as caught:
        servers.server("s", "127.0.0.1:80 weight=257 check=http check-verify maxqueue=1 weight=1 frob")
    words = ["weight=257", "weight=1", "frob", "check-verify", "maxqueue=1"]
    assert [fault.word for fault in caught.value.faults] == words


def test_a_server_has_a_name() -> None:
    """Of the letters that a log line takes."""
    with pytest.raises(BadValue):
        servers.server("a/b", "127.0.0.1:80")


def test_use_server_names_hosts() -> None:
    """In their one spelling; each wrong one is a fault."""
    assert servers.use_server("s", "A.example b.example.") == servers.UseServer("s", ("a.example", "b.example"))
    with pytest.raises(BadValue) as caught:
        servers.use_server("s t", "*.example b.example 10.0.0.1")
    assert [fault.word for fault in caught.value.faults] == ["s t", "*.example", "10.0.0.1"]

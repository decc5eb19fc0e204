"""Tests of server lines."""

from __future__ import annotations

import pytest

from pumpproxy.config import servers
from pumpproxy.config.problems import BadValue
from pumpproxy.model import DnsAddress, Server, TcpAddress

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
        ("a.example:80", Server("s", DnsAddress("a.example", 80))),
    ],
)
def test_a_server_is_an_address_and_words(value: str, server: Server) -> None:
    """In any order after the address."""
    assert servers.server("s", value) == server


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        ("127.0.0.1:80 check", ["'check' is not known on a server's line (comes with a later version)"]),
        ("127.0.0.1:80 check=tls", ["'check=tls' is not known on a server's line (comes with a later version)"]),
        ("127.0.0.1:80 cookie", ["'cookie' is not known on a server's line (write cookie=VALUE)"]),
        ("127.0.0.1:80 cookie=A cookie=B", ["'cookie' stands here twice ()"]),
        ("127.0.0.1:80 cookie=", [("'' cannot be a cookie's value "
                                   "(visible ASCII without quotes, commas, semicolons and backslashes)")]),
        ("127.0.0.1:80 cooky=A", ["'cooky=A' is not known on a server's line (did you mean 'cookie='?)"]),
        ("127.0.0.1:80 backup", ["'backup' is not known on a server's line (comes with a later version)"]),
        ("127.0.0.1:80 weigth=1", ["'weigth=1' is not known on a server's line (did you mean 'weight='?)"]),
        ("127.0.0.1:80 weight 5", ["'weight' is not known on a server's line (write weight=N)",
                                   "'5' is not known on a server's line ()"]),
        ("127.0.0.1:80 drain=yes", ["'drain=yes' is not known on a server's line (write drain alone)"]),
        ("127.0.0.1:80 weight=257", ["257 is out of range (from 0 to 256)"]),
        ("127.0.0.1:80 weight=", ["'' is not a whole number ()"]),
        ("127.0.0.1:80 weight=1 weight=2", ["'weight' stands here twice ()"]),
        ("80 weight=x frob", ["'80' is not an address (write HOST:80; for a listener on every address *:80)",
                              "'x' is not a whole number ()",
                              "'frob' is not known on a server's line ()"]),
    ],
)  # fmt: skip
def test_every_wrong_word_is_a_fault(value: str, faults: list[str]) -> None:
    """All of a line at once; what a later version brings is refused and said to come."""
    with pytest.raises(BadValue) as caught:
        servers.server("s", value)
    assert [f"{fault.message} ({fault.hint})" for fault in caught.value.faults] == faults


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

"""What a server is told of its client, and the limits of a head, through the real daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes import unused_port
from tests.flow.peers import server
from tests.system.daemon import Daemon
from tests.system.scripted import Scripted
from tests.system.visitors import Visitor

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.system

FILE = """\
[frontend strangers]
mode = http
bind = 127.0.0.1:{first}
forwarded = yes
forwarded-proto = yes
forwarded-host = yes
forwarded-port = yes
via = edge
max-head = 2k
max-headers = 20
default-backend = b

[frontend proxies]
mode = http
bind = 127.0.0.1:{second}
forwarded = yes
forwarded-proto = yes
trusted-proxies = 127.0.0.0/8
default-backend = b

[backend b]
mode = http
server s = 127.0.0.1:{server}
"""


def echo(connection: socket.socket, _count: int, head: bytes) -> bool:
    """Answer with the head that came."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(head), head))
    return True


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """Of a frontend for strangers, and of one for proxies that it trusts."""
    first, second = unused_port(), unused_port()
    folder: Path = tmp_path_factory.mktemp("forwarding")
    with server(Scripted(echo)) as behind:
        text = FILE.format(first=first, second=second, server=behind)
        with Daemon(folder, text) as daemon:
            yield first, second
        assert "Traceback" not in daemon.log


FORGED = ("Forwarded: for=6.6.6.6", "X-Forwarded-Proto: https", "X-Real-IP: 6.6.6.6", "X_Forwarded_Host: evil")


def test_a_stranger_cannot_speak_for_itself(ports: tuple[int, int]) -> None:
    """Time after time, on one connection: the server gets our account alone."""
    with Visitor(ports[0]) as visitor:
        for _ in range(3):
            answer = visitor.get("/", "a.example:99", *FORGED)
            lines = answer.body.decode().split("\r\n")
            assert lines[1:-2] == [
                "Host: a.example:99",
                "X-Forwarded-Proto: http",
                "X-Forwarded-Host: a.example:99",
                f"X-Forwarded-Port: {ports[0]}",
                'Forwarded: for=127.0.0.1;host="a.example:99";proto=http',
                "Via: 1.1 edge",
            ]
            assert answer.fields[b"via"] == b"1.1 edge"


def test_a_trusted_proxy_speaks_for_its_client(ports: tuple[int, int]) -> None:
    """Its account stands, and an element of ours behind it."""
    with Visitor(ports[1]) as visitor:
        for _ in range(3):
            lines = visitor.get("/", "a.example", *FORGED).body.decode().split("\r\n")
            assert lines[1:-2] == ["Host: a.example", *FORGED, "Forwarded: for=127.0.0.1;host=a.example;proto=http"]


@pytest.mark.parametrize(
    ("target", "lines", "status"),
    [
        ("/", 20 - 1, 200),
        ("/", 20, 431),
        ("/" + "x" * 1000, 0, 200),
        ("/" + "x" * 1100, 0, 414),
    ],
)
def test_limits_of_a_head(ports: tuple[int, int], target: str, lines: int, status: int) -> None:
    """`max-headers` with the Host line, half of `max-head` for the first line."""
    with Visitor(ports[0]) as visitor:
        assert visitor.get(target, "a.example", *[f"X{number}: y" for number in range(lines)]).status == status


def test_a_head_that_is_too_large_in_all(ports: tuple[int, int]) -> None:
    """`max-head`: few lines, but long ones."""
    with Visitor(ports[0]) as visitor:
        assert visitor.get("/", "a.example", "X: " + "y" * 2048).status == 431


def test_a_request_that_goes_in_circles_comes_to_an_end(tmp_path: Path) -> None:
    """Each round adds a line, until a head has too many; then all of its connections are free again."""
    port = unused_port()
    text = (
        f"[global]\nlog = twistd\n[frontend f]\nmode = http\nbind = 127.0.0.1:{port}\nvia = edge\n"
        f"max-headers = 20\ndefault-backend = b\n[backend b]\nmode = http\nserver s = 127.0.0.1:{port}\n"
    )
    with Daemon(tmp_path, text) as daemon:
        for _ in range(3):
            with Visitor(port) as visitor:
                assert visitor.get("/", "a.example").status in (431, 502)
    # With its Host, and a line of Via from each round, the twentieth is still let in.
    assert daemon.log.count(" f b/s ") == 3 * 20
    assert daemon.log.count("<BADREQ>") == 3

"""WebSockets of node's `ws` through the daemon, from its own client and from one that is ahead of the answer."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from demo.websocket import Frames, Opcode, frame
from tests.system.node import echoes
from tests.system.visitors import Visitor

if TYPE_CHECKING:
    from tests.system.conftest import Hosts
    from tests.system.node import Node

MESSAGES = 10_000
HANDSHAKE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


def test_ten_thousand_messages_come_back(hosts: Hosts, node: Node) -> None:
    """0 bytes to 256 KiB, text and bytes, whole and in fragments: each is echoed as it was sent, and in order."""
    target = f"/echo?{hosts.http}"
    told = echoes(hosts.http, "node.example", target, MESSAGES)
    assert told == {"echoed": MESSAGES, "bytes": told["bytes"], "wrong": 0, "pongs": MESSAGES // 50, "code": 1000}
    assert told["bytes"] > 40 << 20
    seen = {"target": target, "messages": MESSAGES, "bytes": told["bytes"], "code": 1000}
    assert node.noted("messages", target=target) == seen
    assert f'"GET {target} HTTP/1.1" outcome=completed' in hosts.wait_for(" 101 ")


def handshake(target: str) -> bytes:
    """An upgrade request."""
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: node.example", *HANDSHAKE, "", ""]).encode()


def messages(visitor: Visitor, frames: Frames, count: int) -> list[bytes]:
    """The next messages."""
    got: list[bytes] = []
    while len(got) < count:
        got += [message.payload for message in frames.feed(visitor.some())]
    return got


@pytest.mark.parametrize("sizes", [(5,), (0, 1, 125, 126, 1000, 0), (40_000, 7, 40_000)])
def test_what_comes_with_the_upgrade_goes_along(hosts: Hosts, sizes: tuple[int, ...]) -> None:
    """Frames in the same segment as the request, before anybody granted it, are echoed once it is granted."""
    draw = random.Random(len(sizes))
    said = [draw.randbytes(size) for size in sizes]
    with Visitor(hosts.http) as visitor:
        visitor.send(handshake("/ahead") + b"".join(frame(Opcode.BINARY, data, b"mask") for data in said))
        assert visitor.head()[0] == 101
        assert messages(visitor, Frames(masked=False), len(said)) == said


def test_a_server_that_speaks_first_is_heard(hosts: Hosts) -> None:
    """What it sends together with its 101 is the client's first message."""
    with Visitor(hosts.http) as visitor:
        visitor.send(handshake("/greeting"))
        assert visitor.head()[0] == 101
        assert messages(visitor, Frames(masked=False), 1) == [b"welcome"]


def test_an_upgrade_that_is_refused_is_an_ordinary_answer(hosts: Hosts) -> None:
    """Where node will not (no key of the right kind), its 400 arrives, and no tunnel is made."""
    with Visitor(hosts.http) as visitor:
        visitor.send(handshake("/refused").replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short"))
        assert visitor.answer().status == 400

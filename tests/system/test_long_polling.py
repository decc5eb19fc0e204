"""Requests that a node server answers late, or never: nobody else waits for them, and who leaves is missed at once."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.system.visitors import Visitor

if TYPE_CHECKING:
    from tests.system.conftest import Hosts
    from tests.system.node import Node


def wait_for_news(hosts: Hosts, node: Node, count: int) -> dict[str, Visitor]:
    """So many clients, each with a poll that has reached node, by its target."""
    polls = {f"/poll?{hosts.http}-{count}-{number}": Visitor(hosts.http) for number in range(count)}
    for target, poll in polls.items():
        poll.ask(target, "node.example")
    for target in polls:
        node.noted("method", target=target)
    return polls


def test_others_go_on_while_many_wait(hosts: Hosts, node: Node) -> None:
    """Fifty wait for news; those that ask meanwhile are answered before any of them, and then each is, and goes on."""
    polls = wait_for_news(hosts, node, 50).values()
    with Visitor(hosts.http) as other:
        for _ in range(20):
            for name in ("node", "nginx", "lighttpd"):
                assert other.get("/page", f"{name}.example").status == 200
    assert not any(poll.is_told for poll in polls)
    with Visitor(hosts.http) as fresh:
        assert int(fresh.get("/news", "node.example").body) == len(polls)
    for poll in polls:
        assert poll.answer().body == b"news\n"
        assert poll.get("/page", "node.example").body == b"node's page\n"
        poll.close()


def test_who_leaves_is_missed_at_the_server(hosts: Hosts, node: Node) -> None:
    """Each that goes cancels its own request, and no other's: those that stay get their answers."""
    polls = wait_for_news(hosts, node, 20)
    leaving = random.Random(9).sample(sorted(polls), 10)
    for target in leaving:
        polls.pop(target).close()
    for target in leaving:
        node.noted("left", target=target)
        assert "outcome=client-left" in hosts.wait_for(f"GET {target} ")
    with Visitor(hosts.http) as fresh:
        assert int(fresh.get("/news", "node.example").body) == len(polls)
    for poll in polls.values():
        assert poll.answer().body == b"news\n"
        poll.close()


def test_a_poll_ends_with_the_servers_timeout(hosts: Hosts, node: Node) -> None:
    """504 after `timeout-server`, and the request is cancelled at the server."""
    target = f"/poll?{hosts.http}-504"
    with Visitor(hosts.http) as visitor:
        answer = visitor.get(target, "impatient.example")
        assert (answer.status, answer.fields[b"connection"]) == (504, b"close")
    node.noted("left", target=target)
    assert "outcome=server-idle" in hosts.wait_for(f"GET {target} ")

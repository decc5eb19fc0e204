"""A server's state: what health, will and share make of it."""

from __future__ import annotations

from pumpproxy.model import Server, TcpAddress
from pumpproxy.policy.serverstate import ServerState


def state(**declared: object) -> ServerState:
    """A server of weight 40."""
    return ServerState(Server("s", TcpAddress("192.0.2.1", 1), 40, **declared))  # type: ignore[arg-type]


def test_down_is_not_usable_and_weighs_nothing() -> None:
    """Until it is UP again."""
    server = state()
    server.judge(up=False)
    assert (server.usable, server.weight) == (False, 0)
    server.judge(up=True)
    assert (server.usable, server.weight) == (True, 40)


def test_a_share_of_the_weight() -> None:
    """While it starts."""
    server = state()
    server.judge(share=0.05)
    assert server.weight == 2


def test_the_will_of_the_administrator() -> None:
    """Who is drained may be led to by name; who is disabled may not."""
    assert (state(drain=True).usable, state(drain=True).weight) == (True, 0)
    assert (state(disabled=True).usable, state(disabled=True).weight) == (False, 0)

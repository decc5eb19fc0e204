"""A server's state: what its declaration, its health, its administrator and a slow start make of it."""

from __future__ import annotations

from itertools import product

import pytest

from pumpproxy.model import Admin, Check, Server, TcpAddress
from pumpproxy.policy.serverstate import ServerState

ADDRESS = TcpAddress("192.0.2.1", 1)


def declared(weight: int = 40, **fields: object) -> Server:
    """A line of the file."""
    return Server("s", ADDRESS, weight, **fields)  # type: ignore[arg-type]


def state(weight: int = 40, grain: int = 1, **fields: object) -> ServerState:
    """The server of such a line."""
    return ServerState(declared(weight, **fields), grain)


def test_a_new_server_is_up_and_carries_nothing() -> None:
    """With its whole weight; nobody checks it yet."""
    server = state(check=Check())
    assert (server.name, server.up, server.usable, server.weight) == ("s", True, True, 40)
    assert (server.connections, server.full, len(server.queue), server.suspected) == (0, False, 0, None)


@pytest.mark.parametrize(
    ("up", "admin", "weight"),
    [(up, admin, weight) for up, admin, weight in product([True, False], Admin, [0, 40])],
)
def test_who_may_be_chosen(up: bool, admin: Admin, weight: int) -> None:  # noqa: FBT001
    """By name whoever is there and not taken away; by balancing only who is READY and has a weight."""
    server = state(weight)
    server.judge(up=up)
    server.judge(admin=admin)
    assert server.usable is (up and admin is not Admin.MAINT)
    assert server.weight == (weight if up and admin is Admin.READY else 0)


def test_health_and_will_do_not_touch_each_other() -> None:
    """Who is taken away while it is DOWN is DOWN still when it is given back."""
    server = state()
    server.judge(up=False)
    server.judge(admin=Admin.MAINT)
    server.judge(admin=Admin.READY)
    assert (server.up, server.usable, server.weight) == (False, False, 0)
    server.judge(up=True)
    assert (server.up, server.usable, server.weight) == (True, True, 40)


@pytest.mark.parametrize(
    ("weight", "grain", "share", "expected"),
    [
        (40, 1, 0.05, 2),
        (40, 1, 0.0, 1),
        (1, 1, 0.05, 1),
        (1, 20, 0.05, 1),
        (1, 20, 0.5, 10),
        (1, 20, 1.0, 20),
        (256, 20, 0.001, 5),
        (0, 20, 1.0, 0),
    ],
)
def test_a_share_of_the_weight(weight: int, grain: int, share: float, expected: int) -> None:
    """While it starts; never nothing, unless that is its weight."""
    server = state(weight, grain)
    server.judge(share=share)
    assert server.weight == expected


def test_a_share_lasts_until_another_is_told() -> None:
    """Whatever happens meanwhile."""
    server = state()
    server.judge(share=0.5)
    server.judge(up=False)
    server.judge(up=True)
    server.judge(admin=Admin.DRAIN)
    server.judge(admin=Admin.READY)
    assert server.weight == 20
    server.declare(declared(60), 1)
    assert server.weight == 30
    server.judge(share=1.0)
    assert server.weight == 60


@pytest.mark.parametrize(("fields", "admin"), [({"drain": True}, Admin.DRAIN), ({"disabled": True}, Admin.MAINT)])
def test_the_file_s_word_is_the_administrator_s_until_he_says_another(fields: dict[str, object], admin: Admin) -> None:
    """What he said stands as long as the file does not change its mind."""
    server = state(40, 1, **fields)
    assert server.admin is admin
    server.judge(admin=Admin.READY)
    server.declare(declared(40, **fields))
    assert server.admin is Admin.READY
    server.declare(declared())
    assert (server.admin, server.weight) == (Admin.READY, 40)
    server.judge(admin=Admin.DRAIN)
    server.declare(declared(41))
    assert (server.admin, server.weight) == (Admin.DRAIN, 0)
    server.declare(declared(41, **fields))
    assert server.admin is admin


def test_a_reload_keeps_what_lives() -> None:
    """Its health, its connections, its place in the round and whoever waits; not what the file said."""
    server = state(maxconn=3, check=Check())
    server.connections, server.credit = 2, 7
    server.judge(up=False)
    queue = server.queue
    server.declare(declared(5, maxconn=2), 20)
    assert (server.up, server.connections, server.credit, server.queue is queue) == (False, 2, 7, True)
    assert (server.limit, server.full, server.grain) == (2, True, 20)
    server.judge(up=True)
    assert server.weight == 100


@pytest.mark.parametrize(
    ("maxconn", "connections", "full"), [(None, 9, False), (2, 1, False), (2, 2, True), (1, 2, True)]
)
def test_it_is_full_with_all_that_it_may_have(maxconn: int | None, connections: int, *, full: bool) -> None:
    """Or with more, after a reload."""
    server = state(maxconn=maxconn)
    server.connections = connections
    assert server.full is full


def test_its_key_is_its_name_s() -> None:
    """The same in every process and at every address: what a client's source is compared with."""
    other = ServerState(Server("s", TcpAddress("192.0.2.2", 2)))
    assert state().key == other.key
    assert ServerState(Server("t", ADDRESS)).key != other.key


def test_it_shows_who_it_is() -> None:
    """In a traceback."""
    assert repr(state()) == "<ServerState s 192.0.2.1:1>"

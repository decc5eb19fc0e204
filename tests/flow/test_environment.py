"""What every connection shares, and who is told when one has gone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from twisted.internet.task import Clock

from pumpproxy.model import OnDown
from tests.fakes import environment, tls_config
from tests.flow.peers import Unasked

if TYPE_CHECKING:
    from pumpproxy.flow.environment import Environment
    from pumpproxy.policy.serverstate import ServerState


class Waiting:
    """A listener; it waits again where there is still no room."""

    def __init__(self, shared: Environment, *, again: bool = False) -> None:
        self._shared = shared
        self._again = again
        self.resumed = 0

    def resume(self) -> None:
        """There may be room."""
        self.resumed += 1
        if self._again:
            self._shared.waiting.add(self)


def made() -> Environment:
    """An environment with one frontend, on a clock."""
    return environment(tls_config(1), Clock())[0]


def test_clients_count_while_they_are_there() -> None:
    """In the process and at their frontend."""
    shared = made()
    frontend = shared.runtime.frontends["f"]
    one, other = Unasked(), Unasked()
    shared.opened(one, frontend)
    shared.opened(other, frontend)
    assert set(shared.connections) == set[object]({one, other})
    assert (shared.runtime.connections, frontend.connections) == (2, 2)
    shared.closed(one, frontend)
    assert list(shared.connections) == [other]
    assert (shared.runtime.connections, frontend.connections) == (1, 1)


def test_whoever_waits_is_resumed_when_somebody_has_gone() -> None:
    """Once; who then still finds no room waits for the next."""
    shared = made()
    frontend = shared.runtime.frontends["f"]
    clients = [Unasked(), Unasked()]
    for client in clients:
        shared.opened(client, frontend)
    patient, other = Waiting(shared, again=True), Waiting(shared)
    shared.waiting |= {patient, other}
    shared.closed(clients[0], frontend)
    assert (patient.resumed, other.resumed) == (1, 1)
    shared.closed(clients[1], frontend)
    assert (patient.resumed, other.resumed) == (2, 1)


def test_one_may_give_way_to_another() -> None:
    """The client counts once, now and since the start; nobody is let in between, and nobody was the last."""
    shared = made()
    frontend = shared.runtime.frontends["f"]
    one, other, listener = Unasked(), Unasked(), Waiting(shared)
    told: list[None] = []
    shared.idle = lambda: told.append(None)
    shared.opened(one, frontend)
    shared.waiting.add(listener)
    shared.gives_way(one, frontend)
    shared.opened(other, frontend)
    assert list(shared.connections) == [other]
    assert (shared.runtime.connections, frontend.connections, frontend.accepted) == (1, 1, 1)
    assert (listener.resumed, told) == (0, [])


def test_the_last_to_go_is_told_of_at_the_end() -> None:
    """Only where somebody wants to know, and only the last."""
    shared = made()
    frontend = shared.runtime.frontends["f"]
    told: list[int] = []
    one, other = Unasked(), Unasked()
    shared.opened(one, frontend)
    shared.opened(other, frontend)
    shared.idle = lambda: told.append(shared.runtime.connections)
    shared.closed(one, frontend)
    assert told == []
    shared.closed(other, frontend)
    assert told == [0]


class Asked(Unasked):
    """A connection that keeps which servers it was told to leave, and then ends another."""

    def __init__(self, shared: Environment) -> None:
        self._shared = shared
        self.left: list[ServerState] = []

    def leave_server(self, server: ServerState) -> None:
        """Go."""
        self.left.append(server)
        self._shared.closed(self, self._shared.runtime.frontends["f"])


@pytest.mark.parametrize(("on_down", "leave"), [(OnDown.CLOSE, True), (OnDown.KEEP, False)])
def test_a_server_goes_down(on_down: OnDown, *, leave: bool) -> None:
    """All who are there are told, if the backend says so; they may end within the call."""
    config = tls_config(1)
    shared, _ = environment(
        replace(config, backends=tuple(replace(one, on_down=on_down) for one in config.backends)), Clock()
    )
    connections = [Asked(shared) for _ in range(3)]
    for connection in connections:
        shared.opened(connection, shared.runtime.frontends["f"])
    pool = shared.runtime.pools["b"]
    shared.went_down(pool, pool.servers["s"])
    assert [connection.left for connection in connections] == [[pool.servers["s"]] if leave else []] * 3

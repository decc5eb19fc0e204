"""All listeners of a service: opened whole or not at all, and following the configuration."""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock

from pumpproxy.flow.inherited import Inherited
from pumpproxy.flow.listeners import Listeners
from pumpproxy.flow.sockets import NOTHING, ListenError, open_sockets
from pumpproxy.model import Config, InheritedAddress, TcpAddress, UnixAddress
from pumpproxy.systemd.notify import Notifier
from pumpproxy.systemd.store import Store, name_in_store
from tests.fakes import LOOPBACK, environment, tls_config, unused_port
from tests.systemd.ear import Ear

if TYPE_CHECKING:
    from pathlib import Path

    from pumpproxy.flow.environment import Environment
    from pumpproxy.policy.records import ClientAddress
    from pumpproxy.policy.runtime import FrontendState


def build(_environment: Environment, _frontend: FrontendState, _client: ClientAddress, _port: int | None) -> Protocol:
    """Never asked here: nobody connects."""
    return Protocol()


def config(*ports: int, name: str = "f") -> Config:
    """One frontend on these loopback ports."""
    made = tls_config(1)
    binds = tuple(TcpAddress(LOOPBACK, port) for port in ports)
    return replace(made, frontends=(replace(made.frontends[0], name=name, binds=binds),))


class World:
    """Listeners on a reactor of the tests, following one configuration after another."""

    def __init__(self, first: Config, notifier: Notifier | None = None, inherited: Inherited = NOTHING) -> None:
        self.reactor = MemoryReactorClock()
        self.environment, _ = environment(first, self.reactor)
        self.store = Store(notifier or Notifier(""))
        self.listeners = Listeners(self.environment, build, self.store, inherited=inherited)
        self.listeners.adopt(self.listeners.open(first))
        self.listeners.follow()

    def reload(self, following: Config) -> None:
        """As the service does it."""
        opened = self.listeners.open(following)
        self.environment.runtime.reload(following, 100)
        self.listeners.adopt(opened)
        self.listeners.follow()


def is_listening(port: int) -> bool:
    """Whether the kernel takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def test_every_address_is_opened_and_closed() -> None:
    """The kernel takes connections on each, until they are closed."""
    ports = unused_port(), unused_port()
    world = World(config(*ports))
    assert [is_listening(port) for port in ports] == [True, True]
    world.listeners.close(drain=False)
    assert [is_listening(port) for port in ports] == [False, False]


def test_one_that_cannot_be_opened_leaves_none_open() -> None:
    """The others that were opened with it are closed again."""
    world = World(config(unused_port()))
    free = unused_port()
    with socket.create_server((LOOPBACK, 0)) as busy:
        with pytest.raises(ListenError, match="address already in use"):
            world.listeners.open(config(free, busy.getsockname()[1]))
        assert not is_listening(free)
    world.listeners.close(drain=False)


def test_an_address_that_stays_keeps_its_socket() -> None:
    """A reload that adds one and takes one away touches no other; the frontend may even be renamed."""
    stays, goes, comes = unused_port(), unused_port(), unused_port()
    world = World(config(stays, goes))
    (before,) = world.listeners._by_bind[TcpAddress(LOOPBACK, stays)]
    world.reload(config(stays, comes, name="renamed"))
    (after,) = world.listeners._by_bind[TcpAddress(LOOPBACK, stays)]
    assert after is before
    assert after.frontend is world.environment.runtime.frontends["renamed"]
    assert [is_listening(port) for port in (stays, goes, comes)] == [True, False, True]
    world.listeners.close(drain=False)


def test_what_lives_on_is_only_closed(tmp_path: Path) -> None:
    """Who waits in its backlog waits for the next process, grace or none; it was given away as soon as it was ours."""
    port = unused_port()
    with Ear(tmp_path) as ear:
        world = World(config(port), Notifier(ear.address))
        (message,) = ear.heard()
        assert message.said["FDNAME"] == f"pumpproxy-{LOOPBACK},{port}"
        with socket.socket(fileno=os.dup(message.descriptors[0])) as kept, socket.socket() as client:
            client.connect((LOOPBACK, port))
            client.sendall(b"hello")
            world.listeners.close(drain=True)
            assert world.environment.runtime.connections == 0
            kept.accept()[0].close()
        assert ear.heard() == []


def test_what_a_reload_takes_away_is_ended(tmp_path: Path) -> None:
    """For all who share it, who are also told; what stays is not told again."""
    stays, goes, comes = unused_port(), unused_port(), unused_port()
    with Ear(tmp_path) as ear:
        world = World(config(stays, goes), Notifier(ear.address))
        ear.heard()
        world.reload(config(stays, comes))
        assert [is_listening(port) for port in (stays, goes, comes)] == [True, False, True]
        assert ear.said() == [
            {"FDSTORE": "1", "FDNAME": f"pumpproxy-{LOOPBACK},{comes}"},
            {"FDSTOREREMOVE": "1", "FDNAME": f"pumpproxy-{LOOPBACK},{goes}"},
        ]
        world.listeners.close(drain=False)


def test_what_came_back_is_taken_or_let_go(tmp_path: Path) -> None:
    """By the names of the store; what came by another name is its giver's."""
    stays, goes, foreign = (open_sockets(TcpAddress(LOOPBACK, 0))[0] for _ in range(3))
    ports = [sock.getsockname()[1] for sock in (stays, goes, foreign)]
    by_name = {"pumpproxy-1,1": [goes.detach()], "pumpproxy-2,2": [stays.detach()], "web": [foreign.detach()]}
    with Ear(tmp_path) as ear:
        world = World(config(ports[0], ports[2]), Notifier(ear.address), Inherited(by_name))
        assert [is_listening(port) for port in ports] == [True, False, True]
        assert ear.said() == [
            {"FDSTOREREMOVE": "1", "FDNAME": "pumpproxy-1,1"},
            {"FDSTORE": "1", "FDNAME": f"pumpproxy-{LOOPBACK},{ports[0]}"},
        ]
        world.listeners.close(drain=False)


# To a successor -----------------------------------------------------------------------------------------------------


def named(*names: str) -> tuple[Inherited, list[int]]:
    """Sockets that were handed over by these names, and their descriptors."""
    numbers = [socket.create_server((LOOPBACK, 0)).detach() for _ in names]
    return Inherited({name: [number] for name, number in zip(names, numbers, strict=True)}), numbers


def test_a_successor_gets_every_socket() -> None:
    """Ours by the names that the store has for them; systemd's by theirs, also those that nobody wants now."""
    inherited, (first, second) = named("web", "spare")
    made = config(unused_port())
    binds = (*made.frontends[0].binds, InheritedAddress("web"))
    world = World(replace(made, frontends=(replace(made.frontends[0], binds=binds),)), inherited=inherited)
    (ours,) = world.listeners._by_bind[binds[0]]
    assert world.listeners.handed() == [(name_in_store(binds[0]), ours.fileno()), ("web", first), ("spare", second)]
    (duplicate,) = world.listeners._by_bind[binds[1]]
    world.listeners.give_way(())
    assert duplicate.fileno() == -1
    for number in (first, second):
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(number)


def test_what_a_successor_shares_stays_as_it_is(tmp_path: Path) -> None:
    """Nobody looks whether somebody answers at its path, which would be one more client; nobody is accepted."""
    made = config(unused_port())
    path = tmp_path / "x.sock"
    binds = (*made.frontends[0].binds, UnixAddress(str(path)))
    world = World(replace(made, frontends=(replace(made.frontends[0], binds=binds),)))
    shared = [socket.socket(fileno=os.dup(number)) for _, number in world.listeners.handed()]
    with contextlib.ExitStack() as stack:
        for sock in shared:
            stack.enter_context(sock)
        client = stack.enter_context(socket.create_connection(shared[0].getsockname()))
        world.listeners.give_way(())
        assert world.listeners.handed() == []
        # The kernel keeps it to itself until it speaks.
        client.sendall(b"!")
        shared[0].settimeout(20)
        accepted, address = shared[0].accept()
        assert address == client.getsockname()
        accepted.close()
        with pytest.raises(BlockingIOError):
            shared[1].accept()
        assert path.exists()


def test_who_waits_at_a_socket_that_the_successor_does_not_want_is_served(tmp_path: Path) -> None:
    """And its path is gone."""
    path = tmp_path / "x.sock"
    made = config(unused_port())
    binds = (*made.frontends[0].binds, UnixAddress(str(path)))
    world = World(replace(made, frontends=(replace(made.frontends[0], binds=binds),)))
    (listener,) = world.listeners._by_bind[binds[1]]
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        world.listeners.give_way({listener.fileno()})
    assert listener.accepted == 1
    assert not path.exists()
    for reader in world.reactor.getReaders():
        world.reactor.removeReader(reader)

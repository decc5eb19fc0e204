"""Which sockets live on: those in systemd's FD store, and those of .socket units."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from pumpproxy.model import InheritedAddress, TcpAddress, UnixAddress
from pumpproxy.systemd.notify import Notifier
from pumpproxy.systemd.store import LONGEST, Store, is_in_store, name_in_store
from tests.systemd.ear import Ear

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BIND = TcpAddress("*", 443)
OTHER = TcpAddress("::1", 80)


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    """At a path."""
    with Ear(tmp_path) as made:
        yield made


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    """Any socket."""
    with socket.socket() as made:
        yield made


@pytest.mark.parametrize(
    ("bind", "name"),
    [
        (BIND, "pumpproxy-*,443"),
        (TcpAddress("127.0.0.1", 80), "pumpproxy-127.0.0.1,80"),
        (OTHER, "pumpproxy-[,,1],80"),
        (UnixAddress("/run/x.socket"), "pumpproxy-unix,/run/x.socket"),
        (UnixAddress("/run/a:b,\xe9 "), "pumpproxy-unix,/run/a,b%2C%C3%A9%20"),
    ],
)
def test_the_name_tells_the_address(bind: TcpAddress | UnixAddress, name: str) -> None:
    """And is one that systemd takes: printable ASCII without a colon. It is known again."""
    assert name_in_store(bind) == name
    assert is_in_store(name)


def test_a_name_is_never_too_long() -> None:
    """A path of signs that take three bytes, each three characters."""
    assert len(name_in_store(UnixAddress("/" + "\u20ac" * 35))) == LONGEST


@pytest.mark.parametrize("name", ["tls", "unknown", "stored", "pumpproxy-tls.socket", "pumpproxy-http", ""])
def test_the_name_of_a_unit_is_another(name: str) -> None:
    """Also where systemd made it of that of the unit, which may begin as the service's."""
    assert not is_in_store(name)
    assert not Store(Notifier("")).owns(name)


@pytest.mark.parametrize("came_as", [None, "pumpproxy-*,443"])
def test_what_is_ours_is_kept(ear: Ear, sock: socket.socket, came_as: str | None) -> None:
    """Opened here, or come back from the store: the very socket is sent, by its name."""
    store = Store(Notifier(ear.address))
    assert not store.lives_on(BIND)
    store.keep(BIND, sock, came_as)
    (message,) = ear.heard()
    assert message.said == {"FDSTORE": "1", "FDNAME": "pumpproxy-*,443"}
    assert [os.fstat(one).st_ino for one in message.descriptors] == [os.fstat(sock.fileno()).st_ino]
    assert store.lives_on(BIND)
    assert not store.lives_on(OTHER)


@pytest.mark.parametrize(("bind", "came_as"), [(InheritedAddress("tls"), None), (BIND, "web"), (BIND, "unknown")])
def test_what_is_a_units_is_left_to_it(
    ear: Ear, sock: socket.socket, bind: TcpAddress | InheritedAddress, came_as: str | None
) -> None:
    """Nothing is said: it lives on by itself, and is never ended by us."""
    store = Store(Notifier(ear.address))
    store.keep(bind, sock, came_as)
    assert store.lives_on(bind)
    assert not store.forget(bind)
    assert not store.lives_on(bind)
    store.tell_all()
    assert ear.said() == []


def test_what_is_forgotten_is_to_be_ended(ear: Ear, sock: socket.socket) -> None:
    """Once; what was never kept is not."""
    store = Store(Notifier(ear.address))
    store.keep(BIND, sock, None)
    assert store.forget(BIND)
    assert not store.forget(BIND)
    assert not store.lives_on(BIND)
    assert ear.said()[1:] == [{"FDSTOREREMOVE": "1", "FDNAME": "pumpproxy-*,443"}]


def test_without_systemd_nothing_lives_on(sock: socket.socket) -> None:
    """It is closed as ever."""
    store = Store(Notifier(""))
    store.keep(BIND, sock, None)
    assert not store.lives_on(BIND)
    assert not store.forget(BIND)


def test_what_came_back_in_vain_is_let_go(ear: Ear) -> None:
    """By the name that it came by."""
    Store(Notifier(ear.address)).let_go("pumpproxy-*,80")
    assert ear.said() == [{"FDSTOREREMOVE": "1", "FDNAME": "pumpproxy-*,80"}]


def test_a_successor_says_nothing_before_it_is_the_main_process(ear: Ear, sock: socket.socket) -> None:
    """Then all of it; what it keeps lives on already, by its predecessor's word."""
    store = Store(Notifier(ear.address), heard=False)
    store.keep(BIND, sock, "pumpproxy-*,443")
    assert ear.said() == []
    assert store.lives_on(BIND)
    store.tell_all()
    assert ear.said() == [{"FDSTORE": "1", "FDNAME": "pumpproxy-*,443"}]
    store.keep(OTHER, sock, None)
    assert [said["FDNAME"] for said in ear.said()] == ["pumpproxy-[,,1],80"]


def test_a_successor_gets_each_by_a_name_that_tells_whose_it_is(sock: socket.socket) -> None:
    """A unit's by that of the unit."""
    store = Store(Notifier(""))
    store.keep(BIND, sock, None)
    store.keep(OTHER, sock, "web")
    assert [store.called(bind) for bind in (BIND, OTHER)] == ["pumpproxy-*,443", "web"]

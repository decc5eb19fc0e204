"""What is done to a bare descriptor, and that it stays open."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from pumpproxy.flow import descriptors
from pumpproxy.flow.descriptors import RESET, as_socket, remnant, reset_at_close, shut_write
from tests.fakes import LOOPBACK
from tests.flow.peers import has_ipv6

if TYPE_CHECKING:
    from collections.abc import Iterator

FAMILIES = [(socket.AF_INET, LOOPBACK), (socket.AF_INET6, "::1")]


@pytest.fixture(params=FAMILIES, ids=["IPv4", "IPv6"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[int, socket.socket]]:
    """A bare descriptor of a connection, which the test closes, and its peer."""
    family, host = request.param
    if family == socket.AF_INET6 and not has_ipv6():
        pytest.skip("machine: no IPv6")
    with socket.create_server((host, 0), family=family) as listening, socket.socket(family) as peer:
        peer.connect(listening.getsockname())
        accepted, _ = listening.accept()
        peer.settimeout(20)
        yield accepted.detach(), peer


@pytest.fixture(params=[True, False], ids=["with ctypes", "without"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where C's own setsockopt can be called, and where not."""
    if not request.param:
        monkeypatch.setattr(descriptors, "_setsockopt", None)


def test_a_close_is_a_fin_unless_it_was_to_be_a_reset(pair: tuple[int, socket.socket]) -> None:
    """As the kernel has it."""
    descriptor, peer = pair
    os.close(descriptor)
    assert peer.recv(1) == b""


@pytest.mark.usefixtures("either")
def test_a_reset_comes_with_the_close_and_not_before(pair: tuple[int, socket.socket]) -> None:
    """Until then it can be read and written, whatever its family is."""
    descriptor, peer = pair
    reset_at_close(descriptor)
    os.write(descriptor, b"still here")
    assert peer.recv(100) == b"still here"
    os.close(descriptor)
    with pytest.raises(ConnectionResetError):
        peer.recv(1)


def test_a_reset_of_a_socket_that_is_at_hand(pair: tuple[int, socket.socket]) -> None:
    """It is detached, and nothing is closed with it."""
    descriptor, peer = pair
    sock = as_socket(descriptor)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.detach()
    os.close(descriptor)
    with pytest.raises(ConnectionResetError):
        peer.recv(1)


def test_a_fin_goes_behind_what_was_written_and_the_other_half_stays(pair: tuple[int, socket.socket]) -> None:
    """It is a half-close."""
    descriptor, peer = pair
    os.write(descriptor, b"the last word")
    shut_write(descriptor)
    assert peer.recv(100) == b"the last word"
    assert peer.recv(1) == b""
    peer.sendall(b"an answer")
    assert os.read(descriptor, 100) == b"an answer"
    os.close(descriptor)


@pytest.mark.usefixtures("either")
def test_one_that_is_reset_already(pair: tuple[int, socket.socket]) -> None:
    """A reset of it is fine; that a FIN cannot be sent is told, and the descriptor is still the caller's."""
    descriptor, peer = pair
    reset_at_close(peer.fileno())
    peer.close()
    with pytest.raises(ConnectionResetError):
        os.read(descriptor, 1)
    reset_at_close(descriptor)
    with pytest.raises(OSError, match="not connected"):
        shut_write(descriptor)
    os.close(descriptor)


def test_what_came_before_a_reset_can_be_read(pair: tuple[int, socket.socket]) -> None:
    """Where writing fails already; and nothing where nothing came."""
    descriptor, peer = pair
    os.set_blocking(descriptor, False)
    assert remnant(descriptor) == b""
    peer.sendall(b"the last word")
    os.write(descriptor, b"not read")
    peer.close()
    with pytest.raises(ConnectionError):
        os.write(descriptor, b"too late")
    assert remnant(descriptor) == b"the last word"
    assert remnant(descriptor) == b""
    os.close(descriptor)


@pytest.mark.usefixtures("either")
def test_one_that_is_not_open() -> None:
    """A reset of it is fine, too; nothing is closed in its place."""
    with socket.socket() as probe:
        number = probe.fileno()
    reset_at_close(number)
    assert remnant(number) == b""
    with pytest.raises(OSError, match="Bad file descriptor"):
        shut_write(number)

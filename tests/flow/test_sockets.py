"""Listening sockets: made, found among those that systemd handed over, and given back."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import sys
from pathlib import Path

import pytest

from pumpproxy.flow.inherited import Inherited
from pumpproxy.flow.sockets import (
    ListenError,
    close_socket,
    end_others,
    end_socket,
    leave_socket,
    open_sockets,
    port_of,
)
from pumpproxy.model import BindAddress, InheritedAddress, TcpAddress, UnixAddress
from tests.fakes import LOOPBACK
from tests.flow.peers import has_ipv6

ROOT = Path(__file__).parents[2]


def opened(host: str, port: int = 0) -> socket.socket:
    """The one socket of such an address."""
    (sock,) = open_sockets(TcpAddress(host, port))
    return sock


def reaches(family: socket.AddressFamily, host: str, port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket(family) as probe:
        return probe.connect_ex((host, port)) == 0


ipv6 = pytest.mark.skipif(not has_ipv6(), reason="machine: no IPv6")


# TCP ----------------------------------------------------------------------------------------------------------------


def test_an_address_is_listened_on() -> None:
    """Without blocking; what it accepts has TCP_NODELAY already."""
    with opened(LOOPBACK) as sock:
        assert sock.getsockname()[0] == LOOPBACK
        assert not sock.getblocking()
        assert not sock.get_inheritable()
        with pytest.raises(BlockingIOError):
            sock.accept()
        with socket.create_connection(sock.getsockname()):
            accepted, _ = sock.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_the_port_that_clients_come_to(tmp_path: Path) -> None:
    """Also where the kernel chose it; a unix socket has none."""
    with opened(LOOPBACK) as sock:
        assert port_of(sock) == sock.getsockname()[1] > 0
    (unix,) = open_sockets(UnixAddress(str(tmp_path / "s")))
    assert port_of(unix) is None
    close_socket(unix)


@ipv6
def test_a_star_is_both_families() -> None:
    """On one socket; IPv4 clients come as mapped addresses."""
    with opened("*") as sock:
        port = sock.getsockname()[1]
        assert reaches(socket.AF_INET, LOOPBACK, port)
        assert sock.accept()[1][0] == "::ffff:127.0.0.1"
        assert reaches(socket.AF_INET6, "::1", port)
        assert sock.accept()[1][0] == "::1"


@ipv6
def test_ipv6_alone_leaves_the_port_to_ipv4() -> None:
    """`[::]:443` and `0.0.0.0:443` may stand side by side, with different owners."""
    with opened("::") as sock:
        port = sock.getsockname()[1]
        assert not reaches(socket.AF_INET, LOOPBACK, port)
        with opened("0.0.0.0", port):  # noqa: S104 - what is tested
            assert reaches(socket.AF_INET, LOOPBACK, port)


def test_a_star_without_ipv6_is_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that was built or booted without it has no such family."""
    real = socket.socket

    def no_ipv6(family: int = -1, *args: int, **fields: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "address family not supported")
        return real(family, *args, **fields)

    monkeypatch.setattr(socket, "socket", no_ipv6)
    (sock,) = open_sockets(TcpAddress("*", 0))
    with sock:
        assert sock.getsockname()[0] == "0.0.0.0"  # noqa: S104 - what is tested


@pytest.mark.parametrize("host", [LOOPBACK, "*"])
def test_a_busy_port_is_a_clear_error(host: str) -> None:
    """One line for a person, and the number for the exit status."""
    with opened(LOOPBACK) as sock:
        address = TcpAddress(host, sock.getsockname()[1])
        with pytest.raises(ListenError) as caught:
            open_sockets(address)
        assert str(caught.value) == f"cannot listen on {address}: address already in use"
        assert caught.value.errno == errno.EADDRINUSE


def test_a_port_that_was_in_use_a_moment_ago_is_not_busy() -> None:
    """A restart does not wait for TIME_WAIT."""
    with opened(LOOPBACK) as sock:
        address = sock.getsockname()
        client = socket.create_connection(address)
        accepted, _ = sock.accept()
        accepted.close()
        client.close()
    opened(*address).close()


def test_an_address_that_is_not_ours_is_a_clear_error() -> None:
    """192.0.2.0/24 is nobody's (RFC 5737)."""
    with pytest.raises(ListenError, match=r"^cannot listen on 192\.0\.2\.1:80: cannot assign requested address$"):
        open_sockets(TcpAddress("192.0.2.1", 80))


def test_a_low_port_needs_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the error says what to do about it."""

    def denied(_sock: socket.socket, _address: object) -> None:
        raise PermissionError(errno.EACCES, "permission denied")

    monkeypatch.setattr("socket.socket.bind", denied)
    with pytest.raises(
        ListenError, match=r"^cannot listen on 127.0.0.1:80: permission denied \(ports below 1024 need root"
    ):
        open_sockets(TcpAddress(LOOPBACK, 80))
    with pytest.raises(ListenError, match=r"^cannot listen on unix:/nowhere/x.sock: permission denied$"):
        open_sockets(UnixAddress("/nowhere/x.sock"))


def test_a_failure_leaves_nothing_open(recwarn: pytest.WarningsRecorder) -> None:
    """No socket is left to the garbage collector."""
    with opened(LOOPBACK) as sock:
        for _ in range(3):
            with pytest.raises(ListenError):
                open_sockets(TcpAddress(LOOPBACK, sock.getsockname()[1]))
    assert [warning for warning in recwarn if warning.category is ResourceWarning] == []


# Unix ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a socket is to be."""
    return tmp_path / "x.sock"


def answers(path: Path) -> bool:
    """Whether somebody listens there."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def unix(path: Path) -> socket.socket:
    """The one socket of such an address."""
    (sock,) = open_sockets(UnixAddress(str(path)))
    return sock


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_unix_socket_is_for_owner_and_group(path: Path, umask: int) -> None:
    """Whatever the umask says."""
    before = os.umask(umask)
    try:
        sock = unix(path)
    finally:
        os.umask(before)
    with sock:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert answers(path)
        assert not sock.getblocking()


def test_a_socket_that_a_killed_process_left_is_replaced(path: Path) -> None:
    """Nobody answers there any more."""
    with unix(path):
        pass
    assert path.is_socket()
    with unix(path):
        assert answers(path)


def test_a_socket_that_somebody_answers_at_is_not_taken_away(path: Path) -> None:
    """Another proxy runs: this one says so, and leaves it alone."""
    with unix(path) as living:
        with pytest.raises(ListenError, match="address already in use") as caught:
            unix(path)
        assert caught.value.errno == errno.EADDRINUSE
        assert answers(path)
        assert living.fileno() >= 0


def test_a_file_is_not_taken_away(path: Path) -> None:
    """Somebody's data at a mistaken path stays."""
    path.write_text("precious")
    with pytest.raises(ListenError, match="address already in use"):
        unix(path)
    assert path.read_text() == "precious"


def test_a_folder_that_is_not_there_is_a_clear_error(path: Path) -> None:
    """As the system says it."""
    with pytest.raises(ListenError, match=r"^cannot listen on unix:.*/missing/x\.sock: no such file or directory$"):
        unix(path.parent / "missing" / "x.sock")


def test_closing_takes_the_path_away(path: Path) -> None:
    """So that nobody wonders why nobody answers."""
    close_socket(unix(path))
    assert not path.exists()


def test_closing_leaves_a_path_that_is_somebody_elses_by_now(path: Path) -> None:
    """A new process has taken it over: the old one must not take it away from it."""
    old = unix(path)
    path.unlink()
    with unix(path):
        close_socket(old)
        assert answers(path)


def test_closing_leaves_what_is_no_socket(path: Path) -> None:
    """Or is not there at all."""
    old = unix(path)
    path.unlink()
    path.write_text("precious")
    close_socket(old)
    assert path.read_text() == "precious"
    gone = unix(path.parent / "y.sock")
    (path.parent / "y.sock").unlink()
    close_socket(gone)
    assert gone.fileno() == -1


@pytest.mark.skipif(sys.platform != "linux", reason="machine: no abstract sockets")
def test_closing_an_abstract_socket() -> None:
    """As systemd may hand one over (ListenStream=@name): it has no path."""
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(f"\0pumpproxy-test-{os.getpid()}")
    sock.listen()
    close_socket(sock)
    assert sock.fileno() == -1


def test_closing_a_tcp_socket() -> None:
    """Its port is free."""
    sock = opened(LOOPBACK)
    port = sock.getsockname()[1]
    close_socket(sock)
    assert not reaches(socket.AF_INET, LOOPBACK, port)


# Shared with others -------------------------------------------------------------------------------------------------


def given(*sockets: socket.socket, shared: bool = False) -> Inherited:
    """As if a process was started with these; another one has them, too."""
    return Inherited({f"ours{number}": [os.dup(sock.fileno())] for number, sock in enumerate(sockets)}, shared=shared)


def is_ours(name: str) -> bool:
    """Whether `given` calls something so."""
    return name.startswith("ours")


def test_closing_ours_alone_leaves_the_others(path: Path) -> None:
    """Who waits goes on waiting, a path stays."""
    with opened(LOOPBACK) as tcp, unix(path) as local, socket.create_connection(tcp.getsockname()):
        leave_socket(tcp.dup())
        leave_socket(local.dup())
        assert answers(path)
        tcp.accept()[0].close()


def test_ending_it_is_for_all_who_share_it(path: Path) -> None:
    """Nobody can come any more though another has it still open; a path goes; one that is ended is ended."""
    with opened(LOOPBACK) as tcp, unix(path) as local, socket.socket() as idle:
        port = tcp.getsockname()[1]
        end_socket(tcp.dup())
        end_socket(local.dup())
        end_socket(idle.dup())
        assert not reaches(socket.AF_INET, LOOPBACK, port)
        assert not path.exists()
        end_socket(tcp.dup())
        # Whoever wants the port has it, though the other has not closed yet.
        opened(LOOPBACK, port).close()


def test_what_is_there_and_not_wanted_is_ended() -> None:
    """For all who share it, and told once."""
    with opened(LOOPBACK) as stays, opened(LOOPBACK) as goes:
        inherited = given(stays, goes)
        wanted: list[BindAddress] = [InheritedAddress("tls"), TcpAddress(*stays.getsockname())]
        assert end_others(inherited, wanted, is_ours) == ["ours1"]
        assert reaches(socket.AF_INET, *stays.getsockname())
        assert not reaches(socket.AF_INET, *goes.getsockname())
        assert end_others(inherited, wanted, is_ours) == []
        assert end_others(inherited, [], lambda _name: False) == []
        assert end_others(inherited, [], is_ours) == ["ours0"]


def test_what_another_process_accepts_from_is_not_ended() -> None:
    """A predecessor that has not given way: it may have to go on with it. It is only closed, and told of."""
    with opened(LOOPBACK) as sock:
        inherited = given(sock, shared=True)
        (descriptor,) = inherited.named("ours0")
        assert end_others(inherited, [], is_ours) == ["ours0"]
        assert reaches(socket.AF_INET, *sock.getsockname())
        assert inherited.unwanted == [descriptor]
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(descriptor)


def test_a_star_without_ipv6_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The socket that was opened for it is one for IPv4, which is wanted."""
    with opened("0.0.0.0") as sock:  # noqa: S104 - what is tested
        star = TcpAddress("*", sock.getsockname()[1])
        inherited = given(sock)
        real = socket.socket.bind

        def no_ipv6(sock: socket.socket, address: tuple[str, int]) -> None:
            if address[0] == "::":
                raise OSError(errno.EADDRNOTAVAIL, "cannot assign requested address")
            real(sock, address)

        monkeypatch.setattr("socket.socket.bind", no_ipv6)
        assert end_others(inherited, [star], is_ours) == []
        (taken,) = open_sockets(star, inherited)
        with taken:
            assert inherited.name_of(taken) == "ours0"


def test_a_socket_that_was_there_is_as_ours_are() -> None:
    """Whoever made it: the same backlog, and what it accepts has TCP_NODELAY."""
    with socket.create_server((LOOPBACK, 0), backlog=0) as sock:
        (taken,) = open_sockets(TcpAddress(*sock.getsockname()), given(sock))
        with taken, contextlib.ExitStack() as stack:
            for _ in range(8):
                stack.enter_context(socket.create_connection(sock.getsockname(), 20))
            with taken.accept()[0] as accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_a_unix_socket_whose_path_is_gone_is_made_anew(path: Path) -> None:
    """Nobody could come to the one that is there (a RuntimeDirectory= goes with each stop)."""
    with unix(path) as before:
        path.unlink()
        (sock,) = open_sockets(UnixAddress(str(path)), given(before))
        with sock:
            assert answers(path)
            assert sock.accept()


def test_a_failure_with_what_was_there_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with any other."""
    with opened(LOOPBACK) as sock:
        inherited = given(sock)

        def fails(_sock: socket.socket, _backlog: int) -> None:
            raise OSError(errno.EADDRINUSE, "address already in use")

        monkeypatch.setattr("socket.socket.listen", fails)
        with pytest.raises(ListenError, match="address already in use"):
            open_sockets(TcpAddress(*sock.getsockname()), inherited)

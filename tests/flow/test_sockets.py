"""Listening sockets: made, found among those that systemd handed over, and given back."""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pumpproxy.flow.sockets import ListenError, close_socket, inherited, open_sockets, port_of
from pumpproxy.model import TcpAddress, UnixAddress
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


# systemd ------------------------------------------------------------------------------------------------------------

BOOT = """
import fcntl, os, sys
child, given, *names = sys.argv[1:]
high = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 100) for number in given.split()]
for index, number in enumerate(high):
    os.dup2(number, 3 + index)
os.environ.setdefault("LISTEN_PID", str(os.getpid()))
os.execv(sys.executable, [sys.executable, "-c", child, *names])
"""
CHILD = """
import json, sys
import twisted.internet.endpoints
from pumpproxy.flow.sockets import ListenError, inherited, open_sockets
from pumpproxy.model import InheritedAddress

def opened(name):
    try:
        return [
            [sock.family.name, sock.getblocking(), sock.get_inheritable(), sock.fileno() in inherited()[name]]
            for sock in open_sockets(InheritedAddress(name))
        ]
    except ListenError as error:
        return str(error)

print(json.dumps([inherited(), {name: opened(name) for name in sys.argv[1:]}]))
"""


def handed_over(
    sockets: list[socket.socket], *wanted: str, names: str | None = None, **environ: str | bytes
) -> tuple[dict[str, list[int]], dict[str, object]]:
    """What a process finds that has these sockets from descriptor 3 on, as systemd hands them over.

    That is `inherited()`, and what `open_sockets()` gives for the wanted names: family, blocking, inheritable, whether
    it is the very descriptor.
    """
    env = {key: value for key, value in os.environb.items() if not key.startswith(b"LISTEN_")}
    env |= {b"PYTHONPATH": os.fsencode(ROOT), b"LISTEN_FDS": str(len(sockets)).encode()}
    env |= {os.fsencode(key): os.fsencode(value) for key, value in environ.items()}
    if names is not None:
        env[b"LISTEN_FDNAMES"] = names.encode()
    given = [sock.fileno() for sock in sockets]
    command = [sys.executable, "-c", BOOT, CHILD, " ".join(map(str, given)), *wanted]
    done = subprocess.run(command, env=env, pass_fds=given, capture_output=True, check=False, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr.decode()
    found, opened_sockets = json.loads(done.stdout)
    return found, opened_sockets


def test_sockets_are_found_by_their_names(path: Path) -> None:
    """Also several of one name; what is opened are duplicates, ready to accept, and closed on exec.

    Twisted's endpoints take the variables out of os.environ when they are imported: they are found nevertheless.
    """
    with opened(LOOPBACK) as one, opened(LOOPBACK) as two, unix(path) as three:
        one.setblocking(True)
        found, by_name = handed_over([one, two, three], "web", "app", names="web:web:app")
    assert found == {"web": [3, 4], "app": [5]}
    assert by_name == {
        "web": [["AF_INET", False, False, False]] * 2,
        "app": [["AF_UNIX", False, False, False]],
    }


def test_an_environment_that_is_not_utf8_does_not_hide_them() -> None:
    """Some other variable is in Latin-1."""
    with opened(LOOPBACK) as sock:
        found, by_name = handed_over([sock], "web", names="web", TOWN=b"K\xf6ln")
    assert found == {"web": [3]}
    assert by_name["web"] == [["AF_INET", False, False, False]]


def test_sockets_without_a_name_are_unknown() -> None:
    """Systemd's own word for it (sd_listen_fds_with_names(3))."""
    with opened(LOOPBACK) as one, opened(LOOPBACK) as two:
        assert handed_over([one, two])[0] == {"unknown": [3, 4]}
        assert handed_over([one, two], names=":web")[0] == {"unknown": [3], "web": [4]}


def test_a_name_that_was_not_handed_over_is_a_clear_error() -> None:
    """Whatever else was."""
    with opened(LOOPBACK) as sock:
        _, by_name = handed_over([sock], "app", names="web")
    assert by_name["app"] == "cannot listen on systemd:app: systemd handed over no socket of this name"


def test_what_does_not_listen_is_a_clear_error() -> None:
    """A datagram socket, or one that is connected (Accept=yes); also as the second of a name."""
    wrong = "cannot listen on systemd:web: what systemd handed over is not a listening stream socket"
    with opened(LOOPBACK) as good, socket.socket(type=socket.SOCK_DGRAM) as datagrams, socket.socket() as idle:
        for sockets in ([datagrams], [idle], [good, datagrams]):
            _, by_name = handed_over(sockets, "web", names=":".join(["web"] * len(sockets)))
            assert by_name["web"] == wrong


@pytest.mark.parametrize("environ", [{"LISTEN_PID": "1"}, {"LISTEN_FDS": "x"}])
def test_what_was_meant_for_another_process_is_left_alone(environ: dict[str, str]) -> None:
    """A child inherits the environment, and not the descriptors."""
    with opened(LOOPBACK) as sock:
        found, by_name = handed_over([sock], "web", names="web", **environ)
    assert found == {}
    assert by_name["web"] == "cannot listen on systemd:web: systemd handed over no socket of this name"


def test_nothing_is_handed_over_to_a_process_that_systemd_did_not_start() -> None:
    """As the one that runs the tests."""
    assert inherited() == {}

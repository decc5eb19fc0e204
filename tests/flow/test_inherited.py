"""Listening sockets that a process is started with: found by name as systemd hands them over, or by their address."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pumpproxy.flow.inherited import Inherited, inherited
from pumpproxy.flow.sockets import open_sockets
from pumpproxy.model import TcpAddress, UnixAddress
from tests.fakes import LOOPBACK
from tests.flow.peers import has_ipv6

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a socket is to be."""
    return tmp_path / "x.sock"


def opened(host: str, port: int = 0) -> socket.socket:
    """The one socket of such an address."""
    (sock,) = open_sockets(TcpAddress(host, port))
    return sock


def unix(path: Path) -> socket.socket:
    """The one socket of such an address."""
    (sock,) = open_sockets(UnixAddress(str(path)))
    return sock


# By name ------------------------------------------------------------------------------------------------------------

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
from pumpproxy.flow.inherited import Inherited, inherited
from pumpproxy.flow.sockets import ListenError, open_sockets
from pumpproxy.model import InheritedAddress

def opened(name):
    try:
        return [
            [sock.family.name, sock.getblocking(), sock.get_inheritable(), sock.fileno() in inherited()[name]]
            for sock in open_sockets(InheritedAddress(name), Inherited(inherited()))
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


# By address ---------------------------------------------------------------------------------------------------------


def given(*sockets: socket.socket) -> Inherited:
    """As if a process was started with these, by one name."""
    return Inherited({"kept": [sock.detach() for sock in sockets]})


def test_a_socket_is_taken_by_its_address() -> None:
    """Once, whatever its name and place; what is opened is the very socket, ready for us."""
    one, two = opened(LOOPBACK), opened(LOOPBACK)
    address = TcpAddress(*two.getsockname())
    two.setblocking(True)
    two.set_inheritable(True)
    number = two.fileno()
    inherited_sockets = given(one, two)
    (taken,) = open_sockets(address, inherited_sockets)
    with taken:
        assert taken.fileno() == number
        assert (taken.getblocking(), taken.get_inheritable()) == (False, False)
        assert inherited_sockets.take(address) is None
        assert len(inherited_sockets.named("kept")) == 1
        assert inherited_sockets.name_of(taken) == "kept"
        with opened(LOOPBACK) as other:
            assert inherited_sockets.name_of(other) is None


@pytest.mark.skipif(not has_ipv6(), reason="machine: no IPv6")
def test_the_family_is_part_of_the_address() -> None:
    """`*` is a socket for both; `[::]` is none of IPv4, and `0.0.0.0` none of IPv6."""
    both = opened("*")
    port = both.getsockname()[1]
    kept = given(both)
    assert kept.take(TcpAddress("::", port)) is None
    assert kept.take(TcpAddress("0.0.0.0", port)) is None  # noqa: S104
    taken = kept.take(TcpAddress("*", port))
    assert taken is not None
    taken.close()
    only = given(opened("0.0.0.0", port), opened("::", port))  # noqa: S104
    assert only.take(TcpAddress("*", port)) is None
    for host in ("::", "0.0.0.0"):  # noqa: S104
        sock = only.take(TcpAddress(host, port))
        assert sock is not None
        sock.close()


def test_a_unix_socket_is_taken_by_its_path(path: Path) -> None:
    """Its path stays: it is the same socket."""
    kept = given(unix(path))
    assert kept.take(UnixAddress(str(path) + "y")) is None
    (sock,) = open_sockets(UnixAddress(str(path)), kept)
    with sock, socket.socket(socket.AF_UNIX) as client:
        assert client.connect_ex(str(path)) == 0


def test_those_that_nobody_wants_are_given_up(path: Path) -> None:
    """Of the names that are asked for, by their address, and once; what does not listen is left alone."""
    stays, goes, foreign, by_path = opened(LOOPBACK), opened(LOOPBACK), opened(LOOPBACK), unix(path)
    address = TcpAddress(*stays.getsockname())
    number = stays.fileno()
    with socket.socket() as bound:
        ours = [sock.detach() for sock in (goes, stays, by_path)]
        kept = Inherited({"ours": [*ours, bound.fileno()], "theirs": [foreign.fileno()]})
        found = kept.others([address, UnixAddress(str(path))], lambda name: name == "ours")
        assert [(name, sock and sock.fileno()) for name, sock in found] == [("ours", ours[0]), ("ours", None)]
        assert kept.named("ours") == [number, ours[2]]
        assert kept.named("theirs") == [foreign.fileno()]
        assert kept.others([address, UnixAddress(str(path))], lambda name: name == "ours") == []
        for _, sock in [*found, *kept.others([], lambda _name: True)]:
            if sock is not None:
                sock.close()
        assert bound.fileno() >= 0


def test_what_does_not_listen_is_not_taken() -> None:
    """A socket that is only bound, datagrams, and what is no socket at all: it stays where it is."""
    with socket.socket() as bound, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        bound.bind((LOOPBACK, 0))
        datagrams.bind(bound.getsockname())
        reading, writing = os.pipe()
        kept = Inherited({"kept": [bound.fileno(), datagrams.fileno(), reading, 9999]})
        assert kept.take(TcpAddress(*bound.getsockname())) is None
        assert len(kept.named("kept")) == 4
        os.close(reading)
        os.close(writing)


def test_what_nobody_wants_is_given_away() -> None:
    """Of those that are ours by their names, and which these were; a .socket unit's are there for a later reload."""
    ours, taken, units = opened(LOOPBACK), opened(LOOPBACK), opened(LOOPBACK)
    address = TcpAddress(*taken.getsockname())
    first, second, third = ours.detach(), taken.detach(), units.detach()
    kept = Inherited({"pumpproxy-a": [first], "pumpproxy-b": [second], "tls": [third]})
    assert kept.rest() == [("pumpproxy-a", first), ("pumpproxy-b", second), ("tls", third)]
    ((name, given),) = kept.others([address], lambda name: name.startswith("pumpproxy"))
    assert given is not None
    assert (name, given.fileno(), kept.unwanted) == ("pumpproxy-a", first, [first])
    given.close()
    assert kept.rest() == [("tls", third), ("pumpproxy-b", second)]
    kept.close()
    assert kept.rest() == []
    for number in (second, third):
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(number)


def test_one_of_a_name_may_be_had() -> None:
    """Whatever it is; once."""
    kept = Inherited({"pumpproxy-predecessor": [3]})
    assert kept.pop("pumpproxy-predecessor") == 3
    assert kept.pop("pumpproxy-predecessor") is None
    assert kept.pop("other") is None


def test_no_child_gets_what_was_handed_over() -> None:
    """Systemd hands over what a child would inherit; one that is not open is let be."""
    script = "import os; from pumpproxy.flow.inherited import inherited; inherited(); print(os.get_inheritable(3))"
    with opened(LOOPBACK) as sock:
        boot = f'exec 3<&{sock.fileno()}; LISTEN_PID=$$ LISTEN_FDS=2 exec "$@"'
        command = ["bash", "-c", boot, "bash", sys.executable, "-c", script]
        done = subprocess.run(
            command, cwd=ROOT, pass_fds=[sock.fileno()], capture_output=True, text=True, check=True, timeout=60
        )
    assert done.stdout == "False\n"

"""Under a supervisor: told the truth, and nobody is refused while the process is replaced.

How long the slowest client waited is printed (`-s` shows it); here it is only bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from typing import TYPE_CHECKING

import pytest

from tests.fakes import LOOPBACK, client_hello, unused_port
from tests.flow.peers import has_ipv6
from tests.system.daemon import PATIENCE
from tests.system.newcomers import Newcomers
from tests.system.servers import echo_server, naming_server
from tests.system.standin import StandIn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HELLO = client_hello()
RATE = 100
"""New clients a second."""
WATCHDOG = 2.0
"""Seconds without a sign of life."""
NAME = b"served"


@pytest.fixture
def behind() -> Iterator[int]:
    """A server that answers a hello."""
    with naming_server(NAME) as port:
        yield port


def site(behind: int, *binds: str) -> str:
    """A `tls` frontend on these addresses."""
    lines = ("[frontend f]", "mode = tls", f"bind = {' '.join(binds)}", "default-backend = b")
    return "\n".join((*lines, "[backend b]", f"server s = {LOOPBACK}:{behind}", ""))


def ask(address: tuple[str, int] | str) -> bytes:
    """What the server answers by this address."""
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(address)
        connection.sendall(HELLO)
        return connection.recv(100)


def refuses(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) != 0


# What is told --------------------------------------------------------------------------------------------------------


def test_it_is_told_from_the_start_to_the_end(tmp_path: Path) -> None:
    """READY, each reload in its bracket, the refusal of one with its line, who is waited for."""
    port = unused_port()
    with echo_server(b"w") as server, StandIn(tmp_path, site(server, f"{LOOPBACK}:{port}"), "--grace", "1m") as unit:
        good = unit.path.read_text()
        assert unit.messages[-1] == {"READY": "1", "STATUS": "0 routes, 1 of 1 server up, 0 relays"}
        begun, ready = unit.reload(good.replace("default-backend", "defalt-backend"))
        assert begun["RELOADING"] == "1"
        assert ready["STATUS"].startswith(f"reload refused: {unit.path}:4: [frontend f] defalt-backend: ")
        assert ready["STATUS"].endswith("; 0 routes, 1 of 1 server up, 0 relays")
        with socket.create_connection((LOOPBACK, port), PATIENCE) as connection:
            connection.sendall(HELLO)
            assert connection.recv(1) == b"w"
            unit.wait_until(lambda: unit.status.endswith(", 1 relay"))
            assert unit.status.startswith("reload refused: ")
            assert unit.reload(good)[-1] == {"READY": "1", "STATUS": "0 routes, 1 of 1 server up, 1 relay"}
            os.kill(unit.main, signal.SIGTERM)
            unit.wait_until(lambda: "STOPPING" in unit.messages[-1])
            assert unit.status == "waiting for 1 connection"
            assert int(unit.messages[-1]["EXTEND_TIMEOUT_USEC"]) > 60_000_000
        assert unit.process is not None
        unit.process.wait(PATIENCE)
        assert "Traceback" not in unit.log


def test_an_end_without_grace_is_told_too(tmp_path: Path, behind: int) -> None:
    """And nothing after it."""
    with StandIn(tmp_path, site(behind, f"{LOOPBACK}:{unused_port()}")) as unit:
        unit.stop()
        unit.start()
        stops = [index for index, said in enumerate(unit.messages) if "STOPPING" in said]
        assert len(stops) == 1
        assert unit.messages[stops[0]]["STATUS"] == "ending"
        assert "FDSTORE" in unit.messages[stops[0] + 1]


# Nobody is refused ---------------------------------------------------------------------------------------------------


def load(unit: StandIn, port: int, meanwhile: Callable[[], object], title: str) -> Newcomers:
    """Clients come all the time, from before it until after it."""
    clients = Newcomers(port, HELLO, NAME)

    def play() -> None:
        for _ in range(3):
            # Some are served in the old state, and some in the new.
            before = len(clients.served)
            unit.wait_until(lambda: len(clients.served) > before + 5)  # noqa: B023 - called at once
            if before == 0:
                meanwhile()

    asyncio.run(clients.come(RATE, play))
    print(f"\n{title}: {clients.figures()}")  # noqa: T201
    assert max(clients.served) < PATIENCE
    assert "Traceback" not in unit.log
    return clients


def test_a_restart_refuses_nobody(tmp_path: Path, behind: int) -> None:
    """Twice: with a grace, not even one that is under way is cut."""
    port = unused_port()
    with StandIn(tmp_path, site(behind, f"{LOOPBACK}:{port}"), "--grace", "5s") as unit:

        def twice() -> None:
            unit.restart()
            unit.restart()

        clients = load(unit, port, twice, "two restarts")
        assert (clients.refused, clients.cut) == (0, [])
        assert unit.kept == [f"pumpproxy-{LOOPBACK},{port}"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_end_without_grace_refuses_nobody(tmp_path: Path, behind: int, number: signal.Signals) -> None:
    """Only who was just being served is cut: who waits in the backlog is the successor's."""
    port = unused_port()
    with StandIn(tmp_path, site(behind, f"*:{port}")) as unit:
        clients = load(unit, port, lambda: unit.restart(number), number.name)
        assert clients.refused == 0
        assert len(clients.cut) < len(clients.served) / 4


def test_a_process_that_stands_still_is_noticed_and_refuses_nobody(tmp_path: Path, behind: int) -> None:
    """Signs of life come from the reactor; without them it is killed, and who waited meanwhile is served."""
    port = unused_port()
    environ = {"WATCHDOG_USEC": str(int(WATCHDOG * 1_000_000))}
    with StandIn(tmp_path, site(behind, f"{LOOPBACK}:{port}"), environ=environ) as unit:

        def strike() -> None:
            os.kill(unit.main, signal.SIGSTOP)
            unit.wait_for_silence(WATCHDOG)
            unit.restart(signal.SIGKILL)

        clients = load(unit, port, strike, "watchdog")
        assert clients.refused == 0
        assert len(clients.cut) < len(clients.served) / 4


def test_who_waits_in_the_backlog_is_left_to_the_successor(tmp_path: Path, behind: int) -> None:
    """Without room for more than one client, others wait for it; they are not reset at the end, grace or none."""
    port = unused_port()
    limited = f"[global]\nmaxconn = 1\n{site(behind, f'{LOOPBACK}:{port}')}"
    for grace in ("0s", "1s"):
        folder = tmp_path / grace
        folder.mkdir()
        with contextlib.ExitStack() as stack, StandIn(folder, limited, "--grace", grace) as unit:
            silent = stack.enter_context(socket.create_connection((LOOPBACK, port)))
            silent.sendall(HELLO[:20])
            unit.wait_until(lambda: b" 01 " in status_of(port))
            waiting = [stack.enter_context(socket.create_connection((LOOPBACK, port))) for _ in range(5)]
            for connection in waiting:
                connection.settimeout(PATIENCE)
                connection.sendall(HELLO)
            unit.restart()
            for connection in waiting:
                assert connection.recv(100) == NAME
                connection.close()


def status_of(port: int) -> bytes:
    """The kernel's lines of this port."""
    with open("/proc/net/tcp", "rb") as table:  # noqa: PTH123 - no file
        return b"\n".join(line for line in table if b":%04X" % port in line)


# Which sockets are kept ----------------------------------------------------------------------------------------------


def test_the_store_follows_a_reload(tmp_path: Path, behind: int) -> None:
    """An address that comes is kept, one that goes is not, and is closed for all; a restart finds what is left."""
    stays, goes, comes = unused_port(), unused_port(), unused_port()
    with StandIn(tmp_path, site(behind, f"{LOOPBACK}:{stays}", f"{LOOPBACK}:{goes}")) as unit:
        assert unit.kept == sorted(f"pumpproxy-{LOOPBACK},{port}" for port in (stays, goes))
        unit.reload(site(behind, f"{LOOPBACK}:{stays}", f"{LOOPBACK}:{comes}"))
        # At once, and not only when the store has followed.
        assert refuses(goes)
        unit.wait_until(lambda: unit.kept == sorted(f"pumpproxy-{LOOPBACK},{port}" for port in (stays, comes)))
        unit.restart()
        assert [ask((LOOPBACK, port)) for port in (stays, comes)] == [NAME] * 2
        assert unit.log.count("no bind wants") == 0


def test_a_refused_reload_leaves_the_store_as_it_was(tmp_path: Path, behind: int) -> None:
    """One address could be opened, another not."""
    port, free = unused_port(), unused_port()
    with StandIn(tmp_path, site(behind, f"{LOOPBACK}:{port}")) as unit:
        said = unit.reload(site(behind, *(f"{LOOPBACK}:{one}" for one in (port, free, behind))))
        assert f"cannot listen on {LOOPBACK}:{behind}" in said[-1]["STATUS"]
        assert unit.kept == [f"pumpproxy-{LOOPBACK},{port}"]
        assert refuses(free)


def test_what_no_bind_wants_any_more_is_let_go(tmp_path: Path, behind: int) -> None:
    """The file was changed while it was down: also to an address that the kept one would hinder."""
    port, gone = unused_port(), unused_port()
    star = "*" if has_ipv6() else "0.0.0.0"  # noqa: S104
    with StandIn(tmp_path, site(behind, f"{star}:{port}", f"{LOOPBACK}:{gone}")) as unit:
        unit.stop()
        unit.path.write_text(site(behind, f"{LOOPBACK}:{port}"))
        unit.start()
        assert ask((LOOPBACK, port)) == NAME
        assert refuses(gone)
        unit.wait_until(lambda: unit.kept == [f"pumpproxy-{LOOPBACK},{port}"])
        assert unit.log.count("no bind wants") == 2


@pytest.mark.skipif(not has_ipv6(), reason="machine: no IPv6")
def test_families_are_told_apart(tmp_path: Path, behind: int) -> None:
    """Both families on one port, each by its own socket, over a restart; then one socket for both."""
    port = unused_port()
    with StandIn(tmp_path, site(behind, f"0.0.0.0:{port}", f"[::]:{port}")) as unit:
        unit.restart()
        assert len(unit.kept) == 2
        assert ask((LOOPBACK, port)) == NAME
        unit.stop()
        unit.path.write_text(site(behind, f"*:{port}"))
        unit.start()
        assert ask((LOOPBACK, port)) == NAME
        unit.wait_until(lambda: unit.kept == [f"pumpproxy-*,{port}"])


def test_a_unix_socket_lives_on_with_its_path(tmp_path: Path, behind: int) -> None:
    """Also who connected while nobody was there; without the path it is opened anew."""
    path = tmp_path / "front.sock"
    with StandIn(tmp_path, site(behind, f"unix:{path}")) as unit:
        unit.stop()
        with socket.socket(socket.AF_UNIX) as waiting:
            waiting.settimeout(PATIENCE)
            waiting.connect(str(path))
            waiting.sendall(HELLO)
            unit.start()
            assert waiting.recv(100) == NAME
        assert ask(str(path)) == NAME
        unit.stop()
        path.unlink()
        unit.start()
        assert ask(str(path)) == NAME
        unit.wait_until(lambda: len(unit.kept) == 1)
        unit.reload(site(behind, f"{LOOPBACK}:{unused_port()}"))
        assert not path.exists()


def test_sockets_of_a_unit_are_not_kept(tmp_path: Path, behind: int) -> None:
    """By name or by address: they are systemd's, also where a reload takes them away."""
    port = unused_port()
    with socket.create_server((LOOPBACK, 0)) as named, socket.create_server((LOOPBACK, 0)) as found:
        binds = "systemd:tls", f"{LOOPBACK}:{found.getsockname()[1]}"
        with StandIn(tmp_path, site(behind, f"{LOOPBACK}:{port}")) as unit:
            unit.stop()
            unit.path.write_text(site(behind, *binds))
            unit.start(given=(("tls", named.fileno()), ("pumpproxy-tls.socket", found.fileno())))
            assert [ask(sock.getsockname()) for sock in (named, found)] == [NAME] * 2
            unit.wait_until(lambda: unit.kept == [])
            unit.reload(site(behind, f"{LOOPBACK}:{port}"))
            # Nobody else accepts here, but both still listen.
            assert [refuses(sock.getsockname()[1]) for sock in (named, found)] == [False, False]


# An environment that is wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "environ",
    [
        {"LISTEN_FDS": "x"},
        {"LISTEN_FDS": "-1", "LISTEN_FDNAMES": "pumpproxy-*,443"},
        {"LISTEN_FDS": "30", "LISTEN_FDNAMES": ":".join(["pumpproxy-*,443"] * 30)},
        {"LISTEN_FDS": "2", "LISTEN_FDNAMES": ":::::"},
        {"LISTEN_FDS": "1", "LISTEN_PID": "1"},
        {"LISTEN_FDNAMES": "\udcff\udcfe"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": ""},
    ],
    ids=str,
)
def test_a_wrong_environment_does_not_stop_it(tmp_path: Path, behind: int, environ: dict[str, str]) -> None:
    """It starts, and serves."""
    port = unused_port()
    with StandIn(tmp_path, site(behind, f"{LOOPBACK}:{port}"), environ=environ) as unit:
        assert ask((LOOPBACK, port)) == NAME
        assert "Traceback" not in unit.log


def test_descriptors_that_are_no_sockets_do_not_stop_it(tmp_path: Path, behind: int) -> None:
    """Under any name, ours too: a pipe, a file, datagrams, a socket that only is bound."""
    port = unused_port()
    reading, writing = os.pipe()
    with (
        StandIn(tmp_path, site(behind, f"{LOOPBACK}:{port}")) as unit,
        socket.socket(type=socket.SOCK_DGRAM) as datagrams,
        socket.socket() as bound,
        unit.path.open() as file,
    ):
        bound.bind((LOOPBACK, 0))
        unit.stop()
        descriptors = (reading, file.fileno(), datagrams.fileno(), bound.fileno())
        unit.start(given=tuple((f"pumpproxy-{LOOPBACK},{port}", one) for one in descriptors))
        assert ask((LOOPBACK, port)) == NAME
        unit.restart()
        assert ask((LOOPBACK, port)) == NAME
        assert "Traceback" not in unit.log
    os.close(reading)
    os.close(writing)


def test_a_supervisor_that_is_gone_does_not_stop_it(tmp_path: Path, behind: int) -> None:
    """Messages are lost, nothing else is."""
    port = unused_port()
    with StandIn(tmp_path, site(behind, f"{LOOPBACK}:{port}")) as unit:
        (tmp_path / "notify").unlink()
        assert ask((LOOPBACK, port)) == NAME
        unit.stop()
        assert "Traceback" not in unit.log

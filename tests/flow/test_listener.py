"""One listening socket, accepting as long as there is room."""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, cast

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from pumpproxy.flow.listener import BATCH, DEFERRED, HINDERED_PAUSE, Listener
from pumpproxy.flow.sockets import open_sockets
from pumpproxy.flow.stream import StreamProtocol
from pumpproxy.model import Action, Mode, TcpAddress, UnixAddress
from tests.fakes import LOOPBACK, environment, tls_config
from tests.flow.exhausted import Greeter, in_a_process
from tests.flow.peers import Proxied, Unasked, has_ipv6, pause
from tests.flow.reactors import Reading
from tests.logs import logged

if TYPE_CHECKING:
    from pathlib import Path

    from pumpproxy.flow.environment import Environment
    from pumpproxy.model import BindAddress
    from pumpproxy.policy.records import ClientAddress
    from pumpproxy.policy.runtime import FrontendState

BIND = TcpAddress(LOOPBACK, 443)
EMFILE = OSError(errno.EMFILE, os.strerror(errno.EMFILE))


class Client(StreamProtocol, Unasked):
    """A connection that counts while it is there; `clients` has all that are."""

    def __init__(self, shared: Environment, frontend: FrontendState, client: ClientAddress, all_: list[Client]) -> None:
        self._shared = shared
        self._frontend = frontend
        self._all = all_
        self.client = client

    def connectionMade(self) -> None:
        """Count."""
        self._shared.opened(self, self._frontend)
        self._all.append(self)

    def connectionLost(self, _reason: Failure = connectionDone) -> None:
        """Count no more."""
        self._all.remove(self)
        self._shared.closed(self, self._frontend)


class Backlog:
    """A listening socket whose `accept` gives what stands in `queue`: an error, or `None` for a connection."""

    def __init__(self, *queue: OSError | None) -> None:
        self.queue = list(queue)
        self.others: list[socket.socket] = []
        self.family = socket.AF_INET
        self.options: dict[int, int] = {}
        self.closed = False

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        """The next."""
        if not self.queue:
            raise BlockingIOError(errno.EAGAIN, "nobody")
        found = self.queue.pop(0)
        if found is not None:
            raise found
        ours, theirs = socket.socketpair()
        self.others.append(theirs)
        # Only its family tells the listener what it is.
        return cast("socket.socket", _AsTcp(ours)), ("192.0.2.1", 1000 + len(self.others))

    def getsockname(self) -> tuple[str, int]:
        """Where clients come to."""
        return BIND.host, BIND.port

    def setsockopt(self, _level: int, option: int, value: int) -> None:
        """Keep it."""
        self.options[option] = value

    def fileno(self) -> int:
        """None once it is closed."""
        return -1 if self.closed else 99

    def close(self) -> None:
        """The listener's last word."""
        self.closed = True


class _AsTcp:
    """A socket that says it is a TCP one."""

    family = socket.AF_INET

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)


class Listening:
    """A started listener before a backlog."""

    def __init__(self, *queue: OSError | None, limit: int = 1000, maxconn: int | None = None) -> None:
        self.reactor = Reading()
        self.backlog = Backlog(*queue)
        self.clients: list[Client] = []
        self.environment, _ = environment(tls_config(1, maxconn=maxconn), self.reactor, limit=limit)
        self.frontend = self.environment.runtime.frontends["f"]
        self.listener = Listener(
            self.environment,
            BIND,
            cast("socket.socket", self.backlog),
            self.frontend,
            lambda shared, frontend, client, _port: Client(shared, frontend, client, self.clients),
        )
        self.listener.start()

    @property
    def reading(self) -> bool:
        """Whether the reactor would call it."""
        return self.listener in self.reactor.readers

    def turn(self) -> None:
        """The reactor calls it, if it would, as long as somebody waits."""
        for _ in range(len(self.backlog.queue) + 1):
            if self.reading:
                self.listener.doRead()

    def leaves(self) -> None:
        """One client goes."""
        self.clients[0].connectionLost()


# Room ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "maxconn"), [(3, None), (1000, 3), (3, 1000)])
def test_maxconn_holds_exactly(limit: int, maxconn: int | None) -> None:
    """The others wait in the backlog, and one is taken for each that goes; nobody is closed."""
    listening = Listening(*[None] * 10, limit=limit, maxconn=maxconn)
    listening.turn()
    assert (len(listening.clients), len(listening.backlog.queue)) == (3, 7)
    assert not listening.reading
    for left in range(6, -1, -1):
        listening.leaves()
        assert listening.reading
        listening.turn()
        assert (len(listening.clients), len(listening.backlog.queue)) == (3, left)
    assert listening.listener.accepted == 10


def test_without_room_it_does_not_start_to_read() -> None:
    """And begins as soon as there is some."""
    listening = Listening(limit=1)
    other = Listener(
        listening.environment, BIND, cast("socket.socket", Backlog()), listening.frontend, lambda *_: StreamProtocol()
    )
    listening.backlog.queue.append(None)
    listening.turn()
    other.start()
    assert other not in listening.reactor.readers
    listening.leaves()
    assert other in listening.reactor.readers


def test_a_reload_that_makes_room_is_followed() -> None:
    """`resume` is called after it; also where it changes nothing."""
    listening = Listening(None, None, None, maxconn=1)
    listening.turn()
    assert len(listening.clients) == 1
    config = listening.environment.runtime.config
    frontends = (replace(config.frontends[0], maxconn=2),)
    listening.environment.runtime.reload(replace(config, frontends=frontends), 1000)
    listening.listener.resume()
    listening.listener.resume()
    listening.turn()
    assert len(listening.clients) == 2


def test_running_connections_get_their_turn() -> None:
    """A full backlog is served in batches."""
    listening = Listening(*[None] * (BATCH + 5))
    listening.listener.doRead()
    assert len(listening.clients) == BATCH
    assert listening.reading
    listening.listener.doRead()
    assert len(listening.clients) == BATCH + 5


# Errors -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EINVAL])
def test_what_cannot_be_accepted_is_tried_again_and_said_once(number: int) -> None:
    """After a second; nothing spins meanwhile, and nobody in the backlog is lost."""
    problem = OSError(number, os.strerror(number))
    listening = Listening(None, *[problem] * 3, None, None)
    with logged() as lines:
        listening.turn()
        for _ in range(3):
            assert not listening.reading
            assert len(listening.clients) == 1
            listening.reactor.advance(HINDERED_PAUSE)
            listening.turn()
    assert len(listening.clients) == 3
    assert listening.reading
    said = f"warn: 127.0.0.1:443: cannot accept ({os.strerror(number)}): connections wait until it is possible again"
    assert lines == [said, "info: 127.0.0.1:443: accepting again"]
    assert listening.reactor.getDelayedCalls() == []


def test_one_that_takes_the_place_of_another_is_not_worth_a_line() -> None:
    """As long as descriptors suffice for no more than that, it is hindered still."""
    listening = Listening(None, EMFILE, *[None, EMFILE] * 5)
    with logged() as lines:
        listening.turn()
        for _ in range(5):
            listening.leaves()
            listening.turn()
        assert len(lines) == 1
        listening.leaves()
        listening.turn()
    assert [line.split(" ")[0] for line in lines] == ["warn:", "info:"]


def test_a_connection_that_ends_is_tried_for_at_once() -> None:
    """Its descriptors are back."""
    listening = Listening(None, EMFILE, None)
    listening.turn()
    assert not listening.reading
    listening.leaves()
    assert listening.reading
    assert listening.reactor.getDelayedCalls() == []
    listening.turn()
    assert len(listening.clients) == 1


@pytest.mark.parametrize("number", [errno.ECONNABORTED, errno.EPERM, errno.EPROTO, errno.ENETUNREACH, errno.EHOSTDOWN])
def test_a_connection_that_is_gone_already_is_passed_over(number: int) -> None:
    """accept(2): go on with the next."""
    listening = Listening(None, OSError(number, "gone"), None)
    with logged() as lines:
        listening.listener.doRead()
    assert len(listening.clients) == 2
    assert listening.reading
    assert lines == []


def test_a_defect_of_one_connection_does_not_stop_the_listener() -> None:
    """The reactor takes away a reader that raised; the listener comes back, and what it broke is closed."""
    listening = Listening(None, None)
    frontend = listening.frontend
    broken = frontend.accepted
    real, fail = Client.connectionMade, [True]

    class Failing(Client):
        def connectionMade(self) -> None:
            """The first one fails, half-way."""
            real(self)
            if fail.pop() if fail else False:
                raise ZeroDivisionError

    listening.listener._build = lambda shared, front, client, _: Failing(shared, front, client, listening.clients)
    with pytest.raises(ZeroDivisionError) as caught:
        listening.listener.doRead()
    listening.reactor.removeReader(listening.listener)
    listening.listener.connectionLost(Failure(caught.value))
    assert not listening.reading
    listening.reactor.advance(0)
    assert listening.reading
    assert listening.clients == []
    listening.turn()
    assert len(listening.clients) == 1
    assert frontend.accepted == broken + 2


def test_the_end_of_the_reactor_is_the_end() -> None:
    """It tells every reader so."""
    listening = Listening()
    listening.reactor.removeReader(listening.listener)
    listening.listener.connectionLost(Failure(ConnectionLost()))
    assert listening.reactor.getDelayedCalls() == []
    assert not listening.reading


# The end ------------------------------------------------------------------------------------------------------------


def test_closing_serves_who_waits() -> None:
    """Whatever `maxconn` says: their connection was there before the listener was taken away."""
    listening = Listening(*[None] * 5, limit=2)
    listening.turn()
    assert len(listening.clients) == 2
    listening.listener.close(drain=True)
    assert len(listening.clients) == 5
    assert listening.backlog.closed
    assert not listening.reading


def test_closing_without_grace_serves_nobody() -> None:
    """Who waits is reset by the kernel."""
    listening = Listening(None)
    listening.listener.close(drain=False)
    assert listening.clients == []
    assert listening.backlog.closed


@pytest.mark.parametrize("drain", [True, False])
def test_a_closed_listener_is_not_heard_of_again(drain: bool) -> None:  # noqa: FBT001 - a table's column
    """Neither when there is room, nor when descriptors are back."""
    listening = Listening(None, EMFILE, *[EMFILE] * drain, limit=1)
    listening.turn()
    if not drain:
        listening.listener._wait_a_while(EMFILE)
    listening.listener.close(drain=drain)
    assert listening.reactor.getDelayedCalls() == []
    assert listening.environment.waiting == set()
    listening.listener.resume()
    assert not listening.reading


def test_it_is_shown_by_its_address() -> None:
    """In the reactor's log, and in the names of its connections."""
    listening = Listening(None)
    listening.turn()
    assert listening.listener.logPrefix() == "127.0.0.1:443"
    assert listening.listener.fileno() == 99
    assert repr(listening.clients[0].transport) == "<Client #1 on 127.0.0.1:443>"


# Real sockets -------------------------------------------------------------------------------------------------------


def greeted(connection: socket.socket) -> tuple[str, tuple[str, int]]:
    """What it says, and our own address."""
    own = connection.getsockname()
    return connection.recv(1000).decode(), own


def really(bind: BindAddress) -> tuple[Listener, socket.socket]:
    """A listener that greets."""
    shared, _ = environment(tls_config(1), reactor)
    (sock,) = open_sockets(bind)
    listener = Listener(shared, bind, sock, shared.runtime.frontends["f"], Greeter)
    listener.start()
    return listener, sock


@pytest_twisted.ensureDeferred
async def test_a_client_is_known_by_its_address() -> None:
    """And its port, and by the port that it came to."""
    proxied = Proxied(tls_config(1), Greeter)
    said, own = await proxied.client(greeted)
    assert said == f"{own[0]} {own[1]} {proxied.port}"
    await proxied.quiet()


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, LOOPBACK), (socket.AF_INET6, "::1")])
@pytest_twisted.ensureDeferred
async def test_a_mapped_address_is_an_ipv4_address(family: socket.AddressFamily, host: str) -> None:
    """On `*`, where both families share a socket."""
    if family == socket.AF_INET6 and not has_ipv6():
        pytest.skip("machine: no IPv6")
    listener, sock = really(TcpAddress("*", 0))
    with socket.socket(family) as client:
        client.setblocking(False)
        port = sock.getsockname()[1]
        client.connect_ex((host, port))
        client.send(b"hello")  # the kernel keeps a silent client to itself
        await pause(0.05)
        assert greeted(client)[0] == f"{host} {client.getsockname()[1]} {port}"
    listener.close(drain=False)


@pytest.mark.skipif(not hasattr(socket, "TCP_DEFER_ACCEPT"), reason="machine: no TCP_DEFER_ACCEPT")
@pytest.mark.parametrize(
    ("frontend", "seconds"),
    [
        ({}, DEFERRED),
        ({"silent": Action.REJECT}, 0),
        ({"silent": "b"}, 0),
        ({"accept_proxy": (ip_network("10.0.0.0/8"),)}, DEFERRED),
        ({"mode": Mode.TCP}, 0),
        ({"mode": Mode.HTTP}, 0),
    ],
)
def test_a_silent_client_is_the_kernels_where_it_is_dropped_anyway(frontend: dict[str, Any], seconds: int) -> None:
    """Whoever may hear its server first, or is answered though it says nothing, is accepted at once; also later on."""
    listening = Listening()
    state = listening.frontend
    declared = state.declared
    state.declare(replace(declared, **frontend), state.pools)
    listening.listener.serve(state)
    assert listening.backlog.options[socket.TCP_DEFER_ACCEPT] == seconds
    state.declare(declared, state.pools)
    listening.listener.serve(state)
    assert listening.backlog.options[socket.TCP_DEFER_ACCEPT] == DEFERRED


@pytest_twisted.ensureDeferred
async def test_a_client_on_a_unix_socket(tmp_path: Path) -> None:
    """Has no address, and came to no port; `unix` and 0 stand for it."""
    path = tmp_path / "front.sock"
    listener, _ = really(UnixAddress(str(path)))
    with socket.socket(socket.AF_UNIX) as client:
        client.setblocking(False)
        client.connect(str(path))
        await pause(0.05)
        assert greeted(client)[0] == "unix 0 None"
    listener.close(drain=False)
    assert not path.exists()


def test_real_descriptors_run_out_and_come_back(tmp_path: Path) -> None:
    """Who came meanwhile is served then; it is said once, and once when it is over."""
    found = in_a_process(tmp_path)
    assert (found["accepted meanwhile"], found["greeted"]) == (0, True)
    assert found["lines"] == ["warn:", "info:"]

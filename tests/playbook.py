"""An exchange on an http frontend, told as a conversation: `>>` a fact, `<<` the step that follows.

A fact may only be told when all steps of the one before were named; `done()` sees to the last ones.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumpproxy.model import (
    Backend,
    Config,
    ConnectionMode,
    ExactHost,
    ForwardFor,
    Frontend,
    Mode,
    Route,
    Server,
    TcpAddress,
)
from pumpproxy.policy.exchange import Exchange
from pumpproxy.policy.httpsteps import Ended, FinishClient
from pumpproxy.policy.records import ClientAddress
from pumpproxy.policy.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pumpproxy.model import Target
    from pumpproxy.policy.attempts import ConnectFailure
    from pumpproxy.policy.httpsteps import HttpStep
    from pumpproxy.policy.outcome import Outcome, Phase
    from pumpproxy.policy.records import RequestRecord
    from pumpproxy.policy.request import Ending

    Fact = Callable[["Playbook"], Sequence[HttpStep]]

CLIENT = ClientAddress("192.0.2.7", 51234)
EPOCH = 1_700_000_000.0
GET = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
"""What the client asks where it does not matter."""
SENT = b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
"""What the server then gets."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
"""An answer that passes as it is."""


def site(*, routes: dict[str, Target] | None = None, backend: Backend | None = None, **frontend: object) -> Config:
    """One http frontend `f`: a.example goes to backend `a`, b.example to `b`, and all else to `a`.

    Servers' connections are not kept, if nothing else is said.
    """
    targets: dict[str, Target] = {"a.example": "a", "b.example": "b"} if routes is None else routes
    lines = []
    for place, target in targets.items():
        name, slash, path = place.partition("/")
        lines.append(Route(ExactHost(name), slash + path, None, target))
    fields: dict[str, object] = {"default_backend": "a", "connection": ConnectionMode.SERVER_CLOSE, **frontend}
    declared = Frontend("f", Mode.HTTP, (TcpAddress("127.0.0.1", 80),), tuple(lines), **fields)  # type: ignore[arg-type]
    a = backend or Backend("a", Mode.HTTP, servers=(Server("a1", TcpAddress("127.0.0.1", 8001)),))
    b = Backend("b", Mode.HTTP, servers=(Server("b1", TcpAddress("127.0.0.1", 8002)),), forwardfor=ForwardFor())
    return Config((declared,), (a, b))


class Playbook:
    """One connection, at time 0 accepted."""

    def __init__(self, config: Config | None = None, client: ClientAddress = CLIENT) -> None:
        self.runtime = Runtime(config or site(), 100)
        self.frontend = self.runtime.frontends["f"]
        self.runtime.accepted(self.frontend)
        self.now = 0.0
        self.exchange = Exchange(self.runtime, self.frontend, client, self.now, EPOCH)
        self.steps: deque[HttpStep] = deque()
        self.records: list[RequestRecord] = []

    def __rshift__(self, fact: Fact) -> Playbook:
        assert not self.steps, f"nobody named {list(self.steps)}"
        self.steps += fact(self)
        return self

    def __lshift__(self, expected: HttpStep | Like) -> Playbook:
        assert self.steps, f"no step, where {expected} was expected"
        step = self.steps.popleft()
        if isinstance(step, Ended):
            self.records.append(step.record)
        if isinstance(expected, Like):
            assert expected.fits(step), f"{step} is not {expected.what}"
        else:
            assert step == expected
        return self

    def done(self) -> Playbook:
        """Nothing else follows."""
        assert not self.steps, f"nobody named {list(self.steps)}"
        return self

    @property
    def record(self) -> RequestRecord:
        """The latest."""
        return self.records[-1]

    def idle(self) -> bool:
        """Whether no server and no backend has a connection."""
        pools = self.runtime.pools.values()
        return not any(pool.connections or any(s.connections for s in pool.servers.values()) for pool in pools)


# Steps that are named by what matters of them ----------------------------------------------------------------------


@dataclass(frozen=True)
class Like:
    """Any step for which `fits` holds."""

    what: str
    fits: Callable[[HttpStep], bool]


def connect(server: str, after: float = 0.0, idle: float = 0.0) -> Like:
    """Connect to the server of that name, after so many seconds; by a kept connection if it was idle for less."""

    def fits(step: HttpStep) -> bool:
        # A session's step is another one, and knows no kept connections.
        attempt = getattr(step, "attempt", None)
        found = getattr(step, "idle", 0.0)
        return attempt is not None and (attempt.server.name, attempt.after, found) == (server, after, idle)

    return Like(f"connect to {server} after {after}, idle for {idle}", fits)


def answer(status: int) -> Like:
    """A page of ours with that status, and the end of the connection."""
    start = b"HTTP/1.1 %d " % status

    def fits(step: HttpStep) -> bool:
        return (
            isinstance(step, FinishClient)
            and step.reply.startswith(start)
            and b"\r\nConnection: close\r\n" in step.reply
        )

    return Like(f"a final {status}", fits)


def ended(outcome: Outcome, phase: Phase | None = None, status: int | None = None) -> Like:
    """The end of a request."""

    def fits(step: HttpStep) -> bool:
        return (
            isinstance(step, Ended)
            and step.record.outcome is outcome
            and (phase is None or step.record.phase is phase)
            and (status is None or step.record.status == status)
        )

    return Like(f"the end as {outcome}, {phase}, {status}", fits)


SILENCE = FinishClient(b"")
"""The connection ends without a word."""


# Facts -------------------------------------------------------------------------------------------------------------


def client(data: bytes) -> Fact:
    """The client sends that."""
    return lambda play: play.exchange.client_received(data, play.now)


def server(data: bytes) -> Fact:
    """The server sends that."""
    return lambda play: play.exchange.server_received(data, play.now)


def failed(failure: ConnectFailure) -> Fact:
    """The attempt fails."""
    return lambda play: play.exchange.connect_failed(failure, play.now)


def wait(seconds: float) -> Fact:
    """Time passes, and a deadline if there is one in it."""

    def fact(play: Playbook) -> Sequence[HttpStep]:
        play.now += seconds
        return play.exchange.deadline_passed(play.now)

    return fact


def tunnel_over(bytes_in: int, bytes_out: int, ending: Ending) -> Fact:
    """The tunnel ends."""
    return lambda play: play.exchange.tunnel_ended(bytes_in, bytes_out, ending, play.now)


def connected(play: Playbook) -> Sequence[HttpStep]:
    """The attempt comes about."""
    return play.exchange.connected(play.now)


def reached(play: Playbook) -> Sequence[HttpStep]:
    """A kept connection is there."""
    return play.exchange.connected(play.now, reused=True)


def client_fin(play: Playbook) -> Sequence[HttpStep]:
    """The client closes its half."""
    return play.exchange.client_finished(play.now)


def client_gone(play: Playbook) -> Sequence[HttpStep]:
    """The client resets."""
    return play.exchange.client_lost(play.now)


def client_full(play: Playbook) -> Sequence[HttpStep]:
    """The client takes too little."""
    return play.exchange.client_full(play.now)


def client_ready(play: Playbook) -> Sequence[HttpStep]:
    """The client took everything."""
    return play.exchange.client_ready(play.now)


def drained(play: Playbook) -> Sequence[HttpStep]:
    """The client has the whole answer."""
    return play.exchange.client_drained(play.now)


def server_fin(play: Playbook) -> Sequence[HttpStep]:
    """The server closes its half."""
    return play.exchange.server_finished(play.now)


def server_gone(play: Playbook) -> Sequence[HttpStep]:
    """The server resets."""
    return play.exchange.server_lost(play.now)


def server_full(play: Playbook) -> Sequence[HttpStep]:
    """The server takes too little."""
    return play.exchange.server_full(play.now)


def server_ready(play: Playbook) -> Sequence[HttpStep]:
    """The server took everything."""
    return play.exchange.server_ready(play.now)


def finish_up(play: Playbook) -> Sequence[HttpStep]:
    """The service is to end soon."""
    return play.exchange.finish_up(play.now)


def shut_down(play: Playbook) -> Sequence[HttpStep]:
    """The service ends."""
    return play.exchange.shut_down(play.now)


def server_went_down(play: Playbook) -> Sequence[HttpStep]:
    """The server that has the request is DOWN, and `on-down = close`."""
    return play.exchange.server_went_down(play.now)

"""A client, an exchange and servers without sockets: what everybody got is kept.

The servers and the client read with h11, which shares no code with ours: what it refuses should not have been sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import h11

from pumpproxy.policy import httpsteps
from pumpproxy.policy.exchange import Exchange
from pumpproxy.policy.runtime import Runtime
from tests.playbook import CLIENT, EPOCH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pumpproxy.model import Config
    from pumpproxy.policy.httpsteps import HttpStep
    from pumpproxy.policy.records import ClientAddress, RequestRecord
    from pumpproxy.policy.serverstate import ServerState


@dataclass
class ServerSide:
    """One connection to a server: what it got, and what it will say."""

    name: str
    data: bytearray = field(default_factory=bytearray)
    requests: list[h11.Request] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    whole: bool = False
    """The request came to its end, and nothing came behind it."""
    paused: bool = False
    reset: bool = False
    left: bool = False
    _reader: h11.Connection = field(default_factory=lambda: h11.Connection(h11.SERVER))

    def receive(self, data: bytes) -> None:
        """Read on. Raises h11.RemoteProtocolError for what nobody should be sent."""
        self.data += data
        # One request at a time: whatever follows it was smuggled.
        assert not self.whole, data
        self._reader.receive_data(data)
        while True:
            event = self._reader.next_event()
            if isinstance(event, h11.Request):
                self.requests.append(event)
            elif isinstance(event, h11.Data):
                self.body += event.data
            elif isinstance(event, h11.EndOfMessage):
                self.whole = True
                assert not self._reader.trailing_data[0]
                return
            else:
                return

    def answered(self) -> None:
        """The answer is whole: another request may come."""
        assert self.whole
        self._reader.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
        self._reader.send(h11.EndOfMessage())
        self._reader.start_next_cycle()
        self.whole = False


class World:
    """One client's connection; `got` is what it received."""

    def __init__(self, config: Config, client: ClientAddress = CLIENT) -> None:
        self.runtime = Runtime(config, 100)
        frontend = self.runtime.frontends["f"]
        self.runtime.accepted(frontend)
        self.now = 0.0
        self.exchange = Exchange(self.runtime, frontend, client, self.now, EPOCH)
        self.got = bytearray()
        self.servers: list[ServerSide] = []
        self.server: ServerSide | None = None
        self.attempt: httpsteps.Reach | None = None
        self.woken = False
        """Its waiting in a queue is over, and it has not heard of it."""
        self.kept: dict[ServerState, list[ServerSide]] = {}
        self.tunnel: httpsteps.StartTunnel | None = None
        self.records: list[RequestRecord] = []
        self.hauls: list[httpsteps.HaulDown | httpsteps.HaulUp] = []
        """What may pass unread; it is read all the same."""
        self.client_paused = False
        self.draining = False
        self.finished = False
        """The client got our FIN."""
        self.reset = False
        self.gone = False

    @property
    def over(self) -> bool:
        """Whether the client's connection has come to its end."""
        return self.finished or self.reset or self.gone

    def tell(self, fact: Callable[..., Sequence[HttpStep]], *arguments: object) -> None:
        """Tell a fact, and do what follows."""
        for step in fact(*arguments, self.now):
            self._do(step)

    def _do(self, step: HttpStep) -> None:
        if self.over and not isinstance(step, httpsteps.Ended | httpsteps.ResetServer):
            msg = f"{step} after the end"
            raise AssertionError(msg)
        match step:
            case httpsteps.Reach():
                assert self.attempt is None
                assert self.server is None
                self.attempt = step
            case httpsteps.KeepServer():
                assert self.server is not None
                self.server.answered()
                self.kept.setdefault(self.reached, []).append(self.server)
                self.server = None
            case httpsteps.AwaitServer(ticket):
                assert self.attempt is None
                assert self.server is None
                ticket.wake = self._wake
            case httpsteps.SendServer(data):
                assert self.server is not None
                self.server.receive(data)
            case httpsteps.LeaveServer():
                assert self.server is not None
                self.server.left = True
                self.server = None
            case httpsteps.ResetServer():
                assert self.server is not None or self.attempt is not None
                if self.server is not None:
                    self.server.reset = True
                self.server = self.attempt = None
            case httpsteps.PauseServer():
                assert self.server is not None
                assert not self.server.paused
                self.server.paused = True
            case httpsteps.ResumeServer():
                assert self.server is not None
                assert self.server.paused
                self.server.paused = False
            case _:
                self._do_to_client(step)

    def _do_to_client(self, step: HttpStep) -> None:
        match step:
            case httpsteps.SendClient(data):
                self.got += data
            case httpsteps.PauseClient():
                assert not self.client_paused
                self.client_paused = True
            case httpsteps.ResumeClient():
                assert self.client_paused
                self.client_paused = False
            case httpsteps.HaulDown() | httpsteps.HaulUp():
                self.hauls.append(step)
            case httpsteps.DrainClient():
                assert not self.draining
                self.draining = True
            case httpsteps.FinishClient(reply):
                self.got += reply
                self.finished = True
            case httpsteps.ResetClient():
                self.reset = True
            case httpsteps.StartTunnel():
                self.tunnel = step
            case httpsteps.Ended(record):
                self.records.append(record)
            case other:
                raise AssertionError(other)

    def _wake(self) -> None:
        self.woken = True

    # What may happen

    def send(self, data: bytes) -> None:
        """The client sends."""
        assert not self.client_paused
        self.tell(self.exchange.client_received, data)

    def connect(self, answer: Callable[[ServerSide], None] | None = None) -> None:
        """The attempt comes about; `answer` sees the server after each thing that it gets."""
        assert self.attempt is not None
        self.reached, idle = self.attempt.attempt.server, self.attempt.idle
        self.attempt = None
        kept = self.kept.get(self.reached, []) if idle else []
        reused = bool(kept)
        if reused:
            self.server = kept.pop()
        else:
            self.server = ServerSide(self.reached.name)
            self.servers.append(self.server)
        self.tell(lambda now: self.exchange.connected(now, reused=reused))
        if answer is not None and self.server is not None:
            answer(self.server)

    def hear(self) -> None:
        """That its waiting is over."""
        self.woken = False
        self.tell(self.exchange.served)

    def drain(self) -> None:
        """The client takes everything."""
        assert self.draining
        self.draining = False
        self.tell(self.exchange.client_drained)

    def settle(self, answer: Callable[[ServerSide], None] | None = None) -> None:
        """Attempts come about and answers are taken, until something else must happen."""
        while not self.over and (self.attempt or self.draining):
            if self.attempt:
                self.connect(answer)
            else:
                self.drain()

    def leave(self, *, fin: bool) -> None:
        """The client closes its half, or resets."""
        if fin:
            self.tell(self.exchange.client_finished)
        else:
            self.gone = True
            self.tell(self.exchange.client_lost)

    def pass_time(self) -> None:
        """Until the deadline, if there is one."""
        deadline = self.exchange.deadline()
        if deadline is not None:
            self.now = max(self.now, deadline)
            self.tell(self.exchange.deadline_passed)

    def idle(self) -> bool:
        """Whether nothing counts anywhere any more."""
        pools = self.runtime.pools.values()
        return not any(pool.connections or any(s.connections for s in pool.servers.values()) for pool in pools)


def responses(got: bytes, methods: Sequence[bytes]) -> tuple[list[h11.Response], list[bytes], bool]:
    """The final responses that a client reads, with their bodies; whether the last is whole. `methods`: what it asked.

    Raises h11.RemoteProtocolError.
    """
    reader = h11.Connection(h11.CLIENT)
    reader.receive_data(got)
    heads: list[h11.Response] = []
    bodies: list[bytes] = []
    for method in methods:
        reader.send(h11.Request(method=method, target="/", headers=[("Host", "a.example")]))
        reader.send(h11.EndOfMessage())
        body = bytearray()
        whole = False
        while True:
            event = reader.next_event()
            if isinstance(event, h11.Response):
                heads.append(event)
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                whole = True
                break
            elif not isinstance(event, h11.InformationalResponse):
                break
        bodies.append(bytes(body))
        if not whole or reader.their_state is not h11.DONE:
            return heads, bodies, whole
        reader.start_next_cycle()
    return heads, bodies, True

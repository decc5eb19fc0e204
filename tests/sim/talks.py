"""One simulated client of an `http` frontend, and the shell that does for it what its exchange says.

The shell is `flow.httpfront` without a network. What happens is told to the exchange; what it wants is done here, and
`Turns` judges it.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from pumpproxy.policy import httpsteps
from pumpproxy.policy.exchange import Exchange
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.records import ClientAddress
from pumpproxy.policy.request import Ending
from tests.sim import probes, replies
from tests.sim.alarms import Alarm
from tests.sim.askers import Asker, conversation
from tests.sim.outlet import BRISK, PROMPT, SLOW, STUCK, Outlet
from tests.sim.peers import Peer
from tests.sim.sites import HOSTS
from tests.sim.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pumpproxy.policy.attempts import Attempt, ConnectFailure
    from pumpproxy.policy.httpsteps import HttpStep
    from pumpproxy.policy.queue import Ticket
    from pumpproxy.policy.runtime import FrontendState
    from pumpproxy.policy.serverstate import ServerState
    from tests.sim.exchanges import Exchanges

EPOCH = 1e9
"""What lies between the two clocks."""

_LEFT = Ending(Outcome.CLIENT_LEFT, Phase.DATA)
_TUNNEL_ENDS = (Ending(Outcome.COMPLETED, Phase.DONE), _LEFT, Ending(Outcome.CLIENT_IDLE, Phase.DATA))


class Talk:
    """From the accept until nothing is left of it."""

    def __init__(self, world: Exchanges, number: int, state: FrontendState) -> None:
        chance = world.chance
        self.world = world
        self.number = number
        self.state = state
        self.client = ClientAddress(chance.choice(HOSTS), number)
        self.exchange = Exchange(world.runtime, state, self.client, world.time.now, EPOCH)
        self.asks = conversation(world)
        self.asker = Asker(world, self, self.asks)
        self.turns = Turns(self)
        self._alarm = Alarm(self, world.time, partial(self.tell, "deadline_passed", self.exchange.deadline_passed))
        pace = chance.choices([PROMPT, BRISK, SLOW, STUCK], weights=[12, 4, 2, 1])[0]
        full = partial(self.tell, "client_full", self.exchange.client_full)
        self.outlet = Outlet(world.time, pace, full, self._ready)
        self.fed = bytearray()
        """What the client sent and we read."""
        self.wire = bytearray()
        """What it was sent."""
        self.peer: Peer | None = None
        self.dialling: Attempt | None = None
        self._dials = 0
        self._steps: deque[tuple[str, HttpStep]] = deque()
        self._doing = False
        self.draining = self.tunnel = False
        self.left_why = ""
        """The fact upon which it got its last words."""
        self.over = self.was_reset = self.closed = False
        """No word to it follows; its connection was reset; nothing is left of it."""

    # Facts of the client ----------------------------------------------------------------------------------------------

    def opened(self) -> None:
        """Accepted."""
        self._alarm.look()
        self.asker.begin()

    def hears(self, data: bytes) -> None:
        """Bytes from the client."""
        if self.tunnel:
            self.fed += data
            return
        if self.world.chance.random() < 0.02:
            self._alarm.ring_early()
        if not self.turns.has_all:
            self.turns.moved()
        self.fed += data
        self.tell(f"client_received {len(data)}", lambda now: self.exchange.client_received(data, now))

    def half_closed(self) -> None:
        """The client closed its half."""
        if not self.tunnel:
            self.tell("client_finished", self.exchange.client_finished)

    def vanishes(self) -> None:
        """The client's connection is gone."""
        if self.tunnel:
            self._tunnel_ends(_LEFT)
        elif not self.closed:
            self.tell("client_lost", self.exchange.client_lost)
            self._close()

    def _ready(self) -> None:
        self.turns.moved()
        self.tell("client_ready", self.exchange.client_ready)

    def _drained(self) -> None:
        if not self.over:
            self.draining = False
            self.tell("client_drained", self.exchange.client_drained)

    # Facts of a queue -------------------------------------------------------------------------------------------------

    def _await(self, ticket: Ticket) -> None:
        assert self.peer is None
        assert self.dialling is None
        ticket.wake = partial(self._woken, ticket)
        if ticket.served:
            self._woken(ticket)

    def _woken(self, ticket: Ticket) -> None:
        """As `Environment.soon`; other things may come first."""
        self.world.ledger.woken(ticket)
        self.world.time.after(self.world.chance.choice([0.0, 0.0, 0.01]), self._served)

    def _served(self) -> None:
        self.tell("served", self.exchange.served)

    # Facts of the server ----------------------------------------------------------------------------------------------

    def _connect(self, attempt: Attempt, idle: float) -> None:
        assert self.peer is None
        assert self.dialling is None
        self.dialling = attempt
        self._dials += 1
        answer = partial(self._answered, self._dials)
        if idle and self.world.chance.random() < 0.5:
            answer(None, reused=True)
            return
        took, failure = self.world.fate(attempt)
        if attempt.after == 0 and took == 0 and failure is not None:
            answer(failure)
        else:
            self.world.time.after(attempt.after + took, partial(answer, failure))

    def _answered(self, dial: int, failure: ConnectFailure | None, *, reused: bool = False) -> None:
        if dial != self._dials or self.dialling is None:
            return
        self.dialling = None
        if failure is not None:
            self.turns.failure = failure
            self.tell(f"connect_failed {failure.value}", lambda now: self.exchange.connect_failed(failure, now))
            return
        mark = b"%d.%d" % (self.number, dial)
        chance = self.world.chance
        reply = replies.gave_up(chance) if reused and chance.random() < 0.3 else None
        self.peer = Peer(self, reply or replies.reply(self.turns.ask, mark, chance), reused=reused)
        self.turns.connected(self.peer, mark)
        self.tell("connected", lambda now: self.exchange.connected(now, reused=reused))

    def server_received(self, data: bytes) -> None:
        """The server said something."""
        self.turns.moved()
        self.tell(f"server_received {len(data)}", lambda now: self.exchange.server_received(data, now))

    def server_finished(self) -> None:
        """The server closed its half: its answer is whole, or cut."""
        peer = self.peer
        assert peer is not None
        self.turns.closes(peer)
        self.tell("server_finished", self.exchange.server_finished)
        assert self.peer is not peer
        assert not self.turns.awaits_another

    def server_lost(self) -> None:
        """The server's connection is gone, whatever is done with it afterwards."""
        assert self.peer is not None
        self.turns.closes(self.peer)
        repeats = self.turns.awaits_another
        self._drop_peer()
        self.tell("server_lost", self.exchange.server_lost)
        assert self.over or self.draining or repeats
        assert not self.turns.awaits_another

    def server_went_down(self, server: ServerState) -> None:
        """It is DOWN by its checks, and nothing goes on there."""
        if self.exchange.engaged_at is not server:
            return
        if self.tunnel:
            self._tunnel_ends(Ending(Outcome.SERVER_DOWN, Phase.DATA))
        else:
            assert self.peer is not None
            self.tell("server_went_down", self.exchange.server_went_down)
            assert self.peer is None
            assert self.over

    # Facts of ours ----------------------------------------------------------------------------------------------------

    def finish_up(self) -> None:
        """The service is to end soon."""
        if not (self.over or self.tunnel):
            self.turns.ending_soon = True
            self.tell("finish_up", self.exchange.finish_up)

    def shut_down(self) -> None:
        """The service ends."""
        if self.tunnel:
            self._tunnel_ends(Ending(Outcome.SHUTDOWN, Phase.DATA))
        elif not self.over:
            self.tell("shut_down", self.exchange.shut_down)

    def breaks(self) -> None:
        """Something of ours failed."""
        if not (self.over or self.tunnel):
            self.tell("broke_off", lambda now: self.exchange.broke_off(Outcome.INTERNAL, "ValueError", now))

    def _tunnel_ends(self, ending: Ending) -> None:
        if self.tunnel and not self.closed:
            self.tunnel, self.over = False, True
            self.turns.tunnel_ending = ending
            self.tell("tunnel_ended", lambda now: self.exchange.tunnel_ended(11, 7, ending, now))
            self._close()

    # Steps ------------------------------------------------------------------------------------------------------------

    def tell(self, fact: str, tell: Callable[[float], Sequence[HttpStep]]) -> None:
        """A fact in, Steps out, which are done in order; then everything must count as it should."""
        world = self.world
        world.note(self.number, fact)
        steps = tell(world.time.now)
        if self.over and not self._doing and fact != "tunnel_ended":
            late = (httpsteps.RESET_SERVER,) if fact == "connected" else ()
            assert steps == late, "a step after the end"
            return
        self._steps += [(fact.partition(" ")[0], step) for step in steps]
        if self._doing:
            return
        self._doing = True
        while self._steps:
            why, step = self._steps.popleft()
            world.note(self.number, "   ", type(step).__name__)
            self._do(step, why)
            world.ledger.settle()
        self._doing = False
        self._alarm.look()
        if not (self.over or self.tunnel or fact == "client_lost"):
            probes.check_pressure(self)
            self.turns.check_waiting()
        world.ledger.check()

    def _do(self, step: HttpStep, why: str) -> None:
        assert why != "client_lost" or isinstance(step, httpsteps.ResetServer | httpsteps.Ended)
        match step:
            case httpsteps.Reach(attempt, idle):
                self.turns.reaches(attempt, idle, why)
                self._connect(attempt, idle)
            case httpsteps.AwaitServer(ticket):
                self.turns.waits(ticket, why)
                self._await(ticket)
            case httpsteps.LeaveServer() | httpsteps.KeepServer():
                self.turns.leaves(keeps=isinstance(step, httpsteps.KeepServer))
                self._drop_peer()
            case httpsteps.ResetServer():
                self._reset_server()
            case httpsteps.SendServer() | httpsteps.PauseServer() | httpsteps.ResumeServer():
                assert self.peer is not None
                self.peer.does(step)
            case httpsteps.HaulDown() | httpsteps.HaulUp():
                pass  # It may pass unread, and is read.
            case httpsteps.StartTunnel():
                self._start_tunnel(step)
            case httpsteps.Ended(record):
                self.turns.ended(record, why)
                self.asker.answered(len(self.turns.records))
            case _:
                self._do_to_client(step, why)

    def _do_to_client(self, step: HttpStep, why: str) -> None:
        match step:
            case httpsteps.SendClient(data):
                self._write(data)
            case httpsteps.PauseClient() | httpsteps.ResumeClient():
                self.asker.pause(paused=isinstance(step, httpsteps.PauseClient))
            case httpsteps.DrainClient():
                assert not self.draining
                self.draining = True
                self.outlet.drain(self._drained)
            case httpsteps.FinishClient(reply):
                if reply:
                    self._write(reply)
                self.left_why = why
                self._leave(self.world.chance.choice([0.0, 0.1, 1.0]))
            case httpsteps.ResetClient():
                self.was_reset = True
                self._leave(0.0)
            case other:
                raise AssertionError(other)

    def _write(self, data: bytes) -> None:
        assert data
        assert not self.over
        assert not self.draining
        self.turns.writes()
        self.wire += data
        self.outlet.write(len(data))

    def _leave(self, delay: float) -> None:
        assert not self.over
        self.over = True
        self.outlet.close()
        self.world.pester(self)
        self.world.time.after(delay, self.vanishes)

    def _reset_server(self) -> None:
        assert self.peer is not None or self.dialling is not None
        self.dialling = None
        self._drop_peer()
        if not self.turns.awaits_another:
            self.turns.released()

    def _drop_peer(self) -> None:
        peer, self.peer = self.peer, None
        if peer is not None:
            peer.close()
            self.turns.check_request(peer)

    def _start_tunnel(self, step: httpsteps.StartTunnel) -> None:
        self.turns.switches(step.to_server, step.to_client)
        self.wire += step.to_client
        self.tunnel = True
        self.outlet.close()
        ending = self.world.chance.choice(_TUNNEL_ENDS)
        self.world.time.after(self.world.chance.random() * 10, partial(self._tunnel_ends, ending))
        self._drop_peer()

    def _close(self) -> None:
        """Nothing is left of the client, nor of whom it spoke to."""
        self.closed = self.over = True
        assert self.peer is None
        assert self.dialling is None
        self.turns.check_all()
        self.world.leaves(self)

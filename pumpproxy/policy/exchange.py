"""One client's connection on an http frontend: facts in, Steps out.

    head -> route -> connect -> up and down -> drained -> log, and the next

Each fact is in the past tense and has its time; what it returns is to be done in order. Every request is routed by its
own Host, answered in order, and ends in exactly one `Ended`. After `FinishClient` or `ResetClient` the exchange is
over, and further facts change nothing.
May not: see a socket, a clock or a timer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.policy import httpsteps
from pumpproxy.policy.conversation import Conversation
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.preamble import header_for
from pumpproxy.policy.request import Ending, Fault
from pumpproxy.policy.sources import Refusal
from pumpproxy.policy.standing import Stage
from pumpproxy.policy.transaction import Side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pumpproxy.policy.attempts import ConnectFailure
    from pumpproxy.policy.httpsteps import HttpStep
    from pumpproxy.policy.serverstate import ServerState


class Exchange(Conversation):
    """The facts of one connection. Times are seconds of one monotonic clock."""

    __slots__ = ()

    # Of the client --------------------------------------------------------------------------------------------------

    def opened(self, now: float) -> Sequence[HttpStep]:
        """The client's connection is there; one too many of its source is refused before anything is read."""
        self.now = now
        sources = self.frontend.sources
        if sources is not None:
            arrived = sources.arrive(self._client.host, now)
            if isinstance(arrived, Refusal):
                self.turn_away(arrived, sources)
            elif arrived is not None:
                self._leaves = arrived.leave
        return self.flush()

    def release(self) -> None:
        """Nothing is left of the client: it counts nowhere any more. Called once."""
        if self._leaves is not None:
            self._leaves()

    def client_received(self, data: bytes, now: float) -> Sequence[HttpStep]:
        """The client sent `data`."""
        self.now = now
        if self.stage is Stage.READING:
            self.read(data)
        elif self.stage is Stage.FORWARDING and self.transaction is not None:
            self.take(self.transaction, data)
        elif self.stage is Stage.DRAINING:
            if self.closing:
                self.pressure.unwanted = True
            else:
                self.pressure.hold(data)
        return self.flush()

    def client_finished(self, now: float) -> Sequence[HttpStep]:
        """The client closed its half: it leaves, and what it asked for is cancelled."""
        self.now = now
        if self.stage is Stage.READING:
            self.close(Ending(Outcome.CLIENT_LEFT, Phase.REQUEST))
        elif self.stage is Stage.FORWARDING:
            self.cut(Ending(Outcome.CLIENT_LEFT, self._phase))
        elif self.stage is Stage.DRAINING:
            self.last = True
        return self.flush()

    def client_lost(self, now: float) -> Sequence[HttpStep]:
        """The client's connection is gone."""
        self.now = now
        if self.stage not in (Stage.TUNNEL, Stage.OVER):
            self.cut(Ending(Outcome.CLIENT_LEFT, self._phase), told=False)
        return self.flush()

    def client_full(self, now: float) -> Sequence[HttpStep]:
        """The client takes less than it is sent: our buffer is full."""
        self.pressure.client_full = True
        return self.progressed(now)

    def client_ready(self, now: float) -> Sequence[HttpStep]:
        """After `client_full`: our buffer is empty."""
        self.pressure.client_full = False
        return self.progressed(now)

    def client_drained(self, now: float) -> Sequence[HttpStep]:
        """After `DrainClient`: everything written to the client has left our buffer."""
        self.now = now
        if self.stage is Stage.DRAINING:
            self.pressure.client_full = False
            self.drained()
        return self.flush()

    # Of the server --------------------------------------------------------------------------------------------------

    def served(self, now: float) -> Sequence[HttpStep]:
        """The ticket of `AwaitServer` is: there is a server to try, or will not be one."""
        self.now = now
        if self.stage is Stage.FORWARDING and self.transaction is not None:
            self.settle(self.transaction, self.transaction.served(now))
        return self.flush()

    def connected(self, now: float, *, reused: bool = False) -> Sequence[HttpStep]:
        """The attempt came about; `reused`: by a connection that was kept."""
        self.now = now
        if self.stage is not Stage.FORWARDING or self.transaction is None:
            return (httpsteps.RESET_SERVER,)
        server = self.transaction.attempt.server
        header = b"" if reused else header_for(server, self._client, self.local, self.unique_id)
        self.transaction.connect_succeeded(now, header, reused=reused)
        return self.flush()

    def connect_failed(self, failure: ConnectFailure, now: float) -> Sequence[HttpStep]:
        """The attempt failed."""
        self.now = now
        if self.stage is Stage.FORWARDING and self.transaction is not None:
            self.settle(self.transaction, self.transaction.connect_failed(failure, now))
        return self.flush()

    def server_received(self, data: bytes, now: float) -> Sequence[HttpStep]:
        """The server sent `data`."""
        self.now = now
        if self.stage is Stage.FORWARDING and self.transaction is not None:
            self.settle(self.transaction, self.transaction.received(data, now))
        return self.flush()

    def server_finished(self, now: float) -> Sequence[HttpStep]:
        """The server closed its half."""
        return self._server_closed(now, cleanly=True)

    def server_lost(self, now: float) -> Sequence[HttpStep]:
        """The server's connection is gone."""
        return self._server_closed(now, cleanly=False)

    def _server_closed(self, now: float, *, cleanly: bool) -> Sequence[HttpStep]:
        self.now = now
        if self.stage is Stage.FORWARDING and self.transaction is not None:
            self.settle(self.transaction, self.transaction.closed(cleanly=cleanly))
        return self.flush()

    @property
    def engaged_at(self) -> ServerState | None:
        """The server whose connection carries what is under way, a tunnel too."""
        transaction = self.transaction
        return transaction.attempt.server if transaction is not None and transaction.up.connected else None

    def server_went_down(self, now: float) -> Sequence[HttpStep]:
        """That server is DOWN by its checks, and nothing is to go on there."""
        self.now = now
        if self.stage is Stage.FORWARDING:
            self.fail(Fault(503, Ending(Outcome.SERVER_DOWN, self._phase)))
        return self.flush()

    def server_full(self, now: float) -> Sequence[HttpStep]:
        """The server takes less than it is sent: our buffer is full."""
        if self.transaction is not None:
            self.transaction.up.server_full = True
        return self.progressed(now)

    def server_ready(self, now: float) -> Sequence[HttpStep]:
        """After `server_full`: our buffer is empty."""
        if self.transaction is not None:
            self.transaction.up.server_full = False
        return self.progressed(now)

    def hauled(self, side: Side, size: int, out: int, at: float, now: float) -> Sequence[HttpStep]:
        """After `HaulDown` or `HaulUp`: so much of what that side sends has passed unread, the last of it `at`.

        `out`: bytes that the other side got for it, with what frames them.
        """
        self.now = now
        if self.stage is Stage.FORWARDING and self.transaction is not None:
            self.transaction.hauled(side, size, out, at)
            self.settle(self.transaction, None)
        return self.flush()

    def tunnel_ended(self, bytes_in: int, bytes_out: int, ending: Ending, now: float) -> Sequence[HttpStep]:
        """After `StartTunnel`: both connections are gone, after so many bytes from and to the client."""
        self.now = now
        if self.stage is Stage.TUNNEL and self.request is not None:
            self.request.bytes_in += bytes_in
            self.request.bytes_out += bytes_out
            self.stage = Stage.OVER
            self.end(ending)
        return self.flush()

    # Of time --------------------------------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        """When something must have happened; None: no matter when."""
        declared = self.frontend.declared
        if self.stage is Stage.READING:
            if self.request is not None:
                return self.request.started + declared.timeout_http_request
            limit = declared.timeout_http_request if self.fresh else declared.timeout_http_keep_alive
            return self.waiting_since + limit
        if self.stage is Stage.FORWARDING and self.transaction is not None:
            return self.transaction.deadline(declared.timeout_client, client_full=self.pressure.client_full)
        return self.active + declared.timeout_client if self.stage is Stage.DRAINING else None

    def deadline_passed(self, now: float) -> Sequence[HttpStep]:
        """It has passed; a call too early changes nothing."""
        self.now = now
        due = self.deadline()
        if due is not None and due <= now:
            if self.stage is Stage.DRAINING:
                self.cut(Ending(Outcome.CLIENT_IDLE, Phase.LAST))
            elif self.transaction is not None:
                self.fail(self.transaction.idle(client_full=self.pressure.client_full))
            elif self.request is not None:
                self.fail(Fault(408, Ending(Outcome.CLIENT_SILENT, Phase.REQUEST)))
            else:
                # Nobody is there to be told: a probe, or a connection that was opened or kept just in case.
                self.close(Ending(Outcome.CLIENT_SILENT, Phase.REQUEST))
        return self.flush()

    @property
    def slow(self) -> Side | None:
        """Whose taking of what it was sent the deadline waits for, where it does."""
        if self.stage is Stage.DRAINING or (self.stage is Stage.FORWARDING and self.pressure.client_full):
            return Side.CLIENT
        full = self.transaction is not None and self.transaction.up.server_full
        return Side.SERVER if self.stage is Stage.FORWARDING and full else None

    def progressed(self, now: float) -> Sequence[HttpStep]:
        """The slow side takes what it is sent, if slowly."""
        self.now = self.active = now
        if self.transaction is not None:
            self.transaction.active = now
        return self.flush()

    # Of the service -------------------------------------------------------------------------------------------------

    def finish_up(self, now: float) -> Sequence[HttpStep]:
        """The service is to end soon: what is under way is finished, and nothing follows.

        Who came just now may have asked already, unseen: its first request is still answered.
        """
        self.now = now
        self.last = True
        if self.transaction is not None:
            self.transaction.down.persistent = False
        if self.stage is Stage.READING and self.request is None and not self.fresh:
            self.close(Ending(Outcome.SHUTDOWN, Phase.REQUEST))
        return self.flush()

    def shut_down(self, now: float) -> Sequence[HttpStep]:
        """The service ends."""
        self.now = now
        if self.stage is Stage.FORWARDING:
            self.fail(Fault(503, Ending(Outcome.SHUTDOWN, self._phase)))
        elif self.stage in (Stage.READING, Stage.DRAINING):
            self.close(Ending(Outcome.SHUTDOWN, self._phase))
        return self.flush()

    def broke_off(self, outcome: Outcome, detail: str, now: float) -> Sequence[HttpStep]:
        """Something of ours failed, or ran out: both connections end at once."""
        self.now = now
        if self.stage not in (Stage.TUNNEL, Stage.OVER):
            self.cut(Ending(outcome, self._phase, detail))
        return self.flush()

    @property
    def _phase(self) -> Phase:
        if self.stage is Stage.DRAINING:
            return Phase.LAST
        return self.transaction.phase if self.transaction is not None else Phase.REQUEST

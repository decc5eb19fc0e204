"""The short way of a request: from a client that has asked alike before, on a server's connection that was kept.

Whatever the short way does not know goes the long way (`httpfront`), with what was read and where it stands: there each
fact is told to the exchange, which takes over first. May not: read a head, or choose a server.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from pumpproxy.flow.httpfacts import nothing
from pumpproxy.flow.httpfront import HttpFront
from pumpproxy.flow.socketstream import SocketStream
from pumpproxy.policy.bodies import LEAST_HAULED
from pumpproxy.policy.outcome import Outcome

if TYPE_CHECKING:
    from pumpproxy.policy.straightrequest import StraightRequest


class StraightHttpFront(HttpFront):
    """One client."""

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._doing or not self._begun(data):
            super().dataReceived(data)

    def server_received(self, data: bytes) -> None:
        """The server sent `data`."""
        if not self._answered(data):
            super().server_received(data)

    def _begun(self, data: bytes) -> bool:
        """Whether that was a request which is on its way now."""
        environment, exchange = self._environment, self._exchange
        if exchange.straight is not None or not isinstance(self.transport, SocketStream):
            return False
        now = environment.now()
        try:
            straight = exchange.begin_straight(data, now)
            if straight is None:
                return False
            kept = environment.kept.take(straight.server, inf)
            if kept is None:
                # Its server is chosen, and counts: the rest of the long way.
                self._tell(nothing)
                return True
            straight.reached = True
            self._upstream.connection = kept
            kept.engage(self)
            kept.transport.write(straight.outgoing)
        except Exception:  # noqa: BLE001 - whatever it was, the others go on
            self._defect()
        self._watch.look()
        return True

    def _answered(self, data: bytes) -> bool:
        """Whether that was of an answer, which has passed."""
        straight = self._exchange.straight
        if straight is None:
            return False
        now = self._environment.now()
        try:
            out = straight.answered(data, now)
            if out is None:
                return False
            self.transport.write(out)
            if self._exchange.straight is not straight:
                # The client did not take it, and the long way has it.
                return True
            if straight.done:
                self._end(straight, now)
            elif straight.left >= LEAST_HAULED:
                self._tell(nothing)
        except Exception:  # noqa: BLE001 - as above
            self._defect()
        return True

    def _end(self, straight: StraightRequest, now: float) -> None:
        if self.transport.waits:  # type: ignore[attr-defined] # it is a SocketStream
            # Not taken yet: the log waits for it, and so does the next request.
            self._tell(nothing)
            return
        environment, exchange = self._environment, self._exchange
        if environment.sink.wants_records:
            environment.sink.ended(exchange.record_straight(straight, now))
            exchange.epoch = environment.wall() - now
        exchange.end_straight(straight, now)
        self._upstream.keep(private=False)
        self._watch.look()

    def _defect(self) -> None:
        self.log.failure("an HTTP connection ended by a defect")
        self._tell(lambda now: self._exchange.broke_off(Outcome.INTERNAL, "", now))

"""Connections at a pool, each of which has a place, waits for one or is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.model import Check
from pumpproxy.policy.queue import Ticket
from tests.policy.declared import server

if TYPE_CHECKING:
    from pumpproxy.model import Server
    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.serverstate import ServerState


def limited(name: str, maxconn: int = 1, **fields: object) -> Server:
    """A server that takes so many at a time."""
    return server(name, 8000 + ord(name), maxconn=maxconn, **fields)


def checked(name: str, **fields: object) -> Server:
    """A server whose health somebody knows."""
    return server(name, 8000 + ord(name), check=Check(), **fields)


class Guest:
    """One connection: at a server, in a queue, or refused."""

    def __init__(self, live: Pool, host: str | None = None, named: ServerState | None = None) -> None:
        self.live = live
        self.woken = 0
        self.ticket: Ticket | None = None
        self.server = live.take(host, named)
        self.refused = False
        if self.server is None:
            ticket = Ticket(host, named, None, "192.0.2.1")
            ticket.wake = self.wake
            if live.wait(ticket):
                self.ticket = ticket
                if ticket.served:
                    self.server = ticket.server
            else:
                self.refused = True

    def wake(self) -> None:
        """Its waiting is over."""
        self.woken += 1
        assert self.ticket is not None or self.woken == 1
        if self.ticket is not None:
            self.server = self.ticket.server
            self.refused = self.server is None

    @property
    def at(self) -> str:
        """Where it is, in one word."""
        if self.refused:
            return "refused"
        return "waits" if self.server is None else self.server.name

    def leaves(self) -> None:
        """It is over, whatever it was."""
        if self.server is not None:
            self.live.leave(self.server)
        elif self.ticket is not None:
            self.live.forget(self.ticket)


def at(*guests: Guest) -> str:
    """Where they are."""
    return " ".join(guest.at for guest in guests)

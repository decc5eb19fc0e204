"""A place in a queue."""

from __future__ import annotations

from collections import OrderedDict

from pumpproxy.policy.queue import Ticket
from pumpproxy.policy.serverstate import ServerState
from tests.policy.declared import server


def test_a_ticket_knows_who_was_before_it() -> None:
    """In the queue that it came to; who goes leaves no gap, and may go twice."""
    queue: OrderedDict[Ticket, None] = OrderedDict()
    first, second = (Ticket("x.example", None, None, "192.0.2.1") for _ in range(2))
    first.stand(queue, alone=True)
    second.stand(queue, alone=True)
    assert (first.ahead, second.ahead, second.alone) == (0, 1, True)
    first.go()
    first.go()
    assert list(queue) == [second]
    assert first.queue is None


def test_who_is_served_is_told() -> None:
    """Once, with the server or with nobody; nobody need listen."""
    woken: list[str] = []
    served, refused = Ticket(None, None, None, ""), Ticket(None, None, None, "")
    served.wake = lambda: woken.append("served")
    one = ServerState(server("a"))
    served.serve(one)
    refused.serve(None)
    assert woken == ["served"]
    assert (served.served, served.server) == (True, one)
    assert (refused.served, refused.server) == (True, None)

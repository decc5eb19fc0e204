"""One end of a relay in the kernel: what the poller's events make of it."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, cast

import pytest

from pumpproxy.flow.spliceend import SpliceEnd
from pumpproxy.policy.outcome import Outcome

if TYPE_CHECKING:
    from pumpproxy.flow.splice import SpliceRelay


class Relay:
    """Keeps what it is asked to do."""

    def __init__(self) -> None:
        self.over = False
        self.asked: list[tuple[str, object]] = []

    def move(self, source: SpliceEnd) -> None:
        """Pass on."""
        self.asked.append(("move", source))

    def refused(self, sink: SpliceEnd) -> None:
        """It takes nothing any more."""
        self.asked.append(("refused", sink))

    def cut(self, outcome: Outcome) -> None:
        """End both."""
        self.asked.append(("cut", outcome))


@pytest.fixture
def relay() -> Relay:
    """Nothing asked yet."""
    return Relay()


def ends(relay: Relay) -> tuple[SpliceEnd, SpliceEnd]:
    """Both ends."""
    made = [
        SpliceEnd(cast("SpliceRelay", relay), Outcome.CLIENT_LEFT, Outcome.CLIENT_IDLE, 0.0),
        SpliceEnd(cast("SpliceRelay", relay), Outcome.SERVER_LEFT, Outcome.SERVER_IDLE, 0.0),
    ]
    made[0].other, made[1].other = made[1], made[0]
    return made[0], made[1]


def test_data_is_passed_on(relay: Relay) -> None:
    """And a short read means that there is no more."""
    client, _ = ends(relay)
    client.told(select.EPOLLIN | select.EPOLLOUT)
    assert relay.asked == [("move", client)]
    assert (client.readable, client.ending, client.fin_came) == (True, False, False)


def test_a_fin_came_and_a_reset_did_not(relay: Relay) -> None:
    """What tells an end from a cut where a write failed first."""
    client, server = ends(relay)
    client.told(select.EPOLLIN | select.EPOLLRDHUP)
    server.told(select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR)
    assert (client.fin_came, server.fin_came) == (True, False)
    assert client.ending
    assert server.ending


def test_room_is_for_what_waits(relay: Relay) -> None:
    """The other's bytes go on; without any, nothing is to be done."""
    client, server = ends(relay)
    client.told(select.EPOLLOUT)
    assert relay.asked == []
    client.stalled = True
    client.told(select.EPOLLOUT)
    assert relay.asked == [("move", server)]


def test_a_reset_after_a_fin_is_a_refusal(relay: Relay) -> None:
    """It is not read again."""
    client, _ = ends(relay)
    client.finished = True
    client.told(select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR)
    assert relay.asked == [("refused", client)]


def test_a_defect_cuts_both(relay: Relay) -> None:
    """As INTERNAL."""
    ends(relay)[0].broke()
    assert relay.asked == [("cut", Outcome.INTERNAL)]

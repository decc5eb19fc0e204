"""What is told of bodies that pass unread: how much, when somebody asks, and who does not keep up."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from twisted.internet.task import Clock

from pumpproxy.flow.hauls import Hauls, Moved
from pumpproxy.flow.idle import Sweep
from pumpproxy.flow.pipes import Pipes
from pumpproxy.policy.transaction import Side
from tests.flow.streams import FakeStream

if TYPE_CHECKING:
    from pumpproxy.flow.haul import Haul
    from pumpproxy.flow.stream import Stream


class Moving:
    """As much of a haul as is looked at."""

    def __init__(self) -> None:
        self.stalled = self.over = False
        self.active = 0.0
        self.more = (0, 0)

    def taken(self) -> tuple[int, int]:
        """And nothing the next time."""
        more, self.more = self.more, (0, 0)
        return more


class Client:
    """Who is told."""

    def __init__(self) -> None:
        clock = Clock()
        self.told: list[tuple[str, Side]] = []
        self.hauls = Hauls(Pipes(Sweep(clock, clock.seconds)), self)

    def haul_full(self, side: Side) -> None:
        """Somebody does not keep up."""
        self.told.append(("full", side))

    def haul_ready(self, side: Side) -> None:
        """Does again."""
        self.told.append(("ready", side))

    def haul_over(self, side: Side) -> None:
        """All moved."""
        self.told.append(("over", side))

    def runs(self, side: Side) -> Moving:
        """One more haul."""
        made = Moving()
        self.hauls._running[cast("Haul", made)] = side
        return made


def as_haul(moving: Moving) -> Haul:
    """For the type checker."""
    return cast("Haul", moving)


def test_what_moved_is_told_once() -> None:
    """Of each direction; one that is over is told of for the last time."""
    client = Client()
    assert not client.hauls
    down, up = client.runs(Side.SERVER), client.runs(Side.CLIENT)
    assert client.hauls
    down.more, down.active, up.over = (5, 9), 2.0, True
    assert client.hauls.moved() == [Moved(Side.SERVER, 5, 9, 2.0)]
    assert client.hauls.moved() == []
    down.more, down.over = (1, 1), True
    assert client.hauls.moved() == [Moved(Side.SERVER, 1, 1, 2.0)]
    assert not client.hauls


def test_a_stall_is_told_once_until_somebody_looks() -> None:
    """Else each of the many short ones would cost more than the bytes."""
    client = Client()
    down = client.runs(Side.SERVER)
    for _ in range(3):
        down.stalled = True
        client.hauls.haul_stalled(as_haul(down))
    assert client.told == [("full", Side.SERVER)]
    client.hauls.look()
    assert len(client.told) == 1
    down.stalled = False
    client.hauls.look()
    client.hauls.look()
    assert client.told == [("full", Side.SERVER), ("ready", Side.SERVER)]


def test_the_end_of_one_that_stalled() -> None:
    """Whoever it waited for keeps up again; then it is over."""
    client = Client()
    up = client.runs(Side.CLIENT)
    client.hauls.haul_stalled(as_haul(up))
    client.hauls.hauled(as_haul(up))
    assert client.told == [("full", Side.CLIENT), ("ready", Side.CLIENT), ("over", Side.CLIENT)]


def test_other_transports_are_left_alone() -> None:
    """Their bytes are read and written, as without a haul."""
    client, clock = Client(), Clock()
    one, other = (cast("Stream", FakeStream(clock)) for _ in range(2))
    client.hauls.begin(Side.SERVER, one, other, 5, chunked=False)
    assert not client.hauls

"""A server that came UP gets its weight back in steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from twisted.internet.task import Clock

from pumpproxy.checks.warmup import WarmUp
from pumpproxy.model import Server, TcpAddress
from pumpproxy.policy.serverstate import ServerState

if TYPE_CHECKING:
    from pumpproxy.policy.pool import Pool


class World:
    """A pool that keeps the shares that it is told, with their times."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.shares: list[tuple[float, float]] = []
        self.server = ServerState(Server("s", TcpAddress("192.0.2.1", 80)))
        self.warmup = WarmUp(self.clock, self.clock.seconds, cast("Pool", self), self.server)

    def warm(self, server: ServerState, share: float) -> None:
        """As Pool's."""
        assert server is self.server
        self.shares.append((round(self.clock.seconds(), 6), round(share, 6)))

    def pass_by(self, seconds: float) -> None:
        """Time, in small steps."""
        self.clock.pump([1 / 64] * round(seconds * 64))


def test_from_a_twentieth_to_the_whole() -> None:
    """In twenty steps; then nothing is left to do."""
    world = World()
    world.warmup.start(10.0)
    world.pass_by(20)
    assert world.shares[:4] == [(0.0, 0.05), (0.5, 0.05), (1.0, 0.1), (1.5, 0.15)]
    assert world.shares[-1] == (10.0, 1.0)
    assert len(world.shares) == 21
    assert [share for _, share in world.shares] == sorted(share for _, share in world.shares)
    assert world.clock.getDelayedCalls() == []


@pytest.mark.parametrize("seconds", [0.2, 0.05])
def test_no_step_is_too_short_to_be_noticed(seconds: float) -> None:
    """A short start has fewer."""
    world = World()
    world.warmup.start(seconds)
    world.pass_by(1)
    assert world.shares[0] == (0.0, 0.05)
    assert world.shares[-1][1] == 1.0
    assert len(world.shares) <= 3


def test_without_slow_start_nothing_is_said() -> None:
    """It has its whole weight anyway."""
    world = World()
    world.warmup.start(0.0)
    world.warmup.stop()
    assert world.shares == []


def test_who_goes_down_again_is_not_left_cold() -> None:
    """It has its whole weight when it is stopped, and starts over the next time."""
    world = World()
    world.warmup.start(10.0)
    world.pass_by(2)
    world.warmup.stop()
    assert world.shares[-1] == (2.0, 1.0)
    world.warmup.start(10.0)
    assert world.shares[-1] == (2.0, 0.05)
    world.warmup.stop()
    assert world.clock.getDelayedCalls() == []

"""A pool whose servers are checked by a clock that a test moves, and probes that end as a test says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.task import Clock

from pumpproxy.checks.checker import Surroundings
from pumpproxy.model import Backend, Check, Config, Server, TcpAddress
from pumpproxy.policy.health import Answer, CheckStatus, Result
from pumpproxy.policy.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.serverstate import ServerState

STEP = 1 / 128
"""Seconds that pass at a time: a number that adds up exactly."""
WALL = 1_796_000_000.0
PASSED = Result(Answer(CheckStatus.L4OK, "connected"), 0.0)
FAILED = Result(Answer(CheckStatus.L4CON, "refused"), 0.0)
OURS = Result(Answer(CheckStatus.SOCKERR, "out of descriptors or local ports"), 0.0)
CHECK = Check(inter=2.0, fastinter=0.25, downinter=4.0, rise=2, fall=3)


def declared(name: str, check: Check | None = CHECK, **fields: object) -> Server:
    """A server line."""
    return Server(name, TcpAddress("192.0.2.1", 80), check=check, **fields)  # type: ignore[arg-type]


def config(*servers: Server, **backend: object) -> Config:
    """A file of one backend."""
    return Config((), (Backend("b", servers=servers, **backend),))  # type: ignore[arg-type]


class FakeProbe:
    """One check under way."""

    def __init__(self, at: float, server: Server, told: Callable[[Result], None]) -> None:
        self.at = at
        self.server = server
        self.told = told
        self.cancelled = False

    def cancel(self) -> None:
        """IProbe."""
        self.cancelled = True


class World:
    """`answers` says what a server's checks find at once; None: they stay under way."""

    def __init__(self, *servers: Server, **backend: object) -> None:
        self.clock = Clock()
        self.runtime = Runtime(config(*servers, **backend), 1000)
        self.answers: dict[str, Result | None] = {}
        self.probes: list[FakeProbe] = []
        self.breaks = False
        self.gone: list[str] = []
        self.around = Surroundings(
            self.clock, self.clock.seconds, lambda: WALL + self.clock.seconds(), self._probe, self._went_down
        )

    @property
    def pool(self) -> Pool:
        """The one."""
        return self.runtime.pools["b"]

    def server(self, name: str = "s") -> ServerState:
        """As it lives."""
        return self.pool.servers[name]

    def reload(self, *servers: Server, **backend: object) -> None:
        """Another file."""
        self.runtime.reload(config(*servers, **backend), 1000)

    def _probe(self, backend: Backend, server: Server, check: Check, told: Callable[[Result], None]) -> FakeProbe:
        assert backend is self.pool.backend
        assert check == server.check
        if self.breaks:
            message = "a defect"
            raise RuntimeError(message)
        probe = FakeProbe(round(self.clock.seconds(), 3), server, told)
        self.probes.append(probe)
        answer = self.answers.get(server.name, PASSED)
        if answer is not None:
            told(answer)
        return probe

    def _went_down(self, pool: Pool, server: ServerState) -> None:
        assert pool is self.pool
        assert not server.up
        self.gone.append(server.name)

    def pass_by(self, seconds: float) -> list[float]:
        """Time, in small steps; when checks began meanwhile."""
        before = len(self.probes)
        self.clock.pump([STEP] * round(seconds / STEP))
        return self.times(before)

    def times(self, after: int = 0, name: str | None = None) -> list[float]:
        """When checks began."""
        return [probe.at for probe in self.probes[after:] if name is None or probe.server.name == name]

"""The checks of one server, one after another: when its health wants the next, and at once where traffic suspects it.

Each turn is told to its pool, and to the log once; a single check is not. May not: check, or decide whether a server
has turned.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple

from twisted.logger import Logger

from pumpproxy.checks.warmup import WarmUp
from pumpproxy.policy import health
from pumpproxy.policy.certificates import CertificateWatch
from pumpproxy.policy.health import Answer, CheckStatus, Health, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall, IReactorTime

    from pumpproxy.interfaces import IProbe
    from pumpproxy.model import Backend, Check, Server
    from pumpproxy.policy.certificates import Certificate
    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.serverstate import ServerState


EARLY = 0.001
"""Seconds that a check may come too soon: the reactor's clock is not the one that its health goes by."""


class Surroundings(NamedTuple):
    """What all checkers share."""

    clock: IReactorTime
    now: Callable[[], float]
    """Seconds of a monotonic clock."""
    wall: Callable[[], float]
    """Seconds since 1970."""
    probe: Callable[[Backend, Server, Check, Callable[[Result], None]], IProbe]
    """Check a server now, and tell the result, perhaps from within the call."""
    went_down: Callable[[Pool, ServerState], None]
    """Told of each that went DOWN, after its pool."""


class Checker:
    """One server's, from `start` to `stop`."""

    log = Logger()

    def __init__(self, around: Surroundings, pool: Pool, server: ServerState, check: Check, *, fresh: bool) -> None:
        """`fresh`: nothing is known of it; else its state stands until checks say otherwise."""
        self.pool = pool
        self.check = check
        self.health = Health(check, up=server.up, fresh=fresh)
        self._around = around
        self._server = server
        self._warmup = WarmUp(around.clock, around.now, pool, server)
        self._certificates = CertificateWatch()
        self._call: IDelayedCall | None = None
        self._probe: IProbe | None = None
        self._running = self._busy = False
        # When the last check ended, and when one is wanted whatever its health says; inf: never.
        self._ended = self._wanted = inf

    def start(self, delay: float) -> None:
        """The first check comes after so many seconds."""
        self._running = True
        self._wanted = self._around.now() + delay
        self._server.suspected = self.suspected
        self._plan()

    def stop(self) -> None:
        """No more."""
        self._running = self._busy = False
        self._server.suspected = None
        self._warmup.stop()
        self._unplan()
        if self._probe is not None:
            self._probe.cancel()
            self._probe = None

    def suspected(self) -> None:
        """It took no connection of a client: look at once, unless that is done, or was just now."""
        now = self._around.now()
        wanted = now if self._ended == inf else max(now, self._ended + self.check.fastinter)
        if not self._busy and wanted < self._wanted:
            self._wanted = wanted
            self._plan()

    # When

    def _left(self) -> float:
        """Seconds until the next check."""
        pause = self.health.pause(wanted=self.pool.waiting > 0)
        return min(self._ended + pause, self._wanted) - self._around.now()

    def _plan(self) -> None:
        self._unplan()
        left = self._left()
        if not self.health.up:
            # Whether somebody waits for it is looked at so often.
            left = min(left, self.check.fastinter)
        self._call = self._around.clock.callLater(max(left, 0.0), self._ring)

    def _unplan(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _ring(self) -> None:
        self._call = None
        if self._left() > EARLY:
            self._plan()
        else:
            self._look()

    def _look(self) -> None:
        self._busy = True
        self._wanted = inf
        try:
            self._probe = self._around.probe(self.pool.backend, self._server.declared, self.check, self._told)
        except Exception:  # noqa: BLE001 - whatever it was, the next check comes
            self.log.failure("a check ended by a defect")
            self._told(Result(Answer(CheckStatus.SOCKERR, "a defect of ours"), 0.0))

    # What follows

    def _told(self, result: Result) -> None:
        if not self._running or not self._busy:
            return
        self._busy = False
        self._ended = self._around.now()
        try:
            self._judge(result)
        finally:
            self._plan()

    def _judge(self, result: Result) -> None:
        turned = self.health.checked(result)
        certificate = result.answer.certificate
        if certificate is not None:
            self._look_at(certificate)
        if turned:
            self._turn(result)
        if result.passed:
            self.pool.passed(self._server)

    def _turn(self, result: Result) -> None:
        pool, server, up = self.pool, self._server, self.health.up
        if up:
            self._warmup.start(pool.backend.slow_start)
        else:
            self._warmup.stop()
        pool.turned(server, up=up)
        usable = [other for other in pool.servers.values() if other.usable]
        backup = sum(other.declared.backup for other in usable)
        line = health.told(self._name, result, up=up, active=len(usable) - backup, backup=backup)
        if up:
            self.log.info("{line}", line=line)
            return
        say = self.log.error if usable else self.log.critical
        say("{line}", line=line)
        self._around.went_down(pool, server)

    def _look_at(self, certificate: Certificate) -> None:
        remark = self._certificates.seen(certificate, self.pool.backend.warn_days, self._around.wall())
        if remark is not None:
            say = self.log.warn if remark.warns else self.log.info
            say("{name}: {text}", name=self._name, text=remark.text)

    @property
    def _name(self) -> str:
        return f"{self.pool.backend.name}/{self._server.name}"

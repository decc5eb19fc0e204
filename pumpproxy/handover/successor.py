"""Giving way: on SIGUSR2 a successor is started, and once it serves, this process only ends what it began.

Whatever goes wrong until then changes nothing here. May not: know what is served, or how.
"""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from twisted.logger import Logger

from pumpproxy.handover.appending import append
from pumpproxy.handover.channel import Channel
from pumpproxy.handover.predecessor import PREDECESSOR

if TYPE_CHECKING:
    from collections.abc import Collection

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IDelayedCall

    from pumpproxy.handover.launch import Launch
    from pumpproxy.handover.pidfile import PidFile
    from pumpproxy.interfaces import Reactor

PATIENCE = 30.0
"""Seconds until a successor must serve; it takes a fraction of one."""
REAP = 0.05
"""Seconds between looks whether the shell is gone that starts it."""


class Serving(Protocol):
    """What gives way."""

    running: int

    def handed(self) -> list[tuple[str, int]]:
        """The listening sockets, each with its name."""

    def give_way(self, unwanted: Collection[int]) -> Deferred[None]:
        """Accept no more, and finish what is under way; fires when nothing is left."""

    def reload(self) -> bool:
        """Read the file again."""


class Supervised(Protocol):
    """Whoever keeps the service, as far as it is told of a hand-over."""

    def main_pid(self, pid: int) -> None:
        """That process is the service now."""

    def silence(self) -> None:
        """Say nothing more, whatever happens here."""


class Handover:
    """At most one at a time. It is for this process to ask the reactor to stop at the end."""

    log = Logger()

    def __init__(
        self,
        reactor: Reactor,
        service: Serving,
        launch: Launch,
        pid_file: PidFile,
        supervisor: Supervised,
        patience: float = PATIENCE,
    ) -> None:
        self._reactor = reactor
        self._service = service
        self._launch = launch
        self._pid_file = pid_file
        self._supervisor = supervisor
        self._patience = patience
        self._channel: Channel | None = None
        self._handed: list[tuple[str, int]] = []
        self._starting: int | None = None
        self._faulty = False
        self._call: IDelayedCall | None = None
        self._reload = False
        reactor.addSystemEventTrigger("before", "shutdown", self._drop)

    def begin(self) -> None:
        """Start a successor; nothing changes before it serves."""
        if not self._service.running:
            self.log.warn("hand-over ignored: the service is ending")
        elif self._channel is not None:
            self.log.warn("hand-over ignored: one is under way")
        elif os.getpid() == 1:
            self.log.error("hand-over refused: this is process 1, whose end is everybody's: restart the container")
        else:
            self._begin()

    def reload(self) -> None:
        """Reload, or have it done by whoever serves when the hand-over that is under way is over."""
        if self._channel is None:
            self._service.reload()
        else:
            self.log.info("reload: it waits for the hand-over")
            self._reload = True

    def _begin(self) -> None:
        append()
        self.log.info("hand-over: starting a successor")
        ours, its = socket.socketpair()
        self._channel = Channel(self._reactor, ours, self._told, self._ended)
        self._starting = None
        self._faulty = False
        try:
            self._pid_file.step_aside()
            self._handed = [(PREDECESSOR, its.fileno()), *self._service.handed()]
            shell = self._launch.start(self._handed)
        except OSError as error:
            self._fail(str(error))
        else:
            self._reap(shell)
            self._channel.open()
            self._call = self._reactor.callLater(self._patience, self._give_up)
        finally:
            its.close()

    def _reap(self, shell: int) -> None:
        """The shell ends at once; it must not stay a zombie."""
        try:
            gone, _ = os.waitpid(shell, os.WNOHANG)
        except ChildProcessError:
            return
        if not gone:
            self._reactor.callLater(REAP, self._reap, shell)

    # What comes of it

    def _told(self, line: str) -> None:
        match line.split(" "):
            case ["pid", number]:
                self._starting = int(number)
            case ["fault", *_]:
                self._faulty = True
                self.log.error("hand-over: the successor: {fault}", fault=line.removeprefix("fault "))
            case ["serving", number, *places]:
                self._give_way(int(number), {self._handed[int(place)][1] for place in places})

    def _ended(self) -> None:
        why = "cannot start, as said" if self._faulty else "ended without a word here: see standard error"
        self._fail(f"the successor {why}")

    def _drop(self) -> None:
        """The service ends, and so does whoever was to go on with it."""
        if self._channel is not None:
            self._kill()
            self._finish("over")

    def _kill(self) -> None:
        if self._starting is not None:
            with suppress(ProcessLookupError):
                os.kill(self._starting, signal.SIGKILL)

    def _give_up(self) -> None:
        self._call = None
        self._kill()
        self._fail(f"the successor does not serve after {self._patience:g} seconds")

    def _fail(self, reason: str) -> None:
        self.log.error("hand-over failed: {reason}; this process serves on", reason=reason)
        self._finish("over")
        try:
            self._pid_file.come_back()
        except OSError as error:
            self.log.error("the pid file: {error}", error=str(error))
        if self._reload:
            self._reload = False
            self._service.reload()

    def _finish(self, word: str) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._channel is not None:
            self._channel.say(word)
            self._channel.close()
            self._channel = None

    def _give_way(self, pid: int, unwanted: Collection[int]) -> None:
        # The order counts: whoever keeps the service listens to its main process alone.
        self._supervisor.main_pid(pid)
        self._supervisor.silence()
        self._finish("main")
        self.log.info("hand-over: process {pid} serves now, {own} finishes", pid=pid, own=os.getpid())
        if self._reload:
            os.kill(pid, signal.SIGHUP)
        self._service.give_way(unwanted).addCallback(self._over)

    def _over(self, _: None) -> None:
        self.log.info("hand-over: nothing is left in process {own}", own=os.getpid())
        self._reactor.stop()

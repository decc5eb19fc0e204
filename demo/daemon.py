"""The proxy as a user runs it: a file, `twistd -n --pidfile= pumpproxy -c FILE`, a port that answers.

May not: import the proxy. What it prints goes to the caller a line at a time.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectError, ProcessExitedAlready
from twisted.internet.protocol import Factory, ProcessProtocol, Protocol
from twisted.internet.task import deferLater

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from twisted.internet.interfaces import (
        IProcessTransport,
        IReactorProcess,
        IReactorTCP,
        IReactorTime,
    )
    from twisted.python.failure import Failure

    class Reactor(IReactorProcess, IReactorTCP, IReactorTime):
        """What the demonstration asks of the reactor."""


LOOPBACK = "127.0.0.1"
ROOT = Path(__file__).parents[1]

START_ATTEMPTS = 300
START_INTERVAL = 0.1
"""Seconds. 300 times: a cold disk and a busy machine may need long; a proxy that failed is noticed at once."""
STOP_PATIENCE = 5.0
"""Seconds between the request to end and the order."""

CONFIGURATION = """\
# Two sites behind one HTTPS port and one HTTP port. Written by `make run`; thrown away when it ends.

[global]
log = twistd

[defaults]
dontlognull = yes

[frontend http-in]
mode            = http
bind            = {address}:{http}
forwardfor      = yes
default-backend = lighttpd
route {pump} = redirect https

[frontend https-in]
mode            = tls
bind            = {address}:{https}
default-backend = lighttpd-tls
route {pump} = pump

[backend lighttpd]
mode = http
server www = {address}:{www_http}

[backend lighttpd-tls]
server www = {address}:{www_https}

[backend pump]
server pump = {address}:{pump_https}
"""


def configuration(pump: str, ports: Mapping[str, int]) -> str:
    """The proxy's file. `ports` has http, https (the proxy's), www_http, www_https and pump_https (the stand-ins')."""
    return CONFIGURATION.format(pump=pump, address=LOOPBACK, **ports)


def twistd() -> list[str]:
    """The command that starts twistd: this environment's, else the system's (Debian calls it twistd3)."""
    beside = Path(sys.executable).with_name("twistd")
    if beside.exists():
        return [str(beside)]
    for name in ("twistd", "twistd3"):
        found = shutil.which(name)
        if found is not None:
            return [found]
    return [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]


class Knock(Protocol):
    """Connects and leaves."""

    def connectionMade(self) -> None:
        """That was all."""
        if self.transport is not None:
            self.transport.loseConnection()


class Daemon(ProcessProtocol):
    """The running proxy. `tell` gets each line that it prints, without the line's end."""

    transport: IProcessTransport

    def __init__(self, reactor: Reactor, tell: Callable[[str], None]) -> None:
        self._reactor = reactor
        self._tell = tell
        self._rest = b""
        self._waiting: list[Deferred[None]] = []
        self.status: str | None = None
        """How it ended, in words; None while it runs."""
        self.asked = False
        """Whether `stop` was called: an end after it is no surprise."""

    @classmethod
    def start(cls, reactor: Reactor, path: Path, tell: Callable[[str], None]) -> Daemon:
        """Run the proxy with the file at `path`; its working directory is the file's."""
        daemon = cls(reactor, tell)
        # A session of its own: Ctrl-C is for the demonstration, which then ends the proxy, once.
        apart = ["/usr/bin/setsid"] if Path("/usr/bin/setsid").exists() else []
        command = [*apart, *twistd(), "-n", "--pidfile=", "pumpproxy", "-c", str(path)]
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
        reactor.spawnProcess(daemon, command[0], command, env=env, path=str(path.parent))
        return daemon

    @property
    def pid(self) -> int | None:
        """The process; None once it has ended."""
        pid: int | None = self.transport.pid
        return pid

    async def serves(self, *ports: int) -> bool:
        """Wait until all these ports of the loopback address answer; False where the proxy ended instead."""
        for port in ports:
            if not await self._answers(port):
                return False
        return True

    async def ended(self) -> None:
        """Wait until it has ended, for whatever reason."""
        if self.status is None:
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting

    async def stop(self) -> None:
        """Ask it to end, insist after a while, and return when it has ended."""
        self.asked = True
        if self.status is not None:
            return
        self._signal(signal.SIGTERM)
        insist = self._reactor.callLater(STOP_PATIENCE, self._signal, signal.SIGKILL)
        await self.ended()
        if insist.active():
            insist.cancel()

    def outReceived(self, data: bytes) -> None:
        """Pass on what it prints, whole lines at a time."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._tell(line.decode("utf-8", "replace"))

    def errReceived(self, data: bytes) -> None:
        """Both streams are one to the reader."""
        self.outReceived(data)

    def processExited(self, reason: Failure) -> None:
        """Nothing yet: its last lines may still be on their way."""

    def processEnded(self, reason: Failure) -> None:
        """It has ended and said all it had to say."""
        if self._rest:
            self.outReceived(b"\n")
        self.status = reason.getErrorMessage()
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess(number)

    async def _answers(self, port: int) -> bool:
        endpoint = TCP4ClientEndpoint(self._reactor, LOOPBACK, port, timeout=1)
        for _ in range(START_ATTEMPTS):
            if self.status is not None:
                return False
            try:
                await endpoint.connect(Factory.forProtocol(Knock))
            except ConnectError:
                await deferLater(self._reactor, START_INTERVAL, lambda: None)
            else:
                return self.status is None
        return False

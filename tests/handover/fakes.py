"""What a hand-over is tried on: a reactor that runs no process, and a service that only notes what it is asked for."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock

if TYPE_CHECKING:
    from collections.abc import Collection

    from twisted.internet.interfaces import IReadDescriptor


class FakeReactor(MemoryReactorClock):
    """Its readers read when it turns; whether it was stopped is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped = 0
        self.reads: set[IReadDescriptor] = set()

    def addReader(self, reader: IReadDescriptor) -> None:
        """It reads from now on."""
        self.reads.add(reader)

    def removeReader(self, reader: IReadDescriptor) -> None:
        """And no more."""
        self.reads.discard(reader)

    def run(self) -> None:
        """It runs, and this goes on."""
        for call, words, named in self.whenRunningHooks:
            call(*words, **named)

    def end(self) -> None:
        """What is to be done before."""
        for call, words, named in self.triggers["before"]["shutdown"]:
            call(*words, **named)

    def stop(self) -> None:
        """Noted."""
        self.stopped += 1

    def turn(self) -> None:
        """Whoever reads looks once."""
        for reader in list(self.reads):
            reader.doRead()


class FakeService:
    """Serves nobody."""

    def __init__(self) -> None:
        self.running = 1
        self.told: list[object] = []
        self.sockets: list[tuple[str, int]] = [("pumpproxy-listening", 70), ("tls", 71)]
        self.ended: Deferred[None] = Deferred()

    def handed(self) -> list[tuple[str, int]]:
        """Numbers that nobody looks at."""
        return self.sockets

    def give_way(self, unwanted: Collection[int]) -> Deferred[None]:
        """Noted, with what is not wanted."""
        self.running = 0
        self.told.append(("give way", sorted(unwanted)))
        return self.ended

    def reload(self) -> bool:
        """Noted."""
        self.told.append("reload")
        return True


class FakeLaunch:
    """Starts nothing; `other` is the end of the channel that a successor would have."""

    def __init__(self) -> None:
        self.handed: list[list[str]] = []
        self.error: OSError | None = None
        self.other: socket.socket | None = None

    def start(self, handed: list[tuple[str, int]]) -> int:
        """The number of nobody's child."""
        if self.error is not None:
            raise self.error
        self.handed.append([name for name, _ in handed])
        self.other = socket.fromfd(handed[0][1], socket.AF_UNIX, socket.SOCK_STREAM)
        self.other.settimeout(10)
        return 1

    def says(self, line: str) -> None:
        """As the successor."""
        assert self.other is not None
        self.other.sendall(line.encode() + b"\n")

    def hears(self) -> str:
        """What it is told, to the end."""
        assert self.other is not None
        heard = b""
        while data := self.other.recv(100):
            heard += data
        return heard.decode()


class FakePidFile:
    """No file."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.error: OSError | None = None

    def step_aside(self) -> None:
        """Noted, or refused."""
        if self.error is not None:
            raise self.error
        self.told.append("aside")

    def come_back(self) -> None:
        """Noted."""
        self.told.append("back")


class FakeSupervisor:
    """Notes what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def main_pid(self, pid: int) -> None:
        """Noted."""
        self.told.append(pid)

    def silence(self) -> None:
        """Noted."""
        self.told.append("silence")

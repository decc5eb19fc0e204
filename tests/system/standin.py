"""A stand-in for systemd: starts a `twistd pumpproxy`, hears what it is told, keeps descriptors, starts a successor.

As systemd does it: only the main process is heard (`NotifyAccess=main`), one socket is kept once, one that hangs up is
kept no more, and the successor gets them in no order that it could rely on.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Self

from tests.system.daemon import PATIENCE, TWISTD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

BOOT = """
import fcntl, os, sys
given, *command = sys.argv[1:]
high = [fcntl.fcntl(int(number), fcntl.F_DUPFD_CLOEXEC, 100) for number in given.split()]
for index, number in enumerate(high):
    os.dup2(number, 3 + index)
os.environ.setdefault("LISTEN_PID", str(os.getpid()))
if "WATCHDOG_USEC" in os.environ:
    os.environ["WATCHDOG_PID"] = str(os.getpid())
os.execv(command[0], command)
"""
CREDENTIALS = struct.Struct("3i")


class StandIn:
    """One unit. `messages`: all that its main process said; `store`: what is kept, by name."""

    def __init__(self, folder: Path, text: str, *options: str, environ: Mapping[str, str] | None = None) -> None:
        self.path = folder / "proxy.ini"
        self.path.write_text(text)
        self.log_path = folder / "twistd.log"
        self._command = [TWISTD, "-n", "--pidfile=", "pumpproxy", "-c", str(self.path), *options]
        self._environ = dict(environ or {})
        self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ear.bind(str(folder / "notify"))
        self._ear.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._ear.setblocking(False)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self.main = 0
        self.messages: list[dict[str, str]] = []
        self.store: list[tuple[str, int]] = []
        self.life_sign = time.monotonic()
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        if self.process is not None:
            self.stop(signal.SIGKILL)
        self._closing.set()
        self._thread.join(PATIENCE)
        self._ear.close()
        for _, descriptor in self.store:
            os.close(descriptor)

    @property
    def log(self) -> str:
        """All that all of its processes said so far."""
        return self.log_path.read_text(errors="replace")

    @property
    def status(self) -> str:
        """The last one."""
        return next((said["STATUS"] for said in reversed(self.messages) if "STATUS" in said), "")

    @property
    def kept(self) -> list[str]:
        """The names of what is kept."""
        return sorted(name for name, _ in self.store)

    def start(self, *, given: tuple[tuple[str, int], ...] = ()) -> None:
        """A process, with all that is kept and what is `given` besides, and wait until it is ready."""
        handed = [*reversed(self.store), *given]
        descriptors = [descriptor for _, descriptor in handed]
        environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("LISTEN_", "WATCHDOG_"))},
            "NOTIFY_SOCKET": str(self.path.parent / "notify"),
            **self._listen_variables([name for name, _ in handed]),
            **self._environ,
        }
        command = [sys.executable, "-c", BOOT, " ".join(map(str, descriptors)), *self._command]
        heard = len(self.messages)
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environ, pass_fds=descriptors,
                cwd=self.path.parent,
            )  # fmt: skip
        self.main = self.process.pid
        self.wait_until(lambda: any("READY" in said for said in self.messages[heard:]))

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End its process, and wait for that; the exit status."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
        return self.process.returncode

    def restart(self, number: int = signal.SIGTERM) -> None:
        """End its process, and start the next."""
        self.stop(number)
        self.start()

    def reload(self, text: str) -> list[dict[str, str]]:
        """Write the file and send SIGHUP; what is said until it is ready again."""
        assert self.process is not None
        self.path.write_text(text)
        heard = len(self.messages)
        self.process.send_signal(signal.SIGHUP)
        self.wait_until(lambda: any("READY" in said for said in self.messages[heard:]))
        return self.messages[heard:]

    def wait_until(self, condition: Callable[[], object]) -> None:
        """Wait for a fact, while its process runs."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"{self.messages}\n{self.log}"
            assert self.process is not None
            assert self.process.poll() is None or condition(), f"it ended:\n{self.log}"
            time.sleep(0.01)

    def wait_for_silence(self, seconds: float) -> None:
        """Wait until it gave no sign of life for so long: the watchdog."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() - self.life_sign < seconds:
            assert time.monotonic() < end
            time.sleep(0.01)

    @staticmethod
    def _listen_variables(names: list[str]) -> dict[str, str]:
        return {"LISTEN_FDS": str(len(names)), "LISTEN_FDNAMES": ":".join(names)} if names else {}

    def _listen(self) -> None:
        room = socket.CMSG_SPACE(16 * 4) + socket.CMSG_SPACE(CREDENTIALS.size)
        while not self._closing.is_set():
            if select.select([self._ear], [], [], 0.05)[0]:
                data, ancillary, _, _ = self._ear.recvmsg(8192, room)
                descriptors, sender = [], 0
                for _, kind, content in ancillary:
                    if kind == socket.SCM_RIGHTS:
                        descriptors = [number for (number,) in struct.iter_unpack("i", content)]
                    elif kind == socket.SCM_CREDENTIALS:
                        sender = CREDENTIALS.unpack(content)[0]
                self._hear(sender, dict(line.split("=", 1) for line in data.decode().split("\n")), descriptors)
            self._look_after_store()

    def _hear(self, sender: int, said: dict[str, str], descriptors: list[int]) -> None:
        given = [] if sender != self.main else descriptors
        for descriptor in given:
            if "FDSTORE" not in said or any(_same(descriptor, kept) for _, kept in self.store):
                os.close(descriptor)
            else:
                self.store.append((said["FDNAME"], descriptor))
        if sender != self.main:
            for descriptor in descriptors:
                os.close(descriptor)
            return
        if "FDSTOREREMOVE" in said:
            self._drop({descriptor for name, descriptor in self.store if name == said["FDNAME"]})
        if "MAINPID" in said:
            self.main = int(said["MAINPID"])
        if "WATCHDOG" in said:
            self.life_sign = time.monotonic()
        else:
            self.messages.append(said)

    def _look_after_store(self) -> None:
        poll = select.poll()
        for _, descriptor in self.store:
            poll.register(descriptor, 0)
        self._drop({descriptor for descriptor, _ in poll.poll(0)})

    def _drop(self, gone: set[int]) -> None:
        self.store = [(name, descriptor) for name, descriptor in self.store if descriptor not in gone]
        for descriptor in gone:
            os.close(descriptor)


def _same(one: int, other: int) -> bool:
    return os.fstat(one).st_ino == os.fstat(other).st_ino

"""Datagrams to whoever supervises this process: sd_notify(3), and sd_pid_notify_with_fds(3) for descriptors.

Where nobody does (no NOTIFY_SOCKET), all of it is nothing; a message that cannot be sent is lost. May not: raise, wait
for long, or decide what is said and when.
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE = 0.25
"""Seconds that a message which must arrive waits for room in the queue; after a wait in vain the next waits no more."""
LONGEST = 2048
"""Bytes of a status: systemd throws a message of more than 4096 away."""


class Notifier:
    """What is said, a verb each. It keeps one socket, so that it can speak where descriptors have run out."""

    def __init__(self, address: str) -> None:
        """`address`: as in NOTIFY_SOCKET; a path, `@name` for an abstract socket, anything else for nobody."""
        self._socket = _connected(address)
        self._patient = True

    @classmethod
    def of_process(cls) -> Notifier:
        """To whoever started this process."""
        return cls(os.environ.get("NOTIFY_SOCKET", ""))

    @property
    def listened_to(self) -> bool:
        """Whether there is anybody to be told."""
        return self._socket is not None

    def ready(self, status: str) -> None:
        """It serves: after the start, and after a reload whatever came of it."""
        self._send(f"READY=1\nSTATUS={_line(status)}")

    def reloading(self) -> None:
        """A reload begins; `ready` ends it. `Type=notify-reload` wants the time of it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={_line(text)}", wait=False)

    def stopping(self, status: str, seconds: float) -> None:
        """The end begins, and takes so long at most, whatever the unit's TimeoutStopSec= is."""
        self._send(f"STOPPING=1\nEXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}\nSTATUS={_line(status)}")

    def alive(self) -> None:
        """For the unit's WatchdogSec=."""
        self._send("WATCHDOG=1", wait=False)

    def main_pid(self, pid: int) -> None:
        """Another process is the service from now on."""
        self._send(f"MAINPID={pid}")

    def store(self, name: str, descriptors: Sequence[int]) -> None:
        """Keep these for the next process of this service, by this name (without `:`); they stay ours, too."""
        self._send(f"FDSTORE=1\nFDNAME={name}", descriptors)

    def forget(self, name: str) -> None:
        """Keep those of this name no more."""
        self._send(f"FDSTOREREMOVE=1\nFDNAME={name}")

    def silence(self) -> None:
        """Say nothing any more: another speaks for the service."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, message: str, descriptors: Sequence[int] = (), *, wait: bool = True) -> None:
        if self._socket is None:
            return
        try:
            self._socket.settimeout(PATIENCE if wait and self._patient else 0)
            socket.send_fds(self._socket, [message.encode("utf-8", "replace")], descriptors)
            self._patient = True
        except TimeoutError:
            self._patient = False
        except OSError:
            # The queue is full and nobody waits, systemd begins anew, a descriptor is none: nothing to be done.
            pass


def _connected(address: str) -> socket.socket | None:
    if not address.startswith(("/", "@")):
        return None
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        # Connected, it can be waited for: room in a queue is known of a peer only.
        sock.connect(f"\0{address[1:]}" if address.startswith("@") else address)
    except (OSError, ValueError):
        sock.close()
        return None
    return sock


def _line(text: str) -> str:
    """Without what would end the assignment or mislead a terminal, and short enough."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return plain.encode("utf-8", "replace")[:LONGEST].decode("utf-8", "ignore")

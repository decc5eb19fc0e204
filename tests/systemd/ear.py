"""The other end of NOTIFY_SOCKET, as systemd has it: messages and the descriptors that come with them."""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

_SERIAL = count()


@dataclass
class Message:
    """One datagram: its assignments, and what came with it."""

    said: dict[str, str]
    descriptors: list[int] = field(default_factory=list)


class Ear:
    """Listens at `address`, a path in `folder` or (None) an abstract name; closes what it was given."""

    def __init__(self, folder: Path | None) -> None:
        self.address = f"@pumpproxy-test-{os.getpid()}-{next(_SERIAL)}" if folder is None else str(folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address.replace("@", "\0", 1) if folder is None else self.address)
        self._socket.setblocking(False)
        self._given: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._socket.close()
        for descriptor in self._given:
            os.close(descriptor)

    def fileno(self) -> int:
        """To wait for the next."""
        return self._socket.fileno()

    def heard(self) -> list[Message]:
        """All that was said since the last time."""
        messages = []
        with contextlib.suppress(BlockingIOError):
            while True:
                data, descriptors, _, _ = socket.recv_fds(self._socket, 8192, 16)
                self._given += descriptors
                pairs = (line.partition("=") for line in data.decode().split("\n"))
                messages.append(Message({key: value for key, _, value in pairs}, descriptors))
        return messages

    def said(self) -> list[dict[str, str]]:
        """The assignments of all of them."""
        return [message.said for message in self.heard()]

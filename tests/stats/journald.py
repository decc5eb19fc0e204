"""What stands for journald: it reads entries as systemd's documentation of the native protocol says."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def read_entry(datagram: bytes) -> dict[str, str]:
    """The fields of one; fails where it is none."""
    found: dict[str, str] = {}
    while datagram:
        line, feed, rest = datagram.partition(b"\n")
        assert feed, "the last field has no end"
        name, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(rest[:8], "little")
            value, rest = rest[8 : 8 + size], rest[8 + size :]
            assert len(value) == size
            assert rest[:1] == b"\n", "a binary value has no end"
            rest = rest[1:]
        assert name.decode("ascii") not in found
        found[name.decode("ascii")] = value.decode("utf-8")
        datagram = rest
    return found


class Journald:
    """A socket at a path, whose queue the kernel bounds as it bounds journald's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)

    def waiting(self) -> list[bytes]:
        """All datagrams that are there now."""
        found = []
        while True:
            try:
                found.append(self.socket.recv(1 << 20))
            except BlockingIOError:
                return found

    def entries(self) -> list[dict[str, str]]:
        """The same, read."""
        return [read_entry(datagram) for datagram in self.waiting()]

    def close(self) -> None:
        """Be gone, the path too."""
        self.socket.close()
        self.path.unlink()

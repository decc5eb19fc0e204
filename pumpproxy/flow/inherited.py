"""Listening sockets that this process was started with: systemd's own, those that it kept, or its predecessor's.

All come by systemd's protocol, sd_listen_fds_with_names(3). May not: open a socket, or decide whether one is wanted.
"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from pumpproxy.model import TcpAddress, UnixAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

FIRST_INHERITED = 3
"""The first descriptor: SD_LISTEN_FDS_START."""


def start_environment() -> dict[str, str]:
    """The environment that the process was started with: who runs in it may change os.environ, and Twisted does."""
    try:
        entries = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:
        return dict(os.environ)
    pairs = (os.fsdecode(entry).partition("=") for entry in entries if entry)
    return {key: value for key, _, value in pairs}


def inherited() -> dict[str, list[int]]:
    """The descriptors that were handed over, by name, in their order; no child of ours gets them.

    Not from os.environ: importing Twisted's endpoints takes LISTEN_PID and LISTEN_FDS out of it.
    """
    environ = start_environment()
    # A child that inherited our environment, but not the descriptors, must not take them for its own.
    if environ.get("LISTEN_PID") != str(os.getpid()) or not environ.get("LISTEN_FDS", "").isdigit():
        return {}
    count = int(environ["LISTEN_FDS"])
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, list[int]] = {}
    for index in range(count):
        name = names[index] if index < len(names) and names[index] else "unknown"
        found.setdefault(name, []).append(FIRST_INHERITED + index)
        with contextlib.suppress(OSError):
            os.set_inheritable(FIRST_INHERITED + index, False)
    return found


class Inherited:
    """What is there to be taken, once each by its address; by its name as often as is liked."""

    def __init__(self, by_name: Mapping[str, list[int]], *, shared: bool = False) -> None:
        """`by_name`: as `inherited()` finds them; they are this object's.

        `shared`: another process still accepts from them, and gives way later.
        """
        self.shared = shared
        self.unwanted: list[int] = []
        """What `others` gave away."""
        self._names: WeakKeyDictionary[socket.socket, str] = WeakKeyDictionary()
        self._by_name = {name: list(descriptors) for name, descriptors in by_name.items()}

    def named(self, name: str) -> list[int]:
        """Those of this name, which stay here: whoever wants one makes a duplicate."""
        return self._by_name.get(name, [])

    def pop(self, name: str) -> int | None:
        """The first of this name, which is the caller's then."""
        descriptors = self._by_name.get(name)
        return descriptors.pop(0) if descriptors else None

    def rest(self) -> list[tuple[str, int]]:
        """All that are left, with their names; they stay here."""
        return [(name, descriptor) for name, descriptors in self._by_name.items() for descriptor in descriptors]

    def close(self) -> None:
        """Close all that are left."""
        _close([descriptor for _, descriptor in self.rest()])
        self._by_name = {}

    def take(self, address: TcpAddress | UnixAddress) -> socket.socket | None:
        """The one that listens on exactly this address; it is the caller's then. None where there is none.

        Kept sockets come back in no certain order, and names of theirs say little: the address is what tells them.
        """
        for name, descriptors in self._by_name.items():
            for descriptor in descriptors:
                sock = _listening(descriptor)
                if sock is not None and _is_at(sock, address):
                    descriptors.remove(descriptor)
                    sock.setblocking(False)
                    sock.set_inheritable(False)
                    self._names[sock] = name
                    return sock
                if sock is not None:
                    sock.detach()
        return None

    def name_of(self, sock: socket.socket) -> str | None:
        """The name by which it came, if it was taken here."""
        return self._names.get(sock)

    def others(
        self, wanted: Collection[TcpAddress | UnixAddress], owned: Callable[[str], bool]
    ) -> list[tuple[str, socket.socket | None]]:
        """Those by such names that listen on none of these addresses; they are the caller's then.

        Without a socket: a name of something that does not listen. That is left alone, whatever it is.
        """
        found: list[tuple[str, socket.socket | None]] = []
        for name in [name for name in self._by_name if owned(name)]:
            for descriptor in self._by_name.pop(name):
                sock = _listening(descriptor)
                if sock is not None and any(_is_at(sock, address) for address in wanted):
                    sock.detach()
                    self._by_name.setdefault(name, []).append(descriptor)
                else:
                    found.append((name, sock))
                    self.unwanted.append(descriptor)
        return found


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def _listening(descriptor: int) -> socket.socket | None:
    """It as a socket that does not close it, where it listens; whoever does not keep it must `detach`."""
    try:
        sock = socket.socket(fileno=descriptor)
    except OSError:
        return None
    try:
        if sock.type == socket.SOCK_STREAM and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return sock
    except OSError:
        pass
    sock.detach()
    return None


def _is_at(sock: socket.socket, address: TcpAddress | UnixAddress) -> bool:
    if isinstance(address, UnixAddress):
        return sock.family == socket.AF_UNIX and sock.getsockname() == address.path
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    both = sock.family == socket.AF_INET6 and not sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    wanted = ("::", True) if address.host == "*" else (address.host, False)
    host, port = sock.getsockname()[:2]
    return ((host, both), port) == (wanted, address.port)

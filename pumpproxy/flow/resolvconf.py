"""The system's own files about names, /etc/resolv.conf and /etc/hosts: read anew whenever they have changed.

A change is seen by a look at the file's inode, at each question. What is missing, unreadable or no plain file counts
as empty, as it does for the C library. May not: ask a nameserver.
"""

from __future__ import annotations

import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from pumpproxy.wire.resolvconf import ResolvConf, read_hosts, read_resolv_conf

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class _Followed(Generic[T]):
    """One file, and what was made of it."""

    def __init__(self, path: str, read: Callable[[str], T]) -> None:
        self._path = Path(path)
        self._read = read
        self._seen: tuple[int, ...] | None = ()
        self._value: T

    def value(self) -> T:
        """As the file is now."""
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            try:
                # Some tools write Latin-1 comments; the names are ASCII in any case.
                text = self._path.read_text("latin-1") if seen is not None else ""
            except OSError:
                text = ""
            self._value = self._read(text)
        return self._value

    def _look(self) -> tuple[int, ...] | None:
        """What tells one state of the file from another; None where there is nothing to read."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        # Reading a FIFO would wait for a writer.
        return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size) if stat.S_ISREG(found.st_mode) else None


class _Hosts:
    """A hosts file, and what it has for the names that somebody asked for."""

    def __init__(self, text: str) -> None:
        self._text = text.lower()
        self._found: dict[str, tuple[str, ...]] = {}

    def addresses(self, name: str) -> tuple[str, ...]:
        """Those of this name."""
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = read_hosts(self._text, name)
        return found


class SystemFiles:
    """Both files as they are now."""

    def __init__(self, resolv_conf: str = "/etc/resolv.conf", hosts: str = "/etc/hosts") -> None:
        self._resolv_conf = _Followed(resolv_conf, lambda text: read_resolv_conf(text, socket.gethostname()))
        self._hosts = _Followed(hosts, _Hosts)

    def resolv_conf(self) -> ResolvConf:
        """Whom to ask, and how."""
        return self._resolv_conf.value()

    def addresses(self, name: str) -> tuple[str, ...]:
        """What the hosts file has for a name."""
        return self._hosts.value().addresses(name)

"""Which listening sockets live on without this process: those in systemd's FD store, and those of .socket units.

systemd hands both to the next process of the service. May not: open, close or accept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from pumpproxy.places import InheritedAddress

if TYPE_CHECKING:
    import socket

    from pumpproxy.places import BindAddress
    from pumpproxy.systemd.notify import Notifier

PREFIX = "pumpproxy-"
LONGEST = 255
"""Characters of a name: systemd's FDNAME_MAX."""


def name_in_store(bind: BindAddress) -> str:
    """The name of this address's socket: `pumpproxy-*,443`. A FDNAME is ASCII, and has no colon."""
    return (PREFIX + quote(str(bind), safe="/:*[]").replace(":", ","))[:LONGEST]


def is_in_store(name: str) -> bool:
    """Whether a socket of this name comes from the store. A unit `pumpproxy-tls.socket` is no such name."""
    return name.startswith(PREFIX) and "," in name


class Store:
    """What systemd keeps, by its `bind`. Without systemd it keeps nothing."""

    def __init__(self, notifier: Notifier, *, heard: bool = True) -> None:
        """`heard`: this process is the main one; else nothing is said before `tell_all`."""
        self._notifier = notifier
        self._heard = heard
        self._kept: dict[BindAddress, socket.socket] = {}
        self._of_units: dict[BindAddress, str] = {}

    def keep(self, bind: BindAddress, sock: socket.socket, came_as: str | None) -> None:
        """Let it live on; `came_as`: the name that it was handed over by, if it was. A unit's does so by itself."""
        if isinstance(bind, InheritedAddress) or (came_as is not None and not is_in_store(came_as)):
            self._of_units[bind] = came_as or str(bind)
        elif self._notifier.listened_to:
            self._kept[bind] = sock
            if self._heard:
                self._notifier.store(name_in_store(bind), [sock.fileno()])

    def lives_on(self, bind: BindAddress) -> bool:
        """Whether the next process finds it, with who waits in its backlog."""
        return bind in self._kept or bind in self._of_units

    def forget(self, bind: BindAddress) -> bool:
        """It is not to live on. False where that is not for us to say, or it did not in the first place."""
        self._of_units.pop(bind, None)
        if self._kept.pop(bind, None) is None:
            return False
        self._notifier.forget(name_in_store(bind))
        return True

    def owns(self, name: str) -> bool:
        """Whether what was handed over by this name is for us to end."""
        return is_in_store(name)

    def let_go(self, name: str) -> None:
        """What came by this name is not wanted any more."""
        self._notifier.forget(name)

    def called(self, bind: BindAddress) -> str:
        """The name by which a successor is to get it, so that it knows what this process knows."""
        return self._of_units.get(bind) or name_in_store(bind)

    def tell_all(self) -> None:
        """From now on this process is the main one."""
        self._heard = True
        for bind, sock in self._kept.items():
            self._notifier.store(name_in_store(bind), [sock.fileno()])

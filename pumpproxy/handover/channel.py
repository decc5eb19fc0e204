"""Lines of text between a process and its successor, over a pair of sockets; how either notices the other's end.

    pid NUMBER                  the successor, as long as it has not said that it serves
    fault TEXT                  why it will not
    serving NUMBER [NUMBER...]  it serves, as this process; what it was handed and has no use for
    main                        the predecessor: this is the main process now
    over                        ... or: it is given up

May not: know what follows from a line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from twisted.python.failure import Failure

    from pumpproxy.interfaces import Reactor


@implementer(IReadDescriptor)
class Channel:
    """One end. Owns its socket."""

    def __init__(
        self, reactor: Reactor, sock: socket.socket, told: Callable[[str], None], ended: Callable[[], None]
    ) -> None:
        """`told`: called with each line; `ended`: when the other end is gone, once, unless this one was closed."""
        self._reactor = reactor
        self._socket = sock
        self._told = told
        self._ended = ended
        self._rest = b""
        sock.setblocking(False)

    def open(self) -> None:
        """Read from now on."""
        self._reactor.addReader(self)

    def say(self, *words: object) -> None:
        """Send a line. Whether anybody hears it shows when it is read."""
        line = " ".join(map(str, words)).replace("\n", " ")
        try:
            self._socket.send(f"{line}\n".encode(errors="surrogateescape"))
        except OSError:
            return

    def close(self) -> None:
        """No more either way."""
        if self._socket.fileno() >= 0:
            self._reactor.removeReader(self)
            self._socket.close()

    # For the reactor

    def fileno(self) -> int:
        """Its descriptor; -1 once closed."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """Whose events these are."""
        return "hand-over"

    def connectionLost(self, reason: Failure) -> None:  # noqa: ARG002 - the reactor's
        """The reactor is at its end, or gives it up after a defect."""
        self.close()

    def doRead(self) -> None:
        """Lines came, or the end."""
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            self._ended()
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if self.fileno() >= 0:
                self._told(line.decode(errors="replace"))

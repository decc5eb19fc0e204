"""The seams: what one room asks of another, as narrow as it can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.internet.interfaces import (
    IReactorCore,
    IReactorFDSet,
    IReactorTCP,
    IReactorThreads,
    IReactorTime,
    IReactorUNIX,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from twisted.internet import protocol

    from pumpproxy.places import BindAddress, ServerAddress
    from pumpproxy.policy.attempts import ConnectFailure
    from pumpproxy.policy.records import SessionRecord


class ISessionSink(Protocol):
    """Who is told of every ended connection and request, once each. May not raise, and may not block."""

    wants_records: bool
    """Where it does not, whoever would tell it may spare the record."""

    def ended(self, record: SessionRecord) -> None:
        """A connection (`SessionRecord`) or a request (`RequestRecord`) is over."""


class IRelay(Protocol):
    """Bytes going both ways between two established connections, until both are over."""

    def abort(self) -> None:
        """Reset both connections now."""


class IDial(Protocol):
    """One attempt to connect to a server, over the address and by the way that its clients take."""

    def connect(self, address: ServerAddress, timeout: float) -> None:
        """Start; may end from within this call."""

    def cancel(self) -> None:
        """Give up at once, silently."""


class Dialling(Protocol):
    """Makes attempts."""

    def __call__(self, build: Callable[[], protocol.Protocol], failed: Callable[[ConnectFailure], None]) -> IDial:
        """One, of which exactly one follows: `build` is called, `failed` is, or it was cancelled."""


class IProbe(Protocol):
    """One check of one server, under way; its result is told once."""

    def cancel(self) -> None:
        """Give up at once: nothing is told any more."""


class ISocketStore(Protocol):
    """Where listening sockets live on, for the next process of this service."""

    def keep(self, bind: BindAddress, sock: socket.socket, came_as: str | None) -> None:
        """Let this one live on; `came_as`: the name by which it was handed over to this process, if it was."""

    def lives_on(self, bind: BindAddress) -> bool:
        """Whether it does: then who waits in its backlog is the next process's."""

    def forget(self, bind: BindAddress) -> bool:
        """It is to live on no more; whether it has to be ended for others, too."""

    def owns(self, name: str) -> bool:
        """Whether a socket that was handed over by this name is from here, and not its giver's own."""

    def called(self, bind: BindAddress) -> str:
        """The name by which another process is to get it, and to know of it what this one knows."""

    def let_go(self, name: str) -> None:
        """Nobody wants what came by this name any more."""


class Expiring(Protocol):
    """Something that must be looked at again at some time; see `flow.idle.Sweep`."""

    tick: int
    """The sweep's: where it keeps this. `idle.NOWHERE` to begin with."""

    def deadline(self) -> float | None:
        """When, in the sweep's seconds, given all that is known now; None: never."""

    def expired(self, now: float) -> None:
        """The deadline has passed. Whoever wants another look says so by `Sweep.watch`."""


class Reactor(
    IReactorCore,
    IReactorFDSet,
    IReactorThreads,
    IReactorTCP,
    IReactorTime,
    IReactorUNIX,
):
    """What is asked of the reactor; epoll, poll and select all have it."""

"""What a session wants done next: an imperative, as a value. `flow.front` is one exhaustive match over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pumpproxy.policy.attempts import Attempt
    from pumpproxy.policy.queue import Ticket


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Read no more from the client until the relay starts."""


class Connect(NamedTuple):
    """Connect as `attempt` says; tell `connected` or `connect_failed`."""

    attempt: Attempt


class Await(NamedTuple):
    """Wait in a queue; tell `served` once the ticket is."""

    ticket: Ticket


class StartRelay(NamedTuple):
    """Send `header` and `preamble` to the server, then relay."""

    preamble: bytes
    """What the client has sent so far."""
    client_finished: bool
    """It has closed its half already."""
    header: bytes = b""
    """Of the PROXY protocol: ours, and not counted as the client's."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Give the client these last words (b"" for none), see that they arrive, close."""

    reply: bytes


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the client's connection."""


@dataclass(frozen=True, slots=True)
class Abandon:
    """The client is gone, or not worth a word: cancel what is under way, close."""


Step = Wait | Pause | Connect | Await | StartRelay | Refuse | Reset | Abandon

WAIT = Wait()
PAUSE = Pause()
RESET = Reset()
ABANDON = Abandon()

"""Who is read from, and what is kept of a client that is ahead: one exchange holds no more than a few buffers.

May not: know what the bytes mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.policy import httpsteps

if TYPE_CHECKING:
    from pumpproxy.policy.httpsteps import HttpStep
    from pumpproxy.policy.transaction import Transaction

MAX_PIPELINED = 64 * 1024
"""Bytes kept of what a client sends ahead of an answer; then its reading pauses (Twisted's own buffer size)."""


class Pressure:
    """Of one client's connection, and of the server's that it has for the present."""

    __slots__ = ("_client_paused", "_held", "_held_size", "_server_paused", "client_full", "unwanted")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._held_size = 0
        self._client_paused = False
        self._server_paused = False
        self.client_full = False
        """The client does not take what it was sent."""
        self.unwanted = False
        """The client sends what nobody will read."""

    def hold(self, data: bytes) -> None:
        """Keep the bytes of a later request."""
        if data:
            self._held.append(data)
            self._held_size += len(data)

    def take_held(self) -> bytes:
        """What was kept, in order; nothing is kept any more."""
        held = b"".join(self._held)
        self._held = []
        self._held_size = 0
        return held

    def adjust(self, transaction: Transaction | None, steps: list[HttpStep]) -> None:
        """Append the steps that pause or resume whoever is to be read differently from now on."""
        pause = self._held_size > MAX_PIPELINED or self.unwanted
        if transaction is None or not transaction.up.connected:
            # Another server's connection begins unpaused.
            self._server_paused = False
        if transaction is not None:
            pause = pause or transaction.up.holds_much
            if transaction.up.connected and self.client_full is not self._server_paused:
                self._server_paused = self.client_full
                steps.append(httpsteps.PAUSE_SERVER if self._server_paused else httpsteps.RESUME_SERVER)
        if pause is not self._client_paused:
            self._client_paused = pause
            steps.append(httpsteps.PAUSE_CLIENT if pause else httpsteps.RESUME_CLIENT)

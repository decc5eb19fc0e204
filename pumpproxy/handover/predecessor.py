"""Being a successor: whoever started this process hears what becomes of it, and gives way once it serves.

May not: serve.
"""

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING

from twisted.logger import Logger

from pumpproxy.flow.inherited import FIRST_INHERITED
from pumpproxy.handover.appending import append
from pumpproxy.handover.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pumpproxy.interfaces import Reactor

PREDECESSOR = "pumpproxy-predecessor"
"""The name of the descriptor that leads to it."""


class Predecessor:
    """The process that is to give way; nobody, where a service was started and not handed over."""

    log = Logger()

    def __init__(self, reactor: Reactor, descriptor: int | None) -> None:
        """`descriptor`: what leads to it, by the name PREDECESSOR; owned from now on."""
        self._reactor = reactor
        self.main: Callable[[], None] = lambda: None
        """Called when this process is the main one: without a predecessor, as soon as the reactor runs."""
        self._channel: Channel | None = None
        if descriptor is not None:
            self._channel = Channel(reactor, socket.socket(fileno=descriptor), self._told, self._follow)
            _heed_the_terminal()

    def fault(self, text: str) -> None:
        """Say why this process will not serve."""
        if self._channel is not None:
            self._channel.say("fault", text)

    def serve(self, unwanted: Iterable[int]) -> None:
        """Say that this process serves, once the reactor runs; `unwanted` was handed over, and is closed again."""
        places = [descriptor - FIRST_INHERITED for descriptor in unwanted]
        self._reactor.callWhenRunning(self._serve, places)

    def _serve(self, places: list[int]) -> None:
        if self._channel is None:
            self.main()
        else:
            append()
            self._channel.open()
            self._channel.say("serving", os.getpid(), *places)
            # It may have given this process up long ago.
            self._channel.doRead()

    def _told(self, line: str) -> None:
        if line == "main":
            self._follow()
        elif line == "over":
            self.log.error("hand-over: the predecessor serves on, and this process ends")
            self._leave()
            self._reactor.stop()

    def _follow(self) -> None:
        """It gives way; or it is gone without a word, and nobody else is left to serve."""
        self._leave()
        self.log.info("hand-over: process {own} is the main one now", own=os.getpid())
        self.main()

    def _leave(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None


def _heed_the_terminal() -> None:
    """A shell has what it starts in the background ignore these two, and so would we."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)

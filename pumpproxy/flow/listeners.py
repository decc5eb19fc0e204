"""All listeners of the service: opened for a Config, and made to follow it.

New ones are opened before anything else happens, so that one that cannot be opened changes nothing; those that are
gone serve who waits in their backlog, and close. May not: read a file, or decide whether a Config is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from pumpproxy.flow.inherited import OURS
from pumpproxy.flow.listener import Listener
from pumpproxy.flow.sockets import NOTHING, ListenError, close_socket, open_sockets
from pumpproxy.model import InheritedAddress

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection

    from pumpproxy.flow.environment import Environment
    from pumpproxy.flow.inherited import Inherited
    from pumpproxy.flow.listener import BuildProtocol, Shorten
    from pumpproxy.model import BindAddress, Config

    Opened = dict[BindAddress, list[socket.socket]]

LISTENING = f"{OURS}listening"
"""What a successor knows our sockets by; it takes them by their addresses."""


def _binds(config: Config) -> dict[BindAddress, str]:
    """Every address, and the frontend that it belongs to."""
    return {bind: frontend.name for frontend in config.frontends for bind in frontend.binds}


class Listeners:
    """Listeners by their `bind`. An address that stays keeps its socket, whatever else of its frontend changes."""

    log = Logger()

    def __init__(
        self,
        environment: Environment,
        build: BuildProtocol,
        shorten: Shorten | None = None,
        inherited: Inherited = NOTHING,
    ) -> None:
        """`inherited`: sockets that are there already, and are taken where a `bind` wants them."""
        self._environment = environment
        self._inherited = inherited
        self._build = build
        self._shorten = shorten
        self._by_bind: dict[BindAddress, list[Listener]] = {}

    def open(self, config: Config) -> Opened:
        """Sockets for the addresses of `config` that are not open yet. Raises ListenError, with none left open."""
        opened: Opened = {}
        try:
            for bind in _binds(config):
                if bind not in self._by_bind:
                    opened[bind] = open_sockets(bind, self._inherited)
        except ListenError:
            for sock in (sock for sockets in opened.values() for sock in sockets):
                close_socket(sock)
            raise
        return opened

    def adopt(self, opened: Opened) -> None:
        """Take these sockets over; they belong to frontends of the runtime's Config. `follow` lets them accept."""
        runtime = self._environment.runtime
        owners = _binds(runtime.config)
        for bind, sockets in opened.items():
            frontend = runtime.frontends[owners[bind]]
            self._by_bind[bind] = [
                Listener(self._environment, bind, sock, frontend, self._build, self._shorten) for sock in sockets
            ]

    def follow(self) -> None:
        """Serve what the runtime's Config says, and nothing else."""
        runtime = self._environment.runtime
        owners = _binds(runtime.config)
        gone = [self._by_bind.pop(bind) for bind in list(self._by_bind) if bind not in owners]
        for bind, listeners in self._by_bind.items():
            for listener in listeners:
                listener.serve(runtime.frontends[owners[bind]])
                if listener.started:
                    listener.resume()
                else:
                    self._start(listener)
        for listener in (listener for listeners in gone for listener in listeners):
            self._retire(listener, drain=True)

    def close(self, *, drain: bool) -> None:
        """Close all; `drain`: who waits in a backlog is served first."""
        for listener in (listener for listeners in self._by_bind.values() for listener in listeners):
            self._retire(listener, drain=drain)
        self._by_bind = {}

    def handed(self) -> list[tuple[str, int]]:
        """What a successor is to have, by name: the listening sockets, and what systemd handed over."""
        listeners = (
            listener
            for bind, listeners in self._by_bind.items()
            if not isinstance(bind, InheritedAddress)  # a duplicate: the one handed over goes
            for listener in listeners
        )
        return [(LISTENING, listener.fileno()) for listener in listeners] + self._inherited.rest()

    def give_way(self, unwanted: Collection[int]) -> None:
        """A successor accepts in our place, so that whoever waits in a backlog is its own.

        `unwanted`: descriptors of `handed` that it has no use for; who waits there is served.
        """
        for listener in (listener for listeners in self._by_bind.values() for listener in listeners):
            alone = listener.fileno() in unwanted
            self._retire(listener, drain=alone, shared=not alone)
        self._by_bind = {}
        self._inherited.close()

    def _start(self, listener: Listener) -> None:
        listener.start()
        declared = listener.frontend.declared
        self.log.info(
            "{name} ({mode}) listens on {bind}", name=declared.name, mode=declared.mode.value, bind=str(listener.bind)
        )

    def _retire(self, listener: Listener, *, drain: bool, shared: bool = False) -> None:
        listener.close(drain=drain, shared=shared)
        declared = listener.frontend.declared
        if declared.socket_stats:
            self.log.info(
                "{name} no longer listens on {bind}: {count} connections were accepted there",
                name=declared.name,
                bind=str(listener.bind),
                count=listener.accepted,
            )

"""All listeners of the service: opened for a Config, and made to follow it.

New ones are opened before anything else happens, so that one that cannot be opened changes nothing; those that are
gone serve who waits in their backlog, and close. May not: read a file, or decide whether a Config is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from pumpproxy.flow.listener import Listener
from pumpproxy.flow.sockets import (
    NOTHING,
    ListenError,
    close_socket,
    end_others,
    end_socket,
    leave_socket,
    open_sockets,
)
from pumpproxy.model import InheritedAddress

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Collection

    from pumpproxy.flow.environment import Environment
    from pumpproxy.flow.inherited import Inherited
    from pumpproxy.flow.listener import BuildProtocol, Shorten
    from pumpproxy.interfaces import ISocketStore
    from pumpproxy.model import BindAddress, Config

    Opened = dict[BindAddress, list[socket.socket]]


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
        store: ISocketStore,
        shorten: Shorten | None = None,
        inherited: Inherited = NOTHING,
    ) -> None:
        """`inherited`: sockets that are there already, taken where a `bind` wants them; `store`: where they live on."""
        self._environment = environment
        self._inherited = inherited
        self._store = store
        self._build = build
        self._shorten = shorten
        self._by_bind: dict[BindAddress, list[Listener]] = {}

    def open(self, config: Config) -> Opened:
        """Sockets for the addresses of `config` that are not open yet. Raises ListenError, with none left open."""
        opened: Opened = {}
        binds = _binds(config)
        # First: what is there already and not wanted any more may hinder what is wanted now (`*:443`, `127.0.0.1:443`).
        for name in end_others(self._inherited, binds, self._store.owns):
            self._store.let_go(name)
            self.log.info("{name}: a socket that was kept, and that no bind wants any more", name=name)
        try:
            for bind in binds:
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
            for sock in sockets:
                self._store.keep(bind, sock, self._inherited.name_of(sock))
            frontend = runtime.frontends[owners[bind]]
            self._by_bind[bind] = [
                Listener(self._environment, bind, sock, frontend, self._build, self._shorten) for sock in sockets
            ]

    def follow(self) -> None:
        """Serve what the runtime's Config says, and nothing else."""
        runtime = self._environment.runtime
        owners = _binds(runtime.config)
        gone = {bind: self._by_bind.pop(bind) for bind in list(self._by_bind) if bind not in owners}
        for bind, listeners in self._by_bind.items():
            for listener in listeners:
                listener.serve(runtime.frontends[owners[bind]])
                if listener.started:
                    listener.resume()
                else:
                    self._start(listener)
        for bind, listeners in gone.items():
            end = end_socket if self._store.forget(bind) else close_socket
            for listener in listeners:
                self._retire(listener, drain=True, end=end)

    def close(self, *, drain: bool) -> None:
        """Close all; `drain`: who waits in a backlog is served first, unless the next process will find it."""
        for bind, listeners in self._by_bind.items():
            lives_on = self._store.lives_on(bind)
            for listener in listeners:
                self._retire(listener, drain=drain and not lives_on, end=leave_socket if lives_on else close_socket)
        self._by_bind = {}

    def handed(self) -> list[tuple[str, int]]:
        """What a successor is to have, by name: the listening sockets, and what systemd handed over."""
        ours = [
            (self._store.called(bind), listener.fileno())
            for bind, listeners in self._by_bind.items()
            if not isinstance(bind, InheritedAddress)  # a duplicate: the one handed over goes
            for listener in listeners
        ]
        return ours + self._inherited.rest()

    def give_way(self, unwanted: Collection[int]) -> None:
        """A successor accepts in our place, so that whoever waits in a backlog is its own.

        `unwanted`: descriptors of `handed` that it has no use for; who waits there is served.
        """
        for bind, listeners in self._by_bind.items():
            for listener in listeners:
                alone = listener.fileno() in unwanted
                # Systemd hears another by now: shutting its copy down, too, makes it let go.
                end = (end_socket if self._store.forget(bind) else close_socket) if alone else leave_socket
                self._retire(listener, drain=alone, end=end)
        self._by_bind = {}
        self._inherited.close()

    def _start(self, listener: Listener) -> None:
        listener.start()
        declared = listener.frontend.declared
        self.log.info(
            "{name} ({mode}) listens on {bind}", name=declared.name, mode=declared.mode.value, bind=str(listener.bind)
        )

    def _retire(self, listener: Listener, *, drain: bool, end: Callable[[socket.socket], None]) -> None:
        listener.close(drain=drain, end=end)
        declared = listener.frontend.declared
        if declared.socket_stats:
            self.log.info(
                "{name} no longer listens on {bind}: {count} connections were accepted there",
                name=declared.name,
                bind=str(listener.bind),
                count=listener.accepted,
            )

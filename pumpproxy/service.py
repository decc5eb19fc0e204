"""The service: builds the tree, owns the Runtime, reloads on SIGHUP, and ends with grace.

The only place where the rooms meet. May not: read bytes, or decide what a connection does.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twisted.application.service import Service
from twisted.logger import Logger

from pumpproxy.checks.checker import Surroundings
from pumpproxy.checks.checkers import Checkers
from pumpproxy.checks.probes import Probes
from pumpproxy.config.diff import changes
from pumpproxy.config.load import waits_for_a_writer
from pumpproxy.config.problems import ConfigError
from pumpproxy.flow.descriptorbudget import DescriptorBudget, descriptor_limit
from pumpproxy.flow.dial import Dial
from pumpproxy.flow.environment import Environment
from pumpproxy.flow.farewell import Farewell
from pumpproxy.flow.fronts import build_front
from pumpproxy.flow.idle import Sweep
from pumpproxy.flow.listeners import Listeners
from pumpproxy.flow.poll import Poller
from pumpproxy.flow.relaykind import kind_for, load_fit
from pumpproxy.flow.resolve import Resolver
from pumpproxy.flow.sockets import NOTHING, ListenError
from pumpproxy.flow.straight import ShortWay
from pumpproxy.lastgood import LastGood
from pumpproxy.model import DnsAddress, OnDown, RelayKind, SrvAddress
from pumpproxy.policy.runtime import Runtime
from pumpproxy.stats.sink import AccessLog
from pumpproxy.systemd.supervision import Supervision

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from twisted.internet.defer import Deferred
    from twisted.internet.protocol import Protocol

    from pumpproxy.config.load import Loaded
    from pumpproxy.flow.inherited import Inherited
    from pumpproxy.flow.listeners import Opened
    from pumpproxy.interfaces import Reactor
    from pumpproxy.lastgood import Fallback
    from pumpproxy.model import Config
    from pumpproxy.policy.attempts import ConnectFailure
    from pumpproxy.policy.names import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a service is started with, beside what its file says."""

    path: str
    """The file, which a reload reads again."""
    grace: float = 0.0
    """Seconds that running connections have at the end."""
    handover_grace: float = 3600.0
    """The same, once a successor serves."""
    inherited: Inherited = NOTHING
    """Listening sockets that are there already."""
    last_good: Path | None = None
    """The directory in which what was good is kept; None: nowhere."""
    fallback: Fallback | None = None
    """Why what is served is not the file's."""


class ProxyService(Service):
    """One proxy. `listen` first, while still root; then Twisted starts and stops it."""

    log = Logger()

    def __init__(
        self,
        reactor: Reactor,
        loaded: Loaded,
        start: Start,
        *,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`loaded`: what `start.path` has, or what was kept of it."""
        self._reactor = reactor
        self._path = start.path
        self._loaded = loaded
        self._grace = start.grace
        self._handover_grace = start.handover_grace
        self.last_good = LastGood(reactor, start.last_good, start.fallback)
        self._sink = AccessLog(loaded.config, reactor)
        self._descriptors = DescriptorBudget(descriptor_limit())
        self.environment = Environment(
            reactor=reactor,
            now=now,
            wall=wall,
            runtime=Runtime(loaded.config, self._carried(loaded.config), random.getrandbits(63)),
            sweep=Sweep(reactor, now),
            resolver=Resolver(reactor),
            sink=self._sink,
        )
        self.environment.kept.most = self._descriptors.kept
        self._poller: Poller | None = None
        self._use_relay(loaded.config.relay)
        self.environment.resolver.found = self._follow_service
        self.supervision = Supervision(reactor, self.environment.runtime, main=not start.inherited.shared)
        store = self.supervision.store
        self._listeners = Listeners(self.environment, build_front, store, ShortWay, start.inherited)
        probes = Probes(reactor, self._dialling, now)
        self._checkers = Checkers(Surroundings(reactor, now, wall, probes.start, self.environment.went_down))
        self._farewell = Farewell(self.environment, self._checkers.stop)

    # The beginning

    def listen(self) -> None:
        """Open every `bind` of the file; nothing is accepted yet. Raises ListenError, with nothing left open."""
        self._listeners.adopt(self._listeners.open(self.config))

    def startService(self) -> None:
        """Accept."""
        super().startService()
        self._sink.start()
        for problem in self._loaded.warnings:
            self.log.warn("{problem}", problem=str(problem))
        config = self.config
        self._warn_of_descriptors()
        self._declare_names(config)
        self._checkers.follow(self.environment.runtime)
        self._listeners.follow()
        kind = RelayKind.PORTABLE if self.environment.poller is None else RelayKind.SPLICE
        self.log.info("relay: {kind}", kind=kind.value)
        routes = sum(len(frontend.routes) for frontend in config.frontends)
        self.log.info("serving {routes} routes of {path}", routes=routes, path=config.source)
        self.supervision.trouble = self.last_good.started(self._loaded)
        self.supervision.start()

    @property
    def config(self) -> Config:
        """The file in force."""
        return self.environment.runtime.config

    # Reload

    def reload(self) -> bool:
        """Read the file again and follow it; on any problem log all of them, and go on as before.

        Returns whether it was taken.
        """
        if not self.running:
            # Its listeners are closed, and stay so: the grace is for those who are here already.
            self.log.warn("reload ignored: the service is ending")
            return False
        with self.supervision.reload():
            return self._read_again()

    def _read_again(self) -> bool:
        if waits_for_a_writer(self._path):
            return self._refuse_reload([f"{self._path}: is not a plain file: reading it would stop everybody"])
        try:
            loaded = load_fit(self._path)
        except ConfigError as error:
            return self._refuse_reload(error.problems)
        difference = changes(self.config, loaded.config)
        if difference.needs_restart():
            return self._refuse_reload(difference.needs_restart())
        try:
            opened = self._listeners.open(loaded.config)
        except ListenError as error:
            return self._refuse_reload([f"{error}; a restart may be needed"])
        for problem in loaded.warnings:
            self.log.warn("{problem}", problem=str(problem))
        self._follow(loaded, opened)
        for line in difference.lines() or ["nothing changed"]:
            self.log.info("reload: {line}", line=line)
        return True

    def _refuse_reload(self, problems: Sequence[object]) -> bool:
        self.supervision.refused(problems)
        for problem in problems:
            self.log.error("{problem}", problem=str(problem))
        self.log.error("reload refused: {path} is not in force, the running configuration stays", path=self._path)
        return False

    def _follow(self, loaded: Loaded, opened: Opened) -> None:
        self._loaded = loaded
        self.last_good.took(loaded)
        before = self.config.maxconn
        self.environment.runtime.reload(loaded.config, self._carried(loaded.config))
        if self.config.maxconn != before:
            self._warn_of_descriptors()
        self._sink.declare(loaded.config)
        self._use_relay(loaded.config.relay)
        self._declare_names(loaded.config)
        self._checkers.follow(self.environment.runtime)
        self._listeners.adopt(opened)
        self._listeners.follow()

    def reopen(self) -> None:
        """Open log files by their names again: a SIGUSR1."""
        self._sink.reopen()

    # The end

    def stopService(self) -> Deferred[None]:
        """Accept no more, let connections finish for the grace time, then end those that are left."""
        super().stopService()
        self.supervision.stopping(self._grace)
        self._listeners.close(drain=self._grace > 0)
        return self._farewell.begin(self._grace).addCallback(self._gone)

    def cut_grace(self) -> None:
        """Wait for nobody any more: a second SIGTERM."""
        self._farewell.cut()

    def handed(self) -> list[tuple[str, int]]:
        """What a successor is to have: descriptors of listening sockets, by their names."""
        return self._listeners.handed()

    def give_way(self, unwanted: Collection[int]) -> Deferred[None]:
        """As `stopService`, to a successor that accepts already, with a grace of its own.

        `unwanted`: those of `handed` that it has no use for.
        """
        super().stopService()
        self._listeners.give_way(unwanted)
        # Only who waits for a server, or would be cut off from one that is DOWN, must know how servers are.
        self._checkers.keep(lambda pool: pool.waiting > 0 or pool.backend.on_down is OnDown.CLOSE)
        return self._farewell.begin(self._handover_grace).addCallback(self._gone)

    def _gone(self, _: None) -> Deferred[None]:
        self.supervision.stop()
        poller, self._poller = self._poller, None
        if poller is not None:
            poller.stop()
            self.environment.pipes.close()
        return self._sink.stop()

    # Limits, names, relays and checks

    def _dialling(self, build: Callable[[], Protocol], failed: Callable[[ConnectFailure], None]) -> Dial:
        """For checks: the way that connections take."""
        environment = self.environment
        dial = Dial(environment.reactor, environment.resolver, build, failed, environment.lean)
        dial.speaks = True
        return dial

    def _use_relay(self, wanted: RelayKind) -> None:
        """For connections from now on; those that run keep theirs."""
        if kind_for(wanted) is RelayKind.PORTABLE:
            self.environment.poller = None
            return
        if self._poller is None:
            self._poller = Poller(self._reactor, self.environment.now)
        self.environment.poller = self._poller

    def _carried(self, config: Config) -> int:
        checked = sum(server.check is not None for backend in config.backends for server in backend.servers)
        return self._descriptors.beside(checked)

    def _warn_of_descriptors(self) -> None:
        shortage = self._descriptors.shortage(self.config.maxconn)
        if shortage is not None:
            self.log.warn("{shortage}", shortage=shortage)

    def _follow_service(self, service: SrvAddress, endpoints: tuple[Endpoint, ...]) -> None:
        """DNS says where a service is."""
        self.environment.runtime.found(service, endpoints)
        if self.running:
            self._checkers.follow(self.environment.runtime)

    def _declare_names(self, config: Config) -> None:
        self.environment.resolver.declare(
            (
                server.address
                for backend in config.backends
                for server in backend.servers
                if isinstance(server.address, DnsAddress | SrvAddress)
            ),
            config.nameservers,
        )

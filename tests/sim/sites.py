"""Configurations of a made-up site: a first one, and others that grow out of it as an operator's edits would.

All that comes from here is what the reader of the file would have passed: names that are referred to are declared, an
http frontend leads to http backends and no other one does, no route stands twice.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

from pumpproxy.model import (
    Action,
    Backend,
    Balance,
    Check,
    Config,
    ConnectionMode,
    CookieMode,
    ExactHost,
    ForwardFor,
    Frontend,
    HostPattern,
    Mode,
    PersistenceCookie,
    Redispatch,
    RegexHost,
    Route,
    Server,
    Target,
    TcpAddress,
    WildcardHost,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

NAMES = (
    "pump2.example.test",
    "www.example.test",
    "example.test",
    "deep.sub.example.test",
    "sub.example.test",
    "a.example.org",
    "update.googleapis.com",
)
"""Names that clients ask for; the first is that of most recorded hellos."""
_PATTERNS: tuple[HostPattern, ...] = (
    *(ExactHost(name) for name in NAMES),
    WildcardHost("example.test", apex=False),
    WildcardHost("example.test", apex=True),
    WildcardHost("sub.example.test", apex=True),
    WildcardHost("test", apex=False),
    WildcardHost("example.org", apex=False),
    RegexHost(r"pump[0-9]\..*"),
    RegexHost(r"(www|deep\.sub)\.example\.test"),
    RegexHost(r"[a-z.]*\.(org|com)"),
    RegexHost(r"www|a"),
    RegexHost(r"[0-9.]+"),
)
HOSTS = ("198.51.100.7", "203.0.113.9")
"""Where clients come from; the second one is trusted at times by http, and excepted at others."""
_SECOND = (ip_network("203.0.113.0/24"),)
_COOKIE = PersistenceCookie("SRV", CookieMode.INSERT)
_REDISPATCH: tuple[Redispatch | int, ...] = (Redispatch.NO, Redispatch.YES, Redispatch.YES, 1, 2, 3)
PROTOCOLS = ("h2", "http/1.1", "acme-tls/1")
PATHS = ("/", "/a", "/a/b", "/.well-known/acme-challenge/")


class Site:
    """Makes configurations whose frontends have one of `modes`."""

    def __init__(self, chance: random.Random, modes: Sequence[Mode]) -> None:
        self._chance = chance
        self._modes = modes
        self._ports = itertools.count(20000)
        self.narrow = chance.random() < 0.4
        """Few servers, with few places, and most names lead to one of them."""

    def first(self) -> Config:
        """A configuration to begin with."""
        backends = tuple(
            self._backend(f"b{number}", None) for number in range(2 if self.narrow else self._chance.randint(2, 4))
        )
        frontends = tuple(self._frontend(f"f{number}", backends) for number in range(self._chance.randint(1, 3)))
        return Config(frontends, backends, self._maxconn())

    def edited(self, config: Config) -> Config:
        """What an operator made of `config`; sometimes the same."""
        chance = self._chance
        if chance.random() < 0.15:
            return replace(config)
        kept = [backend for backend in config.backends if chance.random() > 0.1]
        backends = [self._backend(one.name, one) if chance.random() < 0.5 else one for one in kept]
        missing = [name for name in ("b0", "b1", "b2", "b3", "b4") if name not in {one.name for one in backends}]
        if missing and (len(backends) < 2 or chance.random() < 0.2):
            backends.append(self._backend(chance.choice(missing), None))
        remaining = [one for one in config.frontends if chance.random() > 0.1]
        frontends = [self._followed(one, tuple(backends)) for one in remaining]
        if not frontends or chance.random() < 0.2:
            frontends += self._added({one.name for one in frontends}, tuple(backends))
        return Config(tuple(frontends), tuple(backends), self._maxconn())

    def _maxconn(self) -> int | None:
        return self._chance.choice([None, None, 3, 20, 100])

    # Backends

    def _backend(self, name: str, old: Backend | None) -> Backend:
        chance = self._chance
        mode = old.mode if old is not None else self._backend_mode(name)
        servers = self._servers(old.servers if old is not None else ())
        often = 0.6 if self.narrow else 0.2
        named = [(host, chance.choice(servers).name) for host in NAMES if chance.random() < often]
        return Backend(
            name=name,
            mode=mode,
            servers=servers,
            use_server=tuple(named),
            forwardfor=chance.choice([None, None, ForwardFor(), ForwardFor("X-Client")]) if mode is Mode.HTTP else None,
            retries=chance.choice([0, 1, 2, 3, 3]),
            redispatch=chance.choice(_REDISPATCH),
            timeout_connect=chance.choice([0.4, 2.0, 5.0]),
            timeout_server=chance.choice([5.0, 20.0]),
            timeout_queue=chance.choice([0.3, 2.0, 10.0]),
            balance=chance.choice([Balance.ROUNDROBIN, *Balance]),
            hold=chance.random() < 0.4,
            slow_start=chance.choice([0.0, 0.0, 10.0]),
            cookie=_COOKIE if mode is Mode.HTTP and chance.random() < 0.5 else None,
        )

    def _backend_mode(self, name: str) -> Mode:
        """By name, so that there is always one of each kind that is needed."""
        modes = sorted({Mode.HTTP if mode is Mode.HTTP else Mode.TCP for mode in self._modes}, key=str)
        return modes[int(name[1:]) % len(modes)]

    def _servers(self, old: Sequence[Server]) -> tuple[Server, ...]:
        chance = self._chance
        kept = {one.name: one for one in old if chance.random() > 0.2}
        places: list[int | None] = [1, 1, 1, 2] if self.narrow else chance.choice([[None], [None, None, 1, 2, 4]])
        servers = []
        for number in range(chance.randint(1, 2 if self.narrow else 4)):
            name = f"s{number}"
            address = TcpAddress("192.0.2.1", next(self._ports))
            if name in kept and chance.random() > 0.2:
                address = kept[name].address  # type: ignore[assignment]  # all of ours are TcpAddresses
            maxconn = chance.choice(places)
            servers.append(
                Server(
                    name,
                    address,
                    weight=chance.choice([0, 1, 1, 1, 1, 1, 2, 5]),
                    disabled=chance.random() < 0.05,
                    drain=chance.random() < 0.05,
                    check=Check() if chance.random() < 0.6 else None,
                    maxconn=maxconn,
                    maxqueue=chance.choice([None, None, 0, 1, 2, 4]) if maxconn is not None else None,
                    backup=chance.random() < 0.15,
                    cookie=("A", "B", None, "C")[number],
                )
            )
        return tuple(servers)

    # Frontends

    def _followed(self, frontend: Frontend, backends: tuple[Backend, ...]) -> Frontend:
        """The frontend as it is, or edited; edited in any case where it would lead to what is gone."""
        there = {backend.name for backend in backends}
        used = {route.target for route in frontend.routes}
        used |= {frontend.no_sni, frontend.unknown_sni, frontend.not_tls, frontend.silent}
        names = {target for target in used if isinstance(target, str)}
        if frontend.default_backend is not None:
            names.add(frontend.default_backend)
        if names <= there and self._chance.random() < 0.5:
            return frontend
        mode = frontend.mode if self._chance.random() < 0.9 else None
        return self._frontend(frontend.name, backends, mode)

    def _added(self, taken: set[str], backends: tuple[Backend, ...]) -> list[Frontend]:
        free = [name for name in ("f0", "f1", "f2", "f3") if name not in taken]
        return [self._frontend(self._chance.choice(free), backends)] if free else []

    def _frontend(self, name: str, backends: tuple[Backend, ...], mode: Mode | None = None) -> Frontend:
        chance = self._chance
        mode = mode or chance.choice(list(self._modes))
        fitting = [one.name for one in backends if (one.mode is Mode.HTTP) == (mode is Mode.HTTP)]
        if not fitting:
            mode = Mode.TCP if mode is Mode.HTTP else Mode.HTTP
            fitting = [one.name for one in backends]
        frontend = Frontend(
            name=name,
            mode=mode,
            binds=(TcpAddress("192.0.2.9", next(self._ports)),),
            default_backend=chance.choice(fitting),
            maxconn=chance.choice([None, None, None, 4, 15]),
        )
        match mode:
            case Mode.TLS:
                return self._tls(frontend, fitting)
            case Mode.HTTP:
                return self._http(frontend, fitting)
            case Mode.TCP:
                return frontend

    def _tls(self, frontend: Frontend, backends: list[str]) -> Frontend:
        chance = self._chance
        plain: list[Target] = [Action.REJECT, Action.DROP, *backends]
        return replace(
            frontend,
            routes=self._routes(plain, [None, None, None, *PROTOCOLS], [""]),
            no_sni=chance.choice(plain),
            unknown_sni=chance.choice(plain),
            not_tls=chance.choice([*plain, Action.EXPLAIN, Action.EXPLAIN]),
            silent=chance.choice(plain),
            inspect_delay=chance.choice([0.5, 2.0, 5.0]),
        )

    def _http(self, frontend: Frontend, backends: list[str]) -> Frontend:
        chance = self._chance
        targets: list[Target] = [*backends, *backends, Action.REJECT, Action.DROP, Action.REDIRECT_HTTPS]
        return replace(
            frontend,
            routes=self._routes(targets, [None], ["", "", *PATHS]),
            default_backend=chance.choice([None, *backends, *backends]),
            forwardfor=chance.choice([None, ForwardFor(), ForwardFor("X-Real"), ForwardFor(networks=_SECOND)]),
            trusted_proxies=chance.choice([(), (), _SECOND]),
            connection=chance.choice([*ConnectionMode, ConnectionMode.KEEP_ALIVE]),
            timeout_client=chance.choice([4.0, 15.0]),
            timeout_http_request=chance.choice([2.0, 6.0]),
            timeout_http_keep_alive=chance.choice([1.0, 4.0]),
        )

    def _routes(
        self, targets: Sequence[Target], protocols: Sequence[str | None], paths: Sequence[str]
    ) -> tuple[Route, ...]:
        """No two of them for the same names, path and condition."""
        chance = self._chance
        routes: dict[object, Route] = {}
        for _ in range(chance.randint(0, 8)):
            host = chance.choice(_PATTERNS)
            route = Route(host, chance.choice(paths), chance.choice(protocols), chance.choice(targets))
            names = host.suffix if isinstance(host, WildcardHost) else host
            routes.setdefault((names, route.path, route.alpn), route)
        return tuple(routes.values())

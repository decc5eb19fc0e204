"""Short ways to write down what a file would declare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.model import (
    Backend,
    Config,
    ExactHost,
    Frontend,
    Mode,
    RegexHost,
    Route,
    Server,
    TcpAddress,
    WildcardHost,
)
from pumpproxy.policy.pool import Pool
from pumpproxy.policy.runtime import Runtime

if TYPE_CHECKING:
    from pumpproxy.model import HostPattern, Target

BIND = TcpAddress("127.0.0.1", 443)


def server(name: str, port: int = 8443, **fields: object) -> Server:
    """A server on the loopback address."""
    return Server(name, TcpAddress("127.0.0.1", port), **fields)  # type: ignore[arg-type]


def backend(*servers: Server | str, **fields: object) -> Backend:
    """A backend, called `b`; a server that is only a name has weight 1 and a port of its own."""
    whole = (one if isinstance(one, Server) else server(one, 8000 + index) for index, one in enumerate(servers))
    return Backend(**{"name": "b", "servers": tuple(whole)} | fields)  # type: ignore[arg-type]


def pool(*servers: Server | str, **fields: object) -> Pool:
    """The live side of such a backend."""
    return Pool(backend(*servers, **fields))


def host(text: str) -> HostPattern:
    """A pattern as the file writes it, for names that need no converting."""
    if text.startswith("~"):
        return RegexHost(text[1:])
    if text.startswith(("*.", ".")):
        return WildcardHost(text.removeprefix("*").removeprefix("."), apex=text.startswith("."))
    return ExactHost(text)


def route(pattern: str, target: Target, path: str = "", alpn: str | None = None) -> Route:
    """One `route` line."""
    return Route(host(pattern), path, alpn, target)


def config(*backends: Backend, **frontend: object) -> Config:
    """One `tls` frontend `f`, whose names all lead to the first backend unless its fields say otherwise."""
    default = backends[0].name
    fields: dict[str, object] = {
        "mode": Mode.TLS,
        "default_backend": default,
        "unknown_sni": default,
        "no_sni": default,
    }
    return Config((Frontend(**{"name": "f", "binds": (BIND,)} | fields | frontend),), backends)  # type: ignore[arg-type]


def runtime(*backends: Backend, **frontend: object) -> Runtime:
    """The live side of such a Config, in a process that carries a hundred connections."""
    return Runtime(config(*backends, **frontend), 100)

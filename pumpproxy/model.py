"""What the configuration file declares, as frozen values.

Nothing here is live: health, counters and connections belong to `policy.runtime`. Every duration is in seconds
(float), every size in bytes; host names are lower-case A-labels without a final dot (see `hostnames`).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from pumpproxy.logtargets import DEV_LOG, FileTarget, LogSink, LogTarget, SyslogTarget
from pumpproxy.places import (
    BindAddress,
    DnsAddress,
    ExactHost,
    HostPattern,
    InheritedAddress,
    RegexHost,
    ServerAddress,
    SrvAddress,
    TcpAddress,
    UnixAddress,
    WildcardHost,
)
from pumpproxy.servers import (
    Admin,
    Balance,
    Check,
    CheckKind,
    CookieMode,
    OnDown,
    PersistenceCookie,
    Redispatch,
    SendProxy,
    Server,
)

__all__ = [
    "DEV_LOG",
    "Action",
    "Admin",
    "Backend",
    "Balance",
    "BindAddress",
    "Check",
    "CheckKind",
    "Config",
    "ConnectionMode",
    "CookieMode",
    "DnsAddress",
    "ExactHost",
    "FileTarget",
    "ForwardFor",
    "Frontend",
    "HostPattern",
    "InheritedAddress",
    "LogFormat",
    "LogSink",
    "LogTarget",
    "Mode",
    "Network",
    "OnDown",
    "PersistenceCookie",
    "Redispatch",
    "RegexHost",
    "RelayKind",
    "Route",
    "SendProxy",
    "Server",
    "ServerAddress",
    "SrvAddress",
    "SyslogTarget",
    "Target",
    "TcpAddress",
    "UnixAddress",
    "WildcardHost",
]

Network = IPv4Network | IPv6Network


class Mode(enum.Enum):
    """What a frontend reads from its clients, or a backend's servers speak."""

    TLS = "tls"
    """Frontend only: a ClientHello is read, and the connection is relayed unopened."""
    TCP = "tcp"
    HTTP = "http"


class Action(enum.Enum):
    """A target that is not a backend."""

    REJECT = "reject"
    """TLS: the alert unrecognized_name; HTTP: 421."""
    DROP = "drop"
    """Close, say nothing."""
    EXPLAIN = "explain"
    """One readable answer where the peer plainly speaks HTTP, else as DROP. Only for `not-tls`."""
    REDIRECT_HTTPS = "redirect https"
    """HTTP only: 301 or 308 to the same host, path and query."""


Target = str | Action
"""Where a route leads: the name of a backend, or an action."""


@dataclass(frozen=True, slots=True)
class Route:
    """One `route` line. `path` is a prefix ("" for none, http frontends only); `alpn` None is unconditional."""

    host: HostPattern
    path: str
    alpn: str | None
    target: Target


@dataclass(frozen=True, slots=True)
class ForwardFor:
    """`forwardfor`: which header carries the client's address, and when it is added."""

    header: str = "X-Forwarded-For"
    networks: tuple[Network, ...] = ()
    """Clients in these get none (`except`)."""
    if_none: bool = False
    """Only where a trusted client sent none."""


class ConnectionMode(enum.Enum):
    """Whose connections outlive a response."""

    KEEP_ALIVE = "keep-alive"
    """The client's and the server's."""
    SERVER_CLOSE = "server-close"
    """The client's alone."""
    CLOSE = "close"


class LogFormat(enum.Enum):
    """The layout of an access log line."""

    TCPLOG = "tcplog"
    HTTPLOG = "httplog"
    JSON = "json"


class RelayKind(enum.Enum):
    """How bytes are relayed; a choice of speed, never of behaviour."""

    AUTO = "auto"
    """SPLICE where the system has it."""
    SPLICE = "splice"
    """In the kernel, on an epoll of our own. Linux."""
    PORTABLE = "portable"
    """On Twisted's transports."""


@dataclass(frozen=True, slots=True)
class Frontend:
    """Addresses, what is read from the clients there, and where it is routed to."""

    name: str
    mode: Mode
    binds: tuple[BindAddress, ...]
    routes: tuple[Route, ...] = ()
    default_backend: str | None = None
    no_sni: Target = Action.REJECT
    """TLS only, like the next three. The reader resolves "default: the default-backend"."""
    unknown_sni: Target = Action.REJECT
    not_tls: Target = Action.EXPLAIN
    silent: Target = Action.DROP
    inspect_delay: float = 5.0
    maxconn: int | None = None
    """None: the global limit alone."""
    forwardfor: ForwardFor | None = None
    trusted_proxies: tuple[Network, ...] = ()
    accept_proxy: tuple[Network, ...] = ()
    """Who must send a header of the PROXY protocol first; from anybody else one is refused."""
    max_per_source: int | None = None
    """Connections at a time of one address (IPv6: of one /64); None: any number."""
    rate_per_source: int | None = None
    """... and new ones a minute."""
    forwarded: bool = False
    forwarded_proto: bool = False
    forwarded_host: bool = False
    forwarded_port: bool = False
    via: str | None = None
    """The pseudonym under which each message is marked; None: none is."""
    max_head: int = 16384
    """Of requests and of responses."""
    max_headers: int = 100
    """Lines."""
    connection: ConnectionMode = ConnectionMode.KEEP_ALIVE
    log_format: LogFormat = LogFormat.TCPLOG
    """The reader's default follows the mode: httplog for http."""
    dontlognull: bool = False
    socket_stats: bool = False
    timeout_client: float = 60.0
    timeout_client_fin: float = 30.0
    timeout_http_request: float = 10.0
    timeout_http_keep_alive: float = 10.0
    timeout_tunnel: float = 3600.0

    @property
    def max_line(self) -> int:
        """Bytes of a request's or response's first line: half a head, so that one cannot take all the room."""
        return self.max_head // 2


@dataclass(frozen=True, slots=True)
class Backend:
    """A named group of servers."""

    name: str
    mode: Mode = Mode.TCP
    """TCP or HTTP."""
    balance: Balance = Balance.ROUNDROBIN
    servers: tuple[Server, ...] = ()
    use_server: tuple[tuple[str, str], ...] = ()
    """(host name, server name) pairs, as `use-server SERVER = NAME...` declares them."""
    forwardfor: ForwardFor | None = None
    connection: ConnectionMode | None = None
    """Of the server's connections; None: as the frontend says. CLOSE and SERVER_CLOSE are the same here."""
    retries: int = 3
    redispatch: Redispatch | int = Redispatch.NO
    """A number N: every Nth attempt (N > 0)."""
    timeout_connect: float = 5.0
    timeout_server: float = 60.0
    timeout_server_fin: float = 30.0
    timeout_queue: float = 60.0
    """The longest wait for a place at a server, or with `hold` for one that is UP."""
    timeout_check: float | None = None
    """For the answer to a check, once it is connected; None: the check's `inter`."""
    hold: bool = False
    """While every server is DOWN, connections wait instead of failing."""
    on_down: OnDown = OnDown.KEEP
    slow_start: float = 0.0
    """Seconds in which a server that comes UP goes from a small share to its weight; 0: at once."""
    warn_days: int = 14
    """TLS checks: days before the end of a certificate from which on it is warned of. 0: never."""
    cookie: PersistenceCookie | None = None
    """HTTP only."""


@dataclass(frozen=True, slots=True)
class Config:
    """The whole file. Order is that of the file."""

    frontends: tuple[Frontend, ...]
    backends: tuple[Backend, ...]
    maxconn: int | None = None
    """None: derived from the descriptor limit."""
    log: LogTarget = LogSink.NONE
    """Where the access log goes; where that is not twistd's own log, all else that is logged goes there, too."""
    relay: RelayKind = RelayKind.AUTO
    nameservers: tuple[TcpAddress, ...] = ()
    """Who is asked for names, by UDP and TCP; nobody: the system's nameservers."""
    source: str = field(default="", compare=False)
    """The file it was read from, for messages."""

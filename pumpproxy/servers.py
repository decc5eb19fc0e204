"""What a backend's file declares of its servers: addresses and weights, checks, cookies, how one is chosen.

Frozen values, as in `model`, which names these too. May not: know a backend or a frontend.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pumpproxy.places import ServerAddress


class CheckKind(enum.Enum):
    """What a check asks of a server."""

    TCP = "tcp"
    """That it takes a connection."""
    TLS_HELLO = "tls-hello"
    """That it answers a ClientHello with a TLS record, an alert too."""
    TLS = "tls"
    """A whole handshake; its certificate is looked at."""
    HTTP = "http"
    """That a GET is answered with a status of the range."""


@dataclass(frozen=True, slots=True)
class Check:
    """`check` of a server line, and what stands beside it. Durations are seconds."""

    kind: CheckKind = CheckKind.TCP
    inter: float = 2.0
    """Between two checks of a server that is UP and stays so."""
    fastinter: float = 0.25
    """... whose state may be about to change, or that somebody waits for; never more than `inter`."""
    downinter: float = 2.0
    """... that is DOWN and stays so; the reader's default is `inter`."""
    rise: int = 2
    """Checks passed in a row that bring a server UP."""
    fall: int = 3
    """Checks failed in a row that bring it DOWN. The very first check decides alone, either way."""
    sni: str | None = None
    """TLS kinds: the name in the hello; None: the one exact name that is routed there, else none."""
    path: str = "/"
    """HTTP, like the next two."""
    host: str | None = None
    """None: the address, as in a URL."""
    status: tuple[int, int] = (200, 399)
    """The lowest and the highest that is healthy."""
    verify: bool = False
    """TLS: a certificate that no system authority signed, that is out of date or for another name is DOWN."""


class SendProxy(enum.Enum):
    """Which header of the PROXY protocol a server is sent before anything else."""

    V1 = "v1"
    V2 = "v2"


class Admin(enum.Enum):
    """What the administrator wants of a server; its health is another matter."""

    READY = "ready"
    DRAIN = "drain"
    """As weight 0."""
    MAINT = "maint"
    """Never chosen at all, and not checked."""


@dataclass(frozen=True, slots=True)
class Server:
    """One `server` line."""

    name: str
    address: ServerAddress
    weight: int = 1
    """0 to 256. 0: never chosen by balancing, still by `use-server` and by cookie."""
    disabled: bool = False
    """Never chosen at all."""
    drain: bool = False
    """As weight 0."""
    cookie: str | None = None
    """What stands for it in the backend's cookie; no other server of the backend has the same."""
    check: Check | None = None
    """None: it is taken to be UP always."""
    maxconn: int | None = None
    """Connections at a time; others wait. None: any number."""
    maxqueue: int | None = None
    """Those that wait for this server alone, by `use-server` or cookie; all servers' together bound those that wait for
    any. None: any number."""
    backup: bool = False
    """Chosen only where no other may be."""
    send_proxy: SendProxy | None = None

    @property
    def admin(self) -> Admin:
        """What the file wants of it."""
        if self.disabled:
            return Admin.MAINT
        return Admin.DRAIN if self.drain else Admin.READY


class CookieMode(enum.Enum):
    """Whose cookie leads a client back to its server."""

    PREFIX = "prefix"
    """The application's, whose value gets the server's before it on the way to the client."""
    INSERT = "insert"
    """Our own."""
    REWRITE = "rewrite"
    """The application's, whose value becomes the server's."""


@dataclass(frozen=True, slots=True)
class PersistenceCookie:
    """`cookie` of a backend. All but name and mode is for INSERT."""

    name: str
    """Letter case matters."""
    mode: CookieMode
    indirect: bool = False
    """Servers do not see it."""
    nocache: bool = False
    httponly: bool = False
    secure: bool = False
    maxidle: float | None = None
    """Seconds since the client was here last; None: any number. The cookie has the date, exact to four seconds."""
    maxlife: float | None = None
    """As `maxidle`, since the client was here first."""


class Balance(enum.Enum):
    """How a pool chooses."""

    ROUNDROBIN = "roundrobin"
    """In turn, in proportion to the weights."""
    LEASTCONN = "leastconn"
    """Who has the fewest connections, in proportion to the weights."""
    SOURCE = "source"
    """By the client's address: as long as its server is there it gets the same."""
    FIRST = "first"
    """The first of the file that has room."""
    RANDOM = "random"
    """The less busy of two drawn by chance."""


class OnDown(enum.Enum):
    """What becomes of the relays of a server that goes DOWN."""

    KEEP = "keep"
    CLOSE = "close"


class Redispatch(enum.Enum):
    """`redispatch` where it is not a number."""

    NO = "no"
    YES = "yes"

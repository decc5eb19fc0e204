"""The one table of all keys: where each may stand, how it is read, its default, and what it does.

The reader, the documentation and the hints are made from it. May not: contain a key that nothing obeys; those that a
later version brings are in LATER, by name alone.
"""

from __future__ import annotations

from pumpproxy.config import addresses, persistence, routes, servers, values
from pumpproxy.config.option import HTTP, NAMED, TLS, Kind, Named, Option
from pumpproxy.model import Balance, ConnectionMode, LogFormat, LogSink, Mode, RelayKind

_LIVE_BIND = "yes, but for an address that overlaps one that is to go"
_COUNT = values.number(1, values.LARGEST_COUNT)
_TARGET = "BACKEND, `reject` or `drop`"
_BOOLEAN = "`yes` or `no`"
_FORWARDFOR = "`yes`, `no`, or `[except NET...] [header NAME] [if-none]`"

# A row is a row: what the reader needs, then what the user reads.
# fmt: off

GLOBAL_MAXCONN = Option(
    kind=Kind.GLOBAL, key="maxconn", value="NUMBER", parse=_COUNT, inherited=False,
    unset="as many as the limit of file descriptors allows",
    doc="Connections from clients at a time, on all frontends. Beyond it nobody is accepted: those who come wait in "
    "the kernel's backlog, and are never accepted and closed.",
)
GLOBAL_LOG = Option(
    kind=Kind.GLOBAL, key="log", value="`none` or `twistd`", default="none", inherited=False,
    parse=values.choice(LogSink, "syslog", "journal", "file", "stdout", "stderr"),
    doc="Where the access log goes, one line an ended connection or request: nowhere, or into twistd's own log. Start, "
    "reload and errors are logged whatever stands here.",
)

GLOBAL_RELAY = Option(
    kind=Kind.GLOBAL, key="relay", value="`auto`, `splice` or `portable`", default="auto", inherited=False,
    parse=values.choice(RelayKind), reload="yes, for connections that come then",
    doc="How bytes are relayed: in the kernel, on an epoll of our own (`splice`, Linux only), or through Twisted's "
    "transports (`portable`). `auto` takes the first where the system has it. They differ in speed, not in behaviour; "
    "the log says at the start which one it is.",
)

FRONTEND_MODE = Option(
    kind=Kind.FRONTEND, key="mode", value="`tls`, `tcp` or `http`", parse=values.choice(Mode),
    unset="none, it must be given",
    doc="What is read from a client before it is passed on: the ClientHello (`tls`: routed by its server name and "
    "never opened), nothing (`tcp`), or each request (`http`: routed by its Host).",
)
BIND = Option(
    kind=Kind.FRONTEND, key="bind", value="ADDRESS...", parse=values.each(addresses.bind), inherited=False,
    unset="none, it must be given", reload=_LIVE_BIND,
    doc="Where to listen, one address or more. An address can be bound once in a file, also as part of another "
    "(`*:443` contains `127.0.0.1:443`).",
)
FRONTEND_MAXCONN = Option(
    kind=Kind.FRONTEND, key="maxconn", value="NUMBER", parse=_COUNT, unset="the global `maxconn` alone",
    doc="As the global `maxconn`, for the connections of this frontend.",
)
DEFAULT_BACKEND = Option(
    kind=Kind.FRONTEND, key="default-backend", value="BACKEND", parse=routes.backend,
    unset="what no route takes is rejected; `mode = tcp` needs one",
    doc="Where that goes which no route takes. An http frontend names http backends, the others tcp backends: bytes "
    "that nobody reads cannot be given to a backend whose requests we write.",
)
ROUTE = Named(
    kind=Kind.FRONTEND, key="route", argument="HOST", value="BACKEND or an action", parse=routes.route, modes=NAMED,
    doc="See *Routes*. An action is `reject` (TLS: the alert unrecognized_name; HTTP: 421), `drop` (close, say "
    "nothing) or, in `mode = http`, `redirect https` (301, or 308 for methods other than GET and HEAD, to the same "
    "host, path and query; `/.well-known/acme-challenge/` is exempt).",
)
INSPECT_DELAY = Option(
    kind=Kind.FRONTEND, key="inspect-delay", value="DURATION", parse=values.duration, default="5s", modes=TLS,
    doc="The longest time from the accept to a complete ClientHello, whatever trickles in meanwhile. When it has "
    "passed, `silent` decides.",
)
NO_SNI = Option(
    kind=Kind.FRONTEND, key="no-sni", value=_TARGET, parse=routes.target, modes=TLS,
    unset="the `default-backend`, else `reject`",
    doc="Where a hello goes that names no server, or an IP address.",
)
UNKNOWN_SNI = Option(
    kind=Kind.FRONTEND, key="unknown-sni", value=_TARGET, parse=routes.target, modes=TLS,
    unset="the `default-backend`, else `reject`",
    doc="Where a hello goes whose name no route has.",
)
NOT_TLS = Option(
    kind=Kind.FRONTEND, key="not-tls", value="BACKEND, `explain`, `reject` or `drop`", parse=routes.target,
    default="explain", modes=TLS,
    doc="What is done with plain HTTP, SSH, SSLv2 and noise. `explain` gives one readable answer where the peer "
    "plainly speaks HTTP, and else closes.",
)
SILENT = Option(
    kind=Kind.FRONTEND, key="silent", value=_TARGET, parse=routes.target, default="drop", modes=TLS,
    doc="What is done with a client whose hello is not complete when `inspect-delay` has passed. A backend gets the "
    "bytes that have come.",
)
TRUSTED_PROXIES = Option(
    kind=Kind.FRONTEND, key="trusted-proxies", value="NET...", parse=values.each(values.network), modes=HTTP,
    unset="none",
    doc="The networks whose X-Forwarded-For, -Proto, -Host and -Port, X-Real-IP and Forwarded are kept. From anybody "
    "else these headers are removed, and what a server may take for them (`X_Forwarded_For`), also where we write none "
    "ourselves.",
)
FRONTEND_FORWARDFOR = Option(
    kind=Kind.FRONTEND, key="forwardfor", value=_FORWARDFOR, parse=values.forwardfor, default="no", modes=HTTP,
    doc="Adds a line `X-Forwarded-For: CLIENT` (or NAME) to each request; not for clients in the NETs, and with "
    "`if-none` not where a trusted proxy sent one.",
)
FORWARDED = Option(
    kind=Kind.FRONTEND, key="forwarded", value=_BOOLEAN, parse=values.boolean, default="no", modes=HTTP,
    doc="Adds an element of RFC 7239 to each request, `Forwarded: for=CLIENT;host=HOST;proto=http`: the client's "
    "address (`unknown` on a unix socket) and its Host (left out where it named none). It is a line of its own, behind "
    "those of a trusted proxy.",
)
FORWARDED_PROTO = Option(
    kind=Kind.FRONTEND, key="forwarded-proto", value=_BOOLEAN, parse=values.boolean, default="no", modes=HTTP,
    doc="Adds `X-Forwarded-Proto: http` to each request. Where a trusted proxy sent `Forwarded` or one of "
    "X-Forwarded-Proto, -Host and -Port, it speaks for its own client, and we add none of these three.",
)
FORWARDED_HOST = Option(
    kind=Kind.FRONTEND, key="forwarded-host", value=_BOOLEAN, parse=values.boolean, default="no", modes=HTTP,
    doc="Adds `X-Forwarded-Host: HOST`, as the client wrote it; not to a request that names no host, and else as with "
    "`forwarded-proto`.",
)
FORWARDED_PORT = Option(
    kind=Kind.FRONTEND, key="forwarded-port", value=_BOOLEAN, parse=values.boolean, default="no", modes=HTTP,
    doc="Adds `X-Forwarded-Port: PORT`, the port of ours that the client came to; not on a unix socket, and else as "
    "with `forwarded-proto`.",
)
VIA = Option(
    kind=Kind.FRONTEND, key="via", value="NAME or `no`", parse=values.pseudonym, default="no", modes=HTTP,
    doc="Adds `Via: 1.1 NAME` to each request and each response that is passed on, behind what is there: the version "
    "of HTTP that it came in, and the name that we go by. Requests that go in circles are not looked for; each round "
    "adds a line, until `max-headers` or `max-head` ends it.",
)
MAX_HEAD = Option(
    kind=Kind.FRONTEND, key="max-head", value="SIZE", parse=values.size(1024, 2**20), default="16k", modes=HTTP,
    reload="yes, for heads that begin then",
    doc="The most bytes of a request's head: 431; its first line may have half of them: 414. The same holds for a "
    "response's: 502. From `1k` to `1m`. A client can make us hold that much.",
)
MAX_HEADERS = Option(
    kind=Kind.FRONTEND, key="max-headers", value="NUMBER", parse=values.number(10, 10_000), default="100", modes=HTTP,
    reload="yes, for heads that begin then",
    doc="The most header lines of a request: 431; and of a response: 502. From 10 to 10000.",
)
FRONTEND_CONNECTION = Option(
    kind=Kind.FRONTEND, key="connection", value="`keep-alive`, `server-close` or `close`", default="keep-alive",
    parse=values.choice(ConnectionMode), modes=HTTP,
    doc="Whose connections outlive a response: the client's and the server's (`keep-alive`: idle connections to a "
    "server wait a few seconds for the next request, whoever asks), the client's alone (`server-close`), or nobody's "
    "(`close`).",
)
LOG_FORMAT = Option(
    kind=Kind.FRONTEND, key="log-format", value="`tcplog`, `httplog` or `json`", parse=values.choice(LogFormat),
    unset="`httplog` in `mode = http`, else `tcplog`",
    doc="The layout of an access log line: HAProxy's (`httplog` in `mode = http`, `tcplog` in the others), or one "
    "JSON object.",
)
DONTLOGNULL = Option(
    kind=Kind.FRONTEND, key="dontlognull", value=_BOOLEAN, parse=values.boolean, default="no",
    doc="No access log line for a connection on which the client sent no byte.",
)
SOCKET_STATS = Option(
    kind=Kind.FRONTEND, key="socket-stats", value=_BOOLEAN, parse=values.boolean, default="no",
    doc="Count for each address of `bind` on its own, beside the frontend as a whole.",
)
TIMEOUT_CLIENT = Option(
    kind=Kind.FRONTEND, key="timeout-client", value="DURATION", parse=values.duration, default="1m",
    doc="The longest silence of a client that is expected to send or to read, until both sides have spoken; in "
    "`mode = http` also within a request's body.",
)
TIMEOUT_CLIENT_FIN = Option(
    kind=Kind.FRONTEND, key="timeout-client-fin", value="DURATION", parse=values.duration, default="30s",
    doc="The longest silence of a client after one side has closed its half of the connection.",
)
TIMEOUT_HTTP_REQUEST = Option(
    kind=Kind.FRONTEND, key="timeout-http-request", value="DURATION", parse=values.duration, default="10s", modes=HTTP,
    doc="The longest time for the head of a request, from its first byte (the accept, for the first request): 408.",
)
TIMEOUT_HTTP_KEEP_ALIVE = Option(
    kind=Kind.FRONTEND, key="timeout-http-keep-alive", value="DURATION", parse=values.duration, default="10s",
    modes=HTTP,
    doc="How long a client's connection stays open between two requests.",
)
TIMEOUT_TUNNEL = Option(
    kind=Kind.FRONTEND, key="timeout-tunnel", value="DURATION", parse=values.duration, default="1h",
    doc="The longest silence of both sides once both have spoken (a WebSocket too); it replaces `timeout-client` and "
    "`timeout-server` then.",
)

BACKEND_MODE = Option(
    kind=Kind.BACKEND, key="mode", value="`tcp` or `http`", default="tcp",
    parse=values.choice((Mode.TCP, Mode.HTTP)),
    doc="What the servers are given: the client's bytes as they are (`tcp`, for `mode = tls` frontends too), or "
    "requests (`http`). A `mode = tls` in `[defaults]` leaves a backend at `tcp`.",
)
BALANCE = Option(
    kind=Kind.BACKEND, key="balance", value="`roundrobin`", default="roundrobin",
    parse=values.choice(Balance, "leastconn", "source", "first", "random"),
    doc="How a server is chosen: in turn, in proportion to the weights.",
)
SERVER = Named(
    kind=Kind.BACKEND, key="server", argument="NAME",
    value="ADDRESS `[weight=N] [cookie=VALUE] [disabled] [drain]`", parse=servers.server,
    doc="A server, at least one. `weight` is 0 to 256, 1 by default; a server of weight 0, or with `drain`, gets only "
    "what `use-server` or a cookie gives it, and one that is `disabled` nothing at all. VALUE stands for it in the "
    "backend's `cookie`: visible ASCII without quotes, `,`, `;`, `\\`, `~` and `|`, and no other server's.",
)
USE_SERVER = Named(
    kind=Kind.BACKEND, key="use-server", argument="NAME", value="HOST...", parse=servers.use_server,
    doc="Connections whose server name (`tls`) or Host (`http`) is one of these go to that server of this backend.",
)
COOKIE = Option(
    kind=Kind.BACKEND, key="cookie", parse=persistence.cookie, modes=HTTP,
    value="NAME `prefix`, NAME `insert [indirect] [nocache] [httponly] [secure] [maxidle DURATION] [maxlife DURATION]` "
    "or NAME `rewrite`",
    unset="none, each request goes where it is its turn",
    doc="Leads a client back to the server that it had, by the cookie NAME (letter case matters) and the `cookie=` of "
    "the servers, as HAProxy's `cookie` does. `prefix`: the application's own cookie; VALUE and a `~` are put before "
    "what a server sets, and taken off what a client sends. `rewrite`: the application's own cookie, of which a client "
    "gets VALUE alone. `insert`: a cookie of ours, set where a client has none that leads to its server; what servers "
    "set under that name does not pass. With `indirect` servers do not see it; `nocache` adds `Cache-Control: private` "
    "where it is set; `httponly` and `secure` are its attributes; `maxidle` and `maxlife` end it that long after the "
    "client was last or first here, to about four seconds. `use-server` comes before a cookie; in place of a server "
    "that is `disabled` another is chosen, and the answer's cookie says so. Every other cookie passes as it is.",
)
BACKEND_FORWARDFOR = Option(
    kind=Kind.BACKEND, key="forwardfor", value=_FORWARDFOR, parse=values.forwardfor, default="no", modes=HTTP,
    doc="As in a frontend, for the requests that this backend gets. It adds to what the frontend says and takes "
    "nothing away: an `except` of either holds.",
)
BACKEND_CONNECTION = Option(
    kind=Kind.BACKEND, key="connection", value="`keep-alive`, `server-close` or `close`", modes=HTTP,
    parse=values.choice(ConnectionMode), unset="as the frontend has it",
    doc="The same for the server's side alone: kept for other requests (`keep-alive`), or one for each request (the "
    "other two).",
)
RETRIES = Option(
    kind=Kind.BACKEND, key="retries", value="NUMBER", parse=values.number(0, values.MOST_RETRIES), default="3",
    doc="Attempts to connect after the first has failed; a second, or `timeout-connect` where that is shorter, passes "
    "before the same server is tried again.",
)
REDISPATCH = Option(
    kind=Kind.BACKEND, key="redispatch", value="`yes`, `no` or NUMBER", parse=values.redispatch, default="no",
    doc="Whether another attempt may go to another server: any, none, or every NUMBERth. What `use-server` or a cookie "
    "chose is left by the last attempt only.",
)
TIMEOUT_CONNECT = Option(
    kind=Kind.BACKEND, key="timeout-connect", value="DURATION", parse=values.duration, default="5s",
    doc="The longest time of one attempt to connect.",
)
TIMEOUT_SERVER = Option(
    kind=Kind.BACKEND, key="timeout-server", value="DURATION", parse=values.duration, default="1m",
    doc="The longest silence of a server that is expected to send or to read, until both sides have spoken; in "
    "`mode = http` also before and within a response.",
)
TIMEOUT_SERVER_FIN = Option(
    kind=Kind.BACKEND, key="timeout-server-fin", value="DURATION", parse=values.duration, default="30s",
    doc="The longest silence of a server after one side has closed its half of the connection.",
)

# fmt: on

ROWS: tuple[Option[object] | Named[object], ...] = tuple(
    row for row in tuple(vars().values()) if isinstance(row, (Option, Named))
)
"""Every row above, in that order, which is the documentation's."""

BY_KEY = {(row.kind, row.key): row for row in ROWS}

# fmt: off
LATER = {
    Kind.GLOBAL: frozenset(),
    Kind.FRONTEND: frozenset({"accept-proxy", "max-per-source", "rate-per-source"}),
    Kind.BACKEND: frozenset(
        {"hold", "on-down", "slow-start", "timeout-check", "timeout-queue", "warn-days"}
    ),
}
"""Keys that a later version brings: refused, with a hint that says so."""

"""The rows of `[frontend NAME]`.

May not: contain a key that nothing obeys.
"""

from __future__ import annotations

from pumpproxy.config import addresses, routes, values
from pumpproxy.config.option import BOOLEAN, FORWARDFOR, HTTP, NAMED, RELAYED, TLS, Kind, Named, Option
from pumpproxy.model import ConnectionMode, LogFormat, Mode

_LIVE_BIND = "yes, but for an address that overlaps one that is to go"
_TARGET = "BACKEND, `reject` or `drop`"

# A row is a row: what the reader needs, then what the user reads.
# fmt: off

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
    kind=Kind.FRONTEND, key="maxconn", value="NUMBER", parse=values.count, unset="the global `maxconn` alone",
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
    kind=Kind.FRONTEND, key="inspect-delay", value="DURATION", parse=values.duration, default="5s", modes=RELAYED,
    doc="The longest time from the accept to a complete ClientHello, whatever trickles in meanwhile. When it has "
    "passed, `silent` decides. With `accept-proxy` the header is to come in it too; in `mode = tcp` that alone, and "
    "without `accept-proxy` there is nothing to wait for there.",
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
    "plainly speaks HTTP, and else closes. A header of the PROXY protocol that nobody asked for leads to no backend.",
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
    "ourselves. With `accept-proxy` it is the client of the header who must be in them.",
)
ACCEPT_PROXY = Option(
    kind=Kind.FRONTEND, key="accept-proxy", value="NET...", parse=values.each(values.network), unset="none",
    doc="The networks of load balancers and other proxies that tell who their client is: each connection from there "
    "must begin with a header of the PROXY protocol, version 1 or 2, and the client that it names is the one of the "
    "log, of `forwardfor`, `trusted-proxies`, `balance = source` and the limits of sources. From anybody else none is "
    "believed: in `mode = tls` and `http` whoever is of no such network is served as ever, and a header is no hello "
    "and no request; in `mode = tcp`, where it would reach the server, whoever is of no such network is refused. A "
    "client of a unix socket has no address, and so belongs to no network.",
)
MAX_PER_SOURCE = Option(
    kind=Kind.FRONTEND, key="max-per-source", value="NUMBER", parse=values.count, unset="any number",
    doc="The most connections at a time of one client address, or of one IPv6 network of 64 bits: whoever comes with "
    "more is refused, by a reset, or in mode http by a 429. Clients of unix sockets are not counted.",
)
RATE_PER_SOURCE = Option(
    kind=Kind.FRONTEND, key="rate-per-source", value="NUMBER", parse=values.count, unset="any number",
    doc="The most new connections a minute of one source, as in `max-per-source`: after a minute's rest so many at "
    "once, then one each time that its share of a minute has passed. Those that are refused do not count.",
)
FRONTEND_FORWARDFOR = Option(
    kind=Kind.FRONTEND, key="forwardfor", value=FORWARDFOR, parse=values.forwardfor, default="no", modes=HTTP,
    doc="Adds a line `X-Forwarded-For: CLIENT` (or NAME) to each request; not for clients in the NETs, and with "
    "`if-none` not where a trusted proxy sent one.",
)
FORWARDED = Option(
    kind=Kind.FRONTEND, key="forwarded", value=BOOLEAN, parse=values.boolean, default="no", modes=HTTP,
    doc="Adds an element of RFC 7239 to each request, `Forwarded: for=CLIENT;host=HOST;proto=http`: the client's "
    "address (`unknown` on a unix socket) and its Host (left out where it named none). It is a line of its own, behind "
    "those of a trusted proxy.",
)
FORWARDED_PROTO = Option(
    kind=Kind.FRONTEND, key="forwarded-proto", value=BOOLEAN, parse=values.boolean, default="no", modes=HTTP,
    doc="Adds `X-Forwarded-Proto: http` to each request. Where a trusted proxy sent `Forwarded` or one of "
    "X-Forwarded-Proto, -Host and -Port, it speaks for its own client, and we add none of these three.",
)
FORWARDED_HOST = Option(
    kind=Kind.FRONTEND, key="forwarded-host", value=BOOLEAN, parse=values.boolean, default="no", modes=HTTP,
    doc="Adds `X-Forwarded-Host: HOST`, as the client wrote it; not to a request that names no host, and else as with "
    "`forwarded-proto`.",
)
FORWARDED_PORT = Option(
    kind=Kind.FRONTEND, key="forwarded-port", value=BOOLEAN, parse=values.boolean, default="no", modes=HTTP,
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
    kind=Kind.FRONTEND, key="dontlognull", value=BOOLEAN, parse=values.boolean, default="no",
    doc="No access log line for a connection on which the client sent no byte.",
)
SOCKET_STATS = Option(
    kind=Kind.FRONTEND, key="socket-stats", value=BOOLEAN, parse=values.boolean, default="no",
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

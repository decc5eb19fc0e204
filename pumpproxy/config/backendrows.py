"""The rows of `[backend NAME]`.

May not: contain a key that nothing obeys.
"""

from __future__ import annotations

from pumpproxy.config import persistence, servers, values
from pumpproxy.config.option import BOOLEAN, FORWARDFOR, HTTP, Kind, Named, Option
from pumpproxy.model import Balance, ConnectionMode, Mode, OnDown

# A row is a row: what the reader needs, then what the user reads.
# fmt: off

BACKEND_MODE = Option(
    kind=Kind.BACKEND, key="mode", value="`tcp` or `http`", default="tcp",
    parse=values.choice((Mode.TCP, Mode.HTTP)),
    doc="What the servers are given: the client's bytes as they are (`tcp`, for `mode = tls` frontends too), or "
    "requests (`http`). A `mode = tls` in `[defaults]` leaves a backend at `tcp`.",
)
BALANCE = Option(
    kind=Kind.BACKEND, key="balance", value="`roundrobin`, `leastconn`, `source`, `first` or `random`",
    default="roundrobin", parse=values.choice(Balance),
    doc="How a server is chosen: in turn (`roundrobin`); who has the fewest connections (`leastconn`); by the client's "
    "address, which gets the same one as long as that is there, so that a server that comes or goes moves only its own "
    "share of the clients (`source`); the first of the file that is below its `maxconn` (`first`, whatever the "
    "weights); or the less busy of two drawn by chance (`random`). The others go by the weights.",
)
SERVER = Named(
    kind=Kind.BACKEND, key="server", argument="NAME",
    value="ADDRESS `[WORD...]`", parse=servers.server,
    doc="A server, at least one. What the words say is told in *Servers*.",
)
USE_SERVER = Named(
    kind=Kind.BACKEND, key="use-server", argument="NAME", value="HOST...", parse=servers.use_server,
    doc="Connections whose server name (`tls`) or Host (`http`) is one of these go to that server of this backend, "
    "unless it is DOWN or `disabled`.",
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
    "that is `disabled` or DOWN another is chosen, and the answer's cookie says so. Every other cookie passes as it "
    "is.",
)
BACKEND_FORWARDFOR = Option(
    kind=Kind.BACKEND, key="forwardfor", value=FORWARDFOR, parse=values.forwardfor, default="no", modes=HTTP,
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
TIMEOUT_QUEUE = Option(
    kind=Kind.BACKEND, key="timeout-queue", value="DURATION", parse=values.duration, default="1m",
    doc="The longest wait for room at a server whose `maxconn` is reached, or with `hold` for a server that is UP. "
    "First come, first served. Those who wait at one backend are at most half of all connections that the process "
    "carries; the next one fails at once.",
)
TIMEOUT_CHECK = Option(
    kind=Kind.BACKEND, key="timeout-check", value="DURATION", parse=values.duration, unset="each check's `inter`",
    doc="The longest time for the answer to a check, once it is connected. To connect it has `timeout-connect`, or its "
    "`inter` where that is shorter.",
)
HOLD = Option(
    kind=Kind.BACKEND, key="hold", value=BOOLEAN, parse=values.boolean, default="no",
    doc="While all servers are DOWN by their checks, connections wait for one that is UP, up to `timeout-queue`, "
    "instead of failing at once: a server may be started anew, and nobody is told of it. One that refuses before its "
    "checks know is waited for in the same way, whatever `retries` says. They are checked at `fastinter` meanwhile. A "
    "client that leaves is forgotten.",
)
ON_DOWN = Option(
    kind=Kind.BACKEND, key="on-down", value="`keep` or `close`", parse=values.choice(OnDown), default="keep",
    doc="What becomes of the running connections of a server that goes DOWN: they go on as long as they can, or they "
    "are closed.",
)
SLOW_START = Option(
    kind=Kind.BACKEND, key="slow-start", value="DURATION or `no`", parse=values.duration_or_no, default="no",
    doc="How long a server that comes UP takes to get from a small share to that of its weight.",
)
WARN_DAYS = Option(
    kind=Kind.BACKEND, key="warn-days", value="NUMBER", parse=values.number(0, 365), default="14",
    doc="With `check=tls`: from how many days before its end on a certificate is warned of in the log, up to 365. 0 is "
    "never.",
)

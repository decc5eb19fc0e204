"""What the words of a haproxy.cfg are called here: the hints of a reader, and a table of the documentation.

May not: translate a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.model import DEV_LOG
from pumpproxy.wire.syslogmessage import FACILITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

EQUIVALENTS = {
    "global": "[global]",
    "defaults": "[defaults]",
    "frontend": "[frontend NAME]",
    "backend": "[backend NAME]",
    "listen": "a [frontend NAME] and a [backend NAME]",
    "user": "twistd's --uid",
    "group": "twistd's --gid",
    "chroot": "none: twistd's --chroot is not supported; systemd's ProtectSystem does it better",
    "pidfile": "twistd's --pidfile",
    "daemon": "twistd without -n",
    "nbproc": "one process, and nothing to set",
    "nbthread": "one process, and nothing to set",
    "ulimit-n": "the limit of whoever starts twistd (ulimit -n, LimitNOFILE=)",
    "bind": "bind = ADDRESS",
    "mode": "mode = tls, tcp or http",
    "log": "log = syslog:FACILITY@udp:HOST:514, or syslog:FACILITY for /dev/log, in [global]",
    "maxconn": "maxconn = NUMBER",
    "balance": "balance = roundrobin, leastconn, source, first or random",
    "hash-type": "none: balance = source moves as few clients as it can",
    "cookie": "cookie = NAME prefix, insert or rewrite",
    "retries": "retries = NUMBER",
    "acl": "route NAME = TARGET",
    "use_backend": "route NAME = TARGET",
    "default_backend": "default-backend = BACKEND",
    "redirect": "route NAME = redirect https",
    "http-request redirect": "route NAME = redirect https",
    "server": "server NAME = ADDRESS",
    "default-server": "none: write its words on each server's line",
    "server-template": "server NAME = srv:_SERVICE._tcp.NAME",
    "resolvers": "nameservers = ADDRESS... in [global]",
    "stick-table": "max-per-source = NUMBER, rate-per-source = NUMBER, balance = source",
    "stick": "balance = source, or a cookie",
    "use-server": "use-server SERVER = NAME",
    "tcp-request inspect-delay": "inspect-delay = DURATION",
    "tcp-request connection": "accept-proxy = NET..., max-per-source = NUMBER, rate-per-source = NUMBER",
    "tcp-request": "mode = tls, which waits for the hello by itself",
    "timeout check": "timeout-check = DURATION",
    "timeout client": "timeout-client = DURATION",
    "timeout client-fin": "timeout-client-fin = DURATION",
    "timeout connect": "timeout-connect = DURATION",
    "timeout http-keep-alive": "timeout-http-keep-alive = DURATION",
    "timeout http-request": "timeout-http-request = DURATION",
    "timeout queue": "timeout-queue = DURATION",
    "timeout server": "timeout-server = DURATION",
    "timeout server-fin": "timeout-server-fin = DURATION",
    "timeout tunnel": "timeout-tunnel = DURATION",
    "tune.bufsize": "max-head = SIZE in the frontend, for the heads that it bounds",
    "tune.http.maxhdr": "max-headers = NUMBER in the frontend",
    "option dontlognull": "dontlognull = yes",
    "option forwarded": "forwarded = yes",
    "option forwardfor": "forwardfor = yes",
    "option http-server-close": "connection = server-close",
    "option httpchk": "check=http check-path=/PATH on a server's line",
    "option httpclose": "connection = close",
    "option httplog": "log-format = httplog",
    "option log-health-checks": "none: each change of a server's state is logged",
    "option redispatch": "redispatch = yes",
    "option socket-stats": "socket-stats = yes",
    "option ssl-hello-chk": "check=tls-hello on a server's line",
    "option tcp-check": "check on a server's line, which connects and no more",
    "option tcplog": "log-format = tcplog",
    "http-check": "check-path=, check-host= and check-status= on a server's line",
    "tcp-check": "check on a server's line, which connects and no more",
}
"""Words as HAProxy has them -> what to write, in the order of the documentation's table."""

_SAME_ADDRESS = "none: a check goes where the connections go"
_UNOPENED = "none: TLS is passed on unopened"

ON_SERVERS = {
    "addr": _SAME_ADDRESS,
    "port": _SAME_ADDRESS,
    "agent-check": "none: a server's state is what its checks say",
    "track": "none: a server's state is what its checks say",
    "observe": "none: a connection that fails brings a check at once",
    "error-limit": "none: a connection that fails brings a check at once",
    "on-error": "none: a connection that fails brings a check at once",
    "on-marked-down": "on-down = close in the backend",
    "slowstart": "slow-start = DURATION in the backend",
    "check-send-proxy": "send-proxy=v1 or send-proxy=v2, which its checks send too",
    "send-proxy": "send-proxy=v1",
    "send-proxy-v2": "send-proxy=v2",
    "send-proxy-v2-ssl": "send-proxy=v2",
    "send-proxy-v2-ssl-cn": "send-proxy=v2",
    "check-ssl": "check=tls",
    "verify": "check-verify, of what check=tls sees",
    "verifyhost": "check-sni=HOST, with check=tls check-verify",
    "ssl": _UNOPENED,
    "sni": _UNOPENED,
    "ca-file": _UNOPENED,
    "crt": _UNOPENED,
    "init-addr": "none: a start waits for no name",
    "resolvers": "nameservers = ADDRESS... in [global]",
    "resolve-prefer": "none: the system's order of addresses holds",
    "minconn": "maxconn=N alone",
}
"""The same for the words of a server's line."""

LATER = ("stats",)
"""Words whose equivalent comes with a later version."""


def on_a_server(word: str) -> str:
    """A hint for a word of a server's line that is one of HAProxy's; else no hint."""
    return f"HAProxy's '{word}' is here: {ON_SERVERS[word]}" if word in ON_SERVERS else ""


def log_target(words: Sequence[str]) -> str:
    """What HAProxy's `log PLACE FACILITY` is here, `127.0.0.1 local2`, `/dev/log local0`; empty where it is no such."""
    if len(words) < 2 or words[1] not in FACILITIES:  # noqa: PLR2004 - a place and a facility
        return ""
    place, facility = words[0].removeprefix("udp@"), words[1]
    if place == DEV_LOG.path:
        return f"syslog:{facility}"
    if place.startswith("/"):
        return f"syslog:{facility}@unix:{place}"
    if place in ("stdout", "stderr"):
        return "stderr"
    port = "" if ":" in place.rpartition("]")[2] else ":514"
    return f"syslog:{facility}@udp:{place}{port}"


def hint(text: str) -> str:
    """A hint for a line, or for a key that we do not know, that begins as one of HAProxy's; else no hint."""
    words = text.replace("=", " ").split()
    for count in (2, 1):
        phrase = " ".join(words[:count])
        if phrase in LATER:
            return f"HAProxy's '{phrase}' comes with a later version"
        if phrase == "log" and log_target(words[1:]):
            return f"HAProxy's 'log' is here: log = {log_target(words[1:])} in [global]"
        if phrase in EQUIVALENTS:
            return f"HAProxy's '{phrase}' is here: {EQUIVALENTS[phrase]}"
    return ""

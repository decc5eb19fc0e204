"""What the words of a haproxy.cfg are called here: the hints of a reader, and a table of the documentation.

May not: translate a file.
"""

from __future__ import annotations

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
    "log": "log = twistd in [global]",
    "maxconn": "maxconn = NUMBER",
    "balance": "balance = roundrobin",
    "cookie": "cookie = NAME prefix, insert or rewrite",
    "retries": "retries = NUMBER",
    "acl": "route NAME = TARGET",
    "use_backend": "route NAME = TARGET",
    "default_backend": "default-backend = BACKEND",
    "redirect": "route NAME = redirect https",
    "http-request redirect": "route NAME = redirect https",
    "server": "server NAME = ADDRESS",
    "use-server": "use-server SERVER = NAME",
    "tcp-request inspect-delay": "inspect-delay = DURATION",
    "tcp-request": "mode = tls, which waits for the hello by itself",
    "timeout client": "timeout-client = DURATION",
    "timeout client-fin": "timeout-client-fin = DURATION",
    "timeout connect": "timeout-connect = DURATION",
    "timeout http-keep-alive": "timeout-http-keep-alive = DURATION",
    "timeout http-request": "timeout-http-request = DURATION",
    "timeout server": "timeout-server = DURATION",
    "timeout server-fin": "timeout-server-fin = DURATION",
    "timeout tunnel": "timeout-tunnel = DURATION",
    "tune.bufsize": "max-head = SIZE in the frontend, for the heads that it bounds",
    "tune.http.maxhdr": "max-headers = NUMBER in the frontend",
    "option dontlognull": "dontlognull = yes",
    "option forwarded": "forwarded = yes",
    "option forwardfor": "forwardfor = yes",
    "option http-server-close": "connection = server-close",
    "option httpclose": "connection = close",
    "option httplog": "log-format = httplog",
    "option redispatch": "redispatch = yes",
    "option socket-stats": "socket-stats = yes",
    "option tcplog": "log-format = tcplog",
}
"""Words as HAProxy has them -> what to write, in the order of the documentation's table."""

LATER = ("option ssl-hello-chk", "stats", "timeout check", "timeout queue")
"""Words whose equivalent comes with a later version."""


def hint(text: str) -> str:
    """A hint for a line, or for a key that we do not know, that begins as one of HAProxy's; else no hint."""
    words = text.replace("=", " ").split()
    for count in (2, 1):
        phrase = " ".join(words[:count])
        if phrase in LATER:
            return f"HAProxy's '{phrase}' comes with a later version"
        if phrase in EQUIVALENTS:
            return f"HAProxy's '{phrase}' is here: {EQUIVALENTS[phrase]}"
    return ""

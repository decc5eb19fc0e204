"""The configuration files of the programs that are measured: the same site in the words of each.

May not: decide what is measured. A role is a measurement's word (`answer`, `pour`, `echo`, `http`) and names a
frontend and a backend.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

NAME = "pump2.example.test"
"""What the hellos name, and the routes."""
LOOPBACK = "127.0.0.1"
HTTP = "http"
"""The one role that is relayed as requests; all others by the server name."""
MODULES = Path("/usr/lib/nginx/modules")
"""Where Debian puts nginx's loadable modules. One that is not there is taken for built in."""


@dataclass(frozen=True)
class Site:
    """What a proxy serves."""

    fronts: dict[str, int]
    """The proxy's port for each role."""
    servers: dict[str, tuple[int, ...]]
    """The ports of a role's servers."""
    folder: Path
    """Where a program may write."""
    connections: int = 4000
    """How many at a time: the origin's maxconn."""
    log: int | None = None
    """None for no access log; else the port of a syslog listener, for those that log there. Others log to a file."""
    target: str = ""
    """Where ours logs, in the words of its file; empty: to the syslog listener, if there is one."""
    modules: Path = MODULES


def pumpproxy(site: Site) -> str:
    """As README has it, but for the log."""
    log = "none" if site.log is None else site.target or f"syslog:local2@udp:{LOOPBACK}:{site.log}"
    text = f"[global]\nmaxconn = {site.connections}\nlog = {log}\n"
    for role, port in site.fronts.items():
        mode, kind = ("http", "http") if role == HTTP else ("tls", "tcp")
        text += f"[frontend {role}]\nmode = {mode}\nbind = {LOOPBACK}:{port}\nroute {NAME} = {role}\n"
        text += "forwardfor = yes\n" if role == HTTP else "unknown-sni = reject\nno-sni = reject\n"
        text += f"[backend {role}]\nmode = {kind}\n"
        text += "".join(f"server s{at} = {LOOPBACK}:{server}\n" for at, server in enumerate(site.servers[role]))
    return text


ORIGIN = """\
defaults
    mode tcp
    {log}
    option dontlognull
    option redispatch
    retries 3
    timeout http-request 10s
    timeout queue 1m
    timeout connect 10s
    timeout client 1m
    timeout server 1m
    timeout http-keep-alive 10s
    timeout check 10s
    timeout tunnel 1h
"""


def haproxy(site: Site) -> str:
    """As the site had it that pumpproxy was made for: its timeouts, its inspection, a connection a request."""
    return _haproxy(site, "", "    option http-server-close\n")


def haproxy_tuned(site: Site) -> str:
    """The same with the kernel moving the bytes through large pipes, and server connections that are kept."""
    return _haproxy(
        site,
        "    tune.pipesize 1048576\n",
        "    option splice-request\n    option splice-response\n    option http-keep-alive\n",
    )


def _haproxy(site: Site, tuning: str, options: str) -> str:
    target = "" if site.log is None else f"    log {LOOPBACK}:{site.log} local2\n"
    log = "no log" if site.log is None else "log global\n    option tcplog"
    text = f"global\n    maxconn {site.connections}\n    nbthread 1\n{target}{tuning}{ORIGIN.format(log=log)}{options}"
    for role, port in site.fronts.items():
        text += f"frontend {role}\n    bind {LOOPBACK}:{port}\n    maxconn {site.connections}\n"
        if role == HTTP:
            text += f"    mode http\n    option forwardfor\n    default_backend {role}\n"
        else:
            text += "    tcp-request inspect-delay 5s\n    tcp-request content accept if { req_ssl_hello_type 1 }\n"
            text += f"    use_backend {role} if {{ req_ssl_sni -i {NAME} }}\n"
        text += f"backend {role}\n" + ("    mode http\n" if role == HTTP else "")
        text += "".join(f"    server s{at} {LOOPBACK}:{server}\n" for at, server in enumerate(site.servers[role]))
    return text


def nginx(site: Site) -> str:
    """By stream with ssl_preread for the TLS roles, http with kept server connections for the requests."""
    loaded = site.modules / "ngx_stream_module.so"
    text = f"load_module {loaded};\n" if loaded.exists() else ""
    text += f"worker_processes 1;\ndaemon off;\npid {site.folder}/nginx.pid;\nerror_log {site.folder}/nginx.err;\n"
    # Two descriptors a relay, and the upstream's connections count too.
    text += f"events {{ worker_connections {2 * site.connections + 100}; }}\nstream {{\n"
    if site.log is not None:
        text += "log_format tcplog '$remote_addr:$remote_port [$time_local] $server_port $upstream_addr "
        text += "$upstream_connect_time/$session_time $bytes_sent $status sni=$ssl_preread_server_name';\n"
        text += f"access_log {site.folder}/access.log tcplog;\n"
    for role, port in site.fronts.items():
        if role != HTTP:
            servers = " ".join(f"server {LOOPBACK}:{server};" for server in site.servers[role])
            text += f"upstream {role} {{ {servers} }}\n"
            text += f"map $ssl_preread_server_name $to_{role} {{ {NAME} {role}; }}\n"
            text += f"server {{ listen {LOOPBACK}:{port} backlog=4096; ssl_preread on; proxy_pass $to_{role}; "
            text += "proxy_timeout 1h; }\n"
    return text + "}\n" + (_nginx_http(site) if HTTP in site.fronts else "")


def _nginx_http(site: Site) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    # Its usual folders are root's.
    folders = "".join(f"{kind}_temp_path {site.folder}/{kind};\n" for kind in kinds)
    server = site.servers[HTTP][0]
    return f"""http {{
access_log off;
keepalive_requests 10000000;
{folders}upstream kept {{ server {LOOPBACK}:{server}; keepalive 64; }}
server {{ listen {LOOPBACK}:{site.fronts[HTTP]} backlog=4096; location / {{
proxy_pass http://kept; proxy_http_version 1.1; proxy_set_header Connection "";
proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
}} }} }}
"""


def sniproxy(site: Site) -> str:
    """Tables by server name, with one server each; it has no limit of connections and no tunnel timeout."""
    text = f"pidfile {site.folder}/sniproxy.pid\n"
    text += f"error_log {{\n filename {site.folder}/sniproxy.err\n priority error\n}}\n"
    for role, port in site.fronts.items():
        if role != HTTP:
            server = site.servers[role][0]
            text += f"listen {LOOPBACK}:{port} {{\n proto tls\n table {role}\n}}\n"
            text += f"table {role} {{\n {NAME} {LOOPBACK}:{server}\n}}\n"
    return text

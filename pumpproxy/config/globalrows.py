"""The rows of `[global]`.

May not: contain a key that nothing obeys.
"""

from __future__ import annotations

from pumpproxy.config import addresses, values
from pumpproxy.config.logtarget import FORMS, log_target
from pumpproxy.config.option import Kind, Option
from pumpproxy.model import RelayKind

# A row is a row: what the reader needs, then what the user reads.
# fmt: off

GLOBAL_MAXCONN = Option(
    kind=Kind.GLOBAL, key="maxconn", value="NUMBER", parse=values.count, inherited=False,
    unset="as many as the limit of file descriptors allows",
    doc="Connections from clients at a time, on all frontends. Beyond it nobody is accepted: those who come wait in "
    "the kernel's backlog, and are never accepted and closed.",
)
GLOBAL_LOG = Option(
    kind=Kind.GLOBAL, key="log", value=", ".join(f"`{form}`" for form in FORMS), default="none", inherited=False,
    parse=log_target, reload="yes, for lines that come then",
    doc="Where the access log goes, one line an ended connection or request. `none`: nowhere. `twistd`: into twistd's "
    "own log. All others also get whatever else is logged (start, reload, servers that go DOWN, errors), with its "
    "severity, and none of them makes anybody wait: what cannot be written is kept, 4 MiB at most, and beyond that "
    "lost, counted and told once a minute. `journal`: systemd's journal, with fields, as in `journalctl "
    "PUMPPROXY_SNI=example.org`. `syslog:local2`: the syslog daemon at /dev/log, or at another socket, or by UDP at an "
    "IP address (IPv6 in brackets); facilities are HAProxy's. `file:PATH`: appended to an absolute path, and opened "
    "anew on SIGUSR1. `stderr`: standard error. See *What is logged* in operation.md.",
)
GLOBAL_RELAY = Option(
    kind=Kind.GLOBAL, key="relay", value="`auto`, `splice` or `portable`", default="auto", inherited=False,
    parse=values.choice(RelayKind), reload="yes, for connections that come then",
    doc="How bytes are relayed: in the kernel, on an epoll of our own (`splice`, Linux only), or through Twisted's "
    "transports (`portable`). `auto` takes the first where the system has it. They differ in speed, not in behaviour; "
    "the log says at the start which one it is.",
)
GLOBAL_NAMESERVERS = Option(
    kind=Kind.GLOBAL, key="nameservers", value="ADDRESS...", parse=values.each(addresses.nameserver), inherited=False,
    unset="those of /etc/resolv.conf", reload="yes, for questions that are asked then",
    doc="Who is asked for the names of servers, one after the other until one answers: IP addresses, with a port where "
    "it is not 53 (`127.0.0.1:8600` for Consul). All else that /etc/resolv.conf says (`search`, `options`) holds, and "
    "so does /etc/hosts. See *Names of servers*.",
)

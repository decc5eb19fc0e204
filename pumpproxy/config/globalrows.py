"""The rows of `[global]`.

May not: contain a key that nothing obeys.
"""

from __future__ import annotations

from pumpproxy.config import addresses, values
from pumpproxy.config.option import Kind, Option
from pumpproxy.model import LogSink, RelayKind

# A row is a row: what the reader needs, then what the user reads.
# fmt: off

GLOBAL_MAXCONN = Option(
    kind=Kind.GLOBAL, key="maxconn", value="NUMBER", parse=values.count, inherited=False,
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
GLOBAL_NAMESERVERS = Option(
    kind=Kind.GLOBAL, key="nameservers", value="ADDRESS...", parse=values.each(addresses.nameserver), inherited=False,
    unset="those of /etc/resolv.conf", reload="yes, for questions that are asked then",
    doc="Who is asked for the names of servers, one after the other until one answers: IP addresses, with a port where "
    "it is not 53 (`127.0.0.1:8600` for Consul). All else that /etc/resolv.conf says (`search`, `options`) holds, and "
    "so does /etc/hosts. See *Names of servers*.",
)

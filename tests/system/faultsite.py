"""The site whose servers fail: its backends, and what its file says of them from time to time.

May not: know what happens to it, or when.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FRONT = "127.0.0.2"
"""Where the daemon listens."""
TIMEOUTS = {
    "connect": 1.0, "server": 3.0, "client": 8.0, "tunnel": 4.0, "queue": 4.0, "check": 1.0, "http-request": 5.0,
    "http-keep-alive": 4.0,
}  # fmt: skip
"""What the file says, in seconds; short, so that each is met."""
SETTLED = 4.0
"""Seconds after whatever was done to a server, by which it is UP, if nothing else is; generously."""

Server = tuple[str, str]
"""Of which backend, and its name."""
Names = dict[str, str]
"""By backend, the servers (a letter each) that DNS has for it."""


@dataclass(frozen=True)
class Group:
    """A backend: its servers, and what its file says."""

    name: str
    kind: str
    """See `faultserver`; `tcp` is `hello` that is routed by the frontend's port alone."""
    servers: str
    """A letter each."""
    check: str
    lines: tuple[str, ...] = ()
    backup: str = ""
    """Those that stand by."""
    proxied: str = ""
    """As `send-proxy`."""
    calm: bool = False
    """Nothing is done to it, so that nobody there may notice anything."""
    by: str = ""
    """What stands for all of its servers in the file, if not each for itself: `host` or `service`, by DNS."""

    @property
    def mode(self) -> str:
        """Of the frontend that leads here."""
        return {"hello": "tls", "tls": "tls", "tcp": "tcp", "http": "http"}[self.kind]

    @property
    def holds(self) -> bool:
        """Whether clients wait while no server is there."""
        return HOLD in self.lines

    @property
    def closes(self) -> bool:
        """Whether what runs at a server that goes DOWN is ended."""
        return CLOSES in self.lines

    @property
    def words(self) -> str:
        """On the line of each server."""
        proxied = f" send-proxy={self.proxied}" if self.proxied else ""
        return f"check={self.check} inter=500ms fastinter=100ms downinter=300ms rise=2 fall=3{proxied}"


ANY = "redispatch = yes"
CLOSES = "on-down = close"
HOLD = "hold = yes"
GROUPS = (
    Group("spread", "hello", "abc", "tls-hello", (ANY,), proxied="v2"),
    Group("held", "hello", "abc", "tcp", (ANY, HOLD, "balance = leastconn"), backup="c"),
    Group("lone", "tcp", "a", "tcp", (HOLD,), proxied="v1"),
    Group("sealed", "tls", "ab", "tls", ("redispatch = 1", CLOSES)),
    Group("web", "http", "abc", "http", (ANY, CLOSES, "balance = random")),
    Group("shop", "http", "ab", "http", (ANY, HOLD)),
    Group("calm", "http", "ab", "http", (ANY,), calm=True),
    Group("host", "hello", "ab", "tcp", by="host"),
    Group("service", "hello", "abc", "tls-hello", (ANY,), by="service"),
)


@dataclass(frozen=True)
class Setting:
    """What the file says of one server."""

    weight: int = 1
    maxconn: int | None = None
    state: str = ""
    """`drain`, `disabled` or nothing."""

    @property
    def gets_clients(self) -> bool:
        """Whether anybody new may come to it."""
        return not self.state


Layout = dict[Server, Setting]
"""The servers that the file has one by one."""


def whole() -> Layout:
    """Every server, with a limit here and there."""
    limits: dict[Server, int] = {("spread", "a"): 6, ("held", "b"): 5}
    limits |= {(name, server): 2 for name in ("web", "calm") for server in "abc"}
    servers = [(group.name, name) for group in GROUPS for name in group.servers if not group.by]
    return {server: Setting(maxconn=limits.get(server)) for server in servers}


def all_names() -> Names:
    """Every server that DNS may have."""
    return {group.name: group.servers for group in GROUPS if group.by}


@dataclass(frozen=True)
class Places:
    """Where everything is: addresses and ports, as the file writes them."""

    fronts: Mapping[str, str]
    """By mode."""
    servers: Mapping[Server, str]
    nameserver: str

    def text(self, layout: Layout, relay: str) -> str:
        """The file."""
        lines = [f"[global]\nlog = twistd\nrelay = {relay}\nnameservers = {self.nameserver}"]
        lines.append("[defaults]\nlog-format = json")
        lines += [f"timeout-{name} = {round(seconds * 1000)}ms" for name, seconds in TIMEOUTS.items()]
        for mode, place in self.fronts.items():
            lines.append(f"[frontend {mode}]\nmode = {mode}\nbind = {place}")
            groups = [group for group in GROUPS if group.mode == mode]
            if mode == "http":
                lines.append("forwardfor = yes")
            if mode == "tcp":
                lines.append(f"default-backend = {groups[0].name}")
            else:
                lines += [f"route {group.name}.example = {group.name}" for group in groups]
        for group in GROUPS:
            lines += [f"[backend {group.name}]", *(["mode = http"] if group.kind == "http" else []), *group.lines]
            lines += self._servers(group, layout)
        return "\n".join(lines) + "\n"

    def _servers(self, group: Group, layout: Layout) -> list[str]:
        if group.by == "host":
            port = self.servers[group.name, group.servers[0]].rpartition(":")[2]
            return [f"server x = {group.name}.test.:{port} {group.words}"]
        if group.by == "service":
            return [f"server x = srv:_x._tcp.{group.name}.test. {group.words}"]
        lines = []
        for name in group.servers:
            setting = layout.get((group.name, name))
            if setting is not None:
                limit = "" if setting.maxconn is None else f" maxconn={setting.maxconn}"
                backup = " backup" if name in group.backup else ""
                place = self.servers[group.name, name]
                lines.append(
                    f"server {name} = {place} weight={setting.weight}{limit}{backup} {setting.state} {group.words}"
                )
        return lines

    def called(self, group: Group, name: str) -> str:
        """The server's name in the log."""
        if not group.by:
            return name
        port = self.servers[group.name, name].rpartition(":")[2]
        return "x" if group.by == "host" else f"x@{name}.{group.name}.test:{port}"

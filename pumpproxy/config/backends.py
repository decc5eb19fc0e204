"""A backend's values to a Backend, and what can only be said of several of its keys together.

May not: know the frontends that use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpproxy.config import backendrows, routes, sections
from pumpproxy.config.problems import Problems, did_you_mean, quoted
from pumpproxy.model import Backend, CheckKind, Mode, Server, SrvAddress

if TYPE_CHECKING:
    from pumpproxy.config.option import Option
    from pumpproxy.config.sections import Values


_OF_CHECKS: dict[Option[object], str] = {
    backendrows.HOLD: "nobody tells when one is DOWN, and when it is back",
    backendrows.ON_DOWN: "so none ever goes DOWN",
    backendrows.SLOW_START: "so none ever comes UP",
    backendrows.TIMEOUT_CHECK: "so nobody waits for an answer",
    backendrows.WARN_DAYS: "so nobody sees a certificate",
}
"""The keys that nothing comes of without a check, and why."""


def build(name: str, values: Values, problems: Problems) -> Backend:
    """The backend, as far as it could be read."""
    mode = values.get(backendrows.BACKEND_MODE)
    if "mode" not in values.unreadable:
        sections.keep_mode(values, mode, problems)
    servers = tuple(given.value for given in values.each(backendrows.SERVER))
    if name in routes.ACTIONS:
        problems.error(values.place, f"'{name}' is an action, and cannot be a backend's name")
    if values.lacks(backendrows.SERVER):
        problems.error(values.place, "has no server", "write server NAME = ADDRESS")
    use_server = _use_server(values, servers, problems)
    _check_use(values, servers, use_server, problems)
    _check_cookies(values, mode, problems)
    _check_health(values, servers, problems)
    return Backend(
        name=name,
        mode=mode,
        balance=values.get(backendrows.BALANCE),
        servers=servers,
        use_server=use_server,
        forwardfor=values.get(backendrows.BACKEND_FORWARDFOR),
        connection=values.find(backendrows.BACKEND_CONNECTION),
        retries=values.get(backendrows.RETRIES),
        redispatch=values.get(backendrows.REDISPATCH),
        timeout_connect=values.get(backendrows.TIMEOUT_CONNECT),
        timeout_server=values.get(backendrows.TIMEOUT_SERVER),
        timeout_server_fin=values.get(backendrows.TIMEOUT_SERVER_FIN),
        timeout_queue=values.get(backendrows.TIMEOUT_QUEUE),
        timeout_check=values.find(backendrows.TIMEOUT_CHECK),
        hold=values.get(backendrows.HOLD),
        on_down=values.get(backendrows.ON_DOWN),
        slow_start=values.get(backendrows.SLOW_START),
        warn_days=values.get(backendrows.WARN_DAYS),
        cookie=values.find(backendrows.COOKIE),
    )


def _use_server(values: Values, servers: tuple[Server, ...], problems: Problems) -> tuple[tuple[str, str], ...]:
    """(host, server) pairs; a host that stands twice, and a server that is not there, are problems."""
    names = {server.name: server for server in servers}
    seen: dict[str, str] = {}
    for given in values.each(backendrows.USE_SERVER):
        server = given.value.server
        if server not in names and "server" not in values.unreadable:
            problems.error(given.place, f"there is no server {quoted(server)} here", did_you_mean(server, names))
        elif server in names and isinstance(names[server].address, SrvAddress):
            problems.error(
                given.place, f"{quoted(server)} may be many servers", "give the service a backend of its own"
            )
        for host in given.value.hosts:
            if host in seen:
                where = "twice" if seen[host] == server else f"for '{seen[host]}' too"
                problems.error(given.at(host), f"names {quoted(host)} {where}")
            seen.setdefault(host, server)
    return tuple(seen.items())


def _check_use(
    values: Values, servers: tuple[Server, ...], use_server: tuple[tuple[str, str], ...], problems: Problems
) -> None:
    """Warn of a backend in which nobody is ever chosen."""
    used = {server for _, server in use_server}
    for server in servers:
        if not server.disabled and (server.name in used or (server.weight and not server.drain)):
            return
    if not values.lacks(backendrows.SERVER) and "server" not in values.unreadable:
        problems.warning(values.place, "has no server that can be chosen", "all are disabled, drained or of weight 0")


def _check_cookies(values: Values, mode: Mode, problems: Problems) -> None:
    """A server's value must be its own, and one of a cookie; a cookie without any value is warned of."""
    owners: dict[str, str] = {}
    for given in values.each(backendrows.SERVER):
        name, value = given.value.name, given.value.cookie
        if value is None:
            continue
        place = given.at(f"cookie={value}")
        if values.lacks(backendrows.COOKIE):
            hint = "write cookie = NAME prefix, insert or rewrite" if mode is Mode.HTTP else "it is for mode = http"
            problems.error(place, f"has cookie={value}, and this backend no cookie", hint)
        elif value in owners:
            problems.error(place, f"has cookie={value}, as '{owners[value]}' has", "each server needs its own")
        owners.setdefault(value, name)
    cookie = values.given(backendrows.COOKIE)
    if not owners and cookie is not None and not cookie.inherited and "server" not in values.unreadable:
        problems.warning(cookie.place, "leads to no server", "none of them has cookie=VALUE")


def _check_health(values: Values, servers: tuple[Server, ...], problems: Problems) -> None:
    """Warn of what a backend says of its checks where it has none."""
    if not servers or "server" in values.unreadable:
        return
    kinds = {server.check.kind for server in servers if server.check is not None}
    for option, why in _OF_CHECKS.items():
        given = values.given(option)
        if given is None or given.inherited or (option.default and given.value == option.parse(option.default)):
            continue
        if not kinds:
            problems.warning(given.place, "none of the servers has a check", why)
        elif option is backendrows.WARN_DAYS and CheckKind.TLS not in kinds:
            problems.warning(given.place, "none of the servers has check=tls", why)


def mode_of(values: Values) -> Mode | None:
    """The mode, or None where it is written and could not be read."""
    return None if "mode" in values.unreadable else values.get(backendrows.BACKEND_MODE)

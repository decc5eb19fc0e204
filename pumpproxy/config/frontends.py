"""A frontend's values to a Frontend, and what can only be said of several of its keys together.

May not: know the other sections; whether a backend is there is `crosscheck`'s question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumpproxy.config import frontendrows, sections
from pumpproxy.model import (
    Action,
    Frontend,
    LogFormat,
    Mode,
    RegexHost,
    Route,
    Target,
    UnixAddress,
    WildcardHost,
)

if TYPE_CHECKING:
    from pumpproxy.config.problems import Place, Problems
    from pumpproxy.config.sections import Given, Values
    from pumpproxy.model import BindAddress


@dataclass(frozen=True, slots=True)
class Reference:
    """A backend's name where a frontend uses it."""

    place: Place
    backend: str
    mode: Mode | None
    """The frontend's; None where it could not be read."""


_TARGETS = (frontendrows.NO_SNI, frontendrows.UNKNOWN_SNI, frontendrows.NOT_TLS, frontendrows.SILENT)

_FORMATS = {
    Mode.TLS: (LogFormat.TCPLOG, LogFormat.JSON),
    Mode.TCP: (LogFormat.TCPLOG, LogFormat.JSON),
    Mode.HTTP: (LogFormat.HTTPLOG, LogFormat.JSON),
}
"""What each mode has the facts for; the first is the default."""


def build(name: str, values: Values, problems: Problems) -> Frontend | None:
    """The frontend, or None where its mode or its addresses are not known."""
    mode = values.find(frontendrows.FRONTEND_MODE)
    binds = values.find(frontendrows.BIND)
    if values.lacks(frontendrows.FRONTEND_MODE):
        problems.error(values.place, "has no mode", "write mode = tls, tcp or http")
    if values.lacks(frontendrows.BIND):
        problems.error(values.place, "has no address to listen on", "write bind = *:PORT")
    if mode is None:
        return None
    sections.keep_mode(values, mode, problems)
    _check_routes(values, mode, problems)
    _check_targets(values, problems)
    _check_default(values, mode, problems)
    _check_proxies(values, binds, problems)
    _check_delay(values, mode, problems)
    log_format = _log_format(values, mode, problems)
    return None if binds is None else _frontend(name, mode, values, log_format)


def _frontend(name: str, mode: Mode, values: Values, log_format: LogFormat) -> Frontend:
    default = values.find(frontendrows.DEFAULT_BACKEND)
    nameless = default if default is not None and mode is Mode.TLS else Action.REJECT
    return Frontend(
        name=name,
        mode=mode,
        binds=values.find(frontendrows.BIND) or (),
        routes=tuple(given.value for given in values.each(frontendrows.ROUTE)),
        default_backend=default,
        no_sni=values.find(frontendrows.NO_SNI) or nameless,
        unknown_sni=values.find(frontendrows.UNKNOWN_SNI) or nameless,
        not_tls=values.get(frontendrows.NOT_TLS),
        silent=values.get(frontendrows.SILENT),
        inspect_delay=values.get(frontendrows.INSPECT_DELAY),
        maxconn=values.find(frontendrows.FRONTEND_MAXCONN),
        forwardfor=values.get(frontendrows.FRONTEND_FORWARDFOR),
        trusted_proxies=values.find(frontendrows.TRUSTED_PROXIES) or (),
        accept_proxy=values.find(frontendrows.ACCEPT_PROXY) or (),
        max_per_source=values.find(frontendrows.MAX_PER_SOURCE),
        rate_per_source=values.find(frontendrows.RATE_PER_SOURCE),
        forwarded=values.get(frontendrows.FORWARDED),
        forwarded_proto=values.get(frontendrows.FORWARDED_PROTO),
        forwarded_host=values.get(frontendrows.FORWARDED_HOST),
        forwarded_port=values.get(frontendrows.FORWARDED_PORT),
        via=values.get(frontendrows.VIA),
        max_head=values.get(frontendrows.MAX_HEAD),
        max_headers=values.get(frontendrows.MAX_HEADERS),
        connection=values.get(frontendrows.FRONTEND_CONNECTION),
        log_format=log_format,
        dontlognull=values.get(frontendrows.DONTLOGNULL),
        socket_stats=values.get(frontendrows.SOCKET_STATS),
        timeout_client=values.get(frontendrows.TIMEOUT_CLIENT),
        timeout_client_fin=values.get(frontendrows.TIMEOUT_CLIENT_FIN),
        timeout_http_request=values.get(frontendrows.TIMEOUT_HTTP_REQUEST),
        timeout_http_keep_alive=values.get(frontendrows.TIMEOUT_HTTP_KEEP_ALIVE),
        timeout_tunnel=values.get(frontendrows.TIMEOUT_TUNNEL),
    )


def references(values: Values) -> list[Reference]:
    """Every use of a backend's name."""
    mode = values.find(frontendrows.FRONTEND_MODE)
    found: list[tuple[Place, Target]] = [(given.place, given.value.target) for given in values.each(frontendrows.ROUTE)]
    for option in (frontendrows.DEFAULT_BACKEND, *_TARGETS):
        given: Given[Target] | None = values.given(option)
        if given is not None:
            found.append((given.place, given.value))
    return [Reference(place, target, mode) for place, target in found if isinstance(target, str)]


def _check_default(values: Values, mode: Mode, problems: Problems) -> None:
    if not values.lacks(frontendrows.DEFAULT_BACKEND):
        return
    if mode is Mode.TCP:
        problems.error(values.place, "has no default-backend", "mode = tcp has no routes to choose by")
    elif values.lacks(frontendrows.ROUTE) and all(values.lacks(option) for option in _TARGETS):
        problems.warning(values.place, "refuses everything", "it has no route and no default-backend")


def _check_proxies(values: Values, binds: tuple[BindAddress, ...] | None, problems: Problems) -> None:
    """A header can only be believed of an address."""
    given = values.given(frontendrows.ACCEPT_PROXY)
    if given is None or given.inherited or not binds:
        return
    if all(isinstance(address, UnixAddress) for address in binds):
        problems.error(given.place, "believes nobody: a client of a unix socket has no address", "bind a port")


def _check_delay(values: Values, mode: Mode, problems: Problems) -> None:
    """A `tcp` frontend reads nothing of its clients, but for a header."""
    given = values.given(frontendrows.INSPECT_DELAY)
    if mode is Mode.TCP and given is not None and not given.inherited and values.lacks(frontendrows.ACCEPT_PROXY):
        problems.error(given.place, "waits for nothing: mode = tcp reads nothing of a client without accept-proxy")


def _check_targets(values: Values, problems: Problems) -> None:
    for option in _TARGETS:
        given = values.given(option)
        if given is None:
            continue
        if given.value is Action.REDIRECT_HTTPS:
            problems.error(given.place, "cannot redirect: the client speaks TLS, or nothing that we know")
        elif given.value is Action.EXPLAIN and option is not frontendrows.NOT_TLS:
            problems.error(given.place, "cannot explain: that is for not-tls")


def _check_routes(values: Values, mode: Mode, problems: Problems) -> None:
    seen: dict[tuple[object, str, str | None], tuple[str, int]] = {}
    for given in values.each(frontendrows.ROUTE):
        problem = _problem_of(given.value, mode)
        if problem:
            problems.error(given.place, problem)
        key = (_names(given.value), given.value.path, given.value.alpn)
        other, line = seen.setdefault(key, (str(given.value.host), given.place.line))
        if line != given.place.line:
            problems.error(given.place, f"is for the same names as '{other}'", f"in line {line}")


def _names(route: Route) -> object:
    """What two routes may not share. `*.a` and `.a` do: every name below `a`, where neither is the longer one."""
    host = route.host
    return (WildcardHost, host.suffix) if isinstance(host, WildcardHost) else host


def _problem_of(route: Route, mode: Mode) -> str:
    """What is wrong with a route in this mode; empty for nothing."""
    if route.path and mode is not Mode.HTTP:
        what = "a '/' in the pattern" if isinstance(route.host, RegexHost) else "a path"
        return f"{what} can only be compared in mode = http"
    if route.alpn is not None and mode is not Mode.TLS:
        return "'if alpn' is for mode = tls: there is no hello to look into"
    if route.target is Action.REDIRECT_HTTPS and mode is not Mode.HTTP:
        return "cannot redirect: only mode = http can"
    if route.target is Action.EXPLAIN:
        return "cannot explain: that is for not-tls"
    return ""


def _log_format(values: Values, mode: Mode, problems: Problems) -> LogFormat:
    fitting = _FORMATS[mode]
    given = values.given(frontendrows.LOG_FORMAT)
    if given is None:
        return fitting[0]
    if given.value in fitting:
        return given.value
    if not given.inherited:
        names = " or ".join(one.value for one in fitting)
        problems.error(given.place, f"'{given.value.value}' is not for mode = {mode.value}", f"write {names}")
    return fitting[0]

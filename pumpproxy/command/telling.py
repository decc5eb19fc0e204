"""A verdict as values that JSON can hold, and as lines for a person.

May not: print, or find anything out that the verdict and the file do not say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from pumpproxy.command.question import Speech
from pumpproxy.command.verdict import Reason, pinned
from pumpproxy.model import Action, Admin, Mode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pumpproxy.command.places import Places, Written
    from pumpproxy.command.question import Question
    from pumpproxy.command.verdict import Verdict
    from pumpproxy.model import Backend, Route, Server

Described = dict[str, object]

_ANSWERS = {
    (Mode.TLS, Action.REJECT): "the TLS alert unrecognized_name",
    (Mode.HTTP, Action.REJECT): "421 Misdirected Request",
}
_IN_PLAIN_HTTP = {
    Action.REJECT: "421 Misdirected Request",
    Action.EXPLAIN: "400 Bad Request, which explains that TLS is spoken here",
}
"""Of what is no TLS, on a `tls` frontend."""
_KEYS = {
    Reason.DEFAULT: ("default-backend",),
    Reason.CHALLENGE: ("default-backend",),
    Reason.UNKNOWN_SNI: ("unknown-sni", "default-backend"),
    Reason.NO_SNI: ("no-sni", "default-backend"),
    Reason.NOT_TLS: ("not-tls",),
}
"""What may say so where no route does: the first of these keys that is there."""


class Entry(NamedTuple):
    """A line for a person: what it is, where in the file (0: nowhere), and the text."""

    word: str
    line: int
    text: str


def described(verdict: Verdict, asked: Question, backends: Mapping[str, Backend], places: Places) -> Described:
    """All there is to say of a frontend, for JSON."""
    frontend = verdict.frontend
    found: Described = {
        "frontend": frontend.name,
        "line": places.section("frontend", frontend.name).line,
        "mode": frontend.mode.value,
        "bind": [str(bind) for bind in frontend.binds],
        "reason": verdict.reason.value,
        "rule": _rule(verdict, places),
        "beaten": [_route(frontend.name, route, places) for route in verdict.beaten],
        "backend": None,
        "action": None,
        "answer": None,
        "arrives": verdict.arrives,
    }
    if isinstance(verdict.target, str):
        found["backend"] = _backend(backends[verdict.target], verdict, asked, places)
    else:
        found["action"] = None if verdict.target is None else verdict.target.value
        found["answer"] = _answer(verdict, asked)
    return found


def _rule(verdict: Verdict, places: Places) -> Described | None:
    """The line of the file that says so; None: none does, it is so by default."""
    if verdict.route is not None:
        return _route(verdict.frontend.name, verdict.route, places)
    section = f"frontend {verdict.frontend.name}"
    for key in _KEYS.get(verdict.reason, ()):
        if (written := places.key(section, key)) is not None:
            return _written(written)
    return None


def _route(frontend: str, route: Route, places: Places) -> Described:
    return _written(places.route(frontend, route))


def _written(written: Written) -> Described:
    return {"line": written.line, "text": written.text}


def _backend(backend: Backend, verdict: Verdict, asked: Question, places: Places) -> Described:
    server = pinned(backend, verdict, asked)
    rule = None if server is None else places.server(backend.name, server.name, "use-server")
    return {
        "name": backend.name,
        "line": places.section("backend", backend.name).line,
        "balance": backend.balance.value,
        "cookie": None if backend.cookie is None else backend.cookie.name,
        "use-server": None if rule is None or server is None else {"server": server.name, **_written(rule)},
        "servers": [_server(backend, one, places) for one in backend.servers],
    }


def _server(backend: Backend, server: Server, places: Places) -> Described:
    written = places.server(backend.name, server.name)
    return {
        "name": server.name,
        "address": str(server.address),
        "weight": server.weight,
        "backup": server.backup,
        "admin": server.admin.value,
        **({} if written is None else _written(written)),
    }


def _answer(verdict: Verdict, asked: Question) -> str:
    if verdict.target is Action.REDIRECT_HTTPS:
        return f"https://{asked.name or asked.asked}{asked.path or '/'}"
    if verdict.reason is Reason.NOT_HTTP:
        return "400 Bad Request: TLS is spoken where HTTP is"
    action = cast("Action", verdict.target)
    if asked.speech is Speech.HTTP and verdict.frontend.mode is Mode.TLS:
        return _IN_PLAIN_HTTP.get(action, "nothing: the connection is closed")
    return _ANSWERS.get((verdict.frontend.mode, action), "nothing: the connection is closed")


def entries(described: Described) -> Iterator[Entry]:
    """The same for a person, the frontend first."""
    binds = " ".join(cast("list[str]", described["bind"]))
    line = cast("int", described["line"])
    yield Entry("frontend", line, f"[frontend {described['frontend']}] mode = {described['mode']}, bind = {binds}")
    rule = cast("Described | None", described["rule"])
    if rule is not None:
        yield Entry("wins", cast("int", rule["line"]), f"{rule['text']}  ({described['reason']})")
    else:
        yield Entry("wins", 0, f"the default, as no line says otherwise  ({described['reason']})")
    for beaten in cast("list[Described]", described["beaten"]):
        yield Entry("beats", cast("int", beaten["line"]), str(beaten["text"]))
    backend = cast("Described | None", described["backend"])
    if backend is not None:
        yield from _of_backend(backend)
    elif described["arrives"]:
        yield Entry("answer", 0, f"redirected to {described['answer']}")
    else:
        yield Entry("refused", 0, f"the answer is {described['answer']}")


def _of_backend(backend: Described) -> Iterator[Entry]:
    use = cast("Described | None", backend["use-server"])
    servers = cast("list[Described]", backend["servers"])
    ways = [f"balance = {backend['balance']}"] if len(servers) > 1 and use is None else []
    ways += [f"a client with the cookie {backend['cookie']} stays"] if backend["cookie"] else []
    more = f"  ({', '.join(ways)})" if ways else ""
    yield Entry("backend", cast("int", backend["line"]), f"[backend {backend['name']}]{more}")
    if use is not None:
        yield Entry("picks", cast("int", use["line"]), f"{use['text']}")
    for server in servers:
        if use is None or server["name"] == use["server"]:
            text = f"{server['text']}{_state(server, pinned=use is not None)}"
            yield Entry("server", cast("int", server["line"]), text)


def _state(server: Described, *, pinned: bool) -> str:
    """Why it is not chosen, where it is not."""
    if server["admin"] == Admin.MAINT.value:
        return "  (never chosen)"
    if not pinned and (server["weight"] == 0 or server["admin"] == Admin.DRAIN.value):
        return "  (never chosen by balancing)"
    return "  (only where no other is there)" if server["backup"] and not pinned else ""

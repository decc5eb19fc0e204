"""Where a question leads on one frontend, and by what: what `policy` says of it, with its reasons.

The decision is the policy's own, asked as a connection asks it. Which route it was is found by the same table, with
routes that lead to their own number. May not: know the file's lines, or compare a name itself.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pumpproxy.command.question import Speech
from pumpproxy.model import Action, ExactHost, InheritedAddress, Mode, RegexHost, TcpAddress
from pumpproxy.policy.answers import led
from pumpproxy.policy.pool import Pool
from pumpproxy.policy.routes import RouteTable
from pumpproxy.policy.runtime import FrontendState
from pumpproxy.wire.clienthello import ClientHello

if TYPE_CHECKING:
    from pumpproxy.command.question import Question
    from pumpproxy.model import Backend, Frontend, Route, Server, Target


class Reason(enum.Enum):
    """Why it leads there."""

    EXACT = "exact name"
    WILDCARD = "wildcard"
    REGEX = "regular expression"
    DEFAULT = "default-backend"
    UNKNOWN_SNI = "unknown-sni"
    NO_SNI = "no-sni"
    NOT_TLS = "not-tls"
    NOT_HTTP = "not HTTP"
    CHALLENGE = "an ACME challenge is not redirected"
    """... while there is a default-backend."""
    NOBODY = "no route"
    """... and no default-backend."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a client."""

    frontend: Frontend
    reason: Reason
    target: Target | None
    """None: refused, as no target says it."""
    route: Route | None = None
    """The one that wins; None: none does."""
    beaten: tuple[Route, ...] = ()
    """Those that fit too, each better than the next."""

    @property
    def arrives(self) -> bool:
        """Whether there is a server to answer, or a redirection."""
        return isinstance(self.target, str) or self.target is Action.REDIRECT_HTTPS


def reachable(frontend: Frontend, question: Question) -> bool:
    """Whether such a client may come here. By whose name systemd knows a socket says nothing of its port."""
    if question.port is not None:
        return any(
            isinstance(bind, InheritedAddress) or (isinstance(bind, TcpAddress) and bind.port == question.port)
            for bind in frontend.binds
        )
    wanted = {Speech.TLS: Mode.TLS, Speech.HTTP: Mode.HTTP, None: frontend.mode}[question.speech]
    return frontend.mode in (wanted, Mode.TCP)


def verdict(frontend: Frontend, question: Question) -> Verdict:
    """What becomes of such a client here."""
    if frontend.mode is Mode.TCP:
        return Verdict(frontend, Reason.DEFAULT, frontend.default_backend or Action.DROP)
    if frontend.mode is Mode.TLS:
        return _by_hello(frontend, question)
    if question.speech is Speech.TLS:
        return Verdict(frontend, Reason.NOT_HTTP, None)
    return _by_host(frontend, question)


def _by_hello(frontend: Frontend, question: Question) -> Verdict:
    if question.speech is Speech.HTTP:
        return Verdict(frontend, Reason.NOT_TLS, frontend.not_tls)
    alpn = tuple(protocol.encode() for protocol in question.alpn)
    hello = ClientHello(question.name, question.name is None, alpn, (), ech=False, post_quantum=False, wire_length=0)
    target = FrontendState(frontend, {}).target(hello)
    if question.name is None:
        return Verdict(frontend, Reason.NO_SNI, target)
    fitting = _fitting(frontend, question.name, alpn, b"")
    if not fitting:
        return Verdict(frontend, Reason.UNKNOWN_SNI, target)
    return Verdict(frontend, _reason(fitting[0]), target, fitting[0], fitting[1:])


def _by_host(frontend: Frontend, question: Question) -> Verdict:
    path = (question.path or "/").encode()
    target = led(FrontendState(frontend, {}), question.name, path)
    fitting = () if question.name is None else _fitting(frontend, question.name, (), path)
    if not fitting:
        return Verdict(frontend, Reason.DEFAULT if frontend.default_backend else Reason.NOBODY, target)
    if target != fitting[0].target:
        return Verdict(frontend, Reason.CHALLENGE, target, None, fitting)
    return Verdict(frontend, _reason(fitting[0]), target, fitting[0], fitting[1:])


def _fitting(frontend: Frontend, name: str, alpn: tuple[bytes, ...], path: bytes) -> tuple[Route, ...]:
    """Every route that fits, the best first: each is what wins where those before it are not there."""
    left = {str(number): route for number, route in enumerate(frontend.routes)}
    found: list[Route] = []
    while True:
        table = RouteTable(replace(route, target=number) for number, route in left.items())
        best = table.lookup(name, alpn, path)
        if not isinstance(best, str):
            return tuple(found)
        found.append(left.pop(best))


def _reason(route: Route) -> Reason:
    if isinstance(route.host, ExactHost):
        return Reason.EXACT
    return Reason.REGEX if isinstance(route.host, RegexHost) else Reason.WILDCARD


def pinned(backend: Backend, verdict: Verdict, question: Question) -> Server | None:
    """The server that a `use-server` line names for this client, while it may be used; None: balancing chooses."""
    nameless = verdict.frontend.mode is Mode.TCP or verdict.reason is Reason.NOT_TLS
    found = Pool(backend).pinned(None if nameless else question.name)
    return None if found is None else found.declared

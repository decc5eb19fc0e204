"""Where a request leads, and what we answer ourselves where that is no server.

May not: read a request, or say whether the connection lives on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumpproxy.hostnames import is_ip_literal
from pumpproxy.model import Action
from pumpproxy.policy import pages
from pumpproxy.policy.forwarding import is_last_hop
from pumpproxy.policy.outcome import Outcome

if TYPE_CHECKING:
    from pumpproxy.model import Target
    from pumpproxy.policy.runtime import FrontendState
    from pumpproxy.wire.http1 import RequestHead

ACME_CHALLENGE = b"/.well-known/acme-challenge/"
"""RFC 8555, section 8.3: asked for over plain HTTP, before there may be a certificate to redirect to."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response of ours. `status` None: no word, the connection ends."""

    status: int | None
    reply: bytes
    outcome: Outcome


SILENCE = Answer(None, b"", Outcome.REFUSED)


def named(head: RequestHead) -> str | None:
    """The name that a request is routed by; an IP literal is nobody's."""
    host = head.host
    return None if host is None or is_ip_literal(host.encode("ascii")) else host


def led(frontend: FrontendState, name: str | None, path: bytes) -> Target:
    """The target of the name's route, else the default backend; `reject` where there is neither.

    What is asked of an ACME client is not redirected, unless nobody else is there.
    """
    default = frontend.declared.default_backend
    target = None if name is None else frontend.routes.lookup(name, (), path)
    if target is None or (target is Action.REDIRECT_HTTPS and default and path.startswith(ACME_CHALLENGE)):
        target = default or target
    return Action.REJECT if target is None else target


def own_answer(target: Target, head: RequestHead, *, close: bool) -> Answer | None:
    """What is answered without a server, None where one is to be asked; `close`: the connection ends with it."""
    body = head.method != b"HEAD"
    if is_last_hop(head):
        return Answer(501, pages.error_page(501, close=close, body=body), Outcome.REFUSED)
    if target is Action.REDIRECT_HTTPS:
        # RFC 9110 section 15.4.2: after a 301 a user agent may turn POST into GET; after a 308 it may not.
        status = 301 if head.method in (b"GET", b"HEAD") else 308
        path = "/" if head.path == b"*" else head.path.decode("ascii")
        page = pages.redirection(status, f"https://{head.host}{path}", close=close, body=body)
        return Answer(status, page, Outcome.REDIRECTED)
    if target is Action.DROP:
        return SILENCE
    if isinstance(target, Action):
        return Answer(421, pages.error_page(421, close=close, body=body), Outcome.REFUSED)
    return None

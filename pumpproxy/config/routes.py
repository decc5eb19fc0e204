"""Route lines, `route HOST[/PATH] [if alpn PROTO] = TARGET`, and targets.

May not: know which backends there are, or the mode of the frontend; a name that is no action is a backend's.
"""

from __future__ import annotations

import re

from pumpproxy import hostnames
from pumpproxy.config import patterns, values
from pumpproxy.config.problems import BadValue, Fault, Faults, quoted
from pumpproxy.model import Action, ExactHost, HostPattern, RegexHost, Route, Target, WildcardHost

ACTIONS = {action.value: action for action in Action}
"""A backend cannot be called by one of these."""

_LONGEST_ALPN = 255
"""Bytes of a protocol name (RFC 7301 section 3.1: one length byte)."""

_WORDS_OF_A_CONDITION = 3

# What a path can consist of (RFC 3986 section 3.3).
_PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")


def target(text: str) -> Target:
    """An action, or the name of a backend."""
    words = text.split()
    action = ACTIONS.get(" ".join(words))
    if action is not None:
        return action
    if words[0] == "redirect":
        raise BadValue(Fault(f"{quoted(text)} is not a target", "the only redirect is 'redirect https'", text))
    if len(words) > 1:
        hint = "no comments beside a route by regular expression" if words[1][0] in "#;" else "one backend or action"
        raise BadValue(Fault(f"{quoted(text)} is not a target", hint))
    return values.name(text)


def backend(text: str) -> str:
    """The name of a backend, where an action cannot stand."""
    found = target(text)
    if isinstance(found, str):
        return found
    hint = {
        Action.REJECT: "without a default-backend all else is rejected",
        Action.REDIRECT_HTTPS: "write route ~.* = redirect https",
    }.get(found, "")
    raise BadValue(Fault(f"{quoted(text)} is an action, and this is for a backend", hint))


def route(argument: str, value: str) -> Route:
    """One route, of what stands before and after its `=`."""
    faults = Faults()
    where, _, condition = argument.partition(" ")
    start = where.find("/") if "/" in where else len(where)
    pattern = faults.attempt(host, where[:start])
    # What stands behind the slash of a broken pattern (`~[^/]+`) is no path, and one problem is enough.
    path = "" if faults.found and where.startswith("~") else faults.attempt(_prefix, where[start:])
    alpn = faults.attempt(_protocol, condition)
    leads = faults.attempt(target, value)
    faults.check()
    return Route(pattern, path, alpn or None, leads)


def host(text: str) -> HostPattern:
    """The name, wildcard or regular expression of a route."""
    if text.startswith("~"):
        if len(text) == 1:
            raise BadValue(Fault("no pattern after '~'"))
        patterns.check(text[1:])
        return RegexHost(text[1:])
    if text == "*":
        raise BadValue(Fault("'*' is not a host name", "default-backend is for every other name"))
    if text.startswith(("*.", ".")):
        return WildcardHost(_name(text, text.partition(".")[2]), apex=text.startswith("."))
    return ExactHost(_name(text, text))


def _name(text: str, name: str) -> str:
    if "*" in name:
        raise BadValue(Fault(f"{quoted(text)} has '*' elsewhere than in front", "*.NAME, .NAME or ~REGEX"))
    if ":" in name or name.startswith("["):
        raise BadValue(Fault(f"{quoted(text)} is not a host name", "a route has no port and no IPv6 address"))
    try:
        found = hostnames.from_text(name)
    except ValueError as error:
        raise BadValue(Fault(str(error))) from error
    if hostnames.is_ip_literal(found.encode("ascii")):
        hint = "who names no host, or an address, goes to no-sni (tls) or to default-backend (http)"
        raise BadValue(Fault(f"{quoted(text)} is an address, not a host name", hint))
    return found


def _prefix(text: str) -> str:
    if text and _PATH.fullmatch(text) is None:
        hint = "the path alone: neither ? nor #, other characters as %XX"
        raise BadValue(Fault(f"{quoted(text)} is not a path", hint))
    if text.endswith("*"):
        raise BadValue(Fault(f"{quoted(text)} ends in '*'", "a path is a prefix already"))
    return text


def _protocol(condition: str) -> str:
    """The PROTO of `if alpn PROTO`; empty without a condition."""
    if not condition:
        return ""
    words = condition.split()
    if len(words) != _WORDS_OF_A_CONDITION or words[:2] != ["if", "alpn"]:
        raise BadValue(Fault(f"{quoted(condition)} is not a condition", "the only one is 'if alpn PROTO'"))
    if not words[2].isascii() or len(words[2]) > _LONGEST_ALPN:
        raise BadValue(Fault(f"{quoted(words[2])} is not a protocol", f"ASCII, {_LONGEST_ALPN} characters at most"))
    return words[2]

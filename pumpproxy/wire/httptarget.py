"""The request line and whom it is for (RFC 9112 section 3, RFC 9110 section 7).

Rule: one name, in the one spelling of `hostnames`, or a refusal: what we route by is what the server will see. May not:
decode or rewrite a path ("A proxy MUST NOT modify the "absolute-path" and "query" parts", RFC 9110 section 7.7).
"""

from __future__ import annotations

import functools
import re

from pumpproxy import hostnames
from pumpproxy.wire.errors import HttpError
from pumpproxy.wire.framing import HTTP_10, HTTP_11, Version
from pumpproxy.wire.httpfields import TOKEN

Authority = tuple[str, int | None]
"""A host (a canonical name, or an IP literal in lower case, IPv6 with its brackets), and the port if one is given."""

HTTP_PORT = 80
"""The default port of `http` (RFC 9110 section 4.2.1)."""

# RFC 9112 section 3: request-line = method SP request-target SP HTTP-version, and "A recipient SHOULD NOT attempt to
# autocorrect". A target is visible ASCII without "#" (a fragment is never sent, RFC 9110 section 7.1). Of the rest,
# what RFC 3986 lacks ("<>\^`{|}) is sent by browsers and old clients, frames nothing, and is the server's to judge.
_REQUEST_LINE = re.compile(rb"""(%b) ([!"$-~]++) HTTP/([0-9])\.([0-9])""" % TOKEN)
_SIMPLE_REQUEST = re.compile(rb"[A-Z]++ [!-~]++")
_ABSOLUTE = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*+)://([^/?]*+)(.*)")
# RFC 9110 section 7.2: Host = uri-host [ ":" port ]. A comma or user information makes none of it (section 4.2.4).
_AUTHORITY = re.compile(rb"(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z._-]{1,254})(?::([0-9]{0,5}))?")
_MAX_PORT = 65535


def parse_request_line(line: bytes) -> tuple[bytes, bytes, Version]:
    """Method, target and version; a minor version that we do not know counts as the highest that we do.

    Raises HttpError: 405 for CONNECT, 505 for another major version, else 400.
    """
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise HttpError(_fault(line), 400)
    method, target, major, minor = match.groups()
    # RFC 9110 section 15.6.6: 505 is for "the major version of HTTP that was used in the request message".
    if major != b"1":
        reason = "HTTP/2 with prior knowledge" if line == b"PRI * HTTP/2.0" else "HTTP version not supported"
        raise HttpError(reason, 505)
    if method == b"CONNECT":
        reason = "CONNECT"
        raise HttpError(reason, 405)
    # RFC 9110 section 2.5: a higher minor version is read as the highest of that major version that one conforms to.
    return method, target, HTTP_10 if minor == b"0" else HTTP_11


def _fault(line: bytes) -> str:
    if not line:
        return "more than one empty line before the request line"
    if _SIMPLE_REQUEST.fullmatch(line):
        return "HTTP/0.9"
    _, _, target = line.partition(b" ")
    if not line.isascii():
        return "8-bit byte in the request line"
    if b"#" in target:
        return "fragment in the target"
    return "malformed request line"


def parse_target(method: bytes, target: bytes) -> tuple[bytes, bytes | None]:
    """The path and query to forward, and the authority where the target has one. Raises HttpError (400)."""
    if target.startswith(b"/"):  # origin-form, also where it begins with "//"
        return target, None
    # RFC 9112 section 3.2.4: asterisk-form "is only used for a server-wide OPTIONS request"
    if target == b"*" and method == b"OPTIONS":
        return target, None
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        reason = "target is in none of the four forms"
        raise HttpError(reason, 400)
    scheme, authority, path = match.groups()
    if scheme.lower() != b"http":
        reason = "scheme is not http"
        raise HttpError(reason, 400)
    # RFC 9112 section 3.2.1: an empty path is sent as "/"; section 3.2.4: for OPTIONS without a query, as "*".
    if not path:
        path = b"*" if method == b"OPTIONS" else b"/"
    return path if path[:1] in {b"/", b"*"} else b"/" + path, authority


@functools.lru_cache(maxsize=1024)  # the same few names come all day; what is kept is short, as only names are kept
def parse_authority(raw: bytes) -> Authority:
    """Host and port of an authority or of a Host value that is not empty. Raises HttpError (400)."""
    match = _AUTHORITY.fullmatch(raw)
    port = None if match is None or not match[2] else int(match[2])
    if match is None or (port is not None and not 0 < port <= _MAX_PORT):
        reason = "invalid Host"
        raise HttpError(reason, 400)
    if hostnames.is_ip_literal(match[1]):
        return match[1].lower().removesuffix(b".").decode("ascii"), port
    name = hostnames.canonical(match[1])
    if name is None:
        reason = "invalid Host"
        raise HttpError(reason, 400)
    return name, port


def resolve(version: Version, hosts: list[bytes], authority: bytes | None) -> tuple[str | None, int | None]:
    """Whom a request is for, given the values of its Host lines and its target's authority. Raises HttpError (400).

    (None, None) where an HTTP/1.0 request does not say.
    """
    # RFC 9112 section 3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message
    # that lacks a Host header field and to any request message that contains more than one Host header field line or a
    # Host header field with an invalid field value."
    if len(hosts) > 1:
        reason = "repeated Host"
        raise HttpError(reason, 400)
    if version != HTTP_10 and not hosts:
        reason = "missing Host"
        raise HttpError(reason, 400)
    # RFC 9112 section 3.3: where the authority is empty although the scheme requires one, the request may be rejected,
    # or be meant for a default. HTTP/1.0 had no Host, so there a default is what is expected.
    if hosts and (hosts[0] or version != HTTP_10):
        said = parse_authority(hosts[0])
        # RFC 9112 section 3.2: Host is "identical to that authority component". One of them would win here (section
        # 3.2.2: the target's), the other perhaps at the server: refused.
        if authority is not None and _with_port(parse_authority(authority)) != _with_port(said):
            reason = "target and Host differ"
            raise HttpError(reason, 400)
        return said
    return (None, None) if authority is None else parse_authority(authority)


def _with_port(authority: Authority) -> Authority:
    host, port = authority
    return host, HTTP_PORT if port is None else port

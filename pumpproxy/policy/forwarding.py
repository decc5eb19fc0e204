"""Heads as they are sent on: written anew from what was understood, so that nothing passes that was not.

May not: send, or choose a server.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from pumpproxy.policy.bodies import Body
from pumpproxy.policy.headers import dropped, request_drops, response_drops, wants_trailers
from pumpproxy.policy.vouching import asked_host, vouching_lines
from pumpproxy.wire.framing import HTTP_10, HTTP_11, BodyKind
from pumpproxy.wire.http1 import response_framing
from pumpproxy.wire.httpfields import OWS, likeness, values

if TYPE_CHECKING:
    from pumpproxy.model import Backend, Frontend
    from pumpproxy.policy.vouching import Origin
    from pumpproxy.wire.framing import Version
    from pumpproxy.wire.http1 import RequestHead, ResponseHead
    from pumpproxy.wire.httpfields import Fields

_NOTHING: frozenset[bytes] = frozenset()
_HOP_COUNTED = (b"OPTIONS", b"TRACE")
_COUNT = re.compile(rb"[1-9][0-9]{0,9}")
_SWITCHING = 101
_NO_CONTENT = 204
_NOT_MODIFIED = 304


def is_last_hop(head: RequestHead) -> bool:
    """Whether the client asks whoever is here to answer, and not to pass the request on."""
    # RFC 9110 section 7.6.2: "If the received value is zero (0), the intermediary MUST NOT forward the request;
    # instead, the intermediary MUST respond as the final recipient."
    return head.method in _HOP_COUNTED and any(
        value and not value.strip(b"0") for value in values(head.fields, b"max-forwards")
    )


def asks_for_websocket(head: RequestHead) -> bool:
    """Whether the request asks for the one upgrade that is passed on (RFC 6455, section 4.1).

    Where anything else is asked for with it (`h2c`), or a body would follow, it stays an ordinary request.
    """
    return (
        b"upgrade" in head.connection
        and head.method == b"GET"
        and head.version == HTTP_11
        and head.framing.kind is BodyKind.NONE
        and _upgrade(head) == [b"websocket"]
    )


def grants_websocket(head: ResponseHead) -> bool:
    """Whether a 101 means what `asks_for_websocket` asked for (RFC 6455, section 4.2.2)."""
    return b"upgrade" in head.connection and _upgrade(head) == [b"websocket"]


def expects_continue(head: RequestHead) -> bool:
    """Whether the client may wait for a 100 before it sends the body (RFC 9110, section 10.1.1)."""
    return (
        head.version != HTTP_10
        and head.framing.kind is not BodyKind.NONE
        and b"100-continue" in [value.lower() for value in values(head.fields, b"expect")]
    )


def _upgrade(head: RequestHead | ResponseHead) -> list[bytes]:
    return [member.strip(OWS).lower() for line in values(head.fields, b"upgrade") for member in line.split(b",")]


def is_nameless(head: RequestHead) -> bool:
    """Whether nothing says whom the request is for: HTTP/1.0, as it is then sent on."""
    return head.host_field is None and head.host is None


class OutgoingRequest(NamedTuple):
    """What a server is sent: the head, and how the body follows."""

    head: bytes
    body: Body


def outgoing_request(
    head: RequestHead, origin: Origin, frontend: Frontend, backend: Backend, *, upgrade: bool, keep: bool
) -> OutgoingRequest:
    """The request as a server of `backend` gets it.

    `upgrade`: with the client's wish for a WebSocket; `keep`: the connection may live on.
    """
    rules = [rule for rule in (frontend.forwardfor, backend.forwardfor) if rule is not None]
    drops = request_drops(head.connection, rules, trusted=origin.trusted)
    chunked = head.framing.kind is BodyKind.CHUNKED
    # RFC 9112 section 3.2: an HTTP/1.1 request has a Host. A client that named none spoke HTTP/1.0, and so do we then.
    nameless = is_nameless(head)
    lines = [b"%b %b HTTP/1.%d\r\n" % (head.method, head.path, not nameless)]
    if head.host_field is None and head.host is not None:
        lines.append(b"Host: %b\r\n" % asked_host(head))
    # RFC 9110 section 10.1.1: a "100-continue expectation" in HTTP/1.0 MUST be ignored; the server would not.
    own_drops = drops if head.version != HTTP_10 else drops | {b"expect"}
    fields = _one_hop_less(head.fields) if head.method in _HOP_COUNTED else head.fields
    kept_back = _copy_fields(fields, own_drops, head.framing.size, lines)
    if chunked:
        lines.append(b"Transfer-Encoding: chunked\r\n")
    if upgrade:
        lines.append(b"Upgrade: websocket\r\nConnection: Upgrade\r\n")
    elif kept_back and any(key == b"te" and wants_trailers(value) for key, value in kept_back):
        # RFC 9110 section 10.1.4: "A sender of TE MUST also send a "TE" connection option"
        lines.append(b"TE: trailers\r\nConnection: %b\r\n" % (b"TE" if keep else b"close, TE"))
    elif not keep:
        lines.append(b"Connection: close\r\n")
    spoken = _NOTHING
    if origin.trusted:
        spoken = frozenset([likeness(name) for name, _ in head.fields if not dropped(name, drops)])
        # A trailer is the proxy's client's: the proxy had spoken by then.
        drops = request_drops(head.connection, rules, trusted=False)
    lines += vouching_lines(head, origin, frontend, rules, spoken)
    if frontend.via is not None:
        lines.append(_via(head.version, frontend.via))
    lines.append(b"\r\n")
    return OutgoingRequest(b"".join(lines), Body(head.framing, drops, chunked=chunked))


def _via(version: Version, pseudonym: str) -> bytes:
    # RFC 9110 section 7.6.3: "A proxy MUST send an appropriate Via header field ... in each message that it forwards.
    # An HTTP-to-HTTP gateway MUST send an appropriate Via header field in each inbound request message and MAY send a
    # Via header field in forwarded response messages." Via = received-protocol RWS received-by. Ours comes last, and is
    # a line of its own: no member of the list is joined with another.
    return f"Via: {version[0]}.{version[1]} {pseudonym}\r\n".encode("ascii")


def _copy_fields(
    fields: Fields, drops: frozenset[bytes], length: int | None, lines: list[bytes]
) -> list[tuple[bytes, bytes]]:
    """Append the lines that pass; a Content-Length among them says `length`, and does not pass where that is None.

    Returns the fields that do not pass, by likeness.
    """
    kept_back = []
    for name, value in fields:
        key = likeness(name)
        if key in drops or (key == b"content-length" and dropped(name, drops)):
            kept_back.append((key, value))
        elif key != b"content-length":
            lines.append(b"%b: %b\r\n" % (name, value))
        elif length is not None:
            lines.append(b"%b: %d\r\n" % (name, length))
    return kept_back


def _one_hop_less(fields: Fields) -> Fields:
    # RFC 9110 section 7.6.2: "If the received Max-Forwards value is greater than zero, the intermediary MUST generate
    # an updated Max-Forwards field in the forwarded message" that is one less.
    return tuple(
        (name, b"%d" % (int(value) - 1) if name.lower() == b"max-forwards" and _COUNT.fullmatch(value) else value)
        for name, value in fields
    )


class OutgoingResponse(NamedTuple):
    """What a client is sent: the head, how the body follows, and whether the connection may live on."""

    head: bytes
    body: Body
    persistent: bool
    told: bool
    """Whether the client can tell a body that was cut from one that ended, though the connection ends cleanly."""
    lasting: bool
    """Whether the server's connection may live on."""


def outgoing_response(
    head: ResponseHead, request: RequestHead, *, persistent: bool, via: str | None = None
) -> OutgoingResponse:
    """The final response as the client gets it; `persistent`: it wants its connection kept, and may have it.

    Raises HttpError (502) where the end of its body could be read in two ways.
    """
    framing = response_framing(head, request.method)
    endless = framing.kind in (BodyKind.CHUNKED, BodyKind.UNTIL_CLOSE)
    # A body without a length is chunked for a client that knows chunks, also where the server knew none: its end is
    # told apart from a cut, and the connection lives on. RFC 9112 section 6.1: "A server MUST NOT send a response
    # containing Transfer-Encoding unless the corresponding request indicates HTTP/1.1 (or later minor revisions)".
    chunked = endless and request.version != HTTP_10
    persistent = persistent and (chunked or not endless)
    drops = response_drops(head.connection)
    lines = [b"HTTP/1.1 %d %b\r\n" % (head.status, head.reason)]
    length = framing.size if framing.kind is BodyKind.LENGTH else _length_of_another(head, request.method)
    _copy_fields(head.fields, drops, length, lines)
    if chunked:
        lines.append(b"Transfer-Encoding: chunked\r\n")
    if not persistent:
        lines.append(b"Connection: close\r\n")
    elif request.version == HTTP_10:
        lines.append(b"Connection: keep-alive\r\n")
    if via is not None:
        lines.append(_via(head.version, via))
    lines.append(b"\r\n")
    body = Body(framing, drops, chunked=chunked)
    lasting = head.keep_alive and framing.kind is not BodyKind.UNTIL_CLOSE
    return OutgoingResponse(b"".join(lines), body, persistent, chunked or not endless, lasting)


def _length_of_another(head: ResponseHead, method: bytes) -> int | None:
    """The Content-Length that tells of a body which is not sent; None where none may be told."""
    # RFC 9110 section 8.6: a server may send it "in a response to a HEAD request", and in a 304; it MUST NOT "in any
    # response with a status code of 1xx (Informational) or 204 (No Content)".
    if head.status == _NO_CONTENT or (method != b"HEAD" and head.status != _NOT_MODIFIED):
        return None
    # `response_framing` has seen to it that there is one at most, and that it is a number.
    lengths = values(head.fields, b"content-length")
    return int(lengths[0]) if lengths else None


def interim_response(head: ResponseHead, via: str | None = None) -> bytes:
    """A 1xx as the client gets it; a 101 only where the upgrade is granted."""
    lines = [b"HTTP/1.1 %d %b\r\n" % (head.status, head.reason)]
    _copy_fields(head.fields, response_drops(head.connection), None, lines)
    if head.status == _SWITCHING:
        lines.append(b"Upgrade: websocket\r\nConnection: Upgrade\r\n")
    if via is not None:
        lines.append(_via(head.version, via))
    lines.append(b"\r\n")
    return b"".join(lines)

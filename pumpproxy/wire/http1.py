"""Heads of HTTP/1.1 messages (RFC 9112): bytes in, values out.

Rule: a head means one thing to every reader that follows the RFC, or it is refused; what is read too far is in `rest`.
May not: decide where a request goes, or change a field. For one connection direction: feed a reader until it gives a
head, take the body (`framing`) from its `rest` and what follows, then feed the same reader again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pumpproxy.wire import framing, httpfields, httptarget
from pumpproxy.wire.errors import HttpError
from pumpproxy.wire.framing import HTTP_10, HTTP_11, Framing, Version
from pumpproxy.wire.httpfields import Fields, values
from pumpproxy.wire.httpsection import MAX_FIELDS, MAX_HEAD, MAX_LINE, SectionReader

__all__ = ["RequestHead", "RequestReader", "ResponseHead", "ResponseReader", "response_framing", "values"]

_TLS_HANDSHAKE = 0x16  # RFC 8446 section 5.1, ContentType
# RFC 9112 section 4: status-line = HTTP-version SP status-code SP [ reason-phrase ]. The space before an absent phrase
# is left out by so many servers that it is not insisted on.
_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: ([\t -~\x80-\xff]*+))?")


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request's head, found unambiguous. Bytes are as on the wire."""

    method: bytes
    """Letter case matters (RFC 9110 section 9.1)."""
    target: bytes
    """As received, in any form."""
    path: bytes
    """What to forward as the target: path and query of either form, or `*`."""
    version: Version
    """(1, 0) or (1, 1)."""
    host: str | None
    """A canonical name or, in lower case, an IP literal (IPv6 with its brackets): Host's, or an absolute-form target's.

    None where an HTTP/1.0 request names none."""
    port: int | None
    """What follows `host`; None where nothing does."""
    host_field: bytes | None
    """The Host line's value; None where there is no such line, which HTTP/1.0 allows also beside a `host`."""
    fields: Fields
    """Names as spelt, in order; values without the white space around them."""
    framing: Framing
    length: int
    """Bytes of the head, with the empty line after it and the one allowed before it."""
    line: bytes
    """The request line, for the log: visible ASCII and two spaces."""
    keep_alive: bool
    """Whether the client lets the connection live on."""
    connection: frozenset[bytes]
    """The options of Connection, in lower case."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """A response's head, interim ones too. Bytes are as on the wire."""

    version: Version
    """(1, 0) or (1, 1)."""
    status: int
    """100 to 999."""
    reason: bytes
    """Perhaps empty; never with a control byte but HTAB."""
    fields: Fields
    """Names as spelt, in order; values without the white space around them."""
    length: int
    """Bytes of the head."""
    line: bytes
    connection: frozenset[bytes]
    """The options of Connection, in lower case."""

    @property
    def keep_alive(self) -> bool:
        """Whether the server lets the connection live on, provided that the body's end is told."""
        return _persists(self.version, self.connection)


class RequestReader(SectionReader):
    """Reads requests' heads, one after another.

    `rest` is what followed the last head (the body's first bytes, or a pipelined request), `pending` how many bytes of
    an unfinished one are held. After an HttpError the connection can only be answered and closed.
    """

    __slots__ = ("_request_line", "asks_for_head")

    # RFC 9112 section 2.2: "a server that is expecting to receive and parse a request-line SHOULD ignore at least one
    # empty line (CRLF) received prior to the request-line."
    skips_blank = True

    _request_line: tuple[bytes, bytes, Version]

    def __init__(self, max_head: int = MAX_HEAD, max_fields: int = MAX_FIELDS, max_line: int = MAX_LINE) -> None:
        super().__init__(max_head, max_fields, max_line)
        self.asks_for_head = False
        """Whether a head that is unfinished or was refused is of a HEAD request, as far as its beginning tells."""

    def first(self, byte: int) -> None:
        """Raise HttpError (400) for TLS, sent to a clear-text port."""
        if byte == _TLS_HANDSHAKE:
            reason = "TLS bytes"
            raise HttpError(reason, 400)

    def start(self, line: bytes) -> None:
        """Take the request line, or raise HttpError (400, 405, 505)."""
        self._request_line = httptarget.parse_request_line(line)

    def feed(self, data: bytes) -> RequestHead | None:
        """The head that `data` completes, or None.

        Raises HttpError: 400, 405 for CONNECT, 414, 431, 501 for an unknown transfer coding, 505.
        """
        try:
            fields = self.collect(data)
        except HttpError:
            self._look(self._held or data)
            raise
        if fields is None:
            self._look(self._held)
            return None
        method, target, version = self._request_line
        self.asks_for_head = method == b"HEAD"
        hosts: list[bytes] = []
        lengths: list[bytes] = []
        codings: list[bytes] = []
        options: list[bytes] = []
        known = {b"host": hosts, b"content-length": lengths, b"transfer-encoding": codings, b"connection": options}
        for name, value in fields:
            if (found := known.get(name.lower())) is not None:
                found.append(value)
        path, authority = httptarget.parse_target(method, target)
        host, port = httptarget.resolve(version, hosts, authority)
        connection = httpfields.options(options)
        # RFC 9112 section 6.3: "7. If this is a request message and none of the above are true, then the message body
        # length is zero (no message body is present)."
        body = framing.declared(version, lengths, codings) or framing.NO_BODY
        keep_alive = _persists(version, connection)
        host_field = hosts[0] if hosts else None
        self.asks_for_head = False
        # By position: names would cost a tenth of the whole reading.
        return RequestHead(
            method, target, path, version, host, port, host_field,
            fields, body, self.length, self.line, keep_alive, connection,
        )  # fmt: skip

    def _look(self, begun: bytes | bytearray) -> None:
        self.asks_for_head = begun[:7].lstrip(b"\r\n").startswith(b"HEAD ")


class ResponseReader(SectionReader):
    """Reads responses' heads, one after another (1xx before the final one). `rest` and `pending` as RequestReader's."""

    __slots__ = ("_status_line",)

    trims_names = True

    _status_line: tuple[Version, int, bytes]

    def start(self, line: bytes) -> None:
        """Take the status line, or raise HttpError."""
        match = _STATUS_LINE.fullmatch(line)
        if match is None:
            reason = "malformed status line"
            raise HttpError(reason, 502)
        self._status_line = (HTTP_10 if match[1] == b"0" else HTTP_11, int(match[2]), match[3] or b"")

    def feed(self, data: bytes) -> ResponseHead | None:
        """The head that `data` completes, or None. Raises HttpError (502)."""
        try:
            fields = self.collect(data)
        except HttpError as error:
            raise HttpError(error.reason, 502) from error
        if fields is None:
            return None
        version, status, reason = self._status_line
        connection = httpfields.options(values(fields, b"connection"))
        return ResponseHead(version, status, reason, fields, self.length, self.line, connection)


def response_framing(head: ResponseHead, method: bytes) -> Framing:
    """How the body of the response to a `method` request ends.

    Not for 101, after which it is another protocol. Raises HttpError (502) where its fields contradict themselves or
    each other, also where there is no body: somebody behind us might believe them.
    """
    lengths = values(head.fields, b"content-length")
    codings = values(head.fields, b"transfer-encoding")
    try:
        said = framing.declared(head.version, lengths, codings)
    except HttpError as error:
        raise HttpError(error.reason, 502) from error
    return framing.response_body(said, head.status, method)


def _persists(version: Version, connection: frozenset[bytes]) -> bool:
    # RFC 9112 section 9.3, in its order: "close" ends it; HTTP/1.1 persists; HTTP/1.0 does with "keep-alive".
    return b"close" not in connection and (version != HTTP_10 or b"keep-alive" in connection)

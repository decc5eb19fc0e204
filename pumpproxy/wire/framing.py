"""Where a message's body ends: RFC 9112 section 6, one reading or none.

May not: guess. Two readers that disagree about the end of a message are how requests are smuggled (RFC 9112 section
11.2), so whatever the RFC lets a recipient repair is refused here.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumpproxy.wire.errors import HttpError
from pumpproxy.wire.httpfields import QUOTED, TOKEN

if TYPE_CHECKING:
    from collections.abc import Sequence

Version = tuple[int, int]
HTTP_10: Version = (1, 0)
HTTP_11: Version = (1, 1)

MAX_LENGTH = 2**63 - 1
"""Bytes. What a signed 64-bit counter holds: the smallest that any server behind us may use."""


class BodyKind(enum.Enum):
    """How the end of a body is told."""

    NONE = "none"
    """There is none; the message ends with its head."""
    LENGTH = "length"
    CHUNKED = "chunked"
    UNTIL_CLOSE = "until close"
    """Responses only: the server ends it by closing."""


@dataclass(frozen=True, slots=True)
class Framing:
    """How one message's body ends. `size` is in bytes, and counts only with LENGTH (where it may be 0)."""

    kind: BodyKind
    size: int = 0


NO_BODY = Framing(BodyKind.NONE)
CHUNKED = Framing(BodyKind.CHUNKED)
UNTIL_CLOSE = Framing(BodyKind.UNTIL_CLOSE)

_DIGITS = re.compile(rb"[0-9]{1,19}")  # 2**63 - 1 has 19
# RFC 9112 section 7: transfer-coding = token *( OWS ";" OWS transfer-parameter )
_CODING = re.compile(
    rb"(%b(?:[ \t]*+;[ \t]*+%b[ \t]*+=[ \t]*+(?:%b|%b))*+)[ \t]*+(,[ \t]*+|\Z)" % (TOKEN, TOKEN, TOKEN, QUOTED)
)


def declared(version: Version, lengths: Sequence[bytes], codings: Sequence[bytes]) -> Framing | None:
    """What Content-Length and Transfer-Encoding say, each given as the values of its lines; None where both are absent.

    Raises HttpError: 400 where they are invalid or ambiguous, 501 for a coding that we do not know.
    """
    if codings:
        # RFC 9112 section 6.1: "A server MAY reject a request that contains both Content-Length and Transfer-Encoding";
        # section 6.3: such a message "might indicate an attempt to perform request smuggling ... or response splitting"
        if lengths:
            reason = "both Content-Length and Transfer-Encoding"
            raise HttpError(reason, 400)
        # RFC 9112 section 6.1: "A server or client that receives an HTTP/1.0 message containing a Transfer-Encoding
        # header field MUST treat the message as if the framing is faulty"
        if version == HTTP_10:
            reason = "Transfer-Encoding in HTTP/1.0"
            raise HttpError(reason, 400)
        return _transfer_coding(b", ".join(codings))
    if lengths:
        return _content_length(lengths)
    return None


def _content_length(values: Sequence[bytes]) -> Framing:
    # RFC 9112 section 6.3: of a list of identical values a recipient may make one, or refuse it. Refused.
    if len(values) > 1:
        reason = "repeated Content-Length"
        raise HttpError(reason, 400)
    # RFC 9110 section 8.6: Content-Length = 1*DIGIT; a recipient "MUST anticipate potentially large decimal numerals
    # and prevent parsing errors due to integer conversion overflows". int() alone takes "+5", "0_5" and other digits.
    if _DIGITS.fullmatch(values[0]) is None or (size := int(values[0])) > MAX_LENGTH:
        reason = "invalid Content-Length"
        raise HttpError(reason, 400)
    return Framing(BodyKind.LENGTH, size)


def _transfer_coding(value: bytes) -> Framing:
    names = [value] if value == b"chunked" else _codings(value.lower())
    # RFC 9112 section 6.3: "If a Transfer-Encoding header field is present in a request and the chunked transfer coding
    # is not the final encoding, the message body length cannot be determined reliably; the server MUST respond with
    # the 400"; section 6.1: a sender "MUST NOT apply the chunked transfer coding more than once to a message body";
    # section 7.1: chunked "does not define any parameters. Their presence SHOULD be treated as an error."
    if not names or names.pop() != b"chunked" or b"chunked" in names:
        reason = "Transfer-Encoding is not chunked, once and last"
        raise HttpError(reason, 400)
    # RFC 9112 section 6.1: "A server that receives a request message with a transfer coding it does not understand
    # SHOULD respond with 501 (Not Implemented)."
    if names:
        reason = "unknown transfer coding"
        raise HttpError(reason, 501)
    return CHUNKED


def _codings(value: bytes) -> list[bytes]:
    """The members of a list of transfer codings, parameters included; empty where any of it is malformed."""
    names, at = [], 0
    while match := _CODING.match(value, at):
        names.append(match[1])
        at = match.end()
        if not match[2]:
            return names
    return []


def response_body(framing: Framing | None, status: int, method: bytes) -> Framing:
    """How the body of a response to `method` ends, given what its fields declare (RFC 9112 section 6.3)."""
    # "1. Any response to a HEAD request and any response with a 1xx (Informational), 204 (No Content), or 304 (Not
    # Modified) status code is always terminated by the first empty line after the header fields"
    if method == b"HEAD" or status < 200 or status in (204, 304):  # noqa: PLR2004
        return NO_BODY
    # "8. Otherwise, this is a response message without a declared message body length"
    return UNTIL_CLOSE if framing is None else framing

"""In what h11 and we disagree, and why: one row a class of messages.

May not: excuse what does not show the row's sign.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import version


@dataclass(frozen=True)
class Difference:
    """One class of disagreement between h11 and us."""

    what: str
    stricter: str
    """`ours`, `h11`, or `neither`: both take it."""
    says: tuple[str, ...]
    """How the reason begins that the stricter one gives."""
    sign: re.Pattern[bytes]
    """What must be found in the message, else it is another disagreement."""
    why: str
    section: str
    """Of RFC 9112, where no other is named."""


def row(what: str, stricter: str, says: str | tuple[str, ...], sign: bytes, why: str, section: str) -> Difference:
    """A row of the tables."""
    return Difference(what, stricter, (says,) if isinstance(says, str) else says, re.compile(sign), why, section)


OLD = tuple(map(int, version("h11").split(".")[:2])) < (0, 16)
"""As Debian 12 has it (0.14)."""
_OF_OLD = (
    row("what ends a chunk", "ours", "malformed chunk",
        rb"(?i)\ntransfer-encoding *:", "h11 took any two bytes for a CRLF (CVE-2025-43859)", "7.1"),
)  # fmt: skip
# Of heads and chunks, whoever sends them.
BOTH = (
    row("LF alone ends a line", "ours", "bare LF",
        rb"(?<!\r)\n", "a recipient MAY take it; the next one may not", "2.2"),
    row("control bytes", "ours", "control byte",
        rb"[\x01-\x08\x0b-\x0c\x0e-\x1f\x7f]",
        "h11 passes all but NUL and white space, for the sake of old cookies", "RFC 9110 5.5"),
    row("a folded line", "ours", "line folding",
        rb"\n[ \t]", "h11 joins the lines; either is allowed", "5.2"),
    row("a long name", "ours", "field name is not a token, or too long",
        rb"\n[^:\r\n]{256,}:", "h11 has no limit; longer ones overflowed a length elsewhere", "RFC 9110 5.4"),
    row("a large section", "ours", "too many fields, or too large together",
        rb"(?s)\A.{16384}|\n(?:[^\n]+\n){101}", "h11's limit is its user's", "RFC 9110 5.4"),
    row("a long start line", "ours", "start line too long",
        rb"[^\r\n]{8193}", "h11's limit is its user's", "3"),
    row("equal lengths on two lines", "ours", "repeated Content-Length",
        rb"(?is)\ncontent-length *:.*\ncontent-length *:", "h11 makes one of them; either is allowed", "6.3"),
    row("a list of equal lengths", "ours", "invalid Content-Length",
        rb"(?i)\ncontent-length *:[ \t]*[0-9]+[ \t]*,", "h11 makes one of them; either is allowed", "6.3"),
    row("a length over 63 bits", "ours", "invalid Content-Length",
        rb"(?i)\ncontent-length *:[ \t]*[0-9]{19}",
        "h11 has numbers of any size; who comes next has not", "RFC 9110 8.6"),
    row("both framings", "ours", "both Content-Length and Transfer-Encoding",
        rb"(?is)\ncontent-length *:.*\ntransfer-encoding *:|\ntransfer-encoding *:.*\ncontent-length *:",
        "h11 obeys the coding; to refuse is allowed, and what this is for is smuggling", "6.1, 6.3"),
    row("chunks in HTTP/1.0", "ours", "Transfer-Encoding in HTTP/1.0",
        rb"HTTP/1\.0", "h11 obeys it; the framing is faulty", "6.1"),
    row("white space behind a chunk's size", "ours", "malformed chunk",
        rb"\n[0-9A-Fa-f]+[ \t]+\r?\n", "h11 takes it, as some servers write it; the grammar has none", "7.1"),
    row("17 to 20 digits of a chunk's size", "ours", "malformed chunk",
        rb"\n[0-9A-Fa-f]{17}", "we take 16, which are 64 bits", "7.1"),
    row("a malformed chunk extension", "ours", "malformed chunk",
        rb"\n[0-9A-Fa-f]+;", "h11 takes whatever is behind a semicolon", "7.1.1"),
    row("white space before an extension", "h11", "illegal chunk header",
        rb"\n[0-9A-Fa-f]+[ \t]+;", "it is BWS, which a recipient MUST parse", "7.1.1; RFC 9110 5.6.3"),
    row("a coding as a trailer", "h11", ("Only Transfer-Encoding: chunked", "multiple Transfer-Encoding"),
        rb"(?i)\ntransfer-encoding:", "it frames nothing there, and policy drops it", "RFC 9110 6.5.1"),
    row("a length as a trailer", "h11", ("bad Content-Length", "conflicting Content-Length"),
        rb"(?i)\ncontent-length:", "likewise", "RFC 9110 6.5.1"),
    row("a list of equal lengths as a trailer", "neither", (),
        rb"(?i)\ncontent-length:[ \t]*[0-9]+[ \t]*[,\r]",
        "h11 makes one number of it, we leave the line as it is; policy drops it", "RFC 9110 6.5.1"),
    *(_OF_OLD if OLD else ()),
)  # fmt: skip
_NAME = rb"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?(?::(?:0*[1-9][0-9]{0,4})?)?"
REQUESTS = (
    *BOTH,
    row("another major version", "ours", "HTTP version not supported",
        rb" HTTP/(?!1\.)", "h11 leaves it to its user", "RFC 9110 15.6.6"),
    row("no Host in HTTP/1.2", "ours", "missing Host",
        rb" HTTP/1\.[2-9]", "h11 asks for it in 1.1 to the letter", "3.2"),
    row("a Host that names nobody", "ours", "invalid Host",
        rb"(?i)\nhost:[ \t]*+(?!%b[ \t]*\r?\n)|:[0-9]*[6-9][0-9]{4}[^0-9]|\A\s*\S+ http://(?!%b[/? ])" % (_NAME, _NAME),
        "h11 does not look into it", "3.2"),
    row("two hosts", "ours", "target and Host differ",
        rb"(?i)\A\s*\S+ http://", "h11 does not look into the target", "3.2"),
    row("no form of a target", "ours", "target is in none of the four forms",
        rb"\A\s*\S+ (?!/|[A-Za-z][A-Za-z0-9+.-]*://)", "h11 does not look into it", "3.2"),
    row("another scheme", "ours", "scheme is not http",
        rb"(?i)\A\s*\S+ (?!http:)[A-Za-z][A-Za-z0-9+.-]*://", "h11 does not look into the target", "3.2.2"),
    row("a fragment", "ours", "fragment in the target",
        rb"\A\s*\S+ [^ ]*#", "h11 does not look into the target", "RFC 9110 7.1"),
    row("CONNECT", "ours", "CONNECT",
        rb"\A\s*CONNECT ", "h11 leaves the method to its user", "RFC 9110 9.3.6"),
    row("an empty line before a request", "h11", "no request line received",
        rb"\A\r\n", "a server SHOULD ignore one", "2.2"),
    row("what cannot become a request line", "h11", "illegal request line",
        rb"\A(?:\r\n)?[\x00-\x20\x80-\xff]", "h11 refuses it by its first byte, we where the line ends", "3"),
)  # fmt: skip
RESPONSES = (
    row("a length or coding of an interim response", "h11",
        ("bad Content-Length", "conflicting Content-Length", "Only Transfer-Encoding: chunked"),
        rb"(?i)HTTP/1\.[0-9] 1[0-9]{2}[^\r\n]*\r\n(?:[^\r\n]+\r\n)*?(?:content-length|transfer-encoding):",
        "it frames nothing there, and policy drops it", "6.3"),
    *BOTH,
    row("another major version", "ours", "malformed status line",
        rb"HTTP/(?!1\.)", "h11 leaves it to its user", "2.3"),
    row("white space before a colon", "h11", "illegal header line",
        rb"\n[^:\r\n]+[ \t]+:", "a proxy MUST remove it, and not refuse", "5.1"),
    row("what cannot become a status line", "h11", "illegal request line",
        rb"(?:\A|\r\n\r\n)[\x00-\x20\x80-\xff]", "h11 refuses it by its first byte, we where the line ends", "4"),
)  # fmt: skip


def find(table: tuple[Difference, ...], stricter: str, reason: str, data: bytes) -> Difference:
    """The row of a disagreement."""
    for each in table:
        said = reason.startswith(each.says) if each.says else not reason
        if each.stricter == stricter and said and each.sign.search(data):
            return each
    msg = f"not listed: {stricter} stricter: {reason}"
    raise AssertionError(msg)

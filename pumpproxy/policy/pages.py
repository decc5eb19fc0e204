"""The answers that are ours: errors and redirections, whole responses as bytes on the wire.

May not: repeat anything that a peer sent, save the location of a redirection, which is escaped.
"""

from __future__ import annotations

import html
from functools import cache

REASONS = {
    301: "Moved Permanently",
    308: "Permanent Redirect",
    400: "Bad Request",
    405: "Method Not Allowed",
    408: "Request Timeout",
    414: "URI Too Long",
    421: "Misdirected Request",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
}

_EXPLANATIONS = {
    400: "The request could not be understood, or could be understood in two ways.",
    405: "This method is not served here.",
    408: "The request did not arrive in time.",
    414: "The request's target is too long.",
    421: "No site of this name is served here.",
    429: "Too many connections come from this address. Try again in a moment.",
    431: "The request's header fields are too large, or too many.",
    500: "Something failed here.",
    501: "The request asks for something that is not served here.",
    502: "The server behind this address gave an answer that could not be understood.",
    503: "No server is available to answer this request.",
    504: "The server behind this address did not answer in time.",
    505: "This version of HTTP is not spoken here.",
}

_PAGE = (
    "<!DOCTYPE html>\n<html><head><title>{status} {reason}</title></head>\n"
    "<body><h1>{status} {reason}</h1>\n<p>{text}</p></body></html>\n"
)


def _response(status: int, text: str, fields: str, *, close: bool, body: bool) -> bytes:
    reason = REASONS[status]
    page = _PAGE.format(status=status, reason=reason, text=text).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(page)}\r\n"
        f"Cache-Control: no-cache\r\n{fields}{'Connection: close' + chr(13) + chr(10) if close else ''}\r\n"
    ).encode()
    return head + page if body else head


@cache
def error_page(status: int, *, close: bool = True, body: bool = True) -> bytes:
    """One of our errors; `body=False` answers a HEAD. RFC 9110 section 15.5.6 wants Allow with a 405."""
    fields = "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n" if status == 405 else ""  # noqa: PLR2004
    return _response(status, _EXPLANATIONS[status], fields, close=close, body=body)


@cache
def too_many(wait: int) -> bytes:
    """A 429 that says after how many seconds to come again (RFC 6585, section 4)."""
    return _response(429, _EXPLANATIONS[429], f"Retry-After: {wait}\r\n", close=True, body=True)


def redirection(status: int, location: str, *, close: bool, body: bool = True) -> bytes:
    """A 301 or 308 to `location`, which must be free of control bytes and spaces (ASCII)."""
    link = html.escape(location)
    text = f'This is served at <a href="{link}">{link}</a>.'
    return _response(status, text, f"Location: {location}\r\n", close=close, body=body)


@cache
def explain_tls() -> bytes:
    """What plain HTTP sent to a TLS port is told: a 400, as a readable sentence."""
    text = "This port speaks HTTPS, and a plain HTTP request came. Write https:// before the address."
    return _response(400, text, "", close=True, body=True)

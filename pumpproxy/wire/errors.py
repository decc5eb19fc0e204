"""What a reader says of bytes that can never become valid.

`None` from a reader is "need more"; `WireError` is final and carries the reply that its protocol has for the case.
"""

from __future__ import annotations


class WireError(Exception):
    """Bytes that can never become valid. `reason` is one short phrase, fit for a log, without the peer's bytes."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TlsError(WireError):
    """A ClientHello that must be refused; `alert` is the description to send (RFC 8446, section 6.2)."""

    def __init__(self, reason: str, alert: int) -> None:
        super().__init__(reason)
        self.alert = alert


class NotTlsError(WireError):
    """The peer does not speak TLS 1.x records at all, so an alert would mean nothing to it."""


class HttpError(WireError):
    """A message that must be refused; `status` is the answer to give (RFC 9110, section 15)."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status


class DnsError(WireError):
    """A DNS message that is none. It has no reply: whoever sent it is not listened to."""


class ProxyHeaderError(WireError):
    """No header of the PROXY protocol; the specification has no answer for it but the end of the connection."""

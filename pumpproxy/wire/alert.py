"""The alert record: how a TLS peer is told that it is refused, before anything was negotiated.

May not: decide when, or which; an error of this package carries its description, and `policy` chooses the others.
"""

from __future__ import annotations

import enum


class AlertDescription(enum.IntEnum):
    """The closed set of RFC 8446, appendix B.2, with `ech_required` of RFC 9849."""

    CLOSE_NOTIFY = 0
    UNEXPECTED_MESSAGE = 10
    BAD_RECORD_MAC = 20
    RECORD_OVERFLOW = 22
    HANDSHAKE_FAILURE = 40
    BAD_CERTIFICATE = 42
    UNSUPPORTED_CERTIFICATE = 43
    CERTIFICATE_REVOKED = 44
    CERTIFICATE_EXPIRED = 45
    CERTIFICATE_UNKNOWN = 46
    ILLEGAL_PARAMETER = 47
    UNKNOWN_CA = 48
    ACCESS_DENIED = 49
    DECODE_ERROR = 50
    DECRYPT_ERROR = 51
    PROTOCOL_VERSION = 70
    INSUFFICIENT_SECURITY = 71
    INTERNAL_ERROR = 80
    INAPPROPRIATE_FALLBACK = 86
    USER_CANCELED = 90
    MISSING_EXTENSION = 109
    UNSUPPORTED_EXTENSION = 110
    UNRECOGNIZED_NAME = 112
    BAD_CERTIFICATE_STATUS_RESPONSE = 113
    UNKNOWN_PSK_IDENTITY = 115
    CERTIFICATE_REQUIRED = 116
    NO_APPLICATION_PROTOCOL = 120
    ECH_REQUIRED = 121


# RFC 8446 section 5.1: ContentType alert(21), legacy_record_version, length; section 6: AlertLevel fatal(2).
# The version is TLS 1.0's, as Go's server sends it before a version is agreed: a client that knows no later one reads
# it, and for the others the field "MUST be ignored for all purposes".
_FATAL = b"\x15\x03\x01\x00\x02\x02"


def alert_record(description: int) -> bytes:
    """The whole record of one fatal, unencrypted alert; `description` is 0 to 255, as `TlsError.alert`."""
    return _FATAL + bytes((description,))

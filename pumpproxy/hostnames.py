"""One spelling of a host name, for both sides of every comparison: lower case, A-labels, no final dot.

May not: resolve anything, or accept what DNS could never hold. Sources: RFC 1035 section 2.3.4 (lengths), RFC 952 and
1123 section 2.1 (letters, digits, hyphen), RFC 5890 section 2.3 (A-labels). An underscore is accepted, and a hyphen
anywhere, because such names are served on the web.
"""

from __future__ import annotations

import ipaddress
import re

MAX_NAME = 253
"""Characters of a name in text form, without the final dot (RFC 1035: 255 octets on the wire)."""
MAX_LABEL = 63

# RFC 1123 section 2.1 wants no hyphen at a label's ends, but DNS serves such names, and browsers ask for them.
_LABEL = rb"[a-z0-9_-]{1,63}"
_NAME = re.compile(rb"%b(?:\.%b)*" % (_LABEL, _LABEL))
# inet_aton() takes one to four numbers, in decimal, octal or hexadecimal; a host that is all of these is an address.
_NUMBER = rb"(?:0x[0-9a-f]*|[0-9]+)"
_DEVIATIONS = frozenset("\u00df\u03c2\u200c\u200d")  # UTS 46 section 4, table 1
_IPV4_LIKE = re.compile(rb"%b(?:\.%b){0,3}" % (_NUMBER, _NUMBER))


def canonical(raw: bytes) -> str | None:
    """The one spelling of a name as on the wire (ASCII, any case), or None where it is not a DNS name.

    One trailing dot is dropped. IP literals are not told apart here: ask `is_ip_literal` first.
    """
    name = raw.lower()
    if name.endswith(b"."):
        name = name[:-1]
    if len(name) > MAX_NAME or _NAME.fullmatch(name) is None:
        return None
    return name.decode("ascii")


def is_ip_literal(raw: bytes) -> bool:
    """Whether a host is an IPv4 address in any form that inet_aton() takes, or an IPv6 address, bracketed or not."""
    text = raw.lower().removesuffix(b".")
    if _IPV4_LIKE.fullmatch(text):
        return True
    if b":" not in text:
        return False
    if text.startswith(b"[") and text.endswith(b"]"):
        text = text[1:-1]
    try:
        ipaddress.IPv6Address(text.decode("ascii", "replace"))
    except ValueError:
        return False
    return True


def from_text(text: str) -> str:
    """The one spelling of a name that a person wrote, U-labels converted.

    The standard library converts by IDNA 2003; the four characters that browsers (UTS 46, non-transitional) convert
    otherwise are refused, so that a route never waits for a name that nobody sends. Raises ValueError, with a phrase
    fit for a message, where it is no host name.
    """
    # Letter by letter: IDNA 2003 knows no lower case of letters younger than itself, and a final sigma is a deviation.
    lower = "".join(map(str.lower, text))
    if _DEVIATIONS & set(lower):
        message = f"{text!r} has a character that IDNA 2003 and 2008 write differently: write its A-label (xn--...)"
        raise ValueError(message)
    try:
        raw = lower.encode("ascii") if lower.isascii() else lower.removesuffix(".").encode("idna")
    except UnicodeError as error:
        message = f"{text!r} cannot be written as A-labels"
        raise ValueError(message) from error
    name = canonical(raw)
    if name is None:
        message = f"{text!r} is not a host name"
        raise ValueError(message)
    return name


def is_below(name: str, suffix: str) -> bool:
    """Whether `name` is one label or more below `suffix`; both in the one spelling."""
    return name.endswith(suffix) and len(name) > len(suffix) and name[-len(suffix) - 1] == "."

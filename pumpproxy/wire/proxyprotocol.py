"""Reading the header of the PROXY protocol, by which a proxy tells whose connection it passes on: either version.

Rule: what the specification has, and nothing else; cut anywhere, `None` is "need more". `proxyblock` has version 2.
May not: believe a header, or find out whether there is one: whoever asks knows that there has to be. Section 2: "The
receiver MUST be configured to only receive the protocol described in this specification and MUST not try to guess".
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from pumpproxy.wire.errors import ProxyHeaderError
from pumpproxy.wire.proxyblock import SIGNATURE, read_block
from pumpproxy.wire.proxyheader import ProxyHeader, as_ipv4

if TYPE_CHECKING:
    from pumpproxy.wire.proxyheader import Address

LINE = b"PROXY "
"""Section 2.1: "a string identifying the protocol : "PROXY"", and "exactly one space"."""
MAX_LINE = 107
"""Section 2.1: "If the CRLF sequence is not found in the first 107 characters, the receiver should declare the line
invalid"."""

_BREAK = re.compile(rb"[\r\n]")
# Section 2.1: "exactly one space" between the fields, and "Heading zeroes are not permitted in front of numbers".
_PORT = rb"(0|[1-9][0-9]{0,4})"
_FIELDS = re.compile(rb"PROXY (TCP[46]) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) %b %b" % (_PORT, _PORT))
_UNKNOWN = b"PROXY UNKNOWN"
_MOST_PORT = 65535


def read_header(data: bytes) -> ProxyHeader | None:
    """The header that `data` begins with; None where there must be more of it.

    Raises ProxyHeaderError where there is none, and never will be.
    """
    if data.startswith(SIGNATURE):
        return read_block(data)
    if data.startswith(LINE):
        return _line(data)
    if SIGNATURE.startswith(data) or LINE.startswith(data):
        return None
    reason = "no PROXY header"
    raise ProxyHeaderError(reason)


def _line(data: bytes) -> ProxyHeader | None:
    found = _BREAK.search(data, 0, MAX_LINE)
    end = len(data) if found is None else found.start()
    if end + 2 > MAX_LINE:
        reason = "a line of more than 107 bytes"
        raise ProxyHeaderError(reason)
    # Section 2.1: "The receiver must wait for the CRLF sequence before starting to decode the addresses"; it "must not
    # tolerate a single CR or LF character to end the line".
    ending = data[end : end + 2]
    if not b"\r\n".startswith(ending):
        reason = "a CR or LF by itself"
        raise ProxyHeaderError(reason)
    return _fields(data[:end]) if ending == b"\r\n" else None


def _fields(line: bytes) -> ProxyHeader:
    size = len(line) + 2
    if line == _UNKNOWN or line.startswith(_UNKNOWN + b" "):
        # Section 2.1: "the receiver must ignore anything presented before the CRLF is found".
        return ProxyHeader(size)
    fields = _FIELDS.fullmatch(line)
    if fields is None:
        reason = "a line of another form"
        raise ProxyHeaderError(reason)
    family, source, destination, source_port, destination_port = fields.groups()
    # Section 2.1: "The advertised protocol family dictates what format to use."
    kind = IPv4Address if family == b"TCP4" else IPv6Address
    client, local = _address(kind, source, source_port), _address(kind, destination, destination_port)
    return ProxyHeader(size, known=True, client=client, local=local)


def _address(kind: type[IPv4Address | IPv6Address], host: bytes, port: bytes) -> Address:
    try:
        # The C library writes IPv4-mapped addresses with dots at the end, and so do proxies, whatever section 2.1 says.
        address = kind(host.decode("ascii"))
    except ValueError:
        reason = "an address of another form"
        raise ProxyHeaderError(reason) from None
    if int(port) > _MOST_PORT:
        reason = "a port of more than 65535"
        raise ProxyHeaderError(reason)
    return str(as_ipv4(address)), int(port)

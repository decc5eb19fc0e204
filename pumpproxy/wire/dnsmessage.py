"""DNS messages: a question written, and the answer to it read, as strictly as its lengths allow.

Only what the proxy asks for is kept: addresses, aliases and services of class IN; the rest is passed over. Not
Twisted's reader: that of 22.4 takes 16 s for 64 KiB of pointers, and that of 26.10 refuses a service of 700 servers.
May not: believe that it is the answer to what was asked, or say what it means (`policy.names`).
Source: RFC 1035 section 4.1; RFC 3596 (AAAA), RFC 2782 (SRV), RFC 6891 (EDNS), RFC 2181 section 8 (TTL).
"""

from __future__ import annotations

import enum
import ipaddress
import struct
from typing import TYPE_CHECKING, NamedTuple

from pumpproxy.wire import dnsnames
from pumpproxy.wire.errors import DnsError

if TYPE_CHECKING:
    from collections.abc import Callable

_HEADER = struct.Struct("!6H")
_TYPE_CLASS = struct.Struct("!2H")
_FIXED = struct.Struct("!2HIH")
_SERVICE = struct.Struct("!3H")

_IN = 1
_OPT = 41
# Section 4.1.1: QR, OPCODE, TC, RD and RCODE.
_RESPONSE = 0x8000
_OPCODE = 0x7800
_TRUNCATED = 0x0200
_RECURSE = 0x0100
_CODE = 0x000F
_LONGEST_TTL = 2**31 - 1

NOERROR = 0
NXDOMAIN = 3
"""Section 4.1.1: "the domain name referenced in the query does not exist"."""


class RecordType(enum.IntEnum):
    """What is asked for, and kept of an answer."""

    A = 1
    CNAME = 5
    AAAA = 28
    SRV = 33


class Question(NamedTuple):
    """What is asked. `name` is a host name; on the way back it is whatever the message has, and `type` any number."""

    name: str
    type: int


class Service(NamedTuple):
    """The data of an SRV record. A `target` of "" says that there is no such service (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


class Record(NamedTuple):
    """One record: an address in text form, an alias's name, or a service. `ttl` is seconds."""

    name: str
    type: RecordType
    ttl: int
    data: str | Service


class Response(NamedTuple):
    """What came back. Of a `truncated` one no record is read: which are missing is not known."""

    number: int
    question: Question
    code: int
    truncated: bool
    answers: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()


def query(number: int, question: Question, *, payload: int = 0) -> bytes:
    """A message that asks, of this ID (16 bits). `payload`: octets that UDP may bring back (EDNS); 0: no word of it."""
    head = _HEADER.pack(number, _RECURSE, 1, 0, 0, 1 if payload else 0)
    asked = dnsnames.encode(question.name) + _TYPE_CLASS.pack(question.type, _IN)
    # RFC 6891 section 6.1.2: the root's name, the payload in the place of the class, and no options.
    return head + asked + (b"\0" + _FIXED.pack(_OPT, payload, 0, 0) if payload else b"")


def read_response(message: bytes) -> Response:
    """The answer in a whole message; bytes behind its last record are nobody's. Raises DnsError."""
    if len(message) < _HEADER.size:
        reason = "no whole header"
        raise DnsError(reason)
    number, flags, questions, answers, authorities, additional = _HEADER.unpack_from(message)
    if not flags & _RESPONSE or flags & _OPCODE or questions != 1:
        reason = "no answer to one question"
        raise DnsError(reason)
    names = dnsnames.Names(message)
    name, at = names.read(_HEADER.size)
    kind, of_class = _unpack(_TYPE_CLASS, message, at)
    if of_class != _IN:
        reason = "an answer of another class"
        raise DnsError(reason)
    response = Response(number, Question(name, kind), flags & _CODE, bool(flags & _TRUNCATED))
    if response.truncated:
        return response
    found, at = _records(message, names, at + _TYPE_CLASS.size, answers)
    _, at = _records(message, names, at, authorities)
    beside, _ = _records(message, names, at, additional)
    return response._replace(answers=found, additional=beside)


def _records(message: bytes, names: dnsnames.Names, at: int, count: int) -> tuple[tuple[Record, ...], int]:
    """So many records from `at` on, those that nobody asks for left out; and where they end."""
    found = []
    for _ in range(count):
        fixed_at = dnsnames.skip(message, at)
        kind, of_class, ttl, length = _unpack(_FIXED, message, fixed_at)
        data_at = fixed_at + _FIXED.size
        end = data_at + length
        if end > len(message):
            reason = "a record that reaches beyond the message"
            raise DnsError(reason)
        read = _READERS.get(kind) if of_class == _IN else None
        if read is not None:
            data = read(message, names, data_at, end)
            # RFC 2181 section 8: "Implementations should treat TTL values received with the most significant bit set
            # as if the entire value received was zero."
            lasting = ttl if ttl <= _LONGEST_TTL else 0
            found.append(Record(names.read(at)[0], RecordType(kind), lasting, data))
        at = end
    return tuple(found), at


def _unpack(layout: struct.Struct, message: bytes, at: int) -> tuple[int, ...]:
    if at + layout.size > len(message):
        reason = "a field that reaches beyond the message"
        raise DnsError(reason)
    return layout.unpack_from(message, at)


def _address4(message: bytes, _names: dnsnames.Names, at: int, end: int) -> str:
    return str(ipaddress.IPv4Address(_exactly(4, message, at, end)))


def _address6(message: bytes, _names: dnsnames.Names, at: int, end: int) -> str:
    return str(ipaddress.IPv6Address(_exactly(16, message, at, end)))


def _exactly(size: int, message: bytes, at: int, end: int) -> bytes:
    if end - at != size:
        reason = "an address of another size"
        raise DnsError(reason)
    return message[at:end]


def _alias(_message: bytes, names: dnsnames.Names, at: int, end: int) -> str:
    name, name_end = names.read(at)
    if name_end != end:
        reason = "a name that does not fill its record"
        raise DnsError(reason)
    return name


def _service(message: bytes, names: dnsnames.Names, at: int, end: int) -> Service:
    """RFC 2782. "Name compression is not to be used for this field", but some do, and who can read it harms nobody."""
    priority, weight, port = _unpack(_SERVICE, message, at)
    return Service(priority, weight, port, _alias(message, names, at + _SERVICE.size, end))


_READERS: dict[int, Callable[[bytes, dnsnames.Names, int, int], str | Service]] = {
    RecordType.A: _address4,
    RecordType.AAAA: _address6,
    RecordType.CNAME: _alias,
    RecordType.SRV: _service,
}

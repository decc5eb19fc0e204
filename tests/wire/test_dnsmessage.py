"""DNS messages: what is asked, and what came back, read as strictly as its lengths allow."""

from __future__ import annotations

import ipaddress
import time
from io import BytesIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.names import dns

from pumpproxy.wire.dnsmessage import (
    NOERROR,
    NXDOMAIN,
    Question,
    Record,
    RecordType,
    Response,
    Service,
    query,
    read_response,
)
from pumpproxy.wire.dnsnames import encode
from pumpproxy.wire.errors import DnsError

NAME = "_https._tcp.web.example"
ASKED = Question(NAME, RecordType.SRV)
RAW = NAME.encode()


def answer(*answers: dns.RRHeader, **fields: object) -> dns.Message:
    """Twisted's message: an answer to ASKED."""
    message = dns.Message(id=7, answer=1, maxSize=65535)
    message.queries = [dns.Query(RAW, dns.SRV)]
    message.answers = list(answers)
    for field, value in fields.items():
        setattr(message, field, value)
    return message


def record(name: bytes, payload: dns.IEncodableRecord, ttl: int = 5) -> dns.RRHeader:
    """Twisted's record."""
    return dns.RRHeader(name, payload.TYPE, ttl=ttl, payload=payload)


WHOLE = answer(
    record(RAW, dns.Record_CNAME("other.example", ttl=60), 60),
    record(b"other.example", dns.Record_SRV(10, 33, 8443, b"10-244-1-5.web.example")),
    record(b"other.example", dns.Record_TXT(b"nobody asks")),
    authority=[record(b"example", dns.Record_NS(b"ns.example"))],
    additional=[
        record(b"10-244-1-5.web.example", dns.Record_A("10.244.1.5"), 0),
        record(b"10-244-1-5.web.example", dns.Record_AAAA("fd00::5"), 2**31 - 1),
        dns.RRHeader(b"", 41, cls=1232, payload=dns.UnknownRecord(b"")),
    ],
).toStr()
READ = Response(
    7,
    ASKED,
    NOERROR,
    truncated=False,
    answers=(
        Record(NAME, RecordType.CNAME, 60, "other.example"),
        Record("other.example", RecordType.SRV, 5, Service(10, 33, 8443, "10-244-1-5.web.example")),
    ),
    additional=(
        Record("10-244-1-5.web.example", RecordType.A, 0, "10.244.1.5"),
        Record("10-244-1-5.web.example", RecordType.AAAA, 2**31 - 1, "fd00::5"),
    ),
)


@pytest.mark.parametrize("kind", [RecordType.A, RecordType.AAAA, RecordType.SRV])
def test_a_question_is_read_by_others(kind: RecordType) -> None:
    """Twisted's reader finds one question of class IN that wants recursion, and nothing else."""
    message = dns.Message()
    message.fromStr(query(65535, Question("a.example", kind)))
    assert (message.id, message.answer, message.opCode, message.recDes, message.trunc) == (65535, 0, dns.OP_QUERY, 1, 0)
    assert message.queries == [dns.Query(b"a.example", kind, dns.IN)]
    assert (message.answers, message.authority, message.additional) == ([], [], [])


def test_a_question_can_say_how_much_it_takes() -> None:
    """RFC 6891: an OPT record of the root, whose class is the size."""
    message = dns.Message()
    message.fromStr(query(1, ASKED, payload=1232))
    (opt,) = message.additional
    assert (opt.name.name, opt.type, opt.cls, opt.ttl) == (b"", 41, 1232, 0)


def test_an_answer_is_read() -> None:
    """With its compression; what nobody asks for is left out, wherever it stands, and what follows it is read."""
    assert read_response(WHOLE) == READ
    assert read_response(WHOLE + b"behind") == READ


def test_an_answer_cut_anywhere_is_refused() -> None:
    """A list that ends early is not taken for a shorter one."""
    for end in range(len(WHOLE)):
        with pytest.raises(DnsError):
            read_response(WHOLE[:end])


@pytest.mark.parametrize("code", [dns.OK, dns.EFORMAT, dns.ESERVER, dns.ENAME, dns.EREFUSED])
def test_the_code_says_how_it_went(code: int) -> None:
    """RFC 1035 section 4.1.1."""
    assert read_response(answer(rCode=code).toStr()) == Response(7, ASKED, code, truncated=False)
    assert (NOERROR, NXDOMAIN) == (dns.OK, dns.ENAME)


def test_of_a_truncated_answer_nothing_is_read() -> None:
    """It may end anywhere."""
    message = answer(record(RAW, dns.Record_SRV(0, 1, 1, b"a.example")), trunc=1).toStr()
    for end in (len(message), len(message) - 3):
        assert read_response(message[:end]) == Response(7, ASKED, NOERROR, truncated=True)


def test_a_ttl_with_the_highest_bit_is_zero() -> None:
    """RFC 2181 section 8."""
    message = answer(record(RAW, dns.Record_SRV(0, 1, 1, b"a.example"), 2**31)).toStr()
    assert read_response(message).answers[0].ttl == 0


@pytest.mark.parametrize(
    "message",
    [
        answer(answer=0).toStr(),
        answer(opCode=dns.OP_STATUS).toStr(),
        answer(queries=[]).toStr(),
        answer(queries=[dns.Query(RAW, dns.SRV)] * 2).toStr(),
        answer(queries=[dns.Query(RAW, dns.SRV, dns.CH)]).toStr(),
        answer(dns.RRHeader(RAW, dns.A, payload=dns.UnknownRecord(b"\x0a\0\0"))).toStr(),
        answer(dns.RRHeader(RAW, dns.A, payload=dns.UnknownRecord(b"\x0a\0\0\1\0"))).toStr(),
        answer(dns.RRHeader(RAW, dns.AAAA, payload=dns.UnknownRecord(b"\x0a\0\0\1"))).toStr(),
        answer(dns.RRHeader(RAW, dns.CNAME, payload=dns.UnknownRecord(b"\1a\0\0"))).toStr(),
        answer(dns.RRHeader(RAW, dns.CNAME, payload=dns.UnknownRecord(b"\1a"))).toStr(),
        answer(dns.RRHeader(RAW, dns.SRV, payload=dns.UnknownRecord(b"\0\0\0\0\0"))).toStr(),
        answer(dns.RRHeader(RAW, dns.SRV, payload=dns.UnknownRecord(b"\0" * 6 + b"\1a\0\0"))).toStr(),
    ],
)
def test_what_does_not_add_up_is_refused(message: bytes) -> None:
    """No answer, to one question, of class IN; and data of another length than its record says."""
    with pytest.raises(DnsError):
        read_response(message)


def test_records_of_another_class_are_passed_over() -> None:
    """Whatever they hold."""
    message = answer(dns.RRHeader(RAW, dns.A, cls=dns.CH, payload=dns.UnknownRecord(b"?")))
    assert read_response(message.toStr()).answers == ()


def test_a_service_of_many_servers_is_read() -> None:
    """As many as one message holds, with their addresses: Twisted 26.10 refuses 700."""
    count = 1000
    raw = bytearray(query(7, ASKED))
    raw[2:12] = bytes((0x84, 0, 0, 1, *count.to_bytes(2, "big"), 0, 0, *count.to_bytes(2, "big")))
    asked, places = (0xC000 | 12).to_bytes(2, "big"), []
    for number in range(count):
        raw += asked + b"\0\x21\0\1" + bytes(4) + b"\0\x20" + b"\0\1\0\1\x1f\x40"
        # No pointer leads beyond 16 KiB (RFC 1035 section 4.1.4: 14 bits).
        places.append((0xC000 | len(raw)).to_bytes(2, "big") if len(raw) < 2**14 else encode(f"{number:08x}.a"))
        raw += encode(f"{number:08x}.addr.dc1.consul")
    for place in places:
        raw += place + b"\0\1\0\1" + bytes(4) + b"\0\4\x0a\0\0\1"
    response = read_response(bytes(raw))
    assert response.answers[-1] == Record(NAME, RecordType.SRV, 0, Service(1, 1, 8000, "000003e7.addr.dc1.consul"))
    assert response.additional[0] == Record("00000000.addr.dc1.consul", RecordType.A, 0, "10.0.0.1")
    assert (len(response.answers), len(response.additional)) == (count, count)


def test_a_message_of_pointers_is_read_at_once() -> None:
    """64 KiB of records whose names are chains of pointers: 16 s for Twisted 22.4."""
    chain = bytearray(b"\0")
    base = start = len(query(1, ASKED)) + 1 + 10
    while len(chain) < 16000:
        here = base + len(chain)
        chain += b"\1a" if len(chain) < 400 else b""
        chain += (0xC000 | start).to_bytes(2, "big")
        start = here
    message = answer(dns.RRHeader(b"", 65280, payload=dns.UnknownRecord(bytes(chain))))
    raw = bytearray(message.toStr())
    assert raw[base:].startswith(chain)
    names = (0xC000 | start).to_bytes(2, "big")
    one = names + b"\0\5\0\1" + bytes(4) + b"\0\2" + names
    count = (65535 - len(raw)) // len(one)
    raw += one * count
    raw[6:8] = (1 + count).to_bytes(2, "big")
    began = time.process_time()
    assert len(read_response(bytes(raw)).answers) == count
    assert time.process_time() - began < 5


NAMES = st.lists(st.from_regex(rb"[a-z0-9_-]{1,12}", fullmatch=True), min_size=1, max_size=6).map(b".".join)
PAYLOADS = st.one_of(
    st.builds(dns.Record_A, st.ip_addresses(v=4).map(str)),
    st.builds(dns.Record_AAAA, st.ip_addresses(v=6).map(str)),
    st.builds(dns.Record_CNAME, NAMES),
    st.builds(dns.Record_SRV, st.integers(0, 65535), st.integers(0, 65535), st.integers(0, 65535), NAMES),
    st.builds(dns.Record_NS, NAMES),
    st.builds(dns.Record_MX, st.integers(0, 65535), NAMES),
    st.builds(dns.Record_TXT, st.binary(max_size=40)),
)
RECORDS = st.lists(st.builds(record, NAMES, PAYLOADS, st.integers(0, 2**31 - 1)), max_size=6)


def as_read(records: list[dns.RRHeader]) -> tuple[Record, ...]:
    """What is to be read of Twisted's records."""
    read: list[Record] = []
    for one in records:
        payload = one.payload
        data: str | Service
        match payload:
            case dns.Record_A() | dns.Record_CNAME():
                data = payload.dottedQuad() if isinstance(payload, dns.Record_A) else payload.name.name.decode()
            case dns.Record_AAAA():
                data = str(ipaddress.IPv6Address(payload.address))
            case dns.Record_SRV():
                data = Service(payload.priority, payload.weight, payload.port, payload.target.name.decode())
            case _:
                continue
        read.append(Record(one.name.name.decode(), RecordType(one.type), one.ttl, data))
    return tuple(read)


@given(RECORDS, RECORDS, RECORDS)
def test_what_twisted_writes_is_read(
    answers: list[dns.RRHeader], authority: list[dns.RRHeader], additional: list[dns.RRHeader]
) -> None:
    """Each record as it was meant, in its place."""
    response = read_response(answer(*answers, authority=authority, additional=additional).toStr())
    assert response.answers == as_read(answers)
    assert response.additional == as_read(additional)


@given(st.binary(max_size=200), st.data())
@example(b"", None)
def test_any_bytes_are_an_answer_or_an_error(message: bytes, data: st.DataObject | None) -> None:
    """Also those of a good answer with a few of them changed."""
    messages = [message]
    if data is not None:
        damaged = bytearray(WHOLE)
        for at in data.draw(st.lists(st.integers(0, len(WHOLE) - 1), max_size=4)):
            damaged[at] = data.draw(st.integers(0, 255))
        messages.append(bytes(damaged))
    for one in messages:
        try:
            response = read_response(one)
        except DnsError:
            continue
        assert response.number == int.from_bytes(one[:2], "big")


def test_twisted_reads_a_record_as_we_do() -> None:
    """The oracle of these tests is one: it reads what it wrote."""
    message = dns.Message()
    message.decode(BytesIO(WHOLE))
    assert as_read(message.answers) == READ.answers

"""What is said of a peer's first bytes: each recorded flight gets a right answer, however it is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy import hostnames
from pumpproxy.policy.sniff import Kind, Sniffed, Sniffer, SniffRefused
from pumpproxy.wire.alert import AlertDescription
from pumpproxy.wire.nottls import NotTls
from tests.wire.hellos import NAME, Row, fuzzed, hello, in_place, ours, record, records, recut, theirs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Answer = Sniffed | SniffRefused | None

CORPORA = [pytest.param(ours, id="ours"), pytest.param(theirs, id="theirs", marks=in_place)]


def sniff(data: bytes, sizes: Iterable[int] = ()) -> Answer:
    """The answer to data in segments of these sizes, then the rest; nothing of it may be lost on the way."""
    sniffer = Sniffer()
    answer: Answer = None
    at = 0
    for size in [*sizes, len(data)]:
        if at >= len(data):
            break
        told = sniffer.feed(data[at : at + size])
        assert answer is None or told is answer
        answer = told
        at += size
    assert sniffer.raw == data
    assert sniffer.held == len(data)
    return answer


def by_bytes(data: bytes) -> Answer:
    """The answer to data that comes byte by byte."""
    return sniff(data, [1] * len(data))


def outcome(row: Row, answer: Answer, keys: set[str]) -> str:
    """What becomes of the connection where each of `keys` has a route and the rest goes to a default."""
    if answer is None:
        return "reject" if row.eof else "hold"
    if isinstance(answer, SniffRefused) or answer.hello is None:
        return "reject"
    name = answer.hello.server_name
    return f"route:{name}" if name in keys else "default"


def wrong(rows: list[Row], feed: Callable[[Row], Answer]) -> dict[str, str]:
    """The rows whose outcome is not right, and what it was."""
    keys = {outcome.removeprefix("route:") for row in rows for outcome in row.ok if outcome.startswith("route:")}
    outcomes = {row.name: outcome(row, feed(row), keys) for row in rows}
    return {row.name: outcomes[row.name] for row in rows if outcomes[row.name] not in row.ok}


@pytest.mark.parametrize("corpus", CORPORA)
def test_each_flight_gets_a_right_answer(corpus: Callable[[], list[Row]]) -> None:
    """All at once."""
    assert wrong(corpus(), lambda row: sniff(row.data)) == {}


@pytest.mark.parametrize("corpus", CORPORA)
def test_each_flight_gets_a_right_answer_byte_by_byte(corpus: Callable[[], list[Row]]) -> None:
    """And it is the very same."""
    rows = corpus()
    answers = {row.name: by_bytes(row.data) for row in rows}
    assert wrong(rows, lambda row: answers[row.name]) == {}
    assert [row.name for row in rows if sniff(row.data) != answers[row.name]] == []


@pytest.mark.parametrize(("size", "segment"), [(1, 1448), (64, 65536), (64, 7)])
@pytest.mark.parametrize("corpus", CORPORA)
def test_each_hello_gets_a_right_answer_in_small_records(
    corpus: Callable[[], list[Row]], size: int, segment: int
) -> None:
    """Cut anew into records, it stays that hello; also in segments that do not fit the records."""
    rows = [row for row in corpus() if row.cuttable and row.hello_end is not None]
    assert wrong(rows, lambda row: sniff(recut(row, size), [segment] * len(row.data))) == {}


@pytest.mark.parametrize("corpus", CORPORA)
def test_names_and_protocols_are_those_that_an_independent_parser_reads(corpus: Callable[[], list[Row]]) -> None:
    """For each flight that is routed; and the hello ends where the record does."""
    compared = 0
    for row in corpus():
        answer = sniff(row.data)
        if not isinstance(answer, Sniffed) or answer.hello is None or row.verdict not in row.ok or not row.cuttable:
            continue
        found = answer.hello
        sent = b"" if row.sni is None else row.sni.encode("utf-8", "surrogateescape")
        is_ip = hostnames.is_ip_literal(sent)
        expected = None if is_ip else hostnames.canonical(sent)
        if row.name == "crafted-sni-hyphen-first":
            # The other parser takes no such name; browsers ask for them, and DNS serves them.
            expected = "-a.example.test"
        assert (found.server_name, found.alpn, found.wire_length) == (expected, row.alpn, row.hello_end), row.name
        assert found.ip_literal == is_ip or row.sni is None, row.name  # the hostile rows do not tell their name
        compared += 1
    assert compared > 180


@in_place
def test_fuzzing_corpora_get_some_answer() -> None:
    """A value or a refusal, the same however it comes, and never an exception."""
    kinds = set()
    for data in fuzzed():
        answer = sniff(data)
        assert sniff(data, [5, 1, 1, 2, 30, 1, 100, 7]) == answer
        kinds.add(type(answer))
    assert kinds >= {Sniffed, SniffRefused}


HELLO = record(hello(NAME))


@given(
    st.one_of(
        st.binary(max_size=80),
        st.binary(max_size=80).map(lambda tail: HELLO[:12] + tail),
        st.tuples(st.integers(0, len(HELLO)), st.binary(max_size=4)).map(
            lambda cut: HELLO[: cut[0]] + cut[1] + HELLO[cut[0] + len(cut[1]) :]
        ),
        st.integers(1, 60).map(lambda size: records(hello(NAME), size) + b"early"),
    ),
    st.lists(st.integers(1, 20), max_size=12),
)
def test_the_answer_does_not_depend_on_the_cuts(data: bytes, sizes: list[int]) -> None:
    """Of whatever bytes: one answer, nothing consumed twice, nothing lost, nothing raised."""
    whole = sniff(data)
    assert sniff(data, sizes) == whole
    assert by_bytes(data) == whole


# Kinds --------------------------------------------------------------------------------------------------------------


def test_each_other_protocol_has_its_kind() -> None:
    """No word that `wire` may say is unknown here."""
    assert {kind.value for kind in Kind} == {"tls", *NotTls}


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"GET / HTTP/1.1\r\nHost: pump2.example.org\r\n\r\n", Kind.HTTP),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Kind.HTTP),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Kind.SSH),
        (b"\x80\x2e\x01\x03\x01\x00\x15", Kind.SSLV2),
        (b"EHLO x\r\n", Kind.NOISE),
        (b"\x16\xfe\xfd\x00", Kind.NOISE),
    ],
)
def test_what_is_not_tls_is_a_fact_and_no_refusal(data: bytes, kind: Kind) -> None:
    """The frontend's `not-tls` decides, and may send it all to a server: so it is kept whole, with what follows."""
    sniffer = Sniffer()
    answer = sniffer.feed(data)
    assert answer == Sniffed(kind)
    assert sniffer.feed(b"and more") is answer
    assert sniffer.raw == data + b"and more"


def test_a_peer_that_may_become_http_is_waited_for() -> None:
    """One letter tells nothing yet."""
    sniffer = Sniffer()
    assert sniffer.feed(b"G") is None
    assert sniffer.held == 1
    assert sniffer.feed(b"ET /") == Sniffed(Kind.HTTP)


def test_a_broken_hello_is_refused_with_its_alert() -> None:
    """And stays refused, whatever comes then."""
    sniffer = Sniffer()
    answer = sniffer.feed(record(hello(NAME, NAME)))
    assert answer == SniffRefused("an extension twice", AlertDescription.ILLEGAL_PARAMETER)
    assert sniffer.feed(HELLO) is answer


def test_a_hello_is_handed_on_with_what_follows() -> None:
    """The value says where the hello ends, `raw` holds all of it and the early data."""
    sniffer = Sniffer()
    answer = sniffer.feed(HELLO + b"early")
    assert isinstance(answer, Sniffed)
    assert answer.kind is Kind.TLS
    assert answer.hello is not None
    assert answer.hello.server_name == "pump2.example.org"
    assert sniffer.raw[answer.hello.wire_length :] == b"early"

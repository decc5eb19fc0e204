"""Recorded requests, ours and other projects': each is read in one way, whole and cut, or refused."""

from __future__ import annotations

import re

import pytest

from tests.wire.httpstream import (
    SHARED,
    Reading,
    Row,
    cut,
    in_place,
    plain,
    read,
    rows,
    serialise,
    theirs,
)
from tests.wire.secondreader import second_reading

ROWS = rows()
SMALL = [row for row in ROWS if len(row.raw) <= 400]


def right(row: Row, reading: Reading) -> bool:
    """Whether the outcome is one that counts as right."""
    if reading.outcome == "unfinished":  # what the relay then does depends on time and on the client
        return bool(row.allow & {"abort", "close", "hang"})
    if reading.outcome == "abort":
        return bool(row.allow & {"abort", "reject"})
    return reading.outcome in row.allow


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_row_has_a_right_outcome(row: Row) -> None:
    """Taken, refused (with a fitting status) or unfinished, as allowed, and after as many requests as it should."""
    reading = read([row.raw])
    assert right(row, reading)
    if reading.outcome == "forward":
        assert len(reading.requests) == row.n
    if reading.outcome == "reject":
        assert len(reading.requests) == row.nr
        assert not row.status or reading.status in row.status


def test_the_preferred_outcomes() -> None:
    """What is valid is taken, and what should be refused is refused; where we leave that, we are the stricter."""
    left = {row.name for row in ROWS if (row.verdict == "forward") != (read([row.raw]).outcome == "forward")}
    assert left == {"leading-crlf-2"}  # a second empty line before a request may be ignored, and is refused


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_no_cut_changes_a_row(row: Row) -> None:
    """Byte by byte, and in odd pieces, the same requests, the same status and the same reason."""
    whole = read([row.raw])
    assert read(cut(row.raw)) == whole
    assert read(cut(row.raw, 61)) == whole


@pytest.mark.parametrize("row", SMALL, ids=lambda row: row.name)
def test_no_cut_in_two_changes_a_row(row: Row) -> None:
    """Wherever the cut is."""
    whole = read([row.raw])
    assert all(read([row.raw[:at], row.raw[at:]]) == whole for at in range(1, len(row.raw)))


@pytest.mark.parametrize("row", [row for row in ROWS if row.route], ids=lambda row: row.name)
def test_the_host_leads_where_it_should(row: Row) -> None:
    """Each request names its own host."""
    reading = read([row.raw])
    if reading.outcome == "forward":
        assert "".join("B" if request.head.host == "b.example" else "A" for request in reading.requests) == row.route


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_was_understood_is_unambiguous(row: Row) -> None:
    """Written anew, it is read as the same requests by a reader that shares no code with ours."""
    requests = read([row.raw]).requests
    assert second_reading(serialise(requests)) == [plain(request) for request in requests]


def test_the_second_reader_can_refuse() -> None:
    """It is no oracle if it takes whatever it is given: of the rows that should be refused, it refuses nearly all."""
    refused = 0
    hostile = [row for row in ROWS if row.verdict == "reject" and "forward" not in row.allow]
    for row in hostile:
        try:
            second_reading(row.raw)
        except ValueError:
            refused += 1
    assert refused > len(hostile) * 0.8


# Other projects' vectors, where they lie beside the checkout --------------------------------------------------------


def with_host(raw: bytes) -> bytes:
    """A request of llhttp's with a Host, which it leaves to its user, so that it reaches what it is about."""
    if re.search(rb"(?i)\nhost:", raw):
        return raw
    return re.sub(rb"( HTTP/1\.1\r\n)", rb"\1Host: a.example\r\n", raw)


LLHTTP = theirs("http-llhttp.jsonl")
PROBE = theirs("http-http11probe.jsonl")

# llhttp takes these in its strict mode, and we do not.
STRICTER = {
    "fragment in the target": "RFC 9112 section 3.2: a target has none",
    "HTTP/0.9": "not spoken any more (RFC 9112 section 1 drops it)",
    "malformed request line": "it reads ICE and RTSP, too",
    "invalid Host": "the test's Host is none, or has user information",
    "target and Host differ": "the Host that this test adds",
    "target is in none of the four forms": "M-SEARCH * is of SSDP, over UDP",
    "CONNECT": "405",
    "unknown transfer coding": "501",
    "more than one empty line before the request line": "its sample ends with one",
}
# It refuses these, and we do not.
LOOSER = {
    "Invalid method for HTTP/x.x request": "any token is a method (RFC 9110 section 9.1)",
    "Expected space after method": "any token is a method",
    "Data after `Connection: close`": "it is not read at all",
    "Pause on CONNECT/Upgrade": "no error: it leaves the rest to its user",
    "Pause on PRI/Upgrade": "no error",
}


@in_place
@pytest.mark.parametrize("row", LLHTTP, ids=[str(row["name"]) for row in LLHTTP])
def test_llhttp(row: dict[str, object]) -> None:
    """Its strict rows are taken or refused alike but for known differences; no row is ever read in two ways."""
    raw = row["raw"]
    assert isinstance(raw, bytes)
    data = with_host(raw)
    reading = read([data])
    assert read(cut(data)) == reading
    assert second_reading(serialise(reading.requests)) == [plain(request) for request in reading.requests]
    if row["lenient"]:
        return
    if row["llhttp_error"] is None:
        assert reading.status is None or reading.reason in STRICTER
    elif reading.status is None:
        unfinished = reading.outcome == "unfinished"  # it checks bytes, we lines
        assert unfinished or row["reason"] in LOOSER


@in_place
@pytest.mark.parametrize("row", PROBE, ids=[str(row["name"]) for row in PROBE])
def test_http11probe(row: dict[str, object]) -> None:
    """Where it expects one status, or success, that is what we give; no row is ever read in two ways."""
    data = row["raw"]
    assert isinstance(data, bytes)
    reading = read([data])
    assert read(cut(data)) == reading
    assert second_reading(serialise(reading.requests)) == [plain(request) for request in reading.requests]
    if row["expect_status"] == "Range2xx":
        assert reading.outcome == "forward"
    elif row["expect_status"]:
        assert reading.status == int(str(row["expect_status"]))


@in_place
def test_the_vectors_in_place_are_there() -> None:
    """The files are found under their names, so that the tests above have rows."""
    assert (len(LLHTTP), len(PROBE)) == (162, 149), SHARED

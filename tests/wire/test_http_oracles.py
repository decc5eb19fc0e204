"""Made-up requests: against what they were made from, against h11, against a second reader, and cut anywhere."""

from __future__ import annotations

from dataclasses import dataclass

import h11
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pumpproxy.wire.chunked import encode_chunk, encode_last
from tests.wire.httpstream import Reading, cut, plain, read, second_reading, serialise

TCHAR = "!#$%&'*+-.^_`|~09azAZ"
tokens = st.text(TCHAR, min_size=1, max_size=8).map(str.encode)
words = st.binary(min_size=1, max_size=8).map(lambda data: bytes(byte for byte in data if 32 < byte != 127))
texts = st.lists(words, max_size=3).map(b" ".join).map(lambda text: text.strip(b" \t"))
FRAMERS = {b"host", b"content-length", b"transfer-encoding", b"connection"}
fields = st.tuples(tokens.filter(lambda name: name.lower() not in FRAMERS), texts)
targets = st.text(TCHAR.replace("#", "") + '/?="<>{}[]()\\,;:@', max_size=12).map(lambda text: b"/" + text.encode())
bodies = st.one_of(st.none(), st.binary(max_size=30), st.lists(st.binary(min_size=1, max_size=12), max_size=3))


@dataclass(frozen=True)
class Made:
    """What a request was made from. The body: none, of a declared length, or chunks."""

    method: bytes
    target: bytes
    fields: list[tuple[bytes, bytes]]
    space: bytes
    body: bytes | list[bytes] | None
    trailers: list[tuple[bytes, bytes]]

    @property
    def wire(self) -> bytes:
        """As a client would send it."""
        lines = [b"%b %b HTTP/1.1\r\nhOst: a.example\r\n" % (self.method, self.target)]
        lines += [b"%b:%b%b%b\r\n" % (name, self.space, value, self.space) for name, value in self.fields]
        if isinstance(self.body, bytes):
            lines += [b"Content-Length: %d\r\n\r\n" % len(self.body), self.body]
        elif self.body is not None:
            lines += [b"Transfer-Encoding: chunked\r\n\r\n", *map(encode_chunk, self.body), encode_last(self.trailers)]
        else:
            lines.append(b"\r\n")
        return b"".join(lines)


made = st.builds(
    Made,
    tokens.filter(lambda method: method != b"CONNECT"),
    targets,
    st.lists(fields, max_size=5),
    st.sampled_from([b"", b" ", b"\t", b" \t "]),
    bodies,
    st.lists(fields, max_size=2),
)


@given(st.lists(made, min_size=1, max_size=3))
def test_what_was_made_is_what_is_read(requests: list[Made]) -> None:
    """A pipeline of valid requests is read to the letter, and by the second reader alike."""
    data = b"".join([request.wire for request in requests])
    reading = read([data])
    assert reading.outcome == "forward"
    assert len(reading.requests) == len(requests)
    for given_, got in zip(requests, reading.requests, strict=True):
        assert (got.head.method, got.head.target, got.head.path) == (given_.method, given_.target, given_.target)
        assert [field for field in got.head.fields if field[0].lower() not in FRAMERS] == given_.fields
        assert got.body == (b"".join(given_.body) if isinstance(given_.body, list) else given_.body or b"")
        assert list(got.trailers) == (given_.trailers if isinstance(given_.body, list) else [])
    understood = [plain(request) for request in reading.requests]
    assert second_reading(data) == understood
    assert second_reading(serialise(reading.requests)) == understood


# Damaged requests ----------------------------------------------------------------------------------------------------

MANY = settings(max_examples=4 * settings().max_examples)
CHUNKS = b"5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n"
BASES = [
    b"GET /x?y=1 HTTP/1.1\r\nHost: a.example\r\nX-A: b c\r\n\r\n",
    b"POST /x HTTP/1.1\r\nHost: a.example:80\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /x HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    b"OPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"GET http://a.example/ HTTP/1.1\r\nhost: a.example\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\nhi",
]
PARTS = [
    b"", b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b"\x01", b"\x0b", b"\x7f", b"\xff", b":", b";", b",", b"#", b'"',
    b"@",
    b"0", b"1", b"5", b"HTTP/1.1", b"2.0", b"\r\n ", b"CONNECT ", b"chunked", b"X : y\r\n", b"Host: b.example\r\n",
    b"Content-Length: 5\r\n", b"Content-Length: 05\r\n", b"Content-Length: 5, 5\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A request of the above, with up to three places overwritten."""
    data = draw(st.sampled_from(BASES))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.sampled_from(PARTS)) + data[at + draw(st.integers(0, 2)) :]
    return data


@MANY
@given(damaged())
def test_damaged_requests_are_read_in_one_way(data: bytes) -> None:
    """However cut, the same; and what is taken is what the second reader sees in it, written anew."""
    reading = read([data])
    assert read(cut(data)) == reading
    assert read(cut(data, 7)) == reading
    assert second_reading(serialise(reading.requests)) == [plain(request) for request in reading.requests]


@given(st.binary(max_size=64))
@example(b"\r\n\r\n\r\n")
def test_noise(data: bytes) -> None:
    """Noise is refused or waited upon, and never an unforeseen error."""
    reading = read([data])
    assert not reading.requests
    assert read(cut(data)) == reading


# h11, an independent parser by the same RFC ---------------------------------------------------------------------------

# What h11 takes and we refuse, by our reason.
STRICTER = {
    "bare LF": "RFC 9112 section 2.2 allows to take it as a line's end; the next reader may not",
    "bare CR": "in an ignored chunk extension",
    "control byte": "h11 passes all but NUL and white space, for old analytics cookies",
    "line folding": "h11 joins the lines; RFC 9112 section 5.2 allows either",
    "repeated Content-Length": "h11 makes one of equal ones; RFC 9112 section 6.3 allows either",
    "invalid Content-Length": "a list of equal ones, likewise",
    "both Content-Length and Transfer-Encoding": "h11 lets the latter win; RFC 9112 section 6.1 allows to refuse",
    "Transfer-Encoding in HTTP/1.0": "h11 obeys it; RFC 9112 section 6.1 calls the framing faulty",
    "malformed chunk": "h11 does not check extensions, and takes white space after a size and a bare LF",
    "HTTP version not supported": "h11 leaves the version to its user",
    "missing Host": "h11 looks only where the version is 1.1 to the letter, not in 1.2",
    "invalid Host": "h11 does not look into Host",
    "target and Host differ": "h11 does not look into the target",
    "target is in none of the four forms": "h11 does not look into the target",
    "scheme is not http": "h11 does not look into the target",
    "fragment in the target": "h11 does not look into the target",
    "CONNECT": "h11 leaves the method to its user",
}
# What h11 refuses and we take, by its message.
LOOSER = {
    "no request line received": "an empty line before the request (RFC 9112 section 2.2: SHOULD ignore)",
    "Only Transfer-Encoding: chunked is supported": "in a trailer, where it frames nothing: policy drops it",
    "multiple Transfer-Encoding headers": "in a trailer",
    "bad Content-Length": "in a trailer",
    "conflicting Content-Length headers": "in a trailer",
    "illegal chunk header": "white space before the semicolon of an extension is BWS (RFC 9112 section 7.1.1)",
}


Trailers = list[tuple[bytes, bytes]]
Outcome = tuple[str, str, list[object], Trailers]


def h11_reading(data: bytes) -> Outcome:
    """What h11 makes of the first request: outcome, message, the request's parts, and its trailers."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    parts: list[object] = []
    body = b""
    try:
        connection.receive_data(data)
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                parts = [event.method, event.target, [(name.lower(), value) for name, value in event.headers]]
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return "taken", "", [*parts, body], [(bytes(name), bytes(value)) for name, value in event.headers]
            else:
                return "unfinished", "", [], []
    except h11.RemoteProtocolError as error:
        return "refused", str(error), [], []


def our_reading(reading: Reading) -> Outcome:
    """Likewise ours."""
    if reading.requests:
        request = reading.requests[0]
        lowered = [(name.lower(), value) for name, value in request.head.fields]
        trailers = [(name.lower(), value) for name, value in request.trailers]
        return "taken", "", [request.head.method, request.head.target, lowered, request.body], trailers
    return ("unfinished" if reading.status is None else "refused"), reading.reason.removeprefix("trailers: "), [], []


@MANY
@given(damaged())
def test_against_h11(data: bytes) -> None:
    """The same first request, the same refusal, or a difference that is listed above with its reason."""
    outcome, reason, parts, trailers = our_reading(read([data]))
    their_outcome, message, their_parts, their_trailers = h11_reading(data)
    match outcome, their_outcome:
        case "taken", "taken":
            assert parts == their_parts
            # h11 makes one number of a list of equal ones, in trailers too.
            assert trailers == their_trailers or b"content-length" in dict(trailers)
        case "refused", "taken":
            assert reason in STRICTER
        case "taken" | "unfinished", "refused":
            assert message.startswith(tuple(LOOSER))
        case "refused", "unfinished":
            # We refuse a line when it ends, h11 a head when it ends: so end the head, and h11 must not take it after
            # all, but for the reasons above.
            assert reason in STRICTER or h11_reading(data + b"\r\n\r\n\r\n")[0] != "taken"
        case _:
            assert outcome == their_outcome

"""Made-up requests: against what they were made from, against a second reader, and cut anywhere."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pumpproxy.wire.chunked import encode_chunk, encode_last
from tests.wire.httpstream import cut, plain, read, serialise
from tests.wire.secondreader import second_reading

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

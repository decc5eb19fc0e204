"""The reader at the far ends takes what is right, sees what is cut, and takes nothing else."""

from __future__ import annotations

import pytest

from tests.sim import strict

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "method", "body", "whole"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd", b"GET", b"abc", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", b"GET", b"ab", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", b"HEAD", b"", True),
        (b"HTTP/1.1 304 \r\nContent-Length: 3\r\n\r\n", b"GET", b"", True),
        (b"HTTP/1.1 200 OK\r\n\r\nabc", b"GET", b"abc", False),
        (CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", b"GET", b"abc", True),
        (CHUNKED + b"3\r\nabc\r\n0\r\nX: y\r\n\r\nmore", b"GET", b"abc", True),
        (CHUNKED + b"3\r\nab", b"GET", b"ab", False),
        (CHUNKED + b"3\r\nabc\r", b"GET", b"abc", False),
        (CHUNKED + b"3\r\nabc\r\n0\r\n", b"GET", b"abc", False),
    ],
)
def test_a_response_ends_where_it_says(data: bytes, method: bytes, body: bytes, *, whole: bool) -> None:
    """Or is seen to be cut; one without a length never ends by itself."""
    message = strict.response(data, method)
    assert message is not None
    assert (message.body, message.whole) == (body, whole)
    assert message.until_close == (data == b"HTTP/1.1 200 OK\r\n\r\nabc")
    rest = data[message.size :]
    assert rest == (data[-1:] if data.endswith(b"abcd") else b"more" if data.endswith(b"more") else b"")


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\nContent-Length: 3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 03\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
        CHUNKED.replace(b"chunked", b"gzip"),
        CHUNKED + b"3;a=b\r\nabc\r\n",
        CHUNKED + b"3\r\nabcd\r\n",
        CHUNKED + b"\r\n",
    ],
)
def test_what_a_relay_may_not_write_is_not_read(data: bytes) -> None:
    """Not even what the RFC lets a recipient repair."""
    with pytest.raises(strict.BrokenError):
        strict.response(data, b"GET")


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_a_request_in_two_meanings_is_not_read(data: bytes) -> None:
    """A server would have to guess."""
    with pytest.raises(strict.BrokenError):
        strict.request(data)


def test_a_request_is_nothing_before_its_head_is_whole() -> None:
    """And then ends where it says, at once where it has no body."""
    data = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
    assert all(strict.request(data[:size]) is None for size in range(len(data)))
    message = strict.request(data + b"GET")
    assert message is not None
    assert (message.start, message.whole, message.size) == ((b"GET", b"/x", b"1"), True, len(data))

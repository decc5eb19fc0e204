"""A body on its way from one framing to another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.policy.bodies import Body
from pumpproxy.wire.errors import HttpError
from pumpproxy.wire.framing import CHUNKED, NO_BODY, UNTIL_CLOSE, BodyKind, Framing

NONE: frozenset[bytes] = frozenset()


def test_no_body_is_done_at_once() -> None:
    """Also where a length says 0."""
    assert Body(NO_BODY, NONE, chunked=False).done
    assert Body(Framing(BodyKind.LENGTH, 0), NONE, chunked=False).done


def test_a_length_ends_it() -> None:
    """What follows is somebody else's."""
    body = Body(Framing(BodyKind.LENGTH, 5), NONE, chunked=False)
    assert body.feed(b"hel") == b"hel"
    assert not body.done
    assert body.end() is None
    assert body.feed(b"loGET /") == b"lo"
    assert body.done
    assert body.rest == b"GET /"


def test_chunks_are_framed_anew() -> None:
    """Extensions go, trailers stay unless they may not, and what follows the end is kept apart."""
    body = Body(CHUNKED, NONE, chunked=True)
    assert body.feed(b"3;x=y\r\nabc\r\n2\r\nde\r\n4\r\nfg") == b"7\r\nabcdefg\r\n"
    assert body.end() is None
    assert body.feed(b"hi\r\n0\r\nX-Sum: 1\r\nHost: b\r\n\r\nGET /") == b"2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n"
    assert body.done
    assert body.rest == b"GET /"


def test_chunks_are_decoded() -> None:
    """For a client that knows none; trailers have no place then."""
    body = Body(CHUNKED, NONE, chunked=False)
    assert body.feed(b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n") == b"abc"
    assert body.done


def test_bad_chunks_are_refused() -> None:
    """Nothing of theirs is passed on."""
    with pytest.raises(HttpError):
        Body(CHUNKED, NONE, chunked=True).feed(b"3\r\nabcX")


def test_a_close_ends_only_what_has_no_other_end() -> None:
    """A chunked copy then gets its last chunk."""
    chunked = Body(UNTIL_CLOSE, NONE, chunked=True)
    assert chunked.feed(b"abc") == b"3\r\nabc\r\n"
    assert chunked.end() == b"0\r\n\r\n"
    assert chunked.done
    plain = Body(UNTIL_CLOSE, NONE, chunked=False)
    assert plain.feed(b"abc") == b"abc"
    assert not plain.done
    assert plain.end() == b""
    assert plain.done


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.binary(max_size=9), st.data())
def test_no_cut_changes_a_chunked_body(pieces: list[bytes], rest: bytes, data: st.DataObject) -> None:
    """However it arrives, the same payload comes out, and the same rest."""
    wire = b"".join(b"%x;e=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n" + rest
    whole = len(wire) - len(rest)
    cuts = sorted(data.draw(st.sets(st.integers(1, max(whole - 1, 1)), max_size=5)))
    body = Body(CHUNKED, NONE, chunked=False)
    out = b"".join(body.feed(wire[a:b]) for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True))
    assert out == b"".join(pieces)
    assert body.done
    assert body.rest == rest

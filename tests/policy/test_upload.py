"""One request on its way to a server."""

from __future__ import annotations

import pytest

from pumpproxy.model import Backend, Frontend, Mode
from pumpproxy.policy.bodies import LEAST_HAULED
from pumpproxy.policy.forwarding import outgoing_request
from pumpproxy.policy.httpsteps import HaulUp, HttpStep, SendServer
from pumpproxy.policy.request import Request
from pumpproxy.policy.upload import MAX_EARLY, Upload
from pumpproxy.policy.vouching import Origin
from pumpproxy.wire.errors import HttpError
from pumpproxy.wire.http1 import RequestReader
from tests.playbook import CLIENT

HEAD = b"PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n"


def upload(size: int, *, expects: bool = False) -> tuple[Upload, list[HttpStep], bytes]:
    """One with a body of that length, its steps, and its head as a server gets it."""
    raw = HEAD % size
    head = RequestReader().feed(raw)
    assert head is not None
    frontend = Frontend("f", Mode.HTTP, ())
    origin = Origin.of(CLIENT, frontend)
    outgoing = outgoing_request(head, origin, frontend, Backend("b", Mode.HTTP), upgrade=False, keep=True)
    steps: list[HttpStep] = []
    return Upload(Request(0.0), outgoing, steps, expects=expects), steps, raw


def test_what_comes_early_is_sent_with_the_head() -> None:
    """In one piece; what follows, as it comes."""
    up, steps, head = upload(6)
    up.feed(b"ab")
    assert steps == []
    up.begin(doubtful=False)
    up.feed(b"cd")
    up.feed(b"efGET")
    assert steps == [SendServer(head + b"ab"), SendServer(b"cd"), SendServer(b"ef")]
    assert up.done
    assert up.beyond == b"GET"


def test_a_header_goes_first_and_is_not_part_of_the_request() -> None:
    """In one piece with it; another connection gets its own."""
    up, steps, head = upload(2)
    up.feed(b"ab")
    up.begin(b"PROXY one\r\n", doubtful=True)
    up.take_back()
    up.begin(b"PROXY two\r\n", doubtful=False)
    assert steps == [SendServer(b"PROXY one\r\n" + head + b"ab"), SendServer(b"PROXY two\r\n" + head + b"ab")]


def test_what_is_in_doubt_can_be_sent_again() -> None:
    """All of it, until a word of the server has come."""
    up, steps, head = upload(6)
    up.feed(b"ab")
    up.begin(doubtful=True)
    up.feed(b"cd")
    up.take_back()
    assert not up.connected
    up.feed(b"e")
    up.begin(doubtful=False)
    assert steps[-1] == SendServer(head + b"abcde")


def test_too_much_is_not_kept_for_that() -> None:
    """It is in doubt no more, since it cannot be sent again."""
    up, _, _ = upload(200_000)
    up.begin(doubtful=True)
    up.feed(bytes(MAX_EARLY))
    assert up.doubtful
    up.feed(b"x")
    assert not up.doubtful


def test_a_client_must_wait_that_is_far_ahead() -> None:
    """Of a connection, or of a server that takes nothing; not at the end of the body."""
    up, _, _ = upload(MAX_EARLY + 1)
    up.feed(bytes(MAX_EARLY))
    assert not up.holds_much
    up.feed(b"x")
    assert not up.holds_much
    up, _, _ = upload(MAX_EARLY + 2)
    up.feed(bytes(MAX_EARLY + 1))
    assert up.holds_much
    up.begin(doubtful=False)
    assert not up.holds_much
    up.server_full = True
    assert up.holds_much


def test_who_waits_for_a_100_waits_for_the_server() -> None:
    """Until it came, or the client goes on without it."""
    up, _, _ = upload(5, expects=True)
    assert not up.waits_for_client
    up.wanted()
    assert up.waits_for_client
    up, _, _ = upload(5, expects=True)
    up.feed(b"x")
    assert up.waits_for_client


def test_a_long_body_may_pass_unread() -> None:
    """Once it is on its way, and only what is left of it."""
    up, steps, _ = upload(LEAST_HAULED + 10)
    up.haul()
    assert steps == []
    up.begin(doubtful=False)
    up.feed(b"0123456789")
    up.haul()
    up.haul()
    assert steps[1:] == [SendServer(b"0123456789"), HaulUp(LEAST_HAULED)]
    up.hauled(LEAST_HAULED)
    assert up.done


@pytest.mark.parametrize(("size", "doubtful"), [(LEAST_HAULED - 1, False), (LEAST_HAULED, True)])
def test_what_does_not(size: int, *, doubtful: bool) -> None:
    """A short one, and one that may have to be sent again."""
    up, steps, _ = upload(size)
    up.begin(doubtful=doubtful)
    up.haul()
    assert len(steps) == 1


def test_a_malformed_body() -> None:
    """Is counted as it came, and refused."""
    request = Request(0.0)
    raw = b"PUT / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"
    head = RequestReader().feed(raw)
    assert head is not None
    frontend = Frontend("f", Mode.HTTP, ())
    outgoing = outgoing_request(
        head, Origin.of(CLIENT, frontend), frontend, Backend("b", Mode.HTTP), upgrade=False, keep=True
    )
    up = Upload(request, outgoing, [], expects=False)
    with pytest.raises(HttpError):
        up.feed(b"nonsense\r\n")
    assert request.bytes_in == len(b"nonsense\r\n")

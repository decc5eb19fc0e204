"""The facts of a request, and the record made of them."""

from __future__ import annotations

from pumpproxy.policy.attempts import Attempts
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.records import Load
from pumpproxy.policy.request import COMPLETED, Ending, Request
from pumpproxy.policy.runtime import Runtime
from pumpproxy.wire.http1 import RequestReader
from tests.playbook import CLIENT, EPOCH, site


def test_what_was_not_reached_is_none() -> None:
    """A request whose head never came has neither line nor server, nor any time but its own."""
    runtime = Runtime(site(), 10)
    request = Request(started=3.0)
    request.bytes_in = 7
    ending = Ending(Outcome.BAD_REQUEST, Phase.REQUEST, "NUL")
    record = request.record(ending, runtime, runtime.frontends["f"], CLIENT, 5.0, EPOCH)
    assert (record.request_line, record.host, record.status, record.server, record.backend) == (None,) * 5
    assert (record.request_time, record.queued, record.connected, record.response_time) == (None,) * 4
    assert (record.started, record.total, record.bytes_in) == (EPOCH + 3.0, 2.0, 7)
    assert (record.outcome, record.phase, record.detail) == (Outcome.BAD_REQUEST, Phase.REQUEST, "NUL")


def test_times_are_differences() -> None:
    """Each stage counts from the end of the one before, the total from the first byte."""
    runtime = Runtime(site(), 10)
    frontend = runtime.frontends["f"]
    runtime.accepted(frontend)
    request = Request(started=1.0)
    request.head = RequestReader().feed(b"HEAD /x HTTP/1.1\r\nHost: a.example\r\n\r\n")
    request.pool = runtime.pools["a"]
    request.attempts = Attempts(request.pool, "a.example")
    request.attempts.first()
    request.server = "a1"
    request.head_at, request.routed_at, request.connecting_at = 1.5, 1.5, 1.75
    request.connected_at, request.answered_at = 3.75, 7.75
    record = request.record(COMPLETED, runtime, frontend, CLIENT, 16.0, EPOCH)
    assert (record.request_time, record.queued, record.connected, record.response_time) == (0.5, 0.25, 2.0, 4.0)
    assert record.total == 15.0
    assert (record.backend, record.server, record.host) == ("a", "a1", "a.example")
    assert record.request_line == b"HEAD /x HTTP/1.1"
    assert record.load == Load(1, 1, 0, 0)
    assert request.bodiless

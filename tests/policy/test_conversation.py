"""Request after request on one connection: which of them are served, and when it ends."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from pumpproxy.model import Action, ConnectionMode, ForwardFor
from pumpproxy.policy.httpsteps import (
    DRAIN_CLIENT,
    LEAVE_SERVER,
    PAUSE_CLIENT,
    PAUSE_SERVER,
    RESET_CLIENT,
    RESET_SERVER,
    RESUME_SERVER,
    FinishClient,
    SendClient,
    SendServer,
)
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.pages import error_page, redirection
from pumpproxy.policy.pressure import MAX_PIPELINED
from pumpproxy.policy.records import ClientAddress
from tests.playbook import (
    EPOCH,
    GET,
    OK,
    SENT,
    SILENCE,
    Playbook,
    answer,
    client,
    client_full,
    client_ready,
    connect,
    connected,
    drained,
    ended,
    server,
    server_fin,
    server_gone,
    site,
    wait,
)

GET_B = GET.replace(b"a.example", b"b.example")
SENT_B = SENT.replace(b"a.example", b"b.example").replace(b"close\r\n", b"close\r\nX-Forwarded-For: 192.0.2.7\r\n")
LAST_OK = OK.replace(b"2\r\n", b"2\r\nConnection: close\r\n")


def served(play: Playbook, sent: bytes = SENT, name: str = "a1") -> Playbook:
    """A server takes the request and answers."""
    play = play << connect(name) >> connected << SendServer(sent)
    return play >> server(OK) << SendClient(OK) << LEAVE_SERVER << DRAIN_CLIENT >> drained << ended(Outcome.COMPLETED)


def test_each_request_is_routed_by_its_own_host() -> None:
    """Also on a connection that is kept."""
    play = served(Playbook() >> client(GET))
    play = served(play >> wait(1) >> client(GET_B), SENT_B, "b1")
    served(play >> wait(1) >> client(GET)).done()
    assert [record.server for record in play.records] == ["a1", "b1", "a1"]


def test_pipelined_requests_are_answered_in_order() -> None:
    """Each gets its own server's connection, once the answer before it is taken."""
    play = served(Playbook() >> client(GET + GET_B + GET))
    play = served(play, SENT_B, "b1")
    served(play).done()
    assert [record.bytes_in for record in play.records] == [len(GET), len(GET_B), len(GET)]


def test_a_pipelined_request_may_come_in_pieces() -> None:
    """During the answer, and while it is drained."""
    play = (
        Playbook() >> client(GET + GET_B[:10]) << connect("a1") >> connected << SendServer(SENT) >> client(GET_B[10:20])
    )
    play = play >> server(OK) << SendClient(OK) << LEAVE_SERVER << DRAIN_CLIENT >> client(GET_B[20:])
    served(play >> drained << ended(Outcome.COMPLETED), SENT_B, "b1").done()


def test_a_request_after_a_body() -> None:
    """The body ends where its length says."""
    post = b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc"
    play = Playbook() >> client(post[:-1]) << connect("a1") >> connected
    play = play << SendServer(post[:-5] + b"Connection: close\r\n\r\nab") >> client(b"c" + GET_B) << SendServer(b"c")
    play = play >> server(OK) << SendClient(OK) << LEAVE_SERVER << DRAIN_CLIENT
    served(play >> drained << ended(Outcome.COMPLETED), SENT_B, "b1").done()
    assert play.records[0].bytes_in == len(post)


def test_a_client_far_ahead_is_not_read() -> None:
    """Until its turn comes."""
    ahead = GET * (MAX_PIPELINED // len(GET) + 2)
    play = Playbook() >> client(GET) << connect("a1") >> client(ahead) << PAUSE_CLIENT >> connected << SendServer(SENT)
    play = play >> server(OK) << SendClient(OK) << LEAVE_SERVER << DRAIN_CLIENT >> drained << ended(Outcome.COMPLETED)
    # The next one is under way, and all that follows it is kept again.
    (play << connect("a1")).done()


def test_an_empty_line_after_a_body_is_no_request() -> None:
    """Old clients send one; what waits then still waits for a request (RFC 9112, section 2.2)."""
    play = served(Playbook() >> client(GET)) >> client(b"\r\n") >> wait(9.9)
    play = served(play >> client(GET)) >> client(b"\r\n") >> wait(10) << SILENCE
    play.done()


def test_two_empty_lines_are_refused() -> None:
    """Cut or not."""
    for pieces in ((b"\r\n\r\n",), (b"\r\n", b"\r\n")):
        play = served(Playbook() >> client(GET))
        for piece in pieces:
            play = play >> client(piece)
        (play << answer(400) << ended(Outcome.BAD_REQUEST)).done()


@pytest.mark.parametrize(
    ("asked", "sent", "got", "gets"),
    [
        (GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), SENT, OK, LAST_OK),
        (b"GET / HTTP/1.0\r\nHost: a.example\r\n\r\n", SENT, OK, LAST_OK),
        (b"GET / HTTP/1.0\r\n\r\n", SENT.replace(b"1.1", b"1.0").replace(b"Host: a.example\r\n", b""), OK, LAST_OK),
    ],
)
def test_a_client_that_wants_no_more_gets_its_answer_and_a_fin(
    asked: bytes, sent: bytes, got: bytes, gets: bytes
) -> None:
    """What it sent behind that request is never looked at."""
    play = Playbook() >> client(asked + GET_B) << connect("a1") >> connected << SendServer(sent) >> server(got)
    play = play << SendClient(gets) << LEAVE_SERVER << DRAIN_CLIENT >> drained << ended(Outcome.COMPLETED) << SILENCE
    play.done()


def test_an_old_client_may_keep_its_connection() -> None:
    """Where it asks for it, and the answer has a length."""
    asked = b"GET / HTTP/1.0\r\nHost: a.example\r\nConnection: keep-alive\r\n\r\n"
    play = Playbook() >> client(asked) << connect("a1") >> connected << SendServer(SENT) >> server(OK)
    play = play << SendClient(OK.replace(b"2\r\n", b"2\r\nConnection: keep-alive\r\n")) << LEAVE_SERVER << DRAIN_CLIENT
    play = (
        play >> drained << ended(Outcome.COMPLETED) >> client(asked) << connect("a1") >> connected << SendServer(SENT)
    )
    play = play >> server(b"HTTP/1.1 200 OK\r\n\r\nok") << SendClient(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok")
    play = play >> server_fin << LEAVE_SERVER << DRAIN_CLIENT >> drained << ended(Outcome.COMPLETED) << SILENCE
    play.done()


def test_connection_close_on_the_frontend() -> None:
    """Nobody keeps a connection there."""
    play = (
        Playbook(site(connection=ConnectionMode.CLOSE)) >> client(GET) << connect("a1") >> connected << SendServer(SENT)
    )
    play = play >> server(OK) << SendClient(LAST_OK) << LEAVE_SERVER << DRAIN_CLIENT >> drained
    (play << ended(Outcome.COMPLETED) << SILENCE).done()


# Answers of ours -----------------------------------------------------------------------------------------------------


def test_a_redirected_connection_lives_on() -> None:
    """There is no body that would have to be read."""
    config = site(routes={"a.example": Action.REDIRECT_HTTPS, "b.example": "b"})
    page = redirection(301, "https://a.example/", close=False)
    play = Playbook(config) >> client(GET + GET_B) << SendClient(page) << DRAIN_CLIENT
    play = play >> drained << ended(Outcome.REDIRECTED, Phase.REQUEST, 301)
    served(play, SENT_B, "b1").done()
    assert play.records[0].server is None


@pytest.mark.parametrize(
    "asked",
    [
        b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: a.example\r\nConnection: keep-alive\r\n\r\n",
    ],
)
def test_a_refused_request_that_leaves_something_unread_ends_the_connection(asked: bytes) -> None:
    """Its body is nothing that we want."""
    play = Playbook(site(routes={"a.example": Action.REJECT})) >> client(asked)
    (play << answer(421) << ended(Outcome.REFUSED, Phase.REQUEST, 421)).done()


def test_no_default_means_misdirected() -> None:
    """421, and the connection lives on."""
    play = Playbook(site(routes={"b.example": "b"}, default_backend=None)) >> client(GET)
    page = SendClient(error_page(421, close=False))
    (play << page << DRAIN_CLIENT >> drained << ended(Outcome.REFUSED, status=421)).done()


def test_a_dropped_name_hears_nothing() -> None:
    """Not even a status."""
    play = Playbook(site(routes={"a.example": Action.DROP})) >> client(GET)
    (play << SILENCE << ended(Outcome.REFUSED, Phase.REQUEST)).done()
    assert play.record.status is None


@pytest.mark.parametrize(
    ("data", "status", "detail"),
    [
        (b"\x16\x03\x01\x00\xa5\x01", 400, "TLS bytes"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/2 with prior knowledge"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "missing Host"),
        (b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n", 405, "CONNECT"),
        (b"GET /" + b"x" * 9000, 414, "start line too long"),
        (b"GET / HTTP/1.1\r\nHost: a.example\r\n" + b"X: y\r\n" * 101, 431, "too many fields, or too large together"),
        (
            b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            501,
            "unknown transfer coding",
        ),
    ],
)
def test_what_cannot_be_served_is_answered_and_ends_the_connection(data: bytes, status: int, detail: str) -> None:
    """The line is logged as unreadable."""
    play = Playbook() >> client(data) << answer(status) << ended(Outcome.BAD_REQUEST, Phase.REQUEST, status)
    assert play.record.request_line is None
    assert play.record.detail == detail
    assert play.record.bytes_in == len(data)
    (play >> client(GET) >> wait(100)).done()


def test_an_answer_to_head_has_no_body() -> None:
    """Ours neither."""
    play = Playbook(site(routes={"a.example": Action.REJECT})) >> client(GET.replace(b"GET", b"HEAD"))
    (play << SendClient(error_page(421, close=False, body=False)) << DRAIN_CLIENT).done()
    play = Playbook() >> client(GET.replace(b"GET", b"HEAD")) << connect("a1") >> connected
    play = play << SendServer(SENT.replace(b"GET", b"HEAD")) >> server_gone
    assert play.steps.popleft().reply.endswith(b"\r\n\r\n")  # type: ignore[union-attr]


# A response that is cut ---------------------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"
HEAD_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_cut_body_never_looks_whole() -> None:
    """A client that was told a length, or gets chunks, sees the cut though the connection ends cleanly."""
    play = (
        Playbook() >> client(GET) << connect("a1") >> connected << SendServer(SENT) >> server(HEAD) << SendClient(HEAD)
    )
    (play >> server_fin << RESET_SERVER << SILENCE << ended(Outcome.SERVER_LEFT, Phase.DATA, 200)).done()
    play = Playbook() >> client(GET) << connect("a1") >> connected << SendServer(SENT)
    play = play >> server(b"HTTP/1.0 200 OK\r\n\r\n") << SendClient(HEAD_CHUNKED)
    (play >> server_gone << SILENCE << ended(Outcome.SERVER_LEFT, Phase.DATA)).done()


def test_a_cut_body_that_only_a_close_would_end_is_reset() -> None:
    """An old client would take a FIN for the end."""
    asked = b"GET / HTTP/1.0\r\nHost: a.example\r\n\r\n"
    play = Playbook() >> client(asked) << connect("a1") >> connected << SendServer(SENT)
    play = (
        play >> server(HEAD_CHUNKED + b"2\r\nab\r\n") << SendClient(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nab")
    )
    (play >> server_fin << RESET_SERVER << RESET_CLIENT << ended(Outcome.SERVER_LEFT, Phase.DATA)).done()


def test_a_bad_response_body_is_cut() -> None:
    """Both connections end."""
    play = Playbook() >> client(GET) << connect("a1") >> connected << SendServer(SENT)
    play = play >> server(HEAD_CHUNKED) << SendClient(HEAD_CHUNKED) >> server(b"zz\r\n")
    (play << RESET_SERVER << SILENCE << ended(Outcome.BAD_RESPONSE, Phase.DATA, 200)).done()


def test_a_slow_client_stops_its_server() -> None:
    """No more than a buffer is ahead of it."""
    play = (
        Playbook() >> client(GET) << connect("a1") >> connected << SendServer(SENT) >> server(HEAD) << SendClient(HEAD)
    )
    (play >> client_full << PAUSE_SERVER >> client_ready << RESUME_SERVER).done()


# What holds for the connection --------------------------------------------------------------------------------------


def test_a_reload_bounds_the_next_head() -> None:
    """Not the one that has begun: what was let in is not refused for what was written since."""
    play = Playbook() >> client(GET[:5])
    narrow = replace(site(), frontends=(replace(site().frontends[0], max_headers=1, max_head=1024),))
    play.runtime.reload(narrow, 100)
    more = b"A: b\r\nC: d\r\n" + b"E: %b\r\n" % (b"x" * 2000)
    play = served(play >> client(GET[5:-2] + more + b"\r\n"), GET[:-2] + more + b"Connection: close\r\n\r\n")
    play = play >> client(GET[:-2] + b"A: b\r\n\r\n") << answer(431)
    (play << ended(Outcome.BAD_REQUEST, Phase.REQUEST, 431)).done()


def test_a_reload_counts_from_the_next_request() -> None:
    """Routes, and whom the frontend trusts."""
    forwarded = GET.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n")
    play = served(Playbook() >> client(forwarded))
    trusting = site(routes={"a.example": "b"}, trusted_proxies=(ip_network("192.0.2.0/24"),))
    play.runtime.reload(trusting, 100)
    sent = b"X-Forwarded-For: 6.6.6.6\r\nConnection: close\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n"
    served(play >> client(forwarded), SENT.replace(b"Connection: close\r\n\r\n", sent), "b1").done()


def test_a_frontend_that_is_gone_serves_what_it_has_begun() -> None:
    """With the pools that it knew; then its connections end."""
    play = Playbook() >> client(GET)
    gone = replace(site(), frontends=(replace(site().frontends[0], name="other"),), backends=site().backends[1:])
    play = play << connect("a1") >> connected << SendServer(SENT)
    play.runtime.reload(gone, 100)
    play = play >> server(OK) << SendClient(OK) << LEAVE_SERVER << DRAIN_CLIENT >> drained << ended(Outcome.COMPLETED)
    play = play >> client(GET) << connect("a1") >> connected << SendServer(SENT) >> server(OK) << SendClient(LAST_OK)
    (play << LEAVE_SERVER << DRAIN_CLIENT >> drained << ended(Outcome.COMPLETED) << SILENCE).done()


def test_a_client_on_a_unix_socket_has_no_address() -> None:
    """None is told."""
    play = Playbook(site(forwardfor=ForwardFor()), client=ClientAddress("unix", 0))
    (play >> client(GET) << connect("a1") >> connected << SendServer(SENT)).done()


def test_the_first_request_counts_from_the_accept() -> None:
    """A later one from its first byte; the clock of the log is the wall's."""
    play = served(Playbook() >> wait(2) >> client(GET[:5]) >> wait(1) >> client(GET[5:]))
    assert (play.record.started, play.record.request_time, play.record.total) == (EPOCH, 3.0, 3.0)
    play = served(play >> wait(4) >> client(GET[:5]) >> wait(1) >> client(GET[5:]))
    assert (play.record.started, play.record.request_time, play.record.total) == (EPOCH + 7, 1.0, 1.0)


@pytest.mark.parametrize("data", [b"HEAD / HTTP/1.1\r\n\r\n", b"HEAD /#x HTTP/1.1\r\n"])
def test_a_refused_head_request_gets_no_body(data: bytes) -> None:
    """RFC 9110, section 9.3.2: also where it was not understood; its client would take a body for the next answer."""
    play = Playbook() >> client(data) << FinishClient(error_page(400, body=False))
    (play << ended(Outcome.BAD_REQUEST)).done()


def test_a_head_request_that_trickles_in_gets_no_body() -> None:
    """The line is there, the rest is not."""
    play = Playbook() >> client(b"HEAD / HTTP/1.1\r\nHost:") >> wait(10.0) << FinishClient(error_page(408, body=False))
    (play << ended(Outcome.CLIENT_SILENT, Phase.REQUEST, 408)).done()

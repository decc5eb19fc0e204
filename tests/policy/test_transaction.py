"""One request at a server: attempts, the way up, and who is to blame where nothing moves."""

from __future__ import annotations

import pytest

from pumpproxy.model import Backend, Mode, Redispatch, Server, TcpAddress
from pumpproxy.policy.attempts import ConnectFailure
from pumpproxy.policy.httpsteps import (
    DRAIN_CLIENT,
    LEAVE_SERVER,
    PAUSE_CLIENT,
    RESET_SERVER,
    RESUME_CLIENT,
    SendClient,
    SendServer,
)
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.upload import MAX_EARLY
from tests.playbook import (
    CLIENT,
    GET,
    OK,
    SENT,
    SILENCE,
    Playbook,
    answer,
    client,
    connect,
    connected,
    drained,
    ended,
    failed,
    server,
    server_fin,
    server_full,
    server_gone,
    server_ready,
    site,
    wait,
)

POST = b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 10\r\n\r\n"
POSTED = b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 10\r\nConnection: close\r\n\r\n"
EXPECTING = POST.replace(b"Content", b"Expect: 100-continue\r\nContent")
CHUNKED = b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED_SENT = CHUNKED[:-2] + b"Connection: close\r\n\r\n"


def two_servers(**options: object) -> Backend:
    """A backend with a1 and a2."""
    servers = tuple(Server(f"a{n}", TcpAddress("127.0.0.1", 8000 + n)) for n in (1, 2))
    return Backend("a", Mode.HTTP, servers=servers, **options)  # type: ignore[arg-type]


def test_a_request_and_its_answer() -> None:
    """The whole way; the server's connection is free as soon as it has answered."""
    play = Playbook() >> client(GET) << connect("a1") >> connected << SendServer(SENT)
    assert not play.idle()
    play = play >> server(OK) << SendClient(OK) << LEAVE_SERVER << DRAIN_CLIENT
    assert play.idle()
    (play >> drained << ended(Outcome.COMPLETED, Phase.DONE, 200)).done()
    assert (play.record.client, play.record.backend, play.record.server) == (CLIENT, "a", "a1")
    assert (play.record.bytes_in, play.record.bytes_out) == (len(GET), len(OK))


def test_a_refused_attempt_is_tried_again() -> None:
    """At the same server after a pause, and nothing was sent twice."""
    play = Playbook() >> client(GET) << connect("a1")
    for _ in range(3):
        play = play >> failed(ConnectFailure.REFUSED) << connect("a1", after=1.0)
    play = play >> connected << SendServer(SENT)
    play = play >> server(OK) << SendClient(OK) << LEAVE_SERVER << DRAIN_CLIENT >> drained << ended(Outcome.COMPLETED)
    assert play.record.retries == 3
    assert not play.record.redispatched


def test_a_refused_attempt_may_go_elsewhere() -> None:
    """With `redispatch` at once."""
    config = site(backend=two_servers(redispatch=Redispatch.YES))
    play = Playbook(config) >> client(GET) << connect("a1") >> failed(ConnectFailure.REFUSED) << connect("a2")
    play = play >> connected << SendServer(SENT) >> server_gone << answer(502) << ended(Outcome.SERVER_LEFT)
    assert play.record.server == "a2"
    assert play.record.redispatched
    assert play.idle()


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (ConnectFailure.REFUSED, Outcome.CONNECT_FAILED),
        (ConnectFailure.UNREACHABLE, Outcome.CONNECT_FAILED),
        (ConnectFailure.NO_ADDRESS, Outcome.CONNECT_FAILED),
        (ConnectFailure.TIMED_OUT, Outcome.CONNECT_TIMEOUT),
        (ConnectFailure.RESOURCES, Outcome.OVERLOAD),
    ],
)
def test_when_all_attempts_failed(failure: ConnectFailure, outcome: Outcome) -> None:
    """503, and what it was."""
    play = Playbook(site(backend=two_servers(retries=1))) >> client(GET) << connect("a1")
    play = play >> failed(failure) << connect("a1", after=1.0)
    (play >> failed(failure) << answer(503) << ended(outcome, Phase.CONNECT, 503)).done()
    assert play.record.detail == failure.value
    assert play.record.connected is None
    assert play.idle()


def test_a_backend_without_servers() -> None:
    """503 at once."""
    play = Playbook(site(backend=Backend("a", Mode.HTTP))) >> client(GET)
    (play << answer(503) << ended(Outcome.NO_SERVER, Phase.CONNECT, 503)).done()
    assert play.record.backend == "a"
    assert play.record.server is None


def test_use_server_follows_the_host() -> None:
    """Whatever balancing would say."""
    config = site(backend=two_servers(use_server=(("a.example", "a2"),)))
    (Playbook(config) >> client(GET) << connect("a2")).done()
    (Playbook(config) >> client(GET.replace(b"a.ex", b"c.ex")) << connect("a1")).done()


def test_the_backend_may_want_the_address() -> None:
    """`forwardfor` there."""
    play = Playbook() >> client(GET.replace(b"a.example", b"b.example")) << connect("b1")
    sent = SENT.replace(b"a.example", b"b.example").replace(b"close\r\n", b"close\r\nX-Forwarded-For: 192.0.2.7\r\n")
    (play >> connected << SendServer(sent)).done()


def test_a_body_is_kept_while_we_connect() -> None:
    """And goes with the head."""
    play = Playbook() >> client(POST + b"01234") << connect("a1") >> client(b"56")
    play = play >> connected << SendServer(POSTED + b"0123456") >> client(b"789") << SendServer(b"789")
    (play >> server(OK) << SendClient(OK) << LEAVE_SERVER << DRAIN_CLIENT).done()


def test_a_large_body_waits_for_the_server() -> None:
    """Reading pauses when enough of it is kept, and while the server takes too little."""
    size = MAX_EARLY + 10
    head = POST.replace(b"10", b"%d" % (3 * size))
    play = Playbook() >> client(head) << connect("a1") >> client(b"x" * size) << PAUSE_CLIENT
    sent = SendServer(POSTED.replace(b"10", b"%d" % (3 * size)) + b"x" * size)
    play = play >> connected << sent << RESUME_CLIENT >> server_full << PAUSE_CLIENT >> server_ready << RESUME_CLIENT
    play = play >> client(b"y" * size) << SendServer(b"y" * size) >> server_full << PAUSE_CLIENT
    # With the last of it the client is read again: only its going away is of interest then.
    play = play >> server_ready << RESUME_CLIENT >> client(b"z" * size) << SendServer(b"z" * size)
    (play >> server_full).done()


def test_chunks_are_checked_before_anybody_is_asked() -> None:
    """A body that is broken from the start never reaches a server."""
    play = Playbook() >> client(CHUNKED + b"2\r\nabX")
    (play << answer(400) << ended(Outcome.BAD_REQUEST, Phase.REQUEST, 400)).done()
    assert play.record.server is None
    assert play.record.detail == "malformed chunk"


def test_broken_chunks_cut_the_server_off() -> None:
    """It never sees an end."""
    play = Playbook() >> client(CHUNKED + b"2\r\nab\r\n") << connect("a1")
    play = play >> connected << SendServer(CHUNKED_SENT + b"2\r\nab\r\n") >> client(b"zz\r\n")
    (play << RESET_SERVER << answer(400) << ended(Outcome.BAD_REQUEST, Phase.DATA, 400)).done()
    assert play.idle()


def test_broken_chunks_while_we_connect() -> None:
    """The attempt is given up."""
    play = Playbook() >> client(CHUNKED) << connect("a1") >> client(b"zz\r\n")
    (play << RESET_SERVER << answer(400) << ended(Outcome.BAD_REQUEST, Phase.CONNECT, 400)).done()


def test_chunks_and_trailers_go_up() -> None:
    """As they come, framed anew."""
    play = Playbook() >> client(CHUNKED) << connect("a1") >> connected << SendServer(CHUNKED_SENT)
    play = (
        play >> client(b"2;x\r\nab\r\n1\r\n") << SendServer(b"2\r\nab\r\n") >> client(b"c") << SendServer(b"1\r\nc\r\n")
    )
    (play >> client(b"\r\n0\r\nX-Sum: 9\r\n\r\n") << SendServer(b"0\r\nX-Sum: 9\r\n\r\n")).done()


def test_an_answer_before_the_body_is_passed_on() -> None:
    """Then the server is cut off, and the client's connection ends: nobody knows where the next request would begin."""
    play = Playbook() >> client(POST + b"01") << connect("a1") >> connected << SendServer(POSTED + b"01")
    play = play >> server(OK) << SendClient(OK) << RESET_SERVER << DRAIN_CLIENT << PAUSE_CLIENT
    play = (play >> client(b"23") >> drained << ended(Outcome.COMPLETED, status=200) << SILENCE).done()
    assert play.record.bytes_in == len(POST) + 2


def test_both_ways_at_once() -> None:
    """A server may answer piece by piece while the body still comes."""
    play = Playbook() >> client(CHUNKED) << connect("a1") >> connected << SendServer(CHUNKED_SENT)
    down = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    play = play >> server(down) << SendClient(down)
    for piece in (b"1\r\na\r\n", b"1\r\nb\r\n"):
        play = play >> client(piece) << SendServer(piece) >> server(piece) << SendClient(piece)
    play = play >> client(b"0\r\n\r\n") << SendServer(b"0\r\n\r\n")
    (play >> server(b"0\r\n\r\n") << SendClient(b"0\r\n\r\n") << LEAVE_SERVER << DRAIN_CLIENT).done()


# Who is to blame -----------------------------------------------------------------------------------------------------


def test_a_silent_server_is_blamed() -> None:
    """504 after timeout-server, counted from the end of the request."""
    play = Playbook() >> client(POST) << connect("a1") >> connected << SendServer(POSTED)
    play = play >> wait(50) >> client(b"0123456789") << SendServer(b"0123456789") >> wait(59.9) >> wait(0.1)
    (play << RESET_SERVER << answer(504) << ended(Outcome.SERVER_IDLE, Phase.HEAD, 504)).done()


def test_a_stalled_body_is_the_clients() -> None:
    """408 after timeout-client, however long the server would wait."""
    config = site(timeout_client=5.0)
    play = Playbook(config) >> client(POST + b"01") << connect("a1") >> connected << SendServer(POSTED + b"01")
    play = play >> wait(4) >> client(b"2") << SendServer(b"2") >> wait(4.9) >> wait(0.1)
    (play << RESET_SERVER << answer(408) << ended(Outcome.CLIENT_IDLE, Phase.DATA, 408)).done()


def test_a_server_that_takes_nothing_is_blamed() -> None:
    """Though the body is not complete: the client may not send more."""
    play = Playbook(site(timeout_client=5.0)) >> client(POST + b"01") << connect("a1")
    play = play >> connected << SendServer(POSTED + b"01") >> server_full << PAUSE_CLIENT >> wait(59)
    (play >> wait(1) << RESET_SERVER << answer(504) << ended(Outcome.SERVER_IDLE)).done()


def test_a_client_that_waits_for_a_100_waits_for_the_server() -> None:
    """So the server is to blame, until it has said 100."""
    sent = POSTED.replace(b"Content", b"Expect: 100-continue\r\nContent")
    config = site(timeout_client=5.0)
    play = Playbook(config) >> client(EXPECTING) << connect("a1") >> connected << SendServer(sent)
    (play >> wait(59) >> wait(1) << RESET_SERVER << answer(504) << ended(Outcome.SERVER_IDLE)).done()
    play = Playbook(config) >> client(EXPECTING) << connect("a1") >> connected << SendServer(sent)
    play = play >> server(b"HTTP/1.1 100 Continue\r\n\r\n") << SendClient(b"HTTP/1.1 100 Continue\r\n\r\n")
    (play >> wait(5) << RESET_SERVER << answer(408) << ended(Outcome.CLIENT_IDLE)).done()


def test_a_client_need_not_wait_for_a_100() -> None:
    """And a server need not say it."""
    sent = POSTED.replace(b"Content", b"Expect: 100-continue\r\nContent")
    play = (
        Playbook()
        >> client(EXPECTING + b"0123456789")
        << connect("a1")
        >> connected
        << SendServer(sent + b"0123456789")
    )
    (play >> server(OK) << SendClient(OK) << LEAVE_SERVER << DRAIN_CLIENT).done()


def test_nobody_is_blamed_while_we_connect() -> None:
    """The attempts have limits of their own."""
    play = Playbook() >> client(GET) << connect("a1")
    assert play.exchange.deadline() is None
    (play >> wait(1000)).done()


def test_a_server_that_leaves_before_it_answers() -> None:
    """502, with or without a FIN."""
    for leaves, reset in ((server_fin, True), (server_gone, False)):
        play = Playbook() >> client(GET) << connect("a1") >> connected << SendServer(SENT) >> leaves
        if reset:
            play = play << RESET_SERVER
        (play << answer(502) << ended(Outcome.SERVER_LEFT, Phase.HEAD, 502)).done()
        assert play.idle()

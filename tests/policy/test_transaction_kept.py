"""Requests on servers' connections that are kept: nobody gets another's answer, nothing is lost or done twice."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import pytest

from pumpproxy.model import Backend, ConnectionMode, Mode, Server, TcpAddress
from pumpproxy.policy.httpsteps import (
    DRAIN_CLIENT,
    KEEP_SERVER,
    LEAVE_SERVER,
    RESET_SERVER,
    KeepServer,
    SendClient,
    SendServer,
)
from pumpproxy.policy.outcome import Outcome, Phase
from tests.playbook import (
    GET,
    OK,
    Playbook,
    answer,
    client,
    connect,
    connected,
    drained,
    ended,
    reached,
    server,
    server_fin,
    server_gone,
    site,
)

if TYPE_CHECKING:
    from tests.playbook import Fact

TWO = Backend("a", Mode.HTTP, servers=tuple(Server(f"a{n}", TcpAddress("127.0.0.1", 8000 + n)) for n in (1, 2)))
KEPT = GET
"""What a server gets of `GET` where its connection may live on: nothing of it has to be dropped."""
POST = b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\n"


def keeping() -> Playbook:
    """A site whose servers' connections are kept."""
    return Playbook(site(connection=ConnectionMode.KEEP_ALIVE))


def test_a_connection_is_kept_and_used_again() -> None:
    """For the next request, whoever's; the server is not told to close."""
    play = keeping() >> client(GET) << connect("a1", idle=inf) >> connected << SendServer(KEPT)
    play = play >> server(OK) << SendClient(OK) << KEEP_SERVER << DRAIN_CLIENT >> drained << ended(Outcome.COMPLETED)
    assert play.idle()
    play = play >> client(GET) << connect("a1", idle=inf) >> reached << SendServer(KEPT)
    (play >> server(OK) << SendClient(OK) << KEEP_SERVER << DRAIN_CLIENT).done()


@pytest.mark.parametrize(
    ("answered", "passed"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", OK),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", OK),
    ],
)
def test_a_server_that_will_close_is_left(answered: bytes, passed: bytes) -> None:
    """It says so, or speaks HTTP/1.0."""
    play = keeping() >> client(GET) << connect("a1", idle=inf) >> connected << SendServer(KEPT)
    (play >> server(answered) << SendClient(passed) << LEAVE_SERVER << DRAIN_CLIENT).done()


def test_an_old_server_may_keep_its_connection() -> None:
    """HTTP/1.0 with `keep-alive`."""
    play = keeping() >> client(GET) << connect("a1", idle=inf) >> connected << SendServer(KEPT)
    play = play >> server(OK.replace(b"1.1", b"1.0").replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n"))
    (play << SendClient(OK) << KEEP_SERVER << DRAIN_CLIENT).done()


@pytest.mark.parametrize("surplus", [b"x", OK])
def test_a_server_that_says_more_than_it_was_asked_is_reset(surplus: bytes) -> None:
    """What it says too much is nobody's answer."""
    play = keeping() >> client(GET) << connect("a1", idle=inf) >> connected << SendServer(KEPT)
    (play >> server(OK + surplus) << SendClient(OK) << RESET_SERVER << DRAIN_CLIENT).done()
    no_content = b"HTTP/1.1 204 No Content\r\n\r\n"
    play = keeping() >> client(GET) << connect("a1", idle=inf) >> connected << SendServer(KEPT)
    (play >> server(no_content + surplus) << SendClient(no_content) << RESET_SERVER << DRAIN_CLIENT).done()


@pytest.mark.parametrize("end", [server_fin, server_gone])
def test_a_kept_connection_that_died_costs_nothing(end: Fact) -> None:
    """A request that may be repeated is sent once more, on a new connection, at once; it is no retry."""
    play = keeping() >> client(GET) << connect("a1", idle=inf) >> reached << SendServer(KEPT) >> end
    if end is server_fin:
        play = play << RESET_SERVER
    play = play << connect("a1") >> connected << SendServer(KEPT)
    play = play >> server(OK) << SendClient(OK) << KEEP_SERVER << DRAIN_CLIENT >> drained << ended(Outcome.COMPLETED)
    assert play.record.retries == 0


def test_a_new_connection_that_dies_is_a_fault() -> None:
    """Also where it took the place of a kept one: nothing is sent a third time."""
    play = keeping() >> client(GET) << connect("a1", idle=inf) >> reached << SendServer(KEPT) >> server_gone
    play = play << connect("a1") >> connected << SendServer(KEPT)
    (play >> server_gone << answer(502) << ended(Outcome.SERVER_LEFT, Phase.HEAD)).done()


def test_what_cannot_be_repeated_is_not() -> None:
    """It goes on a connection that was idle for a moment only, and dies with it."""
    play = keeping() >> client(POST + b"four") << connect("a1", idle=1.0) >> reached << SendServer(POST + b"four")
    (play >> server_gone << answer(502) << ended(Outcome.SERVER_LEFT, Phase.HEAD)).done()


def test_what_was_never_sent_whole_is_sent_anew() -> None:
    """No server can have done it."""
    play = keeping() >> client(POST + b"fo") << connect("a1", idle=1.0) >> reached << SendServer(POST + b"fo")
    play = play >> client(b"u") << SendServer(b"u") >> server_gone << connect("a1")
    (play >> client(b"r") >> connected << SendServer(POST + b"four")).done()


def test_a_long_request_is_not_kept_for_that() -> None:
    """No more of it than we hold anyway."""
    head = b"PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 200000\r\n\r\n"
    play = keeping() >> client(head) << connect("a1", idle=inf) >> reached << SendServer(head)
    play = play >> client(b"x" * 70_000) << SendServer(b"x" * 70_000)
    (play >> server_gone << answer(502) << ended(Outcome.SERVER_LEFT)).done()


def test_an_answer_that_has_begun_is_not_asked_for_again() -> None:
    """Half of a head is a word too."""
    play = keeping() >> client(GET) << connect("a1", idle=inf) >> reached << SendServer(KEPT)
    (play >> server(OK[:9]) >> server_gone << answer(502) << ended(Outcome.SERVER_LEFT, Phase.HEAD)).done()


def test_a_farewell_to_an_idle_connection_is_no_answer() -> None:
    """Some servers say 408 before they close one; on a new connection it is an answer."""
    timed_out = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"
    play = keeping() >> client(GET) << connect("a1", idle=inf) >> reached << SendServer(KEPT)
    play = play >> server(timed_out) << RESET_SERVER << connect("a1") >> connected << SendServer(KEPT)
    (play >> server(timed_out) << SendClient(timed_out) << KEEP_SERVER << DRAIN_CLIENT).done()


def test_a_server_that_knows_the_client_by_the_connection_is_kept_for_it() -> None:
    """And asked again, whoever's turn it is, also after answers that say nothing of it."""
    challenge = b"HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n"
    play = Playbook(site(backend=TWO, connection=ConnectionMode.KEEP_ALIVE))
    play = play >> client(GET) << connect("a1", idle=inf) >> connected << SendServer(KEPT)
    play = play >> server(challenge) << SendClient(challenge) << KeepServer(private=True) << DRAIN_CLIENT
    play = play >> drained << ended(Outcome.COMPLETED) >> client(GET) << connect("a1", idle=inf) >> reached
    play = play << SendServer(KEPT) >> server(OK) << SendClient(OK) << KEEP_SERVER << DRAIN_CLIENT
    (play >> drained << ended(Outcome.COMPLETED) >> client(GET) << connect("a1", idle=inf)).done()


def test_a_client_that_names_no_host_gets_a_connection_of_its_own() -> None:
    """It is HTTP/1.0 that the server is spoken to in then."""
    old = b"GET / HTTP/1.0\r\n\r\n"
    closing = b"GET / HTTP/1.0\r\nConnection: close\r\n\r\n"
    (keeping() >> client(old) << connect("a1") >> connected << SendServer(closing)).done()


def test_trailers_are_asked_for_without_closing() -> None:
    """TE is named in Connection, and nothing else is."""
    asked = GET[:-2] + b"TE: trailers\r\n\r\n"
    told = GET[:-2] + b"TE: trailers\r\nConnection: TE\r\n\r\n"
    (keeping() >> client(asked) << connect("a1", idle=inf) >> connected << SendServer(told)).done()

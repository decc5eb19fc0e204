"""A client that leaves, stalls or goes on to a WebSocket, and a service that ends."""

from __future__ import annotations

import pytest

from pumpproxy.policy.attempts import ConnectFailure
from pumpproxy.policy.httpsteps import (
    DRAIN_CLIENT,
    LEAVE_SERVER,
    PAUSE_CLIENT,
    PAUSE_SERVER,
    RESET_CLIENT,
    RESET_SERVER,
    SendClient,
    SendServer,
    StartTunnel,
)
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.request import COMPLETED, Ending
from pumpproxy.policy.transaction import Side
from tests.playbook import (
    GET,
    OK,
    SENT,
    SILENCE,
    Playbook,
    answer,
    client,
    client_fin,
    client_full,
    client_gone,
    connect,
    connected,
    drained,
    ended,
    failed,
    finish_up,
    server,
    server_full,
    server_gone,
    server_went_down,
    shut_down,
    site,
    tunnel_over,
    wait,
)

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"
POST = b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 10\r\n\r\n"
POSTED = POST[:-2] + b"Connection: close\r\n\r\n"


def asked() -> Playbook:
    """A request is at its server."""
    return Playbook() >> client(GET) << connect("a1") >> connected << SendServer(SENT)


def answering() -> Playbook:
    """Its answer has begun."""
    return asked() >> server(HEAD) << SendClient(HEAD)


def draining() -> Playbook:
    """Its answer is handed over."""
    return asked() >> server(OK) << SendClient(OK) << LEAVE_SERVER << DRAIN_CLIENT


def idle() -> Playbook:
    """Its answer is taken."""
    return draining() >> drained << ended(Outcome.COMPLETED)


# The client leaves --------------------------------------------------------------------------------------------------


def test_a_probe_leaves_one_record_of_nothing() -> None:
    """Whoever connects and says nothing counts, with no byte."""
    play = Playbook() >> client_fin << SILENCE << ended(Outcome.CLIENT_LEFT, Phase.REQUEST)
    assert (play.record.bytes_in, play.record.bytes_out, play.record.status) == (0, 0, None)
    (Playbook() >> client_gone << ended(Outcome.CLIENT_LEFT, Phase.REQUEST)).done()


def test_leaving_between_requests_is_nothing_to_tell() -> None:
    """With a FIN or a reset."""
    (idle() >> client_fin << SILENCE >> client_gone).done()
    (idle() >> client_gone).done()


def test_leaving_in_mid_head() -> None:
    """An unreadable request."""
    play = Playbook() >> client(GET[:20]) >> client_fin << SILENCE << ended(Outcome.CLIENT_LEFT, Phase.REQUEST)
    assert play.record.bytes_in == 20
    assert play.record.request_line is None


def test_leaving_cancels_the_request() -> None:
    """A FIN as well as a reset, in every phase: the server is not left at work for nobody."""
    connecting = Playbook() >> client(GET) << connect("a1")
    play = connecting >> client_fin << RESET_SERVER << RESET_CLIENT << ended(Outcome.CLIENT_LEFT, Phase.CONNECT)
    assert play.done().idle()
    (asked() >> client_fin << RESET_SERVER << RESET_CLIENT << ended(Outcome.CLIENT_LEFT, Phase.HEAD)).done()
    (asked() >> client_gone << RESET_SERVER << ended(Outcome.CLIENT_LEFT, Phase.HEAD)).done()
    play = answering() >> client_gone << RESET_SERVER << ended(Outcome.CLIENT_LEFT, Phase.DATA, 200)
    assert play.done().idle()
    uploading = Playbook() >> client(POST) << connect("a1") >> connected << SendServer(POSTED)
    (uploading >> client_fin << RESET_SERVER << RESET_CLIENT << ended(Outcome.CLIENT_LEFT, Phase.DATA)).done()


def test_an_attempt_that_comes_about_too_late_is_reset() -> None:
    """Nobody is there any more."""
    play = Playbook() >> client(GET) << connect("a1") >> client_gone << RESET_SERVER << ended(Outcome.CLIENT_LEFT)
    (play >> connected << RESET_SERVER >> failed(ConnectFailure.REFUSED) >> server(OK) >> server_gone).done()


def test_a_client_that_closed_its_half_still_gets_an_answer_that_is_complete() -> None:
    """It may have closed because it saw the end."""
    (draining() >> client_fin >> drained << ended(Outcome.COMPLETED) << SILENCE).done()


def test_leaving_before_the_answer_is_taken() -> None:
    """The server has done its part."""
    (draining() >> client_gone << ended(Outcome.CLIENT_LEFT, Phase.LAST, 200)).done()


# Time ---------------------------------------------------------------------------------------------------------------


def test_a_silent_client_gets_no_word() -> None:
    """timeout-http-request from the accept."""
    play = Playbook() >> wait(9.9) >> wait(0.1) << SILENCE << ended(Outcome.CLIENT_SILENT, Phase.REQUEST)
    assert play.done().record.status is None


def test_a_head_that_trickles_in_gets_408() -> None:
    """The time runs from the accept, whatever comes."""
    play = Playbook() >> wait(5) >> client(GET[:5]) >> wait(4.9) >> client(GET[5:9]) >> wait(0.1)
    (play << answer(408) << ended(Outcome.CLIENT_SILENT, Phase.REQUEST, 408)).done()


def test_a_later_head_has_its_time_from_its_first_byte() -> None:
    """And before that there is timeout-http-keep-alive, which ends without a word."""
    config = site(timeout_http_keep_alive=3.0)
    play = Playbook(config) >> client(GET) << connect("a1") >> connected << SendServer(SENT) >> server(OK)
    play = play << SendClient(OK) << LEAVE_SERVER << DRAIN_CLIENT >> drained << ended(Outcome.COMPLETED)
    play = play >> wait(2.9) >> client(GET[:5]) >> wait(9.9) >> wait(0.1) << answer(408)
    (play << ended(Outcome.CLIENT_SILENT, Phase.REQUEST, 408)).done()
    (idle() >> wait(9.9) >> wait(0.1) << SILENCE).done()


def test_a_client_that_takes_nothing_is_reset() -> None:
    """After timeout-client: in mid-body, and at the end."""
    play = answering() >> client_full << PAUSE_SERVER >> wait(59.9) >> wait(0.1)
    (play << RESET_SERVER << RESET_CLIENT << ended(Outcome.CLIENT_IDLE, Phase.DATA, 200)).done()
    (draining() >> wait(60) << RESET_CLIENT << ended(Outcome.CLIENT_IDLE, Phase.LAST, 200)).done()


def test_a_slow_client_has_time_while_it_takes_something() -> None:
    """What the kernel says counts."""
    play = answering() >> client_full << PAUSE_SERVER >> wait(50)
    assert play.exchange.slow is Side.CLIENT
    play.exchange.progressed(play.now)
    (play >> wait(59.9)).done()
    play = draining() >> wait(50)
    assert play.exchange.slow is Side.CLIENT
    play.exchange.progressed(play.now)
    (play >> wait(59.9) >> drained << ended(Outcome.COMPLETED)).done()


def test_who_is_slow() -> None:
    """Nobody, unless somebody's buffer of ours is full."""
    assert Playbook().exchange.slow is None
    assert answering().exchange.slow is None
    play = Playbook() >> client(POST) << connect("a1") >> connected << SendServer(POSTED) >> server_full << PAUSE_CLIENT
    assert play.exchange.slow is Side.SERVER


def test_a_server_that_stops_in_mid_body_is_blamed() -> None:
    """It is too late for a 504."""
    play = answering() >> wait(59.9) >> wait(0.1) << RESET_SERVER << SILENCE
    (play << ended(Outcome.SERVER_IDLE, Phase.DATA, 200)).done()


# A tunnel -----------------------------------------------------------------------------------------------------------

UPGRADE = b"GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


def test_a_websocket_becomes_a_tunnel() -> None:
    """With what either side sent too early; one record for all of it."""
    play = Playbook() >> client(UPGRADE + b"\x81\x01") << connect("a1") >> connected << SendServer(UPGRADE)
    play = play >> client(b"a") >> server(SWITCH + b"\x81\x01b") << StartTunnel(b"\x81\x01a", SWITCH + b"\x81\x01b")
    assert play.exchange.deadline() is None
    play = play >> wait(3000) >> client_gone >> shut_down >> finish_up
    play = (
        play >> tunnel_over(5, 105, Ending(Outcome.CLIENT_LEFT, Phase.DATA)) << ended(Outcome.CLIENT_LEFT, status=101)
    )
    assert play.done().idle()
    assert (play.record.bytes_in, play.record.bytes_out, play.record.total) == (len(UPGRADE) + 5, 105, 3000)


def test_a_refused_upgrade_stays_http() -> None:
    """And the next request goes where its own Host leads."""
    refused = b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno"
    later = GET.replace(b"a.example", b"b.example")
    play = Playbook() >> client(UPGRADE + later) << connect("a1") >> connected << SendServer(UPGRADE)
    play = play >> server(refused) << SendClient(refused) << LEAVE_SERVER << DRAIN_CLIENT
    (play >> drained << ended(Outcome.COMPLETED, status=426) << connect("b1")).done()


def test_a_101_that_nobody_asked_for() -> None:
    """502, and no byte of the client goes anywhere."""
    play = asked() >> server(SWITCH) << RESET_SERVER << answer(502) << ended(Outcome.BAD_RESPONSE, Phase.HEAD, 502)
    play.done()


def test_the_server_goes_down() -> None:
    """Where nothing goes on there: 503, or a response that is cut; nothing where it has nothing under way."""
    play = asked()
    assert play.exchange.engaged_at is play.exchange.frontend.pools["a"].servers["a1"]
    (play >> server_went_down << RESET_SERVER << answer(503) << ended(Outcome.SERVER_DOWN, Phase.HEAD, 503)).done()
    play = answering() >> server_went_down << RESET_SERVER << SILENCE << ended(Outcome.SERVER_DOWN, Phase.DATA, 200)
    play.done()
    for play in (idle(), draining(), Playbook() >> client(GET) << connect("a1")):
        assert play.exchange.engaged_at is None
    (idle() >> server_went_down).done()


# The service --------------------------------------------------------------------------------------------------------


def test_the_service_ends() -> None:
    """Whoever waits for an answer is told 503; the others see that their connection ends."""
    (Playbook() >> shut_down << SILENCE << ended(Outcome.SHUTDOWN, Phase.REQUEST)).done()
    (Playbook() >> client(GET[:9]) >> shut_down << SILENCE << ended(Outcome.SHUTDOWN, Phase.REQUEST)).done()
    (idle() >> shut_down << SILENCE).done()
    (asked() >> shut_down << RESET_SERVER << answer(503) << ended(Outcome.SHUTDOWN, Phase.HEAD, 503)).done()
    (answering() >> shut_down << RESET_SERVER << SILENCE << ended(Outcome.SHUTDOWN, Phase.DATA, 200)).done()
    (draining() >> shut_down << SILENCE << ended(Outcome.SHUTDOWN, Phase.LAST, 200) >> drained).done()


def test_the_service_is_to_end_soon() -> None:
    """What is under way is finished, and nothing follows it; who came just now gets the answer to its first request."""
    (idle() >> finish_up << SILENCE).done()
    told = OK.replace(b"2\r\n", b"2\r\nConnection: close\r\n")
    play = Playbook() >> finish_up >> client(GET + GET) << connect("a1") >> connected << SendServer(SENT)
    play = play >> server(OK) << SendClient(told) << LEAVE_SERVER << DRAIN_CLIENT
    (play >> drained << ended(Outcome.COMPLETED) << SILENCE).done()
    play = asked() >> finish_up >> server(OK) << SendClient(told) << LEAVE_SERVER << DRAIN_CLIENT
    (play >> drained << ended(Outcome.COMPLETED) << SILENCE).done()
    (draining() >> finish_up >> drained << ended(Outcome.COMPLETED) << SILENCE).done()
    play = (
        Playbook() >> client(GET[:9]) >> finish_up >> client(GET[9:]) << connect("a1") >> connected << SendServer(SENT)
    )
    (play >> server(OK) << SendClient(told) << LEAVE_SERVER << DRAIN_CLIENT).done()


@pytest.mark.parametrize("begin", [Playbook, asked, answering, draining])
def test_a_defect_ends_the_connection_alone(begin: type[Playbook]) -> None:
    """Both sides are reset, and the record says whose fault it was."""
    play = begin()
    steps = list(play.exchange.broke_off(Outcome.INTERNAL, "KeyError", play.now))
    assert RESET_CLIENT in steps
    record = steps[-1].record  # type: ignore[union-attr]
    assert (record.outcome, record.detail) == (Outcome.INTERNAL, "KeyError")
    assert play.idle()
    assert not play.exchange.broke_off(Outcome.INTERNAL, "again", play.now)


def test_nothing_follows_the_end() -> None:
    """Whatever is told then changes nothing, and is answered by nothing."""
    play = Playbook() >> client(b"\0") << answer(400) << ended(Outcome.BAD_REQUEST)
    exchange = play.exchange
    for fact in (
        lambda: exchange.client_received(GET, 1.0),
        lambda: exchange.client_finished(1.0),
        lambda: exchange.client_full(1.0),
        lambda: exchange.client_ready(1.0),
        lambda: exchange.client_drained(1.0),
        lambda: exchange.connect_failed(ConnectFailure.REFUSED, 1.0),
        lambda: exchange.server_received(OK, 1.0),
        lambda: exchange.server_finished(1.0),
        lambda: exchange.server_lost(1.0),
        lambda: exchange.server_full(1.0),
        lambda: exchange.server_ready(1.0),
        lambda: exchange.tunnel_ended(1, 1, COMPLETED, 1.0),
        lambda: exchange.deadline_passed(1e9),
        lambda: exchange.finish_up(1.0),
        lambda: exchange.shut_down(1.0),
        lambda: exchange.client_lost(1.0),
    ):
        assert not fact()
    assert exchange.deadline() is None
    assert len(play.records) == 1

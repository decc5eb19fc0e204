"""One connection on a `tls` or `tcp` frontend, from accept to log line."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from pumpproxy.model import Action, Mode, Redispatch, SendProxy
from pumpproxy.policy import pages
from pumpproxy.policy.attempts import ConnectFailure
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.passage import MAX_ALPN_KEPT, Stage
from pumpproxy.policy.records import Arrived, ClientAddress
from pumpproxy.policy.session import MAX_EARLY, STALL_SIZE, STALL_TIME
from pumpproxy.policy.steps import ABANDON, PAUSE, RESET, WAIT, Refuse, StartRelay
from pumpproxy.wire.alert import AlertDescription, alert_record
from pumpproxy.wire.proxywriter import v2
from tests.playbook import connect
from tests.policy.declared import backend, config, route, runtime, server
from tests.policy.sessionbook import (
    ACCEPTED,
    CLIENT,
    WALL,
    SessionPlay,
    connects,
    fails,
    finishes,
    hello_for,
    is_evicted,
    is_shut_down,
    last_words,
    leaves,
    passes,
    relay,
    relayed,
    sends,
    tells_all,
)
from tests.wire.hellos import extension, hello, record, records
from tests.wire.proxyheaders import BLOCK4, LINE4, LOCAL

HELLO = hello_for("x.example", "h2")
LOCAL_ADDRESS = ClientAddress("192.0.2.254", 443)
PADDING = 21  # RFC 7685
REFUSED = ConnectFailure.REFUSED
UNRECOGNIZED = Refuse(alert_record(AlertDescription.UNRECOGNIZED_NAME))
INTERNAL = Refuse(alert_record(AlertDescription.INTERNAL_ERROR))


def site(**frontend: object) -> SessionPlay:
    """A client at a `tls` frontend with these fields, before backends `b` (server s) and `other` (server o)."""
    return SessionPlay(runtime(backend("s"), backend("o", name="other"), **frontend))


def tcp(*servers: str, **fields: object) -> SessionPlay:
    """A client at a `tcp` frontend; its first step is open."""
    return SessionPlay(runtime(backend(*(servers or ("s",)), **fields), mode=Mode.TCP))


# The whole way ------------------------------------------------------------------------------------------------------


def test_a_connection_and_its_record() -> None:
    """Hello, connect, relay, log: everything that is known of it stands in the record."""
    play = site() >> passes(0.5) >> sends(HELLO) << connect("s") >> passes(0.25) >> connects << relay(HELLO)
    play >> passes(8.25) >> relayed(1000, 2000, Outcome.COMPLETED, Phase.DONE)
    tells_all(play.over(Outcome.COMPLETED, Phase.DONE), connected=0.25, total=9.0)


def test_a_hello_may_come_in_any_pieces() -> None:
    """Nothing follows before it is complete, and the server gets all of it."""
    cut = records(HELLO[5:], 7)
    play = site()
    for at in range(len(cut) - 1):
        play = play >> sends(cut[at : at + 1]) << WAIT
    assert play.session.held == len(cut) - 1
    play = play >> sends(cut[-1:]) << connect("s") >> connects << relay(cut)
    assert play.session.held == 0


def test_early_data_follows_the_hello_in_order() -> None:
    """What comes with the hello, and what comes while we connect."""
    play = site() >> sends(HELLO + b"one ") << connect("s") >> sends(b"two ") << WAIT >> sends(b"three") << WAIT
    play = play >> connects << relay(HELLO + b"one two three")
    held = (play.session._first, play.session._sniffer, play.session._early)
    assert held == (b"", None, None), "held by the relay alone from now on"


def test_early_data_in_the_smallest_pieces_costs_no_more() -> None:
    """A client that sends byte after byte while its server does not answer holds nobody up (once it took a minute)."""
    play = site() >> sends(HELLO) << connect("s")
    for _ in range(MAX_EARLY):
        play = play >> sends(b"x") << WAIT
    play = play >> sends(b"y") << PAUSE
    play >> connects << relay(HELLO + b"x" * MAX_EARLY + b"y")


def test_reading_pauses_when_much_came_while_we_connect() -> None:
    """Up to 64 KiB beyond the hello's own segment; each further piece says it again, and none is lost."""
    play = site() >> sends(HELLO) << connect("s")
    play = play >> sends(bytes(MAX_EARLY)) << WAIT >> sends(b"x") << PAUSE >> sends(b"y") << PAUSE
    play >> connects << relay(HELLO + bytes(MAX_EARLY) + b"xy")


# Routing ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "chosen"),
    [
        (hello_for("x.example"), "s"),
        (hello_for("X.Example."), "s"),
        (hello_for("x.example", "http/1.1"), "s"),
        (hello_for("x.example", "acme-tls/1"), "o"),
        (hello_for("a.wild.example"), "o"),
    ],
)
def test_a_name_and_its_protocols_are_routed(data: bytes, chosen: str) -> None:
    """By the table of the frontend."""
    routes = (
        route("x.example", "b"),
        route("x.example", "other", alpn="acme-tls/1"),
        route("*.wild.example", "other"),
    )
    site(routes=routes, unknown_sni=Action.DROP) >> sends(data) << connect(chosen)


@pytest.mark.parametrize(
    ("data", "policy"),
    [
        (hello_for("unknown.example"), "unknown_sni"),
        (hello_for(None), "no_sni"),
        (hello_for("192.0.2.1"), "no_sni"),
        (hello_for("2001:db8::1"), "no_sni"),
    ],
)
def test_who_has_no_route_follows_its_policy(data: bytes, policy: str) -> None:
    """A backend, an alert, or nothing; an IP address is no name."""
    routes = (route("x.example", "b"),)
    site(routes=routes, **{policy: "other"}) >> sends(data) << connect("o")
    rejected = site(routes=routes, **{policy: Action.REJECT}) >> sends(data) << UNRECOGNIZED
    ended = rejected.over(Outcome.REFUSED, Phase.REQUEST)
    assert (ended.backend, ended.server, ended.queued, ended.connected) == (None, None, None, None)
    assert (ended.retries, ended.redispatched) == (0, False)
    assert (ended.bytes_in, ended.bytes_out) == (len(data), 7)
    dropped = site(routes=routes, **{policy: Action.DROP}) >> sends(data) << Refuse(b"")
    dropped.over(Outcome.REFUSED, Phase.REQUEST)


def test_a_route_may_refuse() -> None:
    """`reject` and `drop` are targets like a backend."""
    routes = (route("no.example", Action.REJECT), route("hush.example", Action.DROP))
    site(routes=routes) >> sends(hello_for("no.example")) << UNRECOGNIZED
    site(routes=routes) >> sends(hello_for("hush.example")) << Refuse(b"")


def test_use_server_goes_by_the_sni() -> None:
    """Also to a server of weight 0, which nobody else gets."""
    live = runtime(backend(server("pump", 1, weight=0), server("s", 2), use_server=(("pump.example", "pump"),)))
    for name, chosen in (("pump.example", "pump"), ("x.example", "s"), ("PUMP.example", "pump")):
        play = SessionPlay(live) >> sends(hello_for(name)) << connect(chosen) >> leaves << ABANDON
        play.over(Outcome.CLIENT_LEFT, Phase.CONNECT)


def test_the_log_keeps_few_of_many_protocols() -> None:
    """A legal hello may offer ten thousand; routing looks at all of them."""
    many = [f"p{number}" for number in range(100)]
    live = runtime(backend("s"), backend("o", name="other"), routes=(route("x.example", "other", alpn="p99"),))
    play = SessionPlay(live) >> sends(hello_for("x.example", *many)) << connect("o") >> leaves << ABANDON
    ended = play.over(Outcome.CLIENT_LEFT, Phase.CONNECT)
    assert ended.hello is not None
    assert len(ended.hello.alpn) == MAX_ALPN_KEPT


# What is no hello ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "reply"),
    [(Action.EXPLAIN, pages.explain_tls()), (Action.REJECT, pages.error_page(421)), (Action.DROP, b"")],
)
def test_http_on_a_tls_port(policy: Action, reply: bytes) -> None:
    """By default a readable answer."""
    play = site(not_tls=policy) >> sends(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") << Refuse(reply)
    ended = play.over(Outcome.NOT_TLS, Phase.REQUEST)
    assert (ended.detail, ended.bytes_out, ended.hello) == ("http", len(reply), None)


@pytest.mark.parametrize("policy", [Action.EXPLAIN, Action.REJECT, Action.DROP])
@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"SSH-2.0-x\r\n", "ssh"),
        (b"\x80\x2e\x01\x03\x01\x00\x15", "sslv2"),
        (LINE4, "proxy"),
        (BLOCK4, "proxy"),
        (b"\x00\x01\x02", "noise"),
    ],
)
def test_who_speaks_neither_gets_no_word(policy: Action, data: bytes, word: str) -> None:
    """Neither HTTP nor an alert would mean anything to it."""
    play = site(not_tls=policy) >> sends(data) << Refuse(b"")
    assert play.over(Outcome.NOT_TLS, Phase.REQUEST).detail == word


def test_not_tls_may_lead_to_a_backend() -> None:
    """SSH and TLS on one port: everything that was read reaches the server."""
    play = site(not_tls="other") >> sends(b"SSH-2.0-x\r\n") << connect("o") >> sends(b"more") << WAIT
    play >> connects << relay(b"SSH-2.0-x\r\nmore")


@pytest.mark.parametrize("header", [LINE4, BLOCK4, LOCAL])
@pytest.mark.parametrize("frontend", [{}, {"accept_proxy": (ip_network("10.0.0.0/8"),)}])
def test_a_proxy_header_of_whoever_it_is_leads_nowhere(header: bytes, frontend: dict[str, object]) -> None:
    """However it is cut: a server which takes them from us would take the client for whom it says it is."""
    for cut in range(len(header)):
        play = site(not_tls="other", **frontend)
        if cut:
            play >> sends(header[:cut])
            if play.step == Refuse(b""):
                # Its signature was there.
                play << Refuse(b"")
                continue
            play << WAIT
        play >> sends(header[cut:] + HELLO) << Refuse(b"")
        assert play.over(Outcome.NOT_TLS, Phase.REQUEST).detail == "proxy"


def test_a_broken_hello_is_refused_with_its_alert() -> None:
    """No server sees it; the log says what was wrong, in our words."""
    name = b"\x00\x00\x00\x09\x00\x07\x00\x00\x04a b!"
    play = site() >> sends(record(hello(name))) << last_words(b"\x15\x03\x01\x00\x02\x02")
    ended = play.over(Outcome.BAD_HELLO, Phase.REQUEST)
    assert ended.detail == "no host name in the name's place"
    assert (ended.backend, ended.hello, ended.bytes_out) == (None, None, 7)


# Time ---------------------------------------------------------------------------------------------------------------


def test_the_deadline_runs_from_the_accept_whatever_trickles_in() -> None:
    """`inspect-delay` after it, and not a moment later."""
    play = site(inspect_delay=5.0)
    for byte in range(4):
        play = play >> passes(1.0) >> sends(HELLO[byte : byte + 1]) << WAIT
        assert play.session.deadline() == ACCEPTED + 5.0
    play = play >> passes(1.0) << Refuse(b"")
    assert play.over(Outcome.CLIENT_SILENT, Phase.REQUEST).detail == "no complete hello in time"


def test_the_deadline_ends_with_the_hello() -> None:
    """Connecting and relaying have times of their own."""
    play = site() >> sends(HELLO) << connect("s")
    assert play.session.deadline() is None
    assert play.session.deadline_passed(ACCEPTED + 5.0) == WAIT
    play >> connects << relay(HELLO)


@pytest.mark.parametrize(("policy", "step"), [(Action.DROP, Refuse(b"")), (Action.REJECT, UNRECOGNIZED)])
def test_a_silent_client_follows_its_policy(policy: Action, step: Refuse) -> None:
    """Whatever came so far, and also where nothing did."""
    play = site(silent=policy) >> passes(5.0) << step
    play.over(Outcome.CLIENT_SILENT, Phase.REQUEST)
    play = site(silent=policy) >> sends(HELLO[:-1]) << WAIT >> passes(5.0) << step
    assert play.over(Outcome.CLIENT_SILENT, Phase.REQUEST).bytes_in == len(HELLO) - 1


def test_a_silent_client_may_lead_to_a_backend() -> None:
    """For servers that speak first; what came of a hello goes along."""
    play = site(silent="other") >> passes(5.0) << connect("o") >> connects << relay(b"")
    play >> relayed(0, 9, Outcome.COMPLETED, Phase.DONE)
    assert play.over(Outcome.COMPLETED, Phase.DONE).detail == ""
    play = site(silent="other") >> sends(b"\x16\x03") << WAIT >> passes(5.0) << connect("o") >> sends(b"\x01") << WAIT
    play >> connects << relay(b"\x16\x03\x01")


def test_a_large_hello_must_go_on_growing() -> None:
    """Beyond 256 KiB a stall of a second ends it; before, `inspect-delay` alone does."""
    whole = records(hello(extension(PADDING, bytes(60_000))), 1)
    play = site(inspect_delay=60.0) >> passes(2.0) >> sends(whole[:STALL_SIZE]) << WAIT
    assert play.session.deadline() == ACCEPTED + 60.0
    play = play >> passes(3.0) >> sends(whole[STALL_SIZE : STALL_SIZE + 1]) << WAIT
    assert play.session.deadline() == ACCEPTED + 5.0 + STALL_TIME
    play = play >> passes(0.5) >> sends(whole[STALL_SIZE + 1 : STALL_SIZE + 2]) << WAIT
    assert play.session.deadline() == ACCEPTED + 5.5 + STALL_TIME
    play = play >> passes(STALL_TIME) << Refuse(b"")
    play.over(Outcome.CLIENT_SILENT, Phase.REQUEST)


# Who leaves ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fact", [finishes, leaves])
def test_a_client_that_leaves_before_its_hello(fact: object) -> None:
    """Nobody is told anything; later facts change nothing."""
    play = site() >> sends(HELLO[:9]) << WAIT >> fact << ABANDON  # type: ignore[operator]
    play = play >> sends(HELLO[9:]) << WAIT >> leaves << WAIT >> finishes << WAIT >> connects << ABANDON
    ended = play.over(Outcome.CLIENT_LEFT, Phase.REQUEST)
    assert ended.bytes_in == 9


@pytest.mark.parametrize("fact", [finishes, leaves])
def test_a_tls_client_that_leaves_while_we_connect(fact: object) -> None:
    """It has not even read a ServerHello: its FIN is a goodbye."""
    play = site() >> sends(HELLO) << connect("s") >> fact << ABANDON  # type: ignore[operator]
    play = play >> fails(REFUSED) << WAIT
    assert play.over(Outcome.CLIENT_LEFT, Phase.CONNECT).server == "s"


def test_a_connection_that_comes_too_late_is_abandoned() -> None:
    """The client left while it was made."""
    play = site() >> sends(HELLO) << connect("s") >> leaves << ABANDON >> connects << ABANDON
    assert play.over(Outcome.CLIENT_LEFT, Phase.CONNECT).connected is None


def test_a_tcp_client_may_finish_while_we_connect() -> None:
    """Its FIN may end a whole request: the server gets both."""
    play = tcp() << connect("s") >> sends(b"request") << WAIT >> finishes << WAIT
    play = play >> connects << relay(b"request", client_finished=True)
    play >> relayed(7, 0, Outcome.COMPLETED, Phase.DONE)
    play.over(Outcome.COMPLETED, Phase.DONE)


def test_a_tcp_client_that_finishes_without_a_word_has_left() -> None:
    """There is no request that its FIN could end."""
    play = tcp() << connect("s") >> finishes << ABANDON
    play.over(Outcome.CLIENT_LEFT, Phase.CONNECT)


def test_a_client_that_resets_while_we_connect_has_left_in_any_case() -> None:
    """Also after a FIN that was a request's end."""
    play = tcp() << connect("s") >> sends(b"request") << WAIT >> finishes << WAIT >> leaves << ABANDON
    play.over(Outcome.CLIENT_LEFT, Phase.CONNECT)


# PROXY headers ------------------------------------------------------------------------------------------------------


def test_a_server_that_wants_one_gets_a_header_first() -> None:
    """Of the client, then all that it has sent; it is told of once, whatever was tried before."""
    live = runtime(backend(server("s", send_proxy=SendProxy.V1), server("t", 2, send_proxy=SendProxy.V2), redispatch=1))
    play = SessionPlay(live)
    play.session.introduced(Arrived(ACCEPTED, LOCAL_ADDRESS, b"id"))
    play >> sends(HELLO) << connect("s") >> fails(REFUSED) << connect("t") >> sends(b"early") << WAIT
    header = v2(CLIENT, LOCAL_ADDRESS, [(1, b"h2"), (2, b"x.example"), (5, b"id")])
    play >> connects << StartRelay(HELLO + b"early", client_finished=False, header=header)
    play >> relayed(1000, 2000, Outcome.COMPLETED, Phase.DONE)
    ended = play.over(Outcome.COMPLETED, Phase.DONE)
    assert (ended.bytes_in, ended.unique_id, ended.retries) == (1000, b"id", 1)


def test_a_tcp_server_gets_it_though_the_client_has_said_nothing() -> None:
    """It may be the one who speaks first."""
    live = runtime(backend(server("s", send_proxy=SendProxy.V1)), mode=Mode.TCP)
    play = SessionPlay(live) << connect("s")
    play.session.local = LOCAL_ADDRESS
    line = b"PROXY TCP4 192.0.2.7 192.0.2.254 51234 443\r\n"
    play >> connects << StartRelay(b"", client_finished=False, header=line)


def test_who_was_introduced_came_when_it_was_accepted() -> None:
    """The hello has what the header left of its time, and the log counts from the accept."""
    play = site(inspect_delay=5.0)
    play.session.introduced(Arrived(ACCEPTED - 3))
    assert play.session.deadline() == ACCEPTED + 2
    play >> passes(2) << Refuse(b"")
    assert play.over(Outcome.CLIENT_SILENT, Phase.REQUEST).total == 5


# Connecting ---------------------------------------------------------------------------------------------------------


def test_a_tcp_frontend_connects_at_once() -> None:
    """It asks nothing of the client, and has no deadline."""
    play = tcp() << connect("s")
    assert play.session.deadline() is None
    play >> connects << relay(b"")


def test_a_tcp_frontend_without_a_backend_drops() -> None:
    """The reader of the file refuses that; the session does not fail on it."""
    play = SessionPlay(runtime(backend("s"), mode=Mode.TCP, default_backend=None)) << Refuse(b"")
    play.over(Outcome.REFUSED, Phase.REQUEST)


def test_retries_and_redispatch_are_told() -> None:
    """Each failure has its next attempt; the record counts them, and names the last server."""
    live = runtime(backend("s1", "s2", redispatch=2, retries=2))
    play = SessionPlay(live) >> sends(HELLO) << connect("s1") >> fails(REFUSED) << connect("s1", after=1.0)
    play = play >> passes(1.0) >> fails(REFUSED) << connect("s2") >> passes(0.5) >> connects << relay(HELLO)
    play >> relayed(1, 1, Outcome.COMPLETED, Phase.DONE)
    ended = play.over(Outcome.COMPLETED, Phase.DONE)
    assert (ended.server, ended.retries, ended.redispatched, ended.connected) == ("s2", 2, True, 1.5)


def test_data_during_retries_is_sent_once() -> None:
    """Nothing was sent to a server that did not take the connection."""
    play = SessionPlay(runtime(backend("s1", "s2", redispatch=Redispatch.YES))) >> sends(HELLO) << connect("s1")
    play = play >> sends(b"a") << WAIT >> fails(REFUSED) << connect("s2") >> sends(b"b") << WAIT
    play >> connects << relay(HELLO + b"ab")


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
def test_nobody_left(failure: ConnectFailure, outcome: Outcome) -> None:
    """The alert internal_error for a TLS client, a reset for any other; the log says why."""
    play = SessionPlay(runtime(backend("s", retries=0))) >> sends(HELLO) << connect("s") >> fails(failure) << INTERNAL
    ended = play.over(outcome, Phase.CONNECT)
    assert (ended.server, ended.detail, ended.connected, ended.queued) == ("s", failure.value, None, 0.0)
    assert ended.bytes_out == 7
    tcp(retries=0).__lshift__(connect("s")) >> fails(failure) << RESET


def test_nobody_left_for_one_who_spoke_no_tls() -> None:
    """An alert would mean nothing to it."""
    live = runtime(backend("s", retries=0), not_tls="b")
    play = SessionPlay(live) >> sends(b"SSH-2.0-x\r\n") << connect("s") >> fails(REFUSED) << RESET
    play.over(Outcome.CONNECT_FAILED, Phase.CONNECT)


def test_a_backend_without_a_usable_server() -> None:
    """The same words as where nobody answers; there was no attempt."""
    play = SessionPlay(runtime(backend(server("s", 1, disabled=True)))) >> sends(HELLO) << INTERNAL
    ended = play.over(Outcome.NO_SERVER, Phase.CONNECT)
    assert (ended.backend, ended.server, ended.retries) == ("b", None, 0)
    SessionPlay(runtime(backend(), mode=Mode.TCP)) << RESET


# What ends it otherwise ---------------------------------------------------------------------------------------------


def test_an_evicted_hello_is_an_internal_error() -> None:
    """It holds too much, of all that do."""
    play = site() >> sends(HELLO[:-1]) << WAIT
    assert play.session.held == len(HELLO) - 1
    play = play >> is_evicted << INTERNAL >> is_evicted << WAIT
    play.over(Outcome.OVERLOAD, Phase.REQUEST)


@pytest.mark.parametrize(
    ("play", "phase"),
    [
        (site() >> sends(HELLO[:-1]) << WAIT, Phase.REQUEST),
        (site() >> sends(HELLO) << connect("s"), Phase.CONNECT),
    ],
)
def test_the_end_of_the_service_ends_who_is_not_relaying(play: SessionPlay, phase: Phase) -> None:
    """Without a word; the relay has its own way."""
    play = play >> is_shut_down << ABANDON >> is_shut_down << WAIT
    play.over(Outcome.SHUTDOWN, phase)


def test_the_first_cause_stands() -> None:
    """What happens to a session that is over changes neither its outcome nor its phase."""
    play = site(unknown_sni=Action.REJECT) >> sends(HELLO) << UNRECOGNIZED >> leaves << WAIT >> is_shut_down << WAIT
    play.session.failed("ZeroDivisionError")
    play >> relayed(1, 1, Outcome.COMPLETED, Phase.DONE)
    assert play.session.stage is Stage.OVER
    play.over(Outcome.REFUSED, Phase.REQUEST)


def test_a_relay_is_not_disturbed_by_what_is_over() -> None:
    """Neither by a failure that comes too late nor by a deadline; a defect ends it as such, while data passed."""
    play = site() >> sends(HELLO) << connect("s") >> connects << relay(HELLO)
    play = play >> fails(REFUSED) << WAIT
    assert play.session.deadline_passed(ACCEPTED + 60.0) == WAIT
    play.session.failed("ZeroDivisionError")
    play.over(Outcome.INTERNAL, Phase.DATA)


@pytest.mark.parametrize("data", [b"", HELLO])
def test_a_defect_of_ours_is_internal(data: bytes) -> None:
    """With the name of the exception."""
    play = site()
    if data:
        play = play >> sends(data) << connect("s")
    play.session.failed("ZeroDivisionError")
    ended = play.over(Outcome.INTERNAL, Phase.CONNECT if data else Phase.REQUEST)
    assert ended.detail == "ZeroDivisionError"


def test_a_session_that_nobody_ended_is_internal() -> None:
    """Every session has an outcome."""
    assert site().session.close(ACCEPTED, WALL).outcome is Outcome.INTERNAL


# Reload -------------------------------------------------------------------------------------------------------------


def test_a_hello_that_comes_after_a_reload_is_routed_by_the_new_file() -> None:
    """The swap is one; a connection that was accepted before is not left with half of each."""
    live = runtime(backend("s"), backend("o", name="other"))
    play = SessionPlay(live) >> sends(HELLO[:-1]) << WAIT
    live.reload(config(backend("o", name="other"), routes=(route("x.example", "other"),)), 100)
    play >> sends(HELLO[-1:]) << connect("o")


def test_a_running_connection_keeps_its_server() -> None:
    """Also where the reload took the backend away; its record still names it."""
    live = runtime(backend("s"))
    play = SessionPlay(live) >> sends(HELLO) << connect("s") >> connects << relay(HELLO)
    live.reload(config(backend("n", name="new")), 100)
    play >> relayed(1, 2, Outcome.COMPLETED, Phase.DONE)
    ended = play.over(Outcome.COMPLETED, Phase.DONE)
    assert (ended.backend, ended.server) == ("b", "s")

"""The short way of a session: it leads to where the long way leads, or says so before it has changed anything."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.model import (
    Action,
    Admin,
    Balance,
    Check,
    DnsAddress,
    Mode,
    Redispatch,
    Server,
    TcpAddress,
    UnixAddress,
)
from pumpproxy.policy.attempts import ConnectFailure
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.passage import MAX_ALPN_KEPT, Stage
from pumpproxy.policy.pool import Pool
from pumpproxy.policy.records import Load
from pumpproxy.policy.session import MAX_EARLY
from pumpproxy.policy.steps import ABANDON, PAUSE, WAIT, Connect, Refuse, StartRelay
from pumpproxy.wire.alert import AlertDescription, alert_record
from tests.playbook import connect
from tests.policy.declared import backend, config, route, runtime, server
from tests.policy.sessionbook import (
    SessionPlay,
    connects,
    fails,
    finishes,
    hears,
    hello_for,
    is_shut_down,
    leaves,
    passes,
    relay,
    relayed,
    sends,
    tells_all,
)
from tests.policy.twins import Twins, standing, straight
from tests.wire.hellos import fuzzed, in_place, ours, theirs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pumpproxy.model import Backend, Config, Route, ServerAddress, Target
    from pumpproxy.policy.runtime import Runtime
    from pumpproxy.policy.serverstate import ServerState
    from pumpproxy.policy.steps import Step
    from tests.policy.sessionbook import Fact

    Turn = Callable[[Pool, ServerState], None]

SEED = 20261214
HELLO = hello_for("x.example", "h2")
REFUSED = ConnectFailure.REFUSED
INTERNAL = Refuse(alert_record(AlertDescription.INTERNAL_ERROR))
REMOTE = TcpAddress("192.0.2.1", 443)


def short(live: Runtime | None = None, data: bytes = HELLO) -> SessionPlay:
    """A client that has begun the short way, as if it was connected; without a runtime, to server s."""
    play = SessionPlay(live)
    found = straight(play.runtime, data)
    assert found is not None
    play.begins(found, data)
    return play


def turns_back(play: SessionPlay) -> Step:
    """Its server is not there at once."""
    return play.turns_back(HELLO)


# The whole way ------------------------------------------------------------------------------------------------------


def test_a_connection_and_its_record() -> None:
    """Connected with its first segment; everything that is known of it stands in the record."""
    play = short(data=HELLO + b"early")
    assert (play.session.stage, play.session.bytes_in) == (Stage.RELAYING, len(HELLO) + 5)
    play = play >> passes(8.25) >> relayed(1000, 2000, Outcome.SERVER_LEFT, Phase.DATA)
    tells_all(play.over(Outcome.SERVER_LEFT, Phase.DATA), connected=0.0, total=8.25)


def test_it_counts_at_its_server_until_it_is_released() -> None:
    """Also where nobody wants to be told of it."""
    live = runtime(backend("s"))
    play = short(live)
    assert (live.pools["b"].connections, live.pools["b"].servers["s"].connections) == (1, 1)
    play.session.release()
    assert (live.pools["b"].connections, live.pools["b"].servers["s"].connections) == (0, 0)


@pytest.mark.parametrize("outcome", Outcome)
def test_every_end_is_that_of_the_long_way(outcome: Outcome) -> None:
    """However the relay ended, both records are the same."""
    for phase in Phase:
        twins = Twins(config(backend("s", "t")))
        other, pair = twins.comes(HELLO), twins.comes(HELLO + b"early")
        twins.now += 2.5
        ended = pair.relayed(400, 5000, outcome, phase).over()
        assert ended is not None
        assert (ended.outcome, ended.phase, ended.load) == (outcome, phase, Load(2, 2, 1, 0))
        other.relayed(1, 2, outcome, phase).over(told=False)
        twins.drain()


# Who may take it ----------------------------------------------------------------------------------------------------

LOOPBACK = (TcpAddress("127.0.0.1", 1), TcpAddress("127.255.0.9", 2), TcpAddress("::1", 3))
ELSEWHERE = (REMOTE, TcpAddress("2001:db8::1", 443), UnixAddress("/run/s"), DnsAddress("localhost", 443))


def at(*addresses: ServerAddress, **fields: object) -> Backend:
    """A backend with servers a, b, ... at these addresses."""
    return backend(*(Server("abcdefg"[place], address) for place, address in enumerate(addresses)), **fields)


ROUTES = (
    route("x.example", "other"),
    route("no.example", Action.REJECT),
    route("hush.example", Action.DROP),
    route("y.example", Action.REJECT),
    route("y.example", "other", alpn="acme-tls/1"),
    route("*.wild.example", "other"),
    route("~r[0-9]+\\.example", "other"),
)
BACKENDS = (backend("s"), at(*LOOPBACK, name="other"))


@pytest.mark.parametrize(
    ("data", "chosen"),
    [
        (hello_for("x.example"), "a"),
        (hello_for("X.Example.", "h2", "http/1.1"), "a"),
        (hello_for("y.example", "acme-tls/1"), "a"),
        (hello_for("a.b.wild.example"), "a"),
        (hello_for("r12.example"), "a"),
        (hello_for("unknown.example"), "s"),
        (hello_for(None, "h2", "http/1.1"), "s"),
        (hello_for("192.0.2.1"), "s"),
        (hello_for("2001:db8::1", "h2"), "s"),
        (hello_for("unknown.example", *map(str, range(MAX_ALPN_KEPT))), "s"),
    ],
)
def test_the_usual_client_takes_it(data: bytes, chosen: str) -> None:
    """Of whatever name, by whatever route or policy it gets to servers on this machine; with early data too."""
    for early in (b"", b"early"):
        play = short(runtime(*BACKENDS, routes=ROUTES), data + early)
        assert play.session.server is not None
        assert play.session.server.name == chosen


@pytest.mark.parametrize(
    ("data", "frontend"),
    [
        (hello_for("no.example"), {}),
        (hello_for("hush.example"), {}),
        (hello_for("y.example", "h2"), {}),
        (hello_for("unknown.example"), {"unknown_sni": Action.REJECT}),
        (hello_for("unknown.example"), {"unknown_sni": Action.DROP}),
        (hello_for(None, "h2", "http/1.1"), {"no_sni": Action.REJECT}),
        (hello_for("192.0.2.1"), {"no_sni": Action.DROP}),
        (hello_for("x.example", *map(str, range(MAX_ALPN_KEPT + 1))), {}),
        (HELLO[:-1], {}),
        (b"GET / HTTP/1.1\r\n\r\n", {}),
    ],
)
def test_who_is_refused_or_unusual_does_not(data: bytes, frontend: dict[str, object]) -> None:
    """Nothing was counted, and nobody had a turn."""
    live = runtime(*BACKENDS, routes=ROUTES, **frontend)
    before = standing(live)
    assert straight(live, data) is None
    assert standing(live) == before


@pytest.mark.parametrize("address", ELSEWHERE, ids=str)
def test_one_server_elsewhere_sends_everybody_the_long_way(address: ServerAddress) -> None:
    """Retries may lead there; nobody had a turn."""
    live = runtime(at(*LOOPBACK, address))
    before = standing(live)
    assert straight(live, HELLO) is None
    assert standing(live) == before


@pytest.mark.parametrize("fields", [{"weight": 0}, {"drain": True}, {"disabled": True}])
def test_where_no_server_may_be_chosen_it_is_not_taken(fields: dict[str, object]) -> None:
    """Nor where there is none; `use-server` still reaches who has no weight."""
    one = server("s", 1, **fields)
    assert straight(runtime(backend(one)), HELLO) is None
    assert straight(runtime(backend()), HELLO) is None
    pinned = straight(runtime(backend(one, use_server=(("x.example", "s"),))), HELLO)
    assert (pinned is not None) == ("disabled" not in fields)


# Back to the long way -----------------------------------------------------------------------------------------------


def test_a_server_that_takes_its_time() -> None:
    """The same attempt is waited for, with the backend's time; then the relay starts as for any other."""
    play = short(runtime(backend("s", timeout_connect=2.5))) >> turns_back
    assert isinstance(play.step, Connect)
    assert play.step.attempt.timeout == 2.5
    assert (play.session.stage, play.session.connected_at) == (Stage.CONNECTING, None)
    play = play << connect("s") >> sends(b"one ") << WAIT >> sends(b"two") << WAIT >> passes(0.25)
    play = play >> connects << relay(HELLO + b"one two")
    assert play.session.attempts is None, "nothing to say of them"
    play.session.relayed(500, 600, Outcome.COMPLETED, Phase.DONE)
    ended = play.over(Outcome.COMPLETED, Phase.DONE)
    assert (ended.connected, ended.bytes_in, ended.bytes_out) == (0.25, 500, 600)


def test_retries_and_redispatch_are_told() -> None:
    """The first attempt was the short way's."""
    live = runtime(backend("s1", "s2", redispatch=2, retries=2))
    play = short(live) >> turns_back << connect("s1") >> fails(REFUSED) << connect("s1", after=1.0)
    play = play >> passes(1.0) >> fails(REFUSED) << connect("s2") >> connects << relay(HELLO)
    play.session.relayed(1, 1, Outcome.COMPLETED, Phase.DONE)
    ended = play.over(Outcome.COMPLETED, Phase.DONE)
    assert (ended.server, ended.retries, ended.redispatched, ended.connected) == ("s2", 2, True, 1.0)


def test_nobody_left() -> None:
    """The alert internal_error."""
    play = short(runtime(backend("s", retries=0))) >> turns_back << connect("s") >> fails(REFUSED) << INTERNAL
    ended = play.over(Outcome.CONNECT_FAILED, Phase.CONNECT)
    assert (ended.server, ended.detail, ended.connected, ended.bytes_out) == ("s", "refused", None, 7)


def test_use_server_is_left_by_the_last_attempt_only() -> None:
    """It is known still that the server was named, and not balanced to."""
    live = runtime(
        backend(server("a", 1, weight=0), "b", retries=2, redispatch=Redispatch.YES, use_server=(("x.example", "a"),))
    )
    play = short(live) >> turns_back << connect("a") >> fails(REFUSED) << connect("a", after=1.0)
    play >> fails(REFUSED) << connect("b") >> leaves << ABANDON
    play.over(Outcome.CLIENT_LEFT, Phase.CONNECT)


def test_reading_pauses_when_much_came_while_we_connect() -> None:
    """Up to 64 KiB beyond the first segment, as for any other."""
    play = short() >> turns_back << connect("s") >> sends(bytes(MAX_EARLY)) << WAIT
    play = play >> sends(b"x") << PAUSE >> sends(b"y") << PAUSE
    play >> connects << relay(HELLO + bytes(MAX_EARLY) + b"xy")


@pytest.mark.parametrize(
    ("fact", "outcome"),
    [(finishes, Outcome.CLIENT_LEFT), (leaves, Outcome.CLIENT_LEFT), (is_shut_down, Outcome.SHUTDOWN)],
)
def test_who_leaves_while_we_connect(fact: Fact, outcome: Outcome) -> None:
    """The client, or the service: a connection that comes too late is abandoned."""
    play = short() >> turns_back << connect("s") >> fact << ABANDON >> connects << ABANDON >> fails(REFUSED) << WAIT
    assert play.over(outcome, Phase.CONNECT).connected is None


# Reloads ------------------------------------------------------------------------------------------------------------

RELOADED = {
    "nothing": backend("s", "t"),
    "its server gone": backend(server("t", 8001)),
    "its server moved": backend(server("s", 9), server("t", 8001)),
    "its server elsewhere": backend(Server("s", REMOTE), server("t", 8001)),
    "its server disabled": backend(server("s", 8000, disabled=True), server("t", 8001)),
    "all servers gone": backend(),
    "its backend gone": backend("z", name="other"),
}


@pytest.mark.parametrize("reloaded", RELOADED.values(), ids=RELOADED)
@pytest.mark.parametrize("mode", [Mode.TLS, Mode.TCP])
def test_a_reload_while_it_relays(reloaded: Backend, mode: Mode) -> None:
    """It keeps its server, and is missed there and nowhere else when it ends."""
    twins = Twins(config(backend("s", "t")))
    pair, told, _last = (twins.comes(HELLO) for _ in range(3))
    twins.reload(config(reloaded, mode=mode))
    ended = told.relayed(1, 2, Outcome.COMPLETED, Phase.DONE).over()
    assert ended is not None
    assert (ended.backend, ended.server) == ("b", "t")
    pair.relayed(1, 2, Outcome.COMPLETED, Phase.DONE).over(told=False)
    twins.drain()


@pytest.mark.parametrize("reloaded", RELOADED.values(), ids=RELOADED)
@pytest.mark.parametrize("early", [False, True], ids=["after it turned back", "before it turned back"])
def test_a_reload_before_its_server_fails(reloaded: Backend, early: bool) -> None:  # noqa: FBT001
    """Who stands in the server's place is tried; afterwards nobody counts anywhere, as on the long way."""
    live, other = (runtime(backend("s", "t", redispatch=1)) for _ in range(2))
    play, long = short(live), SessionPlay(other) >> sends(HELLO) << connect("s")
    pool, servers = live.pools["b"], [*live.pools["b"].servers.values()]
    if not early:
        play = play >> turns_back << connect("s")
    for each in (live, other):
        each.reload(config(reloaded), 100)
    if early:
        play = play >> turns_back << connect("s")
    for _ in range(3):
        steps = [fails(REFUSED)(one) for one in (play, long)]
        told = [(one.attempt.server.declared, one.attempt.after) if isinstance(one, Connect) else one for one in steps]
        assert told[0] == told[1]
    leaves(play)
    leaves(long)
    assert play.over(Outcome.CLIENT_LEFT, Phase.CONNECT) == long.over(Outcome.CLIENT_LEFT, Phase.CONNECT)
    assert pool.connections == 0
    assert [one for one in [*servers, *pool.servers.values()] if one.connections] == []


# The corpus ---------------------------------------------------------------------------------------------------------

NAMED = (
    route("pump2.example.test", "other"),
    route("~.*[0-5].*", "mixed", alpn="h2"),
    route("*.test", Action.REJECT, alpn="http/1.1"),
    route(".com", "b"),
    route("~.*\\.(org|net)", "other"),
)
WEIGHTED = backend(server("a", 1, weight=5), server("c", 2), server("d", 3, drain=True), name="other")
PINNED = backend("s", "t", use_server=(("pump2.example.test", "t"),))
SITES = {
    "one server": config(backend("s")),
    "routes": config(PINNED, WEIGHTED, at(*LOOPBACK, name="mixed"), routes=NAMED),
    "few are welcome": config(
        PINNED, WEIGHTED, at(*LOOPBACK, REMOTE, name="mixed"), routes=NAMED, unknown_sni=Action.DROP, no_sni="other"
    ),
    "elsewhere": config(at(*LOOPBACK, UnixAddress("/run/s")), not_tls="b", silent="b"),
}


def leads_alike(declared: Config, corpus: Iterable[bytes]) -> int:
    """Lead them all both ways: as they are, before early data, and back again; how many times the short way."""
    twins = Twins(declared)
    for data in corpus:
        twins.comes(data)
        twins.comes(data + b"early data")
        turned = twins.comes(data, turns_back=True) >> sends(b"more")
        twins.now += 0.5
        turned >> fails(REFUSED) >> sends(b"still") >> connects
        if len(twins.pairs) > 30:
            twins.drain()
    twins.drain()
    return twins.taken


@pytest.mark.parametrize(("site", "least"), [("one server", 600), ("routes", 500), ("few are welcome", 100)])
def test_every_recorded_hello_is_led_alike(site: str, least: int) -> None:
    """Whatever the file says; nearly all take the short way where it is open."""
    assert leads_alike(SITES[site], [row.data for row in ours()]) > least


def test_no_recorded_hello_is_led_elsewhere() -> None:
    """The short way ends at this machine."""
    assert leads_alike(SITES["elsewhere"], [row.data for row in ours()]) == 0


@in_place
@pytest.mark.parametrize("site", SITES)
def test_other_projects_captures_are_led_alike(site: str) -> None:
    """The rest of the corpus, that of the fuzzers too."""
    taken = leads_alike(SITES[site], [row.data for row in theirs()] + fuzzed())
    assert (taken > 0) == (site != "elsewhere")
    assert taken > 3000 or site != "one server"


# Turns --------------------------------------------------------------------------------------------------------------


def test_the_round_is_the_same_whoever_takes_which_way() -> None:
    """Of a thousand clients, some unusual, some turned back, some in pieces: each gets the long way's server."""
    chance = random.Random(SEED)
    servers = backend(server("a", 1, weight=5), server("b", 2), server("c", 3, weight=2))
    twins, alone = Twins(config(servers)), Pool(servers)
    many = hello_for("x.example", *map(str, range(MAX_ALPN_KEPT + 1)))
    for _ in range(1000):
        data = chance.choice([HELLO, HELLO, many, HELLO[:20]])
        pair = twins.comes(data, turns_back=chance.random() < 0.2)
        if pair.stage is Stage.SNIFFING:
            pair >> sends(HELLO[20:])
        turn = alone.balance()
        assert turn is not None
        assert pair.server == turn.name
        if chance.random() < 0.1:
            twins.drain()
    assert 400 < twins.taken < 600
    twins.drain()


@pytest.mark.parametrize("balance", Balance)
def test_queues_and_choices_are_the_same_whoever_takes_which_way(balance: Balance) -> None:
    """With few places, and servers that go and come back: who waits, and who is served when, too."""
    chance = random.Random(SEED)
    servers = [
        server(name, 8000 + place, weight=place + 1, maxconn=3, check=Check()) for place, name in enumerate("abc")
    ]
    twins = Twins(config(backend(*servers, balance=balance, hold=True, use_server=(("y.example", "b"),))))
    waited = 0
    for _ in range(1500):
        happening = chance.choice(["comes"] * 4 + ["ends"] * 4 + ["hears"] * 2 + ["turns"])
        if happening == "comes":
            data = chance.choice([HELLO, HELLO, hello_for("y.example")])
            waited += twins.comes(data, turns_back=chance.random() < 0.2).stage is Stage.WAITING
        elif happening == "turns":
            twins.tends(chance.randrange(3), _turned(up=chance.random() < 0.8))
        elif twins.pairs:
            pair = chance.choice(twins.pairs)
            if happening == "hears":
                pair >> hears
            elif pair.stage is Stage.WAITING:
                (pair >> leaves).over()
            else:
                pair.relayed(1, 2, Outcome.COMPLETED, Phase.DONE).over()
    assert twins.taken > 100
    assert waited > 100
    twins.drain()


# Anything -----------------------------------------------------------------------------------------------------------

NAMES = ("a.example", "b.example", "wild.example", "x.wild.example", "y.x.wild.example", "unknown.test")
PATTERNS = (*NAMES[:4], "*.wild.example", ".wild.example", "*.example", "~[ab]\\.example", "~.*x.*")
RECORDED = [row.data for row in ours() if len(row.data) < 4000]
_rarely = st.sampled_from((False,) * 7 + (True,))
_targets: st.SearchStrategy[Target] = st.sampled_from(("b", "b", "other", "other", "third", Action.REJECT, Action.DROP))
_weights = st.sampled_from((1, 1, 2, 3, 256, 0))
_moves: st.SearchStrategy[Redispatch | int] = st.sampled_from((Redispatch.NO, Redispatch.YES, 1, 2))


@st.composite
def _servers(draw: st.DrawFn, name: str, addresses: st.SearchStrategy[ServerAddress], *, few: bool) -> Server:
    return Server(
        name,
        draw(addresses),
        draw(_weights),
        disabled=draw(_rarely),
        drain=draw(_rarely),
        check=draw(st.sampled_from((None, Check()))),
        maxconn=draw(st.sampled_from((1, 1, 2, None))) if few else None,
        maxqueue=draw(st.sampled_from((None, 0, 1))) if few else None,
        backup=draw(_rarely),
    )


@st.composite
def _backends(draw: st.DrawFn, name: str) -> Backend:
    near = not draw(_rarely)
    addresses = st.sampled_from(LOOPBACK if near else LOOPBACK + ELSEWHERE)
    names = draw(st.sampled_from(("s", "s", "st", "st", "stu", "stu", "stuv", "")))
    few = draw(st.booleans())
    servers = [draw(_servers(one, addresses, few=few)) for one in names]
    pinned = draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(names), max_size=3)) if names else {}
    return replace(
        backend(*servers, name=name, use_server=tuple(pinned.items())),
        retries=draw(st.integers(0, 3)),
        redispatch=draw(_moves),
        timeout_connect=draw(st.sampled_from((0.25, 5.0))),
        timeout_queue=draw(st.sampled_from((0.25, 60.0))),
        balance=draw(st.sampled_from(Balance)),
        hold=draw(st.booleans()),
        slow_start=draw(st.sampled_from((0.0, 0.0, 9.0))),
    )


@st.composite
def _routes(draw: st.DrawFn) -> Route:
    alpn = draw(st.sampled_from((None, None, "h2", "acme-tls/1")))
    return route(draw(st.sampled_from(PATTERNS)), draw(_targets), draw(st.sampled_from(("", "", "", "/p"))), alpn)


@st.composite
def _configs(draw: st.DrawFn) -> Config:
    backends = [draw(_backends(name)) for name in ("b", "other", "third")]
    policies = {name: draw(_targets) for name in ("unknown_sni", "no_sni", "not_tls", "silent")}
    mode = draw(st.sampled_from((Mode.TLS,) * 15 + (Mode.TCP,)))
    return config(*backends, mode=mode, routes=tuple(draw(st.lists(_routes(), max_size=6))), **policies)


_asked = st.sampled_from((*NAMES, *NAMES, "A.Example.", "192.0.2.1", "2001:db8::1", None))
_many = tuple(f"p{number}" for number in range(MAX_ALPN_KEPT - 1))
_offered = st.sampled_from(((), ("h2",), ("h2", "http/1.1"), ("acme-tls/1",), (*_many, "h2"), (*_many, "x", "h2")))
_made = st.builds(lambda name, offered: hello_for(name, *offered), _asked, _offered)


@st.composite
def _segments(draw: st.DrawFn) -> bytes:
    match draw(st.integers(0, 9)):
        case 0:
            return draw(_made)[: -draw(st.integers(1, 60))]
        case 1:
            return draw(st.sampled_from((b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-x\r\n", b"")))
        case 2 | 3:
            return draw(_made) + draw(st.binary(max_size=20))
        case 4:
            return draw(st.sampled_from(RECORDED))
        case _:
            return draw(_made)


_ends = st.tuples(
    st.integers(0, 10**9), st.integers(0, 10**9), st.sampled_from(list(Outcome)), st.sampled_from(list(Phase))
)


def _is_too_late(play: SessionPlay) -> Step:
    return play.session.deadline_passed(play.now)


def _breaks(play: SessionPlay) -> None:
    play.session.failed("ZeroDivisionError")


_facts = st.one_of(
    st.sampled_from([fails(failure) for failure in ConnectFailure]),
    st.sampled_from([connects, connects, hears, hears, finishes, leaves, is_shut_down, _is_too_late, _breaks]),
    st.builds(sends, st.one_of(st.binary(min_size=1, max_size=9), st.just(bytes(MAX_EARLY)), _made)),
)


def _turned(*, up: bool) -> Turn:
    return lambda pool, one: pool.turned(one, up=up)


def _administered(admin: Admin) -> Turn:
    return lambda pool, one: pool.administer(one, admin)


def _warmed(share: float) -> Turn:
    return lambda pool, one: pool.warm(one, share)


_turns: st.SearchStrategy[Turn] = st.one_of(
    st.sampled_from([_turned(up=True), _turned(up=False), lambda pool, one: pool.passed(one)]),
    st.builds(_administered, st.sampled_from(Admin)),
    st.builds(_warmed, st.sampled_from((0.0, 0.5, 1.0))),
)
_events = st.one_of(
    st.tuples(st.just("comes"), _segments(), st.booleans()),
    st.tuples(st.just("comes"), _segments(), _rarely),
    st.tuples(st.just("tells"), st.integers(0, 99), _facts),
    st.tuples(st.just("ends"), st.integers(0, 99), _ends),
    st.tuples(st.just("passes"), st.sampled_from((0.0, 0.25, 6.0))),
    st.tuples(st.just("reloads"), _configs()),
    st.tuples(st.just("tends"), st.integers(0, 99), _turns),
)


def happens(twins: Twins, event: tuple[object, ...]) -> None:
    """One of `_events`, at both."""
    match event:
        case ("comes", bytes(data), bool(turned)):
            twins.comes(data, turns_back=turned)
        case ("tells", int(one), fact) if twins.pairs:
            assert callable(fact)
            twins.pairs[one % len(twins.pairs)] >> fact
        case ("ends", int(one), tuple(end)) if twins.pairs:
            pair = twins.pairs[one % len(twins.pairs)]
            pair.relayed(*end).over(told=one % 3 > 0)
        case ("passes", float(seconds)):
            twins.now += seconds
        case ("tends", int(one), turn):
            assert callable(turn)
            twins.tends(one, turn)
        case ("reloads", declared):
            twins.reload(declared)  # type: ignore[arg-type]


@given(_configs(), st.lists(_events, max_size=40))
def test_both_ways_agree_whatever_happens(declared: Config, events: list[tuple[object, ...]]) -> None:
    """Any file, any clients, any failures, ends and reloads in between: the same steps, records and counts."""
    twins = Twins(declared)
    for event in events:
        happens(twins, event)
    twins.drain()


@given(_configs(), st.lists(_segments(), min_size=1, max_size=8), st.lists(_facts, max_size=8))
def test_who_turned_back_is_as_any_other(declared: Config, clients: list[bytes], facts: list[Fact]) -> None:
    """Whatever happens to it then: failures, retries, early data, departures, the connection."""
    twins = Twins(declared)
    for data in clients:
        pair = twins.comes(data, turns_back=True)
        for fact in facts:
            step = pair.asks(fact)
            if isinstance(step, StartRelay):
                assert step.preamble.startswith(data)
        pair.relayed(1, 2, Outcome.COMPLETED, Phase.DONE).over()
    twins.drain()


def test_generated_clients_do_take_the_short_way() -> None:
    """Else what is generated would prove nothing."""
    counted = [0, 0]

    @given(_configs(), st.lists(_segments(), min_size=1, max_size=10))
    def leads(declared: Config, clients: list[bytes]) -> None:
        twins = Twins(declared)
        for data in clients:
            twins.comes(data)
        counted[0] += twins.taken
        counted[1] += len(clients)

    leads()
    taken, all_of_them = counted
    assert taken > all_of_them / 10

"""When to try a server, which, and when to give up."""

from __future__ import annotations

from itertools import pairwise, product
from typing import TYPE_CHECKING

import pytest

from pumpproxy.model import Check, Redispatch
from pumpproxy.policy.attempts import RETRY_PAUSE, Attempts, ConnectFailure
from tests.policy.declared import backend, pool, server

if TYPE_CHECKING:
    from pumpproxy.model import Server
    from pumpproxy.policy.attempts import Attempt
    from pumpproxy.policy.pool import Pool
    from pumpproxy.policy.serverstate import ServerState

REFUSED = ConnectFailure.REFUSED
PINNED = (("x.example", "a"),)


def story(live: Pool, host: str | None = None, most: int = 20, named: ServerState | None = None) -> str:
    """Who is tried, one after another, while every attempt fails: `a` at once, `1:a` after a second."""
    attempts = Attempts(live, host, named)
    told: list[str] = []
    attempt = attempts.first()
    while attempt is not None and len(told) < most:
        told.append(f"{attempt.after:g}:{attempt.server.name}" if attempt.after else attempt.server.name)
        attempt = attempts.failed(REFUSED)
    attempts.release()
    return " ".join(told)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"retries": 0}, "a"),
        ({"retries": 1}, "a 1:a"),
        ({}, "a 1:a 1:a 1:a"),
        ({"timeout_connect": 0.25}, "a 0.25:a 0.25:a 0.25:a"),
        ({"timeout_connect": 30.0, "retries": 1}, "a 1:a"),
    ],
)
def test_without_redispatch_it_is_always_the_same_server(fields: dict[str, object], told: str) -> None:
    """`retries` more attempts after the first, a second (or `timeout-connect`) between two of them."""
    assert story(pool("a", "b", "c", **fields)) == told


@pytest.mark.parametrize(("retries", "told"), [(0, "a"), (1, "a b"), (2, "a b c"), (3, "a b c d")])
def test_redispatch_moves_every_retry_to_somebody_who_was_not_tried(retries: int, told: str) -> None:
    """At once."""
    assert story(pool("a", "b", "c", "d", retries=retries, redispatch=Redispatch.YES)) == told


@pytest.mark.parametrize("names", ["ab", "abc", "abcd"])
def test_where_all_were_tried_it_goes_to_anybody_but_the_last(names: str) -> None:
    """More retries than servers: nobody is tried twice in a row."""
    tried = story(pool(*names, retries=9, redispatch=Redispatch.YES)).split()
    assert set(tried[: len(names)]) == set(names)
    assert len(tried) == 10
    assert [pair for pair in pairwise(tried) if pair[0] == pair[1]] == []


@pytest.mark.parametrize(
    ("redispatch", "told"),
    [
        (1, "a b c d"),
        (2, "a 1:a b 1:b"),
        (3, "a 1:a 1:a b"),
        (4, "a 1:a 1:a 1:a"),
    ],
)
def test_a_number_moves_every_so_manieth_retry(redispatch: int, told: str) -> None:
    """The others go to the same server, after the pause."""
    assert story(pool("a", "b", "c", "d", redispatch=redispatch)) == told


@pytest.mark.parametrize("redispatch", [Redispatch.NO, Redispatch.YES, 1, 2])
def test_with_one_server_redispatch_changes_nothing(redispatch: Redispatch | int) -> None:
    """Nor does it with a second one that may not be chosen: no attempt is wasted on nobody."""
    assert story(pool("a", redispatch=redispatch)) == "a 1:a 1:a 1:a"
    others = (server("b", 2, weight=0), server("c", 3, drain=True), server("d", 4, disabled=True))
    assert story(pool("a", *others, redispatch=redispatch)) == "a 1:a 1:a 1:a"


@pytest.mark.parametrize(
    ("redispatch", "told"),
    [
        (Redispatch.NO, "a 1:a 1:a 1:a"),
        (Redispatch.YES, "a 1:a 1:a b"),
        (1, "a b c 1:b"),
        (2, "a 1:a b 1:b"),
    ],
)
def test_use_server_is_left_by_the_last_attempt_only(redispatch: Redispatch | int, told: str) -> None:
    """With `yes`; a number says itself when."""
    live = pool(server("a", 1, weight=0), "b", "c", redispatch=redispatch, use_server=PINNED)
    assert story(live, "x.example") == told


@pytest.mark.parametrize(
    ("redispatch", "told"),
    [(Redispatch.NO, "a 1:a 1:a 1:a"), (Redispatch.YES, "a 1:a 1:a b"), (2, "a 1:a b 1:b")],
)
def test_a_server_named_by_a_cookie_is_left_by_the_last_attempt_only(redispatch: Redispatch | int, told: str) -> None:
    """As one of `use-server`, which comes first; its weight does not matter."""
    live = pool(server("a", 1, weight=0), "b", "c", redispatch=redispatch, use_server=(("x.example", "c"),))
    named = live.servers["a"]
    assert story(live, named=named) == told
    attempts = Attempts(live, "x.example", named)
    first = attempts.first()
    assert first is not None
    assert (first.server.name, attempts.pinned) == ("c", True)
    attempts.release()


def test_a_server_of_weight_0_named_by_a_cookie_that_moved_is_still_the_one() -> None:
    """A reload gave it another address."""
    live = pool(server("a", 1, weight=0), "b")
    attempts = Attempts(live, None, live.servers["a"])
    attempts.first()
    live.declare(backend(server("a", 2, weight=0), server("b", 8001)))
    second = attempts.failed(REFUSED)
    assert second is not None
    assert second.server is live.servers["a"]


def test_the_origins_backend_retries_its_one_server_of_weight_0() -> None:
    """`use-server pump`, weight 0, redispatch: HAProxy gives the last attempt to nobody; here it is tried again."""
    live = pool(server("a", 1, weight=0), redispatch=Redispatch.YES, use_server=PINNED)
    assert story(live, "x.example") == "a 1:a 1:a 1:a"
    assert story(live, "other.example") == ""


def test_a_name_without_use_server_is_balanced() -> None:
    """Each connection takes the next server."""
    live = pool("a", "b", use_server=PINNED, retries=0)
    assert [story(live, name) for name in ("y.example", None, "y.example", "x.example", "x.example")] == [
        "a",
        "b",
        "a",
        "a",
        "a",
    ]


def test_use_server_of_a_disabled_server_is_skipped() -> None:
    """The name is balanced like any other, and is not pinned to whoever is found."""
    live = pool(server("a", 1, disabled=True), "b", "c", use_server=PINNED, redispatch=Redispatch.YES, retries=1)
    assert story(live, "x.example") == "b c"


def test_nobody_where_no_server_may_be_chosen() -> None:
    """None from the first; a failure that nobody can have had changes nothing."""
    attempts = Attempts(pool(server("a", 1, disabled=True)), None)
    assert attempts.first() is None
    assert attempts.failed(REFUSED) is None
    attempts.release()
    assert attempts.retries == 0


def test_what_the_log_says_of_it() -> None:
    """Retries, whether it was another server, the last failure."""
    attempts = Attempts(pool("a", "b", retries=2, redispatch=2), None)
    attempts.first()
    assert (attempts.retries, attempts.redispatched, attempts.failure) == (0, False, None)
    attempts.failed(ConnectFailure.TIMED_OUT)
    assert (attempts.retries, attempts.redispatched, attempts.failure) == (1, False, ConnectFailure.TIMED_OUT)
    attempts.failed(REFUSED)
    assert (attempts.retries, attempts.redispatched, attempts.failure) == (2, True, REFUSED)
    assert attempts.failed(REFUSED) is None
    assert attempts.retries == 2


def test_every_attempt_has_the_whole_timeout_connect() -> None:
    """It bounds one attempt, not all of them."""
    attempts = Attempts(pool("a", timeout_connect=2.5), None)
    attempt = attempts.first()
    for _ in range(4):
        assert attempt is not None
        assert attempt.timeout == 2.5
        attempt = attempts.failed(REFUSED)
    assert attempt is None
    assert RETRY_PAUSE == 1.0


def counts(live: Pool) -> tuple[int, ...]:
    """Connections of the pool, and of each of its servers."""
    return (live.connections, *(state.connections for state in live.servers.values()))


def test_a_connection_counts_at_one_server_at_a_time() -> None:
    """At the server that is tried or connected to, until it is released; once."""
    live = pool("a", "b", redispatch=Redispatch.YES)
    attempts = Attempts(live, None)
    assert counts(live) == (0, 0, 0)
    attempts.first()
    assert counts(live) == (1, 1, 0)
    attempts.failed(REFUSED)
    assert counts(live) == (1, 0, 1)
    attempts.release()
    attempts.release()
    assert counts(live) == (0, 0, 0)
    assert attempts.failed(REFUSED) is None
    assert counts(live) == (0, 0, 0)


@pytest.mark.parametrize("host", [None, "x.example", "other.example"])
@pytest.mark.parametrize("redispatch", [Redispatch.NO, Redispatch.YES, 1, 2])
def test_attempts_begun_elsewhere_go_on_as_if_begun_here(host: str | None, redispatch: Redispatch | int) -> None:
    """Their first is under way and counts already: the same ones follow, with the same counts, until it is over."""
    for names, weight in product(("a", "ab", "abc"), (0, 2)):
        servers = [server("a", 1, weight=weight), *(server(name, 1 + ord(name)) for name in names[1:])]
        live, other = (pool(*servers, redispatch=redispatch, use_server=PINNED) for _ in range(2))
        whole = Attempts(live, host)
        if whole.first() is None:
            continue
        chosen = other.take(host)
        assert chosen is not None
        begun = Attempts(other, host)
        assert said(begun.begin_at(chosen)) == (chosen.name, 0.0, other.backend.timeout_connect)
        told: list[tuple[object, ...] | None] = [()]
        while told[-1] is not None:
            assert known(begun) == known(whole)
            assert counts(other) == counts(live)
            told.append(said(begun.failed(REFUSED)))
            assert told[-1] == said(whole.failed(REFUSED))
        begun.release()
        begun.release()
        assert set(counts(other)) == {0}


def said(attempt: Attempt | None) -> tuple[object, ...] | None:
    """An attempt by value."""
    return None if attempt is None else (attempt.server.name, attempt.after, attempt.timeout)


def known(attempts: Attempts) -> tuple[object, ...]:
    """All that they say."""
    server = attempts.server
    plain = (attempts.counts, attempts.pinned, attempts.retries, attempts.redispatched, attempts.failure)
    return (None if server is None else server.name, *plain)


def test_a_reload_in_between_is_followed() -> None:
    """The next attempt knows the new servers and rules; the one under way counts where it was."""
    live = pool("a", "b", retries=3)
    attempts = Attempts(live, None)
    first = attempts.first()
    assert first is not None
    live.declare(backend(server("c", 9), redispatch=Redispatch.YES))
    assert first.server.connections == 1
    second = attempts.failed(REFUSED)
    assert second is not None
    assert (second.server.name, second.after) == ("c", 0.0)
    assert first.server.connections == 0
    live.declare(backend(server("c", 9), retries=1))
    assert attempts.failed(REFUSED) is None
    attempts.release()
    assert counts(live) == (0, 0)


@pytest.mark.parametrize(
    ("servers", "following", "after"),
    [
        ([server("a", 8000), server("b", 8001)], "127.0.0.1:8000", 1.0),
        ([server("a", 9999), server("b", 8001)], "127.0.0.1:9999", 0.0),
        ([server("b", 8001)], "127.0.0.1:8001", 0.0),
        ([server("a", 8000, disabled=True), server("b", 8001)], "127.0.0.1:8001", 0.0),
        ([server("a", 9999, weight=0), server("b", 8001)], "127.0.0.1:8001", 0.0),
        ([server("a", 8000, disabled=True)], "127.0.0.1:8000", 1.0),
        ([], "127.0.0.1:8000", 1.0),
    ],
)
def test_a_server_that_a_reload_took_away_is_not_tried_again(
    servers: list[Server], following: str, after: float
) -> None:
    """Who stands in its place now is, at once, also without `redispatch`; where nobody does, it still is."""
    live = pool("a", "b")
    attempts = Attempts(live, None)
    first = attempts.first()
    assert first is not None
    assert first.server.name == "a"
    live.declare(backend(*servers))
    second = attempts.failed(REFUSED)
    assert second is not None
    assert (str(second.server.declared.address), second.after) == (following, after)
    attempts.release()
    assert live.connections == first.server.connections == second.server.connections == 0


def test_a_pinned_server_of_weight_0_that_moved_is_still_the_one() -> None:
    """`use-server` reaches it at its new address."""
    live = pool(server("a", 1, weight=0), "b", use_server=PINNED)
    attempts = Attempts(live, "x.example")
    attempts.first()
    live.declare(backend(server("a", 2, weight=0), server("b", 8001), use_server=PINNED))
    second = attempts.failed(REFUSED)
    assert second is not None
    assert second.server is live.servers["a"]


def test_the_round_goes_on_behind_a_failed_server() -> None:
    """Redispatched connections do not all land on the same neighbour."""
    live = pool("a", "b", "c", "d", redispatch=Redispatch.YES, retries=1)
    landed = []
    for _ in range(12):
        attempts = Attempts(live, None)
        attempt = attempts.first()
        assert attempt is not None
        if attempt.server.name == "a":
            attempt = attempts.failed(REFUSED)
            assert attempt is not None
        landed.append(attempt.server.name)
        attempts.release()
    assert {name: landed.count(name) for name in "bcd"} == {"b": 4, "c": 4, "d": 4}


# Waiting --------------------------------------------------------------------------------------------------------------


def checked(name: str, port: int, **fields: object) -> Server:
    """A server whose health somebody knows."""
    return server(name, port, check=Check(), **fields)


def test_who_waits_is_tried_when_it_is_served() -> None:
    """The ticket is the attempts' own; releasing them gives it up."""
    live = pool(server("a", 1, maxconn=1))
    first, second, third = (Attempts(live, None) for _ in range(3))
    assert said(first.first()) == ("a", 0.0, 5.0)
    assert second.first() is None
    assert third.first() is None
    assert (second.backend_queue, third.backend_queue, third.server_queue) == (0, 1, 0)
    assert second.ticket is not None
    assert not second.counts
    second.release()
    assert second.ticket is None
    first.release()
    assert third.ticket is not None
    assert third.ticket.served
    assert said(third.served()) == ("a", 0.0, 5.0)
    assert (third.counts, third.ticket, third.redispatched) == (True, None, False)
    third.release()
    assert (counts(live), live.waiting) == ((0, 0), 0)


def test_who_is_served_and_released_before_it_is_tried_frees_its_place() -> None:
    """Once."""
    live = pool(server("a", 1, maxconn=1))
    first, second = Attempts(live, None), Attempts(live, None)
    first.first()
    second.first()
    first.release()
    second.release()
    second.release()
    assert counts(live) == (0, 0)


def test_a_full_queue_is_told_from_a_backend_without_anybody() -> None:
    """`full` says which."""
    crowd = pool(server("a", 1, maxconn=1, maxqueue=0))
    Attempts(crowd, None).first()
    refused = Attempts(crowd, None)
    assert refused.first() is None
    assert (refused.ticket, refused.full) == (None, True)
    nobody = Attempts(pool(server("a", 1, disabled=True)), None)
    assert nobody.first() is None
    assert (nobody.ticket, nobody.full) == (None, False)


def test_with_hold_who_is_refused_waits_for_news() -> None:
    """Not a second, but until a check is passed; it counts nowhere meanwhile, and `retries` is no bound."""
    live = pool(checked("a", 1), hold=True, retries=0)
    attempts = Attempts(live, None)
    attempts.first()
    for turn in range(1, 6):
        assert attempts.failed(REFUSED) is None
        assert attempts.ticket is not None
        assert (counts(live), live.waiting, attempts.retries) == ((0, 0), 1, turn)
        live.passed(live.servers["a"])
        assert said(attempts.served()) == ("a", 0.0, 5.0)
    attempts.release()
    assert (counts(live), live.waiting) == ((0, 0), 0)


def test_with_hold_the_others_are_tried_first() -> None:
    """Where `redispatch` allows it; and one that goes DOWN meanwhile is not waited for."""
    live = pool(checked("a", 1), checked("b", 2), hold=True, redispatch=Redispatch.YES)
    attempts = Attempts(live, None)
    assert said(attempts.first()) == ("a", 0.0, 5.0)
    assert said(attempts.failed(REFUSED)) == ("b", 0.0, 5.0)
    assert attempts.failed(REFUSED) is None
    assert attempts.ticket is not None
    live.turned(live.servers["b"], up=False)
    assert said(attempts.served()) == ("a", 0.0, 5.0)
    assert attempts.failed(REFUSED) is None
    live.turned(live.servers["a"], up=False)
    assert not attempts.ticket.served
    live.turned(live.servers["b"], up=True)
    assert said(attempts.served()) == ("b", 0.0, 5.0)
    assert attempts.redispatched


@pytest.mark.parametrize("reason", [ConnectFailure.RESOURCES, REFUSED])
def test_hold_is_for_servers_that_somebody_checks(reason: ConnectFailure) -> None:
    """Nobody would say when another one is back; and what is ours to mend is not waited for at a server."""
    with_check = reason is ConnectFailure.RESOURCES
    live = pool(checked("a", 1) if with_check else server("a", 1), hold=True, retries=1)
    attempts = Attempts(live, None)
    attempts.first()
    assert said(attempts.failed(reason)) == ("a", 1.0, 5.0)
    assert attempts.failed(reason) is None
    assert attempts.ticket is None


@pytest.mark.parametrize("failure", list(ConnectFailure))
def test_whoever_checks_a_server_is_told_that_it_took_no_connection(failure: ConnectFailure) -> None:
    """Each time; not where the fault is ours."""
    live = pool(checked("a", 1), retries=1)
    told: list[str] = []
    live.servers["a"].suspected = lambda: told.append("a")
    attempts = Attempts(live, None)
    attempts.first()
    attempts.failed(failure)
    attempts.failed(failure)
    assert told == ([] if failure is ConnectFailure.RESOURCES else ["a", "a"])


def test_a_server_that_stands_by_is_tried_where_the_others_refuse() -> None:
    """Before its checks know, and once; not without `redispatch`."""
    servers = (checked("a", 1), checked("b", 2, backup=True))
    assert story(pool(*servers, redispatch=Redispatch.YES)) == "a b 1:a 1:a"
    assert story(pool(*servers)) == "a 1:a 1:a 1:a"


def test_a_retry_goes_nowhere_where_there_is_no_room() -> None:
    """It keeps the place that it has."""
    live = pool(server("a", 1), server("b", 2, maxconn=1), redispatch=Redispatch.YES, retries=1)
    crowd = [Attempts(live, None) for _ in range(2)]
    assert [said(one.first()) for one in crowd] == [("a", 0.0, 5.0), ("b", 0.0, 5.0)]
    assert said(crowd[0].failed(REFUSED)) == ("a", 1.0, 5.0)


def test_a_place_that_a_retry_leaves_is_given_on() -> None:
    """To who waits for it."""
    live = pool(server("a", 1, maxconn=1), "b", redispatch=Redispatch.YES, use_server=PINNED)
    first, second = Attempts(live, None), Attempts(live, "x.example")
    first.first()
    second.first()
    assert said(first.failed(REFUSED)) == ("b", 0.0, 5.0)
    assert said(second.served()) == ("a", 0.0, 5.0)
    assert counts(live) == (2, 1, 1)


def test_too_many_who_are_held_are_refused() -> None:
    """At once, and counted nowhere in the end."""
    live = pool(checked("a", 1), hold=True)
    live.most = 1
    first, second = Attempts(live, None), Attempts(live, None)
    first.first()
    second.first()
    assert first.failed(REFUSED) is None
    assert second.failed(REFUSED) is None
    assert (first.full, second.full, second.ticket) == (False, True, None)
    second.release()
    assert (counts(live), live.waiting) == ((0, 0), 1)


def test_with_hold_who_was_at_a_server_that_is_taken_away_waits_for_the_others() -> None:
    """A reload, its administrator or DNS takes it away while a client connects to it, and the others are DOWN."""
    live = pool(checked("a", 1), checked("b", 2), hold=True, retries=1)
    live.turned(live.servers["b"], up=False)
    attempts = Attempts(live, None)
    assert said(attempts.first()) == ("a", 0.0, 5.0)
    live.declare(backend(checked("b", 2), hold=True, retries=1))
    assert attempts.failed(REFUSED) is None
    assert attempts.ticket is not None
    live.turned(live.servers["b"], up=True)
    assert said(attempts.served()) == ("b", 0.0, 5.0)
    assert (attempts.redispatched, attempts.retries, counts(live)) == (True, 1, (1, 1))
    attempts.release()
    assert counts(live) == (0, 0)


def test_with_hold_who_was_at_a_server_that_is_taken_away_goes_where_its_name_leads_now() -> None:
    """At once, to one of weight 0 too."""
    live = pool(checked("a", 1), checked("b", 2), hold=True, use_server=PINNED)
    attempts = Attempts(live, "x.example")
    assert said(attempts.first()) == ("a", 0.0, 5.0)
    live.declare(backend(checked("b", 2, weight=0), hold=True, use_server=(("x.example", "b"),)))
    assert said(attempts.failed(REFUSED)) == ("b", 0.0, 5.0)
    assert (attempts.redispatched, attempts.pinned, counts(live)) == (True, True, (1, 1))

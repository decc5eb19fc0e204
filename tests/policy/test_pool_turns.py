"""What becomes of those who wait when servers turn, a check is passed, or a reload changes the file."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from pumpproxy.model import Admin, Balance, Check, Redispatch
from pumpproxy.policy.attempts import Attempts, ConnectFailure
from pumpproxy.policy.pool import Pool
from pumpproxy.policy.queue import Ticket
from tests.policy.declared import backend, config, pool, runtime, server
from tests.policy.guests import Guest, at, checked, limited

if TYPE_CHECKING:
    from pumpproxy.model import Backend

REFUSED = ConnectFailure.REFUSED
PINNED = (("a.example", "a"),)


def frees(live: Pool, *names: str) -> None:
    """Connections end there, one after another."""
    for name in names:
        live.leave(live.servers[name])


def held(live: Pool) -> Attempts:
    """One that its server refused, and that is held."""
    attempts = Attempts(live, None)
    assert attempts.first() is not None
    assert attempts.failed(REFUSED) is None
    assert attempts.ticket is not None
    return attempts


# Bounds -------------------------------------------------------------------------------------------------------------


def test_a_reload_with_a_shorter_queue_refuses_nobody_who_waits() -> None:
    """`maxqueue` is for who comes; they are served in their order."""
    live = pool(limited("a", maxqueue=4))
    first, *waiting = (Guest(live) for _ in range(5))
    live.declare(backend(limited("a", maxqueue=1)))
    assert (first.at, at(*waiting)) == ("a", "waits waits waits waits")
    assert Guest(live).refused
    order = []
    for _ in waiting:
        frees(live, "a")
        order.append([guest.at for guest in waiting].count("a"))
        assert waiting[order[-1] - 1].server is not None
    assert order == [1, 2, 3, 4]


def test_a_server_that_goes_down_leaves_its_queue_to_the_others() -> None:
    """However many they may have in theirs: those who came first are served first, and nobody is refused."""
    live = pool(limited("a", check=Check(), maxqueue=3), limited("b", maxqueue=1), use_server=PINNED)
    Guest(live, "a.example"), Guest(live)
    waiting = [Guest(live, "a.example") for _ in range(3)]
    common = Guest(live)
    assert at(*waiting, common) == "waits waits waits waits"
    live.turned(live.servers["a"], up=False)
    assert at(*waiting, common) == "waits waits waits waits"
    frees(live, "b", "b", "b")
    assert at(*waiting, common) == "b b b waits"


@pytest.mark.parametrize("redispatch", [Redispatch.NO, Redispatch.YES])
def test_who_waits_for_one_server_does_so_still_when_asked_anew(redispatch: Redispatch) -> None:
    """With `redispatch` those beyond the bound wait for any."""
    live = pool(limited("a", maxqueue=3), limited("b"), use_server=PINNED, redispatch=redispatch)
    Guest(live, "a.example"), Guest(live)
    waiting = [Guest(live, "a.example") for _ in range(3)]
    live.declare(backend(limited("a", maxqueue=1), limited("b"), use_server=PINNED, redispatch=redispatch))
    assert len(live.servers["a"].queue) == (3 if redispatch is Redispatch.NO else 1)
    frees(live, "b", "a")
    assert at(*waiting) == ("a waits waits" if redispatch is Redispatch.NO else "a b waits")


# Order --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("news", ["passed", "turned"])
def test_who_was_refused_keeps_its_turn(news: str) -> None:
    """It waits longer than those who came to the queue since."""
    live = pool(limited("a", check=Check()), limited("b", weight=0), hold=True)
    refused = held(live)
    taken, second = Guest(live), Guest(live)
    assert at(taken, second) == "a waits"
    if news == "passed":
        live.passed(live.servers["a"])
    else:
        live.turned(live.servers["b"], up=True)
    assert refused.ticket is not None
    assert not refused.ticket.served
    frees(live, "a")
    assert refused.ticket.served
    assert second.at == "waits"


def test_turning_keeps_the_order() -> None:
    """However often; and each is woken once."""
    live = pool(limited("a", check=Check()), limited("b", check=Check()), hold=True)
    a, b = live.servers["a"], live.servers["b"]
    Guest(live), Guest(live)
    waiting = [Guest(live) for _ in range(6)]
    for server_, up in product((a, b), (False, True, False)):
        live.turned(server_, up=up)
    assert at(*waiting) == " ".join(["waits"] * 6)
    frees(live, "a", "b")
    live.turned(b, up=True)
    live.turned(a, up=True)
    assert at(*waiting) == "b a waits waits waits waits"
    assert [guest.woken for guest in waiting] == [1, 1, 0, 0, 0, 0]


# Whom hold is for ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{"weight": 0}, {"drain": True}])
@pytest.mark.parametrize("up", [True, False])
def test_nobody_is_held_for_a_server_that_would_not_take_it(fields: dict[str, object], up: bool) -> None:  # noqa: FBT001
    """Without a weight it is only for those whom `use-server` leads there."""
    live = pool(checked("a", **fields), hold=True, use_server=PINNED)
    live.turned(live.servers["a"], up=up)
    assert at(Guest(live), Guest(live, "b.example")) == "refused refused"
    meant = Guest(live, "a.example")
    assert meant.at == ("a" if up else "waits")
    live.turned(live.servers["a"], up=True)
    assert meant.at == "a"


def test_who_is_held_is_let_go_when_its_server_would_not_take_it_any_more() -> None:
    """A reload drains it while it is away."""
    live = pool(checked("a"), hold=True)
    live.turned(live.servers["a"], up=False)
    waits = Guest(live)
    live.declare(backend(checked("a", drain=True), hold=True))
    assert (waits.at, live.waiting) == ("refused", 0)


def test_a_queue_that_is_full_is_not_passed_by_holding() -> None:
    """Its server is there: who does not fit into its queue would wait for a check, and not for a place."""
    live = pool(
        limited("a", weight=0, maxqueue=1, check=Check()), hold=True, use_server=PINNED, redispatch=Redispatch.YES
    )
    assert at(*[Guest(live, "a.example") for _ in range(3)]) == "a waits refused"


def test_a_backend_that_is_gone_holds_nobody() -> None:
    """Neither who comes to it by an old frontend, nor who is refused there."""
    live = runtime(backend(checked("a"), hold=True, retries=1))
    old = live.pools["b"]
    live.reload(config(backend("z", name="other")), 100)
    attempts = Attempts(old, None)
    assert attempts.first() is not None
    again = attempts.failed(REFUSED)
    assert again is not None
    assert again.after == 1.0
    assert attempts.failed(REFUSED) is None
    assert attempts.ticket is None
    old.turned(old.servers["a"], up=False)
    attempts = Attempts(old, None)
    assert attempts.first() is None
    assert (attempts.ticket, attempts.full, old.waiting) == (None, False, 0)


def test_who_was_refused_when_its_backend_goes_is_tried_once_more() -> None:
    """As if there were no hold."""
    live = runtime(backend(checked("a"), hold=True))
    old = live.pools["b"]
    attempts = held(old)
    live.reload(config(backend("z", name="other")), 100)
    again = attempts.served()
    assert again is not None
    assert (again.server.name, again.after) == ("a", 0.0)
    attempts.release()
    assert (old.connections, old.waiting) == (0, 0)


@pytest.mark.parametrize(("full", "most"), [(True, 1), (False, 5)])
def test_too_many_is_told_only_where_fewer_would_have_helped(full: bool, most: int) -> None:  # noqa: FBT001
    """Nobody is there for others than those whom `use-server` leads."""
    live = pool(limited("a", weight=0), use_server=PINNED)
    live.most = most
    guests = [Guest(live, "a.example") for _ in range(2)]
    assert at(*guests) == "a waits"
    others = [Attempts(live, host) for host in ("a.example", "b.example")]
    assert [one.first() for one in others] == [None, None]
    assert [one.full for one in others] == [full, False]


# Moves --------------------------------------------------------------------------------------------------------------


def test_a_server_that_moved_and_stands_by_takes_nobody_whom_another_may_take() -> None:
    """Its own connections, which were tried at its old address, either."""
    live = pool(checked("a"), checked("b", backup=True))
    live.turned(live.servers["a"], up=False)
    attempts = Attempts(live, None)
    first = attempts.first()
    assert first is not None
    assert first.server.name == "b"
    live.turned(live.servers["a"], up=True)
    live.declare(backend(checked("a"), server("b", 9, backup=True)))
    moved = attempts.failed(REFUSED)
    assert moved is not None
    assert (moved.server.name, moved.after) == ("a", 0.0)


@pytest.mark.parametrize("hold", [False, True])
def test_a_place_that_an_attempt_gives_up_is_given_on_at_once(hold: bool) -> None:  # noqa: FBT001
    """Where it goes on elsewhere, or is held: whoever waits for that server has it."""
    live = pool(limited("a", check=Check()), "b", use_server=PINNED, hold=hold, redispatch=Redispatch.NO if hold else 1)
    attempts = Attempts(live, None)
    attempts.first()
    waits = Guest(live, "a.example")
    assert waits.at == "waits"
    moved = attempts.failed(REFUSED)
    assert (moved is None) is hold
    assert waits.at == "a"
    assert live.servers["a"].connections == 1


# Those who are meant for one --------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["named", "bound"])
@pytest.mark.parametrize("change", ["down", "maint", "gone", "moved"])
def test_who_is_meant_for_one_goes_elsewhere_when_it_is_not_there(by: str, change: str) -> None:
    """Whether a cookie or the connection says so; the others' clients wait for it no longer, either."""
    live = pool(limited("a"), limited("b", weight=2))
    a = live.servers["a"]
    assert Guest(live).at == "b"
    named, bound = (a, None) if by == "named" else (None, a)
    assert live.take(None, named, bound) is a
    ticket = Ticket(None, named, bound, "")
    assert live.take(None, named, bound) is None
    assert live.wait(ticket)
    assert (ticket.alone, len(a.queue)) == (True, 1)
    match change:
        case "down":
            live.turned(a, up=False)
        case "maint":
            live.administer(a, Admin.MAINT)
        case "gone":
            live.declare(backend(limited("b", weight=2)))
        case _:
            live.declare(backend(server("a", 9, maxconn=1, weight=0), limited("b")))
    assert not ticket.served
    frees(live, "b")
    assert ticket.server is live.servers["b"]
    if change != "moved":
        assert live.take(None, None, bound) is None
    assert len(a.queue) == 0


def test_who_is_bound_waits_for_its_server_before_any_other() -> None:
    """Whatever `use-server` and a cookie say."""
    live = pool(limited("a"), limited("b"), limited("c"), use_server=PINNED)
    c = live.servers["c"]
    assert live.take("a.example", live.servers["b"], c) is c
    ticket = Ticket("a.example", live.servers["b"], c, "")
    assert live.wait(ticket)
    assert list(c.queue) == [ticket]
    live.turned(c, up=False)
    assert ticket.server is live.servers["a"]


def test_nobody_is_held_for_a_server_that_the_file_has_no_more() -> None:
    """It refused, and nobody checks it any more: as whoever comes now it waits for a place at the others."""
    live = pool(checked("a"), hold=True)
    attempts = Attempts(live, None)
    attempts.first()
    live.declare(backend(limited("b", check=Check()), hold=True))
    guest = Guest(live)
    assert guest.at == "b"
    assert attempts.failed(REFUSED) is None
    assert attempts.ticket is not None
    live.passed(live.servers["b"])
    assert not attempts.ticket.served
    guest.leaves()
    assert attempts.ticket.server is live.servers["b"]


def test_those_who_waited_find_their_server_by_their_source() -> None:
    """As those do who come."""
    live = pool(*(checked(name) for name in "abcd"), balance=Balance.SOURCE, hold=True)
    clients = [f"192.0.2.{number}" for number in range(40)]
    before = [live.take(None, client=client) for client in clients]
    for one in live.servers.values():
        live.turned(one, up=False)
    tickets = [Ticket(None, None, None, client) for client in clients]
    assert all(map(live.wait, tickets))
    for one in list(live.servers.values())[1:]:
        one.judge(up=True)
    live.turned(live.servers["a"], up=True)
    assert [ticket.server for ticket in tickets] == before


def test_a_server_that_moved_has_its_places_too() -> None:
    """Who was at its old address finds it full like anybody else, and goes to another."""
    live = pool(limited("a", 1), limited("b", weight=0), use_server=PINNED)
    attempts = Attempts(live, "a.example")
    attempts.first()
    live.declare(backend(server("a", 9, maxconn=1), limited("b"), use_server=PINNED))
    assert at(Guest(live, "a.example")) == "a"
    moved = attempts.failed(REFUSED)
    assert moved is not None
    assert moved.server.name == "b"


def test_with_source_each_client_has_its_own_second_choice() -> None:
    """Where its server refuses, is moved or is taken away: the same as if that had never been there."""
    clients = [f"192.0.2.{number}" for number in range(60)]
    for client in clients:
        refused, taken_away = (
            Attempts(pool(*"abcd", balance=Balance.SOURCE, redispatch=redispatch), None, client=client)
            for redispatch in (Redispatch.YES, Redispatch.NO)
        )
        first = refused.first()
        assert first is not None
        assert taken_away.first() is not None
        others = [name for name in "abcd" if name != first.server.name]
        second = pool(*others, balance=Balance.SOURCE).take(None, client=client)
        assert second is not None
        taken_away._pool.administer(taken_away._pool.servers[first.server.name], Admin.MAINT)
        for attempts in (refused, taken_away):
            following = attempts.failed(REFUSED)
            assert following is not None
            assert following.server.name == second.name


def test_who_leaves_a_server_that_has_more_than_it_may_have_leaves_no_place() -> None:
    """A reload took some away; those who are there stay."""
    live = pool(limited("a", 3))
    for _ in range(3):
        Guest(live)
    live.declare(backend(limited("a", 1)))
    waits = Guest(live)
    frees(live, "a", "a")
    assert waits.at == "waits"
    frees(live, "a")
    assert (waits.at, live.servers["a"].connections) == ("a", 1)


@pytest.mark.parametrize("change", ["down", "maint", "gone"])
def test_who_is_bound_to_a_server_that_is_not_there_is_led_as_others_are(change: str) -> None:
    """By `use-server`, a cookie or balancing."""
    live = pool("a", "b", use_server=PINNED)
    bound = live.servers["b"]
    match change:
        case "down":
            live.turned(bound, up=False)
        case "maint":
            live.administer(bound, Admin.MAINT)
        case _:
            live.declare(backend("a", use_server=PINNED))
    assert live.take("a.example", None, bound) is live.servers["a"]
    assert live.take(None, live.servers["a"], bound) is live.servers["a"]
    assert live.take(None, None, bound) is live.servers["a"]
    assert bound.connections == 0


# The round ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "slow", "now"), [((256, 1), 0.0, (1, 1)), ((5, 5), 10.0, (1, 1)), ((1, 1, 1), 0.0, (1, 1))]
)
def test_a_reload_with_other_weights_begins_another_round(
    weights: tuple[int, ...], slow: float, now: tuple[int, ...]
) -> None:
    """Nobody gets many in a row for what was due to it by the old ones."""

    def declared(shares: tuple[int, ...], slow_start: float) -> Backend:
        servers = (server(name, 1 + place, weight=shares[place]) for place, name in enumerate("abc"[: len(shares)]))
        return backend(*servers, slow_start=slow_start)

    live = Pool(declared(weights, slow))
    for turns in range(1, 130):
        live.take(None)
        if turns % 43 == 0:
            live.declare(declared(now, 0.0))
            assert [Guest(live).at for _ in range(4)] == ["a", "b", "a", "b"]
            live.declare(declared(weights, slow))


def test_a_reload_with_the_same_weights_goes_on_with_the_round() -> None:
    """Whoever's turn it is."""
    live = pool("a", "b", "c")
    assert at(Guest(live), Guest(live)) == "a b"
    live.declare(backend("a", "b", "c", retries=1))
    assert Guest(live).at == "c"


@pytest.mark.parametrize("change", ["maint", "gone"])
def test_who_was_led_by_its_cookie_to_a_server_that_is_taken_away_is_not_led_there_again(change: str) -> None:
    """With `hold` it goes where whoever comes now goes; for ever at once to the same one is no way."""
    live = pool(checked("a"), checked("b"), hold=True)
    attempts = Attempts(live, None, live.servers["a"])
    attempts.first()
    if change == "maint":
        live.administer(live.servers["a"], Admin.MAINT)
    else:
        live.declare(backend(checked("b"), hold=True))
    again = attempts.failed(REFUSED)
    assert again is not None
    assert again.server is live.servers["b"]

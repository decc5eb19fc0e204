"""Who waits for a server, for a place at one or for one to be UP; and what brings the waiting to its end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpproxy.model import Admin, Balance, Check, Redispatch
from pumpproxy.policy.queue import Ticket
from tests.policy.declared import backend, pool, runtime, server
from tests.policy.guests import Guest, at, checked, limited

PINNED = (("a.example", "a"), ("b.example", "b"))


def test_who_finds_every_server_full_waits_and_a_place_that_is_freed_is_the_first_ones() -> None:
    """First in, first out; at once; and nobody is served twice."""
    live = pool(limited("a"), limited("b"))
    guests = [Guest(live) for _ in range(5)]
    assert at(*guests) == "a b waits waits waits"
    assert (live.waiting, live.connections) == (3, 2)
    guests[1].leaves()
    assert at(*guests[2:]) == "b waits waits"
    guests[0].leaves()
    assert at(*guests[2:]) == "b a waits"
    assert [guest.woken for guest in guests] == [0, 0, 1, 1, 0]
    for guest in guests[2:]:
        guest.leaves()
    assert (live.waiting, live.connections, sum(one.connections for one in live.servers.values())) == (0, 0, 0)


def test_a_server_with_room_is_found_beside_a_full_one() -> None:
    """Nobody waits while there is a place."""
    live = pool(limited("a"), limited("b", 3))
    assert at(*[Guest(live) for _ in range(5)]) == "a b b b waits"
    assert at(*[Guest(pool(limited("a"), "b")) for _ in range(3)]) == "a a a"


def test_who_gives_up_is_forgotten() -> None:
    """Those behind it move up."""
    live = pool(limited("a"))
    first, second, third = (Guest(live) for _ in range(3))
    second.leaves()
    first.leaves()
    assert at(third) == "a"
    assert (second.woken, live.waiting, live.connections) == (0, 0, 1)


def test_who_was_served_and_leaves_before_it_hears_of_it_frees_its_place() -> None:
    """The next one has it."""
    live = pool(limited("a"))
    first, second, third = (Guest(live) for _ in range(3))
    first.leaves()
    assert second.ticket is not None
    live.forget(second.ticket)
    assert at(third) == "a"
    assert live.connections == 1


@pytest.mark.parametrize("by", ["use-server", "cookie"])
def test_who_is_pinned_waits_for_its_server_alone(by: str) -> None:
    """Others with room are not for it; and those in the common queue do not overtake it."""
    live = pool(limited("a"), limited("b", 5), use_server=PINNED if by == "use-server" else ())
    host, named = ("a.example", None) if by == "use-server" else (None, live.servers["a"])
    first, second = Guest(live, host, named), Guest(live, host, named)
    others = [Guest(live) for _ in range(6)]
    assert at(first, second, *others) == "a waits b b b b b waits"
    assert second.ticket is not None
    assert (second.ticket.alone, second.ticket.ahead) == (True, 0)
    others[0].leaves()
    assert at(second, others[5]) == "waits b"
    late = Guest(live)
    first.leaves()
    assert at(second, late) == "a waits"


def test_the_older_of_two_queues_comes_first() -> None:
    """Whoever came first, pinned or not."""
    live = pool(limited("a"), use_server=PINNED)
    first, common, pinned, later = Guest(live), Guest(live), Guest(live, "a.example"), Guest(live)
    order = []
    for guest in (first, common, pinned, later):
        order.append(at(common, pinned, later))
        guest.leaves()
    assert order == ["waits waits waits", "a waits waits", "a a waits", "a a a"]
    assert live.waiting == 0


def test_a_queue_has_its_bound() -> None:
    """`maxqueue` for one server, with `redispatch` another is taken; for any, as many as all of them allow."""
    pinned = pool(limited("a", maxqueue=1), "b", use_server=PINNED)
    assert at(*[Guest(pinned, "a.example") for _ in range(3)]) == "a waits refused"
    moved = pool(limited("a", maxqueue=1), "b", use_server=PINNED, redispatch=Redispatch.YES)
    assert at(*[Guest(moved, "a.example") for _ in range(3)]) == "a waits b"
    common = pool(limited("a", maxqueue=1), limited("b", maxqueue=2))
    assert at(*[Guest(common) for _ in range(6)]) == "a b waits waits waits refused"
    boundless = pool(limited("a", maxqueue=1), limited("b"))
    assert at(*[Guest(boundless) for _ in range(6)]) == "a b waits waits waits waits"


def test_a_server_that_is_down_gets_nobody() -> None:
    """Neither by balancing nor by name; what it has it keeps, and the backup stands in only where nobody else can."""
    live = pool(checked("a"), checked("b"), checked("c", backup=True), checked("d", backup=True), use_server=PINNED)
    a, b, c = (live.servers[name] for name in "abc")
    here = Guest(live, "a.example")
    live.turned(a, up=False)
    assert at(*[Guest(live, "a.example") for _ in range(2)], here) == "b b a"
    live.turned(b, up=False)
    assert at(*[Guest(live) for _ in range(3)]) == "c c c"
    live.turned(c, up=False)
    assert at(Guest(live)) == "d"
    live.turned(b, up=True)
    assert at(*[Guest(live) for _ in range(2)]) == "b b"
    assert a.connections == 1


def test_without_hold_nobody_waits_for_a_server_that_is_down() -> None:
    """Those in the queues have nobody to wait for any more."""
    live = pool(limited("a", check=Check()))
    first, second = Guest(live), Guest(live)
    live.turned(live.servers["a"], up=False)
    assert at(first, second) == "a refused"
    assert Guest(live).refused
    assert live.waiting == 0


def test_with_hold_they_wait_until_one_is_up() -> None:
    """And go on the moment it is, in their order; as many as it takes."""
    live = pool(limited("a", 2, check=Check()), hold=True)
    first, second, third = (Guest(live) for _ in range(3))
    live.turned(live.servers["a"], up=False)
    fourth = Guest(live)
    assert at(first, second, third, fourth) == "a a waits waits"
    first.leaves()
    assert at(third) == "waits"
    live.turned(live.servers["a"], up=True)
    assert at(third, fourth) == "a waits"
    second.leaves()
    assert at(fourth) == "a"
    assert [third.woken, fourth.woken] == [1, 1]


def test_hold_needs_somebody_who_knows_when_it_is_back() -> None:
    """Without a check nobody does; nor of a server that its administrator has taken away."""
    assert Guest(pool(server("a", disabled=True), hold=True)).refused
    assert Guest(pool(checked("a", disabled=True), hold=True)).refused
    live = pool(checked("a", disabled=True), checked("b"), hold=True)
    live.turned(live.servers["b"], up=False)
    waits = Guest(live)
    assert at(waits) == "waits"
    live.administer(live.servers["b"], Admin.MAINT)
    assert waits.refused


def test_who_waits_for_a_server_that_goes_down_goes_elsewhere() -> None:
    """A pinned one too."""
    live = pool(limited("a", check=Check()), limited("b", 2), use_server=PINNED)
    Guest(live, "a.example")
    waiting = [Guest(live, "a.example") for _ in range(3)]
    live.turned(live.servers["a"], up=False)
    assert at(*waiting) == "b b waits"
    assert live.servers["b"].connections == 2


def test_an_administrator_drains_a_server_and_takes_it_away() -> None:
    """DRAIN is as weight 0, MAINT as if it was not there; its health is another matter."""
    live = pool(checked("a"), checked("b", drain=True), use_server=(("b.example", "b"),))
    a, b = live.servers["a"], live.servers["b"]
    assert (a.admin, b.admin) == (Admin.READY, Admin.DRAIN)
    assert at(Guest(live), Guest(live), Guest(live, "b.example")) == "a a b"
    live.administer(b, Admin.READY)
    live.administer(a, Admin.MAINT)
    assert at(Guest(live), Guest(live)) == "b b"
    live.turned(a, up=False)
    live.administer(a, Admin.READY)
    assert at(Guest(live), Guest(live)) == "b b"
    live.turned(a, up=True)
    assert {Guest(live).at for _ in range(2)} == {"a", "b"}


def test_a_reload_keeps_what_the_administrator_set_unless_the_file_says_something_new() -> None:
    """Health stays in any case."""
    live = pool("a", "b")
    a = live.servers["a"]
    live.administer(a, Admin.MAINT)
    live.turned(a, up=False)
    live.declare(backend("a", "b", retries=1))
    assert (a.admin, a.up) == (Admin.MAINT, False)
    live.declare(backend(server("a", 8000, drain=True), "b"))
    assert live.servers["a"] is a
    assert (a.admin, a.up) == (Admin.DRAIN, False)


def test_a_reload_serves_those_whom_the_new_file_has_room_for() -> None:
    """More places, another server, or none at all."""
    live = pool(limited("a"))
    first, second, third = (Guest(live) for _ in range(3))
    live.declare(backend(limited("a", 2)))
    assert at(first, second, third) == "a a waits"
    live.declare(backend(limited("a", 2), limited("b")))
    assert at(third) == "b"
    fourth = Guest(live)
    live.declare(backend(limited("a", disabled=True)))
    assert fourth.refused


def test_a_backend_that_a_reload_takes_away_holds_nobody() -> None:
    """Nobody checks its servers any more."""
    live = pool(checked("a"), hold=True)
    live.turned(live.servers["a"], up=False)
    waits = Guest(live)
    live.dissolve()
    assert (waits.at, waits.woken, live.waiting) == ("refused", 1, 0)


def test_a_server_starts_slowly() -> None:
    """With a part of its weight, never with none; the others take the rest."""
    live = pool(checked("a"), checked("b", weight=3), slow_start=10.0)
    a = live.servers["a"]
    live.warm(a, 0.05)
    assert [Guest(live).at for _ in range(61)].count("a") == 1
    live.warm(a, 0.5)
    assert [Guest(live).at for _ in range(70)].count("a") == 10
    live.warm(a, 1.0)
    assert [Guest(live).at for _ in range(80)].count("a") == 20
    live.warm(a, 0.0)
    assert a.weight == 1
    live.turned(a, up=False)
    assert a.weight == 0


def test_sources_keep_their_server_while_it_is_there() -> None:
    """And find it again when it is back."""
    live = pool(*(checked(name) for name in "abcd"), balance=Balance.SOURCE)
    clients = [f"192.0.2.{number}" for number in range(200)]

    def served() -> dict[str, str]:
        taken = {client: live.take(None, client=client) for client in clients}
        return {client: state.name for client, state in taken.items() if state is not None}

    before = served()
    assert set(before.values()) == set("abcd")
    live.turned(live.servers["b"], up=False)
    without = served()
    assert {client for client in clients if without[client] != before[client]} == {
        client for client in clients if before[client] == "b"
    }
    live.turned(live.servers["b"], up=True)
    assert served() == before


def test_one_backend_s_waiting_leaves_room_for_the_others() -> None:
    """However they wait: half of what the process carries, and no more."""
    live = runtime(backend(limited("a", check=Check()), hold=True)).pools["b"]
    assert live.most == 50
    guests = [Guest(live) for _ in range(52)]
    assert [guest.at for guest in guests] == ["a", *["waits"] * 50, "refused"]
    assert live.crowded(Ticket(None, None, None, ""))
    live.turned(live.servers["a"], up=False)
    assert live.waiting == 50
    assert Guest(live).refused
    assert not live.hold(Ticket(None, None, None, ""))
    guests[5].leaves()
    assert live.hold(Ticket(None, None, None, ""))


@given(st.data())
def test_nobody_waits_while_there_is_a_place_and_nobody_has_too_much(data: st.DataObject) -> None:
    """Whatever comes, goes and changes, in any order; in the end nothing is left."""
    live = pool(limited("a", 2, check=Check()), limited("b", check=Check()), use_server=PINNED, hold=True)
    guests: list[Guest] = []
    for _ in range(data.draw(st.integers(1, 40))):
        match data.draw(st.sampled_from(["come", "come", "come", "leave", "turn", "admin"])):
            case "come":
                guests.append(Guest(live, data.draw(st.sampled_from([None, "a.example", "b.example"]))))
            case "leave" if guests:
                guests.pop(data.draw(st.integers(0, len(guests) - 1))).leaves()
            case "turn":
                live.turned(live.servers[data.draw(st.sampled_from("ab"))], up=data.draw(st.booleans()))
            case "admin":
                live.administer(live.servers[data.draw(st.sampled_from("ab"))], data.draw(st.sampled_from(Admin)))
            case _:
                pass
        free = [state for state in live.servers.values() if state.weight and not state.full]
        waiting = [guest for guest in guests if guest.at == "waits"]
        assert len(waiting) == live.waiting
        for guest in waiting:
            assert guest.ticket is not None
            assert guest.ticket.alone or not free
        for state in live.servers.values():
            assert state.connections == sum(guest.server is state for guest in guests)
            assert not state.queue or not state.usable or state.full
        assert live.connections == sum(guest.server is not None for guest in guests)
    for guest in guests:
        guest.leaves()
    assert (live.waiting, live.connections) == (0, 0)

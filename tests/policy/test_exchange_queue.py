"""A request that waits for a server: in a queue, or until one is UP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pumpproxy.model import Backend, Check, Mode, Server, TcpAddress
from pumpproxy.policy.attempts import ConnectFailure
from pumpproxy.policy.httpsteps import LEAVE_SERVER, PAUSE_CLIENT, RESUME_CLIENT, AwaitServer, SendClient, SendServer
from pumpproxy.policy.outcome import Outcome, Phase
from tests.playbook import (
    GET,
    OK,
    SENT,
    SILENCE,
    Like,
    Playbook,
    answer,
    client,
    connect,
    connected,
    ended,
    failed,
    server,
    site,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pumpproxy.policy.httpsteps import HttpStep
    from pumpproxy.policy.pool import Pool

WAITS = Like("a place in a queue", lambda step: isinstance(step, AwaitServer))
REFUSED = ConnectFailure.REFUSED


def play_at(one: Server, **fields: object) -> Playbook:
    """A client whose requests all go to this server."""
    return Playbook(site(backend=Backend("a", Mode.HTTP, servers=(one,), **fields)))  # type: ignore[arg-type]


def limited(**fields: object) -> Playbook:
    """A client whose only server takes one connection, and has it already."""
    play = play_at(Server("a1", TcpAddress("127.0.0.1", 8001), maxconn=1, maxqueue=1), **fields)
    assert pool(play).take(None) is not None
    return play


def held(**fields: object) -> Playbook:
    """A client whose only server is DOWN, and waited for."""
    play = play_at(Server("a1", TcpAddress("127.0.0.1", 8001), check=Check()), hold=True, **fields)
    pool(play).turned(pool(play).servers["a1"], up=False)
    return play


def pool(play: Playbook) -> Pool:
    """The one of its requests."""
    return play.runtime.pools["a"]


def makes_room(play: Playbook) -> Sequence[HttpStep]:
    """Another connection ends; the ticket is served, which is a fact of its own."""
    pool(play).leave(pool(play).servers["a1"])
    return ()


def served(play: Playbook) -> Sequence[HttpStep]:
    """The ticket is."""
    return play.exchange.served(play.now)


def test_a_request_waits_for_a_place() -> None:
    """And goes on with it; the log has its time in the queue."""
    play = limited() >> client(GET) << WAITS
    assert play.exchange.deadline() == 60.0
    (play >> wait(7.0)).done()
    play = play >> makes_room >> served << connect("a1") >> wait(0.5) >> connected << SendServer(SENT)
    play = play >> server(OK) << SendClient(OK)
    assert [type(step).__name__ for step in play.steps] == ["LeaveServer", "DrainClient"]
    play.steps.clear()
    record = play.exchange.client_drained(play.now)[0].record  # type: ignore[union-attr]
    assert (record.outcome, record.queued, record.connected, record.backend_queue) == (
        Outcome.COMPLETED, 7.0, 0.5, 0,
    )  # fmt: skip
    assert play.idle()


def test_waiting_ends_with_503() -> None:
    """After `timeout-queue`; a place that comes later is for others."""
    play = limited(timeout_queue=3.0) >> client(GET) << WAITS >> wait(2.9)
    play = play >> wait(0.1) << answer(503) << ended(Outcome.QUEUE_TIMEOUT, Phase.QUEUE, 503)
    assert (play.record.queued, play.record.connected, play.record.server) == (3.0, None, None)
    (play >> makes_room >> served).done()
    assert play.idle()


def test_a_full_queue_is_503_at_once() -> None:
    """The one who waits already goes on waiting."""
    play = limited() >> client(GET) << WAITS
    other = Playbook(play.runtime.config)
    other.runtime = play.runtime
    other.frontend = play.frontend
    other.exchange._runtime = play.runtime
    other.exchange.frontend = play.frontend
    play.runtime.accepted(play.frontend)
    (other >> client(GET) << answer(503) << ended(Outcome.QUEUE_FULL, Phase.QUEUE, 503)).done()
    (play >> makes_room >> served << connect("a1")).done()


@pytest.mark.parametrize("how", ["client_finished", "client_lost"])
def test_who_gives_up_is_forgotten(how: str) -> None:
    """Its place in the queue too, and nothing is sent for it."""
    play = limited() >> client(GET) << WAITS
    steps = getattr(play.exchange, how)(play.now)
    assert pool(play).waiting == 0
    assert ended(Outcome.CLIENT_LEFT, Phase.QUEUE).fits(steps[-1])


@pytest.mark.parametrize("heard", [True, False])
def test_a_request_that_was_served_does_not_count_in_its_own_record(heard: bool) -> None:  # noqa: FBT001
    """Nor does it keep its place, whether it has heard of it or not."""
    play = limited() >> client(GET) << WAITS >> makes_room
    if heard:
        play = play >> served << connect("a1")
    steps = play.exchange.client_lost(play.now)
    record = steps[-1].record  # type: ignore[union-attr]
    assert (record.load.backend, record.load.server) == (0, 0)
    assert (pool(play).connections, pool(play).waiting) == (0, 0)


def test_a_body_that_comes_meanwhile_is_kept() -> None:
    """Up to what is taken from a client ahead; then it is not read on."""
    play = limited() >> client(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 200000\r\n\r\n") << WAITS
    body = b"x" * 70000
    play = play >> client(body) << PAUSE_CLIENT >> makes_room >> served << connect("a1") >> connected
    sent = b"".join(step.data for step in play.steps if isinstance(step, SendServer))
    assert sent.endswith(b"\r\n\r\n" + body)
    assert RESUME_CLIENT in play.steps


def test_a_held_request_goes_on_when_its_server_is_up() -> None:
    """And where it is refused then, it waits again."""
    play = held() >> client(GET) << WAITS >> wait(5.0)
    pool(play).turned(pool(play).servers["a1"], up=True)
    play = play >> served << connect("a1") >> failed(REFUSED) << WAITS >> wait(0.25)
    pool(play).passed(pool(play).servers["a1"])
    play = play >> served << connect("a1") >> connected << SendServer(SENT) >> server(OK) << SendClient(OK)
    assert LEAVE_SERVER in play.steps


def test_the_time_to_connect_is_that_after_the_last_waiting() -> None:
    """All before it is waiting for a server."""
    play = held() >> client(GET) << WAITS >> wait(2.0)
    pool(play).turned(pool(play).servers["a1"], up=True)
    play = play >> served << connect("a1") >> wait(3.0) >> failed(REFUSED) << WAITS >> wait(1.0)
    assert play.exchange.deadline() == 60.0
    pool(play).passed(pool(play).servers["a1"])
    play = play >> served << connect("a1") >> wait(0.5) >> connected << SendServer(SENT) >> server(OK) << SendClient(OK)
    play.steps.clear()
    record = play.exchange.client_drained(play.now)[0].record  # type: ignore[union-attr]
    assert (record.queued, record.connected, record.retries) == (6.0, 0.5, 1)


def test_who_is_refused_where_too_many_wait_already_is_told_so() -> None:
    """Not that its server failed: it would have been waited for."""
    play = play_at(Server("a1", TcpAddress("127.0.0.1", 8001), check=Check()), hold=True)
    pool(play).most = 0
    play = play >> client(GET) << connect("a1") >> failed(REFUSED)
    play << answer(503) << ended(Outcome.QUEUE_FULL, Phase.QUEUE, 503)
    assert play.idle()


def test_a_held_request_without_a_server_in_the_end() -> None:
    """503, however it comes."""
    play = held(timeout_queue=4.0) >> client(GET) << WAITS >> wait(4.0)
    (play << answer(503) << ended(Outcome.QUEUE_TIMEOUT, Phase.QUEUE, 503)).done()
    play = held() >> client(GET) << WAITS
    pool(play).dissolve()
    (play >> served << answer(503) << ended(Outcome.NO_SERVER, Phase.CONNECT, 503)).done()


def test_a_request_that_does_not_wait_hears_nothing_of_it() -> None:
    """A late word changes nothing."""
    play = play_at(Server("a1", TcpAddress("127.0.0.1", 8001)))
    (play >> served).done()
    (play >> client(GET) << connect("a1") >> served).done()
    (play >> wait(20)).done()
    fresh = play_at(Server("a1", TcpAddress("127.0.0.1", 8001))) >> wait(10) << SILENCE
    assert ended(Outcome.CLIENT_SILENT).fits(fresh.steps[0])

"""A connection on a `tls` or `tcp` frontend that limits what one source may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pumpproxy.model import Mode
from pumpproxy.policy.outcome import Outcome, Phase
from pumpproxy.policy.records import ClientAddress
from pumpproxy.policy.session import Session
from pumpproxy.policy.steps import RESET, WAIT, Connect
from tests.policy.declared import backend, config, runtime
from tests.policy.sessionbook import ACCEPTED, WALL, hello_for

if TYPE_CHECKING:
    from pumpproxy.policy.runtime import Runtime
    from pumpproxy.policy.steps import Step

HELLO = hello_for("x.example")


def opened(live: Runtime, host: str = "192.0.2.7", now: float = ACCEPTED) -> tuple[Session, Step]:
    """A client that was accepted, and what follows."""
    session = Session(live, live.frontends["f"], ClientAddress(host, 51234), now)
    return session, session.opened(now)


@pytest.mark.parametrize("mode", [Mode.TLS, Mode.TCP])
def test_one_too_many_is_reset_before_anything_else(mode: Mode) -> None:
    """No server is chosen, no hello waited for; another source is served, and so is this one once another has ended."""
    live = runtime(backend("s"), mode=mode, max_per_source=1)
    first, step = opened(live)
    assert step == WAIT if mode is Mode.TLS else isinstance(step, Connect)
    second, step = opened(live)
    assert step == RESET
    assert live.pools["b"].connections == (mode is Mode.TCP)
    assert (second.outcome, second.phase) == (Outcome.TOO_MANY, Phase.REQUEST)
    assert second.deadline() is None
    assert opened(live, "192.0.2.8")[1] != RESET
    first.lost()
    first.release()
    assert opened(live)[1] != RESET


def test_the_record_of_a_refused_one_says_why() -> None:
    """Nothing was read of it, and it counts nowhere; what it does afterwards changes nothing."""
    live = runtime(backend("s"), rate_per_source=1)
    opened(live)
    refused, step = opened(live)
    assert step == RESET
    assert refused.received(HELLO, ACCEPTED) == WAIT
    assert refused.finished() == refused.lost() == refused.shut_down() == WAIT
    record = refused.close(ACCEPTED, WALL)
    assert (record.outcome, record.phase) == (Outcome.TOO_MANY, Phase.REQUEST)
    assert record.detail == "its source makes too many connections a minute"
    assert (record.backend, record.server, record.hello, record.bytes_in, record.bytes_out) == (None, None, None, 0, 0)


def test_a_refused_one_gives_no_place_back() -> None:
    """It never had one."""
    live = runtime(backend("s"), max_per_source=1)
    first, _ = opened(live)
    for _ in range(3):
        refused, step = opened(live)
        assert step == RESET
        refused.release()
    assert opened(live)[1] == RESET
    first.release()
    assert opened(live)[1] == WAIT


def test_without_limits_nobody_is_counted() -> None:
    """As many as come."""
    live = runtime(backend("s"))
    assert live.frontends["f"].sources is None
    assert [opened(live)[1] for _ in range(50)] == [WAIT] * 50


def test_counts_carry_over_a_reload() -> None:
    """By frontend; a limit that is changed holds for who comes then, one that is taken away for nobody."""
    live = runtime(backend("s"), max_per_source=2)
    old = [opened(live)[0] for _ in range(2)]
    live.reload(config(backend("s"), max_per_source=3, rate_per_source=1), 100)
    assert opened(live)[1] == WAIT
    assert opened(live)[1] == RESET
    live.reload(config(backend("s"), max_per_source=1), 100)
    assert opened(live)[1] == RESET
    live.reload(config(backend("s")), 100)
    assert live.frontends["f"].sources is None
    assert opened(live)[1] == WAIT
    for session in old:
        session.release()
    live.reload(config(backend("s"), max_per_source=1), 100)
    assert [opened(live)[1] for _ in range(2)] == [WAIT, RESET]


def test_frontends_count_by_themselves() -> None:
    """Also one that became another by its mode: who came to the old one counts there."""
    live = runtime(backend("s"), max_per_source=1)
    first, _ = opened(live)
    live.reload(config(backend("s"), mode=Mode.TCP, max_per_source=1), 100)
    assert isinstance(opened(live)[1], Connect)
    assert opened(live)[1] == RESET
    first.release()
    assert opened(live)[1] == RESET
